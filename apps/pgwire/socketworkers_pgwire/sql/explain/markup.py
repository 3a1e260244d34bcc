"""The object of an EXPLAIN as YAML: src/backend/commands/explain.c writes it in this shape."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["as_yaml"]


def as_yaml(found: Mapping[str, Any]) -> str:
    """One document, a list of one."""
    return "\n".join(_item(list(_fields(found, 1)), 0))


def _item(lines: list[str], depth: int) -> list[str]:
    """The lines of an object, as an item of a list."""
    return ["  " * depth + "- " + lines[0].lstrip(), *lines[1:]]


def _fields(found: Mapping[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}: "
            yield from _fields(value, depth + 1)
        elif isinstance(value, list):
            yield f"{indent}{name}: "
            for each in value:
                if isinstance(each, Mapping):
                    yield from _item(list(_fields(each, depth + 2)), depth + 1)
                else:
                    yield f"{indent}  - {_quoted(each)}"
        else:
            yield f"{indent}{name}: {_quoted(value)}"


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
