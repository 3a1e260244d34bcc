"""Run-time parameters: SET, SHOW, RESET, and what a transaction does to them (PostgreSQL 15 documentation, chapter 20,
guc.c). Sans-IO.

The definitions are rows of PostgreSQL's pg_settings; the ones that mean nothing here can be set and shown all the same,
since clients do so. Values are texts in their canonical form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import SqlError

__all__ = ["REPORTED", "Definition", "Variables", "parse_boolean", "split_list"]

#: GUC_REPORT: clients are told when these change ("Asynchronous Operations")
REPORTED: Final = (
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
)
_REPORTED: Final = {name.lower() for name in REPORTED}
_TRUE: Final = ("true", "yes", "on", "1")
_FALSE: Final = ("false", "no", "off", "0")
_NUMBER = re.compile(
    r"\s*([+-]?(?:0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+))\s*([a-zA-Z]*)\s*"
)
_CUSTOM = re.compile(r"[A-Za-z_\x80-\U0010ffff][\w$]*(?:\.[A-Za-z_\x80-\U0010ffff][\w$]*)+")
_MEMORY = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_TIME = {"us": 1, "ms": 1000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
#: custom parameters of one session, and the length of a value
_MAX_CUSTOM = 1000
_MAX_VALUE = 1 << 20


@dataclass(frozen=True, slots=True)
class Definition:
    """A row of pg_settings."""

    name: str
    kind: str
    """vartype: ``bool``, ``integer``, ``real``, ``string``, ``enum``."""
    default: str
    """boot_val."""
    context: str = "user"
    """``internal``, ``postmaster``, ``sighup``, ``superuser-backend``, ``backend``, ``superuser``, ``user``."""
    unit: str = ""
    least: str = ""
    most: str = ""
    choices: tuple[str, ...] = ()
    category: str = ""
    description: str = ""
    details: str = ""


class Variables:
    """The parameters of one session.

    Args:
        definitions: by name in lower case; shared.
        defaults: of the server or the database, over those of the definitions.
    """

    __slots__ = ("_definitions", "_local", "_saved", "_session", "_start", "changed")

    def __init__(self, definitions: Mapping[str, Definition], defaults: Mapping[str, str]) -> None:
        self._definitions = definitions
        self._start = {name.lower(): value for name, value in defaults.items()}
        #: dictionaries that are replaced, never changed: a snapshot of them is two references
        self._session: dict[str, str] = {}
        self._local: dict[str, str] = {}
        self._saved: list[tuple[dict[str, str], dict[str, str]]] = []
        self.changed: set[str] = set()
        """Names in lower case of those that may have changed since the owner looked."""

    # Reading

    def definition(self, name: str) -> Definition | None:
        """What is known of a parameter."""
        return self._definitions.get(name.lower())

    def get(self, name: str) -> str:
        """The value of a parameter that there is."""
        key = name.lower()
        for values in (self._local, self._session, self._start):
            if key in values:
                return values[key]
        return self._definitions[key].default

    def show(self, name: str, missing_ok: bool = False) -> str | None:
        """SHOW and current_setting().

        Raises:
            SqlError: 42704 there is none.
        """
        key = name.lower()
        if key not in self._definitions and not any(key in each for each in (self._local, self._session, self._start)):
            if missing_ok:
                return None
            raise _unknown(name)
        return self.spelled(name)

    def spelled(self, name: str) -> str:
        """A value as SHOW writes it: numbers with the largest unit that fits."""
        value = self.get(name)
        definition = self.definition(name)
        if definition is None or not definition.unit or definition.kind not in ("integer", "real"):
            return value
        return _with_unit(value, definition.unit)

    def names(self) -> Sequence[str]:
        """Of all, in the order of SHOW ALL."""
        custom = {name for values in (self._session, self._local) for name in values} - set(self._definitions)
        return sorted([each.name for each in self._definitions.values()] + sorted(custom), key=str.lower)

    def source(self, name: str) -> str:
        """pg_settings.source."""
        key = name.lower()
        if key in self._local or key in self._session:
            return "session"
        return "default" if key not in self._start else "configuration file"

    def reset_value(self, name: str) -> str:
        """What RESET brings back."""
        key = name.lower()
        if key in self._start:
            return self._start[key]
        return self._definitions[key].default if key in self._definitions else ""

    # Changing

    def begin(self, settings: Mapping[str, str]) -> None:
        """Those of the startup message: RESET comes back to them.

        Raises:
            SqlError: 42704, 22023, 55P02.
        """
        for name, value in settings.items():
            self._start[name.lower()] = self._checked(name, value, starting=True)
            self.changed.add(name.lower())

    def set(self, name: str, value: str | None, local: bool = False) -> str:
        """SET, SET LOCAL; None is RESET. Gives the new value.

        Raises:
            SqlError: 42704 there is none, 22023 it cannot have this value, 55P02 it cannot be changed now.
        """
        key = name.lower()
        if value is None:
            definition = self._definitions.get(key)
            if definition is None and key not in self._session and key not in self._local and key not in self._start:
                if "." not in name:
                    raise _unknown(name)
                return ""
            if definition is not None:
                _check_context(definition)
            self._session = {each: kept for each, kept in self._session.items() if each != key}
            self._local = {each: kept for each, kept in self._local.items() if each != key}
            self.changed.add(key)
            return self.reset_value(name)
        checked = self._checked(name, value)
        if local:
            self._local = {**self._local, key: checked}
        else:
            self._session = {**self._session, key: checked}
            if key in self._local:
                self._local = {each: kept for each, kept in self._local.items() if each != key}
        self.changed.add(key)
        return checked

    def reset_all(self) -> None:
        """RESET ALL."""
        self.changed |= set(self._session) | set(self._local)
        kept = {
            name: value
            for name, value in self._session.items()
            if name
            in (
                "role",
                "session_authorization",
                "transaction_isolation",
                "transaction_read_only",
                "transaction_deferrable",
            )
        }
        self._session, self._local = kept, {}

    def _checked(self, name: str, value: str, starting: bool = False) -> str:
        definition = self._definitions.get(name.lower())
        if len(value) > _MAX_VALUE:
            raise SqlError("22023", f'invalid value for parameter "{name}": too long')
        if definition is None:
            if not _CUSTOM.fullmatch(name):
                if "." in name:
                    raise SqlError(
                        "42602",
                        f'invalid configuration parameter name "{name}"',
                        detail="Custom parameter names must be two or more simple identifiers separated by dots.",
                    )
                raise _unknown(name)
            if len(self._session) + len(self._local) > _MAX_CUSTOM + len(self._definitions):
                raise SqlError("53400", "too many parameters are set")
            return value
        _check_context(definition, starting)
        return check_value(definition, value)

    # Transactions

    def save(self) -> int:
        """A transaction or a savepoint begins; the number is for `restore` and `merge`."""
        self._saved.append((self._session, self._local))
        return len(self._saved) - 1

    @property
    def unsaved(self) -> bool:
        """Whether anything was set since the transaction began."""
        if not self._saved:
            return False
        session, local = self._saved[0]
        return session is not self._session or local is not self._local

    def restore(self, number: int, *, keep: bool = False) -> None:
        """It was undone, with all behind it; the savepoint itself stays with `keep`."""
        if number >= len(self._saved):
            return
        session, local = self._saved[number]
        self.changed |= _different(session, self._session) | _different(local, self._local)
        self._session, self._local = session, local
        del self._saved[number + keep :]

    def merge(self, number: int) -> None:
        """It ended well, with all behind it."""
        del self._saved[number:]

    def commit(self) -> None:
        """The transaction ended well: SET LOCAL is over."""
        self._saved.clear()
        if self._local:
            self.changed |= set(self._local)
            self._local = {}

    # What clients are told

    @staticmethod
    def reported(name: str) -> str | None:
        """The name in the spelling of ParameterStatus, None for one that is not reported."""
        if name.lower() not in _REPORTED:
            return None
        return next(each for each in REPORTED if each.lower() == name.lower())


def _different(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    if before is after:
        return set()
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def _unknown(name: str) -> SqlError:
    return SqlError("42704", f'unrecognized configuration parameter "{name}"')


def _check_context(definition: Definition, starting: bool = False) -> None:
    context, name = definition.context, definition.name
    if context == "internal":
        raise SqlError("55P02", f'parameter "{name}" cannot be changed')
    if context == "postmaster":
        raise SqlError("55P02", f'parameter "{name}" cannot be changed without restarting the server')
    if context == "sighup":
        raise SqlError("55P02", f'parameter "{name}" cannot be changed now')
    if context in ("backend", "superuser-backend") and not starting:
        raise SqlError("55P02", f'parameter "{name}" cannot be set after connection start')


def parse_boolean(text: str) -> bool | None:
    """A boolean as parameters take it: any unambiguous beginning of its words; None for what is none."""
    lowered = text.strip().lower()
    if not lowered:
        return None
    if lowered == "o":
        return None
    if any(word.startswith(lowered) for word in _TRUE):
        return True
    if any(word.startswith(lowered) for word in _FALSE):
        return False
    return None


def check_value(definition: Definition, value: str) -> str:
    """The canonical form of a value.

    Raises:
        SqlError: 22023.
    """
    name, kind = definition.name, definition.kind
    if kind == "bool":
        truth = parse_boolean(value)
        if truth is None:
            raise SqlError("22023", f'parameter "{name}" requires a Boolean value')
        return "on" if truth else "off"
    if kind == "enum":
        lowered = value.lower()
        for choice in definition.choices:
            if choice.lower() == lowered:
                return choice
        hidden = _HIDDEN_CHOICES.get(name, {}).get(lowered)
        if hidden is not None:
            return hidden
        raise SqlError(
            "22023",
            f'invalid value for parameter "{name}": "{value}"',
            hint=f"Available values: {', '.join(definition.choices)}.",
        )
    if kind in ("integer", "real"):
        return _check_number(definition, value)
    return value


#: GUC enums take words that pg_settings does not list
_HIDDEN_CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    name: {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"}
    for name in ("synchronous_commit", "backslash_quote", "constraint_exclusion", "huge_pages", "force_parallel_mode")
} | {"client_min_messages": {"debug": "debug2", "info": "info"}, "log_min_messages": {"debug": "debug2"}}


def _check_number(definition: Definition, value: str) -> str:
    name, integer = definition.name, definition.kind == "integer"
    match = _NUMBER.fullmatch(value)
    if match is None:
        raise SqlError("22023", f'invalid value for parameter "{name}": "{value}"')
    digits, unit = match.groups()
    number = float(int(digits, 16)) if "x" in digits.lower() else float(digits)
    if unit:
        base = definition.unit
        factors = _factors(base)
        if unit not in factors:
            known = (
                'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".'
                if _is_memory(base)
                else 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".'
            )
            raise SqlError("22023", f'invalid value for parameter "{name}": "{value}"', hint=known if base else None)
        number = number * factors[unit] / _base(base)
    if integer:
        rounded = round(number)
        if not -(1 << 31) <= rounded < 1 << 31:
            raise SqlError(
                "22023", f'invalid value for parameter "{name}": "{value}"', hint="Value exceeds integer range."
            )
        text, number = str(rounded), rounded
    else:
        text = repr(number).removesuffix(".0")
    if definition.least and not float(definition.least) <= number <= float(definition.most):
        unit_text = f" {definition.unit}" if definition.unit else ""
        raise SqlError(
            "22023",
            f"{text}{unit_text} is outside the valid range for parameter "
            f'"{name}" ({definition.least} .. {definition.most})',
        )
    return text


def _is_memory(unit: str) -> bool:
    return unit.endswith("B")


def _factors(unit: str) -> Mapping[str, int]:
    if not unit:
        return {}
    return _MEMORY if _is_memory(unit) else _TIME


def _base(unit: str) -> float:
    """What one of a parameter's unit (``8kB``, ``ms``) is, in bytes or microseconds."""
    digits = re.match(r"[0-9]*", unit)
    assert digits is not None
    count = int(digits[0]) if digits[0] else 1
    return count * _factors(unit)[unit[len(digits[0]) :]]


