"""Statements that are no queries, with the query that some of them contain."""

from __future__ import annotations

from typing import Any

from ..grammar import Node, Raw
from ..nodes import Query, Utility
from .state import Shared, State, error

__all__ = ["analyse_utility"]


def analyse_utility(shared: Shared, raw: Raw) -> Utility:
    """EXPLAIN, CREATE TABLE AS, SELECT INTO, DECLARE CURSOR and COPY (query) have their query analysed.

    Raises:
        SqlError: what is wrong with that query.
    """
    kind, tree = raw.kind, raw.tree
    if kind == "SelectStmt":
        return _select_into(shared, tree)
    query: Query | None = None
    if kind in ("ExplainStmt", "CreateTableAsStmt", "DeclareCursorStmt", "CopyStmt") and "query" in tree:
        query = _inner(shared, kind, tree["query"])
    return Utility(kind=kind, tree=tree, query=query)


def _inner(shared: Shared, statement: str, node: Node) -> Query | None:
    ((kind, fields),) = node.items()
    state = State(shared)
    if statement == "CopyStmt":
        shared.variable = False  # its query is analysed without the parameters of the statement
    if kind == "SelectStmt":
        if "intoClause" in fields:
            if statement == "CopyStmt":
                raise error("0A000", "COPY (SELECT INTO) is not supported")
            if statement == "ExplainStmt":
                fields = {key: value for key, value in fields.items() if key != "intoClause"}
        from .select import analyse_select

        query = analyse_select(state, fields)
        if statement == "DeclareCursorStmt" and query.has_modifying_ctes:
            raise error("0A000", "DECLARE CURSOR must not contain data-modifying statements in WITH")
        return query
    if kind in ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"):
        from .statements import analyse_modification

        return analyse_modification(state, kind, fields)
    if kind in ("CreateTableAsStmt", "DeclareCursorStmt"):
        return _inner(shared, kind, fields["query"])
    # EXECUTE: the engine knows the prepared statement
    return None


def _select_into(shared: Shared, tree: Node) -> Utility:
    """SELECT INTO is CREATE TABLE AS: transformOptionalSelectInto."""
    from .select import analyse_select

    into = tree["intoClause"]
    select = {key: value for key, value in tree.items() if key != "intoClause"}
    made: dict[str, Any] = {
        "query": {"SelectStmt": select},
        "into": into,
        "objtype": "OBJECT_TABLE",
        "is_select_into": True,
    }
    return Utility(kind="CreateTableAsStmt", tree=made, query=analyse_select(State(shared), select))
