"""What SQLite fails with, as PostgreSQL says it."""

from __future__ import annotations

import apsw

from ...errors import SqlError

__all__ = ["translate"]


def translate(error: Exception) -> Exception:
    """The error that the client is told instead of `error`; what the engine must see passes as it is.

    Constraints are not translated here: their statement knows more about them.
    """
    if isinstance(error, SqlError | apsw.InterruptError | apsw.BusyError | apsw.LockedError | apsw.ConstraintError):
        return error
    if isinstance(error, apsw.FullError):
        return SqlError("53100", "could not extend file: No space left on device")
    if isinstance(error, apsw.TooBigError):
        return SqlError("54000", "value is too large")
    if isinstance(error, apsw.ReadOnlyError):
        return SqlError("25006", "cannot execute statement in a read-only transaction")
    if isinstance(error, RecursionError):
        return SqlError("54001", "stack depth limit exceeded")
    if isinstance(error, MemoryError | apsw.NoMemError):
        return SqlError("53200", "out of memory")
    if isinstance(error, OverflowError):
        return SqlError("22003", "bigint out of range")
    if isinstance(error, apsw.SQLError):
        text = str(error)
        if text == "integer overflow":
            return SqlError("22003", "bigint out of range")
        if text.startswith(("Expression tree is too large", "parser stack overflow", "too many")):
            return SqlError("54001", "statement is too complex", detail=text)
    return error
