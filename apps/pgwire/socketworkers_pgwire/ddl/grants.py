"""GRANT and REVOKE on objects (src/backend/catalog/aclchk.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..catalog import Relation
from ..catalog.privileges import ALL, LETTERS, AclItem, read_acl, write_acl
from ..errors import SqlError
from .alter_columns import find_column
from .common import error, find_relation, is_member, string, strings, unsupported, writer_of
from .roles import find_role, role_name
from .surroundings import Surroundings
from .types import find_type
from .writer import Writer

__all__ = ["grant"]


@dataclass(slots=True)
class _Object:
    """Something that privileges are given on."""

    kind: str
    name: str
    owner: int
    table: str
    key: dict[str, int]
    column: str
    """Of the catalogue: where the list is."""
    stored: str | None


def grant(around: Surroundings, tree: dict[str, Any]) -> str:
    """GRANT, REVOKE."""
    tag = "GRANT" if tree.get("is_grant") else "REVOKE"
    grantees = [_grantee(around, node["RoleSpec"]) for node in tree["grantees"]]
    if tree.get("grant_option") and tree.get("is_grant") and "" in grantees:
        raise SqlError("0LP01", "grant options can only be granted to roles")
    if tree.get("grantor"):
        oid, _ = find_role(around, tree["grantor"])
        if oid != around.session.user_oid:
            raise SqlError("0A000", "grantor must be current user")
    writer = writer_of(around)
    for found in _objects(around, writer, tree):
        _change(around, writer, found, tree, grantees)
    writer.changed()
    return tag


def _grantee(around: Surroundings, node: dict[str, Any]) -> str:
    if node.get("roletype") == "ROLESPEC_PUBLIC":
        return ""
    return find_role(around, node)[1]


def _objects(around: Surroundings, writer: Writer, tree: dict[str, Any]) -> list[_Object]:
    kind, target = tree["objtype"], tree.get("targtype", "ACL_TARGET_OBJECT")
    if target == "ACL_TARGET_ALL_IN_SCHEMA":
        return _all_in_schema(around, writer, tree, kind)
    nodes = tree.get("objects", [])
    if kind in ("OBJECT_TABLE", "OBJECT_SEQUENCE"):
        found = []
        for node in nodes:
            relation = find_relation(around, node["RangeVar"])
            assert relation is not None
            if relation.kind == "i":
                raise SqlError("42809", f'"{relation.name}" is an index')
            if kind == "OBJECT_SEQUENCE" and relation.kind != "S":
                raise SqlError("42809", f'"{relation.name}" is not a sequence')
            found.append(_relation(writer, relation))
        return found
    if kind == "OBJECT_SCHEMA":
        return [_schema(around, string(node)) for node in nodes]
    if kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        return [_type(around, writer, node) for node in nodes]
    if kind == "OBJECT_DATABASE":
        return [_database(around, string(node)) for node in nodes]
    raise unsupported(f"GRANT on a {kind.removeprefix('OBJECT_').lower()}")


def _relation(writer: Writer, relation: Relation) -> _Object:
    if relation.oid < 16384:
        raise unsupported("GRANT on a relation of the system")
    ((stored,),) = writer.select("pg_class", writer.tables(relation.oid), "relacl", oid=relation.oid)
    kind = "sequence" if relation.kind == "S" else "table"
    return _Object(kind, relation.name, relation.owner, "pg_class", {"oid": relation.oid}, "relacl", stored)


def _all_in_schema(around: Surroundings, writer: Writer, tree: dict[str, Any], kind: str) -> list[_Object]:
    kinds = {"OBJECT_TABLE": "rvm", "OBJECT_SEQUENCE": "S"}.get(kind)
    found: list[_Object] = []
    for name in strings(tree["objects"]):
        oid = around.catalog.namespace(name)
        if oid is None:
            raise SqlError("3F000", f'schema "{name}" does not exist')
        if kinds is None:
            continue  # functions: nobody has made any
        for each, relkind in writer.select("pg_class", writer.tables(oid), "oid, relkind", relnamespace=oid):
            relation = around.catalog.relation_by_oid(each) if relkind in kinds else None
            if relation is not None:
                found.append(_relation(writer, relation))
    return found


def _schema(around: Surroundings, name: str) -> _Object:
    oid = around.catalog.namespace(name)
    if oid is None:
        raise SqlError("3F000", f'schema "{name}" does not exist')
    row = around.connection.execute(
        'SELECT nspowner, nspacl FROM main."pg_catalog.pg_namespace" WHERE oid = ?', (oid,)
    ).fetchone()
    assert row is not None
    owner: Any = row[0]
    stored: Any = row[1]
    return _Object("schema", name, owner, "pg_namespace", {"oid": oid}, "nspacl", stored)


def _type(around: Surroundings, writer: Writer, node: dict[str, Any]) -> _Object:
    row = find_type(around, node["List"]["items"] if "List" in node else node["TypeName"]["names"])
    if row.oid < 16384:
        raise unsupported("GRANT on a type of the system")
    ((owner, stored),) = writer.select("pg_type", writer.tables(row.oid), "typowner, typacl", oid=row.oid)
    return _Object("type", row.name, owner, "pg_type", {"oid": row.oid}, "typacl", stored)


def _database(around: Surroundings, name: str) -> _Object:
    row = around.cluster.find("pg_database", name)
    if row is None:
        raise SqlError("3D000", f'database "{name}" does not exist')
    return _Object("database", name, row["datdba"], "", {"oid": row["oid"]}, "datacl", row["datacl"])


def _change(around: Surroundings, writer: Writer, found: _Object, tree: dict[str, Any], grantees: list[str]) -> None:
    if not around.session.superuser and not is_member(around, found.owner):
        raise SqlError("42501", f"permission denied for {found.kind} {found.name}")
    owner = role_name(around, found.owner) or str(found.owner)
    whole: set[str] = set()
    columns: dict[str, set[str]] = {}
    for node in tree.get("privileges", []):
        privilege = node["AccessPriv"]
        letters = _letters(privilege, found)
        if privilege.get("cols"):
            for name in strings(privilege["cols"]):
                columns.setdefault(name, set()).update(letters & set(ALL["column"]))
        else:
            whole |= letters
    if not tree.get("privileges"):
        whole = set(ALL[found.kind])
    if whole:
        items = read_acl(found.stored, found.kind, owner)
        apply(items, grantees, owner, whole, tree)
        _store(around, writer, found, write_acl(items))
        if found.kind == "table" and not tree.get("is_grant"):
            # it takes away what was given on single columns too
            relation = around.catalog.relation_by_oid(found.key["oid"])
            assert relation is not None
            for column in relation.columns:
                if not column.dropped:
                    columns.setdefault(column.name, set()).update(whole & set(ALL["column"]))
    for name, letters in columns.items():
        _column(around, writer, found, name, letters, tree, grantees, owner)


def _letters(privilege: dict[str, Any], found: _Object) -> set[str]:
    name = privilege.get("priv_name")
    if name is None:
        return set(ALL[found.kind])
    letter = LETTERS.get(name.upper())
    if letter is None:
        raise error("42601", f'unrecognized privilege type "{name}"')
    allowed = ALL["column"] if privilege.get("cols") else ALL[found.kind]
    if letter not in allowed:
        what = "column" if privilege.get("cols") else "relation" if found.kind == "table" else found.kind
        if found.kind == "table" and letter == "U":
            what = "table"
        raise SqlError("0LP01", f"invalid privilege type {name.upper()} for {what}")
    return {letter}


def apply(items: list[AclItem], grantees: list[str], grantor: str, letters: set[str], tree: dict[str, Any]) -> None:
    """Put a GRANT or REVOKE into a list."""
    for grantee in grantees:
        item = next((each for each in items if (each.grantee, each.grantor) == (grantee, grantor)), None)
        if tree.get("is_grant"):
            if item is None:
                item = AclItem(grantee, grantor, set(), set())
                items.append(item)
            item.privileges |= letters
            if tree.get("grant_option"):
                item.options |= letters
        elif item is not None:
            item.options -= letters
            if not tree.get("grant_option"):
                item.privileges -= letters
    items[:] = [each for each in items if each.privileges]


def _store(around: Surroundings, writer: Writer, found: _Object, text: str) -> None:
    if not found.table:
        row = around.cluster.get("pg_database", found.key["oid"])
        assert row is not None
        around.cluster.put("pg_database", (row | {"datacl": text}).values())
        return
    writer.update(found.table, writer.tables(found.key["oid"]), found.key, **{found.column: text})


def _column(
    around: Surroundings,
    writer: Writer,
    found: _Object,
    name: str,
    letters: set[str],
    tree: dict[str, Any],
    grantees: list[str],
    owner: str,
) -> None:
    relation = around.catalog.relation_by_oid(found.key["oid"])
    if relation is None or found.kind != "table":
        raise SqlError("0LP01", "column privileges are only valid for relations")
    column = find_column(relation, name)
    tables, key = writer.tables(relation.oid), {"attrelid": relation.oid, "attnum": column.number}
    ((stored,),) = writer.select("pg_attribute", tables, "attacl", **key)
    items = read_acl(stored, "column", owner)
    if not items and not tree.get("is_grant"):
        return
    apply(items, grantees, owner, letters, tree)
    writer.update("pg_attribute", tables, key, attacl=write_acl(items) if items else None)
