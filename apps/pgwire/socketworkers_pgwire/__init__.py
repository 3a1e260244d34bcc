"""The beginnings of a PostgreSQL-compatible database: the protocol and the types. There is no app yet."""
