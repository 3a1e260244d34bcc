"""Names that PostgreSQL chooses: of indexes, constraints, sequences (src/backend/commands/indexcmds.c)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..types.text import MAX_NAME, cut_name

__all__ = ["choose_name", "column_names", "joined", "make_object_name"]


def make_object_name(first: str, second: str, label: str) -> str:
    """``first_second_label`` of at most 63 bytes: makeObjectName(); the longer of the first two is cut."""
    room = MAX_NAME - (1 if second else 0) - (len(label) + 1 if label else 0)
    one, two = len(first.encode()), len(second.encode())
    while one + two > room:
        if one > two:
            one -= 1
        else:
            two -= 1
    parts = [_clip(first, one)]
    if second:
        parts.append(_clip(second, two))
    if label:
        parts.append(label)
    return "_".join(parts)


def _clip(text: str, length: int) -> str:
    return text.encode()[:length].decode(errors="ignore")


def choose_name(first: str, second: str, label: str, taken: Callable[[str], bool]) -> str:
    """The first of ``first_second_label``, ``…label1``, ``…label2`` that is free.

    Args:
        first: a name, mostly of the table.
        second: another one, mostly of columns; may be empty.
        label: what kind of object it is.
        taken: whether a name cannot be had.
    """
    number = 0
    while True:
        name = make_object_name(first, second, f"{label}{number or ''}")
        if not taken(name):
            return name
        number += 1


def joined(names: Iterable[str]) -> str:
    """Names of columns as they stand in a chosen name: ChooseIndexNameAddition()."""
    text = ""
    for name in names:
        text = f"{text}_{name}" if text else name
        if len(text.encode()) >= MAX_NAME:
            break
    return text


def column_names(wanted: Iterable[str]) -> list[str]:
    """Names of an index's columns, each once: ChooseIndexColumnNames()."""
    found: list[str] = []
    for name in wanted:
        number, current = 0, cut_name(name)
        while current in found:
            number += 1
            suffix = str(number)
            current = _clip(name, MAX_NAME - len(suffix)) + suffix
        found.append(current)
    return found
