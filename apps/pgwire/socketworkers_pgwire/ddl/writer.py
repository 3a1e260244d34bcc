"""Writes rows of the catalogue. Blocking; all in the transaction of the statement."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apsw

from ..catalog.reading import MAIN, TEMPORARY, Tables
from ..catalog.session import SessionCatalog
from ..catalog.temporary import TemporarySchema
from ..types.sqlite import quote_identifier
from .ids import FIRST_NORMAL, Address

__all__ = ["Writer"]


class Writer:
    """Writes the catalogue of one database, and the one of a session's temporary objects.

    Args:
        connection: that writes.
        catalog: of the session; told of each change.
    """

    __slots__ = ("_catalog", "_written", "connection")

    def __init__(self, connection: apsw.Connection, catalog: SessionCatalog) -> None:
        self.connection = connection
        self._catalog = catalog
        #: whether rows of the database have changed, and not only the session's
        self._written = False

    def tables(self, oid: int) -> Tables:
        """Where an object is."""
        return TEMPORARY if TemporarySchema.holds(oid) else MAIN

    def new_oid(self, temporary: bool = False) -> int:
        """An OID that no object of the database has had."""
        if temporary:
            return TemporarySchema.new_oid()
        self.connection.execute("""UPDATE main."socketworkers.counters" SET value = value + 1 WHERE name = 'oid'""")
        oid: int = self.connection.execute(
            """SELECT value - 1 FROM main."socketworkers.counters" WHERE name = 'oid'"""
        ).get
        return oid

    def insert(self, table: str, tables: Tables, **values: Any) -> None:
        """Add a row.

        Args:
            table: its name in pg_catalog.
            tables: where.
            values: by column; the others are NULL.
        """
        self._note(tables)
        names = ", ".join(quote_identifier(name) for name in values)
        marks = ", ".join("?" * len(values))
        self.connection.execute(f"INSERT INTO {tables[table]} ({names}) VALUES ({marks})", tuple(values.values()))

    def update(self, table: str, tables: Tables, key: dict[str, Any], **values: Any) -> None:
        """Change the rows with a key."""
        self._note(tables)
        assignments = ", ".join(f"{quote_identifier(name)} = ?" for name in values)
        condition = " AND ".join(f"{quote_identifier(name)} = ?" for name in key)
        self.connection.execute(
            f"UPDATE {tables[table]} SET {assignments} WHERE {condition}", (*values.values(), *key.values())
        )

    def delete(self, table: str, tables: Tables, **key: Any) -> None:
        """Remove the rows with a key."""
        self._note(tables)
        condition = " AND ".join(f"{quote_identifier(name)} = ?" for name in key)
        self.connection.execute(f"DELETE FROM {tables[table]} WHERE {condition}", tuple(key.values()))

    def select(self, table: str, tables: Tables, columns: str, **key: Any) -> list[Any]:
        """Rows with a key."""
        condition = " AND ".join(f"{quote_identifier(name)} = ?" for name in key) or "1"
        return self.connection.execute(
            f"SELECT {columns} FROM {tables[table]} WHERE {condition}", tuple(key.values())
        ).fetchall()

    def everywhere(self, table: str, columns: str, **key: Any) -> list[Any]:
        """Rows with a key, of the database and of the session."""
        found = self.select(table, MAIN, columns, **key)
        if self._catalog.temporary is not None:
            found += self.select(table, TEMPORARY, columns, **key)
        return found

    def depend(self, dependent: Address, on: Address, kind: str) -> None:
        """Record that an object depends on another one; not on PostgreSQL's own, which cannot be dropped.

        Args:
            dependent: the object.
            on: the other one.
            kind: deptype: ``n`` normal, ``a`` automatic, ``i`` internal.
        """
        if on.oid < FIRST_NORMAL:
            return
        self.insert(
            "pg_depend",
            self.tables(dependent.oid),
            classid=dependent.class_id,
            objid=dependent.oid,
            objsubid=dependent.part,
            refclassid=on.class_id,
            refobjid=on.oid,
            refobjsubid=on.part,
            deptype=kind,
        )

    def depend_on_all(self, dependent: Address, on: Iterable[Address], kind: str) -> None:
        """Record several dependencies, each once."""
        for each in sorted(set(on)):
            self.depend(dependent, each, kind)

    def changed(self) -> None:
        """The catalogue is another one now: what was kept of it is forgotten."""
        if self._written:
            self._written = False
            self.connection.execute(
                """UPDATE main."socketworkers.counters" SET value = value + 1 WHERE name = 'version'"""
            )
        self._catalog.changed()

    def _note(self, tables: Tables) -> None:
        if not tables.temporary:
            self._written = True
