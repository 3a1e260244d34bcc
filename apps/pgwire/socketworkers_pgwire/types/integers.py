"""int2, int4, int8: PostgreSQL 15 documentation §8.1.1, §9.3. Stored as INTEGER. Sans-IO."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from .base import Type, exactly
from .errors import SqlError, division_by_zero, invalid_input, out_of_range
from .settings import DEFAULT, Settings

__all__ = ["INT2", "INT4", "INT8", "Integer"]

_INTEGER = re.compile(r"[ \t-\r]*([+-]?)0*([0-9]+)[ \t-\r]*", re.ASCII)
_START = re.compile(r"[ \t-\r]*[+-]?0*([0-9]+)", re.ASCII)


class Integer(Type[int]):
    """A signed integer of two, four or eight bytes."""

    __slots__ = ("_pack", "_short", "_unpack", "maximum", "minimum")

    def __init__(
        self, oid: int, typname: str, name: str, array_oid: int, size: int, format: str, *, preferred: bool = False
    ) -> None:
        super().__init__(oid, typname, name, array_oid, size, "N", "INTEGER", preferred=preferred)
        self.maximum = (1 << size * 8 - 1) - 1
        self.minimum = -1 - self.maximum
        self._short = len(str(self.maximum)) - 1  # so many digits always fit
        self._pack = struct.Struct(format).pack
        self._unpack = struct.Struct(format).unpack

    def input(self, text: str, settings: Settings = DEFAULT) -> int:
        if len(text) <= self._short and text.isdigit() and text.isascii():
            return int(text)
        match = _INTEGER.fullmatch(text)
        if match is None:
            raise self._refused(text)
        sign, digits = match.groups()
        # the length first: int() of many digits takes long
        if len(digits) <= 19:
            value = int(sign + digits)
            if self.minimum <= value <= self.maximum:
                return value
        raise SqlError("22003", f'value "{text}" is out of range for type {self.name}')

    def decode(self, data: bytes, binary: bool, settings: Settings = DEFAULT) -> int:
        if not binary and len(data) <= self._short and (data.isdigit() or (data[:1] == b"-" and data[1:].isdigit())):
            return int(data)
        return super().decode(data, binary, settings)

    def input_column(self, texts: Sequence[str | None], settings: Settings = DEFAULT) -> list[int | None]:
        if None in texts:
            return super().input_column(texts, settings)
        together = "".join(texts).replace("-", "")  # type: ignore[arg-type]
        try:
            if together.isdigit() and together.isascii():
                values: list[int | None] = list(map(int, texts))  # type: ignore[arg-type]
                if self.minimum <= min(values) and max(values) <= self.maximum:  # type: ignore[type-var, operator]
                    return values
        except ValueError:
            pass  # it is told below which one
        return super().input_column(texts, settings)

    def _refused(self, text: str) -> SqlError:
        """Digits that are too many, of either sign, are told before what stands behind them."""
        start = _START.match(text)
        if start is not None and int(start[1][:25]) > -self.minimum:
            return SqlError("22003", f'value "{text}" is out of range for type {self.name}')
        return invalid_input(self.name, text)

    def receive(self, data: bytes, settings: Settings = DEFAULT) -> int:
        value: int = self._unpack(exactly(data, self.typlen))[0]
        return value

    def send(self, stored: int) -> bytes:
        return self._pack(stored)

    def encode_column(
        self, values: Sequence[int | None], settings: Settings = DEFAULT, binary: bool = False
    ) -> list[bytes | None]:
        if binary:
            pack = self._pack
            return [None if value is None else pack(value) for value in values]
        return [None if value is None else b"%d" % value for value in values]

    # arithmetic: documentation §9.3, table 9.4

    def checked(self, value: int) -> int:
        """`value`, when the type holds it.

        Raises:
            SqlError: 22003.
        """
        if self.minimum <= value <= self.maximum:
            return value
        raise out_of_range(self.name)

    def add(self, a: int, b: int) -> int:
        """`a + b`, or 22003."""
        return self.checked(a + b)

    def subtract(self, a: int, b: int) -> int:
        """`a - b`, or 22003."""
        return self.checked(a - b)

    def multiply(self, a: int, b: int) -> int:
        """`a * b`, or 22003."""
        return self.checked(a * b)

    def divide(self, a: int, b: int) -> int:
        """`a / b`, which cuts toward zero; 22012 for a zero, 22003 for the smallest by -1."""
        if not b:
            raise division_by_zero()
        quotient = abs(a) // abs(b)
        return self.checked(quotient if (a < 0) == (b < 0) else -quotient)

    def modulo(self, a: int, b: int) -> int:
        """`a % b`, with the sign of `a`; 22012 for a zero."""
        if not b:
            raise division_by_zero()
        rest = abs(a) % abs(b)
        return -rest if a < 0 else rest

    def negate(self, a: int) -> int:
        """`-a`, or 22003."""
        return self.checked(-a)

    def absolute(self, a: int) -> int:
        """`abs(a)`, or 22003."""
        return self.checked(abs(a))


INT2 = Integer(21, "int2", "smallint", 1005, 2, "!h")
INT4 = Integer(23, "int4", "integer", 1007, 4, "!i")
INT8 = Integer(20, "int8", "bigint", 1016, 8, "!q")
