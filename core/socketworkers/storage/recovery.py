"""A database that failed is copied before it is used again.

After a failed sync the system may have dropped pages that it could not write while its cache still shows them as
right. Going on with that file would chain new acknowledgements to lost pages. So the failing process leaves a mark
beside the file, and the next one copies the file through SQLite into a new one, syncs it, and puts it in the old
one's place (``reference/reliability.md`` §2). Called by ``database``; blocking.

The steps survive a crash at any point, because the mark says how far they came::

    X.failed (any text)   copy X into X.copy, sync it, sync the folder, then the mark becomes "copied"
    X.failed ("copied")   remove X-wal and X-shm (they belong to the old file), sync, rename X.copy to X, sync,
                          remove the mark, sync
"""

from __future__ import annotations

import os
from pathlib import Path

import apsw

from .. import faults
from .engine import connect, sync_file, sync_folder

__all__ = ["leave_mark", "mark_of", "recover"]

_COPIED = b"copied\n"


def mark_of(path: Path) -> Path:
    """Where the mark of a failed database lies."""
    return path.with_name(path.name + ".failed")


def _copy_of(path: Path) -> Path:
    return path.with_name(path.name + ".copy")


def _write(path: Path, text: bytes) -> None:
    """Replace a small file in one step, durably."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, text)
        sync_file(descriptor)
    finally:
        os.close(descriptor)
    os.rename(new, path)
    sync_folder(path.parent)


def leave_mark(path: Path, reason: str) -> None:
    """Say that a database must not be used as it is. Does what it can: the disk may refuse this too."""
    mark = mark_of(path)
    try:
        _write(mark, reason.encode(errors="replace") + b"\n")
    except OSError:
        try:
            # Even a mark that is not synced holds for a restart without a power cut, which is the common case.
            mark.touch()
        except OSError:
            pass


def recover(path: Path) -> bool:
    """Copy a database that carries the mark, and take the mark away.

    Returns:
        Whether there was one.

    Raises:
        OSError: the disk refused; the mark is still there.
        apsw.Error: the old file cannot be read; the mark is still there and the file is left as it is.
    """
    mark = mark_of(path)
    try:
        text = mark.read_bytes()
    except FileNotFoundError:
        return False
    copy = _copy_of(path)
    faults.point("storage.recover")
    if text != _COPIED:
        if path.exists():
            copy.unlink(missing_ok=True)
            _copy(path, copy)
        faults.point("storage.recover_copied")
        sync_folder(path.parent)
        _write(mark, _COPIED)
    if copy.exists():
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        sync_folder(path.parent)
        faults.point("storage.recover_replace")
        os.rename(copy, path)
        sync_folder(path.parent)
    mark.unlink()
    sync_folder(path.parent)
    return True


def _copy(path: Path, copy: Path) -> None:
    """Write all content of a database into a new file and sync that."""
    connection = connect(str(path))
    try:
        # The old file is only read: its last close must not checkpoint into it.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.execute("vacuum into ?", (str(copy),))
    finally:
        connection.close()
    descriptor = os.open(copy, os.O_RDWR)
    try:
        # VACUUM INTO keeps application_id and user_version, not the journal mode.
        os.pwrite(descriptor, b"\x02\x02", 18)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
