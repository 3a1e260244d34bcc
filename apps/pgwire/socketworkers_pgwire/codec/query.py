"""The simple query protocol and the fast-path function call, with the messages that end a command: Query,
CommandComplete, EmptyQueryResponse, FunctionCall, FunctionCallResponse, Terminate. Sans-IO.

"Simple Query", "Function Call" and "Termination" of "Message Flow" in the PostgreSQL documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from .fields import (
    check_end,
    encode_string,
    message,
    read_formats,
    read_int16,
    read_string,
    read_uint16,
    read_uint32,
    read_value,
)

__all__ = [
    "EMPTY_QUERY_RESPONSE",
    "TERMINATE",
    "CommandComplete",
    "EmptyQueryResponse",
    "FunctionCall",
    "FunctionCallResponse",
    "Query",
    "Terminate",
    "decode_command_complete",
    "decode_function_call",
    "decode_function_call_response",
    "decode_query",
    "encode_command_complete",
    "encode_formats",
    "encode_function_call",
    "encode_function_call_response",
    "encode_query",
    "encode_value",
]

EMPTY_QUERY_RESPONSE: Final = message(b"I")
TERMINATE: Final = message(b"X")

_NULL = b"\xff\xff\xff\xff"


class Query(NamedTuple):
    """Query: run these statements."""

    text: bytes
    """In the client's encoding."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """Terminate: the client is done."""


@dataclass(frozen=True, slots=True)
class EmptyQueryResponse:
    """EmptyQueryResponse: in the place of CommandComplete, when the query had no statement."""


@dataclass(frozen=True, slots=True)
class CommandComplete:
    """CommandComplete."""

    tag: bytes
    """``INSERT 0 1``, ``SELECT 3``, ``BEGIN``..."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """FunctionCall: call one function without a query."""

    function: int
    """Its object identifier."""
    formats: tuple[int, ...]
    """None for text, one for all arguments, or one for each."""
    arguments: tuple[bytes | None, ...]
    result_format: int


@dataclass(frozen=True, slots=True)
class FunctionCallResponse:
    """FunctionCallResponse."""

    value: bytes | None


def decode_query(data: bytes, position: int, end: int) -> Query:
    """Read one Query.

    Raises:
        MalformedMessage: no string, or a zero byte within it.
    """
    text, position = read_string(data, position, end)
    check_end(position, end)
    return Query(text)


def encode_query(text: bytes) -> bytes:
    """One Query."""
    return message(b"Q", encode_string(text))


def decode_command_complete(data: bytes, position: int, end: int) -> CommandComplete:
    """Read one CommandComplete."""
    tag, position = read_string(data, position, end)
    check_end(position, end)
    return CommandComplete(tag)


def encode_command_complete(tag: bytes) -> bytes:
    """One CommandComplete."""
    return b"C" + (len(tag) + 5).to_bytes(4) + tag + b"\0"


def decode_function_call(data: bytes, position: int, end: int) -> FunctionCall:
    """Read one FunctionCall.

    Raises:
        MalformedMessage: fields that are not there, a negative length, something behind.
    """
    function, position = read_uint32(data, position, end)
    formats, position = read_formats(data, position, end)
    count, position = read_uint16(data, position, end)
    arguments: list[bytes | None] = []
    for _ in range(count):
        value, position = read_value(data, position, end)
        arguments.append(value)
    result_format, position = read_int16(data, position, end)
    check_end(position, end)
    return FunctionCall(function, formats, tuple(arguments), result_format)


def encode_function_call(
    function: int, arguments: Sequence[bytes | None], formats: Sequence[int] = (), result_format: int = 0
) -> bytes:
    """One FunctionCall."""
    values = [encode_value(value) for value in arguments]
    head = function.to_bytes(4) + encode_formats(formats) + len(values).to_bytes(2)
    return message(b"F", head, *values, result_format.to_bytes(2, signed=True))


def decode_function_call_response(data: bytes, position: int, end: int) -> FunctionCallResponse:
    """Read one FunctionCallResponse."""
    value, position = read_value(data, position, end)
    check_end(position, end)
    return FunctionCallResponse(value)


def encode_function_call_response(value: bytes | None) -> bytes:
    """One FunctionCallResponse."""
    return message(b"V", encode_value(value))


def encode_value(value: bytes | None) -> bytes:
    """A value behind its length; None is NULL."""
    return _NULL if value is None else len(value).to_bytes(4) + value


def encode_formats(formats: Sequence[int]) -> bytes:
    """Format codes behind their count."""
    return len(formats).to_bytes(2) + b"".join([code.to_bytes(2, signed=True) for code in formats])
