"""The deparser: PostgreSQL's own view definitions come out as they went in, and so do expressions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from socketworkers_pgwire.sql.analyze import Kind, Notes, analyse_expression, analyze, parse_expression
from socketworkers_pgwire.sql.deparse import deparse_expression, deparse_query
from socketworkers_pgwire.sql.grammar import parse
from socketworkers_pgwire.sql.nodes import Query

from .tables import World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The tables of schema.sql."""
    found = World()
    yield found
    found.close()


#: columns of set operations that were literals in the first place: their names do not come through the text
_RENAMED = frozenset(
    (
        "applicable_roles",
        "column_privileges",
        "routine_privileges",
        "table_privileges",
        "udt_privileges",
        "usage_privileges",
    )
)


def test_views_come_out_as_they_went_in(world: World) -> None:
    connection = world.base.connection
    rows = connection.execute(
        "SELECT c.oid FROM \"pg_catalog.pg_class\" c WHERE relkind = 'v' ORDER BY c.oid"
    ).fetchall()
    seen, wrong = 0, []
    for (oid,) in rows:
        assert isinstance(oid, int)
        view = world.catalog.relation_by_oid(oid)
        assert view is not None
        if not view.definition or view.name in _RENAMED:
            continue
        seen += 1
        (raw,) = parse(view.definition)
        notes = Notes()
        query = analyze(raw, world.catalog, settings=world.settings, notes=notes, stored=True)
        assert isinstance(query, Query)
        text = deparse_query(query, world.catalog, notes.views, settings=world.settings)
        if text != view.definition.rstrip(";"):
            wrong.append(view.name)
    assert seen > 100
    assert not wrong


#: an expression over the columns of t, and what pg_get_expr says of it
EXPRESSIONS = (
    (
        "a > 0 and b <> 'x' or v in ('a', 'b')",
        "(((a > 0) AND (b <> 'x'::text)) OR ((v)::text = ANY ((ARRAY['a'::character varying, 'b'::character"
        " varying])::text[])))",
    ),
    ("b like 'a%' and a between 1 and 2", "((b ~~ 'a%'::text) AND ((a >= 1) AND (a <= 2)))"),
    ("a is distinct from 3", "(a IS DISTINCT FROM 3)"),
    ("(a, c) < (1, 2)", "(ROW(a, c) < ROW(1, (2)::numeric))"),
    (
        "coalesce(a, 0) > 0 and length(b) > 2 and not (a is null)",
        "((COALESCE(a, 0) > 0) AND (length(b) > 2) AND (NOT (a IS NULL)))",
    ),
    ("extract(year from d) > 2000", "(EXTRACT(year FROM d) > (2000)::numeric)"),
    ("e[1] = 1 and 1 = any(e)", "((e[1] = 1) AND (1 = ANY (e)))"),
    ("b collate \"C\" < 'z'", "((b COLLATE \"C\") < 'z'::text)"),
    (
        "a = -1 and substring(b from 1 for 2) = 'a' and trim(b) = 'c'",
        "((a = '-1'::integer) AND (SUBSTRING(b FROM 1 FOR 2) = 'a'::text) AND (TRIM(BOTH FROM b) = 'c'::text))",
    ),
    ("case when a > 1 then b else lower(b) end", "\nCASE\n    WHEN (a > 1) THEN b\n    ELSE lower(b)\nEND"),
    ("case a when 1 then 'x' end", "\nCASE a\n    WHEN 1 THEN 'x'::text\n    ELSE NULL::text\nEND"),
    ("k = 'z' and v::varchar(3) = b", "((k = 'z'::bpchar) AND (((v)::character varying(3))::text = b))"),
    ("m in ('sad', 'ok')", "(m = ANY (ARRAY['sad'::mood, 'ok'::mood]))"),
    ("d at time zone 'UTC' > now()", "((d AT TIME ZONE 'UTC'::text) > now())"),
    ("f -> 'a' ->> 'b'", "((f -> 'a'::text) ->> 'b'::text)"),
    ("a::text || 1.5", "((a)::text || 1.5)"),
    ("b is null or (a > 1) is true", "((b IS NULL) OR ((a > 1) IS TRUE))"),
    ("concat(a, b) = format('%s', variadic array[a])", "(concat(a, b) = format('%s'::text, VARIADIC ARRAY[a]))"),
    ("current_date > d and localtimestamp(2) < d", "((CURRENT_DATE > d) AND (LOCALTIMESTAMP(2) < d))"),
)


@pytest.mark.parametrize(("text", "wanted"), EXPRESSIONS)
def test_expressions(world: World, text: str, wanted: str) -> None:
    relation = world.tables.relations["t"]
    expr, _ = analyse_expression(parse_expression(text), world.catalog, Kind.CHECK, relation, settings=world.settings)
    spelled = deparse_expression(expr, world.catalog, settings=world.settings)
    assert spelled == wanted
    again, _ = analyse_expression(
        parse_expression(spelled), world.catalog, Kind.CHECK, relation, settings=world.settings, stored=True
    )
    assert deparse_expression(again, world.catalog, settings=world.settings) == wanted


def test_pretty(world: World) -> None:
    text = "a + 1 * 2 - (3 - a) > 0 and (b = 'x' or not a is null)"
    relation = world.tables.relations["t"]
    expr, _ = analyse_expression(parse_expression(text), world.catalog, Kind.CHECK, relation)
    spelled = deparse_expression(expr, world.catalog, pretty=True)
    assert spelled == "(a + 1 * 2 - (3 - a)) > 0 AND (b = 'x'::text OR NOT a IS NULL)"


def test_storage_names_do_not_depend_on_the_search_path(world: World) -> None:
    relation = world.tables.relations["t"]
    expr, _ = analyse_expression(
        parse_expression("m = 'ok' and nextval('t'::regclass) > 0"),
        world.catalog,
        Kind.CHECK,
        relation,
        settings=world.settings,
    )
    spelled = deparse_expression(expr, world.catalog, storage=True)
    assert spelled == f"((m = 'ok'::public.mood) AND (nextval('{relation.oid}'::regclass) > 0))"


def test_queries(world: World) -> None:
    sql = (
        "with x (n) as (select 1 union all select 2) select distinct t.a as q, count(*) over (partition by b order by c"
        " desc) from t left join u using (a) cross join x, lateral (select 1 as one) y where t.a in (select a from s)"
        " order by 1 limit 3 offset 1"
    )
    notes = Notes()
    query = world.query(sql, notes)
    text = deparse_query(query, world.catalog, notes.views, settings=world.settings)
    assert text == (
        " WITH x(n) AS (\n"
        '         SELECT 1 AS "?column?"\n'
        "        UNION ALL\n"
        "         SELECT 2\n"
        "        )\n"
        " SELECT DISTINCT t.a AS q,\n"
        "    count(*) OVER (PARTITION BY t.b ORDER BY t.c DESC) AS count\n"
        "   FROM ((t\n"
        "     LEFT JOIN u USING (a))\n"
        "     CROSS JOIN x),\n"
        "    LATERAL ( SELECT 1 AS one) y\n"
        "  WHERE (t.a IN ( SELECT s.a\n"
        "           FROM s))\n"
        "  ORDER BY t.a\n"
        " OFFSET 1\n"
        " LIMIT 3"
    )
