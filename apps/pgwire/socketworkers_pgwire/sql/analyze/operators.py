"""Operators: which one is meant, and the expression that it becomes. PostgreSQL: parse_oper.c."""

from __future__ import annotations

from collections.abc import Sequence

from ...catalog import Catalog, OperatorRow
from ...errors import SqlError
from ..grammar import Node
from ..nodes import Expr, OpExpr, ScalarArrayOp
from .candidates import select_candidate
from .coerce import Context, can_coerce, can_coerce_all, coerce_type, proc_of
from .oids import BOOL, POLYMORPHIC, UNKNOWN
from .polymorphic import resolve
from .state import State, error
from .typenames import base_type, check_schema, element_type, format_type, split_name

__all__ = ["equality_operator", "find_operator", "make_operator", "make_scalar_array", "ordering_operators"]


def find_operator(catalog: Catalog, names: list[Node], left: int, right: int, location: int = -1) -> OperatorRow:
    """The operator that a name means for these types; `left` is 0 for a prefix operator.

    Raises:
        SqlError: 42883 there is none, 42725 there are several.
    """
    schema, name = split_name(names, location)
    found = match_operator(catalog, schema, name, left, right)
    if isinstance(found, OperatorRow):
        return found
    if schema is not None and not catalog.operators(schema, name):
        check_schema(catalog, schema, location)
    shown = name if schema is None else f"{schema}.{name}"
    raise _not_found(catalog, shown, left, right, location, found)


def match_operator(catalog: Catalog, schema: str | None, name: str, left: int, right: int) -> OperatorRow | bool:
    """The operator; False when there is none, True when there are several."""
    candidates = catalog.operators(schema, name)
    if not left:
        prefix = [each for each in candidates if not each.left]
        return _choose(catalog, [right], prefix, prefix=True)
    left_type, right_type, guessed = left, right, False
    if left == UNKNOWN and right != UNKNOWN:
        left_type, guessed = right, True
    elif right == UNKNOWN and left != UNKNOWN:
        right_type, guessed = left, True
    for each in candidates:
        if each.left == left_type and each.right == right_type:
            return each
    if guessed:
        base = base_type(catalog, left_type)
        if base != left_type:
            for each in candidates:
                if each.left == base and each.right == base:
                    return each
    return _choose(catalog, [left, right], [each for each in candidates if each.left], prefix=False)


def _choose(catalog: Catalog, actual: list[int], candidates: list[OperatorRow], *, prefix: bool) -> OperatorRow | bool:
    def types_of(row: OperatorRow) -> Sequence[int]:
        return (row.right,) if prefix else (row.left, row.right)

    if prefix:
        for each in candidates:
            if each.right == actual[0]:
                return each
    fitting = [each for each in candidates if can_coerce_all(catalog, actual, types_of(each))]
    if len(fitting) < 2:
        return fitting[0] if fitting else False
    chosen = select_candidate(catalog, actual, fitting, types_of)
    return True if chosen is None else chosen


def _not_found(catalog: Catalog, name: str, left: int, right: int, location: int, several: object) -> SqlError:
    shown = f"{name} {format_type(catalog, right)}"
    if left:
        shown = f"{format_type(catalog, left)} {shown}"
    if several:
        return error(
            "42725",
            f"operator is not unique: {shown}",
            location,
            hint="Could not choose a best candidate operator. You might need to add explicit type casts.",
        )
    if left:
        hint = "No operator matches the given name and argument types. You might need to add explicit type casts."
    else:
        hint = "No operator matches the given name and argument type. You might need to add an explicit type cast."
    return error("42883", f"operator does not exist: {shown}", location, hint=hint)


def make_operator(state: State, names: list[Node], left: Expr | None, right: Expr, location: int) -> OpExpr:
    """The expression of an operator; `left` is None for a prefix operator.

    Raises:
        SqlError: 42883, 42725.
    """
    catalog = state.catalog
    operator = find_operator(catalog, names, 0 if left is None else left.type, right.type, location)
    return apply_operator(state, operator, left, right, location)


