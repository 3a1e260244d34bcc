"""What the search path sees, and names of objects: PostgreSQL 15 documentation §9.26, tables 9.69 to 9.71."""

from __future__ import annotations

import json
from collections.abc import Callable

from ..catalog.session import SessionCatalog
from ..catalog.spelling import format_type
from ..errors import SqlError
from .context import Execution
from .registry import scalar

__all__ = ["catalog_of"]


def catalog_of(execution: Execution) -> SessionCatalog:
    """The catalogue of the statement, with its tables."""
    assert isinstance(execution.catalog, SessionCatalog)
    return execution.catalog


@scalar("pg_table_is_visible(oid)", context=True)
def _table(execution: Execution, oid: int) -> int | None:
    relation = execution.catalog.relation_by_oid(oid)
    if relation is None:
        return None
    seen = execution.catalog.relation(None, relation.name)
    return int(seen is not None and seen.oid == oid)


@scalar("pg_type_is_visible(oid)", context=True)
def _type(execution: Execution, oid: int) -> int | None:
    row = execution.catalog.type_by_oid(oid)
    if row is None:
        return None
    seen = execution.catalog.type(None, row.name)
    return int(seen is not None and seen.oid == oid)


@scalar("pg_function_is_visible(oid)", context=True)
def _function(execution: Execution, oid: int) -> int | None:
    proc = execution.catalog.function_by_oid(oid)
    if proc is None:
        return None
    return int(any(each.oid == oid for each in execution.catalog.functions(None, proc.name)))


@scalar("pg_operator_is_visible(oid)", context=True)
def _operator(execution: Execution, oid: int) -> int | None:
    row = execution.catalog.operator_by_oid(oid)
    if row is None:
        return None
    return int(any(each.oid == oid for each in execution.catalog.operators(None, row.name)))


@scalar("pg_collation_is_visible(oid)", context=True)
def _collation(execution: Execution, oid: int) -> int | None:
    row = execution.catalog.collation_by_oid(oid)
    if row is None:
        return None
    seen = execution.catalog.collation(None, row.name)
    return int(seen is not None and seen.oid == oid)


def _shipped(function: str, table: str, namespace: str) -> None:
    """Kinds of objects of which there are only PostgreSQL's own: they are seen when their schema is."""

    @scalar(f"{function}(oid)", context=True)
    def visible(execution: Execution, oid: int) -> int | None:
        row = (
            catalog_of(execution)
            .connection.execute(f'SELECT {namespace} FROM shipped."pg_catalog.{table}" WHERE oid = ?', (oid,))
            .fetchone()
        )
        return None if row is None else int(row[0] in execution.catalog.search_path)


for _name, _where, _column in (
    ("pg_opclass_is_visible", "pg_opclass", "opcnamespace"),
    ("pg_opfamily_is_visible", "pg_opfamily", "opfnamespace"),
    ("pg_conversion_is_visible", "pg_conversion", "connamespace"),
    ("pg_ts_parser_is_visible", "pg_ts_parser", "prsnamespace"),
    ("pg_ts_dict_is_visible", "pg_ts_dict", "dictnamespace"),
    ("pg_ts_config_is_visible", "pg_ts_config", "cfgnamespace"),
    ("pg_ts_template_is_visible", "pg_ts_template", "tmplnamespace"),
    ("pg_statistics_obj_is_visible", "pg_statistic_ext", "stxnamespace"),
):
    _shipped(_name, _where, _column)


@scalar("format_type(oid,integer)", context=True)
def _format_type(execution: Execution, oid: int | None, typmod: int | None) -> str | None:
    return None if oid is None else format_type(execution.catalog, oid, typmod)


def _by_name(kind: str, forgiven: tuple[str, ...]) -> Callable[[Execution, str], int | None]:
    """to_reg*: as the cast, but NULL for what does not exist."""

    def find(execution: Execution, text: str) -> int | None:
        names = execution.settings.names
        if names is None:
            return None
        try:
            return names.find(kind, text)
        except SqlError as wrong:
            if wrong.sqlstate in forgiven:
                return None
            raise

    return find


for _kind, _states in (
    ("regclass", ("42P01", "3F000")),
    ("regtype", ("42704", "3F000")),
    ("regproc", ("42883", "42725", "3F000")),
    ("regprocedure", ("42883", "3F000")),
    ("regoper", ("42883", "42725", "3F000")),
    ("regoperator", ("42883", "3F000")),
    ("regnamespace", ("3F000",)),
    ("regrole", ("42704",)),
    ("regcollation", ("42704", "3F000")),
):
    scalar(f"to_{_kind}(text)", context=True)(_by_name(_kind, _states))


@scalar('"current_schema"()', context=True)
def _current_schema(execution: Execution) -> str | None:
    oid = execution.catalog.creation_namespace()
    return None if oid is None else execution.catalog.namespace_name(oid)


@scalar("current_schemas(boolean)", context=True)
def _current_schemas(execution: Execution, implicit: int) -> str:
    catalog = catalog_of(execution)
    oids = catalog.search_path if implicit else catalog.written_path
    return json.dumps([catalog.namespace_name(oid) for oid in oids], ensure_ascii=False, separators=(",", ":"))


@scalar("pg_my_temp_schema()", context=True)
def _my_temporary(execution: Execution) -> int:
    schema = catalog_of(execution).temporary
    return 0 if schema is None else schema.oid


@scalar("pg_is_other_temp_schema(oid)", context=True)
def _other_temporary(execution: Execution, oid: int) -> int:
    name = execution.catalog.namespace_name(oid) or ""
    mine = catalog_of(execution).temporary
    return int(name.startswith("pg_temp_") and (mine is None or mine.oid != oid))
