"""GROUP BY, HAVING and grouping sets: PostgreSQL 15 documentation §7.2.3, §7.2.4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..nodes import Aggregate, Entry, Expr, FuncCall, GroupingCall, GroupingSet, Join, Query, SubLink, Var
from .keys import equality_key
from .match import children, entries_of, expressions_of, shape, walk
from .state import Lowering

__all__ = ["collect_calls", "group_clause", "grouping_stage", "needs_stage"]


def needs_stage(query: Query) -> bool:
    """Whether the groups must be made in a query of their own."""
    sets = query.grouping_sets
    if sets is None and query.has_aggregates and _lends_aggregates(query):
        return True
    if sets is None:
        # SQLite has HAVING only where the select list has an aggregate, or behind GROUP BY
        return query.having is not None and not query.group
    everything = list(range(len(query.group)))
    return len(sets) != 1 or sorted(set(sets[0].keys)) != everything or not query.group


def _lends_aggregates(query: Query) -> bool:
    """Whether a subquery has an aggregate of this query's rows, which SQLite takes in few places only."""
    return any(
        isinstance(each, Aggregate) and each.query is query
        for expr in _outer_expressions(query)
        for link in walk(expr)
        if isinstance(link, SubLink)
        for each in _within(link)
    )


def _within(link: SubLink) -> Iterator[Expr]:
    """All expressions of a subquery and of those within it."""
    pending = [link.query]
    while pending:
        query = pending.pop()
        pending += [cte.query for cte in query.ctes]
        if query.set_operation is not None:
            pending += [query.set_operation.left, query.set_operation.right]
        for item in query.from_:
            pending += [entry.source for entry in entries_of(item) if isinstance(entry.source, Query)]
        for expr in expressions_of(query):
            for node in walk(expr):
                yield node
                if isinstance(node, SubLink):
                    pending.append(node.query)


def group_clause(lowering: Lowering, query: Query) -> str:
    """GROUP BY and HAVING of a query without grouping sets."""
    sql = ""
    if query.group:
        keys = [equality_key(lowering, each) for each in query.group if lowering.constant(each) is None]
        # a number would be the place of a column; with constants only there is one group, or none without rows
        sql = " GROUP BY " + (",".join(keys) or "''")
    if query.having is not None:
        sql += f" HAVING {lowering.expr(query.having)}"
    return sql


def grouping_stage(lowering: Lowering, query: Query, source: str) -> str:
    """Grouping sets: one query for each, side by side, as the table that the rest of the query reads.

    What the rest needs is calculated there, and found by its shape from then on.
    """
    grouped = {shape(each): index for index, each in enumerate(query.group)}
    needed: dict[object, Expr] = {}
    own = {entry for item in query.from_ for entry in entries_of(item)}
    for expr in _outer_expressions(query):
        _collect(query, expr, own, grouped, needed)
    everything = [GroupingSet(keys=list(range(len(query.group))))]
    sets = [set(each.keys) for each in query.grouping_sets or everything]
    if query.group_distinct:
        sets = [each for index, each in enumerate(sets) if each not in sets[:index]]
    arms = [_arm(lowering, query, source, keys, grouped, needed) for keys in sets]
    alias = lowering.alias()
    mapping = {key: f"{alias}.g{number}" for number, key in enumerate(needed, 1)}
    lowering.given.append(mapping)
    result = f" FROM ({' UNION ALL '.join(arms)}) AS {alias}"
    if query.having is not None:
        result += f" WHERE {lowering.expr(query.having)}"
    return result


def _outer_expressions(query: Query) -> list[Expr]:
    found = [output.expr for output in query.outputs] + [key.expr for key in query.sort]
    if query.having is not None:
        found.append(query.having)
    if isinstance(query.distinct, list):
        found += query.distinct
    return found


def _collect(query: Query, expr: Expr, own: set[Entry], grouped: dict[object, int], needed: dict[object, Expr]) -> None:
    """Keys, aggregates, GROUPING() and columns of an expression, those that subqueries refer to among them."""
    key = shape(expr)
    if key in grouped or isinstance(expr, GroupingCall):
        needed.setdefault(key, expr)
    elif isinstance(expr, Aggregate):
        if expr.query is None or expr.query is query:
            needed.setdefault(key, expr)
    elif isinstance(expr, Var):
        if isinstance(expr.entry.source, Join):
            columns = expr.entry.source.columns
            for column in columns if expr.column == 0 else [columns[expr.column - 1]]:
                _collect(query, column, own, grouped, needed)
        elif expr.entry in own:
            needed.setdefault(key, expr)
    else:
        for child in children(expr):
            _collect(query, child, own, grouped, needed)
        if isinstance(expr, SubLink):
            for node in _within(expr):
                if shape(node) in grouped or isinstance(node, Var | Aggregate | GroupingCall):
                    if isinstance(node, Aggregate) and node.query is not query:
                        continue
                    _collect(query, node, own, grouped, needed)


def _arm(
    lowering: Lowering,
    query: Query,
    source: str,
    keys: set[int],
    grouped: dict[object, int],
    needed: dict[object, Expr],
) -> str:
    """The groups of one set: keys that are not in it are NULL."""
    hidden = {key: "NULL" for key, index in grouped.items() if index not in keys}
    columns: list[str] = []
    for number, (key, expr) in enumerate(needed.items(), 1):
        if isinstance(expr, GroupingCall):
            sql = str(_grouping_bits(expr, keys, grouped))
        elif key in hidden:
            sql = "NULL"
        elif isinstance(expr, Aggregate) or key in grouped:
            sql = lowering.expr(expr)  # what is aggregated is not hidden
        elif isinstance(expr, Var) and not keys:
            sql = "NULL"
        else:
            sql = lowering.expr(expr)
        columns.append(f"{sql} AS g{number}")
    wanted = [
        equality_key(lowering, query.group[index])
        for index in sorted(keys)
        if lowering.constant(query.group[index]) is None
    ]
    group = " GROUP BY " + (",".join(wanted) or "''") if keys else ""
    # an aggregate at least: without keys there is one group even if there are no rows
    return f"SELECT {','.join([*columns, 'count(*)'])}{source}{group}"


def _grouping_bits(expr: GroupingCall, keys: set[int], grouped: dict[object, int]) -> int:
    """GROUPING(): a bit for each argument, 1 when it is not part of the set."""
    bits = 0
    for each in expr.args:
        bits = bits << 1 | (0 if grouped.get(shape(each)) in keys else 1)
    return bits


def collect_calls(exprs: Sequence[Expr]) -> list[list[FuncCall]]:
    """Functions that return sets, by levels: those whose arguments need others come behind them."""
    levels: dict[object, int] = {}
    calls: dict[object, FuncCall] = {}

    def level(expr: Expr) -> int:
        below = max((level(child) for child in children(expr)), default=0)
        if isinstance(expr, FuncCall) and expr.proc.returns_set:
            key = shape(expr)
            calls.setdefault(key, expr)
            levels[key] = below
            return below + 1
        return below

    for expr in exprs:
        level(expr)
    result: list[list[FuncCall]] = [[] for _ in range(max(levels.values(), default=-1) + 1)]
    for key, call in calls.items():
        result[levels[key]].append(call)
    return result
