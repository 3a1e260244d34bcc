"""Expressions: from the nodes of the grammar to typed ones. PostgreSQL: parse_expr.c."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..grammar import Node
from ..nodes import (
    ArrayExpr,
    BooleanTest,
    BoolExpr,
    Case,
    Coalesce,
    CollateExpr,
    CurrentOf,
    Expr,
    MinMax,
    NullTest,
    Param,
    RowExpr,
    SqlValue,
)
from . import constants
from .coerce import Context, coerce_to_boolean, coerce_to_common, coerce_to_target, with_typmod
from .collations import assign
from .common import select_common_type, select_common_typmod
from .kinds import Kind
from .names import column, column_of_item, find_item, missing_column, missing_relation, whole_row
from .oids import BOOL, INT2VECTOR, OIDVECTOR, RECORD, TEXT, UNKNOWN
from .places import location_of
from .state import State, error, unsupported
from .typenames import (
    base_type_and_typmod,
    collation_of_type,
    element_type,
    format_type,
    is_composite,
    name_list,
    resolve_collation,
    resolve_type,
    type_row,
)

__all__ = ["expression", "transform", "where_clause"]

_MOST_FIELDS = 1664  # MaxTupleAttributeNumber


def transform(state: State, node: Node, kind: Kind) -> Expr:
    """An expression that stands at a certain place.

    Raises:
        SqlError: whatever is wrong with it.
    """
    before = state.kind
    state.kind = kind
    result = expression(state, node)
    state.kind = before
    return result


def where_clause(state: State, node: Node | None, kind: Kind, construct: str) -> Expr | None:
    """A condition: WHERE, HAVING, FILTER, ….

    Raises:
        SqlError: 42804 it is no boolean.
    """
    if node is None:
        return None
    return coerce_to_boolean(state, transform(state, node, kind), construct)


def expression(state: State, node: Node) -> Expr:
    """An expression within another one."""
    ((kind, fields),) = node.items()
    handler = _HANDLERS.get(kind)
    if handler is None:
        raise unsupported(_FEATURES.get(kind, kind), fields.get("location", 0))
    return handler(state, fields)


def _column_ref(state: State, node: Node) -> Expr:
    fields = node["fields"]
    location = node.get("location", 0)
    if state.kind is Kind.DEFAULT:
        raise error("0A000", "cannot use column reference in DEFAULT expression", location)
    if len(fields) == 1:
        name: str = fields[0]["String"]["sval"]
        found = column(state, name, location)
        if found is not None:
            return found
        item = find_item(state, None, name, location)
        if item is None:
            raise missing_column(state, None, name, location)
        return whole_row(state, item[0], location)
    schema: str | None = None
    if len(fields) == 2:
        relation: str = fields[0]["String"]["sval"]
    else:
        words = name_list(fields[:-1])
        if len(words) > 3:
            shown = ".".join([*words, *([] if "A_Star" in fields[-1] else name_list(fields[-1:]))])
            raise error("42601", f"improper qualified name (too many dotted names): {shown}", location)
        schema, relation = words[-2], words[-1]
    item = find_item(state, schema, relation, location)
    if item is None:
        raise missing_relation(state, schema, relation, location)
    if "A_Star" in fields[-1]:
        return whole_row(state, item[0], location)
    name = fields[-1]["String"]["sval"]
    found = column_of_item(state, item[0], name, location)
    if found is None:
        from .calls import column_or_function

        found = column_or_function(state, name, whole_row(state, item[0], location), location)
        if found is None:
            raise missing_column(state, relation, name, location)
    return found


def _type_cast(state: State, node: Node) -> Expr:
    type_name = node["typeName"]
    kind, typmod = resolve_type(state, type_name)
    inner = node["arg"]
    array = inner.get("A_ArrayExpr")
    if array is not None and not (state.shared.stored and "elements" in array):
        base, base_typmod = base_type_and_typmod(state.catalog, kind, typmod)
        element = element_type(state.catalog, base)
        arg = array_expression(state, array, base, element, base_typmod) if element else expression(state, inner)
    else:
        arg = expression(state, inner)
    location = node.get("location", 0)
    if location < 0:
        location = type_name.get("location", 0)
    result = coerce_to_target(state, arg, kind, typmod, Context.EXPLICIT, "explicit cast", location)
    if result is None:
        catalog = state.catalog
        raise error(
            "42846",
            f"cannot cast type {format_type(catalog, arg.type)} to {format_type(catalog, kind)}",
            location if location >= 0 else location_of(arg),
        )
    return result


def _collate(state: State, node: Node) -> Expr:
    arg = expression(state, node["arg"])
    location = node.get("location", 0)
    if arg.type != UNKNOWN and not collation_of_type(state.catalog, arg.type):
        raise error("42804", f"collations are not supported by type {format_type(state.catalog, arg.type)}", location)
    collation = resolve_collation(state.catalog, node["collname"], location)
    return CollateExpr(type=arg.type, typmod=arg.typmod, collation=collation, arg=arg, location=location)


_BOOLEANS: dict[str, Any] = {"AND_EXPR": "and", "OR_EXPR": "or", "NOT_EXPR": "not"}


def _bool(state: State, node: Node) -> Expr:
    kind = _BOOLEANS[node["boolop"]]
    construct = kind.upper()
    args = [coerce_to_boolean(state, expression(state, arg), construct) for arg in node["args"]]
    return BoolExpr(type=BOOL, kind=kind, args=args, location=node.get("location", 0))


def _null_test(state: State, node: Node) -> Expr:
    arg = expression(state, node["arg"])
    return NullTest(
        type=BOOL,
        arg=arg,
        negated=node.get("nulltesttype") == "IS_NOT_NULL",
        row=arg.type == RECORD or is_composite(state.catalog, arg.type),
        location=node.get("location", 0),
    )


def _boolean_test(state: State, node: Node) -> Expr:
    construct = node.get("booltesttype", "IS_TRUE").replace("_", " ")
    arg = coerce_to_boolean(state, expression(state, node["arg"]), construct)
    test: Any = construct.rsplit(" ", 1)[1].lower()
    return BooleanTest(type=BOOL, arg=arg, test=test, negated=" NOT " in construct, location=node.get("location", 0))


def _case(state: State, node: Node) -> Expr:
    last_set_function = state.last_set_function
    test: Expr | None = None
    if "arg" in node:
        test = expression(state, node["arg"])
        if test.type == UNKNOWN:
            test = coerce_to_common(state, test, TEXT, "CASE")
        assign(state, test)
    whens: list[tuple[Expr, Expr]] = []
    for each in node["args"]:
        when = each["CaseWhen"]
        if test is None:
            condition = expression(state, when["expr"])
        else:
            from .comparisons import compare

            placeholder = Param(type=test.type, typmod=test.typmod, collation=test.collation, number=-1)
            condition = compare(state, "=", placeholder, expression(state, when["expr"]), when.get("location", 0))
        condition = coerce_to_boolean(state, condition, "CASE/WHEN")
        whens.append((condition, expression(state, when["result"])))
    default_node = node.get("defresult") or {"A_Const": {"isnull": True, "location": -1}}
    default = expression(state, default_node)
    # PostgreSQL takes the default first where types are equally good
    results = [default, *(result for _, result in whens)]
    kind, _ = select_common_type(state.catalog, results, "CASE")
    default = coerce_to_common(state, default, kind, "CASE/ELSE")
    whens = [(condition, coerce_to_common(state, result, kind, "CASE/WHEN")) for condition, result in whens]
    refuse_sets(state, last_set_function, "CASE")
    typmod = select_common_typmod([default, *(result for _, result in whens)], kind)
    return Case(
        type=kind,
        typmod=typmod,
        test=test,
        whens=[(condition, with_typmod(result, typmod)) for condition, result in whens],
        default=with_typmod(default, typmod),
        location=node.get("location", 0),
    )


def refuse_sets(state: State, before: Expr | None, construct: str) -> None:
    """Refuse set-returning functions within a construct.

    Raises:
        SqlError: 0A000.
    """
    last = state.last_set_function
    if last is not before and last is not None:
        raise error(
            "0A000",
            f"set-returning functions are not allowed in {construct}",
            location_of(last),
            hint="You might be able to move the set-returning function into a LATERAL FROM item.",
        )


def common_args(state: State, nodes: list[Node], construct: str) -> tuple[int, int, list[Expr]]:
    """Expressions brought to one type."""
    args = [expression(state, arg) for arg in nodes]
    kind, _ = select_common_type(state.catalog, args, construct)
    args = [coerce_to_common(state, arg, kind, construct) for arg in args]
    typmod = select_common_typmod(args, kind)
    return kind, typmod, [with_typmod(arg, typmod) for arg in args]


def _coalesce(state: State, node: Node) -> Expr:
    last_set_function = state.last_set_function
    kind, typmod, args = common_args(state, node["args"], "COALESCE")
    refuse_sets(state, last_set_function, "COALESCE")
    return Coalesce(type=kind, typmod=typmod, args=args, location=node.get("location", 0))


def _min_max(state: State, node: Node) -> Expr:
    greatest = node.get("op", "IS_GREATEST") == "IS_GREATEST"
    kind, typmod, args = common_args(state, node["args"], "GREATEST" if greatest else "LEAST")
    location = node.get("location", 0)
    if state.catalog.ordering_operators(kind) is None:
        raise error(
            "42883", f"could not identify a comparison function for type {format_type(state.catalog, kind)}", location
        )
    return MinMax(type=kind, typmod=typmod, greatest=greatest, args=args, location=location)


def _row(state: State, node: Node) -> Expr:
    from .targets import expression_list

    fields = expression_list(state, node.get("args", []), allow_default=False)
    location = node.get("location", 0)
    if len(fields) > _MOST_FIELDS:
        raise error("54011", f"ROW expressions can have at most {_MOST_FIELDS} entries", location)
    names = [f"f{number}" for number in range(1, len(fields) + 1)]
    return RowExpr(type=RECORD, fields=fields, names=names, location=location)


def _array(state: State, node: Node) -> Expr:
    return array_expression(state, node, 0, 0, -1)


def array_expression(state: State, node: Node, array: int, element: int, typmod: int) -> Expr:
    """``ARRAY[…]``; with a type that it is cast to its items are cast one by one.

    Raises:
        SqlError: 42P18 it is empty and nothing tells its type.
    """
    catalog = state.catalog
    location = node.get("location", 0)
    multidimensional = False
    items: list[Expr] = []
    for each in node.get("elements", ()):
        nested = each.get("A_ArrayExpr")
        if nested is not None:
            item = array_expression(state, nested, array, element, typmod)
            multidimensional = True
        else:
            item = expression(state, each)
            if item.type not in (INT2VECTOR, OIDVECTOR) and element_type(catalog, item.type):
                multidimensional = True
        items.append(item)
    if array:
        wanted = array if multidimensional else element
        items = [_cast_item(state, item, wanted, typmod) for item in items]
    else:
        if not items:
            raise error(
                "42P18",
                "cannot determine type of empty array",
                location,
                hint="Explicitly cast to the desired type, for example ARRAY[]::integer[].",
            )
        wanted, _ = select_common_type(catalog, items, "ARRAY")
        if multidimensional:
            array = wanted
            if not element_type(catalog, array):
                raise error(
                    "42704", f"could not find element type for data type {format_type(catalog, array)}", location
                )
        else:
            array = type_row(catalog, wanted).array
            if not array:
                raise error(
                    "42704", f"could not find array type for data type {format_type(catalog, wanted)}", location
                )
        items = [coerce_to_common(state, item, wanted, "ARRAY") for item in items]
    common = select_common_typmod(items, wanted) if items else -1
    return ArrayExpr(
        type=array,
        typmod=common,
        items=[with_typmod(item, common) for item in items],
        multidimensional=multidimensional,
        location=location,
    )


def _cast_item(state: State, item: Expr, kind: int, typmod: int) -> Expr:
    result = coerce_to_target(state, item, kind, typmod, Context.EXPLICIT, "explicit cast")
    if result is None:
        catalog = state.catalog
        raise error(
            "42846",
            f"cannot cast type {format_type(catalog, item.type)} to {format_type(catalog, kind)}",
            location_of(item),
        )
    return result


def _sql_value(state: State, node: Node) -> SqlValue:
    return constants.sql_value(state, node)


def _set_to_default(state: State, node: Node) -> Expr:
    raise error("42601", "DEFAULT is not allowed in this context", node.get("location", 0))


def _current_of(state: State, node: Node) -> Expr:
    target = state.target
    if target is None or target.relation is None:
        raise error("0A000", "WHERE CURRENT OF is not supported here")
    if "cursor_param" in node and "cursor_name" not in node:
        raise unsupported("WHERE CURRENT OF with a parameter")
    return CurrentOf(type=BOOL, cursor=node["cursor_name"], relation=target.relation)


def _calls(state: State, node: Node) -> Expr:
    from .calls import function_call

    return function_call(state, node)


def _grouping(state: State, node: Node) -> Expr:
    from .aggregates import grouping_call

    return grouping_call(state, node)


def _a_expr(state: State, node: Node) -> Expr:
    from .comparisons import operator_expression

    return operator_expression(state, node)


def _sublink(state: State, node: Node) -> Expr:
    from .sublinks import sublink

    return sublink(state, node)


def _indirection(state: State, node: Node) -> Expr:
    from .fields import indirection

    return indirection(state, node)


def _multi_assign(state: State, node: Node) -> Expr:
    from .assignments import multi_assign

    return multi_assign(state, node)


def _analysed(state: State, node: Any) -> Expr:
    """An expression that was analysed before, put into a node that is made up."""
    result: Expr = node["expr"]
    return result


_HANDLERS: dict[str, Callable[[State, Node], Expr]] = {
    "A_Const": constants.constant,
    "ColumnRef": _column_ref,
    "ParamRef": constants.parameter,
    "A_Expr": _a_expr,
    "FuncCall": _calls,
    "TypeCast": _type_cast,
    "BoolExpr": _bool,
    "NullTest": _null_test,
    "BooleanTest": _boolean_test,
    "CaseExpr": _case,
    "CoalesceExpr": _coalesce,
    "MinMaxExpr": _min_max,
    "SubLink": _sublink,
    "A_ArrayExpr": _array,
    "RowExpr": _row,
    "A_Indirection": _indirection,
    "CollateClause": _collate,
    "SQLValueFunction": _sql_value,
    "GroupingFunc": _grouping,
    "SetToDefault": _set_to_default,
    "CurrentOfExpr": _current_of,
    "MultiAssignRef": _multi_assign,
    "Analysed": _analysed,
}

#: how features that are not supported are called
_FEATURES = {
    "XmlExpr": "XML",
    "XmlSerialize": "XML",
    "JsonObjectConstructor": "JSON_OBJECT()",
    "JsonArrayConstructor": "JSON_ARRAY()",
    "JsonArrayQueryConstructor": "JSON_ARRAY()",
    "JsonObjectAgg": "JSON_OBJECTAGG()",
    "JsonArrayAgg": "JSON_ARRAYAGG()",
    "JsonIsPredicate": "IS JSON",
    "JsonParseExpr": "JSON()",
    "JsonScalarExpr": "JSON_SCALAR()",
    "JsonSerializeExpr": "JSON_SERIALIZE()",
    "JsonFuncExpr": "SQL/JSON query functions",
    "MergeSupportFunc": "MERGE_ACTION()",
}
