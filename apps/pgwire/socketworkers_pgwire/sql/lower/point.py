"""Which statements are known to be point work: those that look at one row, by a unique key."""

from __future__ import annotations

from ...catalog import Relation
from ..nodes import BoolExpr, Const, Entry, Expr, Join, OpExpr, Param, Query, Var
from .comparisons import COMPARISONS
from .match import walk
from .state import Lowering

__all__ = ["adds_by_key", "is_point"]


def is_point(lowering: Lowering, query: Query) -> bool:
    """Whether a statement surely takes a few microseconds only."""
    if query.ctes or query.has_sublinks or query.has_set_functions or query.set_operation is not None:
        return False
    if lowering.blocking:
        return False
    if query.command == "insert":
        return query.source is None and query.conflict is None
    if query.command in ("update", "delete"):
        assert query.target is not None
        return not query.from_ and _by_unique_key(lowering, query.target, query.where)
    if query.command != "select" or len(query.from_) > 1:
        return False
    if not query.from_:
        return True
    (item,) = query.from_
    return not isinstance(item, Join) and _by_unique_key(lowering, item, query.where)


def _by_unique_key(lowering: Lowering, entry: Entry, condition: Expr | None) -> bool:
    relation = entry.source
    if not isinstance(relation, Relation) or condition is None or relation.storage.startswith("("):
        return False
    columns = {column for each in _conjuncts(condition) if (column := _fixed_column(lowering, entry, each))}
    if relation.rowid_column in columns:
        return True
    return any(
        index.unique and index.predicate is None and all(key and key in columns for key in index.keys)
        for index in relation.indexes
    )


def adds_by_key(query: Query) -> bool:
    """Whether an UPDATE finds its row by nothing but its key, and adds to what it finds there: whatever others do to
    the row, it changes it, too."""
    entry = query.target
    if query.command != "update" or entry is None or not isinstance(entry.source, Relation) or query.from_:
        return False
    relation = entry.source
    keys = {number for index in relation.indexes if index.unique for number in index.keys}
    keys.add(relation.rowid_column)
    if query.where is None or query.has_sublinks or query.ctes:
        return False
    read = {each.column for each in walk(query.where) if isinstance(each, Var) and each.entry is entry}
    set_ = {output.column for output in query.outputs}
    return read <= keys and keys.isdisjoint(set_) and all(_adds(output.expr) for output in query.outputs)


def _adds(expr: Expr) -> bool:
    if isinstance(expr, OpExpr):
        return expr.operator.name in ("+", "-") and all(map(_adds, expr.args))
    return isinstance(expr, Var | Const | Param)


def _conjuncts(condition: Expr) -> list[Expr]:
    if isinstance(condition, BoolExpr) and condition.kind == "and":
        return [each for part in condition.args for each in _conjuncts(part)]
    return [condition]


def _fixed_column(lowering: Lowering, entry: Entry, condition: Expr) -> int:
    """The column that a condition says the one value of; 0 when it does not."""
    if not isinstance(condition, OpExpr) or COMPARISONS.get(condition.proc.signature) != "=":
        return 0
    for column, value in (condition.args, reversed(condition.args)):
        if isinstance(column, Var) and column.entry is entry and column.column > 0 and _is_given(lowering, value):
            return column.column
    return 0


def _is_given(lowering: Lowering, value: Expr) -> bool:
    if isinstance(value, Param):
        return value.number > 0
    return lowering.constant(value) is not None or not any(isinstance(each, Var) for each in walk(value))
