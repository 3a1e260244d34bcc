"""COPY: CopyInResponse, CopyOutResponse, CopyBothResponse, CopyData, CopyDone, CopyFail. Sans-IO.

"COPY Operations" of "Message Flow" in the PostgreSQL documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from .errors import MalformedMessage
from .fields import check_end, encode_string, message, read_formats, read_string, truncated
from .query import encode_formats

__all__ = [
    "COPY_DONE",
    "CopyBothResponse",
    "CopyData",
    "CopyDone",
    "CopyFail",
    "CopyInResponse",
    "CopyOutResponse",
    "CopyResponse",
    "decode_copy_fail",
    "decode_copy_response",
    "encode_copy_data",
    "encode_copy_data_rows",
    "encode_copy_fail",
    "encode_copy_response",
]

COPY_DONE: Final = message(b"c")


@dataclass(frozen=True, slots=True)
class CopyInResponse:
    """The server waits for CopyData."""

    format: int
    """0 text or CSV, 1 binary."""
    column_formats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CopyOutResponse:
    """CopyData of the server follows; see `CopyInResponse`."""

    format: int
    column_formats: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CopyBothResponse:
    """CopyData goes both ways (replication); see `CopyInResponse`."""

    format: int
    column_formats: tuple[int, ...]


class CopyData(NamedTuple):
    """CopyData.

    From a client, messages in a row come as one: where they end means nothing ("the message boundaries are not required
    to have anything to do with row boundaries"). From a server each is a row, and stays one.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class CopyDone:
    """All was sent."""


@dataclass(frozen=True, slots=True)
class CopyFail:
    """The client gives up."""

    reason: bytes


CopyResponse: TypeAlias = CopyInResponse | CopyOutResponse | CopyBothResponse

_KINDS: dict[int, type[CopyResponse]] = {0x47: CopyInResponse, 0x48: CopyOutResponse, 0x57: CopyBothResponse}
_TYPES = {kind: bytes((first,)) for first, kind in _KINDS.items()}


def decode_copy_response(data: bytes, position: int, end: int, first: int) -> CopyResponse:
    """Read one CopyInResponse, CopyOutResponse or CopyBothResponse, whose type byte is `first`.

    Raises:
        MalformedMessage: fields that are not there, an overall format that is not known.
    """
    if position >= end:
        raise truncated()
    code = data[position]
    if code > 1:
        raise MalformedMessage(f"unsupported format code: {code}")
    formats, position = read_formats(data, position + 1, end)
    check_end(position, end)
    return _KINDS[first](code, formats)


def encode_copy_response(response: CopyResponse) -> bytes:
    """One CopyInResponse, CopyOutResponse or CopyBothResponse."""
    return message(_TYPES[type(response)], bytes((response.format,)), encode_formats(response.column_formats))


def encode_copy_data(data: bytes) -> bytes:
    """One CopyData."""
    return message(b"d", data)


def encode_copy_data_rows(rows: Sequence[bytes]) -> bytes:
    """A CopyData for each row, one behind the other."""
    return b"".join([b"d" + (len(row) + 4).to_bytes(4) + row for row in rows])


def decode_copy_fail(data: bytes, position: int, end: int) -> CopyFail:
    """Read one CopyFail."""
    reason, position = read_string(data, position, end)
    check_end(position, end)
    return CopyFail(reason)


def encode_copy_fail(reason: bytes) -> bytes:
    """One CopyFail."""
    return message(b"f", encode_string(reason))
