"""A database for tests of the session: one table of integers in memory, and as much SQL as the tests need.

It does at once what it is asked, keeps the requests that came, and fails with PostgreSQL's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from socketworkers_pgwire.codec import FieldDescription, encode_copy_data_rows, encode_rows
from socketworkers_pgwire.session import (
    Answer,
    CallFunction,
    Control,
    ControlKind,
    CopyEnd,
    CopyIn,
    CopyOut,
    CopyPut,
    Done,
    Fetch,
    FunctionResult,
    Names,
    Open,
    Opened,
    Parsed,
    ParseQuery,
    Portal,
    Portion,
    Prepare,
    Prepared,
    PreparedStatement,
    Request,
    SqlError,
    Statement,
    Transact,
    TransactKind,
    error,
)

__all__ = ["TinyEngine"]

INT4, TEXT, INT8 = 23, 25, 20
_SIZES = {INT4: 4, TEXT: -1, INT8: 8}
_CONTROLS: list[tuple[str, ControlKind, str]] = [
    (r"begin\b.*", ControlKind.BEGIN, "BEGIN"),
    (r"start transaction\b.*", ControlKind.BEGIN, "START TRANSACTION"),
    (r"prepare transaction '(?P<name>.*)'", ControlKind.PREPARE, "PREPARE TRANSACTION"),
    (r"(?:commit|end)(?P<chain> and chain)?", ControlKind.COMMIT, "COMMIT"),
    (r"rollback to(?: savepoint)? (?P<name>\w+)", ControlKind.ROLLBACK_TO, "ROLLBACK"),
    (r"rollback(?P<chain> and chain)?", ControlKind.ROLLBACK, "ROLLBACK"),
    (r"savepoint (?P<name>\w+)", ControlKind.SAVEPOINT, "SAVEPOINT"),
    (r"release(?: savepoint)? (?P<name>\w+)", ControlKind.RELEASE, "RELEASE"),
]


def column(name: str, oid: int) -> FieldDescription:
    """A column of a result."""
    return FieldDescription(name.encode(), oid, _SIZES[oid])


@dataclass(eq=False)
class Plan:
    """A statement that was analysed."""

    text: str
    tag: str
    columns: tuple[FieldDescription, ...] | None = None
    parameter_types: tuple[int, ...] = ()
    rows: Callable[[list[bytes | None]], Iterator[tuple[bytes | None, ...]]] | None = None
    action: Callable[[], Answer] | None = None
    copy: str = ""


@dataclass(eq=False)
class Running:
    """A portal of the engine."""

    plan: Plan
    rows: Iterator[tuple[bytes | None, ...]] = field(default_factory=lambda: iter(()))
    copied: bytearray = field(default_factory=bytearray)
    copying: bool = False


class TinyEngine:
    """See the module.

    Args:
        batch: most rows of one portion.
    """

    def __init__(self, batch: int = 3) -> None:
        self.batch = batch
        self.table: list[int] = []
        self.names: Names | None = None
        self.requests: list[Request] = []
        self.undo: list[tuple[str, list[int]]] = []
        self.fail_commit = False

    # What a session asks

    def parse(self, request: ParseQuery) -> Answer:
        """Split at semicolons."""
        return Parsed([self._statement(text) for text in _split(request.text)])

    def prepare(self, request: Prepare) -> Answer:
        """Analyse the one statement."""
        texts = _split(request.text)
        if len(texts) > 1:
            raise error("42601", "cannot insert multiple commands into a prepared statement")
        if not texts:
            return Prepared(None)
        statement = self._statement(texts[0])
        if statement.control is not None or request.aborted:
            return Prepared(statement)
        plan = self._plan(texts[0], request.parameter_types)
        return Prepared(replace(statement, handle=plan), plan.parameter_types, plan.columns, 100)

    def open(self, request: Open) -> Answer:
        """Bind."""
        plan = request.handle if isinstance(request.handle, Plan) else self._plan(str(request.handle), ())
        if plan.text.lower() == "select 1/0":  # PostgreSQL computes constants when it plans
            raise error("22012", "division by zero")
        running = Running(plan)
        if plan.rows is not None:
            running.rows = plan.rows(list(request.parameters))
        return Opened(running, plan.columns)

    def fetch(self, request: Fetch) -> Answer:
        """Run."""
        running = request.handle
        assert isinstance(running, Running)
        plan = running.plan
        self._begin()
        if plan.action is not None:
            return plan.action()
        if plan.copy == "in" and not running.copying:
            running.copying = True
            return CopyIn(0, (0,))
        if plan.copy == "out" and not running.copying:
            running.copying = True
            return CopyOut(0, (0,))
        if plan.copy == "out":
            rows = [b"%d\n" % value for value in self.table]
            return Portion(encode_copy_data_rows(rows), len(rows), f"COPY {len(rows)}")
        wanted = min(self.batch, request.limit or self.batch)
        taken: list[tuple[bytes | None, ...]] = []
        for row in running.rows:
            taken.append(row)
            if len(taken) == wanted:
                return Portion(encode_rows(taken), len(taken))
        return Portion(encode_rows(taken), len(taken), plan.tag, True)

    def copy_put(self, request: CopyPut) -> Answer:
        """Keep it, and refuse what is no number as soon as its line is there."""
        running = request.handle
        assert isinstance(running, Running)
        running.copied += request.data
        for line in running.copied.split(b"\n")[:-1]:
            if line != b"\\." and not line.isdigit():
                raise error("22P02", f'invalid input syntax for type integer: "{line.decode(errors="replace")}"')
        return Done()

    def copy_end(self, request: CopyEnd) -> Answer:
        """Insert what was kept."""
        running = request.handle
        assert isinstance(running, Running)
        values = [int(line) for line in running.copied.split(b"\n") if line.isdigit()]
        self.table += values
        return Portion(tag=f"COPY {len(values)}")

    def call(self, request: CallFunction) -> Answer:
        """int4pl, and nothing else."""
        call = request.call
        self._begin()
        if call.function != 177:
            raise error("42883", f"function with OID {call.function} does not exist")
        values = [int.from_bytes(value, signed=True) for value in call.arguments if value is not None]
        if len(values) < 2:
            return FunctionResult(None)
        return FunctionResult(sum(values).to_bytes(4, signed=True))

    def transact(self, request: Transact) -> Answer:
        """One step of the transaction."""
        kind = request.kind
        if kind is TransactKind.COMMIT:
            if self.fail_commit:
                raise error("40001", "could not serialize access")
            self.undo.clear()
        elif kind is TransactKind.ROLLBACK:
            if self.undo:
                self.table[:] = self.undo[0][1]
            self.undo.clear()
        elif kind is TransactKind.ABORT:
            if self.undo:
                self.table[:] = self.undo[-1][1]
        elif kind is TransactKind.SAVEPOINT:
            self._begin()
            self.undo.append((request.name, list(self.table)))
        elif kind is not TransactKind.BEGIN:
            place = max(index for index, (name, _) in enumerate(self.undo) if name == request.name)
            if kind is TransactKind.ROLLBACK_TO:
                self.table[:] = self.undo[place][1]
                place += 1
            del self.undo[place:]
        return Done()

    # SQL

    def _begin(self) -> None:
        if not self.undo:
            self.undo.append(("", list(self.table)))

    def _statement(self, text: str) -> Statement:
        lowered = " ".join(text.lower().split())
        for pattern, kind, tag in _CONTROLS:
            found = re.fullmatch(pattern, lowered)
            if found is not None:
                named = found.groupdict()
                return Statement(text, Control(kind, tag, named.get("name") or "", bool(named.get("chain"))))
        if not re.match(r"(select|insert|copy|vacuum|set|declare|deallocate|prepare|close)\b", lowered):
            raise SqlError("42601", f'syntax error at or near "{text.split()[0]}"', position=1)
        return Statement(text, alone="VACUUM" if lowered == "vacuum" else "")

    def _plan(self, text: str, types: tuple[int, ...]) -> Plan:
        lowered = " ".join(text.lower().split())
        found = re.fullmatch(r"select (\d+)", lowered)
        if found is not None:
            value = found[1].encode()
            return Plan(text, "SELECT", (column("?column?", INT4),), rows=lambda _: iter([(value,)]))
        found = re.fullmatch(r"select generate_series\(1, ?(\d+)\)", lowered)
        if found is not None:
            count = int(found[1])
            series = [(b"%d" % each,) for each in range(1, count + 1)]
            return Plan(text, "SELECT", (column("generate_series", INT4),), rows=lambda _: iter(series))
        found = re.fullmatch(r"select \$1::(int4|text)(, \$2::int4)?", lowered)
        if found is not None:
            kinds = (INT4 if found[1] == "int4" else TEXT, *((INT4,) if found[2] else ()))
            columns = tuple([column(found[1] if oid != INT4 else "int4", oid) for oid in kinds])
            return Plan(text, "SELECT", columns, kinds, rows=lambda values: iter([tuple(values)]))
        if lowered == "select 1/0":
            return Plan(text, "SELECT", (column("?column?", INT4),), rows=lambda _: iter(()))
        if lowered == "select count(*) from t":
            return Plan(text, "SELECT", (column("count", INT8),), rows=lambda _: iter([(b"%d" % len(self.table),)]))
        found = re.fullmatch(r"insert into t values \((\d+)\)( returning a)?", lowered)
        if found is not None:
            return self._insert(text, int(found[1]), bool(found[2]))
        if lowered in ("copy t from stdin", "copy t to stdout"):
            return Plan(text, "COPY", copy="in" if "from" in lowered else "out")
        if lowered == "vacuum":
            return Plan(text, "VACUUM", action=lambda: Portion(tag="VACUUM"))
        return self._plan_utility(text, lowered)

    def _insert(self, text: str, value: int, returning: bool) -> Plan:
        def insert() -> Answer:
            self.table.append(value)
            return Portion(tag="INSERT 0 1")

        def insert_returning(_: list[bytes | None]) -> Iterator[tuple[bytes | None, ...]]:
            self.table.append(value)
            yield (b"%d" % value,)

        if returning:
            return Plan(text, "INSERT 0", (column("a", INT4),), rows=insert_returning)
        return Plan(text, "INSERT", action=insert)

    def _plan_utility(self, text: str, lowered: str) -> Plan:
        found = re.fullmatch(r"set (\w+) to '?(\w+)'?", lowered)
        if found is not None:
            changed = {found[1]: found[2].upper() if found[1] == "client_encoding" else found[2]}
            return Plan(text, "SET", action=lambda: Portion(tag="SET", parameters=changed))
        found = re.fullmatch(r"declare (\w+) cursor( with hold)? for (.*)", lowered)
        if found is not None:
            name, hold, query = found[1], bool(found[2]), found[3]
            return Plan(text, "DECLARE CURSOR", action=lambda: self._declare(name, hold, query))
        found = re.fullmatch(r"close (\w+)", lowered)
        if found is not None:
            name = found[1]
            return Plan(text, "CLOSE CURSOR", action=lambda: self._close(name))
        found = re.fullmatch(r"prepare (\w+) as (.*)", lowered)
        if found is not None:
            name, query = found[1], found[2]
            return Plan(text, "PREPARE", action=lambda: self._prepare(name, query))
        found = re.fullmatch(r"deallocate (\w+)", lowered)
        if found is not None:
            name = found[1]
            return Plan(text, "DEALLOCATE", action=lambda: self._deallocate(name))
        raise SqlError("42703", f'column "{text.split()[-1]}" does not exist', position=8)

    def _declare(self, name: str, hold: bool, query: str) -> Answer:
        assert self.names is not None
        plan = self._plan(query, ())
        assert plan.rows is not None
        running = Running(plan, plan.rows([]))
        portal = Portal(name, running, Statement(query), plan.columns, holdable=hold)
        portal.level = max(0, len(self.undo) - 1)
        self.names.add_portal(portal)
        return Portion(tag="DECLARE CURSOR")

    def _close(self, name: str) -> Answer:
        assert self.names is not None
        if not self.names.drop_portal(name):
            raise error("34000", f'cursor "{name}" does not exist')
        return Portion(tag="CLOSE CURSOR")

    def _prepare(self, name: str, query: str) -> Answer:
        assert self.names is not None
        plan = self._plan(query, ())
        self.names.add_statement(PreparedStatement(name, Statement(plan), plan.parameter_types, plan.columns))
        return Portion(tag="PREPARE")

    def _deallocate(self, name: str) -> Answer:
        assert self.names is not None
        if not self.names.drop_statement(name):
            raise error("26000", f'prepared statement "{name}" does not exist')
        return Portion(tag="DEALLOCATE")


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]
