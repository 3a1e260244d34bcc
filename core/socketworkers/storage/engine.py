"""SQLite as this package uses it: which library, which settings, and how a database file comes into being.

The settings are conditions of durability (``reference/reliability.md`` §1), not tuning: WAL, ``synchronous=NORMAL``
on every connection and never OFF, the WAL kept at the last close, no automatic checkpoint on the loop.
Called by ``database`` and ``recovery``. apsw only: it brings its own SQLite; the system's may have the bug by which
a checkpoint in one thread and a commit in another damage the file (SQLite 3.7.0 to 3.51.2).
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

import apsw

from .. import faults
from ..errors import StartupError

__all__ = ["APPLICATION_ID", "MINIMUM", "check_library", "connect", "create_file", "sync_file", "sync_folder"]

#: The oldest SQLite without the WAL-reset bug.
MINIMUM: Final = (3, 51, 3)

#: ``PRAGMA application_id`` of our files: "SKT" and the version of the layout of the tables below.
APPLICATION_ID: Final = 0x534B5401

#: Tables that every file has: keys and values, and the one alarm.
_TABLES = """
create table _kv (key any not null primary key, kind integer not null, value any) strict, without rowid;
create table _alarm (id integer primary key check (id = 1), due real not null, tries integer not null) strict;
"""

_NAME = "main"
_DARWIN = sys.platform == "darwin"

#: Where our own sync of the WAL is off, every commit has to be synced by SQLite itself.
OWN_SYNC: Final = os.name == "posix"


def _configure() -> None:
    """Do without SQLite's count of the memory that it has taken: it is a lock around each allocation.

    Can be set only while nobody uses SQLite. With a connection open, or a VFS registered, it stays as it is.
    """
    if not apsw.connections() and set(apsw.vfs_names()) <= _OWN_VFS:
        apsw.shutdown()
        try:
            apsw.config(apsw.SQLITE_CONFIG_MEMSTATUS, False)
        finally:
            apsw.initialize()


_OWN_VFS: Final = frozenset(("unix", "memdb", "unix-excl", "unix-dotfile", "unix-none", "win32", "win32-longpath"))
_configure()


def check_library(version: str | None = None) -> None:
    """Refuse a SQLite that is too old.

    Args:
        version: "3.54.1"; the linked library's by default.

    Raises:
        StartupError: it has the WAL-reset bug.
    """
    found = version or apsw.sqlite_lib_version()
    if tuple(int(part) for part in found.split(".")[:3]) < MINIMUM:
        raise StartupError(
            f"SQLite {found} is too old",
            f"versions before {'.'.join(map(str, MINIMUM))} can damage a database that is synced in the background",
            "pip install --upgrade --force-reinstall apsw (its wheels bring their own SQLite)",
        )


def connect(
    path: str,
    *,
    busy_timeout: float = 1.0,
    readonly: bool = False,
    vfs: str | None = None,
    cache_kib: int = 2048,
) -> apsw.Connection:
    """Open one more connection to an existing file with the settings that every connection must have.

    Args:
        path: the file, or ":memory:" (which makes a new one).
        busy_timeout: seconds to wait for another connection's lock.
        readonly: refuse writes on this connection.
        vfs: name of a SQLite VFS (tests record what is written through one).
        cache_kib: page cache in KiB.

    Raises:
        apsw.Error: SQLite cannot open it.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI  # for what an app attaches
    if path.startswith("file:"):
        path = f"./{path}"
    if path == ":memory:":
        flags |= apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(path, flags=flags, vfs=vfs)
    try:
        if connection.readonly("main"):
            # SQLite falls back to this without a word when it may not, or just cannot, open the file for writing.
            raise apsw.CantOpenError(f"{path} cannot be opened for writing")
        connection.set_busy_timeout(int(busy_timeout * 1000))
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
        connection.pragma("foreign_keys", 1)
        connection.pragma("trusted_schema", 0)
        connection.pragma("cache_size", -cache_kib)
        if path == ":memory:":
            return connection
        connection.pragma("synchronous", 1 if OWN_SYNC else 2)
        if _DARWIN:
            connection.pragma("fullfsync", 1)
            connection.pragma("checkpoint_fullfsync", 1)
        connection.set_wal_hook(None)  # no automatic checkpoints: they would run at a commit, on the loop
        connection.pragma("wal_autocheckpoint", 0)
        keep = ctypes.c_int(1)
        # Condition 6: the last close must not delete the WAL under our descriptor.
        connection.file_control(_NAME, apsw.SQLITE_FCNTL_PERSIST_WAL, ctypes.addressof(keep))
        if readonly:
            connection.pragma("query_only", 1)
    except BaseException:
        connection.close()
        raise
    return connection


def make_tables(connection: apsw.Connection) -> None:
    """Put the tables that every file has into an empty database."""
    connection.execute(f"{_TABLES}; pragma application_id = {APPLICATION_ID}")


def _template() -> bytes:
    """The bytes of a new database, already in WAL mode."""
    connection = apsw.Connection(":memory:")
    try:
        make_tables(connection)
        image = bytearray(connection.serialize(_NAME))
    finally:
        connection.close()
    image[18] = image[19] = 2  # https://sqlite.org/fileformat2.html §1.3.3: read and write version 2 = WAL
    return bytes(image)


_image: bytes | None = None


def create_file(path: Path) -> None:
    """Make a new database whole or not at all: written beside its place, synced, renamed.

    The folder is not synced here: the caller does that once the WAL exists too. No connection is open on the new
    file while we hold a descriptor of it, so no lock is lost by closing that (condition 5).

    Raises:
        OSError: the disk refused; nothing is left.
    """
    global _image
    if _image is None:
        _image = _template()
    new = path.with_name(path.name + ".new")
    faults.point("storage.create")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            rest = memoryview(_image)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            sync_file(descriptor)
        finally:
            os.close(descriptor)
        # A WAL without its database is left by a crash between two unlinks; its frames must not meet a new file.
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        os.rename(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def sync_file(descriptor: int) -> None:
    """Make the data of a file durable, as far down as the system lets us.

    Raises:
        OSError: it failed, which is final for the file: trying again may report success for data that is gone.
    """
    if _DARWIN:
        import fcntl

        fcntl.fcntl(descriptor, getattr(fcntl, "F_FULLFSYNC"))  # noqa: B009 (typeshed has it on macOS only)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable.

    Raises:
        OSError: it failed, which is final for the files named there.
    """
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
