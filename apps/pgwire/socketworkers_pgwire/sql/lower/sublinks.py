"""Subqueries in expressions: PostgreSQL 15 documentation §9.23, §4.2.11."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...types import AnyType, Array, ArrayType
from ..execute.connection import ExecutionCell
from ..nodes import Const, Expr, OpExpr, Param, Query, SubLink
from .comparisons import COMPARISONS
from .literals import raise_error
from .python import function_of, kind_key
from .select import result_outputs
from .shapes import as_kind, same_form
from .state import Lowering, lowers, unsupported

__all__ = ["is_single", "single_row"]

_TOO_MANY = raise_error("21000", "more than one row returned by a subquery used as an expression")


@lowers(SubLink)
def _sublink(lowering: Lowering, expr: SubLink) -> str:
    known, lowering.inner = lowering.inner, dict(lowering.inner)
    try:
        return _KINDS[expr.kind](lowering, expr)
    finally:
        lowering.inner = known


def _exists(lowering: Lowering, expr: SubLink) -> str:
    return f"EXISTS({lowering.query(expr.query)})"


def is_single(query: Query) -> bool:
    """Whether a query surely gives one row at most."""
    if query.set_operation is not None or query.has_set_functions or query.grouping_sets is not None:
        return False
    if query.has_aggregates and not query.group:
        return True
    limit = query.limit

    if isinstance(limit, Const) and limit.value in (0, 1) and not query.with_ties:
        return True
    return not query.from_


def single_row(lowering: Lowering, query: Query, sql: str, column: str = "c1") -> str:
    """The one value of a subquery; 21000 when it has more rows than one."""
    if is_single(query):
        alone = column == "c1" and len(result_outputs(query)) == 1
        return f"({sql})" if alone else f"(SELECT {column} FROM ({sql}))"
    return f"(SELECT CASE WHEN count(*)>1 THEN {_TOO_MANY} ELSE max({column}) END FROM (SELECT * FROM ({sql}) LIMIT 2))"


def _scalar(lowering: Lowering, expr: SubLink) -> str:
    target = (expr.type, expr.typmod)
    return single_row(lowering, expr.query, lowering.query(expr.query, [target]))


def _array(lowering: Lowering, expr: SubLink) -> str:
    kind = lowering.kind(expr)
    if not isinstance(kind, ArrayType):
        raise unsupported("an array of this type", expr.location)
    output = result_outputs(expr.query)[0].expr
    inner = lowering.kind(output)
    nested = isinstance(inner, ArrayType) and inner.oid == kind.oid
    target = kind if nested else kind.element
    sql = lowering.query(expr.query, [(output.type, target.typmod)])
    if expr.query.sort and expr.query.limit is None and expr.query.offset is None:
        sql += " LIMIT -1"  # keeps the order
    function = function_of("array", 1, "aggregate", (kind_key(kind), nested), _array_state(kind, nested))
    return f"(SELECT {lowering.use(function)}(c1) FROM ({sql}))"


def _array_state(kind: ArrayType, nested: bool) -> Callable[[ExecutionCell], type[Any]]:
    from .arrays import stacked

    class State:
        __slots__ = ("items",)

        def __init__(self) -> None:
            self.items: list[Any] = []

        def step(self, item: Any) -> None:
            self.items.append(item)

        def final(self) -> str:
            if nested:
                return stacked(kind, self.items)
            return kind.store(Array(self.items, (len(self.items),), (1,)) if self.items else Array([]))

    return lambda cell: State


# ANY, ALL, and rows


def _operations(expr: SubLink) -> list[str | None]:
    return [COMPARISONS.get(test.proc.signature) if isinstance(test, OpExpr) else None for test in expr.tests]


def _any(lowering: Lowering, expr: SubLink) -> str:
    if all(operation == "=" for operation in _operations(expr)):
        found = _membership(lowering, expr)
        if found is not None:
            return found
    return _tested(lowering, expr, any_=True)


def _membership(lowering: Lowering, expr: SubLink) -> str | None:
    """IN: the keys of the left side among those of the subquery, where each column is compared as it comes."""
    keys: list[str] = []
    columns: list[str] = []
    targets: list[AnyType] = []
    outputs = result_outputs(expr.query)
    pairs: list[tuple[Expr, Param]] = []
    for number, test in enumerate(expr.tests, 1):
        assert isinstance(test, OpExpr)
        left, right = test.args
        if not (isinstance(right, Param) and right.number == -number):
            return None
        pairs.append((left, right))
    for (left, _), output in zip(pairs, outputs, strict=True):
        kind, other = lowering.kind(left), lowering.kind(output.expr)
        if kind.eqkey("x") != other.eqkey("x") and kind.oid != other.oid:
            return None
        if not same_form(kind, other):
            kind, other = kind.modified(-1), other.modified(-1)
        targets.append(other)
        keys.append(kind.eqkey(as_kind(lowering, left, kind)))
        columns.append(other.eqkey(f"c{len(keys)}"))
    sql = lowering.query(expr.query, [(kind.oid, kind.typmod) for kind in targets])
    left_side = keys[0] if len(keys) == 1 else f"({','.join(keys)})"
    names = [f"c{number}" for number in range(1, len(keys) + 1)]
    if columns != names:
        sql = f"SELECT {','.join(columns)} FROM ({sql})"
    return f"({left_side} IN ({sql}))"


def _all(lowering: Lowering, expr: SubLink) -> str:
    return _tested(lowering, expr, any_=False)


def _tested(lowering: Lowering, expr: SubLink, *, any_: bool) -> str:
    """The comparison with each row: of ANY the greatest answer, of ALL the least, NULL where it is open."""
    alias = lowering.alias()
    sql = lowering.query(expr.query, _column_targets(lowering, expr))
    test = _test(lowering, expr, alias)
    decided = "max(t)=1 THEN 1" if any_ else "min(t)=0 THEN 0"
    rest = 0 if any_ else 1
    return (
        f"(SELECT CASE WHEN {decided} WHEN count(*)>count(t) THEN NULL ELSE {rest} END "
        f"FROM (SELECT {test} AS t FROM ({sql}) AS {alias}))"
    )


def _column_targets(lowering: Lowering, expr: SubLink) -> list[tuple[int, int]]:
    """The forms of the columns: what the `Param`s that stand for them say."""
    from .match import walk

    targets = [(output.expr.type, output.expr.typmod) for output in result_outputs(expr.query)]
    for test in expr.tests:
        for node in walk(test):
            if isinstance(node, Param) and node.number < 0 and node.type == targets[-node.number - 1][0]:
                targets[-node.number - 1] = (node.type, node.typmod)
    return targets


def _test(lowering: Lowering, expr: SubLink, alias: str) -> str:
    for number in range(1, len(result_outputs(expr.query)) + 1):
        lowering.inner[-number] = f"{alias}.c{number}"
    with lowering.perhaps():
        parts = [lowering.expr(test) for test in expr.tests]
    return parts[0] if len(parts) == 1 else f"({' AND '.join(parts)})"


def _row_compare(lowering: Lowering, expr: SubLink) -> str:
    alias = lowering.alias()
    sql = lowering.query(expr.query, _column_targets(lowering, expr))
    test = _test(lowering, expr, alias)
    return single_row(lowering, expr.query, f"SELECT {test} AS c1 FROM ({sql}) AS {alias}")


def _multiset(lowering: Lowering, expr: SubLink) -> str:
    raise unsupported("a subquery of several columns here", expr.location)


_KINDS: dict[str, Callable[[Lowering, SubLink], str]] = {
    "exists": _exists,
    "scalar": _scalar,
    "array": _array,
    "any": _any,
    "all": _all,
    "rowcompare": _row_compare,
    "multiset": _multiset,
}
