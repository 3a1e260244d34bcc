"""What the server tells of itself and of the session: BackendKeyData, ParameterStatus, ReadyForQuery,
NotificationResponse. Sans-IO; "Message Formats" and "Asynchronous Operations" of the PostgreSQL documentation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from .errors import MalformedMessage
from .fields import check_end, encode_string, message, read_int32, read_string
from .startup import MAX_CANCEL_KEY, MIN_CANCEL_KEY

__all__ = [
    "READY",
    "BackendKeyData",
    "NotificationResponse",
    "ParameterStatus",
    "ReadyForQuery",
    "decode_backend_key_data",
    "decode_notification",
    "decode_parameter_status",
    "decode_ready_for_query",
    "encode_backend_key_data",
    "encode_notification",
    "encode_parameter_status",
]


@dataclass(frozen=True, slots=True)
class BackendKeyData:
    """What a CancelRequest must know."""

    process_id: int
    key: bytes = field(repr=False)
    """4 bytes in protocol 3.0, 4 to 256 from 3.2 on."""


@dataclass(frozen=True, slots=True)
class ParameterStatus:
    """A setting that clients want to know, or its new value."""

    name: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class ReadyForQuery:
    """The server waits for the next query."""

    status: bytes
    """``I`` outside of a transaction block, ``T`` in one, ``E`` in one that failed."""


@dataclass(frozen=True, slots=True)
class NotificationResponse:
    """NOTIFY of a session reached this one."""

    process_id: int
    """Of the session that notified."""
    channel: bytes
    payload: bytes


READY: Final = {status: message(b"Z", status.encode()) for status in "ITE"}
"""ReadyForQuery for each status."""


def encode_backend_key_data(process_id: int, key: bytes) -> bytes:
    """One BackendKeyData.

    Raises:
        ValueError: a key that is not of 4 to 256 bytes.
    """
    if not MIN_CANCEL_KEY <= len(key) <= MAX_CANCEL_KEY:
        raise ValueError("a cancel key has 4 to 256 bytes")
    return message(b"K", process_id.to_bytes(4, signed=True), key)


def decode_backend_key_data(data: bytes, position: int, end: int) -> BackendKeyData:
    """Read one BackendKeyData.

    Raises:
        MalformedMessage: a key that is not of 4 to 256 bytes.
    """
    process_id, position = read_int32(data, position, end)
    if not MIN_CANCEL_KEY <= end - position <= MAX_CANCEL_KEY:
        raise MalformedMessage("invalid length of cancel key")
    return BackendKeyData(process_id, data[position:end])


def encode_parameter_status(name: bytes, value: bytes) -> bytes:
    """One ParameterStatus."""
    return message(b"S", encode_string(name), encode_string(value))


def decode_parameter_status(data: bytes, position: int, end: int) -> ParameterStatus:
    """Read one ParameterStatus."""
    name, position = read_string(data, position, end)
    value, position = read_string(data, position, end)
    check_end(position, end)
    return ParameterStatus(name, value)


def decode_ready_for_query(data: bytes, position: int, end: int) -> ReadyForQuery:
    """Read one ReadyForQuery.

    Raises:
        MalformedMessage: not one of the three states.
    """
    status = data[position:end]
    if status not in (b"I", b"T", b"E"):
        raise MalformedMessage("unknown transaction status")
    return ReadyForQuery(status)


def encode_notification(process_id: int, channel: bytes, payload: bytes = b"") -> bytes:
    """One NotificationResponse."""
    return message(b"A", process_id.to_bytes(4, signed=True), encode_string(channel), encode_string(payload))


def decode_notification(data: bytes, position: int, end: int) -> NotificationResponse:
    """Read one NotificationResponse."""
    process_id, position = read_int32(data, position, end)
    channel, position = read_string(data, position, end)
    payload, position = read_string(data, position, end)
    check_end(position, end)
    return NotificationResponse(process_id, channel, payload)
