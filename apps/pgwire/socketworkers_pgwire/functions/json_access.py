"""Operators and functions of json and jsonb: PostgreSQL 15 documentation §9.16, tables 9.45 to 9.48."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..types import json_operators as jo
from ..types.errors import SqlError, invalid_parameter
from ..types.json_text import Json, dump_canonical, load_json, not_too_deep, quote
from .registry import rows, scalar
from .strings import texts_of

__all__: list[str] = []

_SPACES = " \t\n\r"

Part = Callable[..., str | None]


def _then_text(function: Part) -> Part:
    return lambda *arguments: jo.as_text(function(*arguments))


def _path(text: str, path: str) -> str | None:
    return jo.extract_path(text, texts_of(path))


for _name in ("json", "jsonb"):
    _element: Part = jo.element if _name == "json" else jo.jsonb_element
    scalar(f"{_name}_object_field({_name},text)")(jo.field)
    scalar(f"{_name}_object_field_text({_name},text)")(_then_text(jo.field))
    scalar(f"{_name}_array_element({_name},integer)")(_element)
    scalar(f"{_name}_array_element_text({_name},integer)")(_then_text(_element))
    scalar(f"{_name}_extract_path({_name},text[])")(_path)
    scalar(f"{_name}_extract_path_text({_name},text[])")(_then_text(_path))
    scalar(f"{_name}_typeof({_name})")(jo.type_of)

scalar("jsonb_contains(jsonb,jsonb)")(lambda a, b: int(jo.contains(a, b)))
scalar("jsonb_contained(jsonb,jsonb)")(lambda a, b: int(jo.contains(b, a)))
scalar("jsonb_exists(jsonb,text)")(lambda a, key: int(jo.exists(a, key)))
scalar("jsonb_exists_any(jsonb,text[])")(lambda a, keys: int(jo.exists_any(a, texts_of(keys))))
scalar("jsonb_exists_all(jsonb,text[])")(lambda a, keys: int(jo.exists_all(a, texts_of(keys))))
scalar("jsonb_concat(jsonb,jsonb)")(jo.concatenate)
scalar("jsonb_delete(jsonb,text)")(lambda a, key: jo.delete_keys(a, [key]))
scalar("jsonb_delete(jsonb,text[])")(lambda a, keys: jo.delete_keys(a, texts_of(keys)))
scalar("jsonb_delete(jsonb,integer)")(jo.delete_index)
scalar("jsonb_delete_path(jsonb,text[])")(lambda a, path: jo.delete_path(a, texts_of(path)))
scalar("jsonb_set(jsonb,text[],jsonb,boolean)")(
    lambda a, path, new, create: jo.set_path(a, texts_of(path), new, bool(create))
)
scalar("jsonb_insert(jsonb,text[],jsonb,boolean)")(
    lambda a, path, new, after: jo.insert_path(a, texts_of(path), new, bool(after))
)
scalar("jsonb_strip_nulls(jsonb)")(jo.strip_nulls)


@scalar("jsonb_set_lax(jsonb,text[],jsonb,boolean,text)")
def _set_lax(
    text: str | None, path: str | None, new: str | None, create: int | None, treatment: str | None
) -> str | None:
    if text is None or path is None or create is None:
        return None
    if new is None or treatment is None:
        match treatment:
            case "raise_exception":
                raise SqlError(
                    "22004",
                    "JSON value must not be null",
                    detail='Exception was raised because null_value_treatment is "raise_exception".',
                    hint="To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not "
                    "passed.",
                )
            case "delete_key":
                return jo.delete_path(text, texts_of(path))
            case "return_target":
                return text
            case "use_json_null":
                new = "null"
            case _:
                raise invalid_parameter(
                    'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"'
                )
    return jo.set_path(text, texts_of(path), new, bool(create))


@scalar("json_strip_nulls(json)")
@not_too_deep
def _strip_nulls(text: str) -> str:
    return _stripped(text.strip(_SPACES))


def _stripped(text: str) -> str:
    """Written anew, without white space, and numbers as they are."""
    found = jo.members(text)
    if found is not None:
        kept = [(name, value) for name, value in found if value != "null"]
        return "{" + ",".join([f"{quote(name)}:{_stripped(value)}" for name, value in kept]) + "}"
    items = jo.elements(text)
    if items is not None:
        return "[" + ",".join(map(_stripped, items)) + "]"
    return quote(load_json(text)) if text[0] == '"' else text


@scalar("jsonb_pretty(jsonb)")
@not_too_deep
def _pretty(text: str) -> str:
    return _indented(load_json(text), "\n")


def _indented(value: Json, line: str) -> str:
    deeper = line + "    "
    if isinstance(value, dict):
        parts = [f"{deeper}{quote(key)}: {_indented(each, deeper)}" for key, each in value.items()]
        return "{" + ",".join(parts) + line + "}"
    if isinstance(value, list):
        return "[" + ",".join([deeper + _indented(each, deeper) for each in value]) + line + "]"
    return dump_canonical(value)


def _length(name: str) -> Callable[[str], int]:
    def length(text: str) -> int:
        found = jo.elements(text)
        if found is None:
            kind = "scalar" if jo.members(text) is None else "non-array"
            raise invalid_parameter(f"cannot get array length of a {kind}")
        return len(found)

    return length


def _elements(name: str, as_text: bool) -> Callable[[str], Iterator[tuple[Any]]]:
    def elements(text: str) -> Iterator[tuple[Any]]:
        found = jo.elements(text)
        if found is None:
            scalar_value = jo.members(text) is None
            if name.startswith("jsonb"):
                raise invalid_parameter(f"cannot extract elements from {'a scalar' if scalar_value else 'an object'}")
            raise invalid_parameter(f"cannot call {name} on a {'scalar' if scalar_value else 'non-array'}")
        return ((jo.as_text(each) if as_text else each,) for each in found)

    return elements


def _each(name: str, as_text: bool) -> Callable[[str], Iterator[tuple[Any, Any]]]:
    def each(text: str) -> Iterator[tuple[Any, Any]]:
        found = jo.members(text)
        if found is None:
            if name.startswith("jsonb"):
                raise invalid_parameter(f"cannot call {name} on a non-object")
            kind = "a scalar" if jo.elements(text) is None else "an array as an object"
            raise invalid_parameter(f"cannot deconstruct {kind}")
        return ((key, jo.as_text(value) if as_text else value) for key, value in found)

    return each


def _keys(name: str) -> Callable[[str], Iterator[tuple[Any]]]:
    def keys(text: str) -> Iterator[tuple[Any]]:
        found = jo.members(text)
        if found is None:
            kind = "a scalar" if jo.elements(text) is None else "an array"
            raise invalid_parameter(f"cannot call {name} on {kind}")
        return ((key,) for key, _ in found)

    return keys


for _name in ("json", "jsonb"):
    scalar(f"{_name}_array_length({_name})")(_length(_name))
    rows(f"{_name}_array_elements({_name})")(_elements(f"{_name}_array_elements", False))
    rows(f"{_name}_array_elements_text({_name})")(_elements(f"{_name}_array_elements_text", True))
    rows(f"{_name}_each({_name})")(_each(f"{_name}_each", False))
    rows(f"{_name}_each_text({_name})")(_each(f"{_name}_each_text", True))
    rows(f"{_name}_object_keys({_name})")(_keys(f"{_name}_object_keys"))
