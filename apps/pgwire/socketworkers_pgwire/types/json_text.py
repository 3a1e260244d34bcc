"""JSON as PostgreSQL reads and writes it: RFC 8259, and PostgreSQL 15 documentation §8.14. Sans-IO.

Python's scanner does the work on what is right. On what is wrong `complain` reads again, to say what PostgreSQL says.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from decimal import Decimal
from itertools import accumulate
from json.decoder import JSONDecodeError
from typing import Any, ParamSpec, TypeVar

from .errors import SqlError
from .numeric import numeric_text, parse

__all__ = [
    "MAX_DEPTH",
    "JSONDecodeError",
    "Json",
    "check_depth",
    "check_json",
    "check_unicode",
    "complain",
    "dump_canonical",
    "load_json",
    "not_too_deep",
    "quote",
    "scanstring",
]

#: levels of arrays and objects; PostgreSQL has as many as fit on its stack, some thousands
MAX_DEPTH = 1000

P = ParamSpec("P")
R = TypeVar("R")

#: a JSON value: dict, list, str, int, Decimal, bool or None
Json = Any

quote = json.encoder.encode_basestring
scanstring: Callable[[str, int], tuple[str, int]] = vars(json.decoder)["scanstring"]
_dump = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


def not_too_deep(function: Callable[P, R]) -> Callable[P, R]:
    """For a function that goes down into values: too many levels are an error of the statement, 54001."""

    @functools.wraps(function)
    def guarded(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return function(*arguments, **named)
        except RecursionError:
            raise _too_deep() from None

    return guarded


def _too_deep() -> SqlError:
    return SqlError("54001", "stack depth limit exceeded")


def check_depth(text: str) -> None:
    """Whether a text is nested so that it can be handled; what is between brackets is not looked at.

    Raises:
        SqlError: 54001.
    """
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    brackets = _NO_BRACKETS.sub("", text).encode()
    if max(accumulate(map(_STEPS.__getitem__, brackets))) > MAX_DEPTH:
        raise _too_deep()


def _constant(name: str) -> Any:
    """NaN and the infinities, which are no JSON."""
    raise JSONDecodeError("no JSON", name, 0)


def _number(text: str) -> Decimal:
    return Decimal(parse(text))


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) < 4000 else Decimal(parse(text))


def _sorted(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """§8.14: keys by length, then by bytes; of equal ones the last counts."""
    found = dict(pairs)
    keys = list(found)
    if len(keys) > 1:
        keys.sort(key=_key_order)
        return {key: found[key] for key in keys}
    return found


def _key_order(key: str) -> tuple[int, bytes]:
    data = key.encode()
    return len(data), data


_loads = json.JSONDecoder(
    object_pairs_hook=_sorted, parse_float=_number, parse_int=_whole, parse_constant=_constant
).decode
_validate = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_constant).decode
_NO_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[^\[\]{}"]+', re.DOTALL)
_STEPS = [{"[": 1, "{": 1, "]": -1, "}": -1}.get(chr(byte), 0) for byte in range(128)]
_UNICODE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


@not_too_deep
def check_json(text: str) -> None:
    """Whether `text` is JSON.

    Raises:
        SqlError: 22P02 if it is not; 54001 if it is nested too deeply.
    """
    check_depth(text)
    try:
        _validate(text)
    except JSONDecodeError:
        raise complain(text) from None


@not_too_deep
def load_json(text: str) -> Json:
    """The value of a JSON text, with the keys of objects in the order of jsonb.

    Raises:
        SqlError: 22P02; 22P05 for U+0000, which no text holds; 22003 for a number that no numeric holds; 54001.
    """
    check_depth(text)
    if "\\u" in text:
        try:
            check_unicode(text)
        except SqlError as error:
            raise complain(text, error) from None
    try:
        return _loads(text)
    except JSONDecodeError:
        raise complain(text) from None
    except SqlError:
        check_json(text)  # what is no JSON is told before a number that is too large
        raise


_HIGH_MUST_NOT_FOLLOW = "Unicode high surrogate must not follow a high surrogate."
_LOW_MUST_FOLLOW = "Unicode low surrogate must follow a high surrogate."
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{4}")


def _no_text() -> SqlError:
    """22P05 untranslatable_character."""
    return SqlError("22P05", "unsupported Unicode escape sequence", detail="\\u0000 cannot be converted to text.")


def check_unicode(text: str) -> None:
    """Whether all escapes stand for text: surrogates come in pairs, and U+0000 not at all.

    Raises:
        SqlError: 22P02, 22P05.
    """
    high_end = -1
    for match in _UNICODE.finditer(text):
        code = int(match[1], 16) if match[1] else -1
        if high_end >= 0 and (match.start() != high_end or not 0xDC00 <= code < 0xE000):
            if match.start() == high_end and 0xD800 <= code < 0xDC00:
                raise _invalid(_HIGH_MUST_NOT_FOLLOW)
            raise _invalid(_LOW_MUST_FOLLOW)
        if 0xD800 <= code < 0xDC00:
            high_end = match.end()
            continue
        if 0xDC00 <= code < 0xE000 and high_end < 0:
            raise _invalid(_LOW_MUST_FOLLOW)
        if code == 0:
            raise _no_text()
        high_end = -1
    if high_end >= 0:
        raise _invalid(_LOW_MUST_FOLLOW)


@not_too_deep
def dump_canonical(value: Json) -> str:
    """The text of a jsonb, whose objects are sorted already.

    Raises:
        SqlError: 54001.
    """
    try:
        return _dump(value)
    except (TypeError, ValueError):  # a Decimal, or an integer with thousands of digits
        return _spell(value)


def _spell(value: Json) -> str:
    if isinstance(value, str):
        return quote(value)
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, Decimal):
        return numeric_text(value)
    if isinstance(value, dict):
        return "{" + ", ".join([f"{quote(key)}: {_spell(each)}" for key, each in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_spell, value)) + "]"
    return numeric_text(Decimal(value))


# what is wrong with a text

_MAX_EXPLAINED = 1 << 18

_ALPHANUMERIC = r"A-Za-z0-9_\x80-\U0010ffff"
_TOKEN = re.compile(
    r'[ \t\n\r]*(?:([{}\[\]:,])|(")'
    rf"|((?:-|(?=[0-9]))(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?[{_ALPHANUMERIC}]*)"
    rf"|([{_ALPHANUMERIC}]+)|(.)|\Z)",
    re.DOTALL,
)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z", re.ASCII)


def _invalid(detail: str) -> SqlError:
    return SqlError("22P02", "invalid input syntax for type json", detail=detail)


class _Reader:
    """One token after the other; a wrong one is the error."""

    __slots__ = ("_decoded", "position", "text")

    def __init__(self, text: str, *, decoded: bool) -> None:
        self.text = text
        self.position = 0
        self._decoded = decoded

    def next(self) -> tuple[str, str]:
        """Kind and text: a sign, "string", "number", "word" or "end"."""
        match = _TOKEN.match(self.text, self.position)
        assert match is not None
        sign, opened, number, word, other = match.groups()
        self.position = match.end()
        if sign:
            return sign, sign
        if opened:
            start = self.position - 1
            self._string()
            return "string", self.text[start : self.position]
        if number:
            if _NUMBER.match(number) is None:
                raise _invalid(f'Token "{number}" is invalid.')
            return "number", number
        if word:
            if word not in ("true", "false", "null"):
                raise _invalid(f'Token "{word}" is invalid.')
            return "word", word
        if other:
            raise _invalid(f'Token "{other}" is invalid.')
        return "end", ""

    def _string(self) -> None:
        text, position = self.text, self.position
        start = position - 1
        after_high = False
        while True:
            if position >= len(text):
                raise _invalid(f'Token "{text[start:]}" is invalid.')
            character = text[position]
            position += 1
            if character < " ":
                raise _invalid(f"Character with value 0x{ord(character):02x} must be escaped.")
            if text.startswith("\\u", position - 1):
                after_high = self._unicode(start, position + 1, after_high)
                position += 5
                continue
            if character == "\\" and position >= len(text):
                raise _invalid(f'Token "{text[start:]}" is invalid.')
            if after_high:
                raise _invalid(_LOW_MUST_FOLLOW)
            if character == '"':
                self.position = position
                return
            if character == "\\":
                if text[position] not in '"\\/bfnrt':
                    raise _invalid(f'Escape sequence "\\{text[position]}" is invalid.')
                position += 1

    def _unicode(self, start: int, position: int, after_high: bool) -> bool:
        """Four hexadecimal digits at `position`; whether they are the first half of a character."""
        digits = self.text[position : position + 4]
        if not _HEXADECIMAL.fullmatch(digits):
            if len(digits) < 4 and (not digits or _HEXADECIMAL.match(digits.ljust(4, "0"))):
                raise _invalid(f'Token "{self.text[start:]}" is invalid.')
            raise _invalid('"\\u" must be followed by four hexadecimal digits.')
        if not self._decoded:
            return False
        code = int(digits, 16)
        if 0xD800 <= code < 0xDC00:
            if after_high:
                raise _invalid(_HIGH_MUST_NOT_FOLLOW)
            return True
        if after_high != (0xDC00 <= code < 0xE000):
            raise _invalid(_LOW_MUST_FOLLOW)
        if not code:
            raise _no_text()
        return False


def _unexpected(kind: str, token: str, expected: str) -> SqlError:
    if kind == "end":
        return _invalid("The input string ended unexpectedly.")
    return _invalid(f'Expected {expected}, but found "{token}".')


def complain(text: str, wrong: SqlError | None = None) -> SqlError:
    """The error for a text that is no JSON; unless it is huge, the DETAIL names the first token that is wrong.

    Args:
        text: it.
        wrong: what is wrong with its escapes; without it they are not looked at.
    """
    if len(text) > _MAX_EXPLAINED:
        return wrong or SqlError("22P02", "invalid input syntax for type json")
    reader = _Reader(text, decoded=wrong is not None)
    open_: list[str] = []
    expected = "value"
    try:
        while True:
            kind, token = reader.next()
            if expected in ("value", "value or ]"):
                if kind in ("string", "number", "word"):
                    expected = "end" if not open_ else ","
                elif kind == "[":
                    open_.append("]")
                    expected = "value or ]"
                elif kind == "{":
                    open_.append("}")
                    expected = "key or }"
                elif kind == "]" and expected == "value or ]":
                    open_.pop()
                    expected = "end" if not open_ else ","
                else:
                    return _unexpected(kind, token, "JSON value")
            elif expected in ("key", "key or }"):
                if kind == "string":
                    expected = ":"
                elif kind == "}" and expected == "key or }":
                    open_.pop()
                    expected = "end" if not open_ else ","
                else:
                    return _unexpected(kind, token, "string" if expected == "key" else 'string or "}"')
            elif expected == ":":
                if kind != ":":
                    return _unexpected(kind, token, '":"')
                expected = "value"
            elif expected == ",":
                if kind == ",":
                    expected = "value" if open_[-1] == "]" else "key"
                elif kind == open_[-1]:
                    open_.pop()
                    expected = "end" if not open_ else ","
                else:
                    return _unexpected(kind, token, f'"," or "{open_[-1]}"')
            elif kind != "end":
                return _invalid(f'Expected end of input, but found "{token}".')
            else:
                return _invalid("The input string ended unexpectedly.")
    except SqlError as error:
        return error
