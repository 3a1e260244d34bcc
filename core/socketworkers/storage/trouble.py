"""What an error of SQLite or of the system means for a database: final, full, or the caller's own affair.

Used by ``database`` and ``files``; decides, changes nothing.
"""

from __future__ import annotations

import enum
import errno
from typing import Final

import apsw

__all__ = ["Verdict", "errno_of", "judge"]

_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)

#: No harm to what is on disk: there was no descriptor left to open something with.
_NO_DESCRIPTOR: Final = (errno.EMFILE, errno.ENFILE)

#: I/O errors without a harm to what is already on disk: memory, and locks of another connection.
_HARMLESS: Final = (apsw.SQLITE_IOERR_NOMEM, apsw.SQLITE_IOERR_BLOCKED)

#: I/O errors of a write; with ENOSPC or EDQUOT behind them they are a full disk. (SQLite itself turns most of those
#: into SQLITE_FULL; growing the -shm is one that it does not.)
_WRITES: Final = (apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_SHMSIZE, apsw.SQLITE_IOERR_SHMMAP)


class Verdict(enum.Enum):
    """What has to follow from an error."""

    FINAL = "final"
    """The file must not be used any more by this process."""
    FULL = "full"
    """No space: the transaction is gone, all else goes on."""
    OTHER = "other"
    """The statement's own error."""


def judge(error: BaseException, system_errno: int = 0) -> Verdict:
    """The meaning of an error.

    Args:
        error: of apsw, or an OSError of our own calls.
        system_errno: ``Connection.system_errno`` right after it.
    """
    if isinstance(error, apsw.FullError):
        return Verdict.FULL
    if isinstance(error, apsw.IOError):
        extended: int = getattr(error, "extendedresult", 0)  # apsw's stubs leave it out
        if extended in _HARMLESS:
            return Verdict.OTHER
        if extended in _WRITES and system_errno in _NO_SPACE:
            return Verdict.FULL
        return Verdict.FINAL
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return Verdict.FINAL
    if isinstance(error, OSError):
        if error.errno in _NO_DESCRIPTOR:
            return Verdict.OTHER
        return Verdict.FULL if error.errno in _NO_SPACE else Verdict.FINAL
    return Verdict.OTHER


def errno_of(error: BaseException, connection: apsw.Connection | None = None) -> int:
    """The system's number behind an error; EIO when it is not known."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    return (connection.system_errno if connection is not None else 0) or errno.EIO
