"""FOR UPDATE and its like. PostgreSQL: transformLockingClause."""

from __future__ import annotations

from typing import Any

from ...catalog import Relation
from ..grammar import Node
from ..nodes import CteSource, Entry, FunctionSource, Join, Query, RowLock, ValuesSource
from ..walk import entries
from .state import Item, State, error

__all__ = ["STRENGTHS", "locking_clause"]

STRENGTHS: dict[str, Any] = {
    "LCS_FORKEYSHARE": "key share",
    "LCS_FORSHARE": "share",
    "LCS_FORNOKEYUPDATE": "no key update",
    "LCS_FORUPDATE": "update",
}
_WAITS: dict[str, Any] = {"LockWaitBlock": "block", "LockWaitSkip": "skip", "LockWaitError": "error"}


def check_lockable(query: Query, word: str) -> None:
    """Refuse what rows cannot be locked through.

    Raises:
        SqlError: 0A000.
    """
    reasons = (
        (query.set_operation is not None, "UNION/INTERSECT/EXCEPT"),
        (query.distinct is not None, "DISTINCT clause"),
        (bool(query.group or query.grouping_sets), "GROUP BY clause"),
        (query.having is not None, "HAVING clause"),
        (query.has_aggregates, "aggregate functions"),
        (query.has_windows, "window functions"),
        (query.has_set_functions, "set-returning functions in the target list"),
    )
    for present, reason in reasons:
        if present:
            raise error("0A000", f"{word} is not allowed with {reason}")


def locking_clause(state: State, node: Node) -> None:
    """One FOR … clause of `state.query`.

    Raises:
        SqlError: 0A000, 42P01, 42809, 42601.
    """
    query = state.query
    strength = STRENGTHS[node.get("strength", "LCS_FORUPDATE")]
    word = f"FOR {strength.upper()}"
    check_lockable(query, word)
    wait = _WAITS[node.get("waitPolicy", "LockWaitBlock")]
    lock = RowLock(strength=strength, wait=wait, entries=[])
    relations = node.get("lockedRels")
    if relations is None:
        for entry in entries(query.from_):
            _lock_all(state, lock, entry)
    else:
        for each in relations:
            relation = each["RangeVar"]
            location = relation.get("location", 0)
            if "schemaname" in relation:
                raise error("42601", f"{word} must specify unqualified relation names", location)
            item = _find(state, relation["relname"], location, word)
            _lock_one(state, lock, item.entry, location, word)
    query.locks.append(lock)


def _find(state: State, name: str, location: int, word: str) -> Item:
    for item in state.relations:
        if item.name == name and item.visible and item.entry.alias:
            return item
    for item in state.namespace:
        if item.visible and item.name == name:
            return item
    raise error("42P01", f'relation "{name}" in {word} clause not found in FROM clause', location)


def _lock_all(state: State, lock: RowLock, entry: Entry) -> None:
    source = entry.source
    if isinstance(source, Relation):
        lock.entries.append(entry)
    elif isinstance(source, Query):
        if entry.view is not None:
            lock.views.append(entry)
        lock_query(state, _own(state, entry, source), lock)


def _own(state: State, entry: Entry, source: Query) -> Query:
    """The query of a view is shared by all that read it: what is locked gets its own."""
    view = state.shared.views.get(entry)
    if view is not None:
        from .views import view_query

        source = entry.source = view_query(state, view, fresh=True)
    return source


def lock_query(state: State, query: Query, lock: RowLock) -> None:
    """Lock all tables of a subquery."""
    check_lockable(query, f"FOR {lock.strength.upper()}")
    inner = RowLock(strength=lock.strength, wait=lock.wait, entries=[])
    for entry in entries(query.from_):
        _lock_all(state, inner, entry)
    if inner.entries or inner.views:
        query.locks.append(inner)


def _lock_one(state: State, lock: RowLock, entry: Entry, location: int, word: str) -> None:
    source = entry.source
    if isinstance(source, Relation):
        lock.entries.append(entry)
    elif isinstance(source, Query):
        if entry.view is not None:
            lock.views.append(entry)
        lock_query(state, _own(state, entry, source), lock)
    else:
        what = "a join"
        if isinstance(source, FunctionSource):
            what = "a function"
        elif isinstance(source, ValuesSource):
            what = "VALUES"
        elif isinstance(source, CteSource):
            what = "a WITH query"
        assert isinstance(source, Join | FunctionSource | ValuesSource | CteSource)
        raise error("0A000", f"{word} cannot be applied to {what}", location)
