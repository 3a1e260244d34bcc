"""Comments on objects: PostgreSQL 15 documentation §9.26, table 9.72."""

from __future__ import annotations

from .context import Execution
from .registry import scalar
from .visibility import catalog_of

__all__: list[str] = []

_DESCRIPTION = """SELECT description FROM {tables} WHERE objoid = ? AND objsubid = ? {more} LIMIT 1"""


def _find(execution: Execution, oid: int, part: int, class_id: int | None) -> str | None:
    catalog = catalog_of(execution)
    more = "" if class_id is None else f"AND classoid = {class_id}"
    places = [catalog.tables_of(oid)["pg_description"], 'shipped."pg_catalog.pg_description"']
    for place in places:
        row = catalog.connection.execute(_DESCRIPTION.format(tables=place, more=more), (oid, part)).fetchone()
        if row is not None:
            return str(row[0])
    return None


@scalar("obj_description(oid,name)", context=True)
def _object(execution: Execution, oid: int, table: str) -> str | None:
    relation = execution.catalog.relation("pg_catalog", table)
    return None if relation is None else _find(execution, oid, 0, relation.oid)


@scalar("obj_description(oid)", context=True)
def _any_object(execution: Execution, oid: int) -> str | None:
    return _find(execution, oid, 0, None)


@scalar("col_description(oid,integer)", context=True)
def _column(execution: Execution, oid: int, number: int) -> str | None:
    return _find(execution, oid, number, 1259)


@scalar("shobj_description(oid,name)", context=True)
def _shared(execution: Execution, oid: int, table: str) -> str | None:
    relation = execution.catalog.relation("pg_catalog", table)
    if relation is None:
        return None
    row = (
        catalog_of(execution)
        .connection.execute(
            """SELECT value->>2 FROM json_each(pg_cluster_rows('pg_shdescription'))
        WHERE value->>0 = ? AND value->>1 = ?""",
            (oid, relation.oid),
        )
        .fetchone()
    )
    return None if row is None else str(row[0])
