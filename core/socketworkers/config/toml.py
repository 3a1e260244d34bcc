"""TOML files with positions: ``tomllib`` gives values, one pass over the lines gives each key's line.

The pass knows headers, keys and multi-line strings, which is all that is needed to point a person at the line; values
always come from ``tomllib``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import StartupError

__all__ = ["TomlFile", "read"]

_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*(=|\.)""")
_MULTILINE = re.compile(r'"""|\'\'\'')


@dataclass(frozen=True, slots=True)
class TomlFile:
    """One parsed file."""

    path: Path
    """As the user gave it: this is what messages show."""
    values: dict[str, Any]
    """The whole document."""
    lines: dict[tuple[str, str], int]
    """Line of each (table, key); a table's own line is under the key ""."""

    def where(self, table: str, key: str = "") -> str:
        """``file:line`` of a key, or of its table."""
        line = self.lines.get((table, key)) or self.lines.get((table, ""))
        return f"{self.path}:{line}" if line else str(self.path)


def read(path: Path) -> TomlFile:
    """Read one file.

    Raises:
        StartupError: it cannot be read or is not TOML; names file, line and column.
    """
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise StartupError(f"{path} is not a text file in UTF-8", exit_status=2) from None
    except OSError as error:
        raise StartupError(f"cannot read {path}", (error.strerror or str(error)).lower(), exit_status=2) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        position = re.search(r" \(at line (\d+), column (\d+)\)$", message)
        where = f"{path}:{position[1]}:{position[2]}" if position else str(path)
        why = message[: position.start()] if position else message
        raise StartupError(f"{where}: not valid TOML", why[:1].lower() + why[1:], exit_status=2) from None
    return TomlFile(path, values, _positions(text))


def _positions(text: str) -> dict[tuple[str, str], int]:
    lines: dict[tuple[str, str], int] = {}
    table, inside = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if inside:
            _, found, _ = line.partition(inside)
            inside = "" if found else inside
            continue
        if header := _HEADER.match(line):
            table = header[1].strip("\"'")
            lines.setdefault((table, ""), number)
            # [[mqtt.bridge]] and [mqtt.bridge] are keys of [mqtt], too
            outer, _, inner = table.rpartition(".")
            if outer:
                lines.setdefault((outer, inner), number)
        elif key := _KEY.match(line):
            name = key[1].strip("\"'")
            # A dotted key at the top (smtp.port = 25) belongs to the table of its first part.
            if key[2] == "." and not table:
                lines.setdefault((name, ""), number)
                if rest := _KEY.match(line, key.end()):
                    lines.setdefault((name, rest[1].strip("\"'")), number)
            else:
                lines.setdefault((table, name), number)
        quotes = _MULTILINE.findall(line)
        if len(quotes) % 2:
            inside = quotes[-1]
    return lines
