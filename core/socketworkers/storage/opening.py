"""How a database file is opened: recovered, made, brought to the present version, and synced. Blocking.

Called by ``Database.open`` only, in a thread. Whatever goes wrong leaves no descriptor and no connection behind.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import apsw

from ..errors import StorageError, StorageFailed, StorageFull
from .engine import connect, create_file
from .options import Notify, Options
from .recovery import leave_mark, recover
from .reserve import Reserve
from .schema import Migration, check_format, migrate
from .trouble import Verdict, errno_of, judge
from .wal import WalFile

__all__ = ["open_file"]

log = logging.getLogger("socketworkers.storage")


def open_file(
    path: Path, migrations: Sequence[Migration], reserve: Reserve | None, notify: Notify, options: Options
) -> tuple[apsw.Connection, WalFile]:
    """Open or make a file so that everything that can be read from it is durable.

    Raises:
        as ``Database.open``.
    """
    connection: apsw.Connection | None = None
    wal: WalFile | None = None
    stage = "folder"
    folder = -1
    try:
        # Opened before anything is made: a name must not stay unsynced for want of a descriptor.
        if os.name == "posix":
            folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        stage = "recover"
        if recover(path):
            log.warning("%s had failed and was copied", path)
            notify("storage.recovered", path=str(path))
        stage = "create"
        created = not path.exists()
        if created:
            if reserve is not None:
                reserve.check()
            create_file(path)
        stage = "open"
        named = os.path.exists(f"{path}-wal")
        connection = connect(str(path), vfs=options.vfs, cache_kib=options.cache_kib)
        connection.pragma("journal_size_limit", options.keep_bytes)
        connection.execute("select count(*) from sqlite_schema").fetchall()  # makes the WAL exist, and reads it
        # The WAL or the -shm may have been opened for reading only, without a word: better told now than at a write.
        connection.execute("begin immediate; rollback")
        check_format(connection, str(path))
        migrate(connection, str(path), migrations)
        wal = options.wal(path)
        stage = "sync"
        # A process that was killed may have left commits that are visible and not synced; and names likewise.
        wal.sync()
        if folder >= 0 and (created or not named):
            os.fsync(folder)
        return connection, wal
    except BaseException as error:
        number = errno_of(error, connection)
        verdict = judge(error, connection.system_errno if connection is not None else 0)
        if folder >= 0 and stage in ("create", "open"):
            # The next attempt finds the names there and does not sync them.
            try:
                os.fsync(folder)
            except OSError:
                stage = "sync"
        if wal is not None:
            wal.close()
        if connection is not None:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close(True)
        if isinstance(error, StorageError) or not isinstance(error, (apsw.Error, OSError)):
            raise
        if verdict is Verdict.FULL and stage != "sync":
            raise StorageFull(errno.ENOSPC, "no space left on the disk", str(path)) from error
        if stage == "sync" or (verdict is Verdict.FINAL and (stage == "recover" or isinstance(error, apsw.Error))):
            # The next attempt could look well without being so: the file must not be opened again by this process.
            failed = StorageFailed(number, str(error), str(path))
            log.error("storage failed: %s: %s", path, failed)
            if stage != "recover" and not isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
                leave_mark(path, str(failed))
            notify("storage.failed", path=str(path), error=str(failed))
            raise failed from error
        raise StorageError(number, str(error), str(path)) from error
    finally:
        if folder >= 0:
            os.close(folder)
