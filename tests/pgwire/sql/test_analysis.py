"""What the analysis gives beside types: the tree, its literals, parameters, and its bounds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from socketworkers_pgwire.errors import SqlError
from socketworkers_pgwire.sql.analyze import Notes
from socketworkers_pgwire.sql.nodes import Const, Join, Output, Query, SubLink, Utility, Var
from socketworkers_pgwire.sql.walk import equal, query_expressions, walk

from .tables import World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The tables of schema.sql."""
    found = World()
    yield found
    found.close()


def lifted(world: World, sql: str) -> list[str]:
    """The literals that may be replaced, as they stand in the statement."""
    notes = Notes()
    world.query(sql, notes)
    return [sql[place:].split()[0].rstrip(",)") for place in sorted(notes.literals)]


def test_literals_that_can_be_lifted(world: World) -> None:
    assert lifted(world, "select 1, 'a' from t where a = 5 limit 7") == ["1", "'a'", "5", "7"]


def test_literals_that_were_looked_at(world: World) -> None:
    # trap 52
    assert lifted(world, "select a + 1, b from t where c > 2 group by a + 1, b") == ["2"]
    assert lifted(world, "select a, 3 from t order by 2") == ["3"]
    assert lifted(world, "select 'x' ::varchar(3)") == ["'x'"]


def test_settings_are_noted(world: World) -> None:
    notes = Notes()
    world.query("select '2020-01-01'::timestamptz", notes)
    assert notes.settings
    notes = Notes()
    world.query("select 1, 'x'::text", notes)
    assert not notes.settings


def test_relations_are_noted_behind_views(world: World) -> None:
    notes = Notes()
    world.query("select * from simple", notes)
    relations = world.tables.relations
    assert {relations["simple"].oid, relations["t"].oid} <= notes.relations


def test_given_parameter_types_hold(world: World) -> None:
    parameters = [25, 0]
    world.analyse("select $1, $2 + 1", parameters)
    assert parameters == [25, 23]
    with pytest.raises(SqlError) as caught:
        world.analyse("select $1")
    assert (caught.value.sqlstate, caught.value.message) == ("42P02", "there is no parameter $1")
    with pytest.raises(SqlError) as caught:
        world.analyse("select $70000", [])
    assert caught.value.sqlstate == "42P02"


def test_modifiers_are_dropped_explicitly(world: World) -> None:
    query = world.query("select coalesce(c, 1.5), case when a = 1 then c else 2 end, array[c, 1] from t")
    for output in query.outputs:
        assert output.expr.typmod == -1
        for part in walk(output.expr):
            if isinstance(part, Var) and part.typmod >= 0:
                parents = [each for each in walk(output.expr) if getattr(each, "arg", None) is part]
                assert [parent.typmod for parent in parents] == [-1]


def test_collations(world: World) -> None:
    query = world.query('select t.b collate "C" < v, t.b || s.b, lower(s.b) from t, s')
    comparison, concatenation, call = (output.expr for output in query.outputs)
    assert comparison.input_collation == 950
    assert concatenation.collation == concatenation.input_collation == 951
    assert call.collation == 951


def test_merged_columns(world: World) -> None:
    (join,) = world.query("select a from t full join u using (a)").from_
    assert isinstance(join, Join)
    ((left, right, merged),) = join.using
    assert isinstance(left, Var)
    assert isinstance(right, Var)
    assert type(merged).__name__ == "Coalesce"


def test_tests_of_sublinks(world: World) -> None:
    query = world.query("select a in (select id from u), (a, b) <> all (select a, name from u) from t")
    single, double = (output.expr for output in query.outputs)
    assert isinstance(single, SubLink)
    assert isinstance(double, SubLink)
    assert (len(single.tests), len(single.operators)) == (1, 1)
    assert (len(double.tests), len(double.operators)) == (1, 2)


def test_generated_columns_see_new_values(world: World) -> None:
    def generated(outputs: list[Output]) -> list[str]:
        return [output.name for output in outputs if output.generated]

    assert generated(world.query("insert into u (a) values (1)").outputs) == ["g"]
    assert generated(world.query("update u set a = 1").outputs) == ["g"]
    columns = [output.column for output in world.query("insert into u (a, name) values (1, 'x')").outputs]
    assert columns == sorted(columns)


def test_conflict_targets(world: World) -> None:
    indexes = {index.name: index.oid for index in world.tables.relations["t"].indexes}
    for target, names in (
        ("(a)", ["t_pkey"]),
        ("(lower(b))", ["t_lower"]),
        ("(v, c) where a > 5", ["t_part"]),
        ("on constraint t_pkey", ["t_pkey"]),
    ):
        query = world.query(f"insert into t (a) values (1) on conflict {target} do nothing")
        assert query.conflict is not None
        assert query.conflict.indexes == [indexes[name] for name in names]
    for target in ("(b)", "(v, c)", "(lower(v))"):
        with pytest.raises(SqlError) as caught:
            world.query(f"insert into t (a) values (1) on conflict {target} do nothing")
        assert caught.value.sqlstate == "42P10"
    with pytest.raises(SqlError) as caught:
        world.query("insert into s (id) values (1) on conflict on constraint s_id_key do nothing")
    assert caught.value.sqlstate == "55000"


def test_utilities_have_their_queries(world: World) -> None:
    for sql, kind in (
        ("explain select 1", "ExplainStmt"),
        ("create table x as select 1 as a", "CreateTableAsStmt"),
        ("select 1 as a into x", "CreateTableAsStmt"),
        ("declare c cursor for select * from t", "DeclareCursorStmt"),
        ("copy (select 1) to stdout", "CopyStmt"),
    ):
        found = world.analyse(sql)
        assert isinstance(found, Utility)
        assert (found.kind, type(found.query)) == (kind, Query)
    found = world.analyse("create table x (a int)")
    assert isinstance(found, Utility)
    assert found.query is None


def test_equality_leaves_places_out(world: World) -> None:
    first, second, third = (output.expr for output in world.query("select a + 1, a  +  1, a + 2 from t").outputs)
    assert equal(first, second)
    assert not equal(first, third)


def test_deep_and_wide(world: World) -> None:
    # trap 53
    sums = world.query("select 1" + "+1" * 2000)
    assert sum(isinstance(each, Const) for expr in query_expressions(sums) for each in walk(expr)) == 2001
    world.query("select 1 from t where " + " or ".join(["a = 1"] * 5000))
    world.query("select 1" + " union all select 1" * 1000)
    with pytest.raises(SqlError) as caught:
        world.query("select 1" + "+1" * 30_000)
    assert caught.value.sqlstate == "54001"


def test_views_that_read_each_other_end(world: World) -> None:
    query = world.query("select n from counted join simple on label = b")
    assert len(query.from_) == 1
