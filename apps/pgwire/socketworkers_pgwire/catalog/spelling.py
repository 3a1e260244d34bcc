"""How objects are written: qualified where they cannot be seen, quoted where they must be (ruleutils.c, regproc.c)."""

from __future__ import annotations

from ..sql.keywords import quote_identifier
from .lookup import Catalog
from .rows import Relation

__all__ = ["format_type", "qualified", "relation_name"]

_ARRAY_KINDS = (22, 30)
_SPECIAL = {1560: "bit", 1562: "bit varying", 18: '"char"'}


def qualified(schema: str, name: str) -> str:
    """A name behind that of its schema."""
    return f"{quote_identifier(schema)}.{quote_identifier(name)}"


def relation_name(catalog: Catalog, relation: Relation) -> str:
    """A relation, qualified unless the search path finds it."""
    seen = catalog.relation(None, relation.name)
    if seen is not None and seen.oid == relation.oid:
        return quote_identifier(relation.name)
    return qualified(relation.schema, relation.name)


def format_type(catalog: Catalog, oid: int, typmod: int | None = None, *, always_qualify: bool = False) -> str:
    """A type as format_type() writes it (src/backend/utils/adt/format_type.c).

    Args:
        catalog: of the session.
        oid: of the type.
        typmod: its modifier; None when none is known, which for some types is not the same as having none.
        always_qualify: write the schema even if the type can be seen, unless it has a name in SQL.
    """
    row = catalog.type_by_oid(oid)
    if row is None:
        return "-" if not oid else "???"
    if row.element and row.category == "A" and oid not in _ARRAY_KINDS:
        element = catalog.type_by_oid(row.element)
        if element is not None and element.array == oid:
            return format_type(catalog, row.element, typmod, always_qualify=always_qualify) + "[]"
    if row.namespace == 11:
        if oid == 1042 and typmod is not None and typmod < 0:
            return "bpchar"
        if row.kind != "d" and row.implementation is not None:
            return row.implementation.modified(-1 if typmod is None else typmod).format_type()
        if oid in _SPECIAL:
            return _SPECIAL[oid] + (f"({typmod})" if typmod is not None and typmod >= 0 else "")
    seen = catalog.type(None, row.name)
    if seen is not None and seen.oid == oid and not always_qualify:
        return quote_identifier(row.name)
    return qualified(catalog.namespace_name(row.namespace) or "???", row.name)
