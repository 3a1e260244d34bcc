"""INSERT, UPDATE and DELETE. PostgreSQL: analyze.c."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...catalog import Column
from ..grammar import Node
from ..nodes import Const, CurrentOf, Default, Entry, Expr, Output, Param, Query, RowExpr, ValuesSource, Var
from .assignments import (
    assigned,
    check_allowed,
    column_default,
    fill_defaults,
    null_of,
    target_columns,
    update_targets,
)
from .collations import assign, assign_all
from .expressions import expression, where_clause
from .from_clause import from_clause
from .kinds import Kind
from .oids import UNKNOWN
from .places import location_of
from .select import analyse_select, common_rows, finish, values_rows, with_clause
from .state import State, error
from .target import Target, both, open_target
from .targets import expression_list, mark_origins, resolve_unknowns, target_list

__all__ = ["analyse_modification"]

_OVERRIDING: dict[str, Any] = {"OVERRIDING_USER_VALUE": "user", "OVERRIDING_SYSTEM_VALUE": "system"}


def analyse_modification(state: State, kind: str, node: Node) -> Query:
    """A statement that changes a table."""
    if kind == "InsertStmt":
        return _insert(state, node)
    if kind == "UpdateStmt":
        return _update(state, node)
    if kind == "DeleteStmt":
        return _delete(state, node)
    from .merge import analyse_merge

    return analyse_merge(state, node)


def returning_clause(state: State, target: Target, node: Node) -> list[Output] | None:
    """RETURNING.

    Raises:
        SqlError: 42601 it has no columns.
    """
    clause = node.get("returningClause")
    if clause is None:
        return None
    if clause.get("options"):
        raise error("42601", 'syntax error at or near "WITH"')
    outputs = target_list(state, clause["exprs"], Kind.RETURNING)
    if not outputs:
        raise error("42601", "RETURNING must have at least one column")
    mark_origins(state, outputs)
    target.mark_origins(outputs)
    resolve_unknowns(state, outputs)
    return outputs


# INSERT


def _insert(state: State, node: Node) -> Query:
    query = state.query
    query.command = "insert"
    with_clause(state, node)
    query.overriding = _OVERRIDING.get(node.get("override", ""))
    select = node.get("selectStmt")
    source: Query | None = None
    tree: Node = {} if select is None else select["SelectStmt"]
    general = select is not None and _is_general(tree)
    if general:
        # it does not see the table that it is put in, so its state is outside of the target's
        inner = State(state.shared, state)
        inner.resolve_unknowns = False
        source = analyse_select(inner, tree)
    target = open_target(state, node["relation"], "insert")
    columns = target_columns(state, target, node.get("cols"))
    outputs: list[Output]
    if select is None:
        outputs = []
    elif source is not None:
        outputs = _from_query(state, target, columns, source, node)
    elif len(tree["valuesLists"]) > 1:
        outputs = _from_rows(state, target, columns, tree, node)
    else:
        before = state.kind
        state.kind = Kind.VALUES_SINGLE
        row = expression_list(state, tree["valuesLists"][0]["List"].get("items", []), allow_default=True)
        state.kind = before
        outputs = _row(state, target, columns, row, node)
    query.outputs = fill_defaults(state, target, outputs, overriding=query.overriding, update=False)
    state.namespace = [target.item]
    clause = node.get("onConflictClause")
    if clause is not None:
        from .conflict import analyse_conflict

        query.conflict = analyse_conflict(state, target, clause)
        state.namespace = [target.item]
    query.returning = returning_clause(state, target, node)
    finish(state)
    return query


def _is_general(tree: Node) -> bool:
    return "valuesLists" not in tree or any(
        key in tree for key in ("sortClause", "limitOffset", "limitCount", "lockingClause", "withClause")
    )


def _check_counts(
    state: State, columns: Sequence[tuple[Column, Node]], exprs: Sequence[Expr], node: Node
) -> Sequence[tuple[Column, Node]]:
    """As many columns as there are values.

    Raises:
        SqlError: 42601.
    """
    if len(exprs) > len(columns):
        raise error("42601", "INSERT has more expressions than target columns", location_of(exprs[len(columns)]))
    if "cols" in node and len(exprs) < len(columns):
        hint = None
        first = exprs[0] if len(exprs) == 1 else None
        if isinstance(first, RowExpr) and len(first.fields) == len(columns):
            hint = (
                "The insertion source is a row expression containing the same number of columns expected by the"
                " INSERT. Did you accidentally use extra parentheses?"
            )
        raise error(
            "42601",
            "INSERT has more target columns than expressions",
            columns[len(exprs)][1].get("location", 0),
            hint=hint,
        )
    return columns[: len(exprs)]


def _row(
    state: State, target: Target, columns: Sequence[tuple[Column, Node]], exprs: Sequence[Expr], node: Node
) -> list[Output]:
    """transformInsertRow: the values of one row, or of the columns of a query."""
    wanted = _check_counts(state, columns, exprs, node)
    state.query.named = frozenset(column.number for column, _ in wanted)
    before = state.kind
    state.kind = Kind.INSERT_TARGET
    outputs: list[Output] = []
    for (column, given), expr in zip(wanted, exprs, strict=True):
        previous = next((output for output in outputs if output.column == column.number), None)
        value = assigned(state, target, column, expr, given, old=None if previous is None else previous.expr)
        if previous is not None:
            previous.expr = value
        else:
            outputs.append(Output(expr=value, name=column.name, column=column.number))
    state.kind = before
    return outputs


def _from_query(
    state: State, target: Target, columns: Sequence[tuple[Column, Node]], source: Query, node: Node
) -> list[Output]:
    shown = [output for output in source.outputs if not output.junk]
    entry = state.add(
        Entry(
            alias="*SELECT*",
            names=[output.name for output in shown],
            types=[(output.expr.type, output.expr.typmod, output.expr.collation) for output in shown],
            source=source,
        )
    )
    exprs: list[Expr] = []
    for number, output in enumerate(shown, 1):
        expr = output.expr
        if expr.type == UNKNOWN and isinstance(expr, Const | Param):
            # a bare literal takes the type of its column
            exprs.append(expr)
        else:
            exprs.append(
                Var(
                    type=expr.type,
                    typmod=expr.typmod,
                    collation=expr.collation,
                    entry=entry,
                    column=number,
                    location=location_of(expr),
                )
            )
    outputs = _row(state, target, columns, exprs, node)
    resolve_unknowns(state, source.outputs)
    entry.types = [(output.expr.type, output.expr.typmod, output.expr.collation) for output in shown]
    state.query.source, state.query.source_entry = source, entry
    return outputs


def _from_rows(
    state: State, target: Target, columns: Sequence[tuple[Column, Node]], tree: Node, node: Node
) -> list[Output]:
    """VALUES of several rows: each value is brought to the type of its column first."""
    if any("indirection" in given for _, given in columns):
        return _from_rows_with_parts(state, target, columns, tree, node)
    rows = values_rows(state, tree, Kind.VALUES, allow_default=True)
    wanted = _check_counts(state, columns, rows[0], node)
    state.query.named = frozenset(column.number for column, _ in wanted)
    cast_rows: list[list[Expr]] = []
    for row in rows:
        cast_row = [
            assigned(state, target, column, expr, given) for (column, given), expr in zip(wanted, row, strict=True)
        ]
        assign_all(state, cast_row)
        cast_rows.append(cast_row)
    overriding = state.query.overriding
    outputs: list[Output] = []
    kept: list[int] = []
    for place, (column, _) in enumerate(wanted):
        values = [row[place] for row in cast_rows]
        if all(isinstance(value, Default) for value in values):
            outputs.append(Output(expr=values[0], name=column.name, column=column.number))
            continue
        for value in values:
            check_allowed(column, value, overriding, update=False)
        for row in cast_rows:
            if isinstance(row[place], Default):
                default = column_default(state, target.relation, column)
                row[place] = null_of(column) if default is None else default
        kept.append(place)
    _values_source(
        state, [wanted[place] for place in kept], [[row[place] for place in kept] for row in cast_rows], outputs
    )
    return outputs


def _values_source(
    state: State, wanted: Sequence[tuple[Column, Node]], rows: list[list[Expr]], outputs: list[Output]
) -> None:
    """The rows as the source of the INSERT, and its columns as outputs."""
    names = [f"column{number}" for number in range(1, len(wanted) + 1)]
    types = [(column.type, column.typmod, column.collation) for column, _ in wanted]
    inner = state.add(Entry(alias="*VALUES*", names=names, types=types, source=ValuesSource(rows=rows)))
    source = Query(command="select", outputs=[], from_=[inner])
    source.outputs = [
        Output(
            expr=Var(type=kind, typmod=typmod, collation=collation, entry=inner, column=number),
            name=name,
        )
        for number, (name, (kind, typmod, collation)) in enumerate(zip(names, types, strict=True), 1)
    ]
    entry = state.add(Entry(alias="*VALUES*", names=names, types=types, source=source))
    for number, (column, _) in enumerate(wanted, 1):
        variable = Var(type=column.type, typmod=column.typmod, collation=column.collation, entry=entry, column=number)
        outputs.append(Output(expr=variable, name=column.name, column=column.number))
    state.query.source, state.query.source_entry = source, entry


def _from_rows_with_parts(
    state: State, target: Target, columns: Sequence[tuple[Column, Node]], tree: Node, node: Node
) -> list[Output]:
    """Rows whose values are put in parts of columns: the rows come whole, the parts are put together behind them."""
    rows, types = common_rows(state, values_rows(state, tree, Kind.VALUES))
    names = [f"column{number}" for number in range(1, len(types) + 1)]
    inner = state.add(Entry(alias="*VALUES*", names=names, types=types, source=ValuesSource(rows=rows)))
    source = Query(command="select", outputs=[], from_=[inner])
    source.outputs = [
        Output(expr=Var(type=kind, typmod=typmod, collation=collation, entry=inner, column=number), name=name)
        for number, (name, (kind, typmod, collation)) in enumerate(zip(names, types, strict=True), 1)
    ]
    return _from_query(state, target, columns, source, node)


# UPDATE and DELETE


def _update(state: State, node: Node) -> Query:
    query = state.query
    query.command = "update"
    with_clause(state, node)
    target = open_target(state, node["relation"], "update")
    _from(state, target, node.get("fromClause", []))
    _condition(state, target, node)
    query.returning = returning_clause(state, target, node)
    query.outputs = update_targets(state, target, node["targetList"])
    finish(state)
    return query


def _delete(state: State, node: Node) -> Query:
    query = state.query
    query.command = "delete"
    with_clause(state, node)
    target = open_target(state, node["relation"], "delete")
    _from(state, target, node.get("usingClause", []))
    _condition(state, target, node)
    query.returning = returning_clause(state, target, node)
    finish(state)
    return query


def _from(state: State, target: Target, nodes: list[Node]) -> None:
    """The other tables; they cannot refer to the target, even with LATERAL."""
    item = target.item
    state.namespace = [item]
    item.lateral_only, item.lateral_ok = True, False
    from_clause(state, nodes)
    item.lateral_only, item.lateral_ok = False, True


def _condition(state: State, target: Target, node: Node) -> None:
    query = state.query
    condition = node.get("whereClause")
    if condition is not None and "CurrentOfExpr" in condition:
        made = expression(state, condition)
        assert isinstance(made, CurrentOf)
        query.current_of = made
        query.where = target.where
        return
    where = where_clause(state, condition, Kind.WHERE, "WHERE")
    if target.where is not None:
        where = target.where if where is None else both(target.where, where)
    if where is not None:
        assign(state, where)
    query.where = where
