"""Views: their definitions, analysed where they are read."""

from __future__ import annotations

from ...catalog import Relation
from ...errors import SqlError
from ..grammar import parse
from ..nodes import Query
from .places import forget_places
from .state import Notes, Shared, State

__all__ = ["view_query"]

_MOST_KEPT = 500
_DEEPEST = 100

#: by version of a catalogue (no two catalogues share one) and OID: the query, and the relations that it reads
_KEPT: dict[tuple[int, int], tuple[Query, frozenset[int]]] = {}


def view_query(state: State, view: Relation, *, fresh: bool = False) -> Query:
    """The query of a view.

    Args:
        state: the query that reads it.
        view: the view.
        fresh: analyse it anew: the caller changes what it gets.

    Raises:
        SqlError: 42P17 a view reads itself.
    """
    shared = state.shared
    catalog = shared.catalog
    key = catalog.version, view.oid
    found = _KEPT.get(key)
    if found is not None and not fresh:
        query, relations = found
        shared.notes.relations |= relations
        return query
    if shared.view_depth > _DEEPEST:
        raise SqlError("42P17", f'infinite recursion detected in rules for relation "{view.name}"')
    neutral = catalog if shared.stored else catalog.qualified()
    inner = Shared(neutral, shared.settings, None, Notes(), stored=True)
    inner.view_depth = shared.view_depth + 1
    (statement,) = parse(view.definition)
    from .select import analyse_select

    try:
        query = analyse_select(State(inner), statement.tree)
    except SqlError as wrong:
        # it would point into the text of the view
        wrong.position = None
        raise
    forget_places(query)
    for output, column in zip((each for each in query.outputs if not each.junk), view.columns, strict=False):
        output.name = column.name
    relations = frozenset(inner.notes.relations)
    shared.notes.relations |= relations
    # definitions with constants of date and time are read with the settings of their session
    if not fresh and not inner.notes.settings:
        while len(_KEPT) >= _MOST_KEPT:
            _KEPT.pop(next(iter(_KEPT)), None)
        _KEPT[key] = query, relations
    shared.notes.add(inner.notes)
    return query
