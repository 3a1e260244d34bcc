"""WHERE CURRENT OF: the row that a cursor stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...catalog import Relation
from ...errors import SqlError
from ..nodes import CurrentOf, Entry, Query
from .match import entries_of
from .state import Lowering, Slot

if TYPE_CHECKING:
    from ...functions import Execution

__all__ = ["current_of", "tables_of_rows"]


def tables_of_rows(query: Query) -> list[Entry]:
    """The tables of which each row of a query is one row: what a cursor of it stands on."""
    if (
        query.command != "select"
        or query.set_operation is not None
        or query.group
        or query.grouping_sets is not None
        or query.has_aggregates
        or query.has_windows
        or query.has_set_functions
        or query.distinct is not None
        or not any(not output.junk for output in query.outputs)
    ):
        return []
    if len(query.from_) > 1 and not query.locks:
        return []
    entries = [entry for item in query.from_ for entry in entries_of(item)]
    return [
        entry
        for entry in entries
        if isinstance(entry.source, Relation) and entry.source.kind == "r" and entry.source.rowid
    ]


def current_of(lowering: Lowering, expr: CurrentOf) -> str:
    """The number of the row that a cursor stands on. The session knows: ``current_row(cursor, oid)``."""
    cursor, oid = expr.cursor, expr.relation.oid

    def row(execution: Execution, values: Sequence[Any]) -> Any:
        find = getattr(execution.session, "current_row", None)
        if find is None:
            raise SqlError("0A000", "WHERE CURRENT OF is not supported")
        return find(cursor, oid)

    return lowering.slot(Slot(compute=row))
