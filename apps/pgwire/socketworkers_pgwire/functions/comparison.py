"""Comparison: PostgreSQL 15 documentation §9.2, operators and the support functions of btree operator classes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from ..types import BY_NAME
from ..types.calendar import DATE_INFINITY, DATE_MINUS_INFINITY, INFINITY, MINUS_INFINITY, USECS_PER_DAY, USECS_PER_SEC
from ..types.numeric import numeric_key
from .context import Execution
from .kinds import float_key, same
from .registry import CallSite, scalar

__all__ = ["register_choices", "register_tests"]

Key = Callable[[Any], Any]

_SIX: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


def _tests(left: Key, right: Key, test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], int]:
    if left is same and right is same:
        return lambda a, b: 1 if test(a, b) else 0
    return lambda a, b: 1 if test(left(a), right(b)) else 0


def _three_way(a: Any, b: Any) -> int:
    return 1 if a > b else -1 if a < b else 0


def _compares(left: Key, right: Key) -> Callable[[Any, Any], int]:
    def compare(a: Any, b: Any) -> int:
        return _three_way(left(a), right(b))

    return compare


def _chooses(key: Key, larger: bool, first: bool = False) -> Callable[[Any, Any], Any]:
    """Of two equal values, which may be spelled differently, the second, or the `first`."""
    if first:
        return (lambda a, b: a if key(a) >= key(b) else b) if larger else (lambda a, b: a if key(a) <= key(b) else b)
    return (lambda a, b: a if key(a) > key(b) else b) if larger else (lambda a, b: a if key(a) < key(b) else b)


def register_tests(stem: str, types: str, left: Key, right: Key, compare: str = "") -> None:
    """The six operators, named ``stem`` and two letters, and the comparison with three answers."""
    for suffix, test in _SIX.items():
        scalar(f"{stem}{suffix}({types})")(_tests(left, right, test))
    if compare:
        scalar(f"{compare}({types})")(_compares(left, right))


def register_choices(stem: str, kind: str, key: Key) -> None:
    first = kind == "character"
    scalar(f"{stem}larger({kind},{kind})")(_chooses(key, True, first))
    scalar(f"{stem}smaller({kind},{kind})")(_chooses(key, False, first))


def _trimmed(stored: str) -> str:
    return stored.rstrip(" ")


def _order(typname: str) -> Key:
    return BY_NAME[typname].order


_INTEGERS = {"2": "smallint", "4": "integer", "8": "bigint"}
for _a, _first in _INTEGERS.items():
    for _b, _second in _INTEGERS.items():
        _pair = _a if _a == _b else _a + _b
        register_tests(f"int{_pair}", f"{_first},{_second}", same, same, f"btint{_pair}cmp")
    register_choices(f"int{_a}", _first, same)
_FLOATS = {"4": "real", "8": "double precision"}
for _a, _first in _FLOATS.items():
    for _b, _second in _FLOATS.items():
        _pair = _a if _a == _b else _a + _b
        register_tests(f"float{_pair}", f"{_first},{_second}", float_key, float_key, f"btfloat{_pair}cmp")
    register_choices(f"float{_a}", _first, float_key)

_PLAIN: tuple[tuple[str, str, Key, str], ...] = (
    ("bool", "boolean", same, "btboolcmp"),
    ("char", '"char"', same, "btcharcmp"),
    ("name", "name", same, "btnamecmp"),
    ("oid", "oid", same, "btoidcmp"),
    ("oidvector", "oidvector", _order("oidvector"), "btoidvectorcmp"),
    ("tid", "tid", same, "bttidcmp"),
    ("bpchar", "character", _trimmed, "bpcharcmp"),
    ("bytea", "bytea", same, "byteacmp"),
    ("numeric_", "numeric", numeric_key, "numeric_cmp"),
    ("date_", "date", same, "date_cmp"),
    ("time_", "time without time zone", same, "time_cmp"),
    ("timetz_", "time with time zone", same, "timetz_cmp"),
    ("timestamp_", "timestamp without time zone", same, "timestamp_cmp"),
    ("timestamptz_", "timestamp with time zone", same, "timestamptz_cmp"),
    ("interval_", "interval", _order("interval"), "interval_cmp"),
    ("uuid_", "uuid", same, "uuid_cmp"),
    ("jsonb_", "jsonb", _order("jsonb"), "jsonb_cmp"),
    ("xid8", "xid8", _order("xid8"), "xid8cmp"),
)
for _stem, _name, _key, _compare in _PLAIN:
    register_tests(_stem, f"{_name},{_name}", _key, _key, _compare)
for _stem, _name, _key in (
    ("oid", "oid", same),
    ("tid", "tid", same),
    ("bpchar_", "character", _trimmed),
    ("numeric_", "numeric", numeric_key),
    ("date_", "date", same),
    ("time_", "time without time zone", same),
    ("timetz_", "time with time zone", same),
    ("timestamp_", "timestamp without time zone", same),
    ("timestamptz_", "timestamp with time zone", same),
    ("interval_", "interval", _order("interval")),
    ("xid8_", "xid8", _order("xid8")),
):
    register_choices(_stem, _name, _key)

# text has underscores in four of its six names
for _suffix, _test in _SIX.items():
    _underscore = "" if _suffix in ("eq", "ne") else "_"
    scalar(f"text{_underscore}{_suffix}(text,text)")(_tests(same, same, _test))
    if _underscore:
        scalar(f"text_pattern_{_suffix}(text,text)")(_tests(same, same, _test))
        scalar(f"bpchar_pattern_{_suffix}(character,character)")(_tests(_trimmed, _trimmed, _test))
    scalar(f"name{_suffix}text(name,text)")(_tests(same, same, _test))
    scalar(f"text{_suffix}name(text,name)")(_tests(same, same, _test))
register_choices("text_", "text", same)
for _signature in (
    "bttextcmp(text,text)",
    "bttext_pattern_cmp(text,text)",
    "btnametextcmp(name,text)",
    "bttextnamecmp(text,name)",
):
    scalar(_signature)(_compares(same, same))
scalar("btbpchar_pattern_cmp(character,character)")(_compares(_trimmed, _trimmed))
scalar("xideq(xid,xid)", "cideq(cid,cid)")(_tests(same, same, operator.eq))
scalar("xidneq(xid,xid)")(_tests(same, same, operator.ne))
scalar("xideqint4(xid,integer)")(lambda a, b: int(a == b & 0xFFFF_FFFF))
scalar("xidneqint4(xid,integer)")(lambda a, b: int(a != b & 0xFFFF_FFFF))
scalar("starts_with(text,text)")(lambda text, start: 1 if text.startswith(start) else 0)


def _wall_of_date(days: int) -> int:
    """A date beside timestamps: one that is too late for a timestamp is still before infinity."""
    if days == DATE_INFINITY:
        return INFINITY
    return MINUS_INFINITY if days == DATE_MINUS_INFINITY else min(days * USECS_PER_DAY, INFINITY - 1)


def _instant_of_wall(execution: Execution, wall: int) -> int:
    if wall in (INFINITY, MINUS_INFINITY):
        return wall
    return min(wall - execution.settings.timezone.offset_of(wall // USECS_PER_SEC) * USECS_PER_SEC, INFINITY - 1)


def _instant_of_date(execution: Execution, days: int) -> int:
    wall = _wall_of_date(days)
    return wall if wall == INFINITY - 1 else _instant_of_wall(execution, wall)


def _zoned_tests(
    left: Callable[[Execution, int], int], right: Callable[[Execution, int], int], test: Callable[[Any, Any], Any]
) -> Callable[[Execution, int, int], int]:
    return lambda execution, a, b: int(test(left(execution, a), right(execution, b)))


def _as_instant(execution: Execution, instant: int) -> int:
    return instant


_TIMESTAMP, _TIMESTAMPTZ = "timestamp without time zone", "timestamp with time zone"
for _suffix, _test_any in (*_SIX.items(), ("cmp", _three_way)):
    for _signature, _left, _right in (
        (f"date_{_suffix}_timestamp(date,{_TIMESTAMP})", _wall_of_date, same),
        (f"timestamp_{_suffix}_date({_TIMESTAMP},date)", same, _wall_of_date),
    ):
        scalar(_signature)(lambda a, b, t=_test_any, f=_left, g=_right: int(t(f(a), g(b))))
    for _signature, _before, _behind in (
        (f"date_{_suffix}_timestamptz(date,{_TIMESTAMPTZ})", _instant_of_date, _as_instant),
        (f"timestamptz_{_suffix}_date({_TIMESTAMPTZ},date)", _as_instant, _instant_of_date),
        (f"timestamp_{_suffix}_timestamptz({_TIMESTAMP},{_TIMESTAMPTZ})", _instant_of_wall, _as_instant),
        (f"timestamptz_{_suffix}_timestamp({_TIMESTAMPTZ},{_TIMESTAMP})", _as_instant, _instant_of_wall),
    ):
        scalar(_signature, context=True)(_zoned_tests(_before, _behind, _test_any))


def _polymorphic(test: Callable[[Any, Any], Any], *, equality: bool) -> Callable[[CallSite], Callable[..., int]]:
    def bind(call: CallSite) -> Callable[..., int]:
        kind = call.arguments[0]
        key = kind.equality if equality else kind.order
        return lambda a, b: int(test(key(a), key(b)))

    return bind


def _polymorphic_choice(larger: bool) -> Callable[[CallSite], Callable[..., Any]]:
    return lambda call: _chooses(call.arguments[0].order, larger)


for _stem, _name in (("array_", "anyarray"), ("enum_", "anyenum")):
    for _suffix, _test in _SIX.items():
        _bound = _polymorphic(_test, equality=_suffix in ("eq", "ne"))
        scalar(f"{_stem}{_suffix}({_name},{_name})", bind=True)(_bound)
    _compare = "btarraycmp" if _name == "anyarray" else "enum_cmp"
    scalar(f"{_compare}({_name},{_name})", bind=True)(_polymorphic(_three_way, equality=False))
    scalar(f"{_stem}larger({_name},{_name})", bind=True)(_polymorphic_choice(True))
    scalar(f"{_stem}smaller({_name},{_name})", bind=True)(_polymorphic_choice(False))

for _stem, _name in (("range_", "anyrange"), ("multirange_", "anymultirange")):
    for _suffix, _test in _SIX.items():
        _bound = _polymorphic(_test, equality=_suffix in ("eq", "ne"))
        scalar(f"{_stem}{_suffix}({_name},{_name})", bind=True)(_bound)
    scalar(f"{_stem}cmp({_name},{_name})", bind=True)(_polymorphic(_three_way, equality=False))


def _count_nulls(wanted: bool) -> Callable[[CallSite], Callable[..., int | None]]:
    def bind(call: CallSite) -> Callable[..., int | None]:
        load = call.arguments[-1].load if call.variadic else None

        def count(*values: Any) -> int | None:
            if load is not None:
                if values[0] is None:
                    return None
                values = tuple(load(values[0]).items)
            return sum((value is None) == wanted for value in values)

        return count

    return bind


scalar('num_nulls("any")', bind=True)(_count_nulls(True))
scalar('num_nonnulls("any")', bind=True)(_count_nulls(False))
