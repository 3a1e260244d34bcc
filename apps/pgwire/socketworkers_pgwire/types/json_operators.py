"""Operators of json and jsonb: PostgreSQL 15 documentation §9.16, tables 9.45 and 9.46. Sans-IO.

They take and give storage forms. A part of a canonical text is canonical itself: `->` only cuts it out, for both types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from .errors import SqlError, invalid_parameter
from .json_text import Json, check_depth, check_unicode, dump_canonical, load_json, not_too_deep, scanstring

__all__ = [
    "as_text",
    "assign_path",
    "concatenate",
    "contains",
    "delete_index",
    "delete_keys",
    "delete_path",
    "element",
    "elements",
    "exists",
    "exists_all",
    "exists_any",
    "extract_path",
    "field",
    "insert_path",
    "jsonb_element",
    "members",
    "set_path",
    "strip_nulls",
    "type_of",
]

#: of a gap that an assignment fills; PostgreSQL allows some more
_MOST_NULLS = 10_000_000
_SPACE = re.compile(r"[ \t\n\r]*")
_INDEX = re.compile(r"[ \t-\r]*[+-]?[0-9]+", re.ASCII)
_scan: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder(parse_int=str, parse_float=str))["scan_once"]
_TYPES = {"{": "object", "[": "array", '"': "string", "t": "boolean", "f": "boolean", "n": "null"}


def _behind_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()


def _start(text: str) -> int:
    """Where the value begins, when all of it can be read."""
    check_depth(text)
    if "\\u" in text:
        check_unicode(text)
    return _behind_space(text, 0)


@not_too_deep
def _value_end(text: str, position: int) -> int:
    return _scan(text, position)[1]


def field(text: str, key: str) -> str | None:
    """`json -> text`: the member of an object; of several with this name the last.

    Raises:
        SqlError: 22P02, 22P05: a json has escapes that stand for no text, wherever they are.
    """
    position = _start(text)
    if text[position] != "{":
        return None
    found = None
    position = _behind_space(text, position + 1)
    while text[position] != "}":
        name, position = scanstring(text, position + 1)
        position = _behind_space(text, _behind_space(text, position) + 1)
        end = _value_end(text, position)
        if name == key:
            found = text[position:end]
        position = _behind_space(text, end)
        if text[position] == ",":
            position = _behind_space(text, position + 1)
    return found


def element(text: str, index: int) -> str | None:
    """`json -> integer`: the element of an array, counted from 0, or from the end when negative.

    Raises:
        SqlError: 22P02, 22P05.
    """
    position = _start(text)
    if text[position] != "[":
        return None
    spans: list[tuple[int, int]] = []
    position = _behind_space(text, position + 1)
    while text[position] != "]":
        end = _value_end(text, position)
        if len(spans) == index:
            return text[position:end]
        spans.append((position, end))
        position = _behind_space(text, end)
        if text[position] == ",":
            position = _behind_space(text, position + 1)
    if index < 0 and -index <= len(spans):
        position, end = spans[index]
        return text[position:end]
    return None


def members(text: str) -> list[tuple[str, str]] | None:
    """Names and values of an object as they stand there, one that repeats too; None of what is no object.

    Raises:
        SqlError: 22P02, 22P05.
    """
    position = _start(text)
    if text[position] != "{":
        return None
    found: list[tuple[str, str]] = []
    position = _behind_space(text, position + 1)
    while text[position] != "}":
        name, position = scanstring(text, position + 1)
        position = _behind_space(text, _behind_space(text, position) + 1)
        end = _value_end(text, position)
        found.append((name, text[position:end]))
        position = _behind_space(text, end)
        if text[position] == ",":
            position = _behind_space(text, position + 1)
    return found


def elements(text: str) -> list[str] | None:
    """Elements of an array as they stand there; None of what is no array.

    Raises:
        SqlError: 22P02, 22P05.
    """
    position = _start(text)
    if text[position] != "[":
        return None
    found: list[str] = []
    position = _behind_space(text, position + 1)
    while text[position] != "]":
        end = _value_end(text, position)
        found.append(text[position:end])
        position = _behind_space(text, end)
        if text[position] == ",":
            position = _behind_space(text, position + 1)
    return found


def as_text(part: str | None) -> str | None:
    """What `->>` makes of the part that `->` gives: a string without its quotes, NULL of null."""
    if part is None:
        return None
    part = part.strip(" \t\n\r")
    if part == "null":
        return None
    if part[0] == '"':
        value: str = load_json(part)
        return value
    return part


def _path_index(step: str) -> int | None:
    match = _INDEX.fullmatch(step)
    if match is None or len(step) > 20:
        return None
    index = int(step)
    return index if -1 << 31 <= index < 1 << 31 else None


def extract_path(text: str, path: Sequence[str | None]) -> str | None:
    """`json #> text[]`; `as_text` of it is `#>>`.

    Raises:
        SqlError: 22P02, 22P05.
    """
    if None in path:
        return None
    _start(text)
    part: str | None = text.strip(" \t\n\r")
    for step in path:
        if step is None or part is None:
            return None
        start = part[_behind_space(part, 0)]
        if start == "{":
            part = field(part, step)
        elif start == "[":
            index = _path_index(step)
            part = element(part, index) if index is not None else None
        else:
            return None
    return part


def type_of(text: str) -> str:
    """json_typeof."""
    return _TYPES.get(text[_behind_space(text, 0)], "number")


# jsonb only


def jsonb_element(text: str, index: int) -> str | None:
    """`jsonb -> integer`: a value that is no array and no object counts as an array of one element."""
    if text[0] not in "[{":
        return text if index in (0, -1) else None
    return element(text, index)


@not_too_deep
def contains(text: str, other: str) -> bool:
    """`jsonb @> jsonb`, §8.14.3. An array contains a primitive value, and not the other way round."""
    value, wanted = load_json(text), load_json(other)
    if isinstance(wanted, dict) or isinstance(value, dict):
        return isinstance(wanted, dict) and isinstance(value, dict) and _contains(value, wanted)
    if not isinstance(wanted, list):
        return any(_same(each, wanted) for each in (value if isinstance(value, list) else [value]))
    return isinstance(value, list) and _contains(value, wanted)


def _contains(value: Json, wanted: Json) -> bool:
    """Of two objects or two arrays."""
    if isinstance(wanted, dict):
        return all(
            key in value and (_contains(value[key], each) if _alike(value[key], each) else _same(value[key], each))
            for key, each in wanted.items()
        )
    return all(
        any(_alike(mine, each) and _contains(mine, each) for mine in value)
        if isinstance(each, dict | list)
        else any(_same(mine, each) for mine in value)
        for each in wanted
    )


def _alike(a: Json, b: Json) -> bool:
    return (isinstance(a, dict) and isinstance(b, dict)) or (isinstance(a, list) and isinstance(b, list))


def _same(a: Json, b: Json) -> bool:
    """Of two primitive values; in Python true is 1, in JSON not."""
    if isinstance(a, bool) or isinstance(b, bool) or a is None or b is None:
        return a is b
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a == b
    return isinstance(a, int | Decimal) and isinstance(b, int | Decimal) and a == b


def exists(text: str, key: str) -> bool:
    """`jsonb ? text`: a key of an object, a string in an array, or the string itself."""
    value = load_json(text)
    if isinstance(value, dict | list):
        return key in value if isinstance(value, dict) else any(isinstance(each, str) and each == key for each in value)
    return isinstance(value, str) and value == key


def exists_any(text: str, keys: Sequence[str | None]) -> bool:
    """`jsonb ?| text[]`."""
    return any(exists(text, key) for key in keys if key is not None)


def exists_all(text: str, keys: Sequence[str | None]) -> bool:
    """`jsonb ?& text[]`."""
    return all(exists(text, key) for key in keys if key is not None)


def _sorted(value: dict[str, Json]) -> dict[str, Json]:
    return {key: value[key] for key in sorted(value, key=lambda key: (len(key.encode()), key.encode()))}


def concatenate(text: str, other: str) -> str:
    """`jsonb || jsonb`: of two objects the members of both; else an array of both."""
    first, second = load_json(text), load_json(other)
    if isinstance(first, dict) and isinstance(second, dict):
        return dump_canonical(_sorted(first | second))
    return dump_canonical(
        (first if isinstance(first, list) else [first]) + (second if isinstance(second, list) else [second])
    )


def delete_keys(text: str, keys: Sequence[str | None]) -> str:
    """`jsonb - text` and `jsonb - text[]`: members of an object, strings of an array.

    Raises:
        SqlError: 22023, it is neither.
    """
    value = load_json(text)
    gone = {key for key in keys if key is not None}
    if isinstance(value, dict):
        return dump_canonical({key: each for key, each in value.items() if key not in gone})
    if isinstance(value, list):
        return dump_canonical([each for each in value if not (isinstance(each, str) and each in gone)])
    raise invalid_parameter("cannot delete from scalar")


def delete_index(text: str, index: int) -> str:
    """`jsonb - integer`: an element of an array.

    Raises:
        SqlError: 22023, it is none.
    """
    value = load_json(text)
    if isinstance(value, dict):
        raise invalid_parameter("cannot delete from object using integer index")
    if not isinstance(value, list):
        raise invalid_parameter("cannot delete from scalar")
    if -len(value) <= index < len(value):
        del value[index]
        return dump_canonical(value)
    return text


def _not_integer(position: int, step: str) -> SqlError:
    return SqlError("22P02", f'path element at position {position} is not an integer: "{step}"')


def delete_path(text: str, path: Sequence[str | None]) -> str:
    """`jsonb #- text[]`.

    Raises:
        SqlError: 22023, it is neither object nor array; 22P02, a step into an array is no number.
    """
    value = load_json(text)
    if not isinstance(value, dict | list):
        raise invalid_parameter("cannot delete path in scalar")
    if not value or not path:
        return text
    where: Any = value
    for position, step in enumerate(path, 1):
        last = position == len(path)
        if step is None:
            raise SqlError("22004", f"path element at position {position} is null")
        index: int | str | None = step
        if isinstance(where, list):
            index = _path_index(step)
            if index is None:
                raise _not_integer(position, step)
            if not -len(where) <= index < len(where):
                return text
        elif not isinstance(where, dict) or step not in where:
            return text
        if last:
            del where[index]
        else:
            where = where[index]
    return dump_canonical(value)


def set_path(text: str, path: Sequence[str | None], new: str, create: bool = True) -> str:
    """jsonb_set(text, path, new, create): replaces what is at the path, or adds it there."""
    return _changed(text, path, new, create, insert=False, after=False)


def assign_path(text: str | None, path: Sequence[str], new: str, *, number: bool) -> str:
    """Assignment to a subscripted jsonb: jsonb_set_element. Gaps of arrays are filled with nulls, and what is missing
    on the way is made: an array where the step is an integer, else an object.

    Args:
        text: the value; None for NULL, which becomes an empty array or object.
        path: the subscripts.
        new: what is put there.
        number: whether the first subscript is an integer.

    Raises:
        SqlError: 22023 a scalar is in the way, or the place is before the first element; 22P02 a subscript of an array
            is no integer; 54000 too large.
    """
    value: Json = ([] if number else {}) if text is None else load_json(text)
    if not isinstance(value, dict | list):
        raise _in_the_way()
    where, added = value, load_json(new)
    for position, step in enumerate(path, 1):
        rest = path[position:]
        if isinstance(where, list):
            index = _path_index(step)
            if index is None:
                raise _not_integer(position, step)
            if index < -len(where):
                raise SqlError("22023", f"path element at position {position} is out of range: {index}")
            index = index + len(where) if index < 0 else index
            if index >= len(where):
                where += _nulls(index - len(where))
                where.append(_chain(rest, added))
                break
            if not rest:
                where[index] = added
                break
            below = where[index]
        elif step in where and rest:
            below = where[step]
        else:
            where[step] = _chain(rest, added)
            ordered = _sorted(where)
            where.clear()
            where.update(ordered)
            break
        if not isinstance(below, dict | list):
            raise _in_the_way()
        where = below
    return dump_canonical(value)


def _chain(path: Sequence[str], new: Json) -> Json:
    """Arrays and objects within each other, down to a value: push_path."""
    for step in reversed(path):
        index = _path_index(step)
        new = {step: new} if index is None else [*_nulls(index), new]
    return new


def _nulls(count: int) -> list[Json]:
    if count > _MOST_NULLS:
        raise SqlError("54000", f"number of jsonb array elements exceeds the maximum allowed ({_MOST_NULLS})")
    return [None] * count


def _in_the_way() -> SqlError:
    return SqlError(
        "22023",
        "cannot replace existing key",
        detail="The path assumes key is a composite object, but it is a scalar value.",
    )


def insert_path(text: str, path: Sequence[str | None], new: str, after: bool = False) -> str:
    """jsonb_insert(text, path, new, after): adds to an array before what is there, or a member that is not there.

    Raises:
        SqlError: 22023, the object has this member.
    """
    return _changed(text, path, new, True, insert=True, after=after)


def _changed(text: str, path: Sequence[str | None], new: str, create: bool, *, insert: bool, after: bool) -> str:
    value = load_json(text)
    if not isinstance(value, dict | list):
        raise invalid_parameter("cannot set path in scalar")
    if not value and not create:
        return text
    if not path:
        return text
    where = value
    for position, step in enumerate(path, 1):
        last = position == len(path)
        if step is None:
            raise SqlError("22004", f"path element at position {position} is null")
        if isinstance(where, list):
            index = _path_index(step)
            if index is None:
                raise _not_integer(position, step)
            if last:
                _change_array(where, index, load_json(new), create, insert, after)
            elif -len(where) <= index < len(where):
                where = where[index]
            else:
                return text
        elif isinstance(where, dict):
            if last:
                if step in where:
                    if insert:
                        hint = "Try using the function jsonb_set to replace key value."
                        raise SqlError("22023", "cannot replace existing key", hint=hint)
                    where[step] = load_json(new)
                elif create:
                    where[step] = load_json(new)
                    ordered = _sorted(where)
                    where.clear()
                    where.update(ordered)
            elif step in where:
                where = where[step]
            else:
                return text
        else:
            return text
    return dump_canonical(value)


def _change_array(where: list[Json], index: int, new: Json, create: bool, insert: bool, after: bool) -> None:
    length = len(where)
    if -length <= index < length:
        if not insert:
            where[index] = new
        else:
            where.insert((index + length if index < 0 else index) + after, new)
    elif create:
        where.insert(0 if index < 0 else length, new)


@not_too_deep
def strip_nulls(text: str) -> str:
    """jsonb_strip_nulls: no members that are null, at any depth."""
    return dump_canonical(_without_nulls(load_json(text)))


def _without_nulls(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
