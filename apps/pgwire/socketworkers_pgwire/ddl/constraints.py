"""Constraints of tables: keys, checks and foreign keys (src/backend/commands/tablecmds.c)."""

from __future__ import annotations

import json
from typing import Any

from ..catalog import Column, Relation
from ..catalog.operator_classes import class_operator
from ..catalog.spelling import format_type
from ..errors import SqlError
from ..types.sqlite import quote_identifier
from ..types.text import cut_name
from .columns import ForeignKey, Key
from .common import error, find_relation, notice, run_sql, strings, unsupported
from .expressions import check as analyse_check
from .ids import CLASS, CONSTRAINT, Address
from .indexes import NewIndex, dependency_of_constraint, make_index, name_taken, plain_key
from .names import choose_name, joined
from .physical import column_type
from .stored import check_sql, refresh
from .surroundings import Surroundings
from .writer import Writer

__all__ = [
    "add_check",
    "add_foreign_key",
    "add_key",
    "constraint_taken",
    "key_on_index",
    "set_not_null",
    "validate_check",
    "validate_foreign_key",
]


def constraint_taken(writer: Writer, namespace: int) -> Any:
    """Whether any constraint of a schema has a name: ConstraintNameExists()."""
    tables = writer.tables(namespace)
    return lambda name: bool(writer.select("pg_constraint", tables, "1", conname=name, connamespace=namespace))


