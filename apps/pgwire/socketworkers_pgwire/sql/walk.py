"""What an analysed expression or query consists of, and when two expressions are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from ..catalog import OperatorRow, Proc, Relation
from .nodes import (
    Aggregate,
    ArrayCoerce,
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    Case,
    Coalesce,
    CoerceViaIO,
    CollateExpr,
    Const,
    CurrentOf,
    Default,
    Distinct,
    Entry,
    Expr,
    FieldSelect,
    FromItem,
    FuncCall,
    FunctionSource,
    GroupingCall,
    Join,
    MinMax,
    NamedWindow,
    NullIf,
    NullTest,
    OpExpr,
    Output,
    Param,
    Query,
    Relabel,
    RowCompare,
    RowExpr,
    ScalarArrayOp,
    SortKey,
    SqlValue,
    SubLink,
    Subscript,
    ValuesSource,
    Var,
    WindowCall,
    WithQuery,
)

__all__ = ["children", "entries", "equal", "find", "query_expressions", "subqueries", "walk"]


def _none(expr: Any) -> Sequence[Expr]:
    return ()


def _args(expr: Any) -> Sequence[Expr]:
    args: list[Expr] = expr.args
    return args


def _arg(expr: Any) -> Sequence[Expr]:
    return (expr.arg,)


def _present(*exprs: Expr | None) -> list[Expr]:
    return [expr for expr in exprs if expr is not None]


def _case(expr: Case) -> Sequence[Expr]:
    parts = _present(expr.test)
    for condition, result in expr.whens:
        parts += (condition, result)
    return parts + _present(expr.default)


def _aggregate(expr: Aggregate) -> Sequence[Expr]:
    return [*expr.direct, *expr.args, *(key.expr for key in expr.order), *_present(expr.filter)]


_CHILDREN: dict[type[Expr], Callable[[Any], Sequence[Expr]]] = {
    Const: _none,
    Param: _none,
    Var: _none,
    FuncCall: _args,
    OpExpr: _args,
    Distinct: _args,
    NullIf: _args,
    ScalarArrayOp: lambda expr: (expr.left, expr.array),
    BoolExpr: _args,
    NullTest: _arg,
    BooleanTest: _arg,
    Relabel: _arg,
    CoerceViaIO: _arg,
    ArrayCoerce: _arg,
    CollateExpr: _arg,
    Case: _case,
    Coalesce: _args,
    MinMax: _args,
    ArrayExpr: lambda expr: expr.items,
    RowExpr: lambda expr: expr.fields,
    RowCompare: lambda expr: [*expr.left, *expr.right],
    FieldSelect: _arg,
    Subscript: lambda expr: [expr.arg, *_present(*expr.upper, *expr.lower, expr.assign)],
    SubLink: lambda expr: expr.tests or expr.left,
    Aggregate: _aggregate,
    GroupingCall: _args,
    WindowCall: lambda expr: [*expr.args, *_present(expr.filter)],
    SqlValue: _none,
    Default: _none,
    CurrentOf: _none,
}


def children(expr: Expr) -> Sequence[Expr]:
    """The expressions within an expression; those of a subquery are not among them."""
    return _CHILDREN[type(expr)](expr)


def walk(expr: Expr, *, into_queries: bool = False) -> Iterator[Expr]:
    """An expression and all that is in it, in the order of evaluation from the outside in.

    Args:
        expr: the expression.
        into_queries: also what is in subqueries.
    """
    pending = [expr]
    while pending:
        each = pending.pop()
        yield each
        pending.extend(reversed(children(each)))
        if into_queries and isinstance(each, SubLink):
            for query in subqueries(each.query):
                pending.extend(query_expressions(query))


def find(expr: Expr, test: Callable[[Expr], bool]) -> Expr | None:
    """The first expression within one, itself among them, that passes a test."""
    return next((each for each in walk(expr) if test(each)), None)


def _outputs(outputs: Sequence[Output] | None) -> list[Expr]:
    return [output.expr for output in outputs or ()]


def _keys(keys: Sequence[SortKey]) -> list[Expr]:
    return [key.expr for key in keys]


def query_expressions(query: Query) -> list[Expr]:
    """The expressions of a query itself: its subqueries in FROM, WITH and set operations are not looked into."""
    found = _outputs(query.outputs)
    found += _outputs(query.returning)
    for item in query.from_:
        found += _from_expressions(item)
    found += _present(query.where, query.having, query.limit, query.offset)
    found += query.group
    for window in query.windows:
        found += window.partition
        found += _keys(window.order)
        if window.frame is not None:
            found += _present(window.frame.start_offset, window.frame.end_offset)
    if isinstance(query.distinct, list):
        found += query.distinct
    found += _keys(query.sort)
    if query.conflict is not None:
        found += _outputs(query.conflict.outputs)
        found += _present(query.conflict.where)
    for action in query.actions:
        found += _present(action.condition)
        found += _outputs(action.outputs)
    return found


def _from_expressions(item: FromItem) -> list[Expr]:
    if isinstance(item, Join):
        found = _from_expressions(item.left) + _from_expressions(item.right) + _present(item.condition)
        return found + [merged for _, _, merged in item.using]
    source = item.source
    if isinstance(source, FunctionSource):
        return list(source.calls)
    if isinstance(source, ValuesSource):
        return [expr for row in source.rows for expr in row]
    return []


def _from_queries(item: FromItem) -> list[Query]:
    if isinstance(item, Join):
        return _from_queries(item.left) + _from_queries(item.right)
    return [item.source] if isinstance(item.source, Query) else []


def subqueries(query: Query) -> Iterator[Query]:
    """A query, and all queries in its FROM, WITH and set operations; those in expressions are not among them."""
    yield query
    nested: list[Query] = [cte.query for cte in query.ctes]
    for item in query.from_:
        nested += _from_queries(item)
    if query.set_operation is not None:
        nested += (query.set_operation.left, query.set_operation.right)
    if query.source is not None:
        nested.append(query.source)
    for each in nested:
        yield from subqueries(each)


#: what must be equal, beside type and collation and the expressions within
_SAME: dict[type[Expr], Callable[[Any], Any]] = {
    Const: lambda expr: (type(expr.value), expr.value, expr.typmod),
    Param: lambda expr: expr.number,
    Var: lambda expr: (id(expr.entry), expr.column),
    FuncCall: lambda expr: (expr.proc.oid, expr.variadic),
    OpExpr: lambda expr: expr.operator.oid,
    Distinct: lambda expr: (expr.operator.oid, expr.negated),
    NullIf: lambda expr: expr.operator.oid,
    ScalarArrayOp: lambda expr: (expr.operator.oid, expr.any),
    BoolExpr: lambda expr: (expr.kind, len(expr.args)),
    NullTest: lambda expr: expr.negated,
    BooleanTest: lambda expr: (expr.test, expr.negated),
    Relabel: lambda expr: expr.typmod,
    CoerceViaIO: lambda expr: None,
    ArrayCoerce: lambda expr: expr.typmod,
    CollateExpr: lambda expr: expr.collation,
    Case: lambda expr: (expr.test is None, len(expr.whens), expr.default is None),
    Coalesce: lambda expr: None,
    MinMax: lambda expr: expr.greatest,
    ArrayExpr: lambda expr: expr.multidimensional,
    RowExpr: lambda expr: None,
    RowCompare: lambda expr: (expr.kind, [operator.oid for operator in expr.operators]),
    FieldSelect: lambda expr: expr.number,
    Subscript: lambda expr: (
        expr.slice,
        [each is None for each in expr.upper],
        [each is None for each in expr.lower],
        expr.assign is None,
    ),
    SubLink: lambda expr: (expr.kind, len(expr.tests)),
    Aggregate: lambda expr: (
        expr.proc.oid,
        expr.star,
        expr.distinct,
        len(expr.direct),
        len(expr.args),
        [(key.descending, key.nulls_first, key.operator.oid) for key in expr.order],
        id(expr.query),
    ),
    GroupingCall: lambda expr: None,
    WindowCall: lambda expr: (expr.proc.oid, id(expr.window), expr.star),
    SqlValue: lambda expr: (expr.name, expr.typmod),
    Default: lambda expr: None,
    CurrentOf: lambda expr: expr.cursor,
}


def equal(first: Expr, second: Expr) -> bool:
    """Whether two expressions are the same wherever they stand: PostgreSQL's equal()."""
    if first is second:
        return True
    kind = type(first)
    if kind is not type(second) or first.type != second.type:
        return False
    same = _SAME[kind]
    if same(first) != same(second):
        return False
    if isinstance(first, SubLink) and isinstance(second, SubLink) and not _alike(first.query, second.query, {}):
        return False
    inner, other = children(first), children(second)
    return len(inner) == len(other) and all(map(equal, inner, other))


def _alike(first: Any, second: Any, pairs: dict[int, Any]) -> bool:
    """Whether two parts of queries are the same, entries and queries of one standing for those of the other."""
    if first is second:
        return True
    if type(first) is not type(second):
        return False
    if isinstance(first, Relation | Proc | OperatorRow):
        return bool(first.oid == second.oid)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(
            _alike(one, other, pairs) for one, other in zip(first, second, strict=True)
        )
    if not is_dataclass(first):
        return bool(first == second)
    if isinstance(first, Entry | Query | WithQuery | NamedWindow):
        known = pairs.get(id(first))
        if known is not None:
            return known is second
        pairs[id(first)] = second
    return all(
        _alike(getattr(first, each.name), getattr(second, each.name), pairs)
        for each in fields(first)
        if each.name not in ("location", "references")
    )


def entries(items: Sequence[FromItem]) -> Iterator[Entry]:
    """The entries of FROM, joins taken apart."""
    for item in items:
        if isinstance(item, Join):
            yield from entries((item.left, item.right))
        else:
            yield item
