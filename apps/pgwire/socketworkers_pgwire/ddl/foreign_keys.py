"""Foreign keys: ATAddForeignKeyConstraint() of src/backend/commands/tablecmds.c, RI_Initial_Check() of utils/adt."""

from __future__ import annotations

import json

from ..catalog import Column, Relation
from ..catalog.operator_classes import class_operator
from ..catalog.spelling import format_type
from ..errors import SqlError
from ..types.sqlite import quote_identifier
from .columns import ForeignKey
from .common import error, find_relation, strings, unsupported
from .constraints import constraint_taken, insert_constraint
from .ids import CLASS, CONSTRAINT, Address
from .names import choose_name, joined
from .physical import column_type
from .surroundings import Surroundings
from .writer import Writer

__all__ = ["add_foreign_key", "check_types", "validate_foreign_key"]


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
    oid = insert_constraint(
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


def check_types(around: Surroundings, oid: int, number: int) -> None:
    """A column has another type: its foreign keys, and those that refer to it, must still be possible.

    Raises:
        SqlError: 42804; 0A000 SQLite cannot compare the two.
    """
    catalog = around.catalog
    relation = catalog.relation_by_oid(oid)
    assert relation is not None
    for each in {oid, *relation.referenced_by}:
        own = catalog.relation_by_oid(each)
        for constraint in () if own is None else own.constraints:
            other = catalog.relation_by_oid(constraint.foreign_relation) if constraint.kind == "f" else None
            if own is None or other is None:
                continue
            for mine, theirs in zip(constraint.keys, constraint.foreign_keys, strict=True):
                if (own.oid, mine) == (oid, number) or (other.oid, theirs) == (oid, number):
                    _equality(around, constraint.name, own.columns[mine - 1], other.columns[theirs - 1])


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
