"""Help that fits a screen: at most 24 lines of 80 columns, the rest with ``--help-all``.

Pure text; called by ``run`` and its kin with the settings of an app.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from ..settings import Setting, format_value

__all__ = ["SCREEN_LINES", "SCREEN_WIDTH", "Entry", "entries_of", "render"]

SCREEN_LINES = 24
SCREEN_WIDTH = 80


@dataclass(frozen=True, slots=True)
class Entry:
    """One option in a help text."""

    flag: str
    metavar: str
    text: str
    own: bool = False
    """Declared by the app itself."""
    advanced: bool = False
    """Shown by ``--help-all`` only."""


def entries_of(items: Sequence[Setting], defaults: dict[str, object]) -> list[Entry]:
    """Settings as help shows them, with their defaults."""
    entries = []
    for item in items:
        if item.kind == "table":
            continue  # it is in files only
        default = defaults.get(item.name, item.default)
        shown = "" if item.kind == "bool" or default == -1 else format_value(item, default)
        text = item.help + (f" [{shown}]" if shown and shown not in item.help else "")
        if item.multiple and "repeatable" not in item.help:
            text += " (repeatable)"
        entries.append(Entry(item.flag, item.metavar, text, not item.common, item.advanced))
    return entries


def render(usage: str, title: str, entries: Sequence[Entry], *, everything: bool, examples: Sequence[str] = ()) -> str:
    """The help text.

    Args:
        usage: the line after "Usage:".
        title: what it is, one line.
        entries: all options.
        everything: whether the text may be longer than a screen.
        examples: lines for the end.
    """
    own = [entry for entry in entries if entry.own]
    common = [entry for entry in entries if not entry.own]
    fixed = [Entry("--help, --help-all", "", "this help; all options")]
    if everything:
        lines = [*_head(usage, title), *_sections(own, [*common, *fixed], SCREEN_WIDTH), *_tail(examples)]
        return "\n".join(lines)
    own_shown = [entry for entry in own if not entry.advanced]
    common_shown = [entry for entry in common if not entry.advanced]
    while True:
        shown = {entry.flag for entry in (*own_shown, *common_shown)}
        lines = [
            *_head(usage, title),
            *_sections(own_shown, [*common_shown, *fixed], SCREEN_WIDTH),
            # The ones that had no room come before those that are rarely needed.
            *_more([entry.flag for entry in sorted(entries, key=_rarely_needed) if entry.flag not in shown]),
            *_tail(examples),
        ]
        if len(lines) <= SCREEN_LINES or not (own_shown or common_shown):
            return "\n".join(lines)
        # What every app has goes first: it can be read about in `run-app --help`.
        (common_shown if len(common_shown) > 4 or not own_shown else own_shown).pop()


def _rarely_needed(entry: Entry) -> bool:
    return entry.advanced


def _head(usage: str, title: str) -> list[str]:
    return [f"Usage: {usage}", "", *([*textwrap.wrap(title, SCREEN_WIDTH), ""] if title else [])]


def _tail(examples: Sequence[str]) -> list[str]:
    return ["", *(f"  {example}" for example in examples)] if examples else []


def _sections(own: Sequence[Entry], common: Sequence[Entry], width: int) -> list[str]:
    column = max((len(_left(entry)) for entry in (*own, *common) if len(_left(entry)) <= 26), default=0) + 4
    lines = []
    for entry in (*own, *common):
        left = f"  {_left(entry)}"
        room = width - column
        text = textwrap.wrap(entry.text, room) or [""]
        if len(left) + 2 > column:
            lines.append(left)
            left = ""
        lines += [f"{left:<{column}}{text[0]}".rstrip(), *(" " * column + more for more in text[1:])]
    return lines


def _left(entry: Entry) -> str:
    return f"{entry.flag} {entry.metavar}".rstrip()


def _more(flags: Sequence[str]) -> list[str]:
    if not flags:
        return []
    words = "  more: " + " ".join(flags)
    lines = textwrap.wrap(words, SCREEN_WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    lines[0] = "  " + lines[0].lstrip()
    # Two lines of names are enough: the full list is one flag away.
    return lines if len(lines) <= 2 else [lines[0], f"  {lines[1].strip()[: SCREEN_WIDTH - 8].rsplit(' ', 1)[0]} ..."]
