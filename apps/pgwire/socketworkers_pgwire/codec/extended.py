"""The extended query protocol: Parse, Bind, Describe, Execute, Close, Flush, Sync, and their answers. Sans-IO.

"Extended Query" and "Pipelining" of "Message Flow" in the PostgreSQL documentation. The messages that come with every
query are tuples: they are made in a fraction of the time of other objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from .errors import MalformedMessage
from .fields import (
    check_end,
    encode_string,
    message,
    read_formats,
    read_int32,
    read_string,
    read_uint16,
    read_uint32,
    truncated,
)
from .query import encode_formats, encode_value

__all__ = [
    "BIND_COMPLETE",
    "CLOSE_COMPLETE",
    "DESCRIBE_UNNAMED",
    "EXECUTE_UNNAMED",
    "FLUSH",
    "NO_DATA",
    "PARSE_COMPLETE",
    "PORTAL_SUSPENDED",
    "SYNC",
    "SYNCHRONIZE",
    "Bind",
    "BindComplete",
    "Close",
    "CloseComplete",
    "Describe",
    "Execute",
    "Flush",
    "NoData",
    "ParameterDescription",
    "Parse",
    "ParseComplete",
    "PortalSuspended",
    "Sync",
    "decode_bind",
    "decode_close",
    "decode_describe",
    "decode_execute",
    "decode_parameter_description",
    "decode_parse",
    "encode_bind",
    "encode_close",
    "encode_describe",
    "encode_execute",
    "encode_parameter_description",
    "encode_parse",
]

PARSE_COMPLETE: Final = message(b"1")
BIND_COMPLETE: Final = message(b"2")
CLOSE_COMPLETE: Final = message(b"3")
NO_DATA: Final = message(b"n")
PORTAL_SUSPENDED: Final = message(b"s")
SYNC: Final = message(b"S")
FLUSH: Final = message(b"H")

_new = tuple.__new__


class Parse(NamedTuple):
    """Parse: make a prepared statement."""

    name: bytes
    """Empty for the unnamed one."""
    text: bytes
    """One statement, in the client's encoding."""
    parameter_types: tuple[int, ...] = ()
    """Object identifiers of the first parameters' types; 0 leaves one open."""


class Bind(NamedTuple):
    """Bind: make a portal of a prepared statement."""

    portal: bytes
    """Empty for the unnamed one."""
    statement: bytes
    formats: tuple[int, ...]
    """None for text, one for all parameters, or one for each. How many there are is for the session to check."""
    parameters: list[bytes | None]
    result_formats: tuple[int, ...]
    """None for text, one for all columns, or one for each."""


class Describe(NamedTuple):
    """Describe a prepared statement or a portal."""

    kind: bytes
    """``S`` or ``P``."""
    name: bytes


class Execute(NamedTuple):
    """Execute: run a portal."""

    portal: bytes
    max_rows: int
    """0 or less for all."""


class Close(NamedTuple):
    """Close a prepared statement or a portal."""

    kind: bytes
    """``S`` or ``P``."""
    name: bytes


@dataclass(frozen=True, slots=True)
class Flush:
    """Flush: send what there is."""


@dataclass(frozen=True, slots=True)
class Sync:
    """Sync: the end of a pipeline; after an error everything up to here is skipped."""


DESCRIBE_UNNAMED: Final = Describe(b"P", b"")
"""What the decoder gives for a Describe of the unnamed portal behind its Bind: this very object."""
EXECUTE_UNNAMED: Final = Execute(b"", 0)
"""The same for the Execute of all its rows."""
SYNCHRONIZE: Final = Sync()
"""The same for the Sync behind that."""


@dataclass(frozen=True, slots=True)
class ParseComplete:
    """Answer to Parse."""


@dataclass(frozen=True, slots=True)
class BindComplete:
    """Answer to Bind."""


@dataclass(frozen=True, slots=True)
class CloseComplete:
    """Answer to Close."""


@dataclass(frozen=True, slots=True)
class NoData:
    """Answer to Describe of what returns no rows."""


@dataclass(frozen=True, slots=True)
class PortalSuspended:
    """The row limit of Execute was reached: there may be more."""


@dataclass(frozen=True, slots=True)
class ParameterDescription:
    """Answer to Describe of a statement, first half."""

    types: tuple[int, ...]
    """Object identifiers of the parameters' types."""


def _read_types(data: bytes, position: int, end: int) -> tuple[tuple[int, ...], int]:
    count, position = read_uint16(data, position, end)
    types: list[int] = []
    for _ in range(count):
        oid, position = read_uint32(data, position, end)
        types.append(oid)
    return tuple(types), position


