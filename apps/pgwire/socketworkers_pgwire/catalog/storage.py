"""The names that users' tables have in SQLite. Blocking.

A table ``t`` of the schema ``public`` is ``"public.t"``, for people who open the file with another tool. SQLite's names
are the same in upper and lower case, PostgreSQL's are not: the second of two such tables gets its OID behind its name,
which is written down beside the catalogue. An index is named by its OID, for schemas and tables may be renamed.
"""

from __future__ import annotations

import apsw

from ..types.sqlite import quote_identifier

__all__ = ["choose_name", "plain_name", "storage_name"]


def plain_name(schema: str, name: str) -> str:
    """The name in SQLite that a table of a schema should have; a dot stands between the two, and in the second only."""
    return f"{schema.replace('%', '%25').replace('.', '%2e')}.{name}"


def storage_name(connection: apsw.Connection, oid: int, schema: str, name: str, temporary: bool) -> str:
    """What stands in FROM for a table: its quoted name in SQLite."""
    if temporary:
        return f"temp.{quote_identifier(f'{oid}.{name}')}"
    other = connection.execute('SELECT name FROM main."socketworkers.names" WHERE oid = ?', (oid,)).fetchone()
    return quote_identifier(other[0] if other else plain_name(schema, name))


def choose_name(connection: apsw.Connection, oid: int, schema: str, name: str) -> str:
    """The name in SQLite of a table that is made or renamed; it is written down when it is not the plain one.

    Returns:
        the name, not quoted.
    """
    plain = plain_name(schema, name)
    taken = connection.execute(
        "SELECT 1 FROM main.sqlite_schema WHERE name = ? COLLATE NOCASE AND type IN ('table', 'view')", (plain,)
    ).fetchone()
    connection.execute('DELETE FROM main."socketworkers.names" WHERE oid = ?', (oid,))
    if not taken:
        return plain
    connection.execute('INSERT INTO main."socketworkers.names" VALUES (?, ?)', (oid, f"{plain}~{oid}"))
    return f"{plain}~{oid}"
