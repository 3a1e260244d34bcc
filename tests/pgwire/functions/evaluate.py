"""Calls of functions with the texts of values: ours, and PostgreSQL's."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tests.pgwire.types.server import Answer, Client

from socketworkers_pgwire.functions import CallSite, Implementation
from socketworkers_pgwire.functions.kinds import BY_SQL_NAME
from socketworkers_pgwire.types import AnyType, ArrayType, EnumType, Settings, SqlError, find_zone

from .pools import DIRECT, POLYMORPHIC, POOLS, SPECIAL, TYPES
from .session import Session

__all__ = [
    "MOOD",
    "SETUP",
    "Call",
    "equal",
    "groups_for",
    "kind_named",
    "our_group",
    "ours",
    "parameters",
    "readable",
    "rows_for",
    "their_groups",
    "theirs",
    "variants",
]

MOOD = EnumType(99_990, "mood", 99_991, ("sad", "ok", "happy"))
_KINDS: dict[str, AnyType] = {"mood": MOOD, "mood[]": ArrayType(MOOD)}
_VARIADIC = "VARIADIC "
_ZONE = find_zone("America/New_York")
assert _ZONE is not None
SETTINGS = replace(Settings(), timezone=_ZONE, now=786_240_000_000_000)
SETUP = (
    "SET client_min_messages = error",
    "DROP TYPE IF EXISTS mood",
    "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
    "SET timezone = 'America/New_York'",
    "SET statement_timeout = '20s'",
)


@dataclass(frozen=True, slots=True)
class Call:
    """A function with the types of its arguments."""

    signature: str
    arguments: tuple[str, ...]
    result: str
    """Type of the result; of a function that returns rows those of the columns, with commas."""
    strict: bool = True
    settings: Settings = field(default=SETTINGS)


def kind_named(name: str) -> AnyType:
    """A type by the name that format_type() gives it."""
    return _KINDS[name] if name in _KINDS else BY_SQL_NAME[name]


def parameters(signature: str) -> list[str]:
    """The types that a signature names."""
    inner = signature[signature.rindex("(") + 1 : -1]
    return inner.split(",") if inner else []


def variants(signature: str) -> list[tuple[str, ...]]:
    """Actual types for the arguments; one choice for all polymorphic ones."""
    if signature in TYPES:
        return list(TYPES[signature])
    declared = parameters(signature)
    count = max((len(POLYMORPHIC[name]) for name in declared if name in POLYMORPHIC), default=1)
    return [
        tuple(POLYMORPHIC[name][turn] if name in POLYMORPHIC else name for name in declared) for turn in range(count)
    ]


def _bare(name: str) -> str:
    return name.removeprefix(_VARIADIC)


def rows_for(
    signature: str, types: Sequence[str], count: int, strict: bool = True, seed: int = 0
) -> list[list[str | None]] | None:
    """Texts to call it with; None when there are none for one of the types."""
    pools: Sequence[Sequence[str | None]]
    if signature in SPECIAL:
        pools = SPECIAL[signature][: len(types)]
    elif all(_bare(name) in POOLS for name in types):
        pools = [POOLS[_bare(name)] if strict else (*POOLS[_bare(name)], None) for name in types]
    else:
        return None
    rng = random.Random(f"{signature} {types} {seed}")
    total = 1
    for pool in pools:
        total *= len(pool)
    rows: list[list[str | None]] = []
    if total <= count:
        rows = [[]]
        for pool in pools:
            rows = [[*row, text] for row in rows for text in pool]
        return rows
    # each value of each pool before chance
    longest = max(len(pool) for pool in pools)
    rows += [
        [pool[turn] if turn < len(pool) else rng.choice(pool) for pool in pools] for turn in range(min(longest, count))
    ]
    for row in rows:
        for place, pool in enumerate(pools):
            if place and len(pools) > 1:
                row[place] = rng.choice(pool)
    while len(rows) < count:
        rows.append([rng.choice(pool) for pool in pools])
    return rows[:count]


def _written(kind: str) -> str:
    """A type in a cast: without a length some names would mean one character or bit."""
    return {"character": "bpchar", "bit": '"bit"'}.get(kind, kind.removeprefix(_VARIADIC))


def _literal(text: str | None) -> str:
    return "NULL" if text is None else "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


Groups = Sequence[Sequence[Sequence[str | None]]]


def groups_for(signature: str, types: Sequence[str], count: int) -> list[list[list[str | None]]] | None:
    """Groups of rows for an aggregate; direct arguments are the same in all rows of a group."""
    if signature in SPECIAL:
        pools: Sequence[Sequence[str | None]] = SPECIAL[signature]
    elif all(name in POOLS for name in types):
        pools = [(*POOLS[name], None) for name in types]
    else:
        return None
    rng = random.Random(f"{signature} {types}")
    direct = DIRECT.get(signature.partition("(")[0], 0)
    groups: list[list[list[str | None]]] = []
    for turn in range(count):
        first = [rng.choice(pool) for pool in pools[:direct]]
        size = turn if turn < 3 else rng.randint(2, 7)
        groups.append([[*first, *(rng.choice(pool) for pool in pools[direct:])] for _ in range(size)])
    return groups


def their_groups(client: Client, call: Call, groups: Groups) -> list[Answer]:
    """PostgreSQL's answers of an aggregate."""
    answers: list[Answer] = []
    name = call.signature[: call.signature.rindex("(")]
    direct = DIRECT.get(name, 0)
    columns = [f"c{number}" for number in range(len(call.arguments))]
    for rows in groups:
        values = ",".join(
            "("
            + ",".join(
                ["1"] * (not columns)
                + [f"{_literal(t)}::{_written(k)}" for t, k in zip(row, call.arguments, strict=True)]
            )
            + ")"
            for row in rows or [[None] * len(columns)]
        )
        source = f"(VALUES {values or '(1)'}) AS x({','.join(columns) or 'c'}) {'' if rows else 'WHERE false'}"
        expression = f"{name}({','.join(columns)})" if columns else f"{name}(*)"
        if name in DIRECT:
            given = rows[0] if rows else [call_first(call, place) for place in range(direct)]
            first = ",".join(f"{_literal(given[place])}::{_written(call.arguments[place])}" for place in range(direct))
            expression = f"{name}({first}) WITHIN GROUP (ORDER BY {','.join(columns[direct:])})"
        answers += client.run(f"SELECT {expression} FROM {source}")
    return answers