def decode_parse(data: bytes, position: int, end: int) -> Parse:
    """Read one Parse.

    Raises:
        MalformedMessage: what is wrong with it.
    """
    name, position = read_string(data, position, end)
    text, position = read_string(data, position, end)
    types: tuple[int, ...] = ()
    if position + 2 == end and not data[position] and not data[position + 1]:
        return _new(Parse, (name, text, types))
    types, position = _read_types(data, position, end)
    check_end(position, end)
    return _new(Parse, (name, text, types))


def decode_bind(data: bytes, position: int, end: int) -> Bind:
    """Read one Bind.

    Raises:
        MalformedMessage: what is wrong with it; a length of a parameter below -1 (CVE-2026-32286).
    """
    find = data.find
    stop = find(0, position, end)
    behind = find(0, stop + 1, end) if stop >= 0 else -1
    if behind < 0:
        raise MalformedMessage("invalid string in message")
    portal = data[position:stop]
    statement = data[stop + 1 : behind]
    position = behind + 1
    formats, position = read_formats(data, position, end)
    if position + 2 > end:
        raise truncated()
    count = data[position] << 8 | data[position + 1]
    position += 2
    parameters: list[bytes | None] = []
    from_bytes = int.from_bytes
    for _ in range(count):
        start = position + 4
        length = from_bytes(data[position:start])
        position = start + length
        if position <= end and start <= end:
            parameters.append(data[start:position])
        elif length == 0xFFFFFFFF and start <= end:
            parameters.append(None)
            position = start
        else:
            raise truncated()
    if position + 2 == end and not data[position] and not data[position + 1]:
        return _new(Bind, (portal, statement, formats, parameters, ()))
    result_formats, position = read_formats(data, position, end)
    check_end(position, end)
    return _new(Bind, (portal, statement, formats, parameters, result_formats))


def _read_target(data: bytes, position: int, end: int, word: str) -> tuple[bytes, bytes]:
    """Kind and name, which Describe and Close have."""
    kind = data[position : position + 1] if position < end else b""
    if not kind:
        raise MalformedMessage("no data left in message")
    name, position = read_string(data, position + 1, end)
    check_end(position, end)
    if kind not in (b"S", b"P"):
        raise MalformedMessage(f"invalid {word} message subtype {kind[0]}")
    return kind, name


def decode_describe(data: bytes, position: int, end: int) -> Describe:
    """Read one Describe.

    Raises:
        MalformedMessage: neither of a statement nor of a portal; no string.
    """
    return _new(Describe, _read_target(data, position, end, "DESCRIBE"))


def decode_close(data: bytes, position: int, end: int) -> Close:
    """Read one Close; see `decode_describe`."""
    return _new(Close, _read_target(data, position, end, "CLOSE"))


def decode_execute(data: bytes, position: int, end: int) -> Execute:
    """Read one Execute.

    Raises:
        MalformedMessage: no string, no limit.
    """
    portal, position = read_string(data, position, end)
    max_rows, position = read_int32(data, position, end)
    check_end(position, end)
    return _new(Execute, (portal, max_rows))


def decode_parameter_description(data: bytes, position: int, end: int) -> ParameterDescription:
    """Read one ParameterDescription."""
    types, position = _read_types(data, position, end)
    check_end(position, end)
    return ParameterDescription(types)


def encode_parse(name: bytes, text: bytes, parameter_types: Sequence[int] = ()) -> bytes:
    """One Parse."""
    types = [oid.to_bytes(4) for oid in parameter_types]
    return message(b"P", encode_string(name), encode_string(text), len(types).to_bytes(2), *types)


def encode_bind(
    portal: bytes,
    statement: bytes,
    parameters: Sequence[bytes | None] = (),
    formats: Sequence[int] = (),
    result_formats: Sequence[int] = (),
) -> bytes:
    """One Bind.

    Raises:
        OverflowError: more than 65,535 parameters or formats.
    """
    values = [encode_value(value) for value in parameters]
    head = encode_string(portal) + encode_string(statement) + encode_formats(formats) + len(values).to_bytes(2)
    return message(b"B", head, *values, encode_formats(result_formats))


def encode_describe(kind: bytes, name: bytes = b"") -> bytes:
    """One Describe; `kind` is ``S`` or ``P``."""
    return message(b"D", kind, encode_string(name))


def encode_close(kind: bytes, name: bytes = b"") -> bytes:
    """One Close; `kind` is ``S`` or ``P``."""
    return message(b"C", kind, encode_string(name))


def encode_execute(portal: bytes = b"", max_rows: int = 0) -> bytes:
    """One Execute."""
    return message(b"E", encode_string(portal), max_rows.to_bytes(4, signed=True))


def encode_parameter_description(types: Sequence[int]) -> bytes:
    """One ParameterDescription."""
    return message(b"t", len(types).to_bytes(2), *[oid.to_bytes(4) for oid in types])
