"""The same statements to PostgreSQL 15 and to ours, and what differs: ``python -m tests.pgwire.differential``.

A corpus is a file of statements under ``corpus``. It runs on each server, in a database of its own, through a client
made of the codec alone: a driver would hide types, tags and notices.
"""
