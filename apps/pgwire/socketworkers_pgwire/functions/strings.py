"""Strings: PostgreSQL 15 documentation §9.4, but for formatting, patterns and encodings.

Case is that of a UTF-8 locale of the C library, one character for one; so is the class of letters and digits.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from ..types import Array
from ..types.array import ArrayType
from ..types.errors import SqlError, invalid_parameter
from ..types.integers import INT4
from ..types.network import address_text
from .characters import is_alnum
from .context import Execution
from .keywords import quote_identifier
from .kinds import BY_SQL_NAME
from .registry import CallSite, rows, scalar

__all__ = ["MAX_RESULT", "array_of_texts", "fold", "quoted_literal", "text_of", "texts_of", "too_large", "upper"]

MAX_RESULT = 1 << 27
"""Longest text that functions make, in characters; PostgreSQL's limit is 1 GB."""

_TEXTS = BY_SQL_NAME["text[]"]


def too_large() -> SqlError:
    """54000 of a result that would be too long."""
    return SqlError("54000", "requested length too large")


def texts_of(stored: str) -> list[str | None]:
    """The elements of a text[]."""
    items: list[str | None] = _TEXTS.load(stored).items
    return items


def array_of_texts(items: list[Any]) -> str:
    """A text[] of one dimension."""
    stored: str = _TEXTS.store(Array(items, (len(items),), (1,)))
    return stored


def text_of(kind: Any) -> Callable[[Execution, Any], str]:
    """The cast of a type to text: most have their output function for it."""
    if kind.typname == "bool":
        return lambda execution, value: "true" if value else "false"
    if kind.typname == "bpchar":
        return lambda execution, value: str(value).rstrip(" ")
    if kind.typname == "inet":  # with its mask in any case: text(inet)
        return lambda execution, value: f"{address_text(kind.load(value))}/{kind.load(value).bits}"
    if kind.declared == "TEXT" and kind.typname in ("text", "varchar", "name", "unknown"):
        return lambda execution, value: str(value)
    return lambda execution, value: str(kind.output(value, execution.settings))


# lengths

scalar("length(text)", "char_length(text)", "character_length(text)", "textlen(text)")(len)


@scalar("length(character)", "char_length(character)", "character_length(character)")
def _bpchar_length(text: str) -> int:
    return len(text.rstrip(" "))


@scalar("octet_length(text)", "octet_length(character)")
def _octets(text: str) -> int:
    return len(text.encode())


@scalar("bit_length(text)")
def _bits(text: str) -> int:
    return len(text.encode()) * 8


# parts


@scalar('"substring"(text,integer)', "substr(text,integer)")
def _substring_from(text: str, start: int) -> str:
    return text[max(start - 1, 0) :]


@scalar('"substring"(text,integer,integer)', "substr(text,integer,integer)")
def _substring(text: str, start: int, length: int) -> str:
    if length < 0:
        raise SqlError("22011", "negative substring length not allowed")
    return text[max(start - 1, 0) : max(start + length - 1, 0)]


@scalar('"overlay"(text,text,integer,integer)')
def _overlay(text: str, other: str, start: int, length: int) -> str:
    if start <= 0:
        raise SqlError("22011", "negative substring length not allowed")
    end = INT4.add(start, length)
    return text[: start - 1] + other + text[max(end - 1, 0) :]


@scalar('"overlay"(text,text,integer)')
def _overlay_all(text: str, other: str, start: int) -> str:
    return _overlay(text, other, start, len(other))


@scalar('"position"(text,text)', "strpos(text,text)")
def _position(text: str, part: str) -> int:
    return text.find(part) + 1


@scalar('"left"(text,integer)')
def _left(text: str, count: int) -> str:
    return text[:count]


@scalar('"right"(text,integer)')
def _right(text: str, count: int) -> str:
    if count < 0:
        return text[-count:]
    return text[max(len(text) - count, 0) :]


@scalar("split_part(text,text,integer)")
def _split_part(text: str, separator: str, number: int) -> str:
    if number == 0:
        raise invalid_parameter("field position must not be zero")
    if not text:
        return ""
    parts = text.split(separator) if separator else [text]
    if number < 0:
        number += len(parts) + 1
    return parts[number - 1] if 1 <= number <= len(parts) else ""


