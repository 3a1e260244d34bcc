"""PostgreSQL 15 and ours on the same values: text and binary forms, errors, equality, order, operators and functions.

`SOCKETWORKERS_DIFFERENTIAL_INPUTS` says how many inputs of each kind there are; without it some hundred.
"""

from __future__ import annotations

import os

import pytest
from tests.pgwire.types.compare import SETTINGS, compare_inputs, compare_operation, compare_order
from tests.pgwire.types.inputs import GENERATORS
from tests.pgwire.types.operations import OPERATIONS, Zoned
from tests.pgwire.types.server import Client

from socketworkers_pgwire.types.base import AnyType

COUNT = int(os.environ.get("SOCKETWORKERS_DIFFERENTIAL_INPUTS", "400"))
MODIFIED = (
    "varchar(5)",
    "bpchar(5)",
    "numeric(10,2)",
    "numeric(18,0)",
    "numeric(20,4)",
    "numeric(3,5)",
    "numeric(5,-2)",
    "timestamp(3)",
    "timestamptz(0)",
    "time(2)",
    "timetz(1)",
    "_numeric(10,2)",
    "_varchar(5)",
    "_bpchar(5)",
)
STYLED = ("float4", "float8", "bytea", "date", "timestamp", "timestamptz", "time", "timetz", "interval", "_timestamptz")


def _shown(lines: list[str]) -> str:
    return "\n".join(lines[:20])


@pytest.mark.parametrize("name", [*GENERATORS, *MODIFIED])
def test_text_and_binary_forms(postgres: Client, mood: AnyType, name: str) -> None:
    compared, different = compare_inputs(postgres, name, mood, "default", COUNT)
    assert compared > COUNT
    assert not different, _shown(different)


@pytest.mark.parametrize("style", [style for style in SETTINGS if style != "default"])
@pytest.mark.parametrize("name", STYLED)
def test_text_and_binary_forms_with_other_settings(postgres: Client, mood: AnyType, name: str, style: str) -> None:
    compared, different = compare_inputs(postgres, name, mood, style, COUNT)
    assert compared > COUNT
    assert not different, _shown(different)


@pytest.mark.parametrize("name", [*(name for name in GENERATORS if name != "json"), *MODIFIED[1:7], *MODIFIED[-3:]])
def test_equality_and_order(postgres: Client, mood: AnyType, name: str) -> None:
    compared, different = compare_order(postgres, name, mood, COUNT)
    assert compared > COUNT
    assert not different, _shown(different)


@pytest.mark.parametrize("sql", OPERATIONS)
def test_operators_and_functions(postgres: Client, sql: str) -> None:
    zoned = isinstance(OPERATIONS[sql][2], Zoned)
    for style in ("default", "new-york-dmy", "lord-howe-ymd") if zoned else ("default",):
        compared, different = compare_operation(postgres, sql, style, max(20, COUNT // 8))
        assert compared
        assert not different, _shown(different)


def test_the_details_of_json_errors(postgres: Client, mood: AnyType) -> None:
    for name in ("json", "jsonb"):
        _, different = compare_inputs(postgres, name, mood, "default", COUNT, details=True)
        assert not different, _shown(different)
