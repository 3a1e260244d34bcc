"""CREATE and ALTER TYPE of enumerated and composite types, domains (src/backend/commands/typecmds.c, pg_enum.c)."""

from __future__ import annotations

from typing import Any

from ..catalog import TypeRow
from ..catalog.spelling import format_type
from ..errors import SqlError
from ..types.sqlite import quote_identifier
from ..types.text import MAX_NAME
from .columns import TableConstraints, column_definition
from .common import Target, name_parts, notice, refuse_system, run_sql, string, target_of, unsupported, writer_of
from .ids import NAMESPACE, TYPE, Address
from .physical import drop_index, split_storage
from .rebuild import make_physical_index
from .rows import add_array_type, add_attribute, add_class, add_row_type, add_type
from .stored import refresh, without_foreign_keys
from .surroundings import Surroundings
from .tables import check_names
from .texts import keep_texts
from .writer import Writer

__all__ = ["alter_enum", "check_type_owner", "create_composite", "create_enum", "find_type"]

_ENUM_FUNCTIONS = {"typinput": 3506, "typoutput": 3507, "typreceive": 3532, "typsend": 3533}


def find_type(around: Surroundings, names: list[dict[str, Any]]) -> TypeRow:
    """A type by a dotted name.

    Raises:
        SqlError: 42704.
    """
    schema, name = name_parts(names, around)
    row = around.catalog.type(schema, name)
    if row is None:
        if schema is not None and around.catalog.namespace(schema) is None:
            raise SqlError("3F000", f'schema "{schema}" does not exist')
        raise SqlError("42704", f'type "{schema + "." if schema else ""}{name}" does not exist')
    return row


def check_type_owner(around: Surroundings, row: TypeRow) -> None:
    """Only its owner may change a type.

    Raises:
        SqlError: 42501.
    """
    tables = writer_of(around).tables(row.oid)
    (owner,) = around.connection.execute(
        f"SELECT typowner FROM {tables['pg_type']} WHERE oid = ?", (row.oid,)
    ).fetchone() or (0,)
    if row.oid < 16384 or (not around.session.superuser and owner != around.session.user_oid):
        raise SqlError("42501", f"must be owner of type {format_type(around.catalog, row.oid)}")


def _place(around: Surroundings, names: list[dict[str, Any]]) -> tuple[Target, str]:
    schema, name = name_parts(names, around)
    target = target_of(around, schema)
    refuse_system(target.namespace, name)
    if around.catalog.type_oid(target.namespace, name):
        raise SqlError("42710", f'type "{name}" already exists')
    return target, name


def create_enum(around: Surroundings, tree: dict[str, Any]) -> str:
    """CREATE TYPE … AS ENUM."""
    target, name = _place(around, tree["typeName"])
    labels = [string(each) for each in tree.get("vals", [])]
    for number, label in enumerate(labels):
        _check_label(label)
        if label in labels[:number]:
            raise SqlError(
                "23505",
                'duplicate key value violates unique constraint "pg_enum_typid_label_index"',
                detail=f"Key (enumtypid, enumlabel)=({name}, {label}) already exists.",
            )
    writer = writer_of(around)
    tables, owner = target.tables, around.session.user_oid
    array, oid = writer.new_oid(target.temporary), writer.new_oid(target.temporary)
    add_type(
        writer,
        tables,
        oid,
        name,
        target.namespace,
        owner,
        typlen=4,
        typbyval=1,
        typtype="e",
        typcategory="E",
        typarray=array,
        typalign="i",
        typstorage="p",
        **_ENUM_FUNCTIONS,
    )
    writer.depend(Address(TYPE, oid), Address(NAMESPACE, target.namespace), "n")
    for order, label in enumerate(labels, 1):
        writer.insert(
            "pg_enum", tables, oid=writer.new_oid(target.temporary), enumtypid=oid, enumsortorder=order, enumlabel=label
        )
    add_array_type(writer, tables, array, oid, name, target.namespace, owner, "i")
    writer.changed()
    return "CREATE TYPE"


def _check_label(label: str) -> None:
    if len(label.encode()) > MAX_NAME:
        raise SqlError("42602", f'invalid enum label "{label}"', detail=f"Labels must be {MAX_NAME} bytes or less.")


def alter_enum(around: Surroundings, tree: dict[str, Any]) -> str:
    """ALTER TYPE … ADD VALUE, RENAME VALUE."""
    row = find_type(around, tree["typeName"])
    if row.kind != "e":
        raise SqlError("42809", f"{format_type(around.catalog, row.oid)} is not an enum")
    check_type_owner(around, row)
    writer = writer_of(around)
    if tree.get("oldVal"):
        _rename_value(around, writer, row, tree["oldVal"], tree["newVal"])
    else:
        _add_value(around, writer, row, tree)
    writer.changed()
    return "ALTER TYPE"


def _labels(writer: Writer, oid: int) -> dict[str, float]:
    rows = writer.select("pg_enum", writer.tables(oid), "enumlabel, enumsortorder", enumtypid=oid)
    return dict(sorted(rows, key=lambda each: float(each[1])))


