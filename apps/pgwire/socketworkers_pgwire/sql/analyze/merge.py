"""MERGE. PostgreSQL 15: parse_merge.c."""

from __future__ import annotations

from typing import Any

from ..grammar import Node
from ..nodes import Expr, MergeAction, Output, Query
from .assignments import assigned, fill_defaults, target_columns, update_targets
from .collations import assign, assign_all
from .expressions import where_clause
from .from_clause import from_clause
from .kinds import Kind
from .places import location_of
from .select import with_clause
from .state import State, error
from .target import Target, open_target
from .targets import expression_list

__all__ = ["analyse_merge"]

_COMMANDS: dict[str, Any] = {
    "CMD_INSERT": "insert",
    "CMD_UPDATE": "update",
    "CMD_DELETE": "delete",
    "CMD_NOTHING": "nothing",
}
_OVERRIDING: dict[str, Any] = {"OVERRIDING_USER_VALUE": "user", "OVERRIDING_SYSTEM_VALUE": "system"}


def analyse_merge(state: State, node: Node) -> Query:
    """MERGE.

    Raises:
        SqlError: 42601 a WHEN clause cannot be reached; 42P01, 42703, ….
    """
    query = state.query
    query.command = "merge"
    with_clause(state, node)
    if "returningClause" in node:
        raise error("42601", 'syntax error at or near "RETURNING"')
    _check_reachable(node["mergeWhenClauses"])
    target = open_target(state, node["relation"], "merge")
    from_clause(state, [node["sourceRelation"]])
    source_names = list(state.namespace)
    if any(item.visible and item.name == target.item.name for item in source_names):
        raise error(
            "42712",
            f'name "{target.item.name}" specified more than once',
            detail="The name is used both as MERGE target table and data source.",
        )
    state.namespace = [target.item, *source_names]
    query.where = where_clause(state, node["joinCondition"], Kind.JOIN_ON, "JOIN/ON")
    if query.where is not None:
        assign(state, query.where)
    for each in node["mergeWhenClauses"]:
        query.actions.append(_action(state, target, source_names, each["MergeWhenClause"]))
    return query


def _check_reachable(clauses: list[Node]) -> None:
    final: set[bool] = set()
    for each in clauses:
        clause = each["MergeWhenClause"]
        matched = _is_matched(clause)
        if matched in final:
            raise error("42601", "unreachable WHEN clause specified after unconditional WHEN clause")
        if "condition" not in clause:
            final.add(matched)


def _is_matched(clause: Node) -> bool:
    kind = clause.get("matchKind", "MERGE_WHEN_MATCHED")
    if kind == "MERGE_WHEN_NOT_MATCHED_BY_SOURCE":
        raise error("42601", 'syntax error at or near "BY"')
    return bool(kind == "MERGE_WHEN_MATCHED")


def _action(state: State, target: Target, source_names: list[Any], clause: Node) -> MergeAction:
    matched = _is_matched(clause)
    # a row that was not matched has no columns of the target
    state.namespace = [target.item, *source_names] if matched else list(source_names)
    condition = where_clause(state, clause.get("condition"), Kind.MERGE_WHEN, "WHEN")
    if condition is not None:
        assign(state, condition)
    command = _COMMANDS[clause.get("commandType", "CMD_NOTHING")]
    action = MergeAction(matched=matched, condition=condition, action=command)
    if command == "update":
        action.outputs = update_targets(state, target, clause["targetList"])
    elif command == "insert":
        action.overriding = _OVERRIDING.get(clause.get("override", ""))
        action.outputs = _insert(state, target, clause, action)
    return action


def _insert(state: State, target: Target, clause: Node, action: MergeAction) -> list[Output]:
    values = clause.get("values")
    outputs: list[Output] = []
    if values is not None:
        columns = target_columns(state, target, clause.get("targetList"))
        before = state.kind
        state.kind = Kind.VALUES_SINGLE
        exprs: list[Expr] = expression_list(state, values, allow_default=True)
        state.kind = before
        if len(exprs) > len(columns):
            raise error("42601", "INSERT has more expressions than target columns", location_of(exprs[len(columns)]))
        if "targetList" in clause and len(exprs) < len(columns):
            raise error(
                "42601",
                "INSERT has more target columns than expressions",
                columns[len(exprs)][1].get("location", 0),
            )
        for (column, given), expr in zip(columns, exprs, strict=False):
            value = assigned(state, target, column, expr, given)
            outputs.append(Output(expr=value, name=column.name, column=column.number))
        action.named = frozenset(output.column for output in outputs)
    outputs = fill_defaults(state, target, outputs, overriding=action.overriding, update=False)
    assign_all(state, (output.expr for output in outputs))
    return outputs
