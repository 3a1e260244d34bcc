"""ALTER … OWNER TO, REASSIGN OWNED (src/backend/commands/alter.c)."""

from __future__ import annotations

from typing import Any

from ..errors import SqlError
from .alter_table import change_owner
from .common import is_member, string, unsupported, writer_of
from .roles import find_role
from .surroundings import Surroundings
from .types import check_type_owner, find_type
from .writer import Writer

__all__ = ["alter_owner", "reassign_owned"]


def _may_own(around: Surroundings, owner: int, name: str) -> None:
    if not around.session.superuser and not is_member(around, owner):
        raise SqlError("42501", f'must be member of role "{name}"')


def alter_owner(around: Surroundings, tree: dict[str, Any]) -> str:
    """ALTER SCHEMA, TYPE, DATABASE … OWNER TO."""
    kind = tree["objectType"]
    owner, name = find_role(around, tree["newowner"])
    _may_own(around, owner, name)
    writer = writer_of(around)
    if kind == "OBJECT_SCHEMA":
        _schema_owner(around, writer, string(tree["object"]), owner)
        return "ALTER SCHEMA"
    if kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        row = find_type(around, tree["object"]["List"]["items"])
        check_type_owner(around, row)
        _type_owner(writer, row.oid, row.array, owner)
        return "ALTER TYPE"
    if kind == "OBJECT_DATABASE":
        wanted = string(tree["object"])
        found = around.cluster.find("pg_database", wanted)
        if found is None:
            raise SqlError("3D000", f'database "{wanted}" does not exist')
        if not around.session.superuser and found["datdba"] != around.session.user_oid:
            raise SqlError("42501", f"must be owner of database {wanted}")
        around.cluster.put("pg_database", (found | {"datdba": owner}).values())
        return "ALTER DATABASE"
    raise unsupported(f"OWNER TO of a {kind.removeprefix('OBJECT_').lower()}")


def _schema_owner(around: Surroundings, writer: Writer, name: str, owner: int) -> None:
    oid = around.catalog.namespace(name)
    if oid is None:
        raise SqlError("3F000", f'schema "{name}" does not exist')
    ((current,),) = writer.select("pg_namespace", writer.tables(oid), "nspowner", oid=oid)
    if not around.session.superuser and not is_member(around, current):
        raise SqlError("42501", f"must be owner of schema {name}")
    writer.update("pg_namespace", writer.tables(oid), {"oid": oid}, nspowner=owner)
    writer.changed()


def _type_owner(writer: Writer, oid: int, array: int, owner: int) -> None:
    for each in (oid, array):
        if each:
            writer.update("pg_type", writer.tables(each), {"oid": each}, typowner=owner)
    writer.changed()


def reassign_owned(around: Surroundings, tree: dict[str, Any]) -> str:
    """REASSIGN OWNED BY."""
    owner, name = find_role(around, tree["newrole"])
    _may_own(around, owner, name)
    writer = writer_of(around)
    main = writer.tables(0)
    for spec in tree["roles"]:
        old, old_name = find_role(around, spec)
        _may_own(around, old, old_name)
        for oid, kind in writer.select("pg_class", main, "oid, relkind", relowner=old):
            relation = around.catalog.relation_by_oid(oid) if kind in "rvmS" and oid >= 16384 else None
            if relation is not None:
                change_owner(around, writer, relation, owner)
        for oid, array in writer.select("pg_type", main, "oid, typarray", typowner=old):
            if oid >= 16384:
                _type_owner(writer, oid, array, owner)
        for (oid,) in writer.select("pg_namespace", main, "oid", nspowner=old):
            if oid >= 16384:
                writer.update("pg_namespace", main, {"oid": oid}, nspowner=owner)
        for database in list(around.cluster.rows("pg_database")):
            if database[2] == old:
                row = list(database)
                row[2] = owner
                around.cluster.put("pg_database", row)
    writer.changed()
    return "REASSIGN OWNED"
