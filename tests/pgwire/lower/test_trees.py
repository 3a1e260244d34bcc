"""The lowering from trees made by hand: clauses that SQLite has not, and values that it has otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from socketworkers_pgwire.errors import SqlError
from socketworkers_pgwire.sql.nodes import (
    BoolExpr,
    Case,
    Entry,
    Expr,
    GroupingSet,
    Param,
    Query,
    ScalarArrayOp,
    SetOperation,
    SubLink,
    Var,
)

from .world import World

INT4, INT8, BOOL = 23, 20, 16


def test_constants_keep_their_values(world: World) -> None:
    values: list[tuple[Any, str]] = [
        (1, "int4"),
        (-9223372036854775808, "int8"),
        ("a'b", "text"),
        (None, "text"),
        (0.1, "float8"),
        (-0.0, "float8"),
        (b"\0\xff", "bytea"),
        ("x" * 5000, "text"),
    ]
    (row,) = world.run(world.select(*[world.const(value, kind) for value, kind in values]))
    assert [repr(each) for each in row] == [repr(value) for value, _ in values]


@pytest.mark.parametrize(
    ("name", "left", "right", "kind", "expected"),
    [
        ("+", 2147483646, 1, "int4", 2147483647),
        ("+", 2147483647, 1, "int4", "22003"),
        ("-", -32768, 1, "int2", "22003"),
        ("*", 3037000500, 3037000500, "int8", "22003"),
        ("/", -7, 2, "int4", -3),
        ("/", 7, 0, "int4", "22012"),
        ("/", -2147483648, -1, "int4", "22003"),
        ("/", -9223372036854775808, -1, "int8", "22003"),
        ("%", -7, 2, "int4", -1),
        ("%", 7, 0, "int4", "22012"),
        ("%", -9223372036854775808, -1, "int8", 0),
        ("+", None, 1, "int4", None),
        ("/", 1, None, "int4", None),
    ],
)
def test_integer_arithmetic(world: World, name: str, left: int, right: int, kind: str, expected: int | str) -> None:
    entry, (a, b) = world.values([kind, kind], (left, right))
    query = world.select(world.op(name, a, b), from_=[entry])
    if isinstance(expected, str):
        with pytest.raises(SqlError) as caught:
            world.run(query)
        assert caught.value.sqlstate == expected
    else:
        assert world.run(query) == [(expected,)]


def test_errors_only_where_the_value_is_wanted(world: World) -> None:
    entry, (a,) = world.values(["int4"], (0,), (2,))
    fails = world.op("/", world.const(1), a)
    guarded = Case(type=INT4, test=None, whens=[(world.op("<>", a, world.const(0)), fails)], default=world.const(-1))
    assert world.run(world.select(guarded, from_=[entry])) == [(-1,), (0,)]


def test_case_of_a_value_is_calculated_once(world: World) -> None:
    entry, (a,) = world.values(["int4"], (1,), (2,))
    test = world.op("+", a, world.const(1))
    inner = Param(type=INT4, number=-1)
    case = Case(
        type=25,
        test=test,
        whens=[(world.op("=", inner, world.const(2)), world.const("two", "text"))],
        default=world.const("other", "text"),
    )
    assert world.run(world.select(case, from_=[entry])) == [("two",), ("other",)]


def test_group_and_distinct_by_keys_with_a_value_shown(world: World) -> None:
    entry, (n,) = world.values(["numeric"], ("1.0",), ("1.00",), ("3",))
    count = world.aggregate("count()", star=True)
    query = world.select(n, count, from_=[entry], group=[n], has_aggregates=True, sort=[world.sort(n)])
    assert world.run(query) == [("1.0", 2), ("3", 1)]
    query = world.select(n, from_=[entry], distinct="all", sort=[world.sort(n, descending=True)])
    assert world.run(query) == [("3",), ("1.0",)]


def test_grouping_sets(world: World) -> None:
    entry, (a, b) = world.values(["int4", "text"], (1, "x"), (2, "y"), (2, "z"))
    count = world.aggregate("count()", star=True)
    sets = [GroupingSet(keys=[0, 1]), GroupingSet(keys=[0]), GroupingSet(keys=[])]
    query = world.select(
        a, b, count, from_=[entry], group=[a, b], grouping_sets=sets, has_aggregates=True,
        sort=[world.sort(a), world.sort(b)],
    )  # fmt: skip
    assert world.run(query) == [
        (1, "x", 1),
        (1, None, 1),
        (2, "y", 1),
        (2, "z", 1),
        (2, None, 2),
        (None, None, 3),
    ]


def test_distinct_on(world: World) -> None:
    entry, (a, b) = world.values(["int4", "text"], (1, "x"), (2, "y"), (2, "z"))
    query = world.select(a, b, from_=[entry], distinct=[a], sort=[world.sort(a), world.sort(b, descending=True)])
    assert world.run(query) == [(1, "x"), (2, "z")]


@pytest.mark.parametrize(
    ("kind", "every", "expected"),
    [
        ("union", True, [1, 1, 1, 2, 2, 3]),
        ("union", False, [1, 2, 3]),
        ("intersect", False, [1]),
        ("intersect", True, [1]),
        ("except", False, [2]),
        ("except", True, [1, 2, 2]),
    ],
)
@pytest.mark.parametrize("type_name", ["int4", "numeric"])
def test_set_operations(world: World, kind: Any, every: bool, expected: list[int], type_name: str) -> None:
    def side(*numbers: int) -> Query:
        kept = [(number if type_name == "int4" else str(number),) for number in numbers]
        entry, (column,) = world.values([type_name], *kept)
        return world.select(column, from_=[entry])

    type_oid = INT4 if type_name == "int4" else 1700
    operation = SetOperation(kind=kind, all=every, left=side(1, 1, 2, 2), right=side(1, 3))
    result = Entry(alias="*", names=["a"], types=[(type_oid, -1, 0)], source=side(1))
    column = Var(type=type_oid, entry=result, column=1)
    query = world.select(column, set_operation=operation, set_entry=result, sort=[world.sort(column)])
    assert [int(row[0]) for row in world.run(query)] == expected


def test_subquery_with_two_rows(world: World) -> None:
    entry, (a,) = world.values(["int4"], (1,), (2,))
    inner = world.select(a, from_=[entry])
    with pytest.raises(SqlError) as caught:
        world.run(world.select(SubLink(type=INT4, kind="scalar", query=inner)))
    assert caught.value.sqlstate == "21000"
    other, (b,) = world.values(["int4"], (5,))
    assert world.run(world.select(SubLink(type=INT4, kind="scalar", query=world.select(b, from_=[other])))) == [(5,)]


def test_lateral(world: World) -> None:
    entry, (a,) = world.values(["int4"], (1,), (2,))
    inner = world.select(world.op("*", a, world.const(10)))
    lateral = Entry(alias="l", names=["z"], types=[(INT4, -1, 0)], source=inner, lateral=True)
    query = world.select(a, Var(type=INT4, entry=lateral, column=1), from_=[entry, lateral])
    assert world.run(query) == [(1, 10), (2, 20)]


def test_any_of_an_array(world: World) -> None:
    entry, (a,) = world.values(["int4"], (1,), (2,), (None,))
    equal = world.op("=", a, a)

    def within(array: Expr) -> ScalarArrayOp:
        return ScalarArrayOp(type=BOOL, operator=equal.operator, proc=equal.proc, any=True, left=a, array=array)

    constant = world.select(within(world.const("[1,null]", "_int4")), from_=[entry])
    assert world.run(constant) == [(1,), (None,), (None,)]
    bound = world.select(within(Param(type=1007, number=1)), from_=[entry])
    assert world.run(bound, "[[2],[3]]", types=(1007,)) == [(0,), (1,), (None,)]
    assert world.run(bound, None, types=(1007,)) == [(None,), (None,), (None,)]


def test_trap_53_many_conditions(world: World) -> None:
    entry, (a,) = world.values(["int4"], (4999,))
    many: list[Expr] = [world.op("=", a, world.const(number)) for number in range(5000)]
    assert world.run(world.select(BoolExpr(type=BOOL, kind="or", args=many), from_=[entry])) == [(1,)]


def test_limits(world: World) -> None:
    entry, (a,) = world.values(["int4"], (1,), (2,), (3,))
    limit = Param(type=INT8, number=1)
    query = world.select(a, from_=[entry], sort=[world.sort(a)], limit=limit)
    assert world.run(query, 2, types=(INT8,)) == [(1,), (2,)]
    assert world.run(query, None, types=(INT8,)) == [(1,), (2,), (3,)]
    with pytest.raises(SqlError) as caught:
        world.run(query, -1, types=(INT8,))
    assert caught.value.sqlstate == "2201W"


def test_with_ties(world: World) -> None:
    entry, (a,) = world.values(["int4"], (1,), (2,), (2,), (3,))
    query = world.select(a, from_=[entry], sort=[world.sort(a)], limit=world.const(2, "int8"), with_ties=True)
    assert world.run(query) == [(1,), (2,), (2,)]


def test_what_is_not_there(world: World) -> None:
    entry, (a,) = world.values(["text"], ("x",))
    missing = world.call("xmlcomment(text)", a)
    with pytest.raises(SqlError) as caught:
        world.run(world.select(missing, from_=[entry]))
    assert (caught.value.sqlstate, caught.value.position) == ("0A000", 4)
