"""RENAME and SET SCHEMA (src/backend/commands/alter.c, tablecmds.c)."""

from __future__ import annotations

from typing import Any

from ..catalog import Relation
from ..catalog.storage import choose_name as choose_storage
from ..catalog.storage import plain_name
from ..errors import SqlError
from ..types.sqlite import quote_identifier
from ..types.text import cut_name
from .common import check_owner, find_relation, is_member, meet_functions, notice, refuse_system, unsupported, writer_of
from .ids import CLASS, NAMESPACE, TYPE, Address
from .physical import split_storage
from .rows import array_name
from .surroundings import Surroundings
from .texts import keep_texts
from .types import check_type_owner, find_type
from .writer import Writer

__all__ = ["rename", "set_schema"]

_TAGS = {
    "OBJECT_TABLE": ("ALTER TABLE", "rvmiS"),
    "OBJECT_VIEW": ("ALTER VIEW", "v"),
    "OBJECT_MATVIEW": ("ALTER MATERIALIZED VIEW", "m"),
    "OBJECT_INDEX": ("ALTER INDEX", "i"),
    "OBJECT_SEQUENCE": ("ALTER SEQUENCE", "S"),
    "OBJECT_FOREIGN_TABLE": ("ALTER FOREIGN TABLE", "f"),
}
_ARTICLES = {"v": "a view", "m": "a materialized view", "i": "an index", "S": "a sequence", "f": "a foreign table"}


def rename(around: Surroundings, tree: dict[str, Any]) -> str:
    """ALTER … RENAME."""
    kind, name = tree["renameType"], cut_name(tree["newname"])
    if kind in _TAGS:
        return _rename_relation(around, tree, kind, name)
    if kind in ("OBJECT_COLUMN", "OBJECT_ATTRIBUTE"):
        return _rename_column(around, tree, name)
    if kind == "OBJECT_TABCONSTRAINT":
        return _rename_constraint(around, tree, name)
    if kind == "OBJECT_SCHEMA":
        return _rename_schema(around, tree["subname"], name)
    if kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        return _rename_type(around, tree, name)
    if kind == "OBJECT_ROLE":
        return _rename_role(around, tree["subname"], name)
    if kind == "OBJECT_DATABASE":
        raise unsupported("ALTER DATABASE RENAME")
    raise unsupported(f"RENAME of {kind.removeprefix('OBJECT_')}")


def _relation(around: Surroundings, tree: dict[str, Any], kinds: str) -> Relation | None:
    relation = find_relation(around, tree["relation"], missing_ok=bool(tree.get("missing_ok")))
    if relation is None:
        notice(around, f'relation "{tree["relation"]["relname"]}" does not exist, skipping')
        return None
    if relation.kind not in kinds:
        raise SqlError("42809", f'"{relation.name}" is not {_ARTICLES.get(kinds[0], "a table")}')
    check_owner(around, relation)
    return relation


def _rename_relation(around: Surroundings, tree: dict[str, Any], kind: str, name: str) -> str:
    tag, kinds = _TAGS[kind]
    relation = _relation(around, tree, kinds)
    if relation is None:
        return tag
    catalog, writer = around.catalog, writer_of(around)
    if catalog.relation_oid(relation.namespace, name):
        raise SqlError("42P07", f'relation "{name}" already exists')
    texts = keep_texts(around, writer, [relation.oid])
    rename_relation(around, writer, relation, name)
    texts.write(around, writer)
    return tag


def rename_relation(around: Surroundings, writer: Writer, relation: Relation, name: str) -> None:
    """Give a relation another name: RenameRelationInternal()."""
    tables = writer.tables(relation.oid)
    if relation.type:
        _rename_row_type(around, writer, relation.type, relation.namespace, name)
    writer.update("pg_class", tables, {"oid": relation.oid}, relname=name)
    if relation.kind == "i":
        # an index and its constraint have one name
        for (oid,) in writer.select("pg_constraint", tables, "oid", conindid=relation.oid):
            kind = writer.select("pg_constraint", tables, "contype", oid=oid)[0][0]
            if kind in "pux":
                writer.update("pg_constraint", tables, {"oid": oid}, conname=name)
    move_storage(around, writer, relation, relation.schema, name)
    writer.changed()


