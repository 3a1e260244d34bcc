"""Calls of functions with the texts of values: ours, and PostgreSQL's."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tests.pgwire.types.server import Answer, Client

from socketworkers_pgwire.functions import CallSite, Implementation
from socketworkers_pgwire.functions.kinds import BY_SQL_NAME
from socketworkers_pgwire.types import AnyType, ArrayType, EnumType, Settings, SqlError, find_zone

from .pools import POLYMORPHIC, POOLS, SPECIAL
from .session import Session

__all__ = [
    "MOOD",
    "SETUP",
    "Call",
    "equal",
    "kind_named",
    "ours",
    "parameters",
    "readable",
    "rows_for",
    "theirs",
    "variants",
]

MOOD = EnumType(99_990, "mood", 99_991, ("sad", "ok", "happy"))
_KINDS: dict[str, AnyType] = {"mood": MOOD, "mood[]": ArrayType(MOOD)}
#: without a length these names would mean one character or bit
_WRITTEN = {"character": "bpchar", "bit": '"bit"'}
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
    declared = parameters(signature)
    count = max((len(POLYMORPHIC[name]) for name in declared if name in POLYMORPHIC), default=1)
    return [
        tuple(POLYMORPHIC[name][turn] if name in POLYMORPHIC else name for name in declared) for turn in range(count)
    ]


def rows_for(
    signature: str, types: Sequence[str], count: int, strict: bool = True, seed: int = 0
) -> list[list[str | None]] | None:
    """Texts to call it with; None when there are none for one of the types."""
    pools: Sequence[Sequence[str | None]]
    if signature in SPECIAL:
        pools = SPECIAL[signature]
    elif all(name in POOLS for name in types):
        pools = [POOLS[name] if strict else (*POOLS[name], None) for name in types]
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


def theirs(client: Client, call: Call, rows: Sequence[Sequence[str | None]], returns_rows: bool) -> list[Answer]:
    """PostgreSQL's answers."""
    name = call.signature[: call.signature.rindex("(")]
    arguments = ",".join(f"${n}::{_WRITTEN.get(kind, kind)}" for n, kind in enumerate(call.arguments, 1))
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
    kinds = [kind_named(name) for name in call.arguments]
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
    site = CallSite(tuple(kinds), columns[0] if len(columns) == 1 else None, tuple(c for c in columns if c is not None))
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
