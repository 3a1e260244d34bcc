"""ON CONFLICT. PostgreSQL: transformOnConflictArbiter, infer_arbiter_indexes (plancat.c)."""

from __future__ import annotations

from dataclasses import dataclass

from ...catalog import Index
from ..grammar import Node
from ..nodes import BoolExpr, Entry, Expr, OnConflict, Var
from ..walk import equal, walk
from .assignments import update_targets
from .collations import assign
from .expressions import transform, where_clause
from .kinds import Kind
from .standalone import expression_of_text
from .state import Item, State, error
from .target import Target
from .typenames import resolve_collation

__all__ = ["analyse_conflict"]


def analyse_conflict(state: State, target: Target, node: Node) -> OnConflict:
    """ON CONFLICT.

    Raises:
        SqlError: 42P10 no unique index is meant; 42601 DO UPDATE without saying which.
    """
    update = node.get("action") == "ONCONFLICT_UPDATE"
    infer = node.get("infer")
    relation = target.relation
    if update and infer is None:
        raise error(
            "42601",
            "ON CONFLICT DO UPDATE requires inference specification or constraint name",
            node.get("location", 0),
            hint="For example, ON CONFLICT (column_name).",
        )
    if relation.schema == "pg_catalog":
        raise error("0A000", "ON CONFLICT is not supported with system catalog tables", node.get("location", 0))
    item = _excluded(state, target) if update else None
    conflict = OnConflict(action="update" if update else "nothing", indexes=[])
    wanted: _Inference | None = None
    if infer is not None:
        if "conname" in infer:
            conflict.indexes = [_constraint_index(target, infer["conname"])]
            keys = [each.keys for each in relation.constraints if each.name == infer["conname"]]
            conflict.inferred = frozenset(number for each in keys for number in each)
        else:
            wanted = _inference(state, target, infer)
            read = [each for expr in (*wanted.exprs, *wanted.predicate) for each in walk(expr)]
            conflict.inferred = frozenset(wanted.columns) | {each.column for each in read if isinstance(each, Var)}
    if item is not None:
        state.target_excluded = item
        state.namespace = [target.item, item]
        conflict.excluded = state.excluded_entry
        conflict.outputs = update_targets(state, target, node["targetList"])
        conflict.where = where_clause(state, node.get("whereClause"), Kind.WHERE, "WHERE")
        if conflict.where is not None:
            assign(state, conflict.where)
    if wanted is not None:
        # PostgreSQL looks for the indexes when it plans the statement
        conflict.indexes = _arbiters(state, target, wanted)
    return conflict


def _excluded(state: State, target: Target) -> Item:
    """EXCLUDED: the row that was to be inserted."""
    relation = target.relation
    excluded = state.add(
        Entry(
            alias="excluded",
            names=["" if column.dropped else column.name for column in relation.columns],
            types=[(column.type, column.typmod, column.collation) for column in relation.columns],
            source=relation,
        )
    )
    state.excluded_entry = excluded
    item = Item(excluded)
    if target.view is not None and target.item.columns is not None:
        item = _excluded_view(state, target, excluded)
    state.relations.append(item)
    return item


def _excluded_view(state: State, target: Target, excluded: Entry) -> Item:
    """EXCLUDED with the names of the view."""
    columns = target.columns_over(state, excluded)
    shown = Entry(
        alias="excluded", names=target.item.entry.names, types=target.item.entry.types, source=target.relation
    )
    state.shared.depths[shown] = state.depth
    return Item(shown, columns=columns)


def _constraint_index(target: Target, name: str) -> int:
    relation = target.relation
    for constraint in relation.constraints:
        if constraint.name == name:
            if constraint.kind not in "pux" or not constraint.index:
                raise error("42809", "constraint in ON CONFLICT clause has no associated index")
            if constraint.deferrable:
                raise error(
                    "55000",
                    "ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters",
                )
            return constraint.index
    raise error("42704", f'constraint "{name}" for table "{relation.name}" does not exist')


@dataclass(slots=True)
class _Inference:
    """What ON CONFLICT says of an index."""

    columns: set[int]
    exprs: list[Expr]
    predicate: list[Expr]


def _inference(state: State, target: Target, infer: Node) -> _Inference:
    """The columns, expressions and conditions that are given."""
    state.namespace = [target.item]
    columns: set[int] = set()
    exprs: list[Expr] = []
    for each in infer["indexElems"]:
        element = each["IndexElem"]
        if element.get("ordering", "SORTBY_DEFAULT") != "SORTBY_DEFAULT":
            raise error("42P10", "ASC/DESC is not allowed in ON CONFLICT clause", infer.get("location", 0))
        if element.get("nulls_ordering", "SORTBY_NULLS_DEFAULT") != "SORTBY_NULLS_DEFAULT":
            raise error("42P10", "NULLS FIRST/LAST is not allowed in ON CONFLICT clause", infer.get("location", 0))
        if "collation" in element:
            resolve_collation(state.catalog, element["collation"], infer.get("location", 0))
        if "name" in element:
            node: Node = {
                "ColumnRef": {"fields": [{"String": {"sval": element["name"]}}], "location": infer.get("location", 0)}
            }
        else:
            node = element["expr"]
        expr = transform(state, node, Kind.INDEX_EXPRESSION)
        assign(state, expr)
        if isinstance(expr, Var) and expr.column > 0:
            columns.add(expr.column)
        else:
            exprs.append(expr)
    predicate: list[Expr] = []
    if "whereClause" in infer:
        condition = where_clause(state, infer["whereClause"], Kind.INDEX_PREDICATE, "WHERE")
        assert condition is not None
        assign(state, condition)
        predicate = conjuncts(condition)
    return _Inference(columns, exprs, predicate)


def _arbiters(state: State, target: Target, wanted: _Inference) -> list[int]:
    """The unique indexes over exactly these columns and expressions.

    Raises:
        SqlError: 42P10 there is none, 55000 it is deferrable.
    """
    found = [index.oid for index in target.relation.indexes if _fits(state, target, index, wanted)]
    if not found:
        raise error("42P10", "there is no unique or exclusion constraint matching the ON CONFLICT specification")
    deferrable = {constraint.index for constraint in target.relation.constraints if constraint.deferrable}
    if deferrable.intersection(found):
        raise error(
            "55000",
            "ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters",
        )
    return found


def _fits(state: State, target: Target, index: Index, inference: _Inference) -> bool:
    columns, exprs, predicate = inference.columns, inference.exprs, inference.predicate
    if not index.unique or {key for key in index.keys if key} != columns:
        return False
    keys = [expression_of_text(state.shared, text, target.entry, Kind.INDEX_EXPRESSION) for text in index.expressions]
    if not all(any(equal(key, expr) for expr in exprs) for key in keys):
        return False
    if not all(any(equal(key, expr) for key in keys) for expr in exprs):
        return False
    if index.predicate is None:
        return True
    wanted = conjuncts(expression_of_text(state.shared, index.predicate, target.entry, Kind.INDEX_PREDICATE))
    return all(any(equal(each, given) for given in predicate) for each in wanted)


def conjuncts(expr: Expr) -> list[Expr]:
    """The conditions that AND combines."""
    if isinstance(expr, BoolExpr) and expr.kind == "and":
        return [each for arg in expr.args for each in conjuncts(arg)]
    return [expr]
