"""Data types of the messages: "Message Data Types" of the PostgreSQL documentation. Sans-IO.

Readers take the message's bytes, a position and the end of what they may look at; they give the value and the position
behind it. Strings stay bytes: their encoding is the session's (``client_encoding``).
"""

from __future__ import annotations

from .errors import MalformedMessage

__all__ = [
    "check_end",
    "check_string",
    "encode_string",
    "message",
    "read_bytes",
    "read_formats",
    "read_int16",
    "read_int32",
    "read_string",
    "read_uint16",
    "read_uint32",
    "read_value",
    "truncated",
]

_TEXT, _BINARY = (0,), (1,)
MAX_LENGTH = 0x7FFFFFFF
"""The length of a message is a signed Int32."""


def truncated() -> MalformedMessage:
    """The message ends before all that it announces."""
    return MalformedMessage("insufficient data left in message")


def read_string(data: bytes, position: int, end: int) -> tuple[bytes, int]:
    """String: bytes up to a zero byte, which cannot be within.

    Raises:
        MalformedMessage: no zero byte.
    """
    stop = data.find(0, position, end)
    if stop < 0:
        raise MalformedMessage("invalid string in message")
    return data[position:stop], stop + 1


def read_int16(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Int16, signed."""
    if position + 2 > end:
        raise truncated()
    return int.from_bytes(data[position : position + 2], signed=True), position + 2


def read_uint16(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Int16 that counts: 0 to 65,535."""
    if position + 2 > end:
        raise truncated()
    return data[position] << 8 | data[position + 1], position + 2


def read_int32(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Int32, signed."""
    if position + 4 > end:
        raise truncated()
    return int.from_bytes(data[position : position + 4], signed=True), position + 4


def read_uint32(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Int32 that names an object: 0 to 4,294,967,295."""
    if position + 4 > end:
        raise truncated()
    return int.from_bytes(data[position : position + 4]), position + 4


def read_bytes(data: bytes, position: int, end: int, length: int) -> tuple[bytes, int]:
    """Byte`length`; a negative length is one that is not there (CVE-2026-32286)."""
    stop = position + length
    if length < 0 or stop > end:
        raise truncated()
    return data[position:stop], stop


def read_value(data: bytes, position: int, end: int) -> tuple[bytes | None, int]:
    """A value behind its Int32 length, of which -1 means NULL; other negative ones are refused (CVE-2026-32286)."""
    length, position = read_int32(data, position, end)
    if length == -1:
        return None, position
    return read_bytes(data, position, end, length)


def read_formats(data: bytes, position: int, end: int) -> tuple[tuple[int, ...], int]:
    """Int16 count, then as many Int16 format codes."""
    position += 2
    if position > end:
        raise truncated()
    count = data[position - 2] << 8 | data[position - 1]
    if not count:
        return (), position
    stop = position + 2 * count
    if count == 1 and stop <= end and not data[position] and data[position + 1] < 2:
        return (_BINARY if data[position + 1] else _TEXT), stop
    if stop > end:
        raise truncated()
    return tuple([int.from_bytes(data[at : at + 2], signed=True) for at in range(position, stop, 2)]), stop


def check_end(position: int, end: int) -> None:
    """Nothing may stand behind the last field.

    Raises:
        MalformedMessage: something does; a zero byte within a string looks like this.
    """
    if position != end:
        raise MalformedMessage("invalid message format")


def check_string(text: bytes) -> bytes:
    """`text`, which can be sent as a String.

    Raises:
        ValueError: it has a zero byte.
    """
    if 0 in text:
        raise ValueError("a string cannot have a zero byte")
    return text


def encode_string(text: bytes) -> bytes:
    """String.

    Raises:
        ValueError: `text` has a zero byte.
    """
    return check_string(text) + b"\0"


def message(kind: bytes, *parts: bytes) -> bytes:
    """A message of type `kind` with these parts one behind the other.

    Raises:
        ValueError: more than the length of a message can say.
    """
    body = b"".join(parts)
    if len(body) > MAX_LENGTH - 4:
        raise ValueError("longer than a message can be")
    return kind + (len(body) + 4).to_bytes(4) + body
