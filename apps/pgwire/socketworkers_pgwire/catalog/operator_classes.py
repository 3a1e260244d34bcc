"""Which operator class a type has, and its operators: GetDefaultOpClass() and lookup_type_cache() of PostgreSQL 15
(src/backend/commands/indexcmds.c, src/backend/utils/cache/typcache.c)."""

from __future__ import annotations

from collections.abc import Callable

from .rows import OperatorRow, Relation, TypeRow
from .shared import BTREE, HASH, Builtin

__all__ = ["ARRAY", "ENUM", "MULTIRANGE", "RANGE", "RECORD", "class_operator", "default_class"]

ARRAY, ENUM, RANGE, MULTIRANGE, RECORD = 2277, 3500, 3831, 4537, 2249
"""OIDs of anyarray, anyenum, anyrange, anymultirange, record."""
_EQUAL = {BTREE: 3, HASH: 1}
_CONTAINERS = {"e": ENUM, "r": RANGE, "m": MULTIRANGE, "c": RECORD}


def default_class(builtin: Builtin, type_by_oid: Callable[[int], TypeRow | None], oid: int, method: int) -> int:
    """OID of the operator class that an index of a type takes when none is named, or 0.

    Args:
        builtin: PostgreSQL's own objects.
        type_by_oid: types of the session.
        oid: of the type.
        method: OID of the access method.
    """
    row = type_by_oid(oid)
    while row is not None and row.kind == "d":
        row = type_by_oid(row.base)
    if row is None:
        return 0
    found = builtin.default_class(row.oid, method)
    if found:
        return found
    container = ARRAY if _is_array(row) else _CONTAINERS.get(row.kind, 0)
    if container:
        return builtin.default_class(container, method)
    # the one that it is binary coercible to; of several the preferred type of its category
    candidates = [
        (target.preferred, operator_class)
        for (source, target_oid), cast in builtin.casts.items()
        if source == row.oid and cast.method == "b" and cast.context == "i"
        for operator_class in (builtin.default_class(target_oid, method),)
        if operator_class and (target := builtin.type_by_oid(target_oid))
    ]
    return max(candidates, default=(False, 0))[1]


def class_operator(
    builtin: Builtin,
    type_by_oid: Callable[[int], TypeRow | None],
    relation_by_oid: Callable[[int], Relation | None],
    oid: int,
    strategy: int,
) -> OperatorRow | None:
    """The operator of a type's default operator class of btree; for equality that of hash when there is none.

    Args:
        builtin: PostgreSQL's own objects.
        type_by_oid: types of the session.
        relation_by_oid: relations of the session, for the columns of composite types.
        oid: of the type.
        strategy: of btree: 1 ``<``, 3 ``=``, 5 ``>``.
    """
    if not _elements_have(builtin, type_by_oid, relation_by_oid, oid, strategy):
        return None
    operator_class = default_class(builtin, type_by_oid, oid, BTREE)
    if not operator_class and strategy == _EQUAL[BTREE]:
        operator_class = default_class(builtin, type_by_oid, oid, HASH)
        strategy = _EQUAL[HASH]
    member = builtin.class_member(operator_class, strategy) if operator_class else 0
    return builtin.operator_by_oid(member) if member else None


def _elements_have(
    builtin: Builtin,
    type_by_oid: Callable[[int], TypeRow | None],
    relation_by_oid: Callable[[int], Relation | None],
    oid: int,
    strategy: int,
) -> bool:
    """An array has what its elements have, a row what all its columns have."""
    row = type_by_oid(oid)
    while row is not None and row.kind == "d":
        row = type_by_oid(row.base)
    if row is None:
        return False
    inner: list[int] = []
    if _is_array(row):
        inner = [row.element]
    elif row.kind == "c" and row.relation:
        relation = relation_by_oid(row.relation)
        inner = [column.type for column in relation.columns if not column.dropped] if relation else []
    return all(class_operator(builtin, type_by_oid, relation_by_oid, each, strategy) is not None for each in inner)


def _is_array(row: TypeRow) -> bool:
    """Whether it is a true array (IsTrueArrayType), as int2vector is, too; oidvector has operators of its own."""
    return bool(row.element) and row.category == "A"
