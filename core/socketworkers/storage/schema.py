"""Versions of an app's tables: forward only, one transaction per step, and never a newer file than the code.

The version is ``PRAGMA user_version``; it changes in the same transaction as the tables, so a kill in the middle of
a migration leaves the old version or the new one. Called by ``database`` when a file is opened; blocking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apsw

from .. import faults
from ..errors import StartupError
from ..mistakes import data_folder_is_newer
from .engine import APPLICATION_ID, make_tables

__all__ = ["Migration", "check_format", "migrate"]

#: One step to the next version: SQL, or a function that gets the connection inside the step's transaction.
Migration = str | Callable[[apsw.Connection], object]


def check_format(connection: apsw.Connection, path: str) -> None:
    """Refuse a file that is not ours or whose fixed tables are of a later layout.

    Raises:
        StartupError: it is not usable by this version.
    """
    found = connection.pragma("application_id")
    if found == APPLICATION_ID:
        return
    if found >> 8 == APPLICATION_ID >> 8:
        raise data_folder_is_newer(path, found & 255, APPLICATION_ID & 255)
    if found == 0 and not connection.execute("select count(*) from sqlite_schema").get:
        connection.execute("begin immediate")
        make_tables(connection)
        connection.execute("commit")
        return
    raise StartupError(f"{path} is not a database of socketworkers", "another program wrote it", "move it elsewhere")


def migrate(connection: apsw.Connection, path: str, migrations: Sequence[Migration]) -> int:
    """Bring a file to the version of the code: step ``n`` leads from version ``n`` to ``n + 1``.

    Returns:
        How many steps were made.

    Raises:
        StartupError: the file is newer than the code.
        Exception: a step failed; the file is at the version before it.
    """
    found: int = connection.pragma("user_version")
    if found > len(migrations):
        raise data_folder_is_newer(path, found, len(migrations))
    for version, step in enumerate(migrations[found:], found + 1):
        connection.execute("begin immediate")
        try:
            if isinstance(step, str):
                connection.execute(step)
            else:
                step(connection)
            faults.point("storage.migration")
            connection.pragma("user_version", version)
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
    return len(migrations) - found
