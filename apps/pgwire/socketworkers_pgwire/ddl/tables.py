"""CREATE TABLE (src/backend/parser/parse_utilcmd.c, src/backend/commands/tablecmds.c)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..catalog import Relation
from ..catalog.storage import choose_name as choose_storage
from ..errors import SqlError
from ..types.text import cut_name
from .columns import Definition, Key, TableConstraints, column_definition, table_constraint
from .common import (
    Target,
    creation_target,
    error,
    find_relation,
    notice,
    option_value,
    refuse_system,
    unsupported,
    writer_of,
)
from .constraints import add_check, add_key
from .defaults import add_default
from .foreign_keys import add_foreign_key
from .ids import CLASS, Address
from .indexes import name_taken
from .like import LikeRest, expand_like
from .names import choose_name
from .physical import create_table as create_in_sqlite
from .rows import NewColumn, add_attribute, add_class, add_row_type, add_system_attributes
from .sequences import current_options, make_sequence, read_options
from .stored import full_table_sql, refresh
from .surroundings import Surroundings
from .writer import Writer

__all__ = ["NewTable", "create_table", "make_table", "refuse_existing"]

_MOST_COLUMNS = 1600
_SYSTEM = ("ctid", "xmin", "cmin", "xmax", "cmax", "tableoid")


@dataclass(slots=True, kw_only=True)
class NewTable:
    """A table that is to be made."""

    name: str
    kind: str = "r"
    columns: list[Definition]
    constraints: TableConstraints = field(default_factory=TableConstraints)
    options: list[str] = field(default_factory=list)
    on_commit: str = ""


def create_table(around: Surroundings, tree: dict[str, Any]) -> str:
    """CREATE TABLE."""
    range_var = tree["relation"]
    for key, feature in (
        ("inhRelations", "INHERITS"),
        ("partspec", "PARTITION BY"),
        ("partbound", "PARTITION OF"),
        ("ofTypename", "CREATE TABLE OF"),
    ):
        if tree.get(key):
            raise unsupported(feature, range_var)
    target = creation_target(around, range_var)
    name = range_var["relname"]
    if around.catalog.relation_oid(target.namespace, name) and tree.get("if_not_exists"):
        notice(around, f'relation "{name}" already exists, skipping', "42P07")
        return "CREATE TABLE"
    on_commit = {"ONCOMMIT_DROP": "drop", "ONCOMMIT_DELETE_ROWS": "delete"}.get(tree.get("oncommit", ""), "")
    if on_commit and target.persistence != "t":
        raise SqlError("42P16", "ON COMMIT can only be used on temporary tables")
    if tree.get("accessMethod", "heap") != "heap":
        raise SqlError("42704", f'access method "{tree["accessMethod"]}" does not exist')
    table = NewTable(name=name, columns=[], on_commit=on_commit, options=storage_options(tree.get("options", [])))
    likes: list[LikeRest] = []
    for element in tree.get("tableElts", []):
        ((kind, node),) = element.items()
        if kind == "ColumnDef":
            table.columns.append(column_definition(around, node, name, table.constraints))
        elif kind == "Constraint":
            table_constraint(node, table.constraints)
        elif kind == "TableLikeClause":
            source = find_relation(around, node["relation"])
            assert source is not None
            definitions, rest = expand_like(around, source, node)
            table.columns += definitions
            likes.append(rest)
        else:
            raise unsupported(kind)
    oid = make_table(around, writer_of(around), target, table)
    for rest in likes:
        rest.finish(around, oid)
    return "CREATE TABLE"


def storage_options(options: list[dict[str, Any]]) -> list[str]:
    """reloptions of WITH (…): kept, for they mean nothing to SQLite."""
    found = []
    for node in options:
        option = node["DefElem"]
        if option["defname"] == "oids":
            if option_value(option) not in (False, "false"):
                raise error("0A000", "tables declared WITH OIDS are not supported", option)
            continue
        value = option_value(option)
        text = "true" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        space = f"{option['defnamespace']}." if option.get("defnamespace") else ""
        found.append(f"{space}{option['defname']}={text}")
    return found


def refuse_existing(around: Surroundings, target: Target, name: str, *, has_type: bool = True) -> None:
    """A relation's name must be free, and that of its row type too.

    Raises:
        SqlError: 42P07, 42710, 42501.
    """
    refuse_system(target.namespace, name)
    if around.catalog.relation_oid(target.namespace, name):
        raise SqlError("42P07", f'relation "{name}" already exists')
    if has_type and around.catalog.type_oid(target.namespace, name):
        raise SqlError(
            "42710",
            f'type "{name}" already exists',
            hint="A relation has an associated type of the same name, so you must use a name that doesn't conflict "
            "with any existing type.",
        )


def check_names(columns: list[NewColumn]) -> None:
    """Names of columns: each once, and not those that every table has: CheckAttributeNamesTypes().

    Raises:
        SqlError: 42701, 54011.
    """
    if len(columns) > _MOST_COLUMNS:
        raise SqlError("54011", f"tables can have at most {_MOST_COLUMNS} columns")
    seen: set[str] = set()
    for column in columns:
        if column.name in seen:
            raise SqlError("42701", f'column "{column.name}" specified more than once')
        if column.name in _SYSTEM:
            raise SqlError("42701", f'column name "{column.name}" conflicts with a system column name')
        seen.add(column.name)


def make_table(around: Surroundings, writer: Writer, target: Target, table: NewTable) -> int:
    """A new table with all that belongs to it; gives its OID."""
    check_names([each.column for each in table.columns])
    refuse_existing(around, target, table.name)
    if sum(key.primary for key in table.constraints.keys) > 1:
        second = [key for key in table.constraints.keys if key.primary][1]
        raise error("42P16", f'multiple primary keys for table "{table.name}" are not allowed', second.node)
    sequences = _make_sequences(around, writer, target, table)
    tables = target.tables
    oid = writer.new_oid(target.temporary)
    owner = around.session.user_oid
    row_type = add_row_type(writer, tables, oid, table.name, target.namespace, owner)
    add_class(
        writer,
        tables,
        oid,
        table.name,
        target.namespace,
        table.kind,
        owner,
        type_oid=row_type,
        persistence=target.persistence,
        columns=len(table.columns),
        options=table.options,
    )
    for number, definition in enumerate(table.columns, 1):
        add_attribute(writer, tables, oid, number, definition.column)
    if table.kind in "rm":
        add_system_attributes(writer, tables, oid)
    if not target.temporary:
        choose_storage(around.connection, oid, target.schema, table.name)
    writer.changed()
    for number, sequence in sequences.items():
        kind = "i" if table.columns[number - 1].column.identity else "a"
        writer.depend(Address(CLASS, sequence), Address(CLASS, oid, number), kind)
    _add_defaults(around, writer, oid, table, sequences)
    for node in table.constraints.checks:
        add_check(around, writer, _relation(around, oid), node)
    keys = _distinct_keys(table)
    if keys and keys[0].primary and _may_be_row_number(table, keys[0]):
        add_key(around, writer, _relation(around, oid), keys.pop(0), row_number=True)
    elif keys and keys[0].primary:
        _mark_not_null(writer, _relation(around, oid), keys[0].columns)
    relation = _relation(around, oid)
    sql = full_table_sql(around, relation)
    create_in_sqlite(around.connection, relation, sql)
    for key in keys:
        add_key(around, writer, _relation(around, oid), key)
    for foreign in table.constraints.foreign_keys:
        add_foreign_key(around, writer, _relation(around, oid), foreign)
    if table.constraints.foreign_keys:
        refresh(around, oid)
    if table.on_commit and around.catalog.temporary is not None:
        around.catalog.temporary.on_commit[oid] = table.on_commit
    return oid


def _relation(around: Surroundings, oid: int) -> Relation:
    relation = around.catalog.relation_by_oid(oid)
    assert relation is not None
    return relation


def _may_be_row_number(table: NewTable, key: Key) -> bool:
    """Whether a primary key can be SQLite's own row number."""
    if len(key.columns) != 1 or key.deferrable or table.kind != "r":
        return False
    found = [each.column for each in table.columns if each.column.name == key.columns[0]]
    return bool(found) and found[0].type in (20, 21, 23) and not found[0].generated