def move_storage(around: Surroundings, writer: Writer, relation: Relation, schema: str, name: str) -> None:
    """Give a table in SQLite the name that goes with its schema and name."""
    if relation.kind not in "rm":
        return
    database, old = split_storage(relation)
    if database == "temp":
        new = f"{relation.oid}.{name}"
    elif old.lower() == plain_name(schema, name).lower():
        # only upper and lower case change: by way of another name
        return _rename_twice(around, relation, schema, name)
    else:
        new = choose_storage(around.connection, relation.oid, schema, name)
    if new != old:
        meet_functions(around, relation)
        around.connection.execute(f"ALTER TABLE {relation.storage} RENAME TO {quote_identifier(new)}")
    return None


def _rename_twice(around: Surroundings, relation: Relation, schema: str, name: str) -> None:
    new = plain_name(schema, name)
    between = f"{new}~{relation.oid}"
    around.connection.execute(f"ALTER TABLE {relation.storage} RENAME TO {quote_identifier(between)}")
    around.connection.execute(f"ALTER TABLE {quote_identifier(between)} RENAME TO {quote_identifier(new)}")
    around.connection.execute('DELETE FROM main."socketworkers.names" WHERE oid = ?', (relation.oid,))


def _rename_row_type(around: Surroundings, writer: Writer, oid: int, namespace: int, name: str) -> None:
    """RenameTypeInternal(): the type, and its array."""
    tables = writer.tables(oid)
    other = around.catalog.type_oid(namespace, name)
    if other and other != oid:
        raise SqlError("42710", f'type "{name}" already exists')
    writer.update("pg_type", tables, {"oid": oid}, typname=name)
    for (array,) in writer.select("pg_type", tables, "typarray", oid=oid):
        if array:
            writer.update("pg_type", tables, {"oid": array}, typname="")
            writer.update("pg_type", tables, {"oid": array}, typname=array_name(writer, tables, namespace, name))
    writer.changed()


def _rename_column(around: Surroundings, tree: dict[str, Any], name: str) -> str:
    tag = _TAGS.get(tree.get("relationType", ""), ("ALTER TABLE", ""))[0]
    if tree["renameType"] == "OBJECT_ATTRIBUTE":
        tag = "ALTER TYPE"
    relation = _relation(around, tree, "rvmcf")
    if relation is None:
        return tag
    column = next((each for each in relation.columns if each.name == tree["subname"] and not each.dropped), None)
    if column is None:
        raise SqlError("42703", f'column "{tree["subname"]}" does not exist')
    if any(each.name == name and not each.dropped for each in relation.columns):
        raise SqlError("42701", f'column "{name}" of relation "{relation.name}" already exists')
    if name in ("ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"):
        raise SqlError("42701", f'column name "{name}" conflicts with a system column name')
    writer = writer_of(around)
    texts = keep_texts(around, writer, [relation.oid])
    tables = writer.tables(relation.oid)
    if relation.kind in "rm":
        meet_functions(around, relation)
        around.connection.execute(
            f"ALTER TABLE {relation.storage} RENAME COLUMN {quote_identifier(column.name)} TO {quote_identifier(name)}"
        )
    writer.update("pg_attribute", tables, {"attrelid": relation.oid, "attnum": column.number}, attname=name)
    writer.changed()
    texts.write(around, writer)
    return tag


