"""Errors for names that mean nothing, with PostgreSQL's guesses at what was meant (parse_relation.c)."""

from __future__ import annotations

from ...errors import SqlError
from ..nodes import CteSource
from .state import Item, State, error

__all__ = ["missing_column", "missing_relation"]

_MOST = 3


def missing_relation(state: State, schema: str | None, name: str, location: int) -> SqlError:
    """42P01: there is no entry of that name that can be referred to."""
    item = _entry_like(state, schema, name)
    if item is None:
        return error("42P01", f'missing FROM-clause entry for table "{name}"', location)
    message = f'invalid reference to FROM-clause entry for table "{name}"'
    shown = item.name
    if shown != name:
        from .names import find_item

        seen = find_item(state, None, shown, location)
        if seen is not None and seen[0] is item:
            hint = f'Perhaps you meant to reference the table alias "{shown}".'
            return error("42P01", message, location, hint=hint)
    hint = f'There is an entry for table "{shown}", but it cannot be referenced from this part of the query.'
    return error("42P01", message, location, hint=hint)


def _entry_like(state: State, schema: str | None, name: str) -> Item | None:
    """An entry that has the name as an alias, or is the relation of that name."""
    from .names import find_cte

    cte = find_cte(state, name) if schema is None else None
    relation = state.catalog.relation(schema, name) if cte is None else None
    for level in state.levels():
        for item in level.relations:
            if relation is not None and item.relation is not None and item.relation.oid == relation.oid:
                return item
            source = item.entry.source
            if cte is not None and isinstance(source, CteSource) and source.cte is cte[0]:
                return item
            if item.name == name:
                return item
    return None


def missing_column(state: State, relation: str | None, name: str, location: int) -> SqlError:
    """42703: there is no such column; with up to two that are spelled alike."""
    message = f'column "{name}" does not exist' if relation is None else f"column {relation}.{name} does not exist"
    best = _MOST + 1
    found: list[tuple[Item, str]] = []
    for level in state.levels():
        for item in level.relations:
            if item.columns is not None:
                continue
            penalty = 0 if relation is None else min(distance(relation, item.name), _MOST + 2)
            for each in item.entry.names:
                if each == name and not penalty:
                    return error(
                        "42703",
                        message,
                        location,
                        hint=f'There is a column named "{name}" in table "{item.name}", but it cannot be referenced'
                        " from this part of the query.",
                    )
                if penalty > best or not each:
                    continue
                far = distance(each, name)
                if far > len(name.encode()) // 2:
                    continue
                far += penalty
                if far < best:
                    best, found = far, [(item, each)]
                elif far == best:
                    if len(found) == 2:
                        # three are alike: only what is nearer than these is worth a hint
                        found, best = [], far - 1
                    elif found or best <= _MOST:
                        found.append((item, each))
    if not found:
        return error("42703", message, location)
    hint = "Perhaps you meant to reference " + " or ".join(f'the column "{item.name}.{each}"' for item, each in found)
    return error("42703", message, location, hint=hint + ".")


def distance(first: str, second: str) -> int:
    """The Levenshtein distance."""
    if first == second:
        return 0
    before = list(range(len(second) + 1))
    for row, left in enumerate(first, 1):
        line = [row]
        for place, right in enumerate(second, 1):
            line.append(min(before[place] + 1, line[-1] + 1, before[place - 1] + (left != right)))
        before = line
    return before[-1]
