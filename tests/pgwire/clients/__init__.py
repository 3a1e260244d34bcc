"""Tours of real clients: what they are for, with a look at each answer. They run on any server that libpq's environment
variables name, and end with status 0 if all was as it should be.
"""
