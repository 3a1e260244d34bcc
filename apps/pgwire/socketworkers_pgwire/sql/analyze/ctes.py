"""WITH. PostgreSQL: parse_cte.c."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import SqlError
from ..grammar import Node
from ..nodes import Query, WithQuery
from .coerce import Context, coerce_type
from .oids import TEXT, UNKNOWN
from .state import State, error, unsupported
from .typenames import format_type

__all__ = ["analyse_with", "settle_columns"]

_MATERIALIZED = {"CTEMaterializeAlways": True, "CTEMaterializeNever": False}


def analyse_with(state: State, clause: Node) -> None:
    """The queries of WITH; those that refer to others come after them.

    Raises:
        SqlError: 42712 a name is there twice; 42P19 a recursive query is not of the form that can be run.
    """
    nodes = [each["CommonTableExpr"] for each in clause["ctes"]]
    names: list[str] = []
    for node in nodes:
        name = node["ctename"]
        location = node.get("location", 0)
        if name in names:
            raise error("42712", f'WITH query name "{name}" specified more than once', location)
        names.append(name)
        if "MergeStmt" in node["ctequery"]:
            raise error("0A000", "MERGE not supported in WITH query", location)
        if "SelectStmt" not in node["ctequery"]:
            if state.parent is not None:
                raise error(
                    "0A000", "WITH clause containing a data-modifying statement must be at the top level", location
                )
            state.query.has_modifying_ctes = True
    if not clause.get("recursive"):
        state.future_ctes = list(nodes)
        for node in nodes:
            cte = _make(node, recursive=False)
            _analyse(state, cte, node)
            state.ctes.append(cte)
            state.query.ctes.append(cte)
            state.future_ctes.remove(node)
        return
    wanted = {node["ctename"]: _references(node["ctequery"], set(names)) for node in nodes}
    ordered = _in_order(nodes, wanted)
    for node in ordered:
        name = node["ctename"]
        recursive = name in wanted[name]
        if recursive:
            _check_form(node)
        cte = _make(node, recursive=recursive)
        if recursive:
            state.ctes.append(cte)
            _analyse(state, cte, node)
        else:
            _analyse(state, cte, node)
            state.ctes.append(cte)
        state.query.ctes.append(cte)


def _make(node: Node, *, recursive: bool) -> WithQuery:
    query: Any = None
    return WithQuery(
        name=node["ctename"],
        query=query,
        recursive=recursive,
        materialized=_MATERIALIZED.get(node.get("ctematerialized", "")),
        names=[],
        types=[],
    )


def _analyse(state: State, cte: WithQuery, node: Node) -> None:
    for key, word in (("search_clause", "SEARCH"), ("cycle_clause", "CYCLE")):
        if key in node:
            if not cte.recursive:
                raise error("42601", "WITH query is not recursive", node.get("location", 0))
            raise unsupported(f"{word} clause", node[key].get("location", 0))
    ((kind, fields),) = node["ctequery"].items()
    inner = State(state.shared, state)
    aliases = [each["String"]["sval"] for each in node.get("aliascolnames", ())]
    if kind == "SelectStmt":
        from .select import analyse_select

        if cte.recursive:
            inner.parent_cte = cte
            inner.shared.cte_aliases[id(cte)] = aliases
        cte.query = analyse_select(inner, fields)
    else:
        from .statements import analyse_modification

        cte.query = analyse_modification(inner, kind, fields)
    if cte.recursive:
        _check_types(state, cte, node)
    else:
        _set_columns(cte, cte.query, aliases, node.get("location", 0))


def _set_columns(cte: WithQuery, query: Query, aliases: list[str], location: int) -> None:
    outputs = query.outputs if query.command == "select" else query.returning or []
    shown = [output for output in outputs if not output.junk]
    if len(aliases) > len(shown):
        raise error(
            "42P10",
            f'WITH query "{cte.name}" has {len(shown)} columns available but {len(aliases)} columns specified',
            location,
        )
    cte.names = aliases + [output.name for output in shown[len(aliases) :]]
    cte.types = [(output.expr.type, output.expr.typmod, output.expr.collation) for output in shown]


def settle_columns(state: State, cte: WithQuery, left: Query) -> None:
    """The columns of a recursive query are those of its first term: determineRecursiveColTypes."""
    for output in left.outputs:
        if not output.junk and output.expr.type == UNKNOWN:
            output.expr = coerce_type(state, output.expr, TEXT, -1, Context.IMPLICIT, "implicit cast", -1)
            output.expr.collation = output.expr.collation or 100
    _set_columns(cte, left, state.shared.cte_aliases.get(id(cte), []), -1)


def _check_types(state: State, cte: WithQuery, node: Node) -> None:
    catalog = state.catalog
    shown = [output for output in cte.query.outputs if not output.junk]
    for number, (output, (kind, typmod, collation)) in enumerate(zip(shown, cte.types, strict=True), 1):
        expr = output.expr
        if (expr.type, expr.typmod) != (kind, typmod):
            raise error(
                "42804",
                f'recursive query "{cte.name}" column {number} has type {format_type(catalog, kind, typmod)} in'
                f" non-recursive term but type {format_type(catalog, expr.type, expr.typmod)} overall",
                expr.location,
                hint="Cast the output of the non-recursive term to the correct type.",
            )
        if expr.collation != collation:
            raise error(
                "42P21",
                f'recursive query "{cte.name}" column {number} has collation "{_collation(state, collation)}" in'
                f' non-recursive term but collation "{_collation(state, expr.collation)}" overall',
                expr.location,
                hint="Use the COLLATE clause to set the collation of the non-recursive term.",
            )


def _collation(state: State, oid: int) -> str:
    row = state.catalog.collation_by_oid(oid)
    return "" if row is None else row.name


# Dependencies


def _references(node: Any, names: set[str]) -> set[str]:
    """The WITH queries that a part of the tree refers to."""
    return {name for name, _, _ in _range_vars(node, names)}


def _range_vars(node: Any, names: set[str]) -> Iterator[tuple[str, int, Node]]:
    """References to WITH queries in a part of the tree; names that an inner WITH hides are left out."""
    if isinstance(node, list):
        for each in node:
            yield from _range_vars(each, names)
        return
    if not isinstance(node, dict):
        return
    if "relname" in node:
        name = node["relname"]
        if name in names and "schemaname" not in node:
            yield name, node.get("location", 0), node
        return
    clause = node.get("withClause")
    if clause is not None:
        hidden = {each["CommonTableExpr"]["ctename"] for each in clause["ctes"]}
        inner = names - hidden
        if clause.get("recursive"):
            yield from _range_vars(clause["ctes"], inner)
        else:
            visible = set(names)
            for each in clause["ctes"]:
                yield from _range_vars(each, visible)
                visible.discard(each["CommonTableExpr"]["ctename"])
        names = inner
    for key, value in node.items():
        if key == "withClause" or (key == "relation" and "targetList" in node and "SelectStmt" not in node):
            continue
        if isinstance(value, dict | list):
            yield from _range_vars(value, names)


def _in_order(nodes: list[Node], wanted: dict[str, set[str]]) -> list[Node]:
    """WITH queries after those they refer to.

    Raises:
        SqlError: 0A000 two refer to each other.
    """
    left = list(nodes)
    done: set[str] = set()
    ordered: list[Node] = []
    while left:
        ready = next((node for node in left if wanted[node["ctename"]] <= done | {node["ctename"]}), None)
        if ready is None:
            raise error("0A000", "mutual recursion between WITH items is not implemented", left[0].get("location", 0))
        left.remove(ready)
        done.add(ready["ctename"])
        ordered.append(ready)
    return ordered


# What a recursive query must look like: checkWellFormedRecursion

_CONTEXTS = {
    "left": 'recursive reference to query "{0}" must not appear within its non-recursive term',
    "sublink": 'recursive reference to query "{0}" must not appear within a subquery',
    "outer": 'recursive reference to query "{0}" must not appear within an outer join',
    "intersect": 'recursive reference to query "{0}" must not appear within INTERSECT',
    "except": 'recursive reference to query "{0}" must not appear within EXCEPT',
}


def _recursion(message: str, location: int) -> SqlError:
    return error("42P19", message, location)


def _check_form(node: Node) -> None:
    name = node["ctename"]
    location = node.get("location", 0)
    statement = node["ctequery"].get("SelectStmt")
    if statement is None:
        raise _recursion(f'recursive query "{name}" must not contain data-modifying statements', location)
    if statement.get("op") != "SETOP_UNION":
        raise _recursion(
            f'recursive query "{name}" does not have the form non-recursive-term UNION [ALL] recursive-term', location
        )
    own = {name}
    clause = statement.get("withClause")
    if clause is not None:
        for each in clause["ctes"]:
            _refuse(each["CommonTableExpr"]["ctequery"], name, "sublink")
    _refuse(statement["larg"], name, "left")
    found = list(_range_vars(statement["rarg"], own))
    _check_term(statement["rarg"], name)
    if len(found) > 1:
        raise _recursion(f'recursive reference to query "{name}" must not appear more than once', found[1][1])
    for key, word in (("sortClause", "ORDER BY"), ("limitOffset", "OFFSET"), ("limitCount", "LIMIT")):
        if key in statement:
            place = _place(statement[key])
            raise error("0A000", f"{word} in a recursive query is not implemented", place)
    if "lockingClause" in statement:
        raise error("0A000", "FOR UPDATE/SHARE in a recursive query is not implemented")


def _place(node: Any) -> int:
    from .places import raw_location

    if isinstance(node, list):
        return raw_location(node[0]["SortBy"]["node"])
    return raw_location(node)


def _refuse(node: Any, name: str, context: str) -> None:
    for _, location, _ in _range_vars(node, {name}):
        raise _recursion(_CONTEXTS[context].format(name), location)


def _check_term(statement: Node, name: str) -> None:
    """The recursive term: the reference stands in its FROM, and not on the nullable side of a join."""
    operation = statement.get("op", "SETOP_NONE")
    if operation == "SETOP_INTERSECT":
        _refuse(statement, name, "intersect")
        return
    if operation == "SETOP_EXCEPT":
        _check_term(statement["larg"], name)
        _refuse(statement["rarg"], name, "except")
        return
    if operation == "SETOP_UNION":
        _check_term(statement["larg"], name)
        _check_term(statement["rarg"], name)
        return
    for key, value in statement.items():
        if key == "fromClause":
            for each in value:
                _check_from(each, name)
        elif key == "withClause":
            for each in value["ctes"]:
                query = each["CommonTableExpr"]["ctequery"]
                if "SelectStmt" in query:
                    _check_term(query["SelectStmt"], name)
                else:
                    _refuse(query, name, "sublink")
        elif isinstance(value, dict | list):
            _refuse(value, name, "sublink")


def _check_from(node: Node, name: str) -> None:
    join = node.get("JoinExpr")
    if join is not None:
        kind = join.get("jointype", "JOIN_INNER")
        for side, nullable in (("larg", ("JOIN_RIGHT", "JOIN_FULL")), ("rarg", ("JOIN_LEFT", "JOIN_FULL"))):
            if kind in nullable:
                _refuse(join[side], name, "outer")
            else:
                _check_from(join[side], name)
        _refuse(join.get("quals", {}), name, "sublink")
        return
    subselect = node.get("RangeSubselect")
    if subselect is not None:
        _check_term(subselect["subquery"]["SelectStmt"], name)
        return
    function = node.get("RangeFunction")
    if function is not None:
        _refuse(function, name, "sublink")
