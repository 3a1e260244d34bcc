"""Reads objects out of the tables of the catalogue: those of a database, or of a session's temporary objects. Blocking.

Nothing is kept here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import apsw

from ..types import BY_OID, AnyType, ArrayType, EnumType, RecordType
from ..types.sqlite import quote_identifier
from ..types.vectors import INT2VECTOR
from .layout import CLUSTER, LOCAL, SHIPPED, SPLIT, physical_name
from .rows import Column, Constraint, Index, Relation, TypeRow
from .storage import storage_name

__all__ = ["Tables", "read_columns", "read_relation", "read_type"]

_ROW_NUMBERS = ("rowid", "_rowid_", "oid")


class Tables:
    """Names in SQLite of the tables of the catalogue.

    Args:
        temporary: those of the session's temporary objects.
    """

    __slots__ = ("_names", "temporary")

    def __init__(self, temporary: bool = False) -> None:
        self.temporary = temporary
        place = 'temp."pg_temp.{}"' if temporary else 'main."pg_catalog.{}"'
        self._names = {name: place.format(name) for name in (*LOCAL, *SPLIT)}

    def __getitem__(self, table: str) -> str:
        return self._names[table]


MAIN = Tables()
TEMPORARY = Tables(temporary=True)


def read_relation(connection: apsw.Connection, tables: Tables, oid: int, schema: str) -> Relation | None:
    """A relation with all that belongs to it.

    Args:
        connection: of the database.
        tables: where it is.
        oid: of it.
        schema: name of its schema.
    """
    row = connection.execute(
        f"""SELECT relname, relnamespace, relkind, relpersistence, relowner, reltype, reloptions
        FROM {tables["pg_class"]} WHERE oid = ?""",
        (oid,),
    ).fetchone()
    if row is None:
        return None
    name, namespace, kind, persistence, owner, type_oid, options = row
    columns = read_columns(connection, tables, oid)
    if kind == "v":
        storage, rowid = "", ""
    elif kind == "S":
        storage, rowid = _sequence(oid), ""
    elif schema in ("pg_catalog", "information_schema") and not tables.temporary:
        storage, rowid = _system(name if schema == "pg_catalog" else f"{schema}.{name}", columns)
    else:
        storage = storage_name(connection, oid, schema, name, tables.temporary)
        used = {column.name.lower() for column in columns if not column.dropped}
        rowid = next((each for each in _ROW_NUMBERS if each not in used), "")
    indexes = _indexes(connection, tables, oid)
    rowid_column = 0
    if kind == "r":
        if tables is MAIN and schema == "pg_catalog" and columns and columns[0].name == "oid":
            rowid_column = 1
        else:
            rowid_column = next((index.keys[0] for index in indexes if index.primary and not index.storage), 0)
    definition = ""
    if kind in "vm":
        found = connection.execute(
            f"SELECT ev_action FROM {tables['pg_rewrite']} WHERE ev_class = ? AND rulename = '_RETURN'", (oid,)
        ).fetchone()
        definition = found[0] if found else ""
    return Relation(
        oid=oid,
        name=name,
        namespace=namespace,
        schema=schema,
        kind=kind,
        persistence=persistence,
        owner=owner,
        columns=columns,
        storage=storage,
        rowid=rowid,
        rowid_column=rowid_column,
        type=type_oid,
        definition=definition,
        indexes=indexes,
        constraints=_constraints(connection, tables, oid),
        referenced_by=tuple(
            each
            for (each,) in connection.execute(
                f"SELECT DISTINCT conrelid FROM {tables['pg_constraint']} WHERE confrelid = ? AND contype = 'f'", (oid,)
            )
        ),
        options=tuple(json.loads(options)) if options else (),
    )


def read_columns(connection: apsw.Connection, tables: Tables, oid: int) -> tuple[Column, ...]:
    """The user columns of a relation, by their numbers."""
    identity_sequences: dict[int, int] = {}
    columns: list[Column] = []
    for number, name, kind, typmod, collation, not_null, default, identity, generated, dropped in connection.execute(
        f"""SELECT attnum, attname, atttypid, atttypmod, attcollation, attnotnull, adbin, attidentity, attgenerated,
            attisdropped
        FROM {tables["pg_attribute"]} LEFT JOIN {tables["pg_attrdef"]} ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = ? AND attnum > 0 ORDER BY attnum""",
        (oid,),
    ):
        if identity and not identity_sequences:
            identity_sequences = dict(
                connection.execute(
                    f"""SELECT refobjsubid, objid FROM {tables["pg_depend"]}
                    WHERE refclassid = 1259 AND refobjid = ? AND classid = 1259 AND deptype = 'i'""",
                    (oid,),
                )
            )
        columns.append(
            Column(
                number,
                name,
                kind,
                typmod,
                collation,
                bool(not_null),
                default,
                identity,
                generated,
                bool(dropped),
                identity_sequences.get(number, 0) if identity else 0,
            )
        )
    return tuple(columns)


def _sequence(oid: int) -> str:
    """The one row of a sequence, whose counter is in memory."""
    return (
        "(SELECT state->>0 AS last_value, state->>1 AS log_cnt, state->>2 AS is_called "
        f"FROM (SELECT pg_sequence_state({oid}) AS state))"
    )


def _system(table: str, columns: tuple[Column, ...]) -> tuple[str, str]:
    """What stands in FROM for a table of the system, and its row number."""
    name = quote_identifier(physical_name(table))
    rowid = "rowid"
    if table in CLUSTER:
        values = ", ".join(f"value->>{n} AS {quote_identifier(column.name)}" for n, column in enumerate(columns))
        return f"(SELECT {values} FROM json_each(pg_cluster_rows('{table}')))", ""
    if table in LOCAL:
        return f"main.{name}", rowid
    if table in SPLIT:
        return f"(SELECT * FROM main.{name} UNION ALL SELECT * FROM {SHIPPED}.{name})", ""
    return f"{SHIPPED}.{name}", rowid


def _indexes(connection: apsw.Connection, tables: Tables, oid: int) -> tuple[Index, ...]:
    found = []
    for index, name, unique, primary, not_distinct, keys, count, expressions, predicate, inner in connection.execute(
        f"""SELECT indexrelid, relname, indisunique, indisprimary, indnullsnotdistinct, indkey, indnkeyatts, indexprs,
            indpred, relfilenode
        FROM {tables["pg_index"]} JOIN {tables["pg_class"]} c ON c.oid = indexrelid
        WHERE indrelid = ? ORDER BY indexrelid""",
        (oid,),
    ):
        found.append(
            Index(
                index,
                name,
                bool(unique),
                bool(primary),
                bool(not_distinct),
                tuple(INT2VECTOR.load(keys).items[:count]),
                tuple(json.loads(expressions)) if expressions and expressions.startswith("[") else (),
                predicate,
                f"index.{index}" if inner else "",
            )
        )
    return tuple(found)


def _constraints(connection: apsw.Connection, tables: Tables, oid: int) -> tuple[Constraint, ...]:
    rows = connection.execute(
        f"""SELECT oid, conname, contype, condeferrable, condeferred, conindid, conkey, confrelid, confkey, confupdtype,
            confdeltype, confmatchtype, conbin
        FROM {tables["pg_constraint"]} WHERE conrelid = ? ORDER BY conname""",
        (oid,),
    )
    return tuple(
        Constraint(
            constraint,
            name,
            kind,
            bool(deferrable),
            bool(deferred),
            index,
            tuple(json.loads(keys)) if keys else (),
            foreign,
            tuple(json.loads(foreign_keys)) if foreign_keys else (),
            on_update if kind == "f" else "",
            on_delete if kind == "f" else "",
            match if kind == "f" else "",
            expression or "",
        )
        for (
            constraint,
            name,
            kind,
            deferrable,
            deferred,
            index,
            keys,
            foreign,
            foreign_keys,
            on_update,
            on_delete,
            match,
            expression,
        ) in rows
    )


def read_type(
    connection: apsw.Connection,
    tables: Tables,
    oid: int,
    implementation_of: Callable[[int], AnyType | None],
    format_name: Callable[[str, int], str],
) -> TypeRow | None:
    """A type.

    Args:
        connection: of the database.
        tables: where it is.
        oid: of it.
        implementation_of: the implementation of another type: the base of a domain, the element of an array.
        format_name: how the name of a type in a schema is written.
    """
    row = connection.execute(
        f"""SELECT typname, typnamespace, typtype, typcategory, typispreferred, typelem, typarray, typrelid,
            typbasetype, typtypmod, typcollation, typsubscript, typlen
        FROM {tables["pg_type"]} WHERE oid = ?""",
        (oid,),
    ).fetchone()
    if row is None:
        return None
    (
        name,
        namespace,
        kind,
        category,
        preferred,
        element,
        array,
        relation,
        base,
        typmod,
        collation,
        subscript,
        length,
    ) = row
    implementation: Any = BY_OID.get(oid)
    if implementation is None:
        if kind == "e":
            labels = [
                str(label)
                for (label,) in connection.execute(
                    f"SELECT enumlabel FROM {tables['pg_enum']} WHERE enumtypid = ? ORDER BY enumsortorder", (oid,)
                )
            ]
            implementation = EnumType(oid, name, array, labels, format_name(name, namespace))
        elif kind == "d":
            implementation = implementation_of(base)
            if implementation is not None and typmod >= 0:
                implementation = implementation.modified(typmod)
        elif kind == "c":
            implementation = _row_type(
                connection, tables, relation, implementation_of, (oid, format_name(name, namespace), array)
            )
        elif element and length == -1 and subscript:
            inner = implementation_of(element)
            implementation = ArrayType(inner, oid) if inner is not None else None
    return TypeRow(
        oid=oid,
        name=name,
        namespace=namespace,
        kind=kind,
        category=category,
        preferred=bool(preferred),
        element=element,
        array=array,
        relation=relation,
        base=base,
        typmod=typmod,
        collation=collation,
        implementation=implementation,
    )


def _row_type(
    connection: apsw.Connection,
    tables: Tables,
    relation: int,
    implementation_of: Callable[[int], AnyType | None],
    of: tuple[int, str, int],
) -> RecordType | None:
    """A composite type that is not the rows of a table; None when it has a column of a type that we do not have."""
    (kind,) = connection.execute(f"SELECT relkind FROM {tables['pg_class']} WHERE oid = ?", (relation,)).fetchone() or (
        "",
    )
    if kind != "c":
        return None
    fields: list[AnyType] = []
    columns = [column for column in read_columns(connection, tables, relation) if not column.dropped]
    for column in columns:
        field = implementation_of(column.type)
        if field is None:
            return None
        fields.append(field.modified(column.typmod))
    oid, name, array = of
    return RecordType(fields, [column.name for column in columns], oid, name, array)
