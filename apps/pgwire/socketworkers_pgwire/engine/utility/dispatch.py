"""Which function makes the plan of which statement."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final

from ...ddl import ALONE as DEFINED_ALONE
from ...sql.nodes import Utility
from ...sql.plan import Plan

if TYPE_CHECKING:
    from ..session import SqlSession

__all__ = ["ALONE", "plan_utility"]

Maker = Callable[["SqlSession", Utility], Plan]

#: module of this package and function for each node
_MAKERS: Final = {
    "VariableSetStmt": "parameters.set_variable",
    "VariableShowStmt": "parameters.show_variable",
    "DiscardStmt": "parameters.discard",
    "PrepareStmt": "prepared.prepare",
    "ExecuteStmt": "prepared.execute",
    "DeallocateStmt": "prepared.deallocate",
    "DeclareCursorStmt": "prepared.declare",
    "FetchStmt": "prepared.fetch",
    "ClosePortalStmt": "prepared.close",
    "ListenStmt": "notify.listen",
    "UnlistenStmt": "notify.unlisten",
    "NotifyStmt": "notify.notify",
    "CopyStmt": "copying.copy",
    "ExplainStmt": "explain.explain",
    "VacuumStmt": "maintenance.vacuum",
    "CheckPointStmt": "maintenance.checkpoint",
    "ClusterStmt": "maintenance.cluster",
    "LockStmt": "maintenance.lock",
    "LoadStmt": "maintenance.load",
    "ConstraintsSetStmt": "definitions.set_constraints",
}

#: statements that cannot run inside of a transaction block, as PreventInTransactionBlock() names them
ALONE: Final = {
    **DEFINED_ALONE,
    "VacuumStmt": "VACUUM",
    "AlterSystemStmt": "ALTER SYSTEM",
    "CreateTableSpaceStmt": "CREATE TABLESPACE",
    "DropTableSpaceStmt": "DROP TABLESPACE",
}


def plan_utility(session: SqlSession, utility: Utility) -> Plan:
    """The plan of a statement that is no query.

    Raises:
        SqlError: what is wrong with it.
    """
    place = _MAKERS.get(utility.kind, "definitions.define")
    module, _, name = place.partition(".")
    make: Maker = getattr(import_module("." + module, __package__), name)
    return make(session, utility)
