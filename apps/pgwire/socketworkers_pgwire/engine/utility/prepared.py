"""PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH, MOVE, CLOSE: SQL's side of prepared statements and portals.

They share their names with the protocol's, as in PostgreSQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import SqlError
from ...session import Portal as NamedPortal
from ...session import PreparedStatement, Statement
from ...sql.nodes import Utility
from ...sql.plan import Plan
from ..action import Result, action
from ..portal import Portal, describe

if TYPE_CHECKING:
    from ..session import SqlSession
    from ..surroundings import Surroundings

__all__ = ["close", "deallocate", "declare", "execute", "fetch", "prepare"]

#: flags of DeclareCursorStmt (src/include/nodes/parsenodes.h)
_SCROLL = 0x0002
_NO_SCROLL = 0x0004
_HOLD = 0x0020


def prepare(session: SqlSession, utility: Utility) -> Plan:
    """PREPARE."""
    tree = utility.tree
    name = tree["name"]

    def act(owner: Surroundings) -> None:
        compiled = session.compiler.prepare_tree(session, tree["query"], tree.get("argtypes") or [])
        owner.names.add_statement(
            PreparedStatement(
                name,
                Statement(compiled),
                compiled.parameter_types,
                describe(compiled.plan) if compiled.plan is not None else None,
                compiled.size,
            )
        )

    return action("PREPARE", act)


def execute(session: SqlSession, utility: Utility) -> Plan:
    """EXECUTE: the plan of the statement, with its parameters evaluated."""
    tree = utility.tree
    prepared = session.surroundings.names.statement(tree["name"])
    statement = prepared.statement
    if statement is None:
        return action("", lambda _: None)
    nodes = tree.get("params") or []
    if len(nodes) != len(prepared.parameter_types):
        raise SqlError(
            "42601",
            f'wrong number of parameters for prepared statement "{prepared.name}"',
            detail=f"Expected {len(prepared.parameter_types)} parameters but got {len(nodes)}.",
        )
    return session.compiler.execute_plan(session, statement.handle, nodes, prepared.parameter_types)


def deallocate(session: SqlSession, utility: Utility) -> Plan:
    """DEALLOCATE."""
    name = utility.tree.get("name", "")

    def act(owner: Surroundings) -> None:
        if not name:
            owner.names.drop_statements()
        elif not owner.names.drop_statement(name):
            raise SqlError("26000", f'prepared statement "{name}" does not exist')

    return action("DEALLOCATE" if name else "DEALLOCATE ALL", act)


def declare(session: SqlSession, utility: Utility) -> Plan:
    """DECLARE CURSOR."""
    tree = utility.tree
    name, flags = tree["portalname"], int(tree.get("options", 0))
    holdable = bool(flags & _HOLD)
    if utility.query is None:
        raise SqlError("42P11", "DECLARE CURSOR can only be used with SELECT and VALUES")
    plan = session.compiler.plan_of(session, utility.query, utility.parameters, positions=True)
    if plan.columns is None:
        raise SqlError("42P11", "DECLARE CURSOR can only be used with SELECT and VALUES")

    def act(owner: Surroundings) -> None:
        transaction = session.transaction
        if not holdable and not transaction.block and not owner.protocol.implicit:
            raise SqlError("25P01", "DECLARE CURSOR can only be used in transaction blocks")
        if name in owner.names.portals:
            raise SqlError("42P03", f'cursor "{name}" already exists')
        portal = Portal(plan, owner.arguments, (), describe(plan))
        portal.declared = True
        portal.text, portal.made = owner.query, owner.statement_time
        portal.scroll = True if flags & _SCROLL else False if flags & _NO_SCROLL else None
        session.open_declared(portal)
        made = NamedPortal(name, portal, Statement(None), portal.columns, holdable=holdable)
        made.level = transaction.level
        owner.names.add_portal(made)

    declared = action("DECLARE CURSOR", act, writes=plan.writes or session.transaction.reads_own(plan))
    declared.rights = plan.rights
    declared.locks, declared.wait, declared.tables = plan.locks, plan.wait, plan.tables
    return declared


def _cursor(session: SqlSession, name: str) -> NamedPortal:
    found = session.surroundings.names.portals.get(name)
    if found is None or not name:
        raise SqlError("34000", f'cursor "{name}" does not exist')
    return found


def fetch(session: SqlSession, utility: Utility) -> Plan:
    """FETCH and MOVE."""
    tree = utility.tree
    named = _cursor(session, tree["portalname"])
    portal = named.handle
    assert isinstance(portal, Portal)
    move = bool(tree.get("ismove", False))
    direction = tree.get("direction", "FETCH_FORWARD")
    count = int(tree.get("howMany", 0))

    def act(owner: Surroundings) -> Result:
        if portal.cursor is None and not portal.declared and not named.done:
            # a portal that was bound, and not executed yet
            portal.declared = True
            portal.text, portal.made = owner.query, owner.statement_time
            session.open_declared(portal)
        if portal.packed and not move:
            raise SqlError("0A000", "FETCH from a portal that Execute has read a part of is not supported")
        session.resume(portal)
        rows = portal.move(direction, count)
        return Result((), len(rows)) if move else Result(rows)

    plan = action(
        "MOVE" if move else "FETCH",
        act,
        columns=None if move else portal.plan.columns,
        short=False,
        counted=not move,
        writes=portal.plan.writes,
    )
    return plan


def close(session: SqlSession, utility: Utility) -> Plan:
    """CLOSE."""
    name = utility.tree.get("portalname", "")

    def act(owner: Surroundings) -> None:
        if not name:
            for each in list(owner.names.portals):
                if each:
                    owner.names.drop_portal(each)
        else:
            _cursor(session, name)
            owner.names.drop_portal(name)

    return action("CLOSE CURSOR" if name else "CLOSE CURSOR ALL", act)
