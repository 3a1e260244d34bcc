"""COPY: rows to the client, and rows of the client into a table (PostgreSQL 15 documentation, COPY)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from ...catalog import Relation
from ...codec import encode_copy_data_rows
from ...copy import Columns, CopyOptions, Row, make_reader, make_writer
from ...errors import SqlError
from ...session import SERVER_ENCODING, Answer, CopyIn, CopyOut, Done, Portion, encode_text, find_encoding
from ...sql.grammar import Node, Raw
from ...sql.nodes import Utility
from ...sql.plan import Plan
from ...types import AnyType
from ..action import Action, Result
from ..recoding import incoming, outgoing
from .tree import constant, option_text, options, truth, unsupported

if TYPE_CHECKING:
    from ..portal import Portal
    from ..session import SqlSession
    from ..session_copy import CopyingSession

__all__ = ["CopyFrom", "CopyPlan", "CopyTo", "copy"]

#: rows of a chunk that is formatted at a time
BATCH = 512
#: bytes from a client that are worked on at a time
CHUNK = 64 * 1024


@dataclass(slots=True, kw_only=True)
class CopyPlan(Action):
    """COPY; the engine sees that it is one, and does not run it as it runs others."""

    options: CopyOptions
    source: Plan
    """COPY TO: the query. COPY FROM: an INSERT of one row whose parameters are the columns."""
    types: tuple[AnyType, ...]
    names: tuple[str, ...]
    table: str
    """Of COPY FROM, for the context of errors; "" is COPY TO."""


def copy(session: SqlSession, utility: Utility) -> Plan:
    """COPY."""
    tree = utility.tree
    reads = bool(tree.get("is_from", False))
    if tree.get("filename") or tree.get("is_program"):
        raise unsupported("COPY with a file or a program on the server")
    compiler = session.compiler
    if "query" in tree:
        assert utility.query is not None
        source = compiler.plan_of(session, utility.query)
        if source.columns is None:
            raise SqlError("0A000", "COPY query must have a RETURNING clause")
        names = [column.name for column in source.columns]
        types = [column.type for column in source.columns]
        table = ""
    else:
        relation = session.relation(tree["relation"])
        numbers = _columns(relation, tree.get("attlist"), reads)
        names = [relation.columns[number - 1].name for number in numbers]
        # what is read goes to parameters, which have no modifier; the assignment to the column brings it
        types = [
            session.type_with(column.type, -1 if reads else column.typmod)
            for column in (relation.columns[number - 1] for number in numbers)
        ]
        table = relation.name if reads else ""
        if reads:
            _check_target(relation)
            source = compiler.plan_of(
                session, session.analyse_tree(_insert(relation, names, tree), types), [each.oid for each in types]
            )
        else:
            if relation.kind not in "rm":
                raise SqlError(
                    "42809",
                    f'cannot copy from {_KINDS.get(relation.kind, "relation")} "{relation.name}"',
                    hint="Try the COPY (SELECT ...) TO variant." if relation.kind == "v" else None,
                )
            source = compiler.plan_of(session, session.analyse_tree(_select(relation, names), ()))
    made = _options(tree.get("options"), names, reads, session.surroundings.protocol.encoding)
    return CopyPlan(
        columns=None,
        parameters=(),
        writes=reads or source.writes,
        tag="COPY",
        counted=False,
        repeatable=False,
        rights=source.rights,
        act=lambda owner: Result(),
        options=made,
        source=source,
        types=tuple(types),
        names=tuple(names),
        table=table,
    )


_KINDS = {"v": "view", "S": "sequence", "i": "index", "m": "materialized view", "c": "composite type"}


def _columns(relation: Relation, nodes: list[Node] | None, reads: bool) -> list[int]:
    by_name = {column.name: column for column in relation.columns if not column.dropped}
    if nodes is None:
        return [column.number for column in by_name.values() if not column.generated]
    numbers: list[int] = []
    for node in nodes:
        name = str(constant(node))
        column = by_name.get(name)
        if column is None:
            raise SqlError("42703", f'column "{name}" of relation "{relation.name}" does not exist')
        if column.generated:
            raise SqlError(
                "42P10",
                f'column "{name}" is a generated column',
                detail="Generated columns cannot be used in COPY.",
            )
        if column.number in numbers:
            raise SqlError("42701", f'column "{name}" specified more than once')
        numbers.append(column.number)
    return numbers


def _check_target(relation: Relation) -> None:
    if relation.kind != "r":
        kind = _KINDS.get(relation.kind, "relation")
        raise SqlError("42809", f'cannot copy to {kind} "{relation.name}"')
    if relation.schema in ("pg_catalog", "information_schema"):
        raise SqlError("42501", f"permission denied for table {relation.name}")


def _named(relation: Relation) -> Node:
    return {"schemaname": relation.schema, "relname": relation.name, "inh": True, "relpersistence": "p"}


def _insert(relation: Relation, names: Sequence[str], tree: Node) -> Raw:
    """INSERT INTO relation (names) VALUES ($1, …); identity columns take what is given, as COPY does."""
    if "whereClause" in tree:
        raise unsupported("COPY FROM with WHERE")
    values = [{"ParamRef": {"number": number}} for number in range(1, len(names) + 1)]
    select = {"valuesLists": [{"List": {"items": values}}], "limitOption": "LIMIT_OPTION_DEFAULT", "op": "SETOP_NONE"}
    return Raw(
        "InsertStmt",
        {
            "relation": _named(relation),
            "cols": [{"ResTarget": {"name": name}} for name in names],
            "selectStmt": {"SelectStmt": select} if names else None,
            "override": "OVERRIDING_SYSTEM_VALUE",
        },
        "",
        0,
    )


def _select(relation: Relation, names: Sequence[str]) -> Raw:
    targets = [{"ResTarget": {"val": {"ColumnRef": {"fields": [{"String": {"sval": name}}]}}}} for name in names]
    return Raw(
        "SelectStmt",
        {
            "targetList": targets,
            "fromClause": [{"RangeVar": _named(relation)}],
            "limitOption": "LIMIT_OPTION_DEFAULT",
            "op": "SETOP_NONE",
        },
        "",
        0,
    )


def _options(nodes: list[Node] | None, names: Sequence[str], reads: bool, encoding: str) -> CopyOptions:
    given: dict[str, Any] = {}
    seen: set[str] = set()
    for name, value, position in options(nodes):
        if name in seen:
            raise SqlError("42601", "conflicting or redundant options", position=position)
        seen.add(name)
        if name == "format":
            given["format"] = option_text(value)
            if given["format"] not in ("text", "csv", "binary"):
                raise SqlError("22023", f'COPY format "{given["format"]}" not recognized', position=position)
        elif name in ("delimiter", "null", "quote", "escape"):
            given[name] = option_text(value)
        elif name == "header":
            if value is not None and str(constant(value)).lower() == "match":
                if not reads:
                    raise SqlError("0A000", 'cannot use "match" with HEADER in COPY TO')
                given["header"] = given["header_match"] = True
            else:
                given["header"] = truth("header", value)
        elif name in ("force_quote", "force_not_null", "force_null"):
            given[name] = _numbers(name, value, names)
        elif name == "encoding":
            found = find_encoding(option_text(value))
            if found is None:
                raise SqlError(
                    "22023", 'argument to option "encoding" must be a valid encoding name', position=position
                )
            encoding = found[1]
        elif name == "freeze":
            truth(name, value)  # what it saves is not there to be saved
        else:
            raise SqlError("42601", f'option "{name}" not recognized', position=position)
    return CopyOptions.checked(reads=reads, encoding=encoding, **given)


def _numbers(option: str, value: Node | None, names: Sequence[str]) -> frozenset[int] | None:
    assert value is not None
    if "A_Star" in value:
        return None
    numbers = set()
    for item in value["List"]["items"]:
        name = str(constant(item))
        if name not in names:
            raise SqlError("42P10", f'{option.upper()} column "{name}" not referenced by COPY')
        numbers.add(list(names).index(name))
    return frozenset(numbers)


class CopyTo:
    """A COPY to the client that runs."""

    __slots__ = ("_begun", "_binary", "_count", "_plan", "_rows", "_session", "_writer")

    def __init__(self, session: CopyingSession, plan: CopyPlan) -> None:
        self._session = session
        self._plan = plan
        self._binary = plan.options.format == "binary"
        self._writer = make_writer(plan.options, list(plan.names))
        self._rows: Iterator[tuple[Any, ...]] | None = None
        self._begun = False
        self._count = 0

    def response(self) -> Answer:
        """CopyOutResponse."""
        code = int(self._binary)
        return CopyOut(code, (code,) * len(self._plan.names))

    def portion(self, portal: Portal) -> Portion:
        """The next rows; works in a thread."""
        plan = self._plan
        if self._rows is None:
            assert portal.cursor is not None
            self._rows = portal.cursor.rows()
        settings = self._session.surroundings.settings
        head = b"" if self._begun else b"".join(self._writer.begin())
        lines: list[bytes] = []
        if head and not self._binary:
            lines, head = [head], b""
        self._begun = True
        rows = list(islice(self._rows, BATCH))
        self._count += len(rows)
        if rows:
            columns = [
                kind.encode_column(values, settings, self._binary)
                for kind, values in zip(plan.types, zip(*rows, strict=True), strict=True)
            ]
            if self._binary:
                self._recode_columns(columns)
            lines += self._recoded(self._writer.rows(columns, len(rows)))
            if head:  # goes with the first row, as PostgreSQL sends it
                lines[0], head = head + lines[0], b""
        if len(rows) == BATCH:
            return Portion(encode_copy_data_rows(lines), len(rows))
        lines += [head + each for each in self._writer.end()]
        return Portion(encode_copy_data_rows(lines) if lines else b"", len(rows), f"COPY {self._count}")

    def _recoded(self, lines: list[bytes]) -> list[bytes]:
        encoding = self._plan.options.encoding
        if encoding == SERVER_ENCODING or self._binary:
            return lines
        return [encode_text(line, encoding) for line in lines]

    def _recode_columns(self, columns: list[list[bytes | None]]) -> None:
        for number, kind in enumerate(self._plan.types):
            recode = outgoing(kind, True, self._plan.options.encoding)
            if recode is not None:
                columns[number] = [None if field is None else recode(field) for field in columns[number]]


class CopyFrom:
    """A COPY from the client that runs."""

    __slots__ = ("_buffered", "_count", "_parts", "_plan", "_reader", "_session")

    def __init__(self, session: CopyingSession, plan: CopyPlan) -> None:
        self._session = session
        self._plan = plan
        self._reader = make_reader(plan.options, list(plan.names))
        self._count = 0
        self._parts: list[bytes] = []
        self._buffered = 0

    def buffer(self, data: bytes) -> bool:
        """Keep data for later; whether it is enough to work on."""
        self._parts.append(data)
        self._buffered += len(data)
        return self._buffered >= CHUNK

    def take(self) -> bytes:
        """What was kept."""
        data = b"".join(self._parts)
        self._parts.clear()
        self._buffered = 0
        return data

    def response(self) -> Answer:
        """CopyInResponse."""
        code = int(self._plan.options.format == "binary")
        return CopyIn(code, (code,) * len(self._plan.names))

    def put(self) -> Answer:
        """Work on what was kept; in a thread."""
        data = self.take()
        columns = self._reader.columns(data) if self._plan.options.encoding == SERVER_ENCODING else None
        if columns is not None:
            self._insert_columns(columns)
            return Done()
        try:
            rows = self._reader.receive(data)
        except SqlError as error:
            error.where = f"COPY {self._plan.table}, line {self._reader.line}"
            raise
        self._insert(rows)
        return Done()

    def end(self) -> Answer:
        """No more data; works in a thread."""
        self.put()
        try:
            rows = self._reader.end()
        except SqlError as error:
            error.where = f"COPY {self._plan.table}, line {self._reader.line}"
            raise
        self._insert(rows)
        return Portion(tag=f"COPY {self._count}")

    def _insert(self, rows: list[Row]) -> None:
        if not rows:
            return
        self._put(self._values(rows), len(rows))

    def _insert_columns(self, texts: Columns) -> None:
        settings = self._session.surroundings.settings
        try:
            values = [kind.input_column(column, settings) for kind, column in zip(self._plan.types, texts, strict=True)]
        except SqlError:
            rows = [[None if each is None else each.encode() for each in row] for row in zip(*texts, strict=True)]
            values = self._values(rows)  # tells which field it is
        self._put(values, len(texts[0]))

    def _put(self, columns: Sequence[Sequence[Any]], count: int) -> None:
        plan = self._plan
        inserted = self._session.insert_columns(plan.source, columns, count)
        if inserted is not None:
            number, error = inserted
            error.where = f"COPY {plan.table}, line {self._reader.line_of(number)}"
            raise error
        self._count += count

    def _values(self, rows: list[Row]) -> list[list[Any]]:
        """The columns of rows, in storage forms.

        Raises:
            SqlError: a field is none of its type.
        """
        plan = self._plan
        binary = plan.options.format == "binary"
        settings = self._session.surroundings.settings
        width = len(plan.names)
        for number, row in enumerate(rows):
            if len(row) != width:
                self._refuse_width(row, number)
        recoders = [incoming(kind, binary, plan.options.encoding) for kind in plan.types]
        if any(recoders):
            rows = [
                [
                    field if field is None or recode is None else recode(field)
                    for field, recode in zip(row, recoders, strict=True)
                ]
                for row in rows
            ]
        try:
            return [
                [None if field is None else kind.decode(field, binary, settings) for field in column]
                for kind, column in zip(plan.types, zip(*rows, strict=True), strict=True)
            ]
        except SqlError:
            self._find_fault(rows, binary)
            raise

    def _refuse_width(self, row: Row, number: int) -> None:
        plan = self._plan
        line = self._reader.line_of(number)
        if len(row) < len(plan.names):
            error = SqlError("22P04", f'missing data for column "{plan.names[len(row)]}"')
        else:
            error = SqlError("22P04", "extra data after last expected column")
        shown = (plan.options.delimiter.encode().join(each or b"\\N" for each in row)).decode(errors="replace")
        error.where = f'COPY {plan.table}, line {line}: "{_short(shown)}"'
        raise error

    def _find_fault(self, rows: list[Row], binary: bool) -> None:
        """Raise the error of the first field that is wrong, with its place."""
        plan, settings = self._plan, self._session.surroundings.settings
        for number, row in enumerate(rows):
            for name, kind, field in zip(plan.names, plan.types, row, strict=True):
                if field is None:
                    continue
                try:
                    kind.decode(field, binary, settings)
                except SqlError as error:
                    shown = "" if binary else f': "{_short(field.decode(errors="replace"))}"'
                    error.where = f"COPY {plan.table}, line {self._reader.line_of(number)}, column {name}{shown}"
                    raise


def _short(text: str) -> str:
    """As limit_printout_length() in copyfrom.c."""
    return text if len(text) <= 100 else text[:100] + "..."
