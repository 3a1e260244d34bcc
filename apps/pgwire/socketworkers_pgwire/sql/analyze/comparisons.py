"""Operators in expressions, comparisons of rows, IN, BETWEEN, DISTINCT FROM, NULLIF. PostgreSQL: parse_expr.c."""

from __future__ import annotations

from typing import Any

from ..grammar import Node
from ..nodes import ArrayExpr, BoolExpr, Distinct, Expr, NullIf, NullTest, OpExpr, RowCompare, RowExpr, Var
from ..walk import walk
from .coerce import Context, can_coerce, coerce_to_boolean, coerce_to_common, with_typmod
from .common import select_common_type, select_common_typmod
from .expressions import expression
from .oids import BOOL, RECORD
from .operators import make_operator, make_scalar_array
from .state import State, error, unsupported
from .typenames import format_type, is_composite, type_row

__all__ = ["compare", "compare_rows", "operator_expression"]

_ROW_KINDS: dict[str, Any] = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}


def names_of(name: str) -> list[Node]:
    """A name as the grammar gives it."""
    return [{"String": {"sval": name}}]


def operator_expression(state: State, node: Node) -> Expr:
    """An A_Expr of any kind."""
    kind = node.get("kind", "AEXPR_OP")
    if kind == "AEXPR_OP":
        return _operator(state, node)
    if kind in ("AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_SIMILAR"):
        left = expression(state, node["lexpr"])
        return make_operator(state, node["name"], left, expression(state, node["rexpr"]), node.get("location", 0))
    handler = {
        "AEXPR_IN": _in,
        "AEXPR_OP_ANY": _any_all,
        "AEXPR_OP_ALL": _any_all,
        "AEXPR_DISTINCT": _distinct,
        "AEXPR_NOT_DISTINCT": _distinct,
        "AEXPR_NULLIF": _null_if,
    }.get(kind)
    if handler is None:
        return _between(state, node, kind)
    return handler(state, node)


def _operator(state: State, node: Node) -> Expr:
    left_node = node.get("lexpr")
    right_node = node["rexpr"]
    location = node.get("location", 0)
    names = node["name"]
    if left_node is not None and "RowExpr" in left_node and "SubLink" in right_node:
        sublink = right_node["SubLink"]
        if sublink.get("subLinkType") == "EXPR_SUBLINK":
            from .sublinks import row_compare_sublink

            return row_compare_sublink(state, left_node, names, sublink, location)
    left = None if left_node is None else expression(state, left_node)
    right = expression(state, right_node)
    if type(left) is RowExpr and type(right) is RowExpr and left.type == right.type == RECORD:
        return compare_rows(state, names, left.fields, right.fields, location)
    result = make_operator(state, names, left, right, location)
    if result.proc.returns_set:
        from .calls import note_set

        note_set(state, result, location)
    return result


def compare(state: State, name: str, left: Expr, right: Expr, location: int) -> Expr:
    """``left name right``, of rows too."""
    names = names_of(name)
    if type(left) is RowExpr and type(right) is RowExpr:
        return compare_rows(state, names, left.fields, right.fields, location)
    return make_operator(state, names, left, right, location)


def compare_rows(state: State, names: list[Node], left: list[Expr], right: list[Expr], location: int) -> Expr:
    """Rows compared field by field.

    Raises:
        SqlError: 42601 their lengths differ; 42883 a pair cannot be compared.
    """
    tests = row_tests(state, names, left, right, location)
    if len(tests) == 1:
        return tests[0]
    return combine(tests, names, location)


def row_tests(state: State, names: list[Node], left: list[Expr], right: list[Expr], location: int) -> list[OpExpr]:
    """The comparison of each pair."""
    if len(left) != len(right):
        raise error("42601", "unequal number of entries in row expressions", location)
    if not left:
        raise error("0A000", "cannot compare rows of zero length", location)
    tests = []
    for first, second in zip(left, right, strict=True):
        test = make_operator(state, names, first, second, location)
        if test.type != BOOL:
            raise error(
                "42804",
                f"row comparison operator must yield type boolean, not type {format_type(state.catalog, test.type)}",
                location,
            )
        tests.append(test)
    return tests


def combine(tests: list[OpExpr], names: list[Node], location: int) -> Expr:
    """One comparison of rows out of those of the fields."""
    name = names[-1]["String"]["sval"]
    args: list[Expr] = list(tests)
    if name == "=":
        return BoolExpr(type=BOOL, kind="and", args=args, location=location)
    if name in ("<>", "!="):
        return BoolExpr(type=BOOL, kind="or", args=args, location=location)
    kind = _ROW_KINDS.get(name)
    if kind is None:
        raise error(
            "0A000",
            f"could not determine interpretation of row comparison operator {name}",
            location,
            hint="Row comparison operators must be associated with btree operator families.",
        )
    return RowCompare(
        type=BOOL,
        kind=kind,
        operators=[test.operator for test in tests],
        left=[test.args[0] for test in tests],
        right=[test.args[1] for test in tests],
        location=location,
    )


def _is_null(node: Node) -> bool:
    return "isnull" in node.get("A_Const", ())


