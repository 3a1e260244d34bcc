"""The names that others may use."""

from __future__ import annotations

import ast
from pathlib import Path

import socketworkers_pgwire.types as types

NAMES = """
Array ArrayType AnyType BY_NAME BY_OID DEFAULT EnumType Interval MultirangeType Names Range RangeType RecordType
Settings SqlError TYPES Type UTC Zone find_zone fixed_zone
"""
FOLDER = Path(types.__file__).parent


def test_the_names_are_those_on_the_list() -> None:
    assert sorted(types.__all__) == sorted(NAMES.split())


def test_types_ask_for_no_time_and_do_no_io() -> None:
    forbidden = {"asyncio", "socket", "time", "random", "os", "logging", "threading", "subprocess"}
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {alias.name for alias in node.names} & forbidden, path
            elif isinstance(node, ast.ImportFrom) and not node.level:
                assert node.module not in forbidden, path
                assert not (node.module or "").startswith("socketworkers"), path
