"""Values of the key-value side, as SQLite keeps them.

What SQLite has of its own (bytes, str, int of 64 bits, finite float, None) is stored as it is, so that it can be
read with any SQLite tool; the rest (bool, list, dict, larger int, inf and nan) as JSON with a kind beside it.
Pure functions; used by ``storage``.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

__all__ = ["Value", "decode", "encode"]

#: What can be stored: JSON's values (dict keys are str), and bytes at the top level.
Value = Any

NATIVE: Final = 0
JSON: Final = 1

_FIRST, _LAST = -(1 << 63), (1 << 63) - 1


def encode(value: Value) -> tuple[int, bytes | str | int | float | None]:
    """Kind and stored form of a value.

    Raises:
        TypeError: the value is of another type, or a dict has a key that is not a str.
        ValueError: it contains itself.
    """
    kind = type(value)
    if kind is bytes or kind is str or value is None:
        return NATIVE, value
    if kind is int:
        return (NATIVE, value) if _FIRST <= value <= _LAST else (JSON, str(value))
    if kind is float and math.isfinite(value):
        return NATIVE, value
    if kind is bytearray or kind is memoryview:
        return NATIVE, bytes(value)
    if isinstance(value, (bool, float, list, tuple, dict, str, int)):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        _check_keys(value)
        return JSON, text
    raise TypeError(f"a {kind.__name__} cannot be stored: bytes, str, int, float, bool, None, list and dict can")


def decode(kind: int, stored: Any) -> Value:
    """The value of what :func:`encode` made (tuples come back as lists)."""
    return stored if kind == NATIVE else json.loads(stored)


def _check_keys(value: object) -> None:
    # json would turn the key 1 into "1" in silence, and the value would come back changed.
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a dict with the key {key!r} cannot be stored: keys must be str")
            _check_keys(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_keys(item)