def _mark_not_null(writer: Writer, relation: Relation, names: list[str]) -> None:
    """The columns of a primary key refuse NULL from the start."""
    for column in relation.columns:
        if column.name in names and not column.not_null:
            key = {"attrelid": relation.oid, "attnum": column.number}
            writer.update("pg_attribute", writer.tables(relation.oid), key, attnotnull=1)
    writer.changed()


def _distinct_keys(table: NewTable) -> list[Key]:
    """The keys to be made, the primary one first; those that are there twice once: transformIndexConstraints()."""
    found: list[Key] = []
    for key in sorted(table.constraints.keys, key=lambda each: not each.primary):
        if key.existing_index:
            raise error("0A000", "USING INDEX is not supported in CREATE TABLE", key.node)
        same = next(
            (
                each
                for each in found
                if (each.columns, each.including, each.not_distinct, each.deferrable, each.deferred)
                == (key.columns, key.including, key.not_distinct, key.deferrable, key.deferred)
            ),
            None,
        )
        if same is None:
            found.append(key)
        elif not same.name:
            same.name = key.name
    return found


def _make_sequences(around: Surroundings, writer: Writer, target: Target, table: NewTable) -> dict[int, int]:
    """The sequences of serial and identity columns, by the columns' numbers: generateSerialExtraStmts()."""
    found: dict[int, int] = {}
    for number, definition in enumerate(table.columns, 1):
        if definition.serial or definition.column.identity:
            found[number] = make_column_sequence(around, writer, target, table.name, definition)
    return found


def make_column_sequence(
    around: Surroundings, writer: Writer, target: Target, table: str, definition: Definition
) -> int:
    """The sequence of one serial or identity column; gives its OID."""
    column = definition.column
    if definition.copied_sequence:
        options = current_options(writer, definition.copied_sequence)
        options.last_value = options.start
        options.type = 20  # sequence_options() leaves the type out
    elif definition.serial:
        options, _ = read_options(around, [], type_oid=definition.serial)
    else:
        options, _ = read_options(around, definition.identity_options, identity=True, type_oid=column.type)
    name = choose_name(table, column.name, "seq", name_taken(writer, target.namespace, constraints=False))
    for node in definition.identity_options:
        if node["DefElem"]["defname"] == "sequence_name":
            name = cut_name(node["DefElem"]["arg"]["List"]["items"][-1]["String"]["sval"])
    oid = make_sequence(around, writer, target, name, options, around.session.user_oid)
    writer.changed()
    return oid


def _add_defaults(around: Surroundings, writer: Writer, oid: int, table: NewTable, sequences: dict[int, int]) -> None:
    """Defaults and generation expressions, once the columns are there."""
    for number, definition in enumerate(table.columns, 1):
        if definition.serial:
            add_default(around, writer, oid, number, sequence=sequences[number])
        elif definition.default is not None or definition.default_text is not None:
            add_default(around, writer, oid, number, node=definition.default, text=definition.default_text)
