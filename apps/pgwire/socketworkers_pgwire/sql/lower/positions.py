"""WHERE CURRENT OF: the row that a cursor stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...errors import SqlError
from ..nodes import CurrentOf
from .state import Lowering, Slot

if TYPE_CHECKING:
    from ...functions import Execution

__all__ = ["current_of"]


def current_of(lowering: Lowering, expr: CurrentOf) -> str:
    """The number of the row that a cursor stands on. The session knows: ``current_row(cursor, oid)``."""
    cursor, oid = expr.cursor, expr.relation.oid

    def row(execution: Execution, values: Sequence[Any]) -> Any:
        find = getattr(execution.session, "current_row", None)
        if find is None:
            raise SqlError("0A000", "WHERE CURRENT OF is not supported")
        return find(cursor, oid)

    return lowering.slot(Slot(compute=row))