def call_first(call: Call, place: int) -> str | None:
    """A direct argument for a group without rows."""
    return (SPECIAL[call.signature] if call.signature in SPECIAL else [POOLS[n] for n in call.arguments])[place][0]


def our_group(entry: Implementation, call: Call, rows: Sequence[Sequence[str | None]]) -> Answer:
    """Our answer of an aggregate."""
    kinds = [kind_named(name) for name in call.arguments]
    result = kind_named(call.result)
    site = CallSite(tuple(kinds), result)
    direct = DIRECT.get(call.signature.partition("(")[0], -1)
    try:
        values = [
            [None if text is None else kind.input(text, call.settings) for text, kind in zip(row, kinds, strict=True)]
            for row in rows
        ]
        if direct >= 0:
            ordered = kinds[direct:]
            values.sort(
                key=lambda row: [
                    (v is None, isinstance(k := None if v is None else kind.order(v), str), k if k is not None else 0)
                    for v, kind in zip(row[direct:], ordered, strict=True)
                ]
            )
        state = entry.function(Session.execution(call.settings), site) if entry.context else entry.function(site)
        for row in values:
            state.step(*row)
        value = state.final()
    except SqlError as error:
        return Answer((), error.sqlstate, error.message, error.detail or "")
    return Answer((None if value is None else result.output(value, call.settings).encode(),))


def theirs(client: Client, call: Call, rows: Sequence[Sequence[str | None]], returns_rows: bool) -> list[Answer]:
    """PostgreSQL's answers."""
    name = call.signature[: call.signature.rindex("(")]
    arguments = ",".join(
        f"{'VARIADIC ' if kind.startswith(_VARIADIC) else ''}${n}::{_written(kind)}"
        for n, kind in enumerate(call.arguments, 1)
    )
    sql = f"SELECT pg_catalog.{name}({arguments})"
    if returns_rows:
        sql = f"SELECT array_agg(x::text) FROM pg_catalog.{name}({arguments}) AS x"
    encoded = [[None if text is None else text.encode() for text in row] for row in rows]
    return client.execute(sql, [0] * len(call.arguments), encoded)


def record_text(fields: Iterable[str | None]) -> str:
    """How a row is written (PostgreSQL 15 documentation, §8.16.6)."""
    parts = []
    for text in fields:
        if text is None:
            parts.append("")
        elif not text or any(each in '"\\(),' or each.isspace() for each in text):
            parts.append('"' + text.replace("\\", "\\\\").replace('"', '""') + '"')
        else:
            parts.append(text)
    return "(" + ",".join(parts) + ")"


def ours(entry: Implementation, call: Call, row: Sequence[str | None]) -> Answer:
    """Our answer to the same."""
    kinds = [kind_named(name.removeprefix(_VARIADIC)) for name in call.arguments]
    variadic = bool(call.arguments) and call.arguments[-1].startswith(_VARIADIC)
    try:
        values = [
            None if text is None else kind.input(text, call.settings) for text, kind in zip(row, kinds, strict=True)
        ]
    except SqlError as error:
        return Answer((), error.sqlstate, error.message)
    columns = (
        tuple(kind_named(name) if name != "record" else None for name in call.result.split(","))
        if call.result not in ("void", "record")
        else ()
    )
    site = CallSite(
        tuple(kinds), columns[0] if len(columns) == 1 else None, tuple(c for c in columns if c is not None), variadic
    )
    if call.strict and None in values:
        return Answer((None,))
    try:
        function = entry.function(site) if entry.bind else entry.function
        given = [Session.execution(call.settings), *values] if entry.context else values
        result = function(*given)
        if entry.kind == "rows":
            texts: list[str | None] = []
            for each in result:
                fields = [
                    None if v is None else c.output(v, call.settings)
                    for v, c in zip(each, columns, strict=True)
                    if c is not None
                ]
                texts.append(fields[0] if len(columns) == 1 else record_text(fields))
            if not texts:
                return Answer((None,))
            array = BY_SQL_NAME["text[]"]
            from socketworkers_pgwire.types import Array

            stored = array.store(Array(texts, (len(texts),), (1,)))
            return Answer((array.output(stored).encode(),))
    except SqlError as error:
        return Answer((), error.sqlstate, error.message, error.detail or "")
    if result is None:
        return Answer((None,))
    if call.result == "void":
        return Answer((b"",))
    kind = columns[0]
    assert kind is not None
    return Answer((kind.output(result, call.settings).encode(),))


def readable(answer: Answer) -> list[str] | str | None:
    """An answer as it stands in the files."""
    if answer.sqlstate:
        return [answer.sqlstate, answer.message]
    return None if answer.fields[0] is None else answer.fields[0].decode(errors="backslashreplace")


def equal(signature: str, a: object, b: object) -> bool:
    """Whether two answers say the same; of comparisons with three answers only the sign counts."""
    if signature.partition("(")[0].endswith("cmp") and isinstance(a, str) and isinstance(b, str):
        x, y = int(a), int(b)
        return (x > 0) - (x < 0) == (y > 0) - (y < 0)
    return a == b
