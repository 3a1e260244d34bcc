"""The statements of battery.sql, and how their answers are written down."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

__all__ = ["BATTERY", "GOLDEN", "Answer", "parts"]

BATTERY = Path(__file__).with_name("battery.sql")
GOLDEN = Path(__file__).with_name("golden.json")

Answer: TypeAlias = "list[list[str | None]] | list[str]"
"""The rows; of a failure SQLSTATE, message and detail."""


def parts() -> dict[str, list[str]]:
    """The statements of each part, by its heading."""
    found: dict[str, list[str]] = {}
    for line in BATTERY.read_text().splitlines():
        if line.startswith("## "):
            current = found.setdefault(line[3:], [])
        elif line and not line.startswith("#"):
            current.append(line)
    return found
