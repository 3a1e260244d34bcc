"""PostgreSQL's protocol, and a database behind it."""
