"""The table that INSERT, UPDATE, DELETE and MERGE change; a simple view stands for its table."""

from __future__ import annotations

from ...catalog import Catalog, Column, Relation
from ...errors import SqlError
from ...types import Settings
from ..grammar import Node, parse
from ..nodes import BoolExpr, Entry, Expr, Output, Var, ViewStep
from ..walk import walk
from .collations import assign
from .expressions import where_clause
from .from_clause import relation_item
from .kinds import Kind
from .names import find_relation
from .oids import BOOL
from .state import Item, Notes, Shared, State, error, stored_shared
from .targets import target_list

__all__ = ["Target", "changeable_columns", "open_target"]


class Target:
    """What is changed.

    Args:
        relation: the table.
        item: how the statement refers to it; of a view with the view's names.
        name: as the statement calls it.
        view: the view that it was reached by.
        mapping: of a view, for each of its columns the column of the table, or None when it is none.
        where: the condition of the view.
        command: what is done to it.
        base: of a view, what it reads.
        tree: of a view, its query.
    """

    __slots__ = ("base", "command", "entry", "item", "mapping", "name", "relation", "tree", "view", "where")

    def __init__(
        self,
        relation: Relation,
        item: Item,
        entry: Entry,
        name: str,
        view: Relation | None = None,
        mapping: list[Column | None] | None = None,
        where: Expr | None = None,
        command: str = "insert",
        base: Target | None = None,
        tree: Node | None = None,
    ) -> None:
        self.command = command
        self.base = base
        self.tree = tree
        self.relation = relation
        self.item = item
        self.entry = entry
        self.name = name
        self.view = view
        self.mapping = mapping
        self.where = where

    def shown_columns(self) -> list[Column]:
        """The columns that INSERT without a list of columns means."""
        if self.mapping is None:
            return [column for column in self.relation.columns if not column.dropped]
        assert self.view is not None
        found = []
        for shown, column in zip(self.view.columns, self.mapping, strict=True):
            if column is None:
                raise self._not_updatable(shown.name)
            found.append(column)
        return found

    def column(self, name: str) -> Column | None:
        """A column of the table by the name that the statement has for it.

        Raises:
            SqlError: 0A000 it is a column of the view only.
        """
        if self.mapping is None or self.view is None:
            return next((each for each in self.relation.columns if each.name == name and not each.dropped), None)
        for shown, column in zip(self.view.columns, self.mapping, strict=True):
            if shown.name == name:
                if column is None:
                    raise self._not_updatable(name)
                return column
        return None

    def _not_updatable(self, name: str) -> SqlError:
        assert self.view is not None
        return error(
            "0A000",
            f'cannot {"update" if self.command == "update" else "insert into"} column "{name}" of view'
            f' "{self.view.name}"',
            detail="View columns that are not columns of their base relation are not updatable.",
        )

    def columns_over(self, state: State, entry: Entry) -> list[Expr]:
        """The columns of the view over another entry of its table: EXCLUDED."""
        base, tree = self.base, self.tree
        assert base is not None
        assert tree is not None
        inner = State(stored_shared(state.shared))
        inner.depth = state.depth
        item = Item(entry) if base.view is None else Item(base.item.entry, columns=base.columns_over(inner, entry))
        item.name = base.item.name
        inner.namespace = [item]
        columns = [output.expr for output in target_list(inner, tree["targetList"], Kind.SELECT)]
        for expr in columns:
            assign(state, expr)
            for each in walk(expr):
                each.location = -1
        return columns

    def mark_origins(self, outputs: list[Output]) -> None:
        """The columns of a view come from it, not from its table."""
        columns = self.item.columns
        if self.view is None or columns is None:
            return
        for output in outputs:
            for number, column in enumerate(columns, 1):
                if output.expr is column:
                    output.origin = self.view.oid, number

    def variable(self, column: Column) -> Var:
        """The value that a column has."""
        return Var(
            type=column.type,
            typmod=column.typmod,
            collation=column.collation,
            entry=self.entry,
            column=column.number,
        )