def _split(text: str | None, separator: str | None, null: str | None) -> list[str | None] | None:
    if text is None:
        return None
    if not text:
        return []
    parts: list[str | None] = [text]
    if separator is None:
        parts = list(text)
    elif separator:
        parts = list(text.split(separator))
    return parts if null is None else [None if part == null else part for part in parts]


@scalar("string_to_array(text,text)", "string_to_array(text,text,text)")
def _string_to_array(text: str | None, separator: str | None, null: str | None = None) -> str | None:
    parts = _split(text, separator, null)
    return None if parts is None else array_of_texts(parts)


@rows("string_to_table(text,text)", "string_to_table(text,text,text)")
def _string_to_table(text: str | None, separator: str | None, null: str | None = None) -> Iterator[tuple[Any, ...]]:
    return ((part,) for part in _split(text, separator, null) or ())


# changes


@scalar("textcat(text,text)")
def _concatenate(a: str, b: str) -> str:
    return a + b


def fold(text: str) -> str:
    """lower(text)."""
    return text.lower() if text.isascii() else "".join(map(_lower, text))


def _lower(character: str) -> str:
    # of the one capital letter that has two small ones in its place the first is a letter
    return character.lower()[0]


def _upper(character: str) -> str:
    found = character.upper()
    if len(found) == 1:
        return found
    found = character.title()
    return found if len(found) == 1 else character


def upper(text: str) -> str:
    """upper(text)."""
    return text.upper() if text.isascii() else "".join(map(_upper, text))


scalar("lower(text)")(fold)
scalar("upper(text)")(upper)


@scalar("initcap(text)")
def _initcap(text: str) -> str:
    parts = []
    within = False
    for character in text:
        parts.append(_lower(character) if within else _upper(character))
        within = is_alnum(character)
    return "".join(parts)


