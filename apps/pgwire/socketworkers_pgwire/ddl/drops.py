"""DROP of everything (src/backend/commands/dropcmds.c, tablecmds.c)."""

from __future__ import annotations

from typing import Any

from ..catalog import Relation
from ..catalog.spelling import format_type
from ..errors import SqlError
from ..sql.analyze.typenames import resolve_type
from .common import check_owner, name_parts, notice, state_of, string, unsupported, writer_of
from .ids import CLASS, NAMESPACE, TYPE, Address
from .removal import drop
from .surroundings import Surroundings
from .types import check_type_owner

__all__ = ["drop_objects"]

#: relkinds and words of what is dropped
_RELATIONS = {
    "OBJECT_TABLE": ("r", "table"),
    "OBJECT_VIEW": ("v", "view"),
    "OBJECT_MATVIEW": ("m", "materialized view"),
    "OBJECT_INDEX": ("i", "index"),
    "OBJECT_SEQUENCE": ("S", "sequence"),
    "OBJECT_FOREIGN_TABLE": ("f", "foreign table"),
}
_ARTICLES = {
    "r": "a table",
    "v": "a view",
    "m": "a materialized view",
    "i": "an index",
    "S": "a sequence",
    "f": "a foreign table",
    "c": "a type",
}
_HINTS = {
    "r": "DROP TABLE",
    "v": "DROP VIEW",
    "m": "DROP MATERIALIZED VIEW",
    "i": "DROP INDEX",
    "S": "DROP SEQUENCE",
    "c": "DROP TYPE",
}
_OTHERS = {
    "OBJECT_FUNCTION": "function",
    "OBJECT_PROCEDURE": "procedure",
    "OBJECT_ROUTINE": "routine",
    "OBJECT_AGGREGATE": "aggregate",
    "OBJECT_TRIGGER": "trigger",
    "OBJECT_EXTENSION": "extension",
    "OBJECT_COLLATION": "collation",
    "OBJECT_RULE": "rule",
    "OBJECT_POLICY": "policy",
    "OBJECT_PUBLICATION": "publication",
    "OBJECT_OPERATOR": "operator",
    "OBJECT_LANGUAGE": "language",
    "OBJECT_STATISTIC_EXT": "statistics object",
    "OBJECT_EVENT_TRIGGER": "event trigger",
    "OBJECT_FOREIGN_SERVER": "server",
    "OBJECT_FDW": "foreign-data wrapper",
}


def drop_objects(around: Surroundings, tree: dict[str, Any]) -> str:
    """DROP TABLE, VIEW, INDEX, SEQUENCE, SCHEMA, TYPE, DOMAIN, ..."""
    kind = tree["removeType"]
    cascade = tree.get("behavior") == "DROP_CASCADE"
    missing_ok = bool(tree.get("missing_ok"))
    if kind in _RELATIONS:
        relkind, what = _RELATIONS[kind]
        found = [_relation(around, each, relkind, what, missing_ok) for each in tree["objects"]]
        if tree.get("concurrent") and len(tree["objects"]) != 1:
            raise SqlError("0A000", "DROP INDEX CONCURRENTLY does not support dropping multiple objects")
        originals = [Address(CLASS, relation.oid) for relation in found if relation is not None]
        tag = f"DROP {what.upper()}"
    elif kind == "OBJECT_SCHEMA":
        originals = [each for node in tree["objects"] if (each := _schema(around, string(node), missing_ok))]
        tag = "DROP SCHEMA"
    elif kind in ("OBJECT_TYPE", "OBJECT_DOMAIN"):
        domain = kind == "OBJECT_DOMAIN"
        originals = [
            each
            for node in tree["objects"]
            if (each := _type(around, node["TypeName"], missing_ok, domain)) is not None
        ]
        tag = "DROP DOMAIN" if domain else "DROP TYPE"
    else:
        return _other(around, tree, kind, missing_ok)
    if originals:
        writer = writer_of(around)
        drop(around, writer, list(dict.fromkeys(originals)), cascade=cascade)
    return tag


