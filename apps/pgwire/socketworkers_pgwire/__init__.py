"""A PostgreSQL-compatible database in a connect handler."""
