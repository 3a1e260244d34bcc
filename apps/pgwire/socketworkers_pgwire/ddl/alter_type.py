"""ALTER COLUMN … TYPE: ATPrepAlterColumnType(), ATExecAlterColumnType() (commands/tablecmds.c).

New values are computed from the old rows first; then the column is made another one, and the values are put into it.
"""

from __future__ import annotations

from typing import Any

from ..catalog import Column, Index, Relation
from ..catalog.operator_classes import default_class
from ..catalog.shared import BTREE
from ..catalog.spelling import format_type
from ..errors import SqlError
from ..sql.analyze import Kind, analyse_expression
from ..sql.analyze.coerce import Context, coerce_to_target
from ..sql.analyze.typenames import resolve_collation
from ..sql.keywords import quote_identifier
from ..sql.nodes import Const, Expr, Output, Query, Var
from ..types import Array
from ..types.sqlite import quote_identifier as quote_sqlite
from ..types.vectors import OIDVECTOR
from .alter_columns import find_column
from .columns import check_column_type, column_type
from .common import error, meet_functions, state_of, unsupported, writer_of
from .defaults import add_default, remove_default
from .expressions import analyse_text, stored_text
from .foreign_keys import check_types
from .ids import ATTRDEF, CLASS, COLLATION, REWRITE, TYPE, Address
from .objects import describe
from .physical import split_storage
from .rows import type_storage
from .sequences import change_sequence
from .stored import plain_row_number, refresh, without_foreign_keys
from .surroundings import Surroundings
from .writer import Writer

__all__ = ["change_type"]

_INTEGERS = (20, 21, 23)
_TID = 27  # what `ctid` of a table holds is the row's number