def _relation(around: Surroundings, node: dict[str, Any], relkind: str, what: str, missing_ok: bool) -> Relation | None:
    schema, name = name_parts(node["List"]["items"], around)
    relation = around.catalog.relation(schema, name)
    if relation is None:
        if schema is not None and around.catalog.namespace(schema) is None:
            if not missing_ok:
                raise SqlError("3F000", f'schema "{schema}" does not exist')
            notice(around, f'schema "{schema}" does not exist, skipping')
            return None
        full = f"{schema}.{name}" if schema else name
        if not missing_ok:
            raise SqlError("42P01" if relkind != "i" else "42704", f'{what} "{full}" does not exist')
        notice(around, f'{what} "{name}" does not exist, skipping')
        return None
    if relation.kind != relkind:
        hint = _HINTS.get(relation.kind)
        words = {"DROP TYPE": "a type"}.get(hint or "", _ARTICLES.get(relation.kind, "it"))
        raise SqlError(
            "42809",
            f'"{relation.name}" is not {_ARTICLES[relkind]}',
            hint=f"Use {hint} to remove {words}." if hint else None,
        )
    if relation.oid < 16384:
        raise SqlError(
            "42501",
            f'permission denied: "{relation.name}" is a system catalog',
        )
    check_owner(around, relation)
    return relation


def _schema(around: Surroundings, name: str, missing_ok: bool) -> Address | None:
    oid = around.catalog.namespace(name)
    if oid is None:
        if not missing_ok:
            raise SqlError("3F000", f'schema "{name}" does not exist')
        notice(around, f'schema "{name}" does not exist, skipping')
        return None
    if oid in around.catalog.builtin.schemas:
        raise SqlError("2BP01", f"cannot drop schema {name} because it is required by the database system")
    row = around.connection.execute(
        'SELECT nspowner FROM main."pg_catalog.pg_namespace" WHERE oid = ?', (oid,)
    ).fetchone()
    if row is not None and not around.session.superuser and row[0] != around.session.user_oid:
        raise SqlError("42501", f"must be owner of schema {name}")
    return Address(NAMESPACE, oid)


def _type(around: Surroundings, node: dict[str, Any], missing_ok: bool, domain: bool) -> Address | None:
    what = "type"
    try:
        oid, _ = resolve_type(state_of(around), node | {"location": -1})
    except SqlError as wrong:
        if wrong.sqlstate not in ("42704", "3F000") or not missing_ok:
            wrong.position = None
            raise
        message = wrong.message if wrong.sqlstate == "3F000" else f'{what} "{".".join(_names(node))}" does not exist'
        notice(around, f"{message}, skipping")
        return None
    row = around.catalog.type_by_oid(oid)
    assert row is not None
    if domain and row.kind != "d":
        raise SqlError("42809", f'"{format_type(around.catalog, oid)}" is not a domain')
    if oid < 16384:
        raise SqlError(
            "2BP01",
            f"cannot drop type {format_type(around.catalog, oid)} because it is required by the database system",
        )
    check_type_owner(around, row)
    return Address(TYPE, oid)


def _names(node: dict[str, Any]) -> list[str]:
    return [string(each) for each in node["names"]]


def _other(around: Surroundings, tree: dict[str, Any], kind: str, missing_ok: bool) -> str:
    """Kinds that no one can have made here: they do not exist."""
    what = _OTHERS.get(kind)
    if what is None:
        raise unsupported(f"DROP {kind.removeprefix('OBJECT_')}")
    for node in tree["objects"]:
        missing, skipped = _missing(around, what, node)
        if not missing_ok:
            raise SqlError("42883" if "ObjectWithArgs" in node else "42704", missing)
        notice(around, f"{skipped}, skipping")
    return f"DROP {what.upper().replace(' OBJECT', '')}"


def _missing(around: Surroundings, what: str, node: dict[str, Any]) -> tuple[str, str]:
    """What is said when an object is not there, and when that does not matter."""
    if "ObjectWithArgs" in node:
        function = node["ObjectWithArgs"]
        name = ".".join(string(each) for each in function["objname"])
        if function.get("args_unspecified"):
            return f'could not find a {what} named "{name}"', f"{what} {name}() does not exist"
        kinds = [_type_words(around, each["TypeName"]) for each in function.get("objargs", [])]
        text = f"{what} {name}({', '.join(kinds)}) does not exist"
        return text, f"{what} {name}({','.join(kinds)}) does not exist"
    if "String" in node:
        text = f'{what} "{string(node)}" does not exist'
        return text, text
    names = [string(each) for each in node["List"]["items"]] if "List" in node else ["?"]
    if what in ("trigger", "rule", "policy") and len(names) > 1:
        table = ".".join(names[:-1])
        return (
            f'{what} "{names[-1]}" for table "{table}" does not exist',
            f'{what} "{names[-1]}" for relation "{table}" does not exist',
        )
    text = f'{what} "{".".join(names)}" does not exist'
    return text, text


def _type_words(around: Surroundings, node: dict[str, Any]) -> str:
    try:
        oid, _ = resolve_type(state_of(around), node)
    except SqlError:
        return ".".join(_names(node))
    return format_type(around.catalog, oid)
