"""Types of messages: which there are, who sends them, and how long they may be. Sans-IO.

"Message Formats" of the PostgreSQL documentation. Messages that carry nothing large are bounded to `MAX_SMALL` bytes,
as PostgreSQL does, so that only those with data can make a server keep much.
"""

from __future__ import annotations

import enum
import functools
from typing import Final, Literal, TypeAlias

__all__ = ["MAX_SMALL", "BackendType", "FrontendType", "Role", "frontend_limits"]

Role: TypeAlias = Literal["backend", "frontend"]
"""The side that reads: ``backend`` reads what clients send."""

MAX_SMALL = 10_000
"""Most that the length of a message without data may say."""


class FrontendType(enum.IntEnum):
    """First byte of the messages that clients send."""

    BIND = 0x42
    CLOSE = 0x43
    COPY_DATA = 0x64
    COPY_DONE = 0x63
    COPY_FAIL = 0x66
    DESCRIBE = 0x44
    EXECUTE = 0x45
    FLUSH = 0x48
    FUNCTION_CALL = 0x46
    PARSE = 0x50
    PASSWORD = 0x70
    QUERY = 0x51
    SYNC = 0x53
    TERMINATE = 0x58


class BackendType(enum.IntEnum):
    """First byte of the messages that servers send."""

    AUTHENTICATION = 0x52
    BACKEND_KEY_DATA = 0x4B
    BIND_COMPLETE = 0x32
    CLOSE_COMPLETE = 0x33
    COMMAND_COMPLETE = 0x43
    COPY_BOTH_RESPONSE = 0x57
    COPY_DATA = 0x64
    COPY_DONE = 0x63
    COPY_IN_RESPONSE = 0x47
    COPY_OUT_RESPONSE = 0x48
    DATA_ROW = 0x44
    EMPTY_QUERY_RESPONSE = 0x49
    ERROR_RESPONSE = 0x45
    FUNCTION_CALL_RESPONSE = 0x56
    NEGOTIATE_PROTOCOL_VERSION = 0x76
    NO_DATA = 0x6E
    NOTICE_RESPONSE = 0x4E
    NOTIFICATION_RESPONSE = 0x41
    PARAMETER_DESCRIPTION = 0x74
    PARAMETER_STATUS = 0x53
    PARSE_COMPLETE = 0x31
    PORTAL_SUSPENDED = 0x73
    READY_FOR_QUERY = 0x5A
    ROW_DESCRIPTION = 0x54


_WITH_DATA: Final = frozenset(
    (
        FrontendType.BIND,
        FrontendType.COPY_DATA,
        FrontendType.FUNCTION_CALL,
        FrontendType.PARSE,
        FrontendType.QUERY,
    )
)


@functools.lru_cache(maxsize=16)
def frontend_limits(max_message: int) -> dict[int, int]:
    """What the length of each message of a client may say, once it is logged in.

    Args:
        max_message: for messages with data.

    Returns:
        By first byte; shared, so not to be changed. PasswordMessage is not among them: nothing asks for one then.
    """
    small = min(MAX_SMALL, max_message)
    return {
        int(kind): max_message if kind in _WITH_DATA else small
        for kind in FrontendType
        if kind is not FrontendType.PASSWORD
    }