def _rename_constraint(around: Surroundings, tree: dict[str, Any], name: str) -> str:
    relation = _relation(around, tree, "rf")
    if relation is None:
        return "ALTER TABLE"
    constraint = next((each for each in relation.constraints if each.name == tree["subname"]), None)
    if constraint is None:
        raise SqlError("42704", f'constraint "{tree["subname"]}" for table "{relation.name}" does not exist')
    writer = writer_of(around)
    if constraint.kind in "pux":
        index = around.catalog.relation_by_oid(constraint.index)
        assert index is not None
        if around.catalog.relation_oid(relation.namespace, name):
            raise SqlError("42P07", f'relation "{name}" already exists')
        rename_relation(around, writer, index, name)
        return "ALTER TABLE"
    if any(each.name == name for each in relation.constraints):
        raise SqlError("42710", f'constraint "{name}" for relation "{relation.name}" already exists')
    writer.update("pg_constraint", writer.tables(relation.oid), {"oid": constraint.oid}, conname=name)
    writer.changed()
    from .stored import refresh

    refresh(around, relation.oid)
    return "ALTER TABLE"


def _schema_owner(around: Surroundings, oid: int, name: str) -> None:
    row = around.connection.execute(
        'SELECT nspowner FROM main."pg_catalog.pg_namespace" WHERE oid = ?', (oid,)
    ).fetchone()
    owner = int(str(row[0])) if row else 0
    if not around.session.superuser and not is_member(around, owner):
        raise SqlError("42501", f"must be owner of schema {name}")


def _rename_schema(around: Surroundings, old: str, name: str) -> str:
    """RenameSchema()."""
    catalog = around.catalog
    oid = catalog.namespace(old)
    if oid is None:
        raise SqlError("3F000", f'schema "{old}" does not exist')
    if catalog.namespace(name) is not None:
        raise SqlError("42P06", f'schema "{name}" already exists')
    _schema_owner(around, oid, old)
    if name.startswith("pg_"):
        raise SqlError(
            "42939", f'unacceptable schema name "{name}"', detail='The prefix "pg_" is reserved for system schemas.'
        )
    if oid in catalog.builtin.schemas:
        raise unsupported(f"RENAME of schema {old}")
    writer = writer_of(around)
    tables = writer.tables(oid)
    oids = [each for (each,) in writer.select("pg_class", tables, "oid", relnamespace=oid)]
    relations = [relation for each in oids if (relation := catalog.relation_by_oid(each)) is not None]
    texts = keep_texts(around, writer, oids, [Address(NAMESPACE, oid)])
    writer.update("pg_namespace", tables, {"oid": oid}, nspname=name)
    for relation in relations:
        move_storage(around, writer, relation, name, relation.name)
    writer.changed()
    texts.write(around, writer)
    return "ALTER SCHEMA"


def _rename_type(around: Surroundings, tree: dict[str, Any], name: str) -> str:
    row = find_type(around, tree["object"]["List"]["items"])
    check_type_owner(around, row)
    if row.kind == "c":
        relation = around.catalog.relation_by_oid(row.relation)
        if relation is not None and relation.kind != "c":
            raise SqlError(
                "42809",
                f"{relation.name} is a table's row type",
                hint="Use ALTER TABLE instead.",
            )
    if row.category == "A":
        raise SqlError("42809", f"cannot alter array type {row.name}")
    writer = writer_of(around)
    texts = keep_texts(around, writer, [], [Address(TYPE, row.oid)])
    _rename_row_type(around, writer, row.oid, row.namespace, name)
    if row.relation:
        writer.update("pg_class", writer.tables(row.relation), {"oid": row.relation}, relname=name)
    writer.changed()
    texts.write(around, writer)
    return "ALTER DOMAIN" if tree["renameType"] == "OBJECT_DOMAIN" else "ALTER TYPE"


def _rename_role(around: Surroundings, old: str, name: str) -> str:
    row = around.cluster.find("pg_authid", old)
    if row is None:
        raise SqlError("42704", f'role "{old}" does not exist')
    if around.cluster.find("pg_authid", name) is not None:
        raise SqlError("42710", f'role "{name}" already exists')
    if row["oid"] == around.session.user_oid:
        raise SqlError("0A000", "current user cannot be renamed")
    if not around.session.superuser:
        raise SqlError("42501", "permission denied to rename role")
    around.cluster.put("pg_authid", (row | {"rolname": name}).values())
    return "ALTER ROLE"


