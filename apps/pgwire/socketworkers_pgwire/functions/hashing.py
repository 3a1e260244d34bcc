"""Hash functions of the hash operator classes: PostgreSQL 15's hash_any(), which is Bob Jenkins' lookup3. Programs use
them for advisory locks and to spread rows."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from ..types.numeric import send_numeric
from ..types.time import unpack_timetz
from .kinds import float_of, interval_of
from .registry import scalar

__all__: list[str] = []

_MASK = 0xFFFF_FFFF
_MASK8 = (1 << 64) - 1


def _rotated(value: int, count: int) -> int:
    return (value << count | value >> 32 - count) & _MASK


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    a = (a - c & _MASK) ^ _rotated(c, 4)
    c = c + b & _MASK
    b = (b - a & _MASK) ^ _rotated(a, 6)
    a = a + c & _MASK
    c = (c - b & _MASK) ^ _rotated(b, 8)
    b = b + a & _MASK
    a = (a - c & _MASK) ^ _rotated(c, 16)
    c = c + b & _MASK
    b = (b - a & _MASK) ^ _rotated(a, 19)
    a = a + c & _MASK
    c = (c - b & _MASK) ^ _rotated(b, 4)
    b = b + a & _MASK
    return a, b, c


def _final(a: int, b: int, c: int) -> tuple[int, int, int]:
    c = (c ^ b) - _rotated(b, 14) & _MASK
    a = (a ^ c) - _rotated(c, 11) & _MASK
    b = (b ^ a) - _rotated(a, 25) & _MASK
    c = (c ^ b) - _rotated(b, 16) & _MASK
    a = (a ^ c) - _rotated(c, 4) & _MASK
    b = (b ^ a) - _rotated(a, 14) & _MASK
    c = (c ^ b) - _rotated(b, 24) & _MASK
    return a, b, c


def _start(length: int, seed: int) -> tuple[int, int, int]:
    a = b = c = 0x9E3779B9 + length + 3923095 & _MASK
    if seed:
        a, b, c = _mixed(a + (seed >> 32) & _MASK, b + (seed & _MASK) & _MASK, c)
    return a, b, c


def _hash_bytes(data: bytes, seed: int = 0) -> tuple[int, int]:
    """The last two words: 32 bits are the second, 64 both."""
    length = len(data)
    a, b, c = _start(length, seed)
    position = 0
    while length - position >= 12:
        x, y, z = struct.unpack_from("<III", data, position)
        a, b, c = _mixed(a + x & _MASK, b + y & _MASK, c + z & _MASK)
        position += 12
    rest = data[position:].ljust(12, b"\0")
    x, y = struct.unpack_from("<II", rest)
    # the lowest byte of the last word is kept for the length
    z = int.from_bytes(rest[8:11], "little") << 8
    _, b, c = _final(a + x & _MASK, b + y & _MASK, c + z & _MASK)
    return b, c


def _hash_word(value: int, seed: int = 0) -> tuple[int, int]:
    a, b, c = _start(4, seed)
    _, b, c = _final(a + (value & _MASK) & _MASK, b, c)
    return b, c


def _int4(words: tuple[int, int]) -> int:
    value = words[1]
    return value - (1 << 32) if value >> 31 else value


def _int8(words: tuple[int, int]) -> int:
    value = words[0] << 32 | words[1]
    return value - (1 << 64) if value >> 63 else value


Words = Callable[[Any, int], tuple[int, int]]


def _register(name: str, extended: str, types: str, words: Words) -> None:
    scalar(f"{name}({types})")(lambda value: _int4(words(value, 0)))
    scalar(f"{extended}({types},bigint)")(lambda value, seed: _int8(words(value, seed & _MASK8)))


def _number(value: int, seed: int) -> tuple[int, int]:
    return _hash_word(value, seed)


def _long(value: int, seed: int) -> tuple[int, int]:
    """An int8 hashes as the int4 of the same value."""
    low, high = value & _MASK, value >> 32 & _MASK
    return _hash_word(low ^ (high if value >= 0 else ~high & _MASK), seed)


def _float(value: float | str, seed: int) -> tuple[int, int]:
    if not isinstance(value, str) and value == 0:
        return seed >> 32, seed & _MASK  # both zeros
    return _hash_bytes(struct.pack("<d", float_of(value)), seed)


def _text(value: str, seed: int) -> tuple[int, int]:
    return _hash_bytes(value.encode(), seed)


def _character(value: str, seed: int) -> tuple[int, int]:
    code = ord(value) if value else 0
    return _hash_word(code - 256 if code > 127 else code, seed)


def _vector(value: str, seed: int) -> tuple[int, int]:
    from ..types.vectors import OIDVECTOR

    items = OIDVECTOR.load(value).items
    return _hash_bytes(struct.pack(f"<{len(items)}I", *items), seed)


for _kind, _type, _words in (
    ("hashint2", "smallint", _number),
    ("hashint4", "integer", _number),
    ("hashint8", "bigint", _long),
    ("hashoid", "oid", _number),
    ("hashfloat4", "real", _float),
    ("hashfloat8", "double precision", _float),
    ("hashtext", "text", _text),
    ("hashname", "name", _text),
    ("hashbpchar", "character", lambda value, seed: _text(value.rstrip(" "), seed)),
    ("hashchar", '"char"', _character),
    ("hashoidvector", "oidvector", _vector),
):
    _register(_kind, f"{_kind}extended", _type, _words)


def _uuid(value: str, seed: int) -> tuple[int, int]:
    return _hash_bytes(bytes.fromhex(value.replace("-", "")), seed)


for _kind, _type, _words in (
    ("time_hash", "time without time zone", _long),
    ("timestamp_hash", "timestamp without time zone", _long),
    ("uuid_hash", "uuid", _uuid),
):
    _register(_kind, f"{_kind}_extended", _type, _words)


def _interval(value: bytes, seed: int) -> tuple[int, int]:
    """By what intervals are compared by."""
    months, days, usecs = interval_of(value)
    span = (months * 30 + days) * 86_400_000_000 + usecs
    span &= _MASK8
    return _long(span - (1 << 64) if span >> 63 else span, seed)


_register("interval_hash", "interval_hash_extended", "interval", _interval)


@scalar("timetz_hash(time with time zone)")
def _timetz(value: int) -> int:
    usecs, offset = unpack_timetz(value)
    words = _long(usecs, 0)[1] ^ _hash_word(-offset)[1]
    return _int4((0, words))


@scalar("hash_numeric(numeric)")
def _numeric(value: str) -> int:
    """The digits of base 10,000 without zeros at the ends, and the weight."""
    data = send_numeric(value)
    count, weight, sign, _ = struct.unpack_from("!hhHH", data)
    if sign & 0xC000 == 0xC000:
        return 0
    groups = struct.unpack_from(f"!{count}h", data, 8)
    if not groups:
        return -1
    words = _hash_bytes(struct.pack(f"<{count}h", *groups))[1] ^ (weight & _MASK)
    return _int4((0, words))
