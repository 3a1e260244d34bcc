"""Functions of pg_proc that SQLite calculates by itself and equally, as SQL.

A template gets the SQL of the arguments. Those that say an argument twice are only used where all arguments are
simple: columns, parameters, constants; nested ones would double with every level.
"""

from __future__ import annotations

from collections.abc import Callable

from .literals import raise_error

__all__ = ["SIMPLE_TEMPLATES", "TEMPLATES"]

Template = Callable[..., str]

_BOUNDS = {
    "smallint": (-(1 << 15), (1 << 15) - 1),
    "integer": (-(1 << 31), (1 << 31) - 1),
    "bigint": (-(1 << 63), (1 << 63) - 1),
}
#: between the name of a type and its functions
_NAMES = {"smallint": "int2", "integer": "int4", "bigint": "int8"}
_DIVISION_BY_ZERO = raise_error("22012", "division by zero")

TEMPLATES: dict[str, Template] = {}
"""By signature; each argument is said once."""
SIMPLE_TEMPLATES: dict[str, Template] = {}
"""By signature; arguments are said more than once."""


def _bounded(name: str, value: str) -> str:
    error = raise_error("22003", f"{name} out of range")
    if name == "bigint":
        return f"CASE typeof({value}) WHEN 'real' THEN {error} ELSE {value} END"
    low, high = _BOUNDS[name]
    return f"CASE WHEN {value} NOT BETWEEN {low} AND {high} THEN {error} ELSE {value} END"


def _arithmetic(name: str, sign: str) -> Template:
    return lambda a, b: _bounded(name, f"({a}{sign}{b})")


def _modulo(a: str, b: str) -> str:
    return f"CASE {b} WHEN 0 THEN {_DIVISION_BY_ZERO} WHEN -1 THEN 0*{a} ELSE {a}%{b} END"


def _divide(name: str) -> Template:
    low = "(-9223372036854775807-1)" if name == "bigint" else str(_BOUNDS[name][0])
    error = raise_error("22003", f"{name} out of range")
    return lambda a, b: (
        f"CASE WHEN {b}=0 THEN {_DIVISION_BY_ZERO} WHEN {b}=-1 AND {a}={low} THEN {error} ELSE {a}/{b} END"
    )


def _negate(name: str) -> Template:
    low = "(-9223372036854775807-1)" if name == "bigint" else str(_BOUNDS[name][0])
    error = raise_error("22003", f"{name} out of range")
    return lambda a: f"CASE {a} WHEN {low} THEN {error} ELSE -{a} END"


def _absolute(name: str) -> Template:
    low = "(-9223372036854775807-1)" if name == "bigint" else str(_BOUNDS[name][0])
    error = raise_error("22003", f"{name} out of range")
    return lambda a: f"CASE {a} WHEN {low} THEN {error} ELSE abs({a}) END"


def _integers() -> None:
    wider = {"smallint": 0, "integer": 1, "bigint": 2}
    for left in wider:
        for right in wider:
            result = left if wider[left] >= wider[right] else right
            prefix = _NAMES[left] if left == right else f"int{_NAMES[left][3]}{_NAMES[right][3]}"
            for name, sign in (("pl", "+"), ("mi", "-"), ("mul", "*")):
                SIMPLE_TEMPLATES[f"{prefix}{name}({left},{right})"] = _arithmetic(result, sign)
            SIMPLE_TEMPLATES[f"{prefix}div({left},{right})"] = _divide(result)
    for kind, name in _NAMES.items():
        SIMPLE_TEMPLATES[f"{name}mod({kind},{kind})"] = _modulo
        SIMPLE_TEMPLATES[f"mod({kind},{kind})"] = _modulo
        SIMPLE_TEMPLATES[f"{name}um({kind})"] = _negate(kind)
        SIMPLE_TEMPLATES[f"{name}abs({kind})"] = _absolute(kind)
        SIMPLE_TEMPLATES[f"abs({kind})"] = _absolute(kind)
        TEMPLATES[f"{name}up({kind})"] = _same
        TEMPLATES[f"{name}and({kind},{kind})"] = lambda a, b: f"({a}&{b})"
        TEMPLATES[f"{name}or({kind},{kind})"] = lambda a, b: f"({a}|{b})"
        TEMPLATES[f"{name}not({kind})"] = lambda a: f"(~{a})"
        TEMPLATES[f"text({kind})"] = _text
        TEMPLATES[f"numeric({kind})"] = _text
        TEMPLATES[f"float8({kind})"] = lambda a: f"CAST({a} AS REAL)"
    for target in ("smallint", "integer"):
        for source in wider:
            if wider[source] > wider[target]:
                low, high = _BOUNDS[target]
                error = raise_error("22003", f"{target} out of range")
                SIMPLE_TEMPLATES[f"{_NAMES[target]}({source})"] = _narrowed(low, high, error)
    for signature in ("int4(smallint)", "int8(smallint)", "int8(integer)", "int8(oid)", "int4(boolean)"):
        TEMPLATES[signature] = _same


def _narrowed(low: int, high: int, error: str) -> Template:
    return lambda a: f"CASE WHEN {a} NOT BETWEEN {low} AND {high} THEN {error} ELSE {a} END"


def _same(a: str) -> str:
    return a


def _text(a: str) -> str:
    return f"CAST({a} AS TEXT)"


_integers()
TEMPLATES.update(
    {
        "bool(integer)": lambda a: f"({a}<>0)",
        "textcat(text,text)": lambda a, b: f"({a}||{b})",
        "length(text)": lambda a: f"length({a})",
        "char_length(text)": lambda a: f"length({a})",
        "character_length(text)": lambda a: f"length({a})",
        "octet_length(text)": lambda a: f"octet_length({a})",
        "octet_length(bytea)": lambda a: f"length({a})",
        "length(bytea)": lambda a: f"length({a})",
        "text(name)": _same,
        "replace(text,text,text)": lambda a, b, c: f"replace({a},{b},{c})",
    }
)
