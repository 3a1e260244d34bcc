"""Target lists: stars, names of the columns, where they come from. PostgreSQL: parse_target.c."""

from __future__ import annotations

from typing import Any

from ...catalog import Relation
from ..grammar import Node
from ..nodes import CteSource, Default, Expr, Join, Output, Query, Var
from .coerce import Context, coerce_type
from .expressions import expression
from .fields import field_of, row_fields
from .kinds import Kind
from .names import find_item, item_columns, missing_relation
from .oids import RECORD, TEXT, UNKNOWN
from .places import location_of
from .state import Item, State, error
from .typenames import format_type, is_composite, name_list

__all__ = ["column_name", "expression_list", "mark_origins", "resolve_unknowns", "target_list"]


def target_list(state: State, nodes: list[Node], kind: Kind) -> list[Output]:
    """The target list of SELECT or RETURNING."""
    before = state.kind
    state.kind = kind
    outputs: list[Output] = []
    for each in nodes:
        target = each["ResTarget"]
        value = target["val"]
        stars = _stars(state, value)
        if stars is not None:
            outputs += [Output(expr=expr, name=name) for name, expr in stars]
            continue
        expr = expression(state, value)
        outputs.append(Output(expr=expr, name=target.get("name") or column_name(value)))
    state.kind = before
    return outputs


def expression_list(state: State, nodes: list[Node], *, allow_default: bool) -> list[Expr]:
    """Expressions in which a star stands for all columns: ROW(…), VALUES."""
    found: list[Expr] = []
    for node in nodes:
        stars = _stars(state, node)
        if stars is not None:
            found += [expr for _, expr in stars]
        elif allow_default and "SetToDefault" in node:
            found.append(Default(type=UNKNOWN, location=node["SetToDefault"].get("location", 0)))
        else:
            found.append(expression(state, node))
    return found


def _stars(state: State, node: Node) -> list[tuple[str, Expr]] | None:
    """The columns that a ``*`` stands for; None for what is none."""
    reference = node.get("ColumnRef")
    if reference is not None:
        fields = reference["fields"]
        if "A_Star" not in fields[-1]:
            return None
        return _expand_reference(state, name_list(fields[:-1]), reference.get("location", 0))
    indirection = node.get("A_Indirection")
    if indirection is None or "A_Star" not in indirection["indirection"][-1]:
        return None
    inner = indirection["arg"]
    if len(indirection["indirection"]) > 1:
        inner = {"A_Indirection": {**indirection, "indirection": indirection["indirection"][:-1]}}
    return expand_row(state, expression(state, inner))


def _expand_reference(state: State, words: list[str], location: int) -> list[tuple[str, Expr]]:
    if not words:
        found: list[tuple[str, Expr]] = []
        any_visible = False
        for item in state.namespace:
            if not item.columns_visible:
                continue
            any_visible = True
            found += item_columns(item, location)
        if not any_visible:
            raise error("42601", "SELECT * with no tables specified is not valid", location)
        return found
    if len(words) > 3:
        raise error("42601", f"improper qualified name (too many dotted names): {'.'.join([*words, '*'])}", location)
    schema = words[-2] if len(words) > 1 else None
    relation = find_item(state, schema, words[-1], location)
    if relation is None:
        raise missing_relation(state, schema, words[-1], location)
    return item_columns(relation[0], location)


def expand_row(state: State, row: Expr) -> list[tuple[str, Expr]]:
    """``(row).*``.

    Raises:
        SqlError: 42809 it is no row.
    """
    location = location_of(row)
    if isinstance(row, Var) and row.column == 0:
        item = Item(row.entry)
        item.relation = state.shared.views.get(row.entry) or item.relation
        return item_columns(item, location)
    fields = row_fields(state, row)
    if fields is None:
        if row.type == RECORD:
            raise error("42601", "record type has not been registered", location)
        if not is_composite(state.catalog, row.type):
            raise error("42809", f"type {format_type(state.catalog, row.type)} is not composite", location)
        return []
    found = []
    for name, kind, _, _ in fields:
        if kind:
            expr = field_of(state, row, name, location)
            assert expr is not None
            found.append((name, expr))
    return found


def resolve_unknowns(state: State, outputs: list[Output]) -> None:
    """Bare literals of a target list are text: resolveTargetListUnknowns."""
    for output in outputs:
        if output.expr.type == UNKNOWN:
            output.expr = coerce_type(state, output.expr, TEXT, -1, Context.IMPLICIT, "implicit cast", -1)


