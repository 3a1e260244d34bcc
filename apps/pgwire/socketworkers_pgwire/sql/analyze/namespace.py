"""How the entries of FROM may be referred to."""

from __future__ import annotations

from ..grammar import Node
from .state import Item, error

__all__ = ["alias_names", "check_conflicts", "check_count", "set_lateral"]


def set_lateral(namespace: list[Item], only: bool, ok: bool) -> None:
    for item in namespace:
        item.lateral_only = only
        item.lateral_ok = ok


def check_conflicts(first: list[Item], second: list[Item]) -> None:
    """Refuse two entries of one name.

    Raises:
        SqlError: 42712.
    """
    for item in second:
        if not item.visible:
            continue
        for other in first:
            if not other.visible or other.name != item.name:
                continue
            one, two = item.relation, other.relation
            if one is not None and two is not None and one.oid != two.oid and one.name == two.name == item.name:
                # tables of different schemas may have one name
                continue
            raise error("42712", f'table name "{item.name}" specified more than once', -1)


def check_count(name: str, available: int, given: int) -> None:
    if given > available:
        raise error("42P10", f'table "{name}" has {available} columns available but {given} columns specified')


def alias_names(alias: Node | None, names: list[str], shown: str) -> list[str]:
    if alias is None or "colnames" not in alias:
        return names
    given = [each["String"]["sval"] for each in alias["colnames"]]
    check_count(shown, len(names), len(given))
    return given + names[len(given) :]
