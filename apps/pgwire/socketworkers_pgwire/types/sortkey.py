"""Bytes that sort as values do, one behind the other: what a key of several parts is made of. Sans-IO."""

from __future__ import annotations

import struct

__all__ = ["append_key"]

_double = struct.Struct("!d")
_SIGN = 1 << 63
_ALL = (1 << 64) - 1


def append_key(value: int | float | str | bytes, parts: list[bytes]) -> None:
    """Append the bytes of one value. Values of one kind sort as in SQLite, and numbers come before texts.

    Args:
        value: an integer of 64 bits, a number, a text without NUL, or bytes.
        parts: where to.
    """
    if isinstance(value, int):
        parts += (b"\1", (value + _SIGN).to_bytes(8))
    elif isinstance(value, float):
        bits = int.from_bytes(_double.pack(value + 0.0))  # -0 becomes 0
        parts += (b"\1", (bits ^ (_ALL if bits & _SIGN else _SIGN)).to_bytes(8))
    elif isinstance(value, str):
        parts += (b"\2", value.encode(), b"\0")
    else:
        parts += (value.replace(b"\0", b"\0\xff"), b"\0\0")
