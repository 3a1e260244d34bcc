"""The temporary schema of a session: tables of the catalogue in SQLite's ``temp``, and what happens at a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..catalog.layout import LOCAL, SPLIT, create_table
from .ids import CLASS, Address

if TYPE_CHECKING:
    from .surroundings import Surroundings

__all__ = ["at_commit", "create_schema", "discard"]


def create_schema(around: Surroundings) -> None:
    """Make the tables of the temporary schema that `SessionCatalog.temporary` is, on the session's own connection."""
    connection, catalog = around.connection, around.catalog
    schema = catalog.temporary
    assert schema is not None
    builtin = catalog.builtin
    for name in (*LOCAL, *SPLIT):
        relation = builtin.relation_by_oid(builtin.relation_oid(11, name))
        assert relation is not None
        columns = []
        for column in relation.columns:
            kind = builtin.type_by_oid(column.type)
            assert kind is not None
            columns.append((column.name, kind.name))
        for statement in create_table(name, columns, "temp", f"pg_temp.{name}"):
            connection.execute(statement)
    connection.execute(
        """CREATE TABLE temp."socketworkers.sequences" (
            oid INTEGER PRIMARY KEY, last_value INTEGER NOT NULL, is_called INTEGER NOT NULL) STRICT"""
    )
    connection.execute(
        'INSERT INTO temp."pg_temp.pg_namespace" (oid, nspname, nspowner) VALUES (?, ?, ?)',
        (schema.oid, schema.name, around.session.user_oid),
    )
    catalog.changed()


def at_commit(around: Surroundings) -> None:
    """ON COMMIT DROP, ON COMMIT DELETE ROWS."""
    from .common import run_sql, writer_of
    from .removal import drop

    schema = around.catalog.temporary
    if schema is None:
        return
    for oid, action in list(schema.on_commit.items()):
        relation = around.catalog.relation_by_oid(oid)
        if relation is None:
            del schema.on_commit[oid]
        elif action == "drop":
            drop(around, writer_of(around), [Address(CLASS, oid)], cascade=True, quiet=True)
            del schema.on_commit[oid]
        else:
            run_sql(around, f"DELETE FROM {relation.storage}")


def discard(around: Surroundings) -> None:
    """DISCARD TEMP: all temporary objects go."""
    from .common import writer_of
    from .removal import drop

    schema = around.catalog.temporary
    if schema is None:
        return
    writer = writer_of(around)
    tables = writer.tables(schema.oid)
    oids = [
        oid
        for oid, kind in writer.select("pg_class", tables, "oid, relkind", relnamespace=schema.oid)
        if kind in "rvmS"
    ]
    if oids:
        drop(around, writer, [Address(CLASS, oid) for oid in oids], cascade=True, quiet=True)
    schema.on_commit.clear()
