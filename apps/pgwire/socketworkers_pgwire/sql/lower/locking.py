"""FOR UPDATE and its like: which rows a query locks, and SKIP LOCKED (PostgreSQL 15 documentation, SELECT, "The Locking
Clause").

Locks of rows are marks that the engine keeps, by the table's name and the row's number. A row that is skipped must not
count for LIMIT, so that is a condition like any other.
"""

from __future__ import annotations

from collections.abc import Callable

from ...catalog import Relation
from ..execute.connection import ExecutionCell, SqlFunction
from ..nodes import Entry, Query
from .positions import tables_of_rows
from .python import function_of
from .state import Lowering

__all__ = ["locked_places", "skip_condition"]


def locked_places(query: Query) -> list[int] | None:
    """Which of `Plan.positions` are of tables whose rows the query locks; None when it locks rows that it has no number
    of."""
    entries = tables_of_rows(query)
    locked: list[Entry] = []
    for lock in query.locks:
        if lock.views:
            return None
        locked += lock.entries
    places = [place for place, entry in enumerate(entries) if any(entry is each for each in locked)]
    if not locked or len(places) != len({id(each) for each in locked}):
        return None
    if any(not isinstance(each.source, Relation) or each.source.persistence != "p" for each in locked):
        return None
    return places


def skip_condition(lowering: Lowering, query: Query) -> str:
    """What holds for rows that nobody else has locked, of a query with SKIP LOCKED; "" without."""
    entries = tables_of_rows(query)
    terms = []
    for lock in query.locks:
        for entry in lock.entries if lock.wait == "skip" else ():
            if any(entry is each for each in entries) and isinstance(entry.source, Relation):
                name = lowering.use(_taken(entry.source))
                terms.append(f"NOT {name}({lowering.aliases[entry]}.{entry.source.rowid})")
    return " AND ".join(terms)


def _taken(relation: Relation) -> SqlFunction:
    oid = relation.oid
    table = relation.storage.strip('"').replace('""', '"')

    def make(cell: ExecutionCell) -> Callable[[int | None], int]:
        def taken(number: int | None) -> int:
            find = getattr(cell.execution.session, "row_is_taken", None) if cell.execution is not None else None
            return int(number is not None and find is not None and find(table, number))

        return taken

    return function_of("row_is_taken", 1, "scalar", (oid, table), make)
