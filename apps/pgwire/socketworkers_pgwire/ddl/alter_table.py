"""ALTER TABLE: its parts in the order in which PostgreSQL does them (ATController() of commands/tablecmds.c)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..catalog import Relation
from ..errors import SqlError
from .alter_columns import COLUMN_COMMANDS, add_column, drop_column
from .alter_constraints import CONSTRAINT_COMMANDS
from .alter_type import change_type
from .common import check_owner, find_relation, is_member, notice, unsupported, writer_of
from .roles import find_role
from .surroundings import Surroundings
from .tables import storage_options
from .writer import Writer

__all__ = ["alter_table", "change_owner"]

_TAGS = {
    "OBJECT_TABLE": ("ALTER TABLE", "rpvmSi"),
    "OBJECT_VIEW": ("ALTER VIEW", "v"),
    "OBJECT_MATVIEW": ("ALTER MATERIALIZED VIEW", "m"),
    "OBJECT_INDEX": ("ALTER INDEX", "i"),
    "OBJECT_SEQUENCE": ("ALTER SEQUENCE", "S"),
    "OBJECT_TYPE": ("ALTER TYPE", "c"),
    "OBJECT_FOREIGN_TABLE": ("ALTER FOREIGN TABLE", "f"),
}
#: AT_PASS_*: what comes in which pass
_PASSES = {
    "AT_DropColumn": 0,
    "AT_DropConstraint": 0,
    "AT_DropNotNull": 0,
    "AT_DropExpression": 0,
    "AT_DropIdentity": 0,
    "AT_AlterColumnType": 1,
    "AT_AddColumn": 4,
    "AT_SetNotNull": 6,
    "AT_ColumnDefault": 6,
    "AT_AddIdentity": 6,
    "AT_SetIdentity": 6,
    "AT_AddConstraint": 5,
}
_LATER_CONSTRAINTS = {"CONSTR_PRIMARY": 7, "CONSTR_UNIQUE": 7, "CONSTR_FOREIGN": 9}


def alter_table(around: Surroundings, tree: dict[str, Any]) -> str:
    """ALTER TABLE, and what of ALTER VIEW, INDEX, SEQUENCE, TYPE is like it."""
    tag, kinds = _TAGS.get(tree["objtype"], ("ALTER TABLE", "r"))
    relation = find_relation(around, tree["relation"], missing_ok=bool(tree.get("missing_ok")))
    if relation is None:
        notice(around, f'relation "{tree["relation"]["relname"]}" does not exist, skipping')
        return tag
    if relation.kind not in kinds:
        articles = {
            "v": "a view",
            "m": "a materialized view",
            "i": "an index",
            "S": "a sequence",
            "c": "a composite type",
        }
        raise SqlError("42809", f'"{relation.name}" is not {articles.get(kinds, "a table")}')
    check_owner(around, relation)
    writer = writer_of(around)
    commands = sorted((each["AlterTableCmd"] for each in tree["cmds"]), key=_pass)
    for command in commands:
        current = around.catalog.relation_by_oid(relation.oid)
        assert current is not None
        _run(around, writer, current, command)
    return tag


def _pass(command: dict[str, Any]) -> int:
    if command["subtype"] == "AT_AddConstraint":
        return _LATER_CONSTRAINTS.get(command["def"]["Constraint"]["contype"], 5)
    return _PASSES.get(command["subtype"], 10)


def _run(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    subtype = command["subtype"]
    if relation.kind == "c":
        _check_unused(around, writer, relation)
    if subtype == "AT_AddColumn":
        add_column(around, writer, relation, command)
    elif subtype == "AT_DropColumn":
        drop_column(around, writer, relation, command)
    elif subtype == "AT_AlterColumnType":
        change_type(around, writer, relation, command)
    elif subtype in COLUMN_COMMANDS:
        COLUMN_COMMANDS[subtype](around, writer, relation, command)
    elif subtype in CONSTRAINT_COMMANDS:
        CONSTRAINT_COMMANDS[subtype](around, writer, relation, command)
    elif subtype in _TABLE_COMMANDS:
        _TABLE_COMMANDS[subtype](around, writer, relation, command)
    else:
        raise unsupported(f"ALTER TABLE: {subtype.removeprefix('AT_')}")


def _check_unused(around: Surroundings, writer: Writer, relation: Relation) -> None:
    """Values of a composite type say nothing about their fields: those that are kept must not change."""
    row = around.catalog.type_by_oid(relation.type)
    for oid in (relation.type, row.array if row is not None else 0):
        if oid and writer.everywhere("pg_attribute", "attrelid", atttypid=oid):
            raise unsupported(f'ALTER TYPE of "{relation.name}", which columns have')


def change_owner(around: Surroundings, writer: Writer, relation: Relation, owner: int) -> None:
    """OWNER TO, also of what belongs to a table: ATExecChangeOwner()."""
    if not around.session.superuser and not is_member(around, owner):
        raise SqlError(
            "42501", f'must be member of role "{(around.cluster.get("pg_authid", owner) or {}).get("rolname")}"'
        )
    tables = writer.tables(relation.oid)
    writer.update("pg_class", tables, {"oid": relation.oid}, relowner=owner)
    if relation.type:
        writer.update("pg_type", tables, {"oid": relation.type}, typowner=owner)
        for (array,) in writer.select("pg_type", tables, "typarray", oid=relation.type):
            if array:
                writer.update("pg_type", tables, {"oid": array}, typowner=owner)
    for index in relation.indexes:
        writer.update("pg_class", tables, {"oid": index.oid}, relowner=owner)
    for (sequence,) in writer.select(
        "pg_depend", tables, "objid", refclassid=1259, refobjid=relation.oid, classid=1259
    ):
        if writer.select("pg_class", tables, "1", oid=sequence, relkind="S"):
            writer.update("pg_class", tables, {"oid": sequence}, relowner=owner)
    writer.changed()


def _owner(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    owner, _ = find_role(around, command["newowner"])
    if relation.kind == "S" and writer.select(
        "pg_depend", writer.tables(relation.oid), "1", classid=1259, objid=relation.oid, refclassid=1259, deptype="i"
    ):
        raise SqlError("0A000", "cannot change owner of identity sequence")
    change_owner(around, writer, relation, owner)


def _set_options(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    items = command.get("def", {}).get("List", {}).get("items", [])
    names = {node["DefElem"]["defname"] for node in items}
    options = [each for each in relation.options if each.partition("=")[0] not in names]
    if command["subtype"] == "AT_SetRelOptions":
        options += storage_options(items)
    stored = json.dumps(options, ensure_ascii=False) if options else None
    writer.update("pg_class", writer.tables(relation.oid), {"oid": relation.oid}, reloptions=stored)
    writer.changed()


def _persistence(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    if relation.persistence == "t":
        raise SqlError("42P16", f'cannot change logged status of table "{relation.name}" because it is temporary')
    wanted = "p" if command["subtype"] == "AT_SetLogged" else "u"
    tables = writer.tables(relation.oid)
    for oid in (relation.oid, *(index.oid for index in relation.indexes)):
        writer.update("pg_class", tables, {"oid": oid}, relpersistence=wanted)
    writer.changed()


def _replica_identity(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    kind = command["def"]["ReplicaIdentityStmt"].get("identity_type", "d")
    if kind == "i":
        raise unsupported("REPLICA IDENTITY USING INDEX")
    writer.update("pg_class", writer.tables(relation.oid), {"oid": relation.oid}, relreplident=kind)
    writer.changed()


def _tablespace(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """SET TABLESPACE: there is one."""
    if command["name"] != "pg_default":
        raise SqlError("42704", f'tablespace "{command["name"]}" does not exist')


def _nothing(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """What says how rows are kept, which SQLite decides."""


def _triggers(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """ENABLE and DISABLE TRIGGER USER: nobody has made any."""
    if command["subtype"] in ("AT_EnableTrigUser", "AT_DisableTrigUser", "AT_EnableTrigAll"):
        return
    if command["subtype"] == "AT_DisableTrigAll":
        raise unsupported("DISABLE TRIGGER ALL")
    raise SqlError("42704", f'trigger "{command["name"]}" for table "{relation.name}" does not exist')


_TABLE_COMMANDS: dict[str, Callable[[Surroundings, Writer, Relation, dict[str, Any]], None]] = {
    "AT_ChangeOwner": _owner,
    "AT_SetRelOptions": _set_options,
    "AT_ResetRelOptions": _set_options,
    "AT_SetLogged": _persistence,
    "AT_SetUnLogged": _persistence,
    "AT_ReplicaIdentity": _replica_identity,
    "AT_SetTableSpace": _tablespace,
    "AT_ClusterOn": _nothing,
    "AT_DropCluster": _nothing,
    "AT_DropOids": _nothing,
    **dict.fromkeys(
        (
            "AT_EnableTrigUser",
            "AT_DisableTrigUser",
            "AT_EnableTrigAll",
            "AT_DisableTrigAll",
            "AT_EnableTrig",
            "AT_DisableTrig",
        ),
        _triggers,
    ),
}
