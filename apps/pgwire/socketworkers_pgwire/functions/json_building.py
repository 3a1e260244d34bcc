"""JSON made of values: PostgreSQL 15 documentation §9.16, table 9.47, and the aggregates of §9.21.

A jsonb is what its input makes of the text that the function of json gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..types import AnyType, Array, RecordType, Settings
from ..types import datetime_math as dm
from ..types.array import ArrayType
from ..types.calendar import (
    DATE_INFINITY,
    DATE_MINUS_INFINITY,
    INFINITY,
    MINUS_INFINITY,
    USECS_PER_SEC,
)
from ..types.datetime_output import iso_timestamp
from ..types.errors import SqlError, invalid_parameter
from ..types.json import JSONB
from ..types.json_text import quote
from .context import Execution
from .kinds import BY_SQL_NAME
from .registry import CallSite, aggregate, scalar
from .strings import MAX_RESULT, too_large

__all__ = ["Spelling", "spelling"]

Spelling = Callable[[Any, Settings], str]

_NUMBERS = {"int2", "int4", "int8", "float4", "float8", "numeric"}
_FIRST_AD = -730_119  # days: 0001-01-01
_TEXTS = BY_SQL_NAME["text[]"]
_PRETTY_BREAK = ",\n "


def _number(kind: AnyType) -> Spelling:
    def spell(value: Any, settings: Settings) -> str:
        text: str = kind.output(value, settings)
        return text if text[-1].isdigit() else quote(text)  # NaN and the infinities are none in JSON

    return spell


def _zone(offset: int) -> str:
    hours, rest = divmod(abs(offset), 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{'-' if offset < 0 else '+'}{hours:02d}:{minutes:02d}"
    return f"{text}:{seconds:02d}" if seconds else text


def _moment(zoned: bool) -> Spelling:
    """ISO 8601, whatever DateStyle says."""

    def spell(value: int, settings: Settings) -> str:
        if value in (INFINITY, MINUS_INFINITY):
            return '"infinity"' if value > 0 else '"-infinity"'
        suffix = ""
        if zoned:
            suffix = _zone(settings.timezone.offset_at(value // USECS_PER_SEC))
            value = dm.local_of(value, settings.timezone)
        era = " BC" if value < _FIRST_AD * 86_400 * USECS_PER_SEC else ""
        return f'"{iso_timestamp(value).replace(" ", "T")}{suffix}{era}"'

    return spell


def _date(value: int, settings: Settings) -> str:
    if value in (DATE_INFINITY, DATE_MINUS_INFINITY):
        return '"infinity"' if value > 0 else '"-infinity"'
    era = " BC" if value < _FIRST_AD else ""
    return f'"{iso_timestamp(value * 86_400 * USECS_PER_SEC).partition(" ")[0]}{era}"'


def _array(kind: ArrayType, pretty: bool) -> Spelling:
    spell_item = spelling(kind.element)

    def spell(stored: str, settings: Settings) -> str:
        array = kind.load(stored)
        if not array.items:
            return "[]"
        texts = ["null" if item is None else spell_item(item, settings) for item in array.items]
        for depth, length in enumerate(reversed(array.lengths)):
            comma = _PRETTY_BREAK if pretty and depth == len(array.lengths) - 1 else ","
            texts = [f"[{comma.join(texts[start : start + length])}]" for start in range(0, len(texts), length)]
        return texts[0]

    return spell


def _record(kind: RecordType, pretty: bool) -> Spelling:
    fields = [(quote(name), spelling(each)) for name, each in zip(kind.names, kind.fields, strict=True)]

    def spell(stored: str, settings: Settings) -> str:
        values = kind.load(stored)
        comma = _PRETTY_BREAK if pretty else ","
        return (
            "{"
            + comma.join(
                [
                    f"{name}:{'null' if value is None else each(value, settings)}"
                    for (name, each), value in zip(fields, values, strict=True)
                ]
            )
            + "}"
        )

    return spell


def spelling(kind: AnyType, *, pretty: bool = False) -> Spelling:
    """How values of a type are written in JSON.

    Args:
        kind: the type.
        pretty: whether the outermost level of an array or a row has its parts on lines of their own.
    """
    name = kind.typname
    if name == "bool":
        return lambda value, settings: "true" if value else "false"
    if name in _NUMBERS:
        return _number(kind)
    if name in ("json", "jsonb"):
        return lambda value, settings: str(value)
    if name == "date":
        return _date
    if name in ("timestamp", "timestamptz"):
        return _moment(name == "timestamptz")
    if isinstance(kind, ArrayType) and name not in ("int2vector", "oidvector"):
        return _array(kind, pretty)
    if isinstance(kind, RecordType):
        return _record(kind, pretty)
    return lambda value, settings: quote(kind.output(value, settings))


def _binary(text: str) -> str:
    return JSONB.input(text)


def _same(text: str) -> str:
    return text


_FORMS: tuple[tuple[str, Callable[[str], str]], ...] = (("json", _same), ("jsonb", _binary))


def _whole(form: Callable[[str], str], *, pretty: bool | None = None) -> Callable[[CallSite], Callable[..., str]]:
    """to_json() and its like; with `pretty` None a last argument tells it."""

    def bind(call: CallSite) -> Callable[..., str]:
        plain = spelling(call.arguments[0])
        lines = spelling(call.arguments[0], pretty=True)

        def spell(execution: Execution, value: Any, broken: int = 0) -> str:
            return form((lines if broken else plain)(value, execution.settings))

        return spell

    return bind


scalar("to_json(anyelement)", "array_to_json(anyarray)", "row_to_json(record)", bind=True, context=True)(_whole(_same))
scalar("to_jsonb(anyelement)", bind=True, context=True)(_whole(_binary))
scalar("array_to_json(anyarray,boolean)", "row_to_json(record,boolean)", bind=True, context=True)(_whole(_same))


# lists of arguments


def _gathered(call: CallSite) -> Callable[[tuple[Any, ...]], tuple[Sequence[Any], Sequence[AnyType]] | None]:
    """The values and their types; those of a VARIADIC array one by one. None for a NULL there."""
    last = call.arguments[-1] if call.variadic else None
    if not isinstance(last, ArrayType):
        return lambda values: (values, call.arguments)

    def gather(values: tuple[Any, ...]) -> tuple[Sequence[Any], Sequence[AnyType]] | None:
        if values[0] is None:
            return None
        array: Array = last.load(values[0])
        return array.items, [last.element] * len(array.items)

    return gather


def _spell_all(values: Sequence[Any], kinds: Sequence[AnyType], settings: Settings) -> list[str]:
    pairs = zip(values, kinds, strict=True)
    return ["null" if value is None else spelling(kind)(value, settings) for value, kind in pairs]


def _build_array(form: Callable[[str], str]) -> Callable[[CallSite], Callable[..., str | None]]:
    def bind(call: CallSite) -> Callable[..., str | None]:
        gather = _gathered(call)

        def build(execution: Execution, *values: Any) -> str | None:
            found = gather(values)
            if found is None:
                return None
            return form(f"[{', '.join(_spell_all(*found, execution.settings))}]")

        return build

    return bind


def key_text(value: Any, kind: AnyType, settings: Settings) -> str:
    """A value as the name of a member, in quotes.

    Raises:
        SqlError: 22023, it has parts.
    """
    if kind.typname in ("json", "jsonb") or isinstance(kind, ArrayType | RecordType):
        raise invalid_parameter("key value must be scalar, not array, composite, or json")
    text = spelling(kind)(value, settings)
    return text if text[0] == '"' else quote(text)


def _build_object(name: str, form: Callable[[str], str]) -> Callable[[CallSite], Callable[..., str | None]]:
    def bind(call: CallSite) -> Callable[..., str | None]:
        gather = _gathered(call)

        def build(execution: Execution, *values: Any) -> str | None:
            found = gather(values)
            if found is None:
                return None
            items, kinds = found
            if len(items) % 2:
                error = invalid_parameter("argument list must have even number of elements")
                error.hint = f"The arguments of {name}_build_object() must consist of alternating keys and values."
                raise error
            members = []
            for place in range(0, len(items), 2):
                if items[place] is None:
                    if name == "jsonb":
                        raise invalid_parameter(f"argument {place + 1}: key must not be null")
                    error = invalid_parameter(f"argument {place + 1} cannot be null")
                    error.hint = "Object keys should be text."
                    raise error
                key = key_text(items[place], kinds[place], execution.settings)
                value = _spell_all(items[place + 1 : place + 2], kinds[place + 1 : place + 2], execution.settings)[0]
                members.append(f"{key} : {value}")
            return form("{" + ", ".join(members) + "}")

        return build

    return bind


for _name, _form in _FORMS:
    scalar(f'{_name}_build_array("any")', bind=True, context=True)(_build_array(_form))
    scalar(f'{_name}_build_object("any")', bind=True, context=True)(_build_object(_name, _form))
    scalar(f"{_name}_build_array()")(lambda: "[]")
    scalar(f"{_name}_build_object()")(lambda: "{}")


def _texts(stored: str) -> Array:
    array: Array = _TEXTS.load(stored)
    return array


def _object_of(keys: Sequence[str | None], values: Sequence[str | None]) -> str:
    if None in keys:
        raise SqlError("22004", "null value not allowed for object key")
    pairs = zip(keys, values, strict=True)
    return (
        "{"
        + ", ".join([f"{quote(key or '')} : {'null' if value is None else quote(value)}" for key, value in pairs])
        + "}"
    )


def _object(form: Callable[[str], str]) -> Callable[[str], str]:
    def build(stored: str) -> str:
        array = _texts(stored)
        match array.lengths:
            case ():
                return "{}"
            case (length,):
                if length % 2:
                    raise SqlError("2202E", "array must have even number of elements")
            case (_, 2):
                pass
            case (_, _):
                raise SqlError("2202E", "array must have two columns")
            case _:
                raise SqlError("2202E", "wrong number of array subscripts")
        return form(_object_of(array.items[::2], array.items[1::2]))

    return build


def _object_of_two(form: Callable[[str], str]) -> Callable[[str, str], str]:
    def build(keys: str, values: str) -> str:
        first, second = _texts(keys), _texts(values)
        if len(first.lengths) > 1 or len(first.lengths) != len(second.lengths):
            raise SqlError("2202E", "wrong number of array subscripts")
        if len(first.items) != len(second.items):
            raise SqlError("2202E", "mismatched array dimensions")
        return form(_object_of(first.items, second.items))

    return build


for _name, _form in _FORMS:
    scalar(f"{_name}_object(text[])")(_object(_form))
    scalar(f"{_name}_object(text[],text[])")(_object_of_two(_form))


# aggregates


def _list(form: Callable[[str], str]) -> type[Any]:
    class List:
        """json_agg(), jsonb_agg()."""

        __slots__ = ("_comma", "_parts", "_settings", "_size", "_spell")

        def __init__(self, execution: Execution, call: CallSite) -> None:
            kind = call.arguments[0]
            self._spell = spelling(kind)
            self._settings = execution.settings
            self._comma = ", \n " if isinstance(kind, ArrayType | RecordType) else ", "
            self._parts: list[str] = []
            self._size = 0

        def step(self, value: Any) -> None:
            text = "null" if value is None else self._spell(value, self._settings)
            self._parts.append(text)
            self._size += len(text)
            if self._size > MAX_RESULT:
                raise too_large()

        def final(self) -> str | None:
            return form(f"[{self._comma.join(self._parts)}]") if self._parts else None

    return List


def _members(name: str, form: Callable[[str], str]) -> type[Any]:
    class Members:
        """json_object_agg(), jsonb_object_agg()."""

        __slots__ = ("_kinds", "_parts", "_settings", "_size", "_spell")

        def __init__(self, execution: Execution, call: CallSite) -> None:
            self._kinds = call.arguments
            self._spell = spelling(call.arguments[1])
            self._settings = execution.settings
            self._parts: list[str] = []
            self._size = 0

        def step(self, key: Any, value: Any) -> None:
            if key is None:
                raise invalid_parameter("field name must not be null")
            text = "null" if value is None else self._spell(value, self._settings)
            self._parts.append(f"{key_text(key, self._kinds[0], self._settings)} : {text}")
            self._size += len(self._parts[-1])
            if self._size > MAX_RESULT:
                raise too_large()

        def final(self) -> str | None:
            return form("{ " + ", ".join(self._parts) + " }") if self._parts else None

    return Members


for _name, _form in _FORMS:
    aggregate(f"{_name}_agg(anyelement)", context=True)(_list(_form))
    aggregate(f'{_name}_object_agg("any","any")', context=True)(_members(_name, _form))
