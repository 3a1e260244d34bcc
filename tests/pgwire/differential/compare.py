"""Two answers to the same step, and in what they differ."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from socketworkers_pgwire.codec import FieldDescription, Report

from .answers import Answer, Result
from .normal import own_oid, plain_value
from .source import Step
from .statements import Shape, shapes

__all__ = ["ASIDE", "Difference", "compare"]

_FLOAT8 = 701
#: fields of an error that are counted aside, if the corpus does not ask for them
ASIDE = ("position", "message", "detail", "hint", "schema", "table", "column", "data_type", "constraint")


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not equal."""

    kind: str
    """In words that differences of one kind share."""
    theirs: str
    ours: str
    left_open: bool = field(default=False, kw_only=True)
    """Whether PostgreSQL's documentation leaves it open."""


def compare(step: Step, theirs: Answer, ours: Answer, now: dt.datetime) -> tuple[Difference | None, list[str]]:
    """Compare two answers.

    Args:
        step: what was asked.
        theirs: PostgreSQL's answer.
        ours: the other one.
        now: when it was asked.

    Returns:
        The first thing that counts, and the fields of `ASIDE` in which the errors differ.
    """
    found = list(_differences(step, theirs, ours, now))
    difference = next((each for each in found if not each.left_open), found[0] if found else None)
    aside: list[str] = []
    if theirs.error is not None and ours.error is not None:
        aside = [name for name in ASIDE if getattr(theirs.error, name) != getattr(ours.error, name)]
        if difference is None and "fields" in step.flags:
            named = [name for name in aside if name not in ("position", "hint")]
            if named:
                said = [str({name: getattr(each, name) for name in named}) for each in (theirs.error, ours.error)]
                difference = Difference(f"field of an error: {named[0]}", *said)
    return difference, aside


def _differences(step: Step, theirs: Answer, ours: Answer, now: dt.datetime) -> Iterator[Difference]:
    if ours.lost != theirs.lost:
        yield Difference(f"lost: {ours.lost or 'theirs'}", theirs.lost, ours.lost)
        return
    yield from _errors(theirs, ours)
    shown = (_shown(theirs), _shown(ours))
    if theirs.error is not None and ours.error is not None:
        # whether the columns were described, or some rows sent, before the error came is a matter of when it is noticed
        theirs, ours = (replace(a, results=tuple([r for r in a.results if r.tag]), messages="") for a in (theirs, ours))
    if theirs.parameter_types != ours.parameter_types:
        mapped = [[tuple(own_oid(o) for o in types) for types in each.parameter_types] for each in (theirs, ours)]
        if mapped[0] != mapped[1]:
            yield Difference("parameter types", str(theirs.parameter_types), str(ours.parameter_types))
    for mine, yours in zip(theirs.descriptions, ours.descriptions, strict=False):
        if mine is not None and yours is not None:
            yield from _descriptions(mine, yours)
    if len(theirs.results) != len(ours.results):
        yield Difference("number of results", *shown)
    defined = shapes(step.sql)
    if len(defined) != len(theirs.results):
        defined = [Shape()] * len(theirs.results) if len(defined) != 1 else defined * len(theirs.results)
    for one, other, shape in zip(theirs.results, ours.results, defined, strict=False):
        yield from _results(step, one, other, shape, now)
    codes = [[notice.sqlstate for notice in each.notices] for each in (theirs, ours)]
    if codes[0] != codes[1]:
        said = ["; ".join(f"{n.sqlstate} {n.message}" for n in each.notices) for each in (theirs, ours)]
        yield Difference(f"notice {_counted(codes)}", *said)
    settings = [[pair for pair in each.settings if pair[0] != b"server_version"] for each in (theirs, ours)]
    if settings[0] != settings[1]:
        yield Difference("ParameterStatus", str(settings[0]), str(settings[1]))
    if theirs.notifications != ours.notifications:
        yield Difference("notification", str(theirs.notifications), str(ours.notifications))
    if theirs.status != ours.status:
        yield Difference(f"transaction status {ours.status.decode()} for {theirs.status.decode()}", *shown)
    if theirs.messages != ours.messages:
        yield Difference("sequence of messages", theirs.messages, ours.messages)


