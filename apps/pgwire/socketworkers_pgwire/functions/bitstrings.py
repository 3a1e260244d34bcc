"""Bit strings: PostgreSQL 15 documentation §9.6."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..types.bits import BIT, VARBIT
from ..types.errors import SqlError, invalid_parameter
from ..types.integers import INT4
from .comparison import register_tests
from .kinds import same
from .registry import CallSite, aggregate, scalar

__all__: list[str] = []

_MAX_LENGTH = 83_886_080

register_tests("bit", "bit,bit", same, same, "bitcmp")
register_tests("varbit", "bit varying,bit varying", same, same, "varbitcmp")
scalar('"bit"(bit,integer,boolean)')(lambda a, typmod, explicit: BIT.modified(typmod).coerce(a, bool(explicit)))
scalar("varbit(bit varying,integer,boolean)")(
    lambda a, typmod, explicit: VARBIT.modified(typmod).coerce(a, bool(explicit))
)


def _joined(verb: str, join: Callable[[int, int], int]) -> Callable[[str, str], str]:
    def function(a: str, b: str) -> str:
        if len(a) != len(b):
            raise SqlError("22026", f"cannot {verb} bit strings of different sizes")
        return f"{join(int(a, 2), int(b, 2)):0{len(a)}b}" if a else ""

    return function


_JOINS: dict[str, Callable[[str, str], str]] = {
    "and": _joined("AND", lambda a, b: a & b),
    "or": _joined("OR", lambda a, b: a | b),
    "xor": _joined("XOR", lambda a, b: a ^ b),
}
for _name, _join in _JOINS.items():
    scalar(f"bit{_name}(bit,bit)")(_join)
_FLIPPED = str.maketrans("01", "10")
scalar("bitnot(bit)")(lambda a: a.translate(_FLIPPED))
scalar("bitcat(bit varying,bit varying)")(lambda a, b: a + b)
scalar("length(bit)", "bit_length(bit)")(len)
scalar("octet_length(bit)")(lambda a: (len(a) + 7) // 8)
scalar("bit_count(bit)")(lambda a: a.count("1"))


def _shift(bits: str, count: int) -> str:
    """To the left; to the right with a negative count."""
    length = len(bits)
    if count >= 0:
        return bits[count:].ljust(length, "0")
    return bits[:count].rjust(length, "0") if -count < length else "0" * length


scalar("bitshiftleft(bit,integer)")(_shift)
scalar("bitshiftright(bit,integer)")(lambda bits, count: _shift(bits, -count))


def _of_integer(width: int) -> Callable[[int, int], str]:
    def cast(value: int, length: int) -> str:
        if not 0 < length <= _MAX_LENGTH:
            length = 1
        text = f"{value & (1 << width) - 1:0{width}b}"
        # a longer one repeats the sign
        return text[-length:] if length <= width else text[0] * (length - width) + text

    return cast


scalar('"bit"(integer,integer)')(_of_integer(32))
scalar('"bit"(bigint,integer)')(_of_integer(64))


def _to_integer(width: int, name: str) -> Callable[[str], int]:
    def cast(bits: str) -> int:
        if len(bits) > width:
            raise SqlError("22003", f"{name} out of range")
        value = int(bits, 2) if bits else 0
        return value - (1 << width) if value >> width - 1 else value

    return cast


scalar("int4(bit)")(_to_integer(32, "integer"))
scalar("int8(bit)")(_to_integer(64, "bigint"))


@scalar('"substring"(bit,integer,integer)')
def _substring(bits: str, start: int, length: int) -> str:
    if length < 0:
        raise SqlError("22011", "negative substring length not allowed")
    return bits[max(start - 1, 0) : max(start + length - 1, 0)]


scalar('"substring"(bit,integer)')(lambda bits, start: bits[max(start - 1, 0) :])
scalar('"position"(bit,bit)')(lambda bits, part: bits.find(part) + 1 if bits else 0)


@scalar('"overlay"(bit,bit,integer,integer)')
def _overlay(bits: str, other: str, start: int, length: int) -> str:
    if start <= 0:
        raise SqlError("22011", "negative substring length not allowed")
    end = INT4.add(start, length)
    return bits[: start - 1] + other + bits[max(end - 1, 0) :]


scalar('"overlay"(bit,bit,integer)')(lambda bits, other, start: _overlay(bits, other, start, len(other)))


def _checked(bits: str, index: int) -> None:
    if not 0 <= index < len(bits):
        raise SqlError("2202E", f"bit index {index} out of valid range (0..{len(bits) - 1})")


@scalar("get_bit(bit,integer)")
def _get_bit(bits: str, index: int) -> int:
    _checked(bits, index)
    return int(bits[index])


@scalar("set_bit(bit,integer,integer)")
def _set_bit(bits: str, index: int, value: int) -> str:
    _checked(bits, index)
    if value not in (0, 1):
        raise invalid_parameter("new bit must be 0 or 1")
    return bits[:index] + str(value) + bits[index + 1 :]


def _state(join: Callable[[str, str], str]) -> type[Any]:
    class Bits:
        """bit_and(), bit_or(), bit_xor()."""

        __slots__ = ("_value",)

        def __init__(self, call: CallSite) -> None:
            self._value: str | None = None

        def step(self, value: str | None) -> None:
            if value is not None:
                self._value = value if self._value is None else join(self._value, value)

        def final(self) -> str | None:
            return self._value

    return Bits


for _name, _join in _JOINS.items():
    aggregate(f"bit_{_name}(bit)")(_state(_join))
