"""The tree of an EXPLAIN: nodes with the names that PostgreSQL gives them, made of the analysed query.

SQLite makes its own plan; this shows the work that there is to do, and by which index it can be done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...catalog import Catalog, Index, Relation
from ...errors import SqlError
from ..deparse import deparse_expression
from ..lower.match import walk
from ..nodes import (
    BoolExpr,
    CteSource,
    Entry,
    Expr,
    FromItem,
    FuncCall,
    FunctionSource,
    OpExpr,
    Query,
    SortKey,
    ValuesSource,
    Var,
)

__all__ = ["Node", "plan_tree"]

_ROWS, _FUNCTION_ROWS = 1000, 1000
_JOINS = {"inner": "", "cross": "", "left": " Left", "right": " Right", "full": " Full"}


@dataclass(slots=True)
class Node:
    """A node of a plan."""

    name: str
    details: list[tuple[str, str]] = field(default_factory=list)
    """Labels and texts of the lines below it."""
    children: list[Node] = field(default_factory=list)
    rows: int = 1
    properties: dict[str, Any] = field(default_factory=dict)
    """Further ones of the other formats: ``Relation Name``, ``Alias``, ``Join Type``."""
    title: str = ""
    """How the text format calls it, when that is more than the name."""

    @property
    def cost(self) -> float:
        """Of all that is below it: every row that is handled costs the same."""
        return sum(child.cost for child in self.children) + self.rows * 0.01


def plan_tree(query: Query, catalog: Catalog) -> Node:
    """The tree of a statement."""
    return _Drawing(catalog).query(query)


class _Drawing:
    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def _text(self, expr: Expr) -> str:
        try:
            text: str = deparse_expression(expr, self._catalog)
        except SqlError:
            return "..."
        return text

    def _condition(self, expr: Expr) -> str:
        text = self._text(expr)
        return text if text.startswith("(") else f"({text})"

    def query(self, query: Query) -> Node:
        """A query."""
        if query.command != "select":
            return self._modification(query)
        if query.set_operation is not None:
            node = self._set_operation(query)
        else:
            node = self._from(query)
            node = self._grouped(query, node)
        if query.has_windows:
            node = Node("WindowAgg", [], [node], node.rows)
        if query.has_set_functions:
            node = Node("ProjectSet", [], [node], node.rows * 10)
        if query.distinct is not None:
            node = Node("Unique", [], [node], max(1, node.rows // 2))
        if query.sort:
            keys = ", ".join(self._sort_key(key) for key in query.sort)
            node = Node("Sort", [("Sort Key", keys)], [node], node.rows)
        if query.locks:
            node = Node("LockRows", [], [node], node.rows)
        if query.limit is not None or query.offset is not None:
            node = Node("Limit", [], [node], min(node.rows, self._limit(query.limit)))
        for cte in reversed(query.ctes):
            if cte.references > 1 or cte.recursive or cte.query.command != "select" or cte.materialized:
                inner = self.query(cte.query)
                inner.properties = {"Subplan Name": f"CTE {cte.name}", **inner.properties}
                node.children.insert(0, inner)
        return node

    @staticmethod
    def _limit(limit: Expr | None) -> int:
        value = getattr(limit, "value", None)
        return value if isinstance(value, int) else _ROWS

    def _sort_key(self, key: SortKey) -> str:
        text = self._text(key.expr)
        if key.descending:
            text += " DESC"
        if key.nulls_first != key.descending:
            text += " NULLS FIRST" if key.nulls_first else " NULLS LAST"
        return text

    def _grouped(self, query: Query, node: Node) -> Node:
        if query.group:
            keys = ", ".join(self._text(each) for each in query.group)
            node = Node("Aggregate", [("Group Key", keys)], [node], max(1, node.rows // 5), title="HashAggregate")
            node.properties = {"Strategy": "Hashed"}
        elif query.has_aggregates:
            node = Node("Aggregate", [], [node], 1, {"Strategy": "Plain"})
        else:
            return node
        if query.having is not None:
            node.details.append(("Filter", self._condition(query.having)))
        return node

    def _set_operation(self, query: Query) -> Node:
        operation = query.set_operation
        assert operation is not None
        children = [self.query(operation.left), self.query(operation.right)]
        rows = sum(child.rows for child in children)
        if operation.kind == "union":
            append = Node("Append", [], children, rows)
            return append if operation.all else Node("Aggregate", [], [append], rows, title="HashAggregate")
        command = operation.kind.capitalize() + (" All" if operation.all else "")
        return Node("SetOp", [], children, rows, {"Command": command}, title=f"HashSetOp {command}")

    # FROM

    def _from(self, query: Query) -> Node:
        if not query.from_:
            node = Node("Result")
            if query.where is not None:
                node.details.append(("One-Time Filter", self._condition(query.where)))
            return node
        conditions = _conjuncts(query.where)
        node = self._item(query.from_[0], conditions)
        for item in query.from_[1:]:
            other = self._item(item, conditions)
            node = Node("Nested Loop", [], [node, other], max(node.rows, other.rows), {"Join Type": "Inner"})
        if conditions:
            node.details.append(("Join Filter" if len(node.children) == 2 else "Filter", self._all(conditions)))
        return node

    def _all(self, conditions: Sequence[Expr]) -> str:
        if len(conditions) == 1:
            return self._condition(conditions[0])
        return "(" + " AND ".join(self._condition(each) for each in conditions) + ")"

    def _item(self, item: FromItem, conditions: list[Expr]) -> Node:
        if isinstance(item, Entry):
            return self._entry(item, conditions)
        movable = conditions if item.kind in ("inner", "cross") else []
        left, right = self._item(item.left, movable), self._item(item.right, movable)
        title = f"Nested Loop{_JOINS[item.kind]}{' Join' if _JOINS[item.kind] else ''}"
        node = Node("Nested Loop", [], [left, right], max(left.rows, right.rows), title=title)
        node.properties = {"Join Type": _JOINS[item.kind].strip() or "Inner"}
        if item.condition is not None:
            node.details.append(("Join Filter", self._condition(item.condition)))
        return node

    def _entry(self, entry: Entry, conditions: list[Expr]) -> Node:
        own = [each for each in conditions if _entries(each) == {entry}]
        for each in own:
            conditions.remove(each)
        source = entry.source
        if isinstance(source, Relation):
            return self._relation(entry, source, own)
        if isinstance(source, Query):
            inner = self.query(source)
            if not own:
                return inner
            return Node("Subquery Scan", [("Filter", self._all(own))], [inner], inner.rows, {"Alias": entry.alias},
                        title=f"Subquery Scan on {entry.alias}")  # fmt: skip
        node = self._other(entry)
        if own:
            node.details.append(("Filter", self._all(own)))
        return node

    def _other(self, entry: Entry) -> Node:
        source = entry.source
        if isinstance(source, ValuesSource):
            name = f'"{entry.alias or "*VALUES*"}"'
            return Node("Values Scan", [], [], len(source.rows), {"Alias": entry.alias}, title=f"Values Scan on {name}")
        if isinstance(source, CteSource):
            title = f"CTE Scan on {source.cte.name}"
            if entry.alias not in ("", source.cte.name):
                title += f" {entry.alias}"
            return Node("CTE Scan", [], [], _ROWS, {"CTE Name": source.cte.name, "Alias": entry.alias}, title=title)
        if isinstance(source, FunctionSource):
            call = source.calls[0]
            name = call.proc.name if isinstance(call, FuncCall) else "function"
            title = f"Function Scan on {name}" + (f" {entry.alias}" if entry.alias not in ("", name) else "")
            return Node("Function Scan", [], [], _FUNCTION_ROWS, {"Function Name": name, "Alias": entry.alias},
                        title=title)  # fmt: skip
        return Node("Result")

    def _relation(self, entry: Entry, relation: Relation, conditions: list[Expr]) -> Node:
        alias = f" {entry.alias}" if entry.alias not in ("", relation.name) else ""
        properties: dict[str, Any] = {"Relation Name": relation.name, "Alias": entry.alias or relation.name}
        fixed = {column: each for each in conditions for column in [_compared(entry, each)] if column}
        index = _usable(relation, set(fixed))
        if index is None:
            node = Node("Seq Scan", [], [], _ROWS, properties, title=f"Seq Scan on {relation.name}{alias}")
        else:
            used = [fixed[key] for key in index.keys if key in fixed]
            properties = {"Index Name": index.name, **properties}
            node = Node("Index Scan", [("Index Cond", self._all(used))], [], 1 if index.unique else 10, properties,
                        title=f"Index Scan using {index.name} on {relation.name}{alias}")  # fmt: skip
            conditions = [each for each in conditions if not any(each is one for one in used)]
        if conditions:
            node.details.append(("Filter", self._all(conditions)))
            node.rows = max(1, node.rows // 3)
        return node

    # statements that change data

    def _modification(self, query: Query) -> Node:
        assert query.target is not None
        relation = query.target.source
        assert isinstance(relation, Relation)
        word = query.command.capitalize()
        if query.command == "insert":
            child = self.query(query.source) if query.source is not None else Node("Result")
        else:
            conditions = _conjuncts(query.where)
            child = self._item(query.target, conditions)
            for item in query.from_:
                child = Node("Nested Loop", [], [child, self._item(item, conditions)], child.rows)
            if conditions:
                child.details.append(("Join Filter" if child.children else "Filter", self._all(conditions)))
        rows = child.rows if query.returning is not None else 0
        alias = f" {query.target.alias}" if query.target.alias not in ("", relation.name) else ""
        node = Node("ModifyTable", [], [child], rows, title=f"{word} on {relation.name}{alias}")
        node.properties = {"Operation": word, "Relation Name": relation.name, "Alias": query.target.alias}
        if query.conflict is not None:
            node.details.append(("Conflict Resolution", query.conflict.action.upper()))
        return node


def _conjuncts(condition: Expr | None) -> list[Expr]:
    if condition is None:
        return []
    if isinstance(condition, BoolExpr) and condition.kind == "and":
        return [each for part in condition.args for each in _conjuncts(part)]
    return [condition]


def _entries(expr: Expr) -> set[Entry]:
    return {each.entry for each in walk(expr) if isinstance(each, Var)}


def _compared(entry: Entry, condition: Expr) -> int:
    """The column that a condition compares with something else than columns of its table; 0 without."""
    if not isinstance(condition, OpExpr) or condition.operator.name not in ("=", "<", "<=", ">", ">="):
        return 0
    for one, other in (condition.args, condition.args[::-1]):
        if isinstance(one, Var) and one.entry is entry and entry not in _entries(other):
            return one.column
    return 0


def _usable(relation: Relation, columns: set[int]) -> Index | None:
    """The index that begins with one of the columns; unique ones first."""
    candidates = [index for index in relation.indexes if index.keys and index.keys[0] in columns]
    candidates = [index for index in candidates if index.predicate is None]
    return min(candidates, key=lambda index: (not index.unique, -len(index.keys)), default=None)
