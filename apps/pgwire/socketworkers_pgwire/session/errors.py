"""Errors of a session, with PostgreSQL's SQLSTATE and words: clients compare both. Values only.

SQLSTATEs: appendix A of the PostgreSQL documentation.
"""

from __future__ import annotations

from typing import Final

from ..codec import Report
from ..errors import SqlError

__all__ = ["SqlError", "error", "fatal", "notice_that"]


def error(sqlstate: str, message: str, *, detail: str = "", hint: str = "") -> SqlError:
    """An error after which the session goes on."""
    return SqlError(sqlstate, message, detail=detail or None, hint=hint or None)


def fatal(sqlstate: str, message: str, *, detail: str = "", hint: str = "") -> Report:
    """An error that ends the connection."""
    return Report(severity="FATAL", sqlstate=sqlstate, message=message, detail=detail, hint=hint)


def notice_that(sqlstate: str, message: str) -> Report:
    """A warning."""
    return Report(severity="WARNING", sqlstate=sqlstate, message=message)


ABORTED: Final = Report(
    sqlstate="25P02", message="current transaction is aborted, commands ignored until end of transaction block"
)
BY_USER: Final = Report(sqlstate="57014", message="canceling statement due to user request")
BY_TIMEOUT: Final = Report(sqlstate="57014", message="canceling statement due to statement timeout")
SYNC_LOST: Final = fatal("08P01", "terminating connection because protocol synchronization was lost")
LOGIN_TIMEOUT: Final = fatal("57014", "canceling authentication due to timeout")
SHUTDOWN: Final = fatal("57P01", "terminating connection due to administrator command")
IDLE: Final = fatal("57P05", "terminating connection due to idle-session timeout")
IDLE_IN_TRANSACTION: Final = fatal("25P03", "terminating connection due to idle-in-transaction timeout")
UNFINISHED: Final = fatal("57P05", "terminating connection due to timeout: more was expected")
TOO_MUCH_INPUT: Final = fatal("54000", "too much input before the answer to what came first")
TOO_MANY_NOTIFICATIONS: Final = fatal("54000", "too many notifications wait for the end of the transaction")
NOT_ENCRYPTED: Final = fatal(
    "08P01",
    "received unencrypted data after SSL request",
    detail="This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
)
"""C1, CVE-2021-23214."""
NOT_ENCRYPTED_GSS: Final = fatal(
    "08P01", "received unencrypted data after GSSAPI encryption request", detail=NOT_ENCRYPTED.detail
)
NO_USER: Final = fatal("28000", "no PostgreSQL user name specified in startup packet")
NO_REPLICATION: Final = fatal("0A000", "replication connections are not supported")
CLEARTEXT_REFUSED: Final = fatal("28000", "a password in clear text is taken over an encrypted connection only")
BAD_MECHANISM: Final = fatal("08P01", "client selected an invalid SASL authentication mechanism")
EMPTY_PASSWORD: Final = fatal("28P01", "empty password returned by client")
