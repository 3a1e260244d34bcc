"""The harness finds what it is for: each kind of difference is seen, what is each server's own is not."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from socketworkers_pgwire.codec import FieldDescription, Report

from .answers import Answer, Result
from .compare import compare
from .described import Described
from .normal import plain_value
from .report import differences_text, kinds_text, outcome_of, table
from .script import read_script, substitute
from .source import CORPUS, Source, Step, find
from .statements import shapes

NOW = dt.datetime(2024, 2, 29, 12, 0, 0, tzinfo=dt.UTC)
STEP = Step(1, "SELECT a, b FROM t")
COLUMNS = (FieldDescription(b"a", 23, 4), FieldDescription(b"b", 25))
ROWS = ((b"1", b"x"), (b"2", None))
SAME = Answer((Result(COLUMNS, ROWS, b"SELECT 2"),), messages="TDC", status=b"I")


def with_result(**changes: object) -> Answer:
    """The answer with another result."""
    return replace(SAME, results=(replace(SAME.results[0], **changes),))  # type: ignore[arg-type]


def failed(sqlstate: str, message: str = "no", **fields: object) -> Answer:
    """An answer that is an error."""
    return Answer((), Report(sqlstate=sqlstate, message=message, **fields), messages="E", status=b"I")  # type: ignore[arg-type]


def kind(theirs: Answer, ours: Answer, step: Step = STEP) -> str:
    """The kind of the difference, "" for none."""
    difference, _ = compare(step, theirs, ours, NOW)
    return difference.kind if difference else ""


def test_equal_answers_are_equal() -> None:
    assert kind(SAME, SAME) == ""
    assert kind(failed("42703"), failed("42703")) == ""


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        (with_result(rows=((b"1", b"x"), (b"3", None))), "value of type 23"),
        (with_result(rows=((b"1", b""), (b"2", None))), "value of type 25"),
        (with_result(rows=ROWS[:1]), "number of rows"),
        (with_result(tag=b"SELECT 3"), "number of rows"),
        (with_result(tag=b"INSERT 0 2"), "tag"),
        (with_result(columns=(COLUMNS[0], FieldDescription(b"c", 25))), "names of columns"),
        (with_result(columns=(FieldDescription(b"a", 20, 8), COLUMNS[1])), "type 20 for 23"),
        (with_result(columns=(COLUMNS[0], FieldDescription(b"b", 25, -1, 9))), "type modifier"),
        (with_result(columns=None, rows=()), "rows or no rows"),
        (replace(SAME, results=()), "number of results"),
        (replace(SAME, notices=(Report(severity="NOTICE", sqlstate="00000", message="x"),)), "notice with 00000"),
        (replace(SAME, settings=((b"TimeZone", b"UTC"),)), "ParameterStatus"),
        (replace(SAME, notifications=((b"c", b"x"),)), "notification"),
        (replace(SAME, parameter_types=((23,),)), "parameter types"),
        (replace(SAME, status=b"T"), "transaction status T for I"),
        (replace(SAME, messages="TDDC"), "sequence of messages"),
        (failed("0A000", "LATERAL is not supported"), "0A000 LATERAL is not supported"),
        (failed("25P02"), "25P02: follows from an error before it"),
        (failed("42P01", 'relation "x" does not exist'), "42P01 relation … does not exist"),
        (replace(SAME, lost="no answer in time"), "lost: no answer in time"),
    ],
)
def test_control_each_kind_is_seen(ours: Answer, expected: str) -> None:
    assert kind(SAME, ours) == expected


def test_control_errors_differ_by_sqlstate() -> None:
    assert kind(failed("22012"), SAME) == "no error, theirs is 22012"
    assert kind(failed("22012"), failed("22003")) == "22003 for 22012"
    assert kind(failed("22012"), failed("0A000", "x")) == "0A000 x"


FLOAT = (FieldDescription(b"a", 701, 8), FieldDescription(b"b", 23, 4))
ADDED = replace(SAME, results=(Result(FLOAT, ((b"0.991631652042901", b"1"),), b"SELECT 1"),))


@pytest.mark.parametrize(
    ("sql", "theirs", "rows", "is_open"),
    [
        ("SELECT a, b FROM t LIMIT 2", SAME, ((b"7", b"z"), (b"8", None)), True),
        ("SELECT a, b FROM t OFFSET 2", SAME, ((b"7", b"z"), (b"8", None)), True),
        ("SELECT a, b FROM t LIMIT 2", SAME, ((b"7", b"z"),), False),
        ("SELECT a, b FROM t ORDER BY a LIMIT 2", SAME, ((b"7", b"z"), (b"8", None)), False),
        ("SELECT 1, 'x' LIMIT 2", SAME, ((b"7", b"z"), (b"8", None)), False),
        ("SELECT a, b FROM t", SAME, ((b"7", b"z"), (b"8", None)), False),
        ("SELECT stddev_pop(a), 1 FROM t", ADDED, ((b"0.9916316520429013", b"1"),), True),
        ("SELECT round(avg(a)), 1 FROM t", ADDED, ((b"0.9916316520429013", b"1"),), True),
        ("SELECT stddev_pop(a), 1 FROM t", ADDED, ((b"0.9916316520430", b"1"),), False),
        ("SELECT stddev_pop(a), 1 FROM t", ADDED, ((b"0.9916316520429013", b"2"),), False),
        ("SELECT stddev_pop(a), 1 FROM t", ADDED, ((None, b"1"),), False),
        ("SELECT max(a), 1 FROM t", ADDED, ((b"0.9916316520429013", b"1"),), False),
    ],
)
def test_what_the_documentation_leaves_open(
    sql: str, theirs: Answer, rows: tuple[tuple[bytes | None, ...], ...], is_open: bool
) -> None:
    ours = replace(theirs, results=(replace(theirs.results[0], rows=rows),))
    difference, _ = compare(Step(1, sql), theirs, ours, NOW)
    assert difference is not None
    assert difference.left_open is is_open
    found = outcome_of(Source("x", Path("x")), [Step(1, sql)], [theirs], [ours], NOW)
    assert (len(found.left_open), len(found.differences), found.equal) == (is_open, not is_open, 0)
    assert found.share == (100.0 if is_open else 0.0)


def test_what_was_sent_before_an_error_does_not_count() -> None:
    described = replace(failed("22012"), results=(Result(COLUMNS),), messages="TE")
    assert kind(described, failed("22012")) == ""
    finished = replace(failed("22012"), results=(Result(COLUMNS, ROWS, b"SELECT 2"),), messages="TDCE")
    assert kind(finished, failed("22012")) == "number of results"


def test_fields_of_errors_count_where_the_corpus_says_so() -> None:
    theirs = failed("23505", "dup", detail="Key (a)=(1) already exists.", constraint="t_pkey", position=5)
    ours = failed("23505", "dup", constraint="t_pkey", position=7)
    difference, aside = compare(STEP, theirs, ours, NOW)
    assert (difference, aside) == (None, ["position", "detail"])
    strict = replace(STEP, flags=frozenset(("fields",)))
    assert kind(theirs, ours, strict) == "field of an error: detail"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a, b FROM t", ""),
        ("SELECT a, b FROM t ORDER BY a", "order of rows"),
        ("SELECT a, b FROM t ORDER BY 2", "order of rows"),
        ("SELECT a, b FROM t ORDER BY a + 1", "order of rows"),
        ("SELECT a, b FROM t ORDER BY c", "order of rows"),
        ("FETCH ALL FROM c", "order of rows"),
        ("EXPLAIN SELECT 1", ""),
        ("no SQL", ""),
    ],
)
def test_order_counts_where_it_is_defined(sql: str, expected: str) -> None:
    assert kind(SAME, with_result(rows=ROWS[::-1]), Step(1, sql)) == expected


def test_rows_of_equal_keys_may_come_in_any_order() -> None:
    rows = ((b"1", b"x"), (b"1", b"y"), (b"2", b"z"))
    theirs, ours = (with_result(rows=each, tag=b"SELECT 3") for each in (rows, (rows[1], rows[0], rows[2])))
    assert kind(theirs, ours, Step(1, "SELECT a, b FROM t ORDER BY a")) == ""
    assert kind(theirs, ours, Step(1, "SELECT a, b FROM t ORDER BY a, b")) == "order of rows"
    assert kind(theirs, ours, Step(1, "SELECT a, b FROM t ORDER BY a, lower(b)")) == "order of rows"


def test_volatile_values_are_not_compared_but_their_number_is() -> None:
    step = replace(STEP, flags=frozenset(("volatile",)))
    assert kind(SAME, with_result(rows=((b"7", b"z"), (b"2", None))), step) == ""
    assert kind(SAME, with_result(rows=ROWS[:1]), step) == "number of rows"


@pytest.mark.parametrize(
    ("oid", "name", "value", "expected"),
    [
        (26, b"oid", b"16384", b"<oid>"),
        (26, b"oid", b"1259", b"1259"),
        (23, b"oid", b"16384", b"16384"),
        (2205, b"c", b"t", b"t"),
        (2205, b"c", b"99999", b"<oid>"),
        (1028, b"x", b"{16385,23}", b"{<oid>,23}"),
        (1184, b"now", b"2024-02-29 12:00:03.5+00", b"<now>"),
        (1184, b"now", b"2024-02-29 14:00:03.5+02", b"<now>"),
        (1184, b"at", b"2024-02-29 14:00:03.5+00", b"2024-02-29 14:00:03.5+00"),
        (1082, b"d", b"2024-02-29", b"<now>"),
        (1082, b"d", b"2023-02-29", b"2023-02-29"),
        (1114, b"d", b"infinity", b"infinity"),
        (23, b"pg_backend_pid", b"77", b"<pid>"),
        (25, b"version", b"PostgreSQL 15.18 (Debian)", b"PostgreSQL 15"),
        (25, b"text", b"PostgreSQL 15.18", b"PostgreSQL 15.18"),
        (28, b"xmin", b"700", b"<history>"),
        (25, b"x", b"16384", b"16384"),
        (194, b"adbin", b"{CONST ...}", b"<tree>"),
        (23, b"server_version_num", b"150018", b"15"),
        (23, b"n", b"150018", b"150018"),
    ],
)
def test_what_is_each_servers_own(oid: int, name: bytes, value: bytes, expected: bytes) -> None:
    assert plain_value(FieldDescription(name, oid), value, NOW) == expected


def test_binary_values() -> None:
    near = int((NOW - dt.datetime(2000, 1, 1, tzinfo=dt.UTC)).total_seconds() * 1e6).to_bytes(8)
    stamp = FieldDescription(b"a", 1184, format=1)
    assert plain_value(stamp, near, NOW) == b"<now>"
    assert plain_value(stamp, bytes(8), NOW) == bytes(8)
    assert plain_value(FieldDescription(b"a", 26, format=1), (16384).to_bytes(4), NOW) == b"<oid>"
    assert plain_value(FieldDescription(b"a", 26, format=1), (25).to_bytes(4), NOW) == (25).to_bytes(4)


SCRIPT = r"""
-- a comment; with a semicolon
SELECT ';' AS a, $$;$$; SELECT 2 -- two on a line
;
\set x 'one two'
\d ignored
SELECT 1 \; SELECT 2;
COPY t FROM STDIN;
1	a;b
\.
SELECT a AS q_ FROM t \gset p_
CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END;
--@ extended
--@ types [23]
--@ params ["1", null]
SELECT $1, $2;
--@ simple
--@ session two
--@ volatile
SELECT random();
SELECT 'unterminated;
"""


def test_scripts_are_cut_as_psql_cuts_them() -> None:
    steps = list(read_script(SCRIPT, Path()))
    texts = [step.sql for step in steps if step.counts]
    assert texts == [
        "SELECT ';' AS a, $$;$$;",
        "SELECT 2 -- two on a line\n;",
        "SELECT 1 ; SELECT 2;",
        "COPY t FROM STDIN;",
        "SELECT a AS q_ FROM t",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END;",
        "SELECT $1, $2;",
        "SELECT random();",
        "SELECT 'unterminated;",
    ]
    by_text = {step.sql: step for step in steps}
    assert steps[2].assign == ("x", "one two")
    assert by_text["COPY t FROM STDIN;"].copy == (b"1\ta;b\n",)
    assert by_text["SELECT a AS q_ FROM t"].variables == "p_"
    extended = by_text["SELECT $1, $2;"].send
    assert extended[0] == ("P", "", "SELECT $1, $2", [23])
    assert extended[2] == ("B", "", "", ["1", None], [], [])
    last = by_text["SELECT random();"]
    assert (last.session, last.flags) == ("two", frozenset(("volatile",)))
    assert by_text["SELECT 'unterminated;"].flags == frozenset()


def test_variables_stand_where_psql_puts_them() -> None:
    found = substitute("SELECT :a, :'a', :\"a\", ':a', x::a, y[1:2], :b", {"a": "it's"})
    assert found == "SELECT it's, 'it''s', \"it's\", ':a', x::a, y[1:2], :b"


def test_control_an_unknown_directive_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 1: there is no directive volatil"):
        list(read_script("--@ volatil\nSELECT 1;", Path()))


def test_keys_of_order_by() -> None:
    (shape,) = shapes("SELECT a, lower(b), c AS d FROM t ORDER BY 2, lower(b), d, a")
    assert shape.keys == (2, 2, "d", 1)
    assert shapes("SELECT a FROM t ORDER BY b")[0].keys == ()
    assert shapes("SELECT * FROM t ORDER BY b")[0].keys == ("b",)


def test_rows_find_the_columns_of_their_statement() -> None:
    described = Described()
    other = (COLUMNS[1],)
    units = (("P", "s", "x"), ("D", "S", "s"), ("P", "u", "y"), ("D", "S", "u"))
    described.complete(units, Answer((Result(other),), descriptions=(COLUMNS, other)))
    answer = described.complete((("B", "", "s", [], [], [1]), ("E",)), Answer((Result(None, ROWS, b"SELECT 2"),)))
    columns = answer.results[0].columns
    assert columns is not None
    assert [(column.name, column.format) for column in columns] == [(b"a", 1), (b"b", 1)]


def test_shares_and_kinds() -> None:
    steps = [replace(STEP, line=line) for line in (1, 2, 3, 4)] + [Step(5, "", connect="")]
    ours = [SAME, failed("0A000", "views"), failed("42601"), SAME, Answer()]
    theirs = [SAME, SAME, failed("42601", position=4), SAME, Answer()]
    found = outcome_of(Source("group/one", Path()), steps, theirs, ours, NOW)
    assert (found.count, found.equal, found.share) == (4, 3, 75.0)
    assert found.aside == {"position": 1}
    assert "| group/one | 4 | 3 |  | 75.0 % | 1 | 100 % | 100 % | 0 % |" in table([found])
    assert kinds_text([found]).strip() == "1 0A000 views"
    (text,) = differences_text([found], 5)
    assert text.startswith("group/one:2: 0A000 views\n    SELECT a, b FROM t\n")


def test_the_corpus_is_as_large_as_it_has_to_be() -> None:
    counts: dict[str, int] = {}
    for source in find([]):
        steps = source.steps()
        assert steps, source.name
        group = source.name.partition("/")[0]
        counts[group] = counts.get(group, 0) + sum(step.counts for step in steps)
    assert set(counts) == {"battery", "client", "introspection", "regress"}
    assert counts["client"] + counts["introspection"] > 2500
    assert counts["battery"] > 1000
    assert counts["regress"] > 10_000
    assert (CORPUS / "regress" / "NOTICE").read_text().count("Permission to use, copy, modify, and distribute") == 1
