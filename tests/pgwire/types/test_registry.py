"""Rows of pg_type, names and modifiers."""

from __future__ import annotations

import pytest
from tests.pgwire.types.server import Client

from socketworkers_pgwire.types import BY_NAME, BY_OID, TYPES, ArrayType, SqlError
from socketworkers_pgwire.types.base import AnyType


def test_every_type_has_its_own_oid_and_name() -> None:
    assert len(BY_OID) == len(TYPES) == len(BY_NAME)
    for kind in TYPES:
        assert BY_OID[kind.oid] is kind
        if kind.array_oid:
            array = BY_OID[kind.array_oid]
            assert isinstance(array, ArrayType)
            assert array.element is kind


def test_the_rows_are_those_of_postgresql(postgres: Client) -> None:
    rows = postgres.run(
        "SELECT oid, typname, typarray, typlen, typcategory, typispreferred, typdelim, format_type(oid, NULL)"
        " FROM pg_type"
    )
    theirs = {int(row.fields[0] or 0): [(field or b"").decode() for field in row.fields[1:]] for row in rows}
    for kind in TYPES:
        row = [
            kind.typname,
            str(kind.array_oid),
            str(kind.typlen),
            kind.category,
            "t" if kind.preferred else "f",
            kind.array_delimiter,
            kind.format_type(),
        ]
        assert theirs[kind.oid] == row


MODIFIERS = [
    ("varchar", ["7"], "character varying(7)"),
    ("bpchar", ["1"], "character(1)"),
    ("numeric", ["10"], "numeric(10,0)"),
    ("numeric", ["10", "2"], "numeric(10,2)"),
    ("numeric", ["1000", "-1000"], "numeric(1000,-1000)"),
    ("timestamp", ["3"], "timestamp(3) without time zone"),
    ("timestamptz", ["0"], "timestamp(0) with time zone"),
    ("time", ["9"], "time(6) without time zone"),
    ("timetz", ["2"], "time(2) with time zone"),
    ("interval", ["32767", "3"], "interval(3)"),
    ("interval", ["8"], "interval day"),
    ("interval", ["7176", "2"], "interval day to second(2)"),
    ("_numeric", ["10", "2"], "numeric(10,2)[]"),
    ("_varchar", ["3"], "character varying(3)[]"),
]


@pytest.mark.parametrize(("name", "arguments", "spelled"), MODIFIERS)
def test_modifiers(name: str, arguments: list[str], spelled: str) -> None:
    kind = BY_NAME[name]
    typmod = kind.typmodin(arguments)
    modified = kind.modified(typmod)
    assert modified.format_type() == spelled
    assert modified.typmod == typmod
    assert modified.oid == kind.oid
    assert modified.modified(typmod) is modified
    if not isinstance(kind, ArrayType):
        assert kind.modified(typmod) is modified


def test_modifiers_are_those_of_postgresql(postgres: Client) -> None:
    for name, arguments, spelled in MODIFIERS:
        kind = BY_NAME[name]
        element = kind.element if isinstance(kind, ArrayType) else kind
        typmod = kind.typmodin(arguments)
        (answer,) = postgres.run(f"SELECT format_type({kind.oid}, {typmod})")
        assert answer.fields == (spelled.encode(),)
        assert element.typmodin(arguments) == typmod


@pytest.mark.parametrize(
    ("name", "arguments", "sqlstate", "message"),
    [
        ("int4", ["1"], "42601", 'type modifier is not allowed for type "int4"'),
        ("varchar", ["0"], "22023", "length for type varchar must be at least 1"),
        ("bpchar", ["10485761"], "22023", "length for type char cannot exceed 10485760"),
        ("varchar", ["1", "2"], "22023", "invalid type modifier"),
        ("numeric", ["0"], "22023", "NUMERIC precision 0 must be between 1 and 1000"),
        ("numeric", ["1001"], "22023", "NUMERIC precision 1001 must be between 1 and 1000"),
        ("numeric", ["1", "1001"], "22023", "NUMERIC scale 1001 must be between -1000 and 1000"),
        ("numeric", ["1", "2", "3"], "22023", "invalid NUMERIC type modifier"),
        ("timestamp", ["1", "2"], "22023", "invalid type modifier"),
        ("timestamp", ["-1"], "22023", "TIMESTAMP(-1) precision must not be negative"),
        ("timetz", ["-1"], "22023", "TIME(-1) WITH TIME ZONE precision must not be negative"),
        ("interval", ["5"], "22023", "invalid INTERVAL type modifier"),
        ("interval", ["8", "-1"], "22023", "INTERVAL(-1) precision must not be negative"),
        ("interval", [], "22023", "invalid INTERVAL type modifier"),
    ],
)
def test_modifiers_that_are_refused(name: str, arguments: list[str], sqlstate: str, message: str) -> None:
    with pytest.raises(SqlError) as caught:
        BY_NAME[name].typmodin(arguments)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


INTERVALS = [
    (4, "14 mons 3 days 04:05:06.789", "1 year"),
    (2, "14 mons 3 days 04:05:06.789", "1 year 2 mons"),
    (6, "1-2", "1 year 2 mons"),
    (8, "3 4:05:06", "3 days"),
    (1024, "3 4:05:06", "3 days 04:00:00"),
    (2048, "3 4:05:06", "3 days 04:05:00"),
    (4096, "3 4:05:06.5", "3 days 04:05:06.5"),
    (6144, "5:06", "00:05:06"),
    (1032, "3 4:05", "3 days 04:00:00"),
    (3080, "-3 4:05:06", "-3 days +04:05:00"),
    (1024, "7", "07:00:00"),
    (4, "7", "7 years"),
    (2, "7", "7 mons"),
    (8, "7", "7 days"),
]


@pytest.mark.parametrize(("fields", "text", "spelled"), INTERVALS)
def test_fields_of_an_interval(fields: int, text: str, spelled: str) -> None:
    kind = BY_NAME["interval"].modified(BY_NAME["interval"].typmodin([str(fields)]))
    assert kind.output(kind.input(text)) == spelled
    assert kind.coerce(BY_NAME["interval"].input(spelled)) == kind.input(spelled)


@pytest.mark.parametrize("name", ["varchar", "bpchar", "numeric", "timestamp", "time", "interval"])
def test_a_modifier_that_is_none_is_the_type_itself(name: str) -> None:
    kind: AnyType = BY_NAME[name]
    assert kind.modified(-1) is kind