def _pad(text: str, length: int, fill: str) -> tuple[str, str]:
    """What is kept of `text`, and what goes beside it."""
    length = max(length, 0)
    if length > MAX_RESULT:
        raise too_large()
    text = text[:length]
    missing = length - len(text)
    if not fill or not missing:
        return text, ""
    return text, (fill * (missing // len(fill) + 1))[:missing]


@scalar("lpad(text,integer,text)", "lpad(text,integer)")
def _lpad(text: str, length: int, fill: str = " ") -> str:
    text, padding = _pad(text, length, fill)
    return padding + text


@scalar("rpad(text,integer,text)", "rpad(text,integer)")
def _rpad(text: str, length: int, fill: str = " ") -> str:
    text, padding = _pad(text, length, fill)
    return text + padding


@scalar("ltrim(text,text)", "ltrim(text)")
def _ltrim(text: str, characters: str = " ") -> str:
    return text.lstrip(characters)


@scalar("rtrim(text,text)", "rtrim(text)")
def _rtrim(text: str, characters: str = " ") -> str:
    return text.rstrip(characters)


@scalar("btrim(text,text)", "btrim(text)")
def _btrim(text: str, characters: str = " ") -> str:
    return text.strip(characters)


@scalar("replace(text,text,text)")
def _replace(text: str, old: str, new: str) -> str:
    if not old:
        return text
    if len(new) > len(old) and len(text) + (len(new) - len(old)) * (len(text) // len(old)) > MAX_RESULT:
        count = text.count(old)
        if len(text) + (len(new) - len(old)) * count > MAX_RESULT:
            raise too_large()
    return text.replace(old, new)


@scalar("translate(text,text,text)")
def _translate(text: str, old: str, new: str) -> str:
    table: dict[int, str | None] = {}
    for place, character in enumerate(old):
        table.setdefault(ord(character), new[place] if place < len(new) else None)
    return text.translate(table)


@scalar("repeat(text,integer)")
def _repeat(text: str, count: int) -> str:
    if len(text) * max(count, 0) > MAX_RESULT:
        raise too_large()
    return text * count


@scalar("reverse(text)")
def _reverse(text: str) -> str:
    return text[::-1]


@scalar("ascii(text)")
def _ascii(text: str) -> int:
    return ord(text[0]) if text else 0


@scalar("chr(integer)")
def _chr(code: int) -> str:
    if code < 0:
        raise invalid_parameter("character number must be positive")
    if code == 0:
        raise SqlError("54000", "null character not permitted")
    if code > 0x10FFFF:
        raise SqlError("54000", f"requested character too large for encoding: {code}")
    if 0xD800 <= code < 0xE000:
        raise SqlError("54000", f"requested character not valid for encoding: {code}")
    return chr(code)


def _form(name: str) -> str:
    found = name.upper()
    if found not in ("NFC", "NFD", "NFKC", "NFKD"):
        raise invalid_parameter(f"invalid normalization form: {name}")
    return found


@scalar('"normalize"(text,text)')
def _normalize(text: str, form: str) -> str:
    return unicodedata.normalize(_form(form), text)  # type: ignore[arg-type]


@scalar("is_normalized(text,text)")
def _is_normalized(text: str, form: str) -> int:
    return int(unicodedata.is_normalized(_form(form), text))  # type: ignore[arg-type]


# several values


def _elements(call: CallSite) -> tuple[ArrayType, Any] | None:
    """Of VARIADIC with an array: its type and that of its elements."""
    kind = call.arguments[-1] if call.variadic else None
    return (kind, kind.element) if isinstance(kind, ArrayType) else None


@scalar('concat("any")', bind=True, context=True)
def _concat(call: CallSite) -> Callable[..., str | None]:
    found = _elements(call)
    if found is not None:
        array, element = found

        def concat_array(execution: Execution, stored: str | None) -> str | None:
            if stored is None:
                return None
            settings = execution.settings
            return "".join(element.output(each, settings) for each in array.load(stored).items if each is not None)

        return concat_array
    outputs = [kind.output for kind in call.arguments]

    def concat(execution: Execution, *values: Any) -> str:
        settings = execution.settings
        pairs = zip(outputs, values, strict=True)
        return "".join([output(value, settings) for output, value in pairs if value is not None])

    return concat


@scalar('concat_ws(text,"any")', bind=True, context=True)
def _concat_ws(call: CallSite) -> Callable[..., str | None]:
    found = _elements(call)
    if found is not None:
        array, element = found

        def concat_array(execution: Execution, separator: str | None, stored: str | None) -> str | None:
            if stored is None or separator is None:
                return None
            settings = execution.settings
            items = array.load(stored).items
            return separator.join(element.output(each, settings) for each in items if each is not None)

        return concat_array
    outputs = [kind.output for kind in call.arguments[1:]]

    def concat(execution: Execution, separator: str | None, *values: Any) -> str | None:
        if separator is None:
            return None
        settings = execution.settings
        pairs = zip(outputs, values, strict=True)
        return separator.join([output(value, settings) for output, value in pairs if value is not None])

    return concat


@scalar("textanycat(text,anynonarray)", bind=True, context=True)
def _text_any(call: CallSite) -> Callable[[Execution, str, Any], str]:
    cast = text_of(call.arguments[1])
    return lambda execution, text, value: text + cast(execution, value)


@scalar("anytextcat(anynonarray,text)", bind=True, context=True)
def _any_text(call: CallSite) -> Callable[[Execution, Any, str], str]:
    cast = text_of(call.arguments[0])
    return lambda execution, value, text: cast(execution, value) + text


# quotes


def quoted_literal(text: str) -> str:
    """quote_literal(text)."""
    quoted = text.replace("'", "''")
    return f"E'{quoted.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{quoted}'"


scalar("quote_ident(text)")(quote_identifier)
scalar("quote_literal(text)")(quoted_literal)


@scalar("quote_nullable(text)")
def _quote_nullable(text: str | None) -> str:
    return "NULL" if text is None else quoted_literal(text)


@scalar("quote_literal(anyelement)", bind=True, context=True)
def _quote_any(call: CallSite) -> Callable[[Execution, Any], str]:
    cast = text_of(call.arguments[0])
    return lambda execution, value: quoted_literal(cast(execution, value))


@scalar("quote_nullable(anyelement)", bind=True, context=True)
def _quote_any_nullable(call: CallSite) -> Callable[[Execution, Any], str]:
    cast = text_of(call.arguments[0])
    return lambda execution, value: "NULL" if value is None else quoted_literal(cast(execution, value))
