"""The same question to PostgreSQL and to ours; what differs is a line of text."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from socketworkers_pgwire.types import BY_NAME, EnumType, Settings, SqlError, find_zone
from socketworkers_pgwire.types.base import AnyType

from .inputs import inputs
from .operations import KINDS, OPERATIONS, Zoned, argument_type
from .server import Answer, Client

__all__ = [
    "SETTINGS",
    "answer_of_both",
    "answer_of_operation",
    "compare_inputs",
    "compare_operation",
    "compare_order",
    "means_to_differ",
    "same",
    "set_up",
    "type_named",
    "values_of",
    "wraps_around",
]

MOODS = ("sad", "ok", "happy")
SETTINGS: dict[str, tuple[tuple[str, ...], Settings]] = {}


def _settings(name: str, zone: str, *, style: str = "ISO, MDY", interval: str = "postgres", **other: Any) -> None:
    found = find_zone(zone)
    assert found is not None
    datestyle, order = style.split(", ")
    commands: tuple[str, ...] = (
        f"SET timezone = '{zone}'",
        f"SET datestyle = '{style}'",
        f"SET intervalstyle = '{interval}'",
    )
    commands += tuple(f"SET {key} = '{value}'" for key, value in other.items())
    values = {"datestyle": datestyle, "dateorder": order, "timezone": found, "intervalstyle": interval, **other}
    SETTINGS[name] = commands, replace(Settings(), **values)


_settings("default", "UTC", extra_float_digits=1, bytea_output="hex")
_settings("new-york-dmy", "America/New_York", style="ISO, DMY", interval="postgres_verbose", extra_float_digits=0)
_settings("kathmandu-sql", "Asia/Kathmandu", style="SQL, MDY", interval="sql_standard", bytea_output="escape")
_settings("dublin-german", "Europe/Dublin", style="German, DMY", interval="iso_8601", extra_float_digits=-5)
_settings("moscow-postgres", "Europe/Moscow", style="Postgres, DMY", extra_float_digits=3)
_settings("posix-sql-dmy", "<-03>3<-02>,M3.2.0/2,M11.1.0/2", style="SQL, DMY")
_settings("lord-howe-ymd", "Australia/Lord_Howe", style="Postgres, YMD")


def set_up(client: Client) -> AnyType:
    """Make the enumerated type of the tests, and ours like it."""
    client.run(
        "SET client_min_messages = error; DROP TYPE IF EXISTS mood; CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')"
    )
    (answer,) = client.run("SELECT oid, typarray FROM pg_type WHERE typname = 'mood'")
    oid, array_oid = (int(field or 0) for field in answer.fields)
    return EnumType(oid, "mood", array_oid, MOODS)


def type_named(name: str, mood: AnyType) -> AnyType:
    """Ours for a name that SQL has."""
    if name == "mood":
        return mood
    base, _, arguments = name.partition("(")
    found = BY_NAME[base]
    return found.modified(found.typmodin(arguments.rstrip(")").split(","))) if arguments else found


def means_to_differ(theirs: Answer, ours: Answer, text: str) -> bool:
    """What is meant to differ.

    - POSIX zones with a rule and an offset of more than a day ("bct16:10.90") are not known to ours, and a timetz holds
      no offset of more than 36 hours.
    - Days of the year before the first Julian day wrap around in PostgreSQL.
    - PostgreSQL 15 makes an empty array of some literals whose depths differ.
    """
    return (
        (ours.sqlstate == "22009" and not theirs.sqlstate)
        or re.search(r'zone "[^0-9]+[0-9:+-]+[^0-9,:+-]+.*" not recognized', ours.message) is not None
        or re.search(r"[0-9]{4}[-.][0-9]{3}\b.*bc", text, re.IGNORECASE) is not None
        or (ours.detail.startswith("Multidimensional arrays") and theirs.fields[:1] == (b"{}",))
    )


def same(theirs: Answer, ours: Answer) -> bool:
    if theirs.sqlstate or ours.sqlstate:
        return (theirs.sqlstate, theirs.message) == (ours.sqlstate, ours.message)
    if theirs.fields[0] == ours.fields[0] == b"NaN":
        return True
    return theirs.fields == ours.fields


def compare_inputs(
    client: Client, name: str, mood: AnyType, style: str, count: int, details: bool = False
) -> tuple[int, list[str]]:
    """Text in; text and binary out; then binary in.

    Returns:
        How many were compared, and the differences.
    """
    commands, settings = SETTINGS[style]
    for command in ("RESET ALL", *commands):
        client.run(command)
    (answer,) = client.run("SELECT (extract(epoch FROM now()) * 1000000)::int8 - 946684800000000")
    settings = replace(settings, now=int(answer.fields[0] or 0))
    ours = type_named(name, mood)
    base = name.partition("(")[0]
    # the time of the server cannot be given
    texts = [text for text in inputs(base, count, len(style)) if "now" not in text.lower()]
    sql = f"SELECT $1::{name}, $1::{name}".replace("::char,", '::"char",').replace(" $1::char", ' $1::"char"')
    if base == "char":
        sql = 'SELECT $1::"char", $1::"char"'
    rows = [[text.encode()] for text in texts]
    oid = ours.oid if "(" not in name else type_named(base, mood).oid
    theirs = client.execute(sql, [oid], rows, results=(0, 1))
    different = []
    binaries = []
    for text, answer in zip(texts, theirs, strict=True):
        mine = answer_of_both(ours, text, settings, type_named(base, mood))
        if not same(answer, mine) and means_to_differ(answer, mine, text):
            continue
        if not same(answer, mine) or (details and answer.detail != mine.detail):
            different.append(f"{name} [{style}] {text!r}: PostgreSQL {_show(answer)}, ours {_show(mine)}")
        if answer.fields and answer.fields[1] is not None:
            binaries.append(answer.fields[1])
    rng = random.Random(name)
    good = len(binaries)
    for data in list(binaries)[: count // 2]:
        broken = bytearray(data)
        if broken and rng.random() < 0.5:
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        else:
            broken = broken[:-1] if rng.random() < 0.5 else broken + b"\0"
        binaries.append(bytes(broken))
    back = client.execute(sql, [oid], [[data] for data in binaries], binary=True, results=(0, 1))
    for index, (data, answer) in enumerate(zip(binaries, back, strict=True)):
        mine = answer_of_both(ours, data, settings, type_named(base, mood))
        # of two things that are wrong the one or the other may be told
        if not _same_binary(answer, mine, index >= good):
            different.append(f"{name} [{style}] binary {data.hex()}: PostgreSQL {_show(answer)}, ours {_show(mine)}")
    return len(texts) + len(binaries), different


def _same_binary(theirs: Answer, ours: Answer, broken: bool) -> bool:
    if theirs.sqlstate or ours.sqlstate:
        return theirs.sqlstate == ours.sqlstate or bool(theirs.sqlstate and ours.sqlstate and broken)
    if theirs.fields[0] == ours.fields[0] and b"NaN" in (ours.fields[0] or b""):
        return True  # ours is one NaN, without sign and payload
    return theirs.fields == ours.fields


def answer_of_both(ours: AnyType, value: str | bytes, settings: Settings, base: AnyType) -> Answer:
    """Text and binary form of what a text or a binary value is read as, and then cast to a modifier."""
    try:
        data = value.encode() if isinstance(value, str) else value
        stored = base.decode(data, isinstance(value, bytes), settings)
        if base is not ours:
            stored = ours.coerce(stored, explicit=True)
        text = ours.encode_column([stored, stored], settings)[1]
        binary = ours.encode_column([stored], settings, True)[0]
    except SqlError as error:
        return Answer((), error.sqlstate, error.message, error.detail or "")
    if text != ours.output(stored, settings).encode() and ours.typname != "char":
        return Answer((text, b"not as a single value"))
    return Answer((text, binary))


def _show(answer: Answer) -> str:
    if answer.sqlstate:
        return f"{answer.sqlstate} {answer.message}" + (f" ({answer.detail})" if answer.detail else "")
    return " ".join(
        "NULL" if f is None else repr(f.decode(errors="replace")) if i == 0 else f.hex()
        for i, f in enumerate(answer.fields)
    )


def compare_order(client: Client, name: str, mood: AnyType, count: int) -> tuple[int, list[str]]:
    """Equality and order of pairs, many of which are equal or nearly so."""
    for command in SETTINGS["default"][0]:
        client.run(command)
    settings = SETTINGS["default"][1]
    ours = type_named(name, mood)
    base = name.partition("(")[0]
    cast = '"char"' if base == "char" else name
    texts = [text for text in inputs(base, count, 7) if not re.search("now|today|tomorrow|yesterday", text.lower())]
    oid = ours.oid if "(" not in name else type_named(base, mood).oid
    valid: list[tuple[str, Any]] = []
    for text in texts:
        try:
            valid.append((text, ours.input(text, settings)))
        except SqlError:
            continue
    rng = random.Random(f"order {name}")
    pairs = [(rng.choice(valid), rng.choice(valid)) for _ in range(count)]
    ordered = sorted(valid, key=lambda item: SortKey(ours.order(item[1])) if ours.has_order else str(item[1]))
    pairs += list(itertools.pairwise(ordered))
    operators: tuple[Literal["=", "<"], ...] = ("=", "<") if ours.has_order else ("=",)
    sql = "SELECT " + ", ".join(f"$1::{cast} {operator} $2::{cast}" for operator in operators)
    rows = [[a[0].encode(), b[0].encode()] for a, b in pairs]
    theirs = client.execute(sql, [oid, oid], rows, results=(0,))
    different = []
    for (a, b), answer in zip(pairs, theirs, strict=True):
        mine = [_tf(ours.equality(a[1]) == ours.equality(b[1]))]
        if ours.has_order:
            mine.append(_tf(SortKey(ours.order(a[1])) < SortKey(ours.order(b[1]))))
        if answer.fields != tuple(mine):
            different.append(f"{name} {a[0]!r} {b[0]!r}: PostgreSQL {_show(answer)}, ours {mine}")
    return len(pairs), different


def compare_operation(client: Client, sql: str, style: str, count: int) -> tuple[int, list[str]]:
    """One operator or function, on values of its types."""
    names = OPERATIONS[sql][0]
    commands, settings = SETTINGS[style]
    for command in ("RESET ALL", *commands):
        client.run(command)
    rng = random.Random(sql)
    kinds = [argument_type(name) for name in names]
    columns = [values_of(name, kind, count, settings, rng) for name, kind in zip(names, kinds, strict=True)]
    rows = [[rng.choice(column) for column in columns] for _ in range(count)]
    theirs = client.execute(
        f"SELECT {sql}", [kind.oid for kind in kinds], [[t.encode() for t, _ in row] for row in rows]
    )
    different = []
    for row, answer in zip(rows, theirs, strict=True):
        mine = answer_of_operation(sql, row, settings)
        if not same(answer, mine) and not wraps_around(sql, answer, mine):
            texts = [text for text, _ in row]
            different.append(f"{sql} {texts} [{style}]: PostgreSQL {_show(answer)}, ours {_show(mine)}")
    return len(rows), different


def answer_of_operation(sql: str, row: Sequence[tuple[str, Any]], settings: Settings) -> Answer:
    """What ours gives for texts and their storage forms."""
    names, result, function = OPERATIONS[sql]
    gives = BY_NAME[result]
    arguments: list[Any] = [settings] if isinstance(function, Zoned) else []
    for (_, stored), name in zip(row, names, strict=True):
        kind = argument_type(name)
        arguments.append(stored if kind.typname in ("json", "jsonb", "_text") else kind.load(stored))
    try:
        value = (function.function if isinstance(function, Zoned) else function)(*arguments)
        if value is None:
            return Answer((None,))
        stored = value if result in ("json", "jsonb") else gives.store(value)
        return Answer((gives.output(stored, settings).encode(),))
    except SqlError as error:
        return Answer((), error.sqlstate, error.message, error.detail or "")


def wraps_around(sql: str, theirs: Answer, ours: Answer) -> bool:
    """Where PostgreSQL 15 calculates with 64 bits and does not look whether that was enough; ours does."""
    if "::time + " in sql or "::timetz + " in sql or "::interval::time" in sql:
        return not theirs.sqlstate and not ours.sqlstate
    too_far = ours.message in ("interval out of range", "timestamp out of range")
    return too_far and not theirs.sqlstate and ("age(" in sql or "$1::timestamp" in sql)


def values_of(name: str, kind: AnyType, count: int, settings: Settings, rng: random.Random) -> list[tuple[str, Any]]:
    """Texts of a type and their storage forms."""
    if name in KINDS:
        source = KINDS[name][1]
        texts = list(source) if isinstance(source, tuple) else [source(rng) for _ in range(count)]
    else:
        texts = [text for text in inputs(name, count, 3) if not re.search("now|today|tomorrow|yesterday", text.lower())]
    found = []
    for text in texts:
        try:
            found.append((text, kind.input(text, settings)))
        except SqlError:
            continue
    return found


def _tf(value: bool) -> bytes:
    return b"t" if value else b"f"


class SortKey:
    """Numbers before texts, as SQLite has it; texts by their bytes."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = (
            (1, value.encode()) if isinstance(value, str) else (2, value) if isinstance(value, bytes) else (0, value)
        )

    def __lt__(self, other: SortKey) -> bool:
        return bool(self.value < other.value)
