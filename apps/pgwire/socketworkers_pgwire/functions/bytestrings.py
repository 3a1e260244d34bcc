"""bytea: PostgreSQL 15 documentation §9.5, functions and operators."""

from __future__ import annotations

from ..types.errors import SqlError, invalid_parameter
from ..types.integers import INT4
from .registry import scalar

__all__: list[str] = []


@scalar("byteacat(bytea,bytea)")
def _concatenate(a: bytes, b: bytes) -> bytes:
    return a + b


scalar("length(bytea)", "octet_length(bytea)")(len)


@scalar("bit_length(bytea)")
def _bit_length(data: bytes) -> int:
    return len(data) * 8


@scalar("bit_count(bytea)")
def _bit_count(data: bytes) -> int:
    return int.from_bytes(data).bit_count()


@scalar('"substring"(bytea,integer)', "substr(bytea,integer)")
def _substring_from(data: bytes, start: int) -> bytes:
    return data[max(start - 1, 0) :]


@scalar('"substring"(bytea,integer,integer)', "substr(bytea,integer,integer)")
def _substring(data: bytes, start: int, length: int) -> bytes:
    if length < 0:
        raise SqlError("22011", "negative substring length not allowed")
    return data[max(start - 1, 0) : max(start + length - 1, 0)]


@scalar('"overlay"(bytea,bytea,integer,integer)')
def _overlay(data: bytes, other: bytes, start: int, length: int) -> bytes:
    if start <= 0:
        raise SqlError("22011", "negative substring length not allowed")
    end = INT4.add(start, length)
    return data[: start - 1] + other + data[max(end - 1, 0) :]


@scalar('"overlay"(bytea,bytea,integer)')
def _overlay_all(data: bytes, other: bytes, start: int) -> bytes:
    return _overlay(data, other, start, len(other))


@scalar('"position"(bytea,bytea)')
def _position(data: bytes, part: bytes) -> int:
    return data.find(part) + 1


@scalar("btrim(bytea,bytea)")
def _btrim(data: bytes, these: bytes) -> bytes:
    return data.strip(these) if these else data


@scalar("ltrim(bytea,bytea)")
def _ltrim(data: bytes, these: bytes) -> bytes:
    return data.lstrip(these) if these else data


@scalar("rtrim(bytea,bytea)")
def _rtrim(data: bytes, these: bytes) -> bytes:
    return data.rstrip(these) if these else data


def _checked(index: int, length: int) -> int:
    if not 0 <= index < length:
        raise SqlError("2202E", f"index {index} out of valid range, 0..{length - 1}")
    return index


@scalar("get_byte(bytea,integer)")
def _get_byte(data: bytes, index: int) -> int:
    return data[_checked(index, len(data))]


@scalar("set_byte(bytea,integer,integer)")
def _set_byte(data: bytes, index: int, value: int) -> bytes:
    _checked(index, len(data))
    return data[:index] + bytes([value & 255]) + data[index + 1 :]


@scalar("get_bit(bytea,bigint)")
def _get_bit(data: bytes, index: int) -> int:
    _checked(index, len(data) * 8)
    return data[index // 8] >> index % 8 & 1


@scalar("set_bit(bytea,bigint,integer)")
def _set_bit(data: bytes, index: int, value: int) -> bytes:
    _checked(index, len(data) * 8)
    if value not in (0, 1):
        raise invalid_parameter("new bit must be 0 or 1")
    byte = data[index // 8]
    byte = byte | 1 << index % 8 if value else byte & ~(1 << index % 8)
    return data[: index // 8] + bytes([byte]) + data[index // 8 + 1 :]