def mark_origins(state: State, outputs: list[Output]) -> None:
    """Which columns of tables the outputs are: markTargetListOrigins."""
    for output in outputs:
        if type(output.expr) is Var:
            output.origin = _origin(state, output.expr)


def _origin(state: State, var: Var) -> tuple[int, int]:
    entry = var.entry
    column = var.column
    source: Any = entry.source
    if isinstance(source, Relation):
        return source.oid, column
    view = state.shared.views.get(entry)
    if view is not None:
        return view.oid, column
    if column <= 0:
        return 0, 0
    if isinstance(source, Join):
        inner = source.columns[column - 1]
        return _origin(state, inner) if isinstance(inner, Var) else (0, 0)
    if isinstance(source, CteSource):
        if source.cte.query is None or source.cte.recursive:
            return 0, 0
        source = source.cte.query
    if isinstance(source, Query):
        shown = source.returning if source.returning is not None else source.outputs
        visible = [output for output in shown if not output.junk]
        return visible[column - 1].origin if column <= len(visible) else (0, 0)
    return 0, 0


# Names of columns: FigureColname


def column_name(node: Node) -> str:
    """The name of an output that has none."""
    return _figure(node)[0] or "?column?"


_VALUE_NAMES = {
    "SVFOP_CURRENT_DATE": "current_date",
    "SVFOP_CURRENT_TIME": "current_time",
    "SVFOP_CURRENT_TIMESTAMP": "current_timestamp",
    "SVFOP_LOCALTIME": "localtime",
    "SVFOP_LOCALTIMESTAMP": "localtimestamp",
    "SVFOP_CURRENT_ROLE": "current_role",
    "SVFOP_CURRENT_USER": "current_user",
    "SVFOP_USER": "user",
    "SVFOP_SESSION_USER": "session_user",
    "SVFOP_CURRENT_CATALOG": "current_catalog",
    "SVFOP_CURRENT_SCHEMA": "current_schema",
}
_FIXED = {
    "GroupingFunc": "grouping",
    "A_ArrayExpr": "array",
    "RowExpr": "row",
    "CoalesceExpr": "coalesce",
}


def _figure(node: Node) -> tuple[str, int]:
    """The name that an expression suggests, and how well: 2 for a name, 1 for a mere hint, 0 for none."""
    ((kind, fields),) = node.items()
    if kind == "ColumnRef":
        names = [each["String"]["sval"] for each in fields["fields"] if "String" in each]
        return (names[-1], 2) if names else ("", 0)
    if kind == "A_Indirection":
        names = [each["String"]["sval"] for each in fields["indirection"] if "String" in each]
        return (names[-1], 2) if names else _figure(fields["arg"])
    if kind == "FuncCall":
        return fields["funcname"][-1]["String"]["sval"], 2
    if kind == "A_Expr":
        return ("nullif", 2) if fields.get("kind") == "AEXPR_NULLIF" else ("", 0)
    if kind == "TypeCast":
        name, strength = _figure(fields["arg"])
        if strength <= 1 and fields["typeName"].get("names"):
            return fields["typeName"]["names"][-1]["String"]["sval"], 1
        return name, strength
    if kind == "CollateClause":
        return _figure(fields["arg"])
    if kind == "CaseExpr":
        name, strength = _figure(fields["defresult"]) if "defresult" in fields else ("", 0)
        return (name, strength) if strength > 1 else ("case", 1)
    if kind == "SubLink":
        return _figure_sublink(fields)
    if kind == "MinMaxExpr":
        return ("greatest" if fields.get("op", "IS_GREATEST") == "IS_GREATEST" else "least"), 2
    if kind == "SQLValueFunction":
        return _VALUE_NAMES[fields["op"].removesuffix("_N")], 2
    name = _FIXED.get(kind, "")
    return name, 2 if name else 0


def _figure_sublink(fields: Node) -> tuple[str, int]:
    kind = fields.get("subLinkType", "EXISTS_SUBLINK")
    if kind == "EXISTS_SUBLINK":
        return "exists", 2
    if kind == "ARRAY_SUBLINK":
        return "array", 2
    if kind == "EXPR_SUBLINK":
        targets = fields["subselect"]["SelectStmt"].get("targetList")
        if targets:
            target = targets[0]["ResTarget"]
            return (target["name"], 2) if target.get("name") else _figure(target["val"])
    return "", 0