_REFUSED = {
    "S": ("42809", "cannot change sequence"),
    "m": ("42809", "cannot change materialized view"),
    "c": ("42809", "cannot open relation"),
}
_VERBS = {
    "insert": ("insert into", "INSERT", "INSTEAD OF INSERT trigger or an unconditional ON INSERT DO INSTEAD rule"),
    "update": ("update", "UPDATE", "INSTEAD OF UPDATE trigger or an unconditional ON UPDATE DO INSTEAD rule"),
    "delete": ("delete from", "DELETE", "INSTEAD OF DELETE trigger or an unconditional ON DELETE DO INSTEAD rule"),
}
_HINTS = {"insert": "inserting into the view", "update": "updating the view", "delete": "deleting from the view"}


def open_target(state: State, node: Node, command: str) -> Target:
    """The table of a RangeVar: setTargetTable.

    Raises:
        SqlError: 42P01 there is none, 42809 it cannot be changed, 55000 a view that is not simple.
    """
    relation = find_relation(state, node)
    location = node.get("location", 0)
    if command == "merge" and relation.kind == "m":
        raise error(
            "0A000",
            f'cannot execute MERGE on relation "{relation.name}"',
            detail="This operation is not supported for materialized views.",
        )
    refused = _REFUSED.get(relation.kind)
    if refused is not None:
        raise error(refused[0], f'{refused[1]} "{relation.name}"')
    if relation.kind in "iI":
        raise error("42809", f'"{relation.name}" is an index', location)
    alias = node.get("alias")
    if relation.kind == "v":
        target = _view_target(state, relation, alias, command, location)
    else:
        item = relation_item(state, relation, alias, location)
        target = Target(relation, item, item.entry, relation.name)
    state.target = target.item
    state.query.target = target.entry
    return target


def changeable_columns(catalog: Catalog, settings: Settings, view: Relation) -> list[bool] | None:
    """Which columns of a view can be changed through it; None of a view that nothing can be changed through.

    As relation_is_updatable of PostgreSQL's rewriteHandler.c, without triggers and rules.
    """
    state = State(Shared(catalog, settings, None, Notes()))
    try:
        target = _view_target(state, view, None, "delete", 0)
    except SqlError:
        return None
    return None if target.mapping is None else [column is not None for column in target.mapping]


