"""Which privileges a query needs: what PostgreSQL keeps in the range table entries for ExecCheckRTPerms().

What a view reads is needed by the view's owner, unless the view has ``security_invoker`` (documentation §41.5 and the
page of CREATE VIEW).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from ..catalog import Relation
from .nodes import (
    Entry,
    Expr,
    FromItem,
    Join,
    MergeAction,
    Output,
    Query,
    SubLink,
    Subscript,
    Var,
    ViewStep,
)
from .walk import children, entries, query_expressions

__all__ = ["Right", "rights_of"]


@dataclass(frozen=True, slots=True)
class Right:
    """One privilege that somebody needs."""

    relation: Relation
    user: int
    """OID of the role that needs it; 0: the current user."""
    letter: str
    """See `catalog.privileges`."""
    columns: frozenset[int] | None = None
    """None: it must be had on the relation. Otherwise it is enough to have it on each of these columns (0 is the whole
    row), or, if there are none, on any."""


_Key: TypeAlias = "tuple[int, int]"


class _Needs:
    """What is needed of one relation in one place."""

    __slots__ = ("letters", "relation", "user")

    def __init__(self, relation: Relation, user: int) -> None:
        self.relation = relation
        self.user = user
        self.letters: dict[str, set[int]] = {}

    def add(self, letter: str, columns: Iterable[int] = ()) -> None:
        """A privilege, and columns that it is needed on."""
        self.letters.setdefault(letter, set()).update(columns)


class _Collector:
    """Goes through a query."""

    def __init__(self) -> None:
        self.needs: dict[_Key, _Needs] = {}
        #: for each table that is changed through views: the needs of these and of the table, from the outermost inwards
        self.chains: list[tuple[list[ViewStep], list[_Needs]]] = []
        #: columns of these views, by the objects that stand for them: needs, number, and who reads what is within
        self.shown: dict[int, tuple[_Needs, int, int]] = {}
        #: conditions of these views, and who reads what is in them
        self.conditions: dict[int, int] = {}
        #: EXCLUDED of these views
        self.excluded: dict[int, tuple[ViewStep, _Needs]] = {}

    # Queries

    def query(self, query: Query, user: int) -> None:
        """A query that a role runs."""
        if query.target is not None:
            self._target(query, query.target, user)
        for item in query.from_:
            self._item(item, user)
        for lock in query.locks:
            for entry in (*lock.entries, *lock.views):
                found = self.needs.get((id(entry), user))
                if found is not None:
                    found.add("w")
        generated = {id(each.expr) for each in _changing_outputs(query) if each.generated}
        for expr in query_expressions(query):
            if id(expr) not in generated:
                self._expression(expr, user)
        for cte in query.ctes:
            self.query(cte.query, user)
        if query.set_operation is not None:
            self.query(query.set_operation.left, user)
            self.query(query.set_operation.right, user)
        if query.source is not None:
            self.query(query.source, user)
        for entry in entries(query.from_):
            if isinstance(entry.source, Query):
                self.query(entry.source, user if entry.view is None else _checked_as(entry.view))

    def _item(self, item: FromItem, user: int) -> None:
        if isinstance(item, Join):
            self._item(item.left, user)
            self._item(item.right, user)
            for left, right, _ in item.using:
                self._expression(left, user)
                self._expression(right, user)
            return
        relation = item.view or item.source
        if isinstance(relation, Relation):
            self.needs.setdefault((id(item), user), _Needs(relation, user)).add("r")

    # What is changed

    def _target(self, query: Query, target: Entry, user: int) -> None:
        assert isinstance(target.source, Relation)
        own, chain = user, []
        for step in target.through:
            needs = self.needs[id(step), own] = _Needs(step.view, own)
            chain.append(needs)
            own = _checked_as(step.view)
            for number, expr in enumerate(step.columns, 1):
                self.shown.setdefault(id(expr), (needs, number, own))
            if step.condition is not None:
                self.conditions[id(step.condition)] = own
        table = self.needs[id(target), own] = _Needs(target.source, own)
        for letter, columns in _changes(query):
            table.add(letter, columns)
            for step, needs in zip(target.through, chain, strict=True):
                needs.add(letter, _shown(step, columns))
        if chain:
            self.chains.append((target.through, [*chain, table]))
        conflict = query.conflict
        if conflict is None:
            return
        if conflict.inferred:
            if chain:
                chain[0].add("r", _shown(target.through[0], conflict.inferred))
            else:
                table.add("r", conflict.inferred)
        if conflict.excluded is not None:
            # a column of EXCLUDED counts as that of the table
            if chain:
                self.excluded[id(conflict.excluded)] = target.through[0], chain[0]
            else:
                self.needs[id(conflict.excluded), user] = table

    def rights(self) -> Iterator[Right]:
        """What was found; views that are changed pass on what they were asked for (rewriteTargetView())."""
        for steps, chain in self.chains:
            for step, asked, below in zip(steps, chain, chain[1:], strict=False):
                below.letters.pop("r", None)
                if "r" in asked.letters:
                    below.add("r", step.reads)
        seen: set[int] = set()
        for each in self.needs.values():
            if id(each) in seen:
                continue
            seen.add(id(each))
            for letter, columns in each.letters.items():
                yield Right(each.relation, each.user, letter, frozenset(columns) if letter in "arw" else None)

    # Expressions

    def _expression(self, expr: Expr, user: int) -> None:
        pending = [expr]
        while pending:
            each = pending.pop()
            owner = self.conditions.get(id(each), user)
            shown = self.shown.get(id(each))
            if shown is not None and shown[0].user == user:
                shown[0].add("r", (shown[1],))
                owner = shown[2]
            if owner != user:
                self._expression(each, owner)
            elif isinstance(each, Var):
                self._variable(each, user, pending)
            else:
                if isinstance(each, SubLink):
                    self.query(each.query, user)
                    pending.extend(each.left)
                # the value of an array before one of its elements is set is kept, not read
                kept = each.arg if isinstance(each, Subscript) and each.assign is not None else None
                pending.extend(child for child in children(each) if child is not kept)

    def _variable(self, variable: Var, user: int, pending: list[Expr]) -> None:
        entry = variable.entry
        if isinstance(entry.source, Join):
            columns = entry.source.columns
            pending.extend(columns if variable.column <= 0 else columns[variable.column - 1 : variable.column])
            return
        excluded = self.excluded.get(id(entry))
        if excluded is not None:
            excluded[1].add("r", _shown(excluded[0], frozenset((variable.column,))))
            return
        needs = self.needs.get((id(entry), user))
        if needs is not None and not entry.through:
            needs.add("r", (variable.column,))


def _shown(step: ViewStep, columns: frozenset[int]) -> list[int]:
    return [number for number, column in enumerate(step.mapping, 1) if column in columns]


def _checked_as(view: Relation) -> int:
    """Who reads what a view reads; 0 is the current user, whatever it is read through."""
    for option in view.options:
        name, _, value = option.partition("=")
        if name == "security_invoker" and value in ("true", "on", "1", "yes"):
            return 0
    return view.owner


def _changes(query: Query) -> Iterator[tuple[str, frozenset[int]]]:
    """The privileges on its target that a statement needs to change it, and the columns."""
    if query.command == "insert":
        yield "a", query.named
        if query.conflict is not None and query.conflict.action == "update":
            yield "w", _set(query.conflict.outputs)
    elif query.command == "update":
        yield "w", _set(query.outputs)
    elif query.command == "delete":
        yield "d", frozenset()
    for action in query.actions:
        yield from _of_action(action)


def _of_action(action: MergeAction) -> Iterator[tuple[str, frozenset[int]]]:
    if action.action == "insert":
        yield "a", action.named
    elif action.action == "update":
        yield "w", _set(action.outputs)
    elif action.action == "delete":
        yield "d", frozenset()


def _set(outputs: Iterable[Output]) -> frozenset[int]:
    return frozenset(each.column for each in outputs if not each.generated)


def _changing_outputs(query: Query) -> Iterator[Output]:
    if query.target is None:
        return
    yield from query.outputs
    if query.conflict is not None:
        yield from query.conflict.outputs
    for action in query.actions:
        yield from action.outputs


def rights_of(query: Query) -> tuple[Right, ...]:
    """The privileges that a query needs, in the order in which they are looked at.

    Args:
        query: as it was analysed.
    """
    collector = _Collector()
    collector.query(query, 0)
    return tuple(collector.rights())