def _counted(sets: Sequence[list[str]]) -> str:
    missing, added = Counter(sets[0]) - Counter(sets[1]), Counter(sets[1]) - Counter(sets[0])
    parts = [f"without {code}" for code in missing] + [f"with {code}" for code in added]
    return " ".join(parts) or "in another order"


def _errors(theirs: Answer, ours: Answer) -> Iterator[Difference]:
    one, other = theirs.error, ours.error
    if one is None and other is None:
        return
    if one is not None and other is not None and one.sqlstate == other.sqlstate:
        return
    said = (_said(one) if one else _shown(theirs), _said(other) if other else _shown(ours))
    if other is None:
        assert one is not None
        yield Difference(f"no error, theirs is {one.sqlstate}", *said)
    elif other.sqlstate == "25P02":
        yield Difference("25P02: follows from an error before it", *said)
    elif other.sqlstate == "0A000":
        yield Difference(f"0A000 {_generic(other.message)}", *said)
    elif one is None:
        yield Difference(f"{other.sqlstate} {_generic(other.message)}", *said)
    else:
        yield Difference(f"{other.sqlstate} for {one.sqlstate}", *said)


def _said(report: Report) -> str:
    return f"{report.sqlstate} {report.message}" + (f" at {report.position}" if report.position else "")


def _generic(message: str) -> str:
    """A message without the names of users' relations, so that those of one kind come together."""
    return re.sub(r'relation "[^"]*"', "relation …", message)[:100]


def _shown(answer: Answer) -> str:
    """An answer for people."""
    parts = []
    for result in answer.results:
        if result.columns is not None:
            columns = ", ".join(f"{_text(c.name)}:{c.type_oid}/{c.type_modifier}" for c in result.columns)
            parts.append(f"({columns})")
        parts += [" | ".join(_text(value) for value in row) for row in result.rows[:12]]
        if len(result.rows) > 12:
            parts.append(f"… {len(result.rows)} rows")
        parts.append(_text(result.tag))
    if answer.error is not None:
        parts.append(_said(answer.error))
    return "\n".join(parts)


def _text(value: bytes | None) -> str:
    return "NULL" if value is None else value.decode("utf-8", "backslashreplace")


def _results(step: Step, one: Result, other: Result, shape: Shape, now: dt.datetime) -> Iterator[Difference]:
    if (one.columns is None) != (other.columns is None):
        yield Difference("rows or no rows", _columns(one.columns), _columns(other.columns))
        return
    if one.tag != other.tag:
        yield Difference("number of rows" if _word(one) == _word(other) else "tag", _text(one.tag), _text(other.tag))
    if one.columns is not None and other.columns is not None:
        yield from _descriptions(one.columns, other.columns)
    if shape.kind == "ExplainStmt":
        return
    rows = [_plain(result, now) for result in (one, other)]
    if len(rows[0]) != len(rows[1]):
        yield Difference("number of rows", f"{len(rows[0])} rows", f"{len(rows[1])} rows")
    if "volatile" in step.flags or rows[0] == rows[1]:
        return
    same = Counter(rows[0]) == Counter(rows[1])
    if same and (not shape.ordered or "unordered" in step.flags):
        return
    places = _places(shape, one.columns or ()) if same else []
    if places and [[row[p] for p in places] for row in rows[0]] == [[row[p] for p in places] for row in rows[1]]:
        return  # rows of equal keys may come in any order
    left_open = shape.any_rows or (shape.summed and _nearly(rows, one.columns or ()))
    yield replace(_values(rows, one.columns or (), same), left_open=left_open)


