"""What is written is read back, in both forms, and columns are written as single values are."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.pgwire.types.compare import SETTINGS, values_of
from tests.pgwire.types.inputs import GENERATORS, inputs

from socketworkers_pgwire.errors import SqlError
from socketworkers_pgwire.types import BY_NAME, DEFAULT, Array, Interval, Settings, find_zone
from socketworkers_pgwire.types.base import AnyType
from socketworkers_pgwire.types.calendar import MAX_TIMESTAMP, MIN_TIMESTAMP, civil_from_days, days_from_civil

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.decimals(-100, 100, places=2) | TEXT,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=12,
)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(lambda d: -500 < d.adjusted() < 500)
ZONES = [
    "UTC",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "<-03>3<-02>,M3.2.0,M11.1.0",
]


def _back(kind: AnyType, stored: Any) -> None:
    assert kind.input(kind.output(stored)) == stored
    assert kind.receive(kind.send(stored)) == stored


@given(st.data(), st.sampled_from(["int2", "int4", "int8"]))
def test_integers(data: st.DataObject, name: str) -> None:
    bits = 8 * BY_NAME[name].typlen
    _back(BY_NAME[name], data.draw(st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)))


@given(st.floats(allow_nan=False))
def test_doubles(value: float) -> None:
    kind = BY_NAME["float8"]
    for text in (kind.output(value), (kind.encode_column([value])[0] or b"").decode()):
        back = kind.input(text)
        assert back == value
        assert math.copysign(1, back) == math.copysign(1, value)
    assert len(kind.output(value).replace("-", "")) <= 23
    assert kind.receive(kind.send(value)) == value


@given(st.floats(allow_nan=False, width=32))
def test_floats(value: float) -> None:
    _back(BY_NAME["float4"], value)


@given(DECIMALS)
def test_numerics(value: Decimal) -> None:
    kind = BY_NAME["numeric"]
    stored = kind.store(value)
    assert "E" not in stored
    assert Decimal(stored) == value
    _back(kind, stored)


@given(st.lists(DECIMALS, min_size=2, max_size=12))
def test_keys_of_numerics_sort_as_numbers(values: list[Decimal]) -> None:
    kind = BY_NAME["numeric"]
    by_key = sorted(values, key=lambda value: kind.order(kind.store(value)))
    assert by_key == sorted(values)
    a, b = values[:2]
    assert (kind.equality(kind.store(a)) == kind.equality(kind.store(b))) == (a == b)


@given(TEXT, st.sampled_from(["text", "varchar", "bpchar", "_text"]))
def test_texts(text: str, name: str) -> None:
    kind = BY_NAME[name]
    _back(kind, text if name != "_text" else kind.store(Array([text, None, text], (3,), (1,))))


@given(st.binary(max_size=40), st.sampled_from(["hex", "escape"]))
def test_bytes(data: bytes, form: Any) -> None:
    kind = BY_NAME["bytea"]
    assert kind.input(kind.output(data, replace(DEFAULT, bytea_output=form))) == data
    _back(kind, data)


@given(st.integers(MIN_TIMESTAMP, MAX_TIMESTAMP - 1), st.sampled_from(ZONES), st.sampled_from(["ISO", "SQL", "German"]))
def test_timestamps(usecs: int, zone: str, style: Any) -> None:
    found = find_zone(zone)
    assert found is not None
    settings = replace(DEFAULT, datestyle=style, timezone=found)
    _back(BY_NAME["timestamp"], usecs)
    kind = BY_NAME["timestamp"]
    order = replace(settings, dateorder="DMY") if style == "German" else settings
    assert kind.input(kind.output(usecs, order), order) == usecs
    zoned = BY_NAME["timestamptz"]
    iso = replace(settings, datestyle="ISO")
    assert zoned.encode_column([usecs, None], iso) == [zoned.output(usecs, iso).encode(), None]
    if MIN_TIMESTAMP + 10**12 < usecs < MAX_TIMESTAMP - 10**12:
        assert zoned.input(zoned.output(usecs, iso), iso) == usecs


@given(st.integers(-2_451_545, 2_145_031_948))
def test_days(days: int) -> None:
    year, month, day = civil_from_days(days)
    assert days_from_civil(year, month, day) == days
    _back(BY_NAME["date"], days)


@given(
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.sampled_from(["postgres", "iso_8601", "postgres_verbose"]),
)
def test_intervals(months: int, days: int, usecs: int, style: Any) -> None:
    kind = BY_NAME["interval"]
    stored = kind.store(Interval(months, days, usecs))
    assert kind.load(stored) == (months, days, usecs)
    assert kind.receive(kind.send(stored)) == stored
    if style != "postgres_verbose" and usecs != -(1 << 63) and abs(usecs) < 10**15:
        assert kind.input(kind.output(stored, replace(DEFAULT, intervalstyle=style))) == stored


@given(
    st.lists(st.one_of(st.none(), st.integers(-(1 << 31), (1 << 31) - 1)), min_size=1, max_size=8), st.integers(-3, 3)
)
def test_arrays(items: list[int | None], lower: int) -> None:
    kind = BY_NAME["_int4"]
    stored = kind.store(Array(items, (len(items),), (lower,)))
    assert kind.load(stored) == Array(items, (len(items),), (lower,))
    _back(kind, stored)
    nested = kind.store(Array(items + items, (2, len(items)), (lower, 1)))
    _back(kind, nested)
    assert kind.encode_column([stored, None, nested]) == [
        kind.output(stored).encode(),
        None,
        kind.output(nested).encode(),
    ]


@given(JSON)
def test_json(value: Any) -> None:
    text = json.dumps(value, default=float)
    kind = BY_NAME["jsonb"]
    stored = kind.input(text)
    _back(kind, stored)
    assert kind.store(kind.load(stored)) == stored
    assert kind.equality(stored) == kind.equality(kind.input(f" {text} "))
    assert BY_NAME["json"].input(text) == text


@pytest.mark.parametrize("name", [name for name in GENERATORS if name != "mood"])
def test_a_column_is_written_as_its_values(name: str) -> None:
    kind = BY_NAME[name]
    settings = SETTINGS["new-york-dmy"][1]
    for chosen in (DEFAULT, settings):
        values = [stored for _, stored in values_of(name, kind, 80, DEFAULT, random.Random(name))]
        assert len(values) > 2
        mixed = [None, *values, None]
        texts = [None if value is None else kind.output(value, chosen).encode() for value in mixed]
        binaries = [None if value is None else kind.send(value) for value in mixed]
        assert kind.encode_column(mixed, chosen) == texts
        assert kind.encode_column(mixed, chosen, True) == binaries
        assert kind.encode_column([], chosen) == []
        if kind.typname in ("oidvector", "int2vector"):  # an empty one is not taken back, by PostgreSQL neither
            values, binaries = [v for v in values if v != "[]"], [b for b in binaries if b and len(b) > 20]
        assert [kind.decode(data, True) for data in binaries if data is not None] == values


def _read(kind: AnyType, texts: list[str | None], settings: Settings) -> list[Any] | str:
    try:
        return [None if text is None else kind.input(text, settings) for text in texts]
    except SqlError as error:
        return error.sqlstate


@pytest.mark.parametrize("name", [name for name in GENERATORS if name != "mood"])
def test_a_column_is_read_as_its_texts(name: str) -> None:
    kinds = [BY_NAME[name]]
    for arguments in (["5"], ["5", "2"]):
        try:
            kinds.append(kinds[0].modified(kinds[0].typmodin(arguments)))
        except SqlError:
            pass
    chooser = random.Random(name)
    settings = SETTINGS["new-york-dmy"][1]
    every = inputs(name, 150)
    for kind in kinds:
        good = [text for text in every if not isinstance(_read(kind, [text], settings), str)]
        columns: list[list[str | None]] = [[each] for each in every]
        for some in (good, [text for text in good if text.isalnum()], [text for text in good if text[:1] != "-"]):
            if some:
                columns += [list(some), [None, *some, None], chooser.choices(some, k=3 * len(some))]
        columns += [[*good, bad] for bad in every[::15]]
        for texts in columns:
            expected = _read(kind, texts, settings)
            if isinstance(expected, str):
                with pytest.raises(SqlError):
                    kind.input_column(texts, settings)
            else:
                assert repr(kind.input_column(texts, settings)) == repr(expected)
