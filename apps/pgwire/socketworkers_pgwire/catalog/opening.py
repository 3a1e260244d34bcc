"""Makes databases, and opens catalogues without a server. Blocking."""

from __future__ import annotations

from pathlib import Path

import apsw

from .session import DatabaseCatalog, SessionCatalog
from .shared import builtin
from .shipped import Shipped, attach, shipped

__all__ = ["create_database", "memory_catalog", "memory_database"]


def create_database(path: Path, source: Shipped | None = None) -> None:
    """Make the file of a new database; its folder must be synced by who calls.

    Raises:
        OSError: FileExistsError among others.
    """
    image = (source or shipped()).image()
    with path.open("xb") as file:
        file.write(image)


def memory_database(source: Shipped | None = None) -> apsw.Connection:
    """A connection to a new database in memory, with the shipped rows attached."""
    found = source or shipped()
    connection = apsw.Connection(
        ":memory:", flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
    )
    connection.deserialize("main", found.image(memory=True))
    attach(connection, found)
    return connection


def memory_catalog(connection: apsw.Connection | None = None) -> SessionCatalog:
    """A catalogue of a new database in memory, for whoever only wants PostgreSQL's own objects."""
    catalog = SessionCatalog(DatabaseCatalog(), builtin())
    catalog.begin(memory_database() if connection is None else connection)
    return catalog
