"""UNION, INTERSECT, EXCEPT. PostgreSQL: transformSetOperationStmt."""

from __future__ import annotations

from typing import Any

from ..grammar import Node
from ..nodes import Const, Entry, Expr, Output, Param, Query, SetOperation, Var
from .clauses import sort_clause
from .coerce import Context, can_coerce, coerce_type, with_typmod
from .collations import common_collation
from .common import select_common_type, select_common_typmod
from .locks import STRENGTHS
from .oids import UNKNOWN
from .operators import equality_operator
from .places import location_of
from .state import Item, State, error
from .typenames import format_type

__all__ = ["set_operation"]

_KINDS: dict[str, Any] = {"SETOP_UNION": "union", "SETOP_INTERSECT": "intersect", "SETOP_EXCEPT": "except"}


def set_operation(state: State, node: Node) -> Query:
    """A set operation at the top of a query: its ORDER BY, LIMIT and WITH are those of the whole."""
    from .select import finish, limits, with_clause

    query = state.query
    leftmost = node
    while leftmost.get("op", "SETOP_NONE") != "SETOP_NONE":
        leftmost = leftmost["larg"]
    if "intoClause" in leftmost:
        raise error(
            "42601",
            "SELECT ... INTO is not allowed here",
            leftmost["intoClause"].get("rel", {}).get("location", -1),
        )
    if "lockingClause" in node:
        word = STRENGTHS[node["lockingClause"][0]["LockingClause"].get("strength", "LCS_FORUPDATE")].upper()
        raise error("0A000", f"FOR {word} is not allowed with UNION/INTERSECT/EXCEPT")
    with_clause(state, node)
    made = _tree(state, node, top=True)
    query.set_operation = made.set_operation
    query.set_entry = made.set_entry
    query.outputs = made.outputs
    entry = made.set_entry
    assert entry is not None
    shared = state.shared
    shared.depths[entry] = state.depth
    # ORDER BY sees the columns of the result, and nothing else
    namespace = state.namespace
    state.namespace = [Item(entry, visible=False)]
    count = len(query.outputs)
    query.sort = sort_clause(state, node.get("sortClause", ()), query.outputs)
    state.namespace = namespace
    if len(query.outputs) > count:
        raise error(
            "0A000",
            "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
            location_of(query.outputs[count].expr),
            detail="Only result column names can be used, not expressions or functions.",
            hint="Add the expression/function to every SELECT, or move the UNION into a FROM clause.",
        )
    limits(state, node)
    finish(state)
    return query


def _has_clauses(node: Node) -> bool:
    return any(key in node for key in ("sortClause", "limitOffset", "limitCount", "lockingClause", "withClause"))


def _member(state: State, node: Node) -> Query:
    if node.get("op", "SETOP_NONE") != "SETOP_NONE" and not _has_clauses(node):
        return _tree(state, node, top=False)
    from .select import analyse_select

    if "intoClause" in node:
        raise error(
            "42601",
            "INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT",
            node["intoClause"].get("rel", {}).get("location", -1),
        )
    inner = State(state.shared, state)
    inner.resolve_unknowns = False
    query = analyse_select(inner, node)
    # only for the hints of errors: it cannot be referred to
    names = [output.name for output in query.outputs if not output.junk]
    state.relations.append(
        Item(Entry(alias=f"*SELECT* {len(state.relations) + 1}", names=names, types=[], source=query))
    )
    return query


