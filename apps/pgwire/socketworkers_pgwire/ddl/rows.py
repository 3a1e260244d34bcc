"""Rows of pg_class, pg_attribute and pg_type as PostgreSQL 15 writes them for new objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..catalog.reading import MAIN, Tables
from ..types.text import cut_name
from .ids import CLASS, COLLATION, NAMESPACE, TYPE, Address
from .writer import Writer

__all__ = [
    "NewColumn",
    "add_array_type",
    "add_attribute",
    "add_class",
    "add_row_type",
    "add_system_attributes",
    "add_type",
    "array_name",
    "type_storage",
]

#: the columns that every table has (SysAtt of src/backend/catalog/heap.c): name, type, number
_SYSTEM_COLUMNS = (
    ("ctid", 27, -1),
    ("xmin", 28, -2),
    ("cmin", 29, -3),
    ("xmax", 28, -4),
    ("cmax", 29, -5),
    ("tableoid", 26, -6),
)
_HEAP = 2
#: functions of every type of a kind, by their OIDs in pg_proc
_RECORD_FUNCTIONS = {"typinput": 2290, "typoutput": 2291, "typreceive": 2402, "typsend": 2403}
_ARRAY_FUNCTIONS = {"typinput": 750, "typoutput": 751, "typreceive": 2400, "typsend": 2401, "typanalyze": 3816}
_ARRAY_SUBSCRIPT = 6179


@dataclass(slots=True, kw_only=True)
class NewColumn:
    """A column that is to be made."""

    name: str
    type: int
    typmod: int = -1
    collation: int = 0
    not_null: bool = False
    dimensions: int = 0
    identity: str = ""
    generated: str = ""
    has_default: bool = False


def add_class(
    writer: Writer,
    tables: Tables,
    oid: int,
    name: str,
    namespace: int,
    kind: str,
    owner: int,
    *,
    type_oid: int = 0,
    persistence: str = "p",
    columns: int = 0,
    checks: int = 0,
    options: Sequence[str] = (),
    filed: bool = True,
    of_namespace: bool = True,
) -> None:
    """Add the row of a relation.

    Args:
        writer: to the catalogue.
        tables: where.
        oid: of the relation.
        name: of it.
        namespace: OID of its schema.
        kind: relkind.
        owner: OID of its owner.
        type_oid: of its row type.
        persistence: relpersistence.
        columns: how many it has.
        checks: how many check constraints it has.
        options: reloptions.
        filed: whether there is something of its own in SQLite.
        of_namespace: whether it depends on its schema by itself.
    """
    has_storage = kind in "rmSi"
    writer.insert(
        "pg_class",
        tables,
        oid=oid,
        relname=name,
        relnamespace=namespace,
        reltype=type_oid,
        reloftype=0,
        relowner=owner,
        relam=_HEAP if kind in "rm" else 403 if kind == "i" else 0,
        relfilenode=oid if has_storage and filed else 0,
        reltablespace=0,
        relpages=1 if kind in "Si" else 0,
        reltuples=1 if kind == "S" else 0 if kind == "i" else -1,
        relallvisible=0,
        reltoastrelid=0,
        relhasindex=0,
        relisshared=0,
        relpersistence=persistence,
        relkind=kind,
        relnatts=columns,
        relchecks=checks,
        relhasrules=int(kind in "vm"),
        relhastriggers=0,
        relhassubclass=0,
        relrowsecurity=0,
        relforcerowsecurity=0,
        relispopulated=1,
        relreplident="d" if kind in "rm" else "n",
        relispartition=0,
        relrewrite=0,
        relfrozenxid=730 if kind in "rm" else 0,
        relminmxid=1 if kind in "rm" else 0,
        reloptions=json.dumps(list(options), ensure_ascii=False) if options else None,
    )
    if of_namespace:
        writer.depend(Address(CLASS, oid), Address(NAMESPACE, namespace), "n")


def type_storage(writer: Writer, oid: int) -> tuple[int, int, str, str]:
    """Length, whether by value, alignment and storage of a type."""
    columns = "typlen, typbyval, typalign, typstorage"
    found = writer.select("pg_type", MAIN if oid < 16384 else writer.tables(oid), columns, oid=oid)
    length, by_value, align, storage = found[0]
    return length, by_value, align, storage


def add_attribute(
    writer: Writer, tables: Tables, relation: int, number: int, column: NewColumn, *, depend: bool = True
) -> None:
    """Add the row of a column."""
    length, by_value, align, storage = type_storage(writer, column.type)
    writer.insert(
        "pg_attribute",
        tables,
        attrelid=relation,
        attname=column.name,
        atttypid=column.type,
        attstattarget=-1 if number > 0 else 0,
        attlen=length,
        attnum=number,
        attndims=column.dimensions,
        attcacheoff=-1,
        atttypmod=column.typmod,
        attbyval=by_value,
        attalign=align,
        attstorage=storage,
        attcompression="",
        attnotnull=int(column.not_null),
        atthasdef=int(column.has_default),
        atthasmissing=0,
        attidentity=column.identity,
        attgenerated=column.generated,
        attisdropped=0,
        attislocal=1,
        attinhcount=0,
        attcollation=column.collation,
    )
    if depend:
        here = Address(CLASS, relation, number)
        writer.depend(here, Address(TYPE, column.type), "n")
        if column.collation != 100:
            writer.depend(here, Address(COLLATION, column.collation), "n")


def add_system_attributes(writer: Writer, tables: Tables, relation: int) -> None:
    """Add the rows of the columns that every table has."""
    for name, kind, number in _SYSTEM_COLUMNS:
        column = NewColumn(name=name, type=kind, not_null=True)
        add_attribute(writer, tables, relation, number, column, depend=False)


def add_type(writer: Writer, tables: Tables, oid: int, name: str, namespace: int, owner: int, **values: Any) -> None:
    """Add the row of a type.

    Args:
        writer: to the catalogue.
        tables: where.
        oid: of the type.
        name: of it.
        namespace: OID of its schema.
        owner: OID of its owner.
        values: other columns, where they are not what most types have.
    """
    row: dict[str, Any] = {
        "typlen": -1,
        "typbyval": 0,
        "typtype": "b",
        "typcategory": "U",
        "typispreferred": 0,
        "typisdefined": 1,
        "typdelim": ",",
        "typrelid": 0,
        "typsubscript": 0,
        "typelem": 0,
        "typarray": 0,
        "typinput": 0,
        "typoutput": 0,
        "typreceive": 0,
        "typsend": 0,
        "typmodin": 0,
        "typmodout": 0,
        "typanalyze": 0,
        "typalign": "d",
        "typstorage": "x",
        "typnotnull": 0,
        "typbasetype": 0,
        "typtypmod": -1,
        "typndims": 0,
        "typcollation": 0,
    }
    writer.insert("pg_type", tables, oid=oid, typname=name, typnamespace=namespace, typowner=owner, **(row | values))


def array_name(writer: Writer, tables: Tables, namespace: int, name: str) -> str:
    """The name of an array type: makeArrayTypeName() of src/backend/catalog/pg_type.c."""
    taken = {each for (each,) in writer.select("pg_type", tables, "typname", typnamespace=namespace)}
    underscores = 1
    while True:
        wanted = cut_name("_" * underscores + name)
        if wanted not in taken:
            return wanted
        underscores += 1


def add_array_type(
    writer: Writer, tables: Tables, oid: int, element: int, name: str, namespace: int, owner: int, align: str = "d"
) -> None:
    """Add the row of the array of a new type."""
    add_type(
        writer,
        tables,
        oid,
        array_name(writer, tables, namespace, name),
        namespace,
        owner,
        typcategory="A",
        typsubscript=_ARRAY_SUBSCRIPT,
        typelem=element,
        typalign=align,
        **_ARRAY_FUNCTIONS,
    )
    writer.depend(Address(TYPE, oid), Address(TYPE, element), "i")


def add_row_type(
    writer: Writer, tables: Tables, relation: int, name: str, namespace: int, owner: int, *, alone: bool = False
) -> int:
    """Add the composite type of a relation, and its array.

    Args:
        writer: to the catalogue.
        tables: where.
        relation: OID of the relation.
        name: of both.
        namespace: OID of the schema.
        owner: OID of the owner.
        alone: whether it was made by CREATE TYPE: the relation belongs to the type then, else the type to the relation.

    Returns:
        the OID of the type.
    """
    array, row = writer.new_oid(tables.temporary), writer.new_oid(tables.temporary)
    add_type(
        writer,
        tables,
        row,
        name,
        namespace,
        owner,
        typtype="c",
        typcategory="C",
        typrelid=relation,
        typarray=array,
        **_RECORD_FUNCTIONS,
    )
    if alone:
        writer.depend(Address(TYPE, row), Address(NAMESPACE, namespace), "n")
        writer.depend(Address(CLASS, relation), Address(TYPE, row), "i")
    else:
        writer.depend(Address(TYPE, row), Address(CLASS, relation), "i")
    add_array_type(writer, tables, array, row, name, namespace, owner)
    return row
