"""ORDER BY, GROUP BY, DISTINCT and LIMIT. PostgreSQL: parse_clause.c."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..grammar import Node
from ..nodes import (
    Aggregate,
    Const,
    Expr,
    FuncCall,
    GroupingCall,
    GroupingSet,
    Output,
    Relabel,
    SortKey,
    Var,
    WindowCall,
)
from ..walk import equal, walk
from .coerce import Context, coerce_to_specific, coerce_type
from .expressions import transform
from .kinds import Kind
from .names import column
from .oids import INT8, TEXT, UNKNOWN
from .operators import equality_operator, find_operator, ordering_operators
from .places import location_of, raw_location
from .state import State, error

__all__ = ["distinct_clause", "group_clause", "limit_clause", "sort_clause", "sort_key"]

_MOST_SETS = 4096


def find_target(state: State, node: Node, outputs: list[Output], kind: Kind) -> Output:
    """What ORDER BY and its like mean by a name, a number or an expression: findTargetlistEntrySQL92.

    Raises:
        SqlError: 42P10 there is no such position, 42702 a name is that of several outputs.
    """
    fields = node.get("ColumnRef", {}).get("fields", ())
    if len(fields) == 1 and "String" in fields[0]:
        name: str = fields[0]["String"]["sval"]
        location = node["ColumnRef"].get("location", 0)
        # in GROUP BY the columns of the tables come first, as SQL wants it
        if kind is not Kind.GROUP_BY or column(state, name, location, local=True) is None:
            found: Output | None = None
            for output in outputs:
                if not output.junk and output.name == name:
                    if found is not None and not equal(found.expr, output.expr):
                        raise error("42702", f'{kind.word} "{name}" is ambiguous', location)
                    found = found or output
            if found is not None:
                _check_grouped(found, kind)
                return found
    constant = node.get("A_Const")
    if constant is not None:
        location = constant.get("location", 0)
        if "ival" not in constant:
            raise error("42601", f"non-integer constant in {kind.word}", location)
        position = constant["ival"].get("ival", 0)
        shown = [output for output in outputs if not output.junk]
        if not 1 <= position <= len(shown):
            raise error("42P10", f"{kind.word} position {position} is not in select list", location)
        found = shown[position - 1]
        _check_grouped(found, kind)
        return found
    return find_target_expression(state, node, outputs, kind)


def _check_grouped(output: Output, kind: Kind) -> None:
    if kind is not Kind.GROUP_BY:
        return
    for each in walk(output.expr):
        if isinstance(each, Aggregate | GroupingCall):
            raise error("42803", "aggregate functions are not allowed in GROUP BY", each.location)
        if isinstance(each, WindowCall):
            raise error("42P20", "window functions are not allowed in GROUP BY", each.location)


def find_target_expression(state: State, node: Node, outputs: list[Output], kind: Kind) -> Output:
    """The output that an expression is, or a new one that is not shown."""
    expr = transform(state, node, kind)
    if any(isinstance(each, Const) for each in walk(expr)):
        notes = state.shared.notes
        for other in (expr, *(output.expr for output in outputs)):
            for each in walk(other):
                if isinstance(each, Const):
                    notes.pin(each)
    for output in outputs:
        if equal(expr, _strip(output.expr)):
            return output
    made = Output(expr=expr, name="", junk=True)
    outputs.append(made)
    return made


def _strip(expr: Expr) -> Expr:
    while isinstance(expr, Relabel | FuncCall) and expr.form == "implicit cast":
        expr = expr.arg if isinstance(expr, Relabel) else expr.args[0]
    return expr


def known(state: State, output: Output) -> Expr:
    """The expression of an output, whose type is settled: an untyped literal is text."""
    if output.expr.type == UNKNOWN:
        output.expr = coerce_type(state, output.expr, TEXT, -1, Context.IMPLICIT, "implicit cast", -1)
    return output.expr


def sort_clause(
    state: State,
    nodes: Sequence[Node],
    outputs: list[Output],
    kind: Kind = Kind.ORDER_BY,
    *,
    in_aggregate: bool = False,
) -> list[SortKey]:
    """ORDER BY.

    Args:
        state: the query.
        nodes: SortBy nodes.
        outputs: the target list, to which what is not in it is added.
        kind: where it stands; in windows only expressions are looked for.
        in_aggregate: whether it is the ORDER BY of an aggregate, whose arguments the outputs are.
    """
    keys: list[SortKey] = []
    for each in nodes:
        sort = each["SortBy"]
        node = sort["node"]
        if in_aggregate or kind is not Kind.ORDER_BY:
            output = find_target_expression(state, node, outputs, kind)
        else:
            output = find_target(state, node, outputs, kind)
        key = sort_key(state, known(state, output), sort)
        if not any(other.expr is key.expr for other in keys):
            keys.append(key)
    return keys


def sort_key(state: State, expr: Expr, sort: Node) -> SortKey:
    """A key of ORDER BY: addTargetToSortList.

    Raises:
        SqlError: 42883 the type has no order.
    """
    if expr.type == UNKNOWN:
        expr = coerce_type(state, expr, TEXT, -1, Context.IMPLICIT, "implicit cast", -1)
    catalog = state.catalog
    direction = sort.get("sortby_dir", "SORTBY_DEFAULT")
    location = sort.get("location", -1)
    if location < 0:
        location = location_of(expr)
    if direction == "SORTBY_USING":
        operator = find_operator(catalog, sort["useOp"], expr.type, expr.type, location)
        ordering = catalog.ordering_operators(operator.left)
        if ordering is None or operator.oid not in (ordering[0].oid, ordering[1].oid):
            raise error(
                "42809",
                f"operator {operator.name} is not a valid ordering operator",
                location,
                hint='Ordering operators must be "<" or ">" members of btree operator families.',
            )
        descending = operator.oid == ordering[1].oid
    else:
        descending = direction == "SORTBY_DESC"
        operator = ordering_operators(catalog, expr.type, location)[descending]
    nulls = sort.get("sortby_nulls", "SORTBY_NULLS_DEFAULT")
    nulls_first = descending if nulls == "SORTBY_NULLS_DEFAULT" else nulls == "SORTBY_NULLS_FIRST"
    return SortKey(expr=expr, operator=operator, descending=descending, nulls_first=nulls_first)


def group_clause(state: State, nodes: Sequence[Node]) -> None:
    """GROUP BY, of `state.query`: transformGroupClause."""
    query = state.query
    flat = _flatten_rows(nodes)
    has_sets = any("GroupingSet" in node for node in flat)
    products: list[list[list[int]]] = []
    for node in flat:
        grouping = node.get("GroupingSet")
        if grouping is None:
            products.append([[_group_key(state, node)]])
        else:
            products.append(_grouping_sets(state, grouping))
    if not has_sets:
        return
    sets: list[list[int]] = [[]]
    for each in products:
        if len(sets) * len(each) > _MOST_SETS:
            raise error("54001", f"too many grouping sets present (maximum {_MOST_SETS})", raw_location(flat[0]))
        sets = [first + [key for key in second if key not in first] for first in sets for second in each]
    if query.group_distinct:
        unique: list[list[int]] = []
        for keys in sets:
            if not any(set(keys) == set(other) for other in unique):
                unique.append(keys)
        sets = unique
    if len(sets) == 1 and query.group:
        return
    query.grouping_sets = [GroupingSet(keys=keys) for keys in sets]


def _flatten_rows(nodes: Sequence[Node]) -> list[Node]:
    """``GROUP BY (a, b)`` is ``GROUP BY a, b``."""
    flat: list[Node] = []
    for node in nodes:
        row = node.get("RowExpr")
        if row is not None and row.get("row_format") == "COERCE_IMPLICIT_CAST":
            flat += _flatten_rows(row.get("args", ()))
        else:
            flat.append(node)
    return flat


def _grouping_sets(state: State, grouping: Node) -> list[list[int]]:
    """The sets that a GROUPING SETS, CUBE or ROLLUP stands for."""
    kind = grouping.get("kind", "GROUPING_SET_EMPTY")
    content: list[Node] = grouping.get("content", [])
    if kind == "GROUPING_SET_EMPTY":
        return [[]]
    if kind == "GROUPING_SET_SETS":
        sets: list[list[int]] = []
        for node in content:
            nested = node.get("GroupingSet")
            if nested is not None:
                sets += _grouping_sets(state, nested)
            else:
                sets.append(_keys(state, node))
        return sets
    parts = [_keys(state, node) for node in content]
    if kind == "GROUPING_SET_ROLLUP":
        chosen: list[list[list[int]]] = [parts[:count] for count in range(len(parts), -1, -1)]
    else:
        if len(parts) > 12:
            raise error("54011", "CUBE is limited to 12 elements", grouping.get("location", 0))
        chosen = [[part for bit, part in enumerate(parts) if not mask & 1 << bit] for mask in range(1 << len(parts))]
        chosen.sort(key=len, reverse=True)
    return [_union(each) for each in chosen]


def _union(parts: list[list[int]]) -> list[int]:
    keys: list[int] = []
    for part in parts:
        keys += [key for key in part if key not in keys]
    return keys


def _keys(state: State, node: Node) -> list[int]:
    return _union([[_group_key(state, each)] for each in _flatten_rows([node])])


def _group_key(state: State, node: Node) -> int:
    """The number of a grouping expression in `Query.group`."""
    query = state.query
    output = find_target(state, node, query.outputs, Kind.GROUP_BY)
    expr = known(state, output)
    for index, key in enumerate(query.group):
        if key is expr:
            return index
    equality_operator(state.catalog, expr.type, raw_location(node))
    query.group.append(expr)
    return len(query.group) - 1


def distinct_clause(state: State, nodes: Sequence[Node]) -> None:
    """DISTINCT and DISTINCT ON, after ORDER BY was analysed.

    Raises:
        SqlError: 42P10 ORDER BY does not go with it; 42883 a type has no equality.
    """
    query = state.query
    outputs = query.outputs
    if not nodes[0]:
        for key in query.sort:
            output = next((each for each in outputs if each.expr is key.expr), None)
            if output is None or output.junk:
                raise error(
                    "42P10",
                    "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
                    location_of(key.expr),
                )
        if not outputs:
            raise error("42601", "SELECT DISTINCT must have at least one column")
        for output in outputs:
            if not output.junk:
                expr = known(state, output)
                equality_operator(state.catalog, expr.type, location_of(expr))
        query.distinct = "all"
        return
    keys: list[Expr] = []
    places: list[int] = []
    for node in nodes:
        output = find_target(state, node, outputs, Kind.DISTINCT_ON)
        expr = known(state, output)
        if not any(expr is key for key in keys):
            equality_operator(state.catalog, expr.type, raw_location(node))
            keys.append(expr)
            places.append(raw_location(node))
    skipped = False
    for sort in query.sort:
        if any(sort.expr is key for key in keys):
            if skipped:
                place = next(each for key, each in zip(keys, places, strict=True) if key is sort.expr)
                raise _not_initial(place)
        else:
            skipped = True
    sorted_count = sum(any(sort.expr is key for sort in query.sort) for key in keys)
    if skipped and sorted_count < len(keys):
        place = next(
            each for key, each in zip(keys, places, strict=True) if not any(sort.expr is key for sort in query.sort)
        )
        raise _not_initial(place)
    query.distinct = keys


def _not_initial(place: int) -> Any:
    return error("42P10", "SELECT DISTINCT ON expressions must match initial ORDER BY expressions", place)


def limit_clause(state: State, node: Node | None, kind: Kind, *, with_ties: bool = False) -> Expr | None:
    """LIMIT and OFFSET.

    Raises:
        SqlError: 42804 it is no number, 42P10 it contains variables, 2201W WITH TIES and NULL.
    """
    if node is None:
        return None
    expr = coerce_to_specific(state, transform(state, node, kind), INT8, kind.word)
    check_no_variables(state, expr, kind.word)
    if with_ties and "isnull" in node.get("A_Const", ()):
        raise error("2201W", "row count cannot be null in FETCH FIRST ... WITH TIES clause")
    return expr


def check_no_variables(state: State, expr: Expr, construct: str) -> None:
    """Refuse columns of the query itself.

    Raises:
        SqlError: 42P10.
    """
    depths = state.shared.depths
    for each in walk(expr, into_queries=True):
        if isinstance(each, Var) and depths.get(each.entry) == state.depth:
            raise error("42P10", f"argument of {construct} must not contain variables", each.location)