def apply_operator(state: State, operator: OperatorRow, left: Expr | None, right: Expr, location: int) -> OpExpr:
    """The expression of an operator that was found."""
    catalog = state.catalog
    if not operator.code:
        raise error(
            "42883",
            f"operator is only a shell: {operator.name}",
            location,
        )
    proc = proc_of(catalog, operator.code)
    args = [right] if left is None else [left, right]
    declared = [operator.right] if left is None else [operator.left, operator.right]
    if declared[0] == args[0].type and declared[-1] == args[-1].type:
        return OpExpr(type=operator.result, operator=operator, proc=proc, args=args, location=location)
    wanted, result = resolve(catalog, [arg.type for arg in args], declared, operator.result)
    args = [
        arg if arg.type == kind else coerce_type(state, arg, kind, -1, Context.IMPLICIT, "implicit cast", -1)
        for arg, kind in zip(args, wanted, strict=True)
    ]
    return OpExpr(type=result, operator=operator, proc=proc, args=args, location=location)


def make_scalar_array(
    state: State, names: list[Node], use_any: bool, left: Expr, right: Expr, location: int
) -> ScalarArrayOp:
    """``left op ANY (array)``.

    Raises:
        SqlError: 42809 the right side is no array, or the operator gives no boolean; 42883, 42725.
    """
    catalog = state.catalog
    array = right.type
    if array == UNKNOWN:
        element = UNKNOWN
    else:
        element = element_type(catalog, base_type(catalog, array))
        if not element:
            raise error("42809", "op ANY/ALL (array) requires array on right side", location)
    operator = find_operator(catalog, names, left.type, element, location)
    proc = proc_of(catalog, operator.code)
    declared = [operator.left, operator.right]
    wanted, result = resolve(catalog, [left.type, element], declared, operator.result)
    if result != BOOL:
        raise error("42809", "op ANY/ALL (array) requires operator to yield boolean", location)
    if proc.returns_set:
        raise error("42809", "op ANY/ALL (array) requires operator not to return a set", location)
    if wanted[1] in POLYMORPHIC:
        # the array is what it is
        array_type = array
    else:
        row = catalog.type_by_oid(wanted[1])
        array_type = row.array if row is not None else 0
        if not array_type:
            raise error("42704", f"could not find array type for data type {format_type(catalog, wanted[1])}", location)
    if left.type != wanted[0]:
        left = coerce_type(state, left, wanted[0], -1, Context.IMPLICIT, "implicit cast", -1)
    if right.type != array_type:
        if not can_coerce(catalog, right.type, array_type, Context.IMPLICIT):
            raise error(
                "42883",
                f"operator does not exist: {format_type(catalog, left.type)} {operator.name}"
                f" {format_type(catalog, element)}",
                location,
            )
        right = coerce_type(state, right, array_type, -1, Context.IMPLICIT, "implicit cast", -1)
    return ScalarArrayOp(
        type=BOOL, operator=operator, proc=proc, any=use_any, left=left, array=right, location=location
    )


def equality_operator(catalog: Catalog, kind: int, location: int = -1) -> OperatorRow:
    """The ``=`` of a type for DISTINCT, GROUP BY and the like.

    Raises:
        SqlError: 42883 it has none.
    """
    operator = catalog.equality_operator(kind)
    if operator is None:
        raise error("42883", f"could not identify an equality operator for type {format_type(catalog, kind)}", location)
    return operator


def ordering_operators(catalog: Catalog, kind: int, location: int = -1) -> tuple[OperatorRow, OperatorRow]:
    """``<`` and ``>`` of a type for ORDER BY and the like.

    Raises:
        SqlError: 42883 it has none.
    """
    operators = catalog.ordering_operators(kind)
    if operators is None:
        raise error(
            "42883",
            f"could not identify an ordering operator for type {format_type(catalog, kind)}",
            location,
            hint="Use an explicit ordering operator or modify the query.",
        )
    return operators
