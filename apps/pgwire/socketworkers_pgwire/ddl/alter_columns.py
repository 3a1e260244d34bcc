"""ALTER TABLE … of columns: added, dropped, and what is said about them (commands/tablecmds.c)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..catalog import Column, Relation
from ..errors import SqlError
from ..sql.analyze import analyze
from ..sql.grammar import parse
from ..sql.keywords import quote_identifier
from ..sql.nodes import Query
from .columns import TableConstraints, column_definition
from .common import Target, error, notice, option_value, run_sql
from .constraints import add_check, add_key, set_not_null, validate_check
from .defaults import add_default, remove_default
from .foreign_keys import add_foreign_key, validate_foreign_key
from .ids import CLASS, Address
from .physical import sets_default
from .removal import drop
from .rows import add_attribute
from .sequences import change_sequence
from .stored import refresh
from .surroundings import Surroundings
from .tables import make_column_sequence
from .writer import Writer

__all__ = ["COLUMN_COMMANDS", "add_column", "drop_column", "find_column"]

_SYSTEM = ("ctid", "xmin", "cmin", "xmax", "cmax", "tableoid")


def find_column(relation: Relation, name: str) -> Column:
    """A column by name.

    Raises:
        SqlError: 42703.
    """
    for column in relation.columns:
        if column.name == name and not column.dropped:
            return column
    if name in _SYSTEM:
        raise SqlError("0A000", f'cannot alter system column "{name}"')
    raise SqlError("42703", f'column "{name}" of relation "{relation.name}" does not exist')


def target_of_relation(writer: Writer, relation: Relation) -> Target:
    """Where what belongs to a table goes."""
    return Target(relation.namespace, relation.schema, writer.tables(relation.oid), relation.persistence)


def add_column(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """ADD COLUMN: ATExecAddColumn()."""
    node = command["def"]["ColumnDef"]
    name = node["colname"]
    if relation.kind not in "rc":
        raise SqlError("42809", f'"{relation.name}" is not a table, composite type, or foreign table')
    if any(column.name == name and not column.dropped for column in relation.columns):
        if command.get("missing_ok"):
            notice(around, f'column "{name}" of relation "{relation.name}" already exists, skipping', "42701")
            return
        raise SqlError("42701", f'column "{name}" of relation "{relation.name}" already exists')
    if name in _SYSTEM:
        raise SqlError("42701", f'column name "{name}" conflicts with a system column name')
    constraints = TableConstraints()
    definition = column_definition(around, node, relation.name, constraints)
    tables, number = writer.tables(relation.oid), len(relation.columns) + 1
    sequence = 0
    if definition.serial or definition.column.identity:
        sequence = make_column_sequence(around, writer, target_of_relation(writer, relation), relation.name, definition)
    add_attribute(writer, tables, relation.oid, number, definition.column)
    writer.update("pg_class", tables, {"oid": relation.oid}, relnatts=number)
    writer.changed()
    if sequence:
        kind = "i" if definition.column.identity else "a"
        writer.depend(Address(CLASS, sequence), Address(CLASS, relation.oid, number), kind)
        writer.changed()
    if definition.serial:
        add_default(around, writer, relation.oid, number, sequence=sequence)
    elif definition.default is not None:
        add_default(around, writer, relation.oid, number, node=definition.default)
    if relation.kind == "r":
        refresh(around, relation.oid)
        _fill(around, relation, number)
    _add_constraints(around, writer, relation.oid, constraints)


def _fill(around: Surroundings, before: Relation, number: int) -> None:
    """Give a new column its values in the rows that are there.

    Raises:
        SqlError: 23502 there are rows, and it refuses NULL.
    """
    if run_sql(around, f"SELECT 1 FROM {before.storage} LIMIT 1").fetchone() is None:
        return
    relation = around.catalog.relation_by_oid(before.oid)
    assert relation is not None
    column = relation.columns[number - 1]
    if column.default is not None or column.identity:
        run_update(around, relation, f"{quote_identifier(column.name)} = DEFAULT")
    elif column.not_null:
        raise SqlError(
            "23502",
            f'column "{column.name}" of relation "{relation.name}" contains null values',
            schema=relation.schema,
            table=relation.name,
            column=column.name,
        )


def run_update(around: Surroundings, relation: Relation, assignment: str) -> None:
    """Change all rows of a table as an UPDATE does."""
    name = f"{quote_identifier(relation.schema)}.{quote_identifier(relation.name)}"
    (raw,) = parse(f"UPDATE {name} SET {assignment}")
    query = analyze(raw, around.catalog, settings=around.settings)
    assert isinstance(query, Query)
    around.execute(query)


def _add_constraints(around: Surroundings, writer: Writer, oid: int, constraints: TableConstraints) -> None:
    """Constraints that stand behind a new column."""

    def relation() -> Relation:
        found = around.catalog.relation_by_oid(oid)
        assert found is not None
        return found

    for key in constraints.keys:
        add_key(around, writer, relation(), key)
    for node in constraints.checks:
        _, name = add_check(around, writer, relation(), node)
        refresh(around, oid)
        validate_check(around, relation(), name)
    for foreign in constraints.foreign_keys:
        _, name = add_foreign_key(around, writer, relation(), foreign)
        refresh(around, oid)
        validate_foreign_key(around, relation(), name)


def drop_column(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """DROP COLUMN: ATExecDropColumn()."""
    name = command["name"]
    column = next((each for each in relation.columns if each.name == name and not each.dropped), None)
    if column is None:
        if name in _SYSTEM:
            raise SqlError("0A000", f'cannot drop system column "{name}"')
        if not command.get("missing_ok"):
            raise SqlError("42703", f'column "{name}" of relation "{relation.name}" does not exist')
        notice(around, f'column "{name}" of relation "{relation.name}" does not exist, skipping')
        return
    cascade = command.get("behavior") == "DROP_CASCADE"
    drop(around, writer, [Address(CLASS, relation.oid, column.number)], cascade=cascade)


def _default(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """SET, DROP DEFAULT: ATExecColumnDefault()."""
    column = find_column(relation, command["name"])
    if column.identity:
        raise error(
            "42601",
            f'column "{column.name}" of relation "{relation.name}" is an identity column',
            hint=None if "def" in command else "Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.",
        )
    if column.generated:
        raise error(
            "42601",
            f'column "{column.name}" of relation "{relation.name}" is a generated column',
            hint=None if "def" in command else "Use ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION instead.",
        )
    remove_default(writer, relation.oid, column.number)
    if "def" in command:
        add_default(around, writer, relation.oid, column.number, node=command["def"])
    if sets_default(relation, column):
        refresh(around, relation.oid)


def _not_null(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """SET NOT NULL."""
    column = find_column(relation, command["name"])
    set_not_null(around, writer, relation, [column.number])


def _nullable(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """DROP NOT NULL: ATExecDropNotNull()."""
    column = find_column(relation, command["name"])
    if column.identity:
        raise SqlError("42601", f'column "{column.name}" of relation "{relation.name}" is an identity column')
    if any(index.primary and column.number in index.keys for index in relation.indexes):
        raise SqlError("42P16", f'column "{column.name}" is in a primary key')
    key = {"attrelid": relation.oid, "attnum": column.number}
    writer.update("pg_attribute", writer.tables(relation.oid), key, attnotnull=0)
    writer.changed()
    refresh(around, relation.oid)


def _add_identity(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """ADD GENERATED … AS IDENTITY: ATExecAddIdentity()."""
    column = find_column(relation, command["name"])
    node = command["def"]["Constraint"]
    if not column.not_null:
        raise SqlError(
            "55000",
            f'column "{column.name}" of relation "{relation.name}" must be declared NOT NULL before identity can be '
            "added",
        )
    if column.identity:
        raise SqlError("55000", f'column "{column.name}" of relation "{relation.name}" is already an identity column')
    if column.default is not None:
        raise SqlError("55000", f'column "{column.name}" of relation "{relation.name}" already has a default value')
    from .columns import Definition
    from .rows import NewColumn

    if column.type not in (20, 21, 23):
        raise SqlError("22023", "identity column type must be smallint, integer, or bigint")
    definition = Definition(
        column=NewColumn(name=column.name, type=column.type, identity=node["generated_when"]),
        identity_options=node.get("options", []),
    )
    sequence = make_column_sequence(around, writer, target_of_relation(writer, relation), relation.name, definition)
    writer.depend(Address(CLASS, sequence), Address(CLASS, relation.oid, column.number), "i")
    key = {"attrelid": relation.oid, "attnum": column.number}
    writer.update("pg_attribute", writer.tables(relation.oid), key, attidentity=node["generated_when"])
    writer.changed()


def _set_identity(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """SET GENERATED, SET INCREMENT, RESTART: ATExecSetIdentity()."""
    column = find_column(relation, command["name"])
    if not column.identity:
        raise SqlError("55000", f'column "{column.name}" of relation "{relation.name}" is not an identity column')
    options = []
    for node in command["def"]["List"]["items"]:
        option = node["DefElem"]
        if option["defname"] == "generated":
            value = option_value(option)
            kind = chr(value) if isinstance(value, int) else value
            key = {"attrelid": relation.oid, "attnum": column.number}
            writer.update("pg_attribute", writer.tables(relation.oid), key, attidentity=kind)
        else:
            options.append(node)
    writer.changed()
    if options:
        change_sequence(around, writer, column.sequence, options, True)


def _drop_identity(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """DROP IDENTITY: ATExecDropIdentity()."""
    column = find_column(relation, command["name"])
    if not column.identity:
        message = f'column "{column.name}" of relation "{relation.name}" is not an identity column'
        if not command.get("missing_ok"):
            raise SqlError("55000", message)
        notice(around, f"{message}, skipping")
        return
    key = {"attrelid": relation.oid, "attnum": column.number}
    tables = writer.tables(relation.oid)
    writer.update("pg_attribute", tables, key, attidentity="")
    writer.delete("pg_depend", tables, classid=CLASS, objid=column.sequence, refclassid=CLASS, deptype="i")
    writer.changed()
    drop(around, writer, [Address(CLASS, column.sequence)], cascade=False)


def _drop_expression(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """DROP EXPRESSION: ATExecDropExpression()."""
    column = find_column(relation, command["name"])
    if not column.generated:
        message = f'column "{column.name}" of relation "{relation.name}" is not a stored generated column'
        if not command.get("missing_ok"):
            raise SqlError("55000", message)
        notice(around, f"{message}, skipping")
        return
    remove_default(writer, relation.oid, column.number)
    key = {"attrelid": relation.oid, "attnum": column.number}
    writer.update("pg_attribute", writer.tables(relation.oid), key, attgenerated="")
    writer.changed()


_STORAGE = {"plain": "p", "external": "e", "extended": "x", "main": "m"}


def _hint(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """SET STATISTICS, STORAGE, COMPRESSION: kept, for they mean nothing to SQLite."""
    column = find_column(relation, command["name"])
    subtype, values = command["subtype"], {}
    definition = command.get("def", {})
    if subtype == "AT_SetStatistics":
        values["attstattarget"] = max(-1, min(definition["Integer"].get("ival", 0), 10_000))
    elif subtype == "AT_SetStorage":
        word = definition["String"]["sval"].lower()
        if word not in _STORAGE:
            raise SqlError("22023", f'invalid storage type "{definition["String"]["sval"]}"')
        values["attstorage"] = _STORAGE[word]
    elif subtype == "AT_SetCompression":
        word = definition["String"]["sval"].lower()
        if word not in ("pglz", "lz4", "default"):
            raise SqlError("22023", f'invalid compression method "{definition["String"]["sval"]}"')
        values["attcompression"] = {"pglz": "p", "lz4": "l"}.get(word, "")
    key = {"attrelid": relation.oid, "attnum": column.number}
    writer.update("pg_attribute", writer.tables(relation.oid), key, **values)
    writer.changed()


def _options(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """SET (…), RESET (…) of a column."""
    column = find_column(relation, command["name"])
    tables, key = writer.tables(relation.oid), {"attrelid": relation.oid, "attnum": column.number}
    ((stored,),) = writer.select("pg_attribute", tables, "attoptions", **key)
    nodes = [each["DefElem"] for each in command["def"]["List"]["items"]]
    for node in nodes:
        if node["defname"] not in ("n_distinct", "n_distinct_inherited"):
            raise error("22023", f'unrecognized parameter "{node["defname"]}"')
    names = {node["defname"] for node in nodes}
    options = [each for each in json.loads(stored or "[]") if each.partition("=")[0] not in names]
    if command["subtype"] == "AT_SetOptions":
        options += [f"{node['defname']}={option_value(node)}" for node in nodes]
    writer.update("pg_attribute", tables, key, attoptions=json.dumps(options) if options else None)
    writer.changed()


COLUMN_COMMANDS: dict[str, Callable[[Surroundings, Writer, Relation, dict[str, Any]], None]] = {
    "AT_ColumnDefault": _default,
    "AT_SetNotNull": _not_null,
    "AT_DropNotNull": _nullable,
    "AT_AddIdentity": _add_identity,
    "AT_SetIdentity": _set_identity,
    "AT_DropIdentity": _drop_identity,
    "AT_DropExpression": _drop_expression,
    "AT_SetStatistics": _hint,
    "AT_SetStorage": _hint,
    "AT_SetCompression": _hint,
    "AT_SetOptions": _options,
    "AT_ResetOptions": _options,
}
"""What is done for each kind of command."""