def _nearly(rows: Sequence[list[tuple[bytes | None, ...]]], columns: tuple[FieldDescription, ...]) -> bool:
    """Whether rows differ in the last of 15 digits of floating-point numbers only, as PostgreSQL has written them."""
    floats = [own_oid(column.type_oid) == _FLOAT8 for column in columns]
    for one, other in zip(*rows, strict=True):
        for a, b, is_float in zip(one, other, floats, strict=True):
            if a != b and (
                not is_float or a is None or b is None or not math.isclose(float(a), float(b), rel_tol=1e-14)
            ):
                return False
    return True


def _word(result: Result) -> bytes:
    return result.tag.partition(b" ")[0]


def _columns(columns: tuple[FieldDescription, ...] | None) -> str:
    return "no rows" if columns is None else ", ".join(_text(column.name) for column in columns)


def _descriptions(one: tuple[FieldDescription, ...], other: tuple[FieldDescription, ...]) -> Iterator[Difference]:
    if [c.name for c in one] != [c.name for c in other]:
        yield Difference("names of columns", _columns(one), _columns(other))
    for mine, yours in zip(one, other, strict=False):
        if own_oid(mine.type_oid) != own_oid(yours.type_oid):
            kind = f"type {yours.type_oid} for {mine.type_oid}"
            yield Difference(kind, f"{_text(mine.name)}: {mine.type_oid}", f"{_text(yours.name)}: {yours.type_oid}")
        if mine.type_modifier != yours.type_modifier:
            said = [f"{_text(c.name)}: {c.type_oid}({c.type_modifier})" for c in (mine, yours)]
            yield Difference("type modifier", *said)
        if mine.type_size != yours.type_size or mine.format != yours.format:
            said = [f"{_text(c.name)}: size {c.type_size}, format {c.format}" for c in (mine, yours)]
            yield Difference("size or format of a column", *said)


def _plain(result: Result, now: dt.datetime) -> list[tuple[bytes | None, ...]]:
    """The rows as they are compared; those of COPY are rows of one column."""
    columns = result.columns or ()
    rows: list[tuple[bytes | None, ...]] = list(result.rows)
    if columns:
        rows = [
            tuple([plain_value(column, value, now) for column, value in zip(columns, row, strict=False)])
            for row in result.rows
        ]
    copied = list(result.copied or ())
    if copied and copied[0].startswith(b"PGCOPY\n"):  # where its messages end means nothing
        copied = [b"".join(copied)]
    return rows + [(line,) for line in copied]


def _places(shape: Shape, columns: tuple[FieldDescription, ...]) -> list[int]:
    """Where the keys of ORDER BY stand in a row; none if one is not there."""
    names = [column.name.decode() for column in columns]
    found = []
    for key in shape.keys:
        if isinstance(key, int) and 0 < key <= len(columns):
            found.append(key - 1)
        elif isinstance(key, str) and key in names:
            found.append(names.index(key))
        else:
            return []
    return found


def _values(
    rows: Sequence[list[tuple[bytes | None, ...]]], columns: tuple[FieldDescription, ...], same: bool
) -> Difference:
    """Say which value is wrong, and of which type."""
    pairs = list(zip(*rows, strict=False))
    index = next((n for n, (a, b) in enumerate(pairs) if a != b), 0)
    a, b = pairs[index] if pairs else ((), ())
    if not same and len(rows[0]) == len(rows[1]):  # the rows that the other one has not, wherever they stand
        a, b = (next(iter((Counter(one) - Counter(other)).keys())) for one, other in (rows, rows[::-1]))
    shown = [f"row {index + 1}: " + " | ".join(_text(value) for value in row) for row in (a, b)]
    if same:
        return Difference("order of rows", *shown)
    place = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
    kind = f"value of type {own_oid(columns[place].type_oid)}" if place < len(columns) else "value"
    if place < len(columns):
        shown = [f"{_text(columns[place].name)}: {text}" for text in shown]
    return Difference(kind, *shown)
