"""How objects are called in messages: getObjectDescription() (src/backend/catalog/objectaddress.c)."""

from __future__ import annotations

from typing import Any

from ..catalog.layout import SHIPPED
from ..catalog.session import SessionCatalog
from ..catalog.spelling import format_type, relation_name
from .ids import ATTRDEF, CLASS, COLLATION, CONSTRAINT, LANGUAGE, NAMESPACE, OPERATOR, PROC, REWRITE, TYPE, Address

__all__ = ["KINDS", "describe"]

#: what a relkind is called
KINDS = {
    "r": "table",
    "p": "table",
    "i": "index",
    "S": "sequence",
    "v": "view",
    "m": "materialized view",
    "c": "composite type",
    "f": "foreign table",
}


def describe(catalog: SessionCatalog, address: Address) -> str:
    """An object in words: ``table a``, ``constraint a_pkey on table a``."""
    class_id, oid, part = address
    if class_id == CLASS:
        relation = catalog.relation_by_oid(oid)
        if relation is None:
            return f"relation {oid}"
        text = f"{KINDS.get(relation.kind, 'relation')} {relation_name(catalog, relation)}"
        return f"column {relation.columns[part - 1].name} of {text}" if part > 0 else text
    if class_id == TYPE:
        return f"type {format_type(catalog, oid)}"
    if class_id == NAMESPACE:
        return f"schema {catalog.namespace_name(oid) or oid}"
    if class_id == CONSTRAINT:
        name, relation_oid, type_oid = _row(catalog, "pg_constraint", oid, "conname, conrelid, contypid")
        if relation_oid:
            return f"constraint {name} on {describe(catalog, Address(CLASS, relation_oid))}"
        return f"constraint {name} on {describe(catalog, Address(TYPE, type_oid))}"
    if class_id == ATTRDEF:
        relation_oid, number = _row(catalog, "pg_attrdef", oid, "adrelid, adnum")
        return f"default value for {describe(catalog, Address(CLASS, relation_oid, number))}"
    if class_id == REWRITE:
        name, relation_oid = _row(catalog, "pg_rewrite", oid, "rulename, ev_class")
        return f"rule {name} on {describe(catalog, Address(CLASS, relation_oid))}"
    if class_id == PROC:
        proc = catalog.function_by_oid(oid)
        return f"function {proc.signature if proc else oid}"
    if class_id == OPERATOR:
        operator = catalog.operator_by_oid(oid)
        return f"operator {operator.signature if operator else oid}"
    if class_id == LANGUAGE:
        # those that PostgreSQL comes with: there is no CREATE LANGUAGE
        query = f'SELECT lanname FROM {SHIPPED}."pg_catalog.pg_language" WHERE oid = ?'
        return f"language {next(catalog.connection.execute(query, (oid,)), (oid,))[0]}"
    if class_id == COLLATION:
        collation = catalog.collation_by_oid(oid)
        return f"collation {collation.name if collation else oid}"
    return f"object {oid} of class {class_id}"


def _row(catalog: SessionCatalog, table: str, oid: int, columns: str) -> Any:
    tables = catalog.tables_of(oid)
    found = catalog.connection.execute(f"SELECT {columns} FROM {tables[table]} WHERE oid = ?", (oid,)).fetchone()
    return found if found is not None else ("???",) + (0,) * columns.count(",")
