"""Constraints of tables: keys and checks (src/backend/commands/tablecmds.c)."""

from __future__ import annotations

import json
from typing import Any

from ..catalog import Relation
from ..errors import SqlError
from ..types.sqlite import quote_identifier
from ..types.text import cut_name
from .columns import Key
from .common import error, notice, run_sql, unsupported
from .expressions import check as analyse_check
from .ids import CLASS, CONSTRAINT, Address
from .indexes import NewIndex, dependency_of_constraint, make_index, name_taken, plain_key
from .names import choose_name, joined
from .stored import check_sql, refresh
from .surroundings import Surroundings
from .writer import Writer

__all__ = [
    "add_check",
    "add_key",
    "constraint_taken",
    "insert_constraint",
    "key_on_index",
    "set_not_null",
    "validate_check",
]


def constraint_taken(writer: Writer, namespace: int) -> Any:
    """Whether any constraint of a schema has a name: ConstraintNameExists()."""
    tables = writer.tables(namespace)
    return lambda name: bool(writer.select("pg_constraint", tables, "1", conname=name, connamespace=namespace))


def insert_constraint(
    writer: Writer,
    relation: Relation,
    name: str,
    kind: str,
    *,
    keys: list[int],
    deferrable: bool = False,
    deferred: bool = False,
    validated: bool = True,
    index: int = 0,
    no_inherit: bool = True,
    **values: Any,
) -> int:
    """Add the row of a constraint, which depends on its columns; gives its OID.

    Raises:
        SqlError: 42710 the table has one of this name.
    """
    tables = writer.tables(relation.oid)
    if writer.select("pg_constraint", tables, "1", conrelid=relation.oid, conname=name):
        raise SqlError("42710", f'constraint "{name}" for relation "{relation.name}" already exists')
    oid = writer.new_oid(tables.temporary)
    row: dict[str, Any] = {
        "confrelid": 0,
        "confupdtype": " ",
        "confdeltype": " ",
        "confmatchtype": " ",
    }
    writer.insert(
        "pg_constraint",
        tables,
        oid=oid,
        conname=name,
        connamespace=relation.namespace,
        contype=kind,
        condeferrable=int(deferrable),
        condeferred=int(deferred),
        convalidated=int(validated),
        conrelid=relation.oid,
        contypid=0,
        conindid=index,
        conparentid=0,
        conislocal=1,
        coninhcount=0,
        connoinherit=int(no_inherit),
        conkey=json.dumps(keys, separators=(",", ":")) if keys else None,
        **(row | values),
    )
    here = Address(CONSTRAINT, oid)
    for number in keys:
        writer.depend(here, Address(CLASS, relation.oid, number), "a")
    if not keys:
        writer.depend(here, Address(CLASS, relation.oid), "a")
    return oid


# Keys


def add_key(around: Surroundings, writer: Writer, relation: Relation, key: Key, *, row_number: bool = False) -> int:
    """Add a primary key or a unique constraint, with its index; gives the OID of the index.

    Args:
        around: the statement.
        writer: to the catalogue.
        relation: the table, whose columns are there already.
        key: what is wanted.
        row_number: it is SQLite's row number: the table is about to be made.

    Raises:
        SqlError: 42703, 42701, 42P16, 42P07, 23505.
    """
    what = "primary key" if key.primary else "unique"
    if key.primary and any(each.primary for each in relation.indexes):
        raise SqlError("42P16", f'multiple primary keys for table "{relation.name}" are not allowed')
    numbers = _key_numbers(relation, key, what)
    taken = name_taken(writer, relation.namespace, constraints=True)
    if key.name:
        if name_taken(writer, relation.namespace, constraints=False)(key.name):
            raise SqlError("42P07", f'relation "{key.name}" already exists')
        name = key.name
    elif key.primary:
        name = choose_name(relation.name, "", "pkey", taken)
    else:
        second = joined([relation.columns[number - 1].name for number in numbers] + key.including)
        name = choose_name(relation.name, second, "key", taken)
    if key.primary:
        set_not_null(around, writer, relation, numbers)
        fresh = around.catalog.relation_by_oid(relation.oid)
        assert fresh is not None
        relation = fresh
    including = _key_numbers(relation, Key(columns=key.including, node=key.node), what) if key.including else []
    index = NewIndex(
        name=name,
        unique=True,
        primary=key.primary,
        not_distinct=key.not_distinct,
        immediate=not key.deferrable,
        keys=[plain_key(around, relation, number) for number in numbers],
        including=including,
        row_number=row_number,
    )
    oid = make_index(around, writer, relation, index, constraint=True)
    constraint = insert_constraint(
        writer,
        relation,
        name,
        "p" if key.primary else "u",
        keys=numbers,
        deferrable=key.deferrable,
        deferred=key.deferred,
        index=oid,
    )
    dependency_of_constraint(writer, oid, constraint)
    writer.changed()
    return oid