def change_type(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """ALTER COLUMN … TYPE."""
    if relation.kind != "r":
        raise unsupported(f'ALTER COLUMN TYPE of "{relation.name}"')
    node = command["def"]["ColumnDef"]
    column = find_column(relation, command["name"])
    type_oid, typmod, dimensions = column_type(around, node["typeName"])
    check_column_type(around, column.name, type_oid, node)
    if column.identity and type_oid not in _INTEGERS:
        raise SqlError("22023", "identity column type must be smallint, integer, or bigint")
    row = around.catalog.type_by_oid(type_oid)
    assert row is not None
    collation = row.collation
    if "collClause" in node:
        if not row.collation:
            raise error("42804", f"collations are not supported by type {format_type(around.catalog, type_oid)}")
        collation = resolve_collation(around.catalog, node["collClause"]["collname"])
    _check_dependents(around, writer, relation, column)
    values = _new_values(around, relation, column, type_oid, typmod, node.get("raw_default"))
    default = _new_default(around, relation, column, type_oid, typmod)
    # without its index a table cannot be referred to
    referring = [each for oid in relation.referenced_by if (each := around.catalog.relation_by_oid(oid)) is not None]
    for each in referring:
        without_foreign_keys(around, each)
    indexes = _drop_indexes(around, relation, column)
    if column.number == relation.rowid_column and type_oid not in _INTEGERS:
        indexes.append(_own_index(around, writer, relation))
    tables, key = writer.tables(relation.oid), {"attrelid": relation.oid, "attnum": column.number}
    length, by_value, align, storage = type_storage(writer, type_oid)
    writer.update(
        "pg_attribute",
        tables,
        key,
        atttypid=type_oid,
        atttypmod=typmod,
        attlen=length,
        attbyval=by_value,
        attalign=align,
        attstorage=storage,
        attndims=dimensions,
        attcollation=collation,
    )
    here = {"classid": CLASS, "objid": relation.oid, "objsubid": column.number}
    for class_id in (TYPE, COLLATION):
        writer.delete("pg_depend", tables, **here, refclassid=class_id)
    writer.depend(Address(CLASS, relation.oid, column.number), Address(TYPE, type_oid), "n")
    if collation != 100:
        writer.depend(Address(CLASS, relation.oid, column.number), Address(COLLATION, collation), "n")
    writer.changed()
    check_types(around, relation.oid, column.number)
    refresh(around, relation.oid)
    if relation.oid in relation.referenced_by:
        current = around.catalog.relation_by_oid(relation.oid)
        assert current is not None
        without_foreign_keys(around, current)
    if relation.rowid_column == column.number and type_oid not in _INTEGERS:
        plain_row_number(around, relation)
    if values is not None:
        name = quote_sqlite(column.name)
        meet_functions(around, relation)
        around.connection.executemany(
            f"UPDATE {relation.storage} SET {name} = ? WHERE {relation.rowid} = ?",
            [(value, at) for at, value in values],
        )
    if default is not None:
        remove_default(writer, relation.oid, column.number)
        add_default(around, writer, relation.oid, column.number, text=default)
    _make_indexes(around, relation, indexes)
    for each in referring:
        refresh(around, each.oid)
    if column.identity and column.sequence and type_oid in _INTEGERS:
        options = [{"DefElem": {"defname": "as", "arg": {"TypeName": {"typeOid": type_oid, "typemod": -1}}}}]
        change_sequence(around, writer, column.sequence, options)


def _check_dependents(around: Surroundings, writer: Writer, relation: Relation, column: Column) -> None:
    """What stands in the way.

    Raises:
        SqlError: 0A000.
    """
    key = {"refclassid": CLASS, "refobjid": relation.oid, "refobjsubid": column.number}
    for class_id, oid, part in writer.everywhere("pg_depend", "classid, objid, objsubid", **key):
        dependent = Address(class_id, oid, part)
        if class_id == REWRITE:
            raise SqlError(
                "0A000",
                "cannot alter type of a column used by a view or rule",
                detail=f'{describe(around.catalog, dependent)} depends on column "{column.name}"',
            )
        if class_id == ATTRDEF:
            for (number,) in writer.select("pg_attrdef", writer.tables(oid), "adnum", oid=oid):
                if number != column.number:
                    other = relation.columns[number - 1].name
                    raise SqlError(
                        "0A000",
                        "cannot alter type of a column used by a generated column",
                        detail=f'Column "{column.name}" is used by generated column "{other}".',
                    )


def _new_values(
    around: Surroundings, relation: Relation, column: Column, type_oid: int, typmod: int, using: dict[str, Any] | None
) -> list[tuple[int, Any]] | None:
    """Row numbers and new values; None when they stay as they are.

    Raises:
        SqlError: 42804 there is no cast.
    """
    state = state_of(around)
    node = using if using is not None else {"ColumnRef": {"fields": [{"String": {"sval": column.name}}]}}
    kind = Kind.ALTER_COLUMN if using is not None else Kind.OTHER
    expr, entry = analyse_expression(node, around.catalog, kind, relation, settings=around.settings)
    assert entry is not None
    cast = coerce_to_target(state, expr, type_oid, typmod, Context.ASSIGNMENT)
    wanted = format_type(around.catalog, type_oid, typmod)
    if cast is None:
        if using is not None:
            raise SqlError(
                "42804",
                f'result of USING clause for column "{column.name}" cannot be cast automatically to type '
                f"{format_type(around.catalog, type_oid)}",
                hint="You might need to add an explicit cast.",
            )
        raise SqlError(
            "42804",
            f'column "{column.name}" cannot be cast automatically to type {format_type(around.catalog, type_oid)}',
            hint=f'You might need to specify "USING {quote_identifier(column.name)}::{wanted}".'
            if not column.generated
            else None,
        )
    if isinstance(cast, Var) and cast.column == column.number:
        return None
    number = Var(type=_TID, entry=entry, column=-1)
    query = Query(
        command="select", outputs=[Output(expr=number, name="ctid"), Output(expr=cast, name="value")], from_=[entry]
    )
    return [(int(at), value) for at, value in around.rows(query)]


def _new_default(around: Surroundings, relation: Relation, column: Column, type_oid: int, typmod: int) -> str | None:
    """The default cast to the new type.

    Raises:
        SqlError: 42804 there is no cast.
    """
    if column.default is None:
        return None
    expr: Expr = analyse_text(around, relation, column.default, column)
    cast = coerce_to_target(state_of(around), expr, type_oid, typmod, Context.ASSIGNMENT)
    if cast is None:
        what = "generation expression" if column.generated else "default"
        raise SqlError(
            "42804",
            f'{what} for column "{column.name}" cannot be cast automatically to type '
            f"{format_type(around.catalog, type_oid)}",
        )
    if isinstance(expr, Const) and isinstance(cast, Const) and expr.type == cast.type:
        return column.default
    return stored_text(around, cast)


def _drop_indexes(around: Surroundings, relation: Relation, column: Column) -> list[str]:
    """Drop the indexes of SQLite that have to do with a column; gives how they are made again."""
    indexes = []
    for index in relation.indexes:
        if index.storage and (column.number in index.keys or index.expressions or index.predicate is not None):
            database, _ = split_storage(relation)
            around.connection.execute(f"DROP INDEX IF EXISTS {database}.{quote_sqlite(index.storage)}")
            indexes.append(index.storage)
    return indexes


def _own_index(around: Surroundings, writer: Writer, relation: Relation) -> str:
    """A primary key that was SQLite's row number becomes an index like others."""
    index = next(each for each in relation.indexes if each.primary)
    writer.update("pg_class", writer.tables(relation.oid), {"oid": index.oid}, relfilenode=index.oid)
    return f"index.{index.oid}"


def _make_indexes(around: Surroundings, before: Relation, storages: list[str]) -> None:
    from .rebuild import make_physical_index

    relation = around.catalog.relation_by_oid(before.oid)
    assert relation is not None
    for index in relation.indexes:
        _change_classes(around, before, relation, index)
        if index.storage in storages:
            make_physical_index(around, relation, index)


def _change_classes(around: Surroundings, before: Relation, relation: Relation, index: Index) -> None:
    """Where a key had the default operator class of its old type, it has that of the new one."""
    writer, catalog = writer_of(around), around.catalog
    tables = writer.tables(relation.oid)
    ((stored,),) = writer.select("pg_index", tables, "indclass", indexrelid=index.oid)
    classes = list(OIDVECTOR.load(stored).items)
    for place, number in enumerate(index.keys):
        if number and before.columns[number - 1].type != relation.columns[number - 1].type:
            old, new = (
                default_class(catalog.builtin, catalog.type_by_oid, each.columns[number - 1].type, BTREE)
                for each in (before, relation)
            )
            if classes[place] == old and new:
                classes[place] = new
    if classes != list(OIDVECTOR.load(stored).items):
        vector = OIDVECTOR.store(Array(classes, (len(classes),), (0,)))
        writer.update("pg_index", tables, {"indexrelid": index.oid}, indclass=vector)
        writer.changed()
