"""What the tree of a statement says about its answer: which order its rows have, and whether it is a plan."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from postgast.native import lib

__all__ = ["Shape", "shapes"]


_SUMS = ("avg", "sum", "stddev", "var_", "variance", "corr", "covar_", "regr_")


@dataclass(frozen=True, slots=True)
class Shape:
    """What of an answer is defined."""

    kind: str = ""
    """Name of the tree's node: SelectStmt, ExplainStmt..."""
    ordered: bool = False
    """Whether the rows have one order."""
    keys: tuple[int | str, ...] = ()
    """Columns by number or name that they are ordered by; empty if some key is no column of the result."""
    any_rows: bool = False
    """Whether it is some rows of a table, whichever: LIMIT without ORDER BY gives "an unpredictable subset" (SELECT,
    "LIMIT Clause")."""
    summed: bool = False
    """Whether it adds up values in an order that is "unspecified" (§9.21), on which the last digits of a floating-point
    result depend (§8.1.3)."""


def _tree(sql: str) -> list[dict[str, Any]]:
    result = lib.pg_query_parse(sql.encode())
    try:
        if result.error or not result.parse_tree:
            return []
        statements: list[dict[str, Any]] = json.loads(result.parse_tree).get("stmts", [])
        return statements
    except RecursionError:
        return []
    finally:
        lib.pg_query_free_parse_result(result)


def shapes(sql: str) -> list[Shape]:
    """A shape for each statement of a query; none if it is no SQL."""
    return [_shape(statement.get("stmt", {})) for statement in _tree(sql)]


def _shape(node: dict[str, Any]) -> Shape:
    kind = next(iter(node), "")
    body = node.get(kind, {})
    if kind == "SelectStmt":
        limited = "limitCount" in body or "limitOffset" in body
        ordered = bool(body.get("sortClause"))
        any_rows = limited and not ordered and bool(body.get("fromClause"))
        return Shape(kind, ordered, _keys(body) if ordered else (), any_rows, _summed(body.get("targetList", ())))
    if kind == "CopyStmt" and "SelectStmt" in body.get("query", {}):
        return Shape(kind, bool(body["query"]["SelectStmt"].get("sortClause")))
    # rows of a cursor come in the order of its query, which is not here; those of SHOW ALL by name
    return Shape(kind, kind in ("FetchStmt", "VariableShowStmt"))


def _summed(node: Any) -> bool:
    if isinstance(node, list | tuple):
        return any(map(_summed, node))
    if not isinstance(node, dict):
        return False
    if "FuncCall" in node:
        names = [part.get("String", {}).get("sval", "") for part in node["FuncCall"].get("funcname", ())]
        if names and names[-1].startswith(_SUMS):
            return True
    return any(map(_summed, node.values()))


def _keys(body: dict[str, Any]) -> tuple[int | str, ...]:
    """The keys of ORDER BY, if all are columns of the result."""
    outputs = [_expression(target.get("ResTarget", {}).get("val", {})) for target in body.get("targetList", ())]
    names = [target.get("ResTarget", {}).get("name", "") for target in body.get("targetList", ())]
    keys: list[int | str] = []
    for clause in body["sortClause"]:
        node = clause["SortBy"]["node"]
        constant = node.get("A_Const", {}).get("ival")
        fields = [part.get("String", {}).get("sval", "") for part in node.get("ColumnRef", {}).get("fields", ())]
        if constant is not None:
            keys.append(int(constant.get("ival", 0)))
        elif len(fields) == 1 and (fields[0] in names or not outputs or any("A_Star" in output for output in outputs)):
            keys.append(fields[0])
        elif _expression(node) in outputs and not any("A_Star" in output for output in outputs):
            keys.append(outputs.index(_expression(node)) + 1)
        elif fields and any("A_Star" in output for output in outputs):
            keys.append(fields[-1])
        else:
            return ()
    return tuple(keys)


def _expression(node: Any) -> str:
    """An expression in a form that can be compared."""
    return json.dumps(_without_location(node), sort_keys=True)


def _without_location(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_location(value) for key, value in node.items() if key != "location"}
    return [_without_location(value) for value in node] if isinstance(node, list) else node