def key_on_index(around: Surroundings, writer: Writer, relation: Relation, key: Key) -> None:
    """ADD CONSTRAINT … USING INDEX: transformIndexConstraint().

    Raises:
        SqlError: 42704, 42809, 55000.
    """
    index = next((each for each in relation.indexes if each.name == key.existing_index), None)
    if index is None:
        raise error("42704", f'index "{key.existing_index}" does not exist', key.node)
    if any(each.index == index.oid for each in relation.constraints):
        raise error("55000", f'index "{index.name}" is already associated with a constraint', key.node)
    if not index.unique:
        raise error(
            "42809",
            f'"{index.name}" is not a unique index',
            key.node,
            detail="Cannot create a primary key or unique constraint using such an index.",
        )
    for wrong, what in (
        (index.expressions, "contains expressions"),
        (index.predicate is not None, "is a partial index"),
    ):
        if wrong:
            message = f'index "{index.name}" {what}' if index.expressions else f'"{index.name}" {what}'
            raise error(
                "42809",
                message,
                key.node,
                detail="Cannot create a primary key or unique constraint using such an index.",
            )
    if key.deferrable:
        raise unsupported("a deferrable constraint USING INDEX", key.node)
    if key.primary and any(each.primary for each in relation.indexes):
        raise error("42P16", f'multiple primary keys for table "{relation.name}" are not allowed', key.node)
    tables = writer.tables(relation.oid)
    if key.primary:
        set_not_null(around, writer, relation, list(index.keys))
        writer.update("pg_index", tables, {"indexrelid": index.oid}, indisprimary=1)
    name = key.name or index.name
    if name != index.name:
        notice(
            around,
            f'ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index "{index.name}" to "{name}"',
        )
        writer.update("pg_class", tables, {"oid": index.oid}, relname=name)
    writer.delete("pg_depend", tables, classid=CLASS, objid=index.oid)
    constraint = insert_constraint(
        writer, relation, name, "p" if key.primary else "u", keys=list(index.keys), index=index.oid
    )
    dependency_of_constraint(writer, index.oid, constraint)
    writer.changed()


def _key_numbers(relation: Relation, key: Key, what: str) -> list[int]:
    by_name = {column.name: column for column in relation.columns if not column.dropped}
    numbers: list[int] = []
    for name in key.columns:
        column = by_name.get(name)
        if column is None:
            raise error("42703", f'column "{name}" named in key does not exist', key.node or None)
        if column.number in numbers:
            raise error("42701", f'column "{name}" appears twice in {what} constraint', key.node or None)
        numbers.append(column.number)
    return numbers


def set_not_null(around: Surroundings, writer: Writer, relation: Relation, numbers: list[int]) -> None:
    """Make columns refuse NULL.

    Raises:
        SqlError: 23502 there is one already.
    """
    tables = writer.tables(relation.oid)
    changed = False
    for number in numbers:
        column = relation.columns[number - 1]
        if column.not_null:
            continue
        row = None
        if relation_exists(around, relation):
            row = around.connection.execute(
                f"SELECT 1 FROM {relation.storage} WHERE {quote_identifier(column.name)} IS NULL LIMIT 1"
            ).fetchone()
        if row is not None:
            raise SqlError(
                "23502",
                f'column "{column.name}" of relation "{relation.name}" contains null values',
                schema=relation.schema,
                table=relation.name,
                column=column.name,
            )
        writer.update("pg_attribute", tables, {"attrelid": relation.oid, "attnum": number}, attnotnull=1)
        changed = True
    if changed:
        writer.changed()
        if relation_exists(around, relation):
            refresh(around, relation.oid)


def relation_exists(around: Surroundings, relation: Relation) -> bool:
    """Whether the table is in SQLite already."""
    from .physical import split_storage

    database, name = split_storage(relation)
    return bool(
        around.connection.execute(
            f"SELECT 1 FROM {database}.sqlite_schema WHERE type = 'table' AND name = ?", (name,)
        ).fetchone()
    )


# Checks


def add_check(around: Surroundings, writer: Writer, relation: Relation, node: dict[str, Any]) -> tuple[int, str]:
    """Add a check constraint to the catalogue; gives its OID and name.

    Args:
        around: the statement.
        writer: to the catalogue.
        relation: the table.
        node: the Constraint.

    Raises:
        SqlError: 42710 the name is taken, and whatever is wrong with the expression.
    """
    if node.get("is_enforced") is False:
        raise unsupported("NOT ENFORCED", node)
    stored = analyse_check(around, relation, node["raw_expr"])
    name = cut_name(node.get("conname", ""))
    if not name:
        second = relation.columns[next(iter(stored.columns)) - 1].name if len(stored.columns) == 1 else ""
        name = choose_name(relation.name, second, "check", constraint_taken(writer, relation.namespace))
    elif writer.select("pg_constraint", writer.tables(relation.oid), "1", conrelid=relation.oid, conname=name):
        raise SqlError("42710", f'constraint "{name}" for relation "{relation.name}" already exists')
    oid = insert_constraint(
        writer,
        relation,
        name,
        "c",
        keys=sorted(stored.columns),
        no_inherit=bool(node.get("is_no_inherit")),
        validated=not node.get("skip_validation"),
        conbin=stored.text,
    )
    here = Address(CONSTRAINT, oid)
    for address in sorted(stored.depends):
        writer.depend(here, address, "n")
    tables = writer.tables(relation.oid)
    count = len(writer.select("pg_constraint", tables, "1", conrelid=relation.oid, contype="c"))
    writer.update("pg_class", tables, {"oid": relation.oid}, relchecks=count)
    writer.changed()
    return oid, name


def validate_check(around: Surroundings, relation: Relation, name: str) -> None:
    """Look at the rows that are there.

    Raises:
        SqlError: 23514.
    """
    constraint = next(each for each in relation.constraints if each.name == name and each.kind == "c")
    expression = check_sql(around, relation, constraint)
    if expression is None:
        return
    bad = run_sql(around, f"SELECT 1 FROM {relation.storage} WHERE NOT ({expression}) LIMIT 1").fetchone()
    if bad is not None:
        raise SqlError(
            "23514",
            f'check constraint "{name}" of relation "{relation.name}" is violated by some row',
            schema=relation.schema,
            table=relation.name,
            constraint=name,
        )