def _view_target(state: State, view: Relation, alias: Node | None, command: str, location: int) -> Target:
    if not view.definition:
        raise error("42809", f'cannot change relation "{view.name}"')
    if command == "merge":
        raise error(
            "0A000",
            f'cannot execute MERGE on relation "{view.name}"',
            detail="This operation is not supported for views.",
        )
    (statement,) = parse(view.definition)
    tree = statement.tree
    source = _simple_source(state, view, tree, command)
    shared = stored_shared(state.shared)
    inner = State(shared)
    inner.depth = state.depth
    below = find_relation(inner, source)
    if below.kind not in "rv":
        raise _not_simple(
            view, command, "Views that do not select from a single table or view are not automatically updatable."
        )
    if below.kind == "v":
        base = _view_target(inner, below, source.get("alias"), command, location)
    else:
        base_item = relation_item(inner, below, source.get("alias"), location)
        base = Target(below, base_item, base_item.entry, below.name)
    inner.namespace = [base.item]
    outputs = target_list(inner, tree["targetList"], Kind.SELECT)
    if inner.query.has_aggregates or inner.query.has_windows or inner.query.has_set_functions:
        raise _not_simple(
            view,
            command,
            "Views that return aggregate functions are not automatically updatable."
            if inner.query.has_aggregates
            else "Views that return window functions are not automatically updatable."
            if inner.query.has_windows
            else "Views that return set-returning functions are not automatically updatable.",
        )
    where = where_clause(inner, tree.get("whereClause"), Kind.WHERE, "WHERE")
    if base.where is not None:
        where = base.where if where is None else both(base.where, where)
    columns = [output.expr for output in outputs]
    for expr in (*columns, *(() if where is None else (where,))):
        for each in walk(expr):
            each.location = -1
    state.shared.notes.add(shared.notes)
    mapping: list[Column | None] = [
        base.relation.columns[expr.column - 1]
        if isinstance(expr, Var) and expr.entry is base.entry and expr.column > 0
        else None
        for expr in columns
    ]
    if not any(column is not None for column in mapping) and command != "delete":
        raise _not_simple(view, command, "Views that have no updatable columns are not automatically updatable.")
    names = [column.name for column in view.columns]
    if alias is not None and "colnames" in alias:
        given = [each["String"]["sval"] for each in alias["colnames"]]
        names[: len(given)] = given
    shown = view.name if alias is None else alias["aliasname"]
    entry = Entry(
        alias=shown,
        names=names,
        types=[(expr.type, expr.typmod, expr.collation) for expr in columns],
        source=base.relation,
        location=location,
    )
    state.shared.depths[base.entry] = state.depth
    base.entry.through.insert(0, _step(view, base, columns, where, mapping))
    item = Item(entry, columns=columns)
    item.relation = view
    # names in SQLite's statement are those of the table
    base.entry.alias = shown
    state.relations.append(item)
    return Target(base.relation, item, base.entry, view.name, view, mapping, where, command, base, tree)


def _step(
    view: Relation, base: Target, columns: list[Expr], where: Expr | None, mapping: list[Column | None]
) -> ViewStep:
    """What a view through which a table is changed refers to in what it selects from."""
    below = {id(expr): number for number, expr in enumerate(base.item.columns or (), 1)}
    reads: set[int] = set()
    for expr in (*columns, *(() if where is None else (where,))):
        for each in walk(expr, into_queries=True):
            if base.view is None:
                if isinstance(each, Var) and each.entry is base.entry:
                    reads.add(each.column)
            elif id(each) in below:
                reads.add(below[id(each)])
    return ViewStep(
        view=view,
        columns=columns,
        mapping=[0 if column is None else column.number for column in mapping],
        reads=frozenset(reads),
        condition=where,
    )


def both(first: Expr, second: Expr) -> Expr:
    """AND of two conditions."""
    return BoolExpr(type=BOOL, kind="and", args=[first, second])


def _simple_source(state: State, view: Relation, tree: Node, command: str) -> Node:
    """The one table of a view that can be changed through: view_query_is_auto_updatable."""
    reasons = (
        ("distinctClause", "containing DISTINCT"),
        ("groupClause", "containing GROUP BY"),
        ("havingClause", "containing HAVING"),
        ("withClause", "containing WITH"),
        ("limitCount", "containing LIMIT or OFFSET"),
        ("limitOffset", "containing LIMIT or OFFSET"),
    )
    if tree.get("op", "SETOP_NONE") != "SETOP_NONE":
        raise _not_simple(
            view, command, "Views containing UNION, INTERSECT, or EXCEPT are not automatically updatable."
        )
    for key, reason in reasons:
        if key in tree:
            raise _not_simple(view, command, f"Views {reason} are not automatically updatable.")
    sources = tree.get("fromClause", [])
    if len(sources) != 1 or "RangeVar" not in sources[0]:
        raise _not_simple(
            view,
            command,
            "Views that do not select from a single table or view are not automatically updatable.",
        )
    found: Node = sources[0]["RangeVar"]
    return found


def _not_simple(view: Relation, command: str, detail: str) -> SqlError:
    verb, _, trigger = _VERBS[command]
    return error(
        "55000",
        f'cannot {verb} view "{view.name}"',
        detail=detail,
        hint=f"To enable {_HINTS[command]}, provide an {trigger}.",
    )
