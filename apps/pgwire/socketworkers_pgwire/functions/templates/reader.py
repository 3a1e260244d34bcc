"""Reads a template: words that stand for something, and characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ...types.errors import SqlError

__all__ = ["Item", "Sort", "ordinal", "read_template"]


class Sort(Enum):
    """What an item is."""

    WORD = "word"
    SEPARATOR = "separator"
    SPACE = "space"
    CHARACTER = "character"


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a template."""

    sort: Sort
    text: str
    """The word as written, or the character."""
    fill: bool = False
    """FM before it: no padding."""
    translated: bool = False
    """TM before it: names are not padded."""
    suffix: str = ""
    """``TH`` or ``th`` behind it."""


def _is_separator(character: str) -> bool:
    return "!" <= character <= "~" and not character.isalnum()


def read_template(text: str, words: Mapping[str, Sequence[str]], *, dates: bool) -> list[Item]:
    """The items of a template.

    Args:
        text: the template.
        words: by their first letter, longer ones before those that they begin with.
        dates: whether words have prefixes and suffixes, and punctuation separates.
    """
    items: list[Item] = []
    position, length = 0, len(text)
    while position < length:
        fill = translated = False
        if dates:
            prefix = text[position : position + 2]
            if prefix in ("FM", "fm", "TM", "tm"):
                fill = prefix in ("FM", "fm")
                translated = not fill
                position += 2
                if position == length:
                    break
        word = next((each for each in words.get(text[position], ()) if text.startswith(each, position)), None)
        if word is not None:
            position += len(word)
            suffix = ""
            if dates and text[position : position + 2] in ("TH", "th", "SP"):
                suffix = text[position : position + 2]
                position += 2
            items.append(Item(Sort.WORD, word, fill, translated, "" if suffix == "SP" else suffix))
            continue
        if text[position] == '"':
            position = _quoted(text, position + 1, items)
            continue
        if text[position] == "\\" and text[position + 1 : position + 2] == '"':
            position += 1
        character = text[position]
        sort = Sort.CHARACTER
        if dates and _is_separator(character):
            sort = Sort.SEPARATOR
        elif character in " \t\n\v\f\r":
            sort = Sort.SPACE
        items.append(Item(sort, character))
        position += 1
    return items


def _quoted(text: str, position: int, items: list[Item]) -> int:
    """Text in double quotes, within which a backslash quotes the next character."""
    while position < len(text):
        character = text[position]
        position += 1
        if character == '"':
            break
        if character == "\\" and position < len(text):
            character = text[position]
            position += 1
        items.append(Item(Sort.CHARACTER, character))
    return position


def ordinal(digits: str) -> str:
    """st, nd, rd or th.

    Raises:
        SqlError: 22P02, it does not end in a digit.
    """
    if not digits[-1:].isdigit():
        raise SqlError("22P02", f'"{digits}" is not a number')
    if len(digits) > 1 and digits[-2] == "1":
        return "th"
    return {"1": "st", "2": "nd", "3": "rd"}.get(digits[-1], "th")
