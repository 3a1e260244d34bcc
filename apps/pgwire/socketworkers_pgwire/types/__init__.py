"""The types of PostgreSQL."""
