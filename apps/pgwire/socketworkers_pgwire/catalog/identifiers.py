"""Dotted names in values: SplitIdentifierString() and its callers (src/backend/utils/adt/varlena.c). Sans-IO."""

from __future__ import annotations

from ..errors import SqlError
from ..types.text import cut_name

__all__ = ["fold", "split_qualified"]

_SPACES = " \t\n\r\f\v"


def fold(text: str) -> str:
    """An identifier that is not quoted: ASCII letters become lower case, and 63 bytes are kept."""
    return cut_name("".join(each.lower() if "A" <= each <= "Z" else each for each in text))


def split_qualified(text: str) -> list[str]:
    """The parts of a name, quoted or not.

    Raises:
        SqlError: 42602 it is none.
    """
    names: list[str] = []
    position = _skip(text, 0)
    if position == len(text):
        raise _invalid()
    while True:
        if text[position : position + 1] == '"':
            name, position = _quoted(text, position)
            names.append(cut_name(name))
        else:
            start = position
            while position < len(text) and text[position] != "." and text[position] not in _SPACES:
                position += 1
            if position == start:
                raise _invalid()
            names.append(fold(text[start:position]))
        position = _skip(text, position)
        if position == len(text):
            return names
        if text[position] != ".":
            raise _invalid()
        position = _skip(text, position + 1)


def _quoted(text: str, position: int) -> tuple[str, int]:
    name = ""
    position += 1
    while True:
        end = text.find('"', position)
        if end < 0:
            raise _invalid()
        name += text[position:end]
        if text[end + 1 : end + 2] != '"':
            break
        name += '"'
        position = end + 2
    if not name:
        raise _invalid()
    return name, end + 1


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACES:
        position += 1
    return position


def _invalid() -> SqlError:
    return SqlError("42602", "invalid name syntax")
