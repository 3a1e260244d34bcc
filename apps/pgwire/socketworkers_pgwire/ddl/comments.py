"""COMMENT (src/backend/commands/comment.c)."""

from __future__ import annotations

from typing import Any

from ..catalog.spelling import format_type
from ..errors import SqlError
from ..sql.analyze.typenames import resolve_type
from .common import check_owner, name_parts, notice, state_of, string, unsupported, writer_of
from .ids import AUTHID, CLASS, CONSTRAINT, DATABASE, EXTENSION, NAMESPACE, PROC, TYPE, Address
from .surroundings import Surroundings
from .types import check_type_owner

__all__ = ["comment"]

_RELATIONS = {
    "OBJECT_TABLE": "r",
    "OBJECT_VIEW": "v",
    "OBJECT_MATVIEW": "m",
    "OBJECT_INDEX": "i",
    "OBJECT_SEQUENCE": "S",
}
_WORDS = {"r": "a table", "v": "a view", "m": "a materialized view", "i": "an index", "S": "a sequence"}


def comment(around: Surroundings, tree: dict[str, Any]) -> str:
    """COMMENT ON."""
    text = tree.get("comment") or None
    kind = tree["objtype"]
    if kind in ("OBJECT_DATABASE", "OBJECT_ROLE"):
        _shared(around, kind, string(tree["object"]), text)
        return "COMMENT"
    address = _find(around, kind, tree["object"])
    writer = writer_of(around)
    tables = writer.tables(address.oid)
    key = {"objoid": address.oid, "classoid": address.class_id, "objsubid": address.part}
    writer.delete("pg_description", tables, **key)
    if text is not None:
        writer.insert("pg_description", tables, **key, description=text)
    writer.changed()
    return "COMMENT"


def _shared(around: Surroundings, kind: str, name: str, text: str | None) -> None:
    class_id, table = (DATABASE, "pg_database") if kind == "OBJECT_DATABASE" else (AUTHID, "pg_authid")
    row = around.cluster.find(table, name)
    if row is None:
        if class_id == DATABASE:
            notice(around, f'database "{name}" does not exist', "3D000", "WARNING")
            return
        raise SqlError("42704", f'role "{name}" does not exist')
    if text is None:
        around.cluster.remove("pg_shdescription", row["oid"], class_id)
    else:
        around.cluster.put("pg_shdescription", (row["oid"], class_id, text))


def _find(around: Surroundings, kind: str, node: dict[str, Any]) -> Address:
    if kind in _RELATIONS:
        return Address(CLASS, _relation(around, node["List"]["items"], _RELATIONS[kind]))
    if kind == "OBJECT_COLUMN":
        return _column(around, node["List"]["items"])
    if kind == "OBJECT_SCHEMA":
        oid = around.catalog.namespace(string(node))
        if oid is None:
            raise SqlError("3F000", f'schema "{string(node)}" does not exist')
        return Address(NAMESPACE, oid)
    if kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        oid, _ = resolve_type(state_of(around), node["TypeName"])
        row = around.catalog.type_by_oid(oid)
        assert row is not None
        if not around.session.superuser:
            check_type_owner(around, row)
        return Address(TYPE, oid)
    if kind in ("OBJECT_FUNCTION", "OBJECT_AGGREGATE") and around.session.superuser:
        return _function(around, node["ObjectWithArgs"])
    if kind in ("OBJECT_TABCONSTRAINT", "OBJECT_DOMCONSTRAINT"):
        return _constraint(around, kind, node["List"]["items"])
    if kind == "OBJECT_EXTENSION":
        if string(node) == "plpgsql":
            found = around.connection.execute('SELECT oid FROM shipped."pg_catalog.pg_extension"').get
            return Address(EXTENSION, found)
        raise SqlError("42704", f'extension "{string(node)}" does not exist')
    raise unsupported(f"COMMENT ON {kind.removeprefix('OBJECT_')}")


def _relation(around: Surroundings, names: list[dict[str, Any]], relkind: str) -> int:
    schema, name = name_parts(names, around)
    relation = around.catalog.relation(schema, name)
    if relation is None:
        full = f"{schema}.{name}" if schema else name
        raise SqlError("42P01", f'relation "{full}" does not exist')
    if relation.kind != relkind:
        raise SqlError("42809", f'"{relation.name}" is not {_WORDS[relkind]}')
    check_owner(around, relation)
    return relation.oid


def _column(around: Surroundings, names: list[dict[str, Any]]) -> Address:
    schema, name = name_parts(names[:-1], around)
    relation = around.catalog.relation(schema, name)
    if relation is None:
        full = f"{schema}.{name}" if schema else name
        raise SqlError("42P01", f'relation "{full}" does not exist')
    if relation.kind not in "rvmcf":
        raise SqlError("42809", f'cannot set comment on relation "{relation.name}"')
    check_owner(around, relation)
    wanted = string(names[-1])
    for column in relation.columns:
        if column.name == wanted and not column.dropped:
            return Address(CLASS, relation.oid, column.number)
    raise SqlError("42703", f'column "{wanted}" of relation "{relation.name}" does not exist')


def _function(around: Surroundings, node: dict[str, Any]) -> Address:
    schema, name = name_parts(node["objname"], around)
    kinds = [resolve_type(state_of(around), each["TypeName"])[0] for each in node.get("objargs", [])]
    for proc in around.catalog.functions(schema, name):
        if list(proc.arguments) == kinds:
            return Address(PROC, proc.oid)
    words = ", ".join(format_type(around.catalog, each) for each in kinds)
    raise SqlError("42883", f"function {name}({words}) does not exist")


def _constraint(around: Surroundings, kind: str, names: list[dict[str, Any]]) -> Address:
    wanted = string(names[-1])
    if kind == "OBJECT_DOMCONSTRAINT":
        raise unsupported("COMMENT ON CONSTRAINT of a domain")
    schema, name = name_parts(names[:-1], around)
    relation = around.catalog.relation(schema, name)
    if relation is None:
        raise SqlError("42P01", f'relation "{schema + "." if schema else ""}{name}" does not exist')
    check_owner(around, relation)
    for constraint in relation.constraints:
        if constraint.name == wanted:
            return Address(CONSTRAINT, constraint.oid)
    raise SqlError("42704", f'constraint "{wanted}" for table "{relation.name}" does not exist')