def _distinct(state: State, node: Node) -> Expr:
    left_node, right_node = node["lexpr"], node["rexpr"]
    location = node.get("location", 0)
    negated = node["kind"] == "AEXPR_NOT_DISTINCT"
    for this, other in ((right_node, left_node), (left_node, right_node)):
        if _is_null(this):
            arg = expression(state, other)
            # PostgreSQL does not test field by field here
            return NullTest(type=BOOL, arg=arg, negated=not negated, row=False, location=location)
    left, right = expression(state, left_node), expression(state, right_node)
    if type(left) is RowExpr and type(right) is RowExpr:
        if len(left.fields) != len(right.fields):
            raise error("42601", "unequal number of entries in row expressions", location)
        tests: list[Expr] = [
            make_distinct(state, node["name"], first, second, location)
            for first, second in zip(left.fields, right.fields, strict=True)
        ]
        if not tests:
            raise unsupported("IS DISTINCT FROM of rows of zero length", location)
        result = tests[0] if len(tests) == 1 else BoolExpr(type=BOOL, kind="or", args=tests, location=location)
        if negated:
            result = BoolExpr(type=BOOL, kind="not", args=[result], location=location)
        return result
    test = make_distinct(state, node["name"], left, right, location)
    test.negated = negated
    return test


def make_distinct(state: State, names: list[Node], left: Expr, right: Expr, location: int) -> Distinct:
    """``left IS DISTINCT FROM right``."""
    test = make_operator(state, names, left, right, location)
    if test.type != BOOL:
        raise error("42804", "IS DISTINCT FROM requires = operator to yield boolean", location)
    return Distinct(type=BOOL, operator=test.operator, proc=test.proc, args=test.args, negated=False, location=location)


def _null_if(state: State, node: Node) -> Expr:
    location = node.get("location", 0)
    left = expression(state, node["lexpr"])
    test = make_operator(state, node["name"], left, expression(state, node["rexpr"]), location)
    if test.type != BOOL:
        raise error("42804", "NULLIF requires = operator to yield boolean", location)
    first = test.args[0]
    return NullIf(
        type=first.type,
        typmod=first.typmod,
        operator=test.operator,
        proc=test.proc,
        args=test.args,
        location=location,
    )


def _any_all(state: State, node: Node) -> Expr:
    left = expression(state, node["lexpr"])
    right = expression(state, node["rexpr"])
    return make_scalar_array(state, node["name"], node["kind"] == "AEXPR_OP_ANY", left, right, node.get("location", 0))


def _in(state: State, node: Node) -> Expr:
    catalog = state.catalog
    names = node["name"]
    location = node.get("location", 0)
    use_or = names[-1]["String"]["sval"] != "<>"
    left = expression(state, node["lexpr"])
    items = [expression(state, each) for each in node["rexpr"]["List"]["items"]]
    depth = state.depth
    depths = state.shared.depths
    with_columns = [
        any(type(each) is Var and depths.get(each.entry) == depth for each in walk(item, into_queries=True))
        for item in items
    ]
    constants = [item for item, varies in zip(items, with_columns, strict=True) if not varies]
    tests: list[Expr] = []
    if len(constants) > 1:
        everything = [left, *constants]
        kind, _ = select_common_type(catalog, everything, None)
        if kind and not all(can_coerce(catalog, each.type, kind, Context.IMPLICIT) for each in everything):
            kind = 0
        array = 0
        if kind and kind != RECORD and not is_composite(catalog, kind):
            array = type_row(catalog, kind).array
        if array:
            cast = [coerce_to_common(state, item, kind, "IN") for item in constants]
            typmod = select_common_typmod(cast, kind)
            cast = [with_typmod(item, typmod) for item in cast]
            right = ArrayExpr(type=array, typmod=typmod, items=cast, location=-1)
            tests.append(make_scalar_array(state, names, use_or, left, right, location))
            items = [item for item, varies in zip(items, with_columns, strict=True) if varies]
    for item in items:
        if type(left) is RowExpr and type(item) is RowExpr:
            test = compare_rows(state, names, left.fields, item.fields, location)
        else:
            test = make_operator(state, names, left, item, location)
        tests.append(coerce_to_boolean(state, test, "IN"))
    if len(tests) == 1:
        return tests[0]
    return BoolExpr(type=BOOL, kind="or" if use_or else "and", args=tests, location=location)


def _between(state: State, node: Node, kind: str) -> Expr:
    location = node.get("location", 0)
    subject = node["lexpr"]
    low, high = node["rexpr"]["List"]["items"]

    def test(name: str, bound: Node) -> Node:
        return {
            "A_Expr": {
                "kind": "AEXPR_OP",
                "name": names_of(name),
                "lexpr": subject,
                "rexpr": bound,
                "location": location,
            }
        }

    def both(boolop: str, first: Node, second: Node) -> Node:
        return {"BoolExpr": {"boolop": boolop, "args": [first, second], "location": location}}

    inside = both("AND_EXPR", test(">=", low), test("<=", high))
    outside = both("OR_EXPR", test("<", low), test(">", high))
    if kind == "AEXPR_BETWEEN":
        made = inside
    elif kind == "AEXPR_NOT_BETWEEN":
        made = outside
    elif kind == "AEXPR_BETWEEN_SYM":
        made = both("OR_EXPR", inside, both("AND_EXPR", test(">=", high), test("<=", low)))
    elif kind == "AEXPR_NOT_BETWEEN_SYM":
        made = both("AND_EXPR", outside, both("OR_EXPR", test("<", high), test(">", low)))
    else:
        raise unsupported(kind, location)
    return expression(state, made)