def _insert(
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
    constraint = _insert(
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
    constraint = _insert(writer, relation, name, "p" if key.primary else "u", keys=list(index.keys), index=index.oid)
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
    oid = _insert(
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


# Foreign keys


def add_foreign_key(around: Surroundings, writer: Writer, relation: Relation, key: ForeignKey) -> tuple[int, str]:
    """Add a foreign key to the catalogue: ATAddForeignKeyConstraint(); gives its OID and name.

    Raises:
        SqlError: 42P01, 42703, 42830, 42804, 42809, 42P16.
    """
    node = key.node
    if node.get("is_enforced") is False:
        raise unsupported("NOT ENFORCED", node)
    if node.get("fk_matchtype") == "p":
        raise error("0A000", "MATCH PARTIAL not yet implemented", node)
    if node.get("fk_matchtype") == "f":
        raise unsupported("MATCH FULL", node)
    if node.get("fk_del_set_cols"):
        raise unsupported("a list of columns behind ON DELETE SET", node)
    other = find_relation(around, node["pktable"])
    assert other is not None
    _check_relations(relation, other)
    numbers = _referencing(relation, key.columns)
    named = strings(node.get("pk_attrs"))
    if named:
        theirs = _referencing(other, named)
        if len(theirs) != len(numbers):
            raise SqlError("42830", "number of referencing and referenced columns for foreign key disagree")
        index, theirs_in_index = _matching_index(other, theirs)
    else:
        index, theirs = _primary_key(other)
        theirs_in_index = theirs
        if len(theirs) != len(numbers):
            raise SqlError("42830", "number of referencing and referenced columns for foreign key disagree")
    name = key.name
    if not name:
        name = choose_name(relation.name, joined(key.columns), "fkey", constraint_taken(writer, relation.namespace))
    on_update, on_delete = node.get("fk_upd_action", "a"), node.get("fk_del_action", "a")
    operators = [
        _equality(around, name, relation.columns[own - 1], other.columns[their - 1])
        for own, their in zip(numbers, theirs, strict=True)
    ]
    _check_generated(relation, numbers, on_update, on_delete)
    assert theirs_in_index
    oid = _insert(
        writer,
        relation,
        name,
        "f",
        keys=numbers,
        deferrable=bool(node.get("deferrable")),
        deferred=bool(node.get("initdeferred")),
        validated=not node.get("skip_validation"),
        index=index,
        confrelid=other.oid,
        confupdtype=on_update,
        confdeltype=on_delete,
        confmatchtype=node.get("fk_matchtype", "s"),
        confkey=json.dumps(theirs, separators=(",", ":")),
        conpfeqop=json.dumps([each[0] for each in operators], separators=(",", ":")),
        conppeqop=json.dumps([each[1] for each in operators], separators=(",", ":")),
        conffeqop=json.dumps([each[2] for each in operators], separators=(",", ":")),
    )
    here = Address(CONSTRAINT, oid)
    for number in theirs:
        writer.depend(here, Address(CLASS, other.oid, number), "n")
    writer.depend(here, Address(CLASS, index), "n")
    for each in (relation.oid, other.oid):
        writer.update("pg_class", writer.tables(each), {"oid": each}, relhastriggers=1)
    writer.changed()
    return oid, name


def _check_relations(relation: Relation, other: Relation) -> None:
    if other.kind != "r":
        raise SqlError("42809", f'referenced relation "{other.name}" is not a table')
    if other.oid < 16384:
        raise SqlError("42501", f'permission denied: "{other.name}" is a system catalog')
    mine, theirs = relation.persistence, other.persistence
    if mine == "p" and theirs != "p":
        raise SqlError("42P16", "constraints on permanent tables may reference only permanent tables")
    if mine == "u" and theirs not in "pu":
        raise SqlError("42P16", "constraints on unlogged tables may reference only permanent or unlogged tables")
    if mine == "t" and theirs != "t":
        raise SqlError("42P16", "constraints on temporary tables may reference only temporary tables")


def _referencing(relation: Relation, names: list[str]) -> list[int]:
    by_name = {column.name: column.number for column in relation.columns if not column.dropped}
    numbers = []
    for name in names:
        if name not in by_name:
            raise SqlError("42703", f'column "{name}" referenced in foreign key constraint does not exist')
        numbers.append(by_name[name])
    return numbers


def _primary_key(other: Relation) -> tuple[int, list[int]]:
    for index in other.indexes:
        if index.primary:
            _check_deferrable(other, index.oid)
            return index.oid, list(index.keys)
    raise SqlError("42704", f'there is no primary key for referenced table "{other.name}"')


def _matching_index(other: Relation, numbers: list[int]) -> tuple[int, list[int]]:
    """The unique index of exactly these columns, in whatever order."""
    if len(set(numbers)) != len(numbers):
        raise SqlError("42830", "foreign key referenced-columns list must not contain duplicates")
    for index in other.indexes:
        if index.unique and index.predicate is None and not index.expressions and sorted(index.keys) == sorted(numbers):
            _check_deferrable(other, index.oid)
            return index.oid, list(index.keys)
    raise SqlError("42830", f'there is no unique constraint matching given keys for referenced table "{other.name}"')


def _check_deferrable(other: Relation, index: int) -> None:
    for constraint in other.constraints:
        if constraint.index == index and constraint.kind in "pu" and constraint.deferrable:
            raise SqlError("55000", f'cannot use a deferrable unique constraint for referenced table "{other.name}"')


def _equality(around: Surroundings, name: str, own: Column, their: Column) -> tuple[int, int, int]:
    """Operators of the foreign key for a pair of columns: key = reference, key = key, reference = reference."""
    catalog = around.catalog
    both = class_operator(catalog.builtin, catalog.type_by_oid, catalog.relation_by_oid, their.type, 3)
    mixed = both
    if own.type != their.type:
        mixed = next(
            (each for each in catalog.operators(None, "=") if (each.left, each.right) == (their.type, own.type)),
            None,
        )
        if mixed is None:
            cast = catalog.cast(own.type, their.type)
            mixed = both if cast is not None and cast.context == "i" else None
    if mixed is None or both is None:
        raise SqlError(
            "42804",
            f'foreign key constraint "{name}" cannot be implemented',
            detail=f'Key columns "{own.name}" and "{their.name}" are of incompatible types: '
            f"{format_type(catalog, own.type)} and {format_type(catalog, their.type)}.",
        )
    mine = class_operator(catalog.builtin, catalog.type_by_oid, catalog.relation_by_oid, own.type, 3)
    _check_forms(around, own, their)
    return mixed.oid, both.oid, (mine or both).oid


def _check_forms(around: Surroundings, own: Column, their: Column) -> None:
    """SQLite compares the stored forms, which must be equal when the values are."""
    forms = []
    for column in (own, their):
        kind = column_type(around.catalog, column.type, column.typmod)
        if kind.eqkey("x") != "x":
            raise unsupported(f"a foreign key on a column of type {kind.format_type()}")
        scale = kind.typmod if kind.oid == 1700 else 0
        forms.append((kind.declared, scale & 0x7FF if kind.oid == 1700 else 0))
    if forms[0] != forms[1]:
        names = [format_type(around.catalog, column.type, column.typmod) for column in (own, their)]
        raise unsupported(f"a foreign key from {names[0]} to {names[1]}")


def _check_generated(relation: Relation, numbers: list[int], on_update: str, on_delete: str) -> None:
    for number in numbers:
        if not relation.columns[number - 1].generated:
            continue
        for action, words in ((on_update, "ON UPDATE"), (on_delete, "ON DELETE")):
            if action in "nd" or (action == "c" and words == "ON UPDATE"):
                raise SqlError(
                    "42601",
                    f"invalid {words} action for foreign key constraint containing generated column",
                )


def validate_foreign_key(around: Surroundings, relation: Relation, name: str) -> None:
    """Look at the rows that are there: RI_Initial_Check().

    Raises:
        SqlError: 23503.
    """
    constraint = next(each for each in relation.constraints if each.name == name and each.kind == "f")
    other = around.catalog.relation_by_oid(constraint.foreign_relation)
    assert other is not None
    own = [relation.columns[number - 1] for number in constraint.keys]
    theirs = [other.columns[number - 1] for number in constraint.foreign_keys]
    pairs = [
        f"p.{quote_identifier(their.name)} = f.{quote_identifier(mine.name)}"
        for mine, their in zip(own, theirs, strict=True)
    ]
    present = [f"f.{quote_identifier(mine.name)} IS NOT NULL" for mine in own]
    values = [f"f.{quote_identifier(mine.name)}" for mine in own]
    row = around.connection.execute(
        f"SELECT {', '.join(values)} FROM {relation.storage} AS f WHERE {' AND '.join(present)} "
        f"AND NOT EXISTS (SELECT 1 FROM {other.storage} AS p WHERE {' AND '.join(pairs)}) LIMIT 1"
    ).fetchone()
    if row is None:
        return
    shown = [
        column_type(around.catalog, column.type, column.typmod).output(value, around.settings)
        for column, value in zip(own, row, strict=True)
    ]
    raise SqlError(
        "23503",
        f'insert or update on table "{relation.name}" violates foreign key constraint "{name}"',
        detail=f"Key ({', '.join(column.name for column in own)})=({', '.join(shown)}) is not present in table "
        f'"{other.name}".',
        schema=relation.schema,
        table=relation.name,
        constraint=name,
    )