def set_schema(around: Surroundings, tree: dict[str, Any]) -> str:
    """ALTER … SET SCHEMA: AlterTableNamespace(), AlterTypeNamespace()."""
    kind, catalog = tree["objectType"], around.catalog
    namespace = catalog.namespace(tree["newschema"])
    if namespace is None:
        raise SqlError("3F000", f'schema "{tree["newschema"]}" does not exist')
    writer = writer_of(around)
    if kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        row = find_type(around, tree["object"]["List"]["items"])
        check_type_owner(around, row)
        if catalog.type_oid(namespace, row.name):
            raise SqlError("42710", f'type "{row.name}" already exists in schema "{tree["newschema"]}"')
        texts = keep_texts(around, writer, [], [Address(TYPE, row.oid)])
        for oid in (row.oid, row.array):
            if oid:
                writer.update("pg_type", writer.tables(oid), {"oid": oid}, typnamespace=namespace)
        _move_dependency(writer, Address(TYPE, row.oid), namespace)
        texts.write(around, writer)
        return "ALTER TYPE"
    if kind not in _TAGS:
        raise unsupported(f"SET SCHEMA of {kind.removeprefix('OBJECT_')}")
    tag, kinds = _TAGS[kind]
    relation = _relation(around, tree, kinds)
    if relation is None:
        return tag
    if relation.namespace == namespace:
        return tag
    if writer.tables(namespace) is not writer.tables(relation.oid):
        raise SqlError("0A000", "cannot move objects into or out of temporary schemas")
    refuse_system(namespace, relation.name)
    if catalog.relation_oid(namespace, relation.name):
        raise SqlError("42P07", f'relation "{relation.name}" already exists in schema "{tree["newschema"]}"')
    sequences = _owned_sequences(around, writer, relation)
    if relation.kind == "S" and writer.select(
        "pg_depend", writer.tables(relation.oid), "1", classid=CLASS, objid=relation.oid, refclassid=CLASS
    ):
        raise SqlError("0A000", "cannot move an owned sequence into another schema")
    moved = [relation, *sequences]
    texts = keep_texts(around, writer, [each.oid for each in moved])
    for each in moved:
        _move(around, writer, each, namespace, tree["newschema"])
    writer.changed()
    texts.write(around, writer)
    return tag


def _owned_sequences(around: Surroundings, writer: Writer, relation: Relation) -> list[Relation]:
    rows = writer.select(
        "pg_depend", writer.tables(relation.oid), "objid", refclassid=CLASS, refobjid=relation.oid, classid=CLASS
    )
    found = (around.catalog.relation_by_oid(oid) for oid in sorted({oid for (oid,) in rows}))
    return [each for each in found if each is not None and each.kind == "S"]


def _move(around: Surroundings, writer: Writer, relation: Relation, namespace: int, schema: str) -> None:
    tables = writer.tables(relation.oid)
    writer.update("pg_class", tables, {"oid": relation.oid}, relnamespace=namespace)
    for index in relation.indexes:
        writer.update("pg_class", tables, {"oid": index.oid}, relnamespace=namespace)
    if relation.type:
        for oid in (
            relation.type,
            *(row[0] for row in writer.select("pg_type", tables, "typarray", oid=relation.type)),
        ):
            if oid:
                writer.update("pg_type", tables, {"oid": oid}, typnamespace=namespace)
    writer.update("pg_constraint", tables, {"conrelid": relation.oid}, connamespace=namespace)
    _move_dependency(writer, Address(CLASS, relation.oid), namespace)
    move_storage(around, writer, relation, schema, relation.name)


def _move_dependency(writer: Writer, address: Address, namespace: int) -> None:
    writer.delete(
        "pg_depend",
        writer.tables(address.oid),
        classid=address.class_id,
        objid=address.oid,
        objsubid=0,
        refclassid=NAMESPACE,
    )
    writer.depend(address, Address(NAMESPACE, namespace), "n")
    writer.changed()