def _add_value(around: Surroundings, writer: Writer, row: TypeRow, tree: dict[str, Any]) -> None:
    """AddEnumLabel() of src/backend/catalog/pg_enum.c."""
    label = tree["newVal"]
    _check_label(label)
    labels = _labels(writer, row.oid)
    if label in labels:
        if not tree.get("skipIfNewValExists"):
            raise SqlError("42710", f'enum label "{label}" already exists')
        notice(around, f'enum label "{label}" already exists, skipping', "42710")
        return
    orders = list(labels.values())
    neighbor = tree.get("newValNeighbor")
    if neighbor is None:
        order = (orders[-1] if orders else 0) + 1
    else:
        if neighbor not in labels:
            raise SqlError("22023", f'"{neighbor}" is not an existing enum label')
        place = orders.index(labels[neighbor])
        if tree.get("newValIsAfter"):
            order = orders[place] + 1 if place + 1 == len(orders) else (orders[place] + orders[place + 1]) / 2
        else:
            order = orders[0] - 1 if place == 0 else (orders[place - 1] + orders[place]) / 2
        if order in orders:
            raise SqlError("0A000", "no room between the neighbouring enum labels")
    writer.insert(
        "pg_enum",
        writer.tables(row.oid),
        oid=writer.new_oid(writer.tables(row.oid).temporary),
        enumtypid=row.oid,
        enumsortorder=order,
        enumlabel=label,
    )
    writer.changed()
    if neighbor is not None:
        _reindex(around, row.oid)


def _reindex(around: Surroundings, oid: int) -> None:
    """Keys of indexes are the places of labels, which have changed."""
    for relation in using_tables(around, oid):
        if relation.indexes:
            run_sql(around, f"REINDEX {relation.storage}")


def using_tables(around: Surroundings, oid: int) -> list[Any]:
    """The tables with a column of a type, or of its array."""
    row = around.catalog.type_by_oid(oid)
    wanted = {oid} | ({row.array} if row is not None and row.array else set())
    writer = writer_of(around)
    found = set()
    for each in wanted:
        found |= {relation for (relation,) in writer.everywhere("pg_attribute", "attrelid", atttypid=each)}
    relations = (around.catalog.relation_by_oid(each) for each in sorted(found))
    return [each for each in relations if each is not None and each.kind in "rm"]


def _rename_value(around: Surroundings, writer: Writer, row: TypeRow, old: str, new: str) -> None:
    """RenameEnumLabel(); the labels are what the rows have, so that these change too."""
    _check_label(new)
    labels = _labels(writer, row.oid)
    if old not in labels:
        raise SqlError("22023", f'"{old}" is not an existing enum label')
    if new in labels:
        raise SqlError("42710", f'enum label "{new}" already exists')
    relations = using_tables(around, row.oid)
    for relation in relations:
        for column in relation.columns:
            if column.type == row.array and not column.dropped:
                raise unsupported("RENAME VALUE of an enum that is used in arrays")
    tables = writer.tables(row.oid)
    texts = keep_texts(around, writer, [], [Address(TYPE, row.oid)])
    # keys of indexes and constraints ask for the places of labels: while the rows change there are neither, and both
    # labels have the same place
    for relation in relations:
        drop_index(around.connection, [index.storage for index in relation.indexes], split_storage(relation)[0])
        without_foreign_keys(around, relation)
    both = writer.new_oid(tables.temporary)
    writer.insert("pg_enum", tables, oid=both, enumtypid=row.oid, enumsortorder=labels[old], enumlabel=new)
    writer.changed()
    for relation in relations:
        for column in relation.columns:
            if column.type == row.oid and not column.dropped:
                quoted = quote_identifier(column.name)
                run_sql(around, f"UPDATE {relation.storage} SET {quoted} = ? WHERE {quoted} = ?", (new, old))
    writer.delete("pg_enum", tables, oid=both)
    writer.update("pg_enum", tables, {"enumtypid": row.oid, "enumlabel": old}, enumlabel=new)
    writer.changed()
    texts.relabel(row.oid, old, new)
    texts.write(around, writer)
    for oid in {relation.oid for relation in relations} | texts.tables(writer):
        refresh(around, oid)
    for before in relations:
        after = around.catalog.relation_by_oid(before.oid)
        assert after is not None
        for index in after.indexes:
            if index.storage:
                make_physical_index(around, after, index)


def create_composite(around: Surroundings, tree: dict[str, Any]) -> str:
    """CREATE TYPE … AS (…)."""
    range_var = tree["typevar"]
    target = target_of(around, range_var.get("schemaname"), node=range_var)
    name = range_var["relname"]
    refuse_system(target.namespace, name)
    if around.catalog.type_oid(target.namespace, name):
        raise SqlError("42710", f'type "{name}" already exists')
    if around.catalog.relation_oid(target.namespace, name):
        raise SqlError("42P07", f'relation "{name}" already exists')
    columns = [
        column_definition(around, node["ColumnDef"], name, TableConstraints()).column
        for node in tree.get("coldeflist", [])
    ]
    check_names(columns)
    writer = writer_of(around)
    tables, owner = target.tables, around.session.user_oid
    oid = writer.new_oid(target.temporary)
    row_type = add_row_type(writer, tables, oid, name, target.namespace, owner, alone=True)
    add_class(
        writer,
        tables,
        oid,
        name,
        target.namespace,
        "c",
        owner,
        type_oid=row_type,
        columns=len(columns),
        of_namespace=False,
    )
    for number, column in enumerate(columns, 1):
        add_attribute(writer, tables, oid, number, column)
    writer.changed()
    return "CREATE TYPE"
