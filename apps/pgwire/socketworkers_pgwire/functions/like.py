"""LIKE, ILIKE and the translation of SIMILAR TO: PostgreSQL 15 documentation §9.7.1 and §9.7.2."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from ..types.errors import SqlError
from .registry import scalar
from .strings import fold

__all__ = ["like", "similar_pattern"]

_MAX_PATTERNS = 500


def _ends_in_escape() -> SqlError:
    return SqlError("22025", "LIKE pattern must not end with escape character")


def _tokens(pattern: str) -> list[str]:
    """The pattern with what is escaped, and what is not, told apart: ``%``, ``_``, or a backslash and a character; a
    backslash alone is one at the end."""
    tokens = []
    position, length = 0, len(pattern)
    while position < length:
        character = pattern[position]
        position += 1
        if character in "%_":
            tokens.append(character)
        elif character == "\\":
            tokens.append(pattern[position - 1 : position + 1])
            position += 1
        else:
            tokens.append("\\" + character)
    return tokens


@lru_cache(_MAX_PATTERNS)
def _compiled(pattern: str) -> Callable[[str], bool]:
    tokens = _tokens(pattern)
    if tokens and tokens[-1] == "\\":
        return lambda text: _match_cut(text, tokens)
    # pieces between the percent signs, each of a fixed length: found from the left, each as early as possible
    pieces: list[list[str]] = [[]]
    for token in tokens:
        if token == "%":
            pieces.append([])
        else:
            pieces[-1].append(token)
    expressions = ["".join("." if token == "_" else re.escape(token[1]) for token in piece) for piece in pieces]
    first = re.compile(expressions[0], re.DOTALL)
    if len(pieces) == 1:
        return lambda text: first.fullmatch(text) is not None
    middle = [re.compile(expression, re.DOTALL) for expression in expressions[1:-1] if expression]
    last, length = re.compile(expressions[-1], re.DOTALL), len(pieces[-1])

    def match(text: str) -> bool:
        found = first.match(text)
        if found is None:
            return False
        end = found.end()
        for piece in middle:
            found = piece.search(text, end)
            if found is None:
                return False
            end = found.end()
        start = len(text) - length
        return start >= end and last.match(text, start) is not None

    return match


def _match_cut(text: str, tokens: list[str]) -> bool:
    """With an escape character at the end: an error only when the matching comes to it."""
    places = {0}
    for token in tokens:
        if not places:
            return False
        if token == "%":
            places = set(range(min(places), len(text) + 1))
        elif token == "\\":
            if min(places) < len(text):
                raise _ends_in_escape()
            return False
        else:
            places = {p + 1 for p in places if p < len(text) and (token == "_" or text[p] == token[1])}
    return False


def like(text: str, pattern: str) -> int:
    """`text LIKE pattern`."""
    return 1 if _compiled(pattern)(text) else 0


def _not_like(text: str, pattern: str) -> int:
    return 0 if _compiled(pattern)(text) else 1


def _ilike(text: str, pattern: str) -> int:
    return like(fold(text), fold(pattern))


def _not_ilike(text: str, pattern: str) -> int:
    return 1 - like(fold(text), fold(pattern))


scalar(
    "textlike(text,text)", '"like"(text,text)', "namelike(name,text)", '"like"(name,text)', "bpcharlike(character,text)"
)(like)
scalar(
    "textnlike(text,text)", "notlike(text,text)", "namenlike(name,text)", "notlike(name,text)",
    "bpcharnlike(character,text)",
)(_not_like)  # fmt: skip
scalar("texticlike(text,text)", "nameiclike(name,text)", "bpchariclike(character,text)")(_ilike)
scalar("texticnlike(text,text)", "nameicnlike(name,text)", "bpcharicnlike(character,text)")(_not_ilike)


@scalar("bytealike(bytea,bytea)", '"like"(bytea,bytea)')
def _bytes_like(data: bytes, pattern: bytes) -> int:
    return like(data.decode("latin-1"), pattern.decode("latin-1"))


@scalar("byteanlike(bytea,bytea)", "notlike(bytea,bytea)")
def _bytes_not_like(data: bytes, pattern: bytes) -> int:
    return 1 - _bytes_like(data, pattern)


def _check_escape(escape: str) -> None:
    if len(escape) > 1:
        raise SqlError("22025", "invalid escape string", hint="Escape string must be empty or one character.")


@scalar("like_escape(text,text)")
def _like_escape(pattern: str, escape: str) -> str:
    if not escape:
        return pattern.replace("\\", "\\\\")
    _check_escape(escape)
    if escape == "\\":
        return pattern
    parts = []
    escaped = False
    for character in pattern:
        if character == escape and not escaped:
            parts.append("\\")
            escaped = True
            continue
        parts.append("\\\\" if character == "\\" and not escaped else character)
        escaped = False
    return "".join(parts)


@scalar("like_escape(bytea,bytea)")
def _bytes_like_escape(pattern: bytes, escape: bytes) -> bytes:
    return _like_escape(pattern.decode("latin-1"), escape.decode("latin-1")).encode("latin-1")


@scalar("similar_to_escape(text)", "similar_to_escape(text,text)")
def similar_pattern(pattern: str, escape: str = "\\") -> str:
    """The regular expression of a pattern of SIMILAR TO, or of SUBSTRING with its two separators.

    Raises:
        SqlError: 22025 for the escape, 2200C for a third separator.
    """
    _check_escape(escape)
    parts = ["^(?:"]
    escaped = in_class = False
    separators = 0
    for character in pattern:
        if escaped:
            if character == '"' and not in_class:
                if separators == 0:
                    parts.append("){1,1}?(")
                elif separators == 1:
                    parts.append("){1,1}(?:")
                else:
                    raise SqlError(
                        "2200C", "SQL regular expression may not contain more than two escape-double-quote separators"
                    )
                separators += 1
            else:
                parts.append("\\" + character)
            escaped = False
        elif escape and character == escape:
            escaped = True
        elif in_class:
            parts.append("\\\\" if character == "\\" else character)
            in_class = character != "]"
        elif character == "[":
            parts.append(character)
            in_class = True
        else:
            parts.append(_SIMILAR.get(character, character))
    parts.append(")$")
    return "".join(parts)


_SIMILAR = {"%": ".*", "_": ".", "(": "(?:", "\\": "\\\\", ".": "\\.", "^": "\\^", "$": "\\$"}


@scalar("similar_escape(text,text)")
def _similar_escape(pattern: str | None, escape: str | None) -> str | None:
    return None if pattern is None else similar_pattern(pattern, "\\" if escape is None else escape)
