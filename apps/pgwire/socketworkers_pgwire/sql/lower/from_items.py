"""FROM: tables, subqueries, functions, VALUES and their joins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ...catalog import Relation
from ...types.sqlite import quote_identifier
from ..execute.connection import prepared
from ..execute.virtual import pack_rows
from ..nodes import CteSource, Entry, FromItem, FunctionSource, Join, Query, ValuesSource
from .compounds import chain
from .match import entries_of, free_columns, free_entries
from .row_types import entry_kinds
from .shapes import as_kind
from .sources import collect, function_source, rows_source
from .state import Lowering, Slot, unsupported

if TYPE_CHECKING:
    from ...functions import Execution

__all__ = ["from_clause", "result_source", "values_sql"]

_WORDS = {"inner": "JOIN", "cross": "CROSS JOIN", "left": "LEFT JOIN", "right": "RIGHT JOIN", "full": "FULL JOIN"}


def from_clause(
    lowering: Lowering, items: Sequence[FromItem], ordered: bool = False, query: Query | None = None
) -> str:
    """``FROM ...``, or nothing.

    Args:
        lowering: the statement.
        items: the list.
        ordered: whether aggregates of the query see the order of its subqueries.
        query: the one whose list it is.
    """
    for item in items:
        for entry in entries_of(item):
            lowering.aliases[entry] = lowering.alias()
    siblings: set[Entry] = set()
    parts: list[str] = []
    if query is not None:
        _mark_nullable(lowering, items, query)
    for item in items:
        sql = _item(lowering, item, siblings, ordered)
        if isinstance(item, Join) and len(items) > 1 and _has_outer(item):
            sql = f"({sql})"  # in SQLite a comma binds no less than JOIN
        parts.append(sql)
        siblings.update(entries_of(item))
    return " FROM " + ",".join(parts) if parts else ""


def _mark_nullable(lowering: Lowering, items: Sequence[FromItem], query: Query) -> None:
    """Subqueries whose whole row is asked for, and that an outer join may find no row of, get one more column: where it
    is NULL there is no row."""
    nullable = {entry for item in items for entry in _nullable(item, False) if not isinstance(entry.source, Relation)}
    if nullable:
        whole = {column.entry for column in free_columns(query) if column.column == 0}
        for entry in nullable & whole:
            lowering.marks[entry] = f"{lowering.aliases[entry]}.p"


def _nullable(item: FromItem, found: bool) -> Iterator[Entry]:
    """The entries that outer joins may fill with NULLs."""
    if isinstance(item, Join):
        yield from _nullable(item.left, found or item.kind in ("right", "full"))
        yield from _nullable(item.right, found or item.kind in ("left", "full"))
    elif found:
        yield item


def _has_outer(item: FromItem) -> bool:
    if not isinstance(item, Join):
        return False
    return item.kind in ("right", "full") or _has_outer(item.left) or _has_outer(item.right)


def _item(lowering: Lowering, item: FromItem, siblings: set[Entry], ordered: bool) -> str:
    if isinstance(item, Entry):
        return _entry(lowering, item, siblings, ordered)
    left = _item(lowering, item.left, siblings, ordered)
    inner = siblings | set(entries_of(item.left))
    right = _item(lowering, item.right, inner, ordered)
    if isinstance(item.right, Join):
        right = f"({right})"
    word = _WORDS[item.kind]
    if item.kind == "cross":
        word = "JOIN"  # CROSS JOIN would fix the order of the loops
    condition = "" if item.condition is None else f" ON {_condition(lowering, item)}"
    if not condition and item.kind not in ("cross", "inner"):
        condition = " ON 1"
    return f"{left} {word} {right}{condition}"


def _condition(lowering: Lowering, join: Join) -> str:
    assert join.condition is not None
    return lowering.expr(join.condition)


def _entry(lowering: Lowering, entry: Entry, siblings: set[Entry], ordered: bool) -> str:
    alias = lowering.aliases[entry]
    if entry not in lowering.marks:
        return _unmarked(lowering, entry, siblings, ordered)
    lowering.aliases[entry] = lowering.alias()
    sql = _unmarked(lowering, entry, siblings, ordered)
    lowering.aliases[entry] = alias
    return f"(SELECT *,1 AS p FROM {sql}) AS {alias}"


def _unmarked(lowering: Lowering, entry: Entry, siblings: set[Entry], ordered: bool) -> str:
    alias = lowering.aliases[entry]
    source = entry.source
    if isinstance(source, Relation):
        return _relation(lowering, source, alias)
    if isinstance(source, FunctionSource):
        return function_source(lowering, entry, alias)
    if isinstance(source, CteSource) and source.cte in lowering.working:
        return f"{result_source(lowering, *lowering.working[source.cte])} AS {alias}"
    if isinstance(source, CteSource) and source.cte in lowering.results:
        return f"{result_source(lowering, *lowering.results[source.cte])} AS {alias}"
    if isinstance(source, CteSource):
        return f"{lowering.names[source.cte]} AS {alias}"
    if isinstance(source, ValuesSource):
        if siblings and _values_entries(source) & siblings:
            return _lateral(lowering, values_sql(lowering, source, entry), len(entry.types), alias, entry)
        return f"({values_sql(lowering, source, entry)}) AS {alias}"
    if isinstance(source, Query):
        targets = [each[:2] for each in entry.types]
        lateral = bool(siblings) and bool(free_entries(source) & siblings)
        with_volatile = lowering.volatile
        lowering.volatile = False
        sql = lowering.query(source, targets)
        volatile, lowering.volatile = lowering.volatile, lowering.volatile or with_volatile
        if ordered and source.sort and source.limit is None and source.offset is None:
            sql += " LIMIT -1"  # SQLite leaves an ORDER BY out when it thinks that nobody sees it
        if lateral:
            return _lateral(lowering, sql, len(entry.types), alias, entry)
        if volatile:
            name = lowering.alias("m")  # what is not the same twice must not be merged into the query around it
            sql = f"WITH {name} AS MATERIALIZED ({sql}) SELECT * FROM {name}"
        return f"({sql}) AS {alias}"
    raise unsupported("a join's alias here", entry.location)


def _values_entries(source: ValuesSource) -> set[Entry]:
    found: set[Entry] = set()
    for row in source.rows:
        for expr in row:
            found |= free_entries(expr)
    return found


def _relation(lowering: Lowering, relation: Relation, alias: str) -> str:
    lowering.relations.add(relation.oid)
    if not relation.storage:
        raise unsupported(f"reading {relation.name}", -1)
    kept = lowering.snapshots.get(relation.oid)
    if kept is not None:
        return f"({_snapshot(lowering, relation, kept)}) AS {alias}"
    return f"{relation.storage} AS {alias}"


def result_source(lowering: Lowering, key: object, width: int) -> str:
    """Rows that an earlier part of the statement has left."""

    def rows(execution: Execution, values: Sequence[Any]) -> bytes:
        return pack_rows(prepared(execution.connection).cell.results[key])

    return f"{rows_source(lowering, max(width, 1))}({lowering.slot(Slot(compute=rows))})"


def _snapshot(lowering: Lowering, relation: Relation, kept: object) -> str:
    """A table as it was before the statement: without the rows that were touched, and with what they were."""
    names = [quote_identifier(column.name) for column in relation.columns if not column.dropped]
    rowid = quote_identifier(relation.rowid)
    columns = ",".join(names)
    touched = result_source(lowering, (kept, "rows"), 1)
    old = result_source(lowering, (kept, "old"), len(names) + 1)
    listed = ",".join(f"c{number}" for number in range(1, len(names) + 2))
    return (
        f"SELECT {rowid} AS {rowid},{columns} FROM {relation.storage} WHERE {rowid} NOT IN (SELECT c1 FROM {touched}) "
        f"UNION ALL SELECT {listed} FROM {old}"
    )


def _lateral(lowering: Lowering, sql: str, width: int, alias: str, entry: Entry) -> str:
    """A subquery that reads columns of what stands left of it. SQLite has this for table functions only: one that
    gives back the rows that an aggregate of the subquery collected."""
    width = max(width, 1)
    columns = "column" if isinstance(entry.source, ValuesSource) else "c"
    names = ",".join(f"{columns}{number}" for number in range(1, width + 1))
    if isinstance(entry.source, ValuesSource):
        for number in range(1, width + 1):
            lowering.columns[entry, number] = f"{alias}.c{number}"
    if not entry.types:
        names = "0"
    return f"{rows_source(lowering, width)}((SELECT {collect(lowering)}({names}) FROM ({sql}))) AS {alias}"


def values_sql(lowering: Lowering, source: ValuesSource, entry: Entry) -> str:
    """``VALUES ...``, its columns in the types of the entry."""
    kinds = entry_kinds(lowering, entry)
    rows = [
        [as_kind(lowering, expr, kind) for expr, kind in zip(row, kinds, strict=True)] or ["0"] for row in source.rows
    ]
    if _values_entries(source):
        # SQLite does not find the columns of VALUES when they refer to those of a query around it
        named = [f"SELECT {','.join(f'{cell} AS column{n}' for n, cell in enumerate(row, 1))}" for row in rows]
        return chain(named, "UNION ALL")
    return "VALUES " + ",".join(f"({','.join(row)})" for row in rows)