def _with_unit(value: str, unit: str) -> str:
    number = float(value)
    if number <= 0:
        return value + ("" if number <= 0 else unit)
    total = number * _base(unit)
    for name, factor in sorted(_factors(unit).items(), key=lambda each: -each[1]):
        if total >= factor and total % factor == 0:
            return f"{int(total // factor)}{name}"
    return value + unit


def split_list(value: str) -> list[str]:
    """The names of a list like search_path: folded unless quoted (SplitIdentifierString).

    Raises:
        SqlError: 22023, it is no list of names.
    """
    names: list[str] = []
    position, length = 0, len(value)
    while position < length and value[position].isspace():
        position += 1
    if position == length:
        return []
    while True:
        if value[position : position + 1] == '"':
            parts: list[str] = []
            while True:
                end = value.find('"', position + 1)
                if end < 0:
                    raise SqlError("22023", "List syntax is invalid.")
                parts.append(value[position + 1 : end])
                position = end + 1
                if value[position : position + 1] != '"':
                    break
                parts.append('"')
            names.append("".join(parts))
        else:
            start = position
            while position < length and value[position] != "," and not value[position].isspace():
                position += 1
            if start == position:
                raise SqlError("22023", "List syntax is invalid.")
            names.append(value[start:position].translate(_FOLD))
        while position < length and value[position].isspace():
            position += 1
        if position == length:
            return names
        if value[position] != ",":
            raise SqlError("22023", "List syntax is invalid.")
        position += 1
        while position < length and value[position].isspace():
            position += 1


_FOLD: Final = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def definitions(rows: Iterable[Sequence[str | None]]) -> dict[str, Definition]:
    """Of rows (name, vartype, boot_val, context, unit, min_val, max_val, enumvals, category, short_desc, extra_desc);
    enumvals with commas between them."""
    made = {}
    for row in rows:
        name, kind, default, context, unit, least, most, choices, category, description, details = [
            value or "" for value in row
        ]
        made[name.lower()] = Definition(
            name,
            kind,
            default,
            context,
            unit,
            least,
            most,
            tuple(choices.split(",")) if choices else (),
            category,
            description,
            details,
        )
    return made