def _tree(state: State, node: Node, *, top: bool) -> Query:
    """One operation and what is below it: transformSetOperationTree."""
    kind = _KINDS[node["op"]]
    all_ = node.get("all", False)
    left = _member(state, node["larg"])
    recursive = top and state.parent_cte is not None and state.parent_cte.recursive
    if recursive and state.parent_cte is not None:
        from .ctes import settle_columns

        settle_columns(state, state.parent_cte, left)
    right = _member(state, node["rarg"])
    construct = kind.upper()
    firsts = [output for output in left.outputs if not output.junk]
    seconds = [output for output in right.outputs if not output.junk]
    if len(firsts) != len(seconds):
        place = location_of(seconds[0].expr) if seconds else -1
        raise error("42601", f"each {construct} query must have the same number of columns", place)
    left_casts: list[Expr | None] = []
    right_casts: list[Expr | None] = []
    types: list[tuple[int, int, int]] = []
    catalog = state.catalog
    for first, second in zip(firsts, seconds, strict=True):
        common, best = select_common_type(catalog, [first.expr, second.expr], construct)
        one = _cast(state, first.expr, common, construct)
        two = _cast(state, second.expr, common, construct)
        typmod = select_common_typmod([one, two], common)
        one, two = with_typmod(one, typmod), with_typmod(two, typmod)
        # the collations of the members are settled; they are merged here
        collation = common_collation(state, [one, two], conflict_allowed=kind == "union" and all_)
        if not (kind == "union" and all_):
            equality_operator(catalog, common, location_of(best))
        left_casts.append(None if one is first.expr else one)
        right_casts.append(None if two is second.expr else two)
        types.append((common, typmod, collation))
    left = _with_casts(state, left, left_casts)
    right = _with_casts(state, right, right_casts)
    names = [output.name for output in firsts]
    operation = SetOperation(kind=kind, all=all_, left=left, right=right)
    made = Query(command="select", outputs=[], set_operation=operation)
    entry = state.add(Entry(alias="", names=names, types=types, source=made))
    made.set_entry = entry
    made.outputs = [
        Output(
            expr=Var(
                type=common,
                typmod=typmod,
                collation=collation,
                entry=entry,
                column=number,
                location=location_of(first.expr),
            ),
            name=first.name,
        )
        for number, (first, (common, typmod, collation)) in enumerate(zip(firsts, types, strict=True), 1)
    ]
    return made


def _cast(state: State, expr: Expr, common: int, construct: str) -> Expr:
    if expr.type == common:
        return expr
    catalog = state.catalog
    if expr.type == UNKNOWN and not isinstance(expr, Const | Param):
        raise error(
            "42846",
            f"{construct} could not convert type unknown to {format_type(catalog, common)}",
            location_of(expr),
        )
    if not can_coerce(catalog, expr.type, common, Context.IMPLICIT):
        raise error(
            "42846",
            f"{construct} could not convert type {format_type(catalog, expr.type)} to {format_type(catalog, common)}",
            location_of(expr),
        )
    return coerce_type(state, expr, common, -1, Context.IMPLICIT, "implicit cast", -1)


def _with_casts(state: State, query: Query, casts: list[Expr | None]) -> Query:
    """A member whose columns have the common types."""
    shown = [output for output in query.outputs if not output.junk]
    changes = [(output, cast) for output, cast in zip(shown, casts, strict=True) if cast is not None]
    if not changes:
        return query
    simple = query.distinct is None and not query.sort and query.set_operation is None
    if simple or all(isinstance(output.expr, Const | Param) for output, _ in changes):
        for output, cast in changes:
            before = output.expr
            output.expr = cast
            # a literal that got its type is no cast
            output.converted = before.type != UNKNOWN
            for key in query.sort:
                if key.expr is before:
                    key.expr = cast
        return query
    # what it is sorted by, or counts as equal, is not the value after the cast
    types = [(output.expr.type, output.expr.typmod, output.expr.collation) for output in shown]
    entry = state.add(Entry(alias="", names=[output.name for output in shown], types=types, source=query))
    outputs = []
    for number, (output, wanted) in enumerate(zip(shown, casts, strict=True), 1):
        kind, typmod, collation = types[number - 1]
        var: Expr = Var(
            type=kind,
            typmod=typmod,
            collation=collation,
            entry=entry,
            column=number,
            location=location_of(output.expr),
        )
        if wanted is not None:
            common = wanted.type
            if var.type != common:
                var = coerce_type(state, var, common, -1, Context.IMPLICIT, "implicit cast", -1)
            var = with_typmod(var, wanted.typmod)
            common_collation(state, [var], conflict_allowed=True)
        outputs.append(Output(expr=var, name=output.name))
    return Query(command="select", outputs=outputs, from_=[entry], converts=True)
