"""The database behind a session: connections to one SQLite file, transactions, plans that run."""
