"""CREATE, ALTER, DROP DATABASE (src/backend/commands/dbcommands.c); their files are the engine's."""

from __future__ import annotations

from typing import Any

from ..cluster import database_row
from ..errors import SqlError
from ..types.text import cut_name
from .common import error, notice, option_value, unsupported
from .ids import DATABASE
from .roles import find_role
from .surroundings import Surroundings

__all__ = ["alter_database", "create_database", "drop_database"]

_IGNORED = {
    "encoding",
    "lc_collate",
    "lc_ctype",
    "locale",
    "locale_provider",
    "icu_locale",
    "collation_version",
    "strategy",
}


def _may_create(around: Surroundings) -> bool:
    row = around.cluster.get("pg_authid", around.session.user_oid)
    return around.session.superuser or bool(row and row["rolcreatedb"])


def create_database(around: Surroundings, tree: dict[str, Any]) -> str:
    """CREATE DATABASE."""
    name = cut_name(tree["dbname"])
    if not _may_create(around):
        raise SqlError("42501", "permission denied to create database")
    owner, template, limit, is_template, connectable = around.session.user_oid, "template1", -1, 0, 1
    seen: set[str] = set()
    for node in tree.get("options", []):
        option = node["DefElem"]
        word, value = option["defname"], option_value(option)
        if word in seen:
            raise error("42601", "conflicting or redundant options", option)
        seen.add(word)
        if word == "owner":
            owner, _ = find_role(around, {"rolename": value})
        elif word == "template":
            template = value or "template1"
        elif word == "connection_limit":
            limit = value
        elif word == "is_template":
            is_template = int(value in (True, "true", "on", 1))
        elif word == "allow_connections":
            connectable = int(value in (True, "true", "on", 1))
        elif word == "encoding":
            if value is not None and str(value).replace("-", "").upper() not in ("UTF8", "UNICODE", "6"):
                raise unsupported(f"encoding {value} of a database")
        elif word == "tablespace":
            if value not in (None, "pg_default"):
                raise SqlError("42704", f'tablespace "{value}" does not exist')
        elif word == "oid":
            raise unsupported("OID of a database", option)
        elif word not in _IGNORED:
            raise error("42601", f'option "{word}" not recognized', option)
    if around.cluster.find("pg_database", name) is not None:
        raise SqlError("42P04", f'database "{name}" already exists')
    if template != "template0" and around.cluster.find("pg_database", template) is None:
        raise SqlError("3D000", f'template database "{template}" does not exist')
    oid = around.cluster.new_oid()
    around.create_database(name, oid, template)
    row = list(database_row(oid, name, owner))
    row[5], row[6], row[7] = is_template, connectable, limit
    around.cluster.put("pg_database", row)
    return "CREATE DATABASE"


def _find(around: Surroundings, name: str) -> dict[str, Any]:
    row = around.cluster.find("pg_database", name)
    if row is None:
        raise SqlError("3D000", f'database "{name}" does not exist')
    if not around.session.superuser and row["datdba"] != around.session.user_oid:
        raise SqlError("42501", f"must be owner of database {name}")
    return row


def drop_database(around: Surroundings, tree: dict[str, Any]) -> str:
    """DROP DATABASE."""
    name = tree["dbname"]
    if around.cluster.find("pg_database", name) is None and tree.get("missing_ok"):
        notice(around, f'database "{name}" does not exist, skipping')
        return "DROP DATABASE"
    row = _find(around, name)
    if row["datistemplate"]:
        raise SqlError("42809", "cannot drop a template database")
    if name == around.session.database:
        raise SqlError("55006", "cannot drop the currently open database")
    force = any(each["DefElem"]["defname"] == "force" for each in tree.get("options", []))
    around.drop_database(name, row["oid"], force)
    around.cluster.remove("pg_database", row["oid"])
    around.cluster.remove("pg_shdescription", row["oid"], DATABASE)
    for setting in list(around.cluster.rows("pg_db_role_setting")):
        if setting[0] == row["oid"]:
            around.cluster.remove("pg_db_role_setting", *setting[:2])
    return "DROP DATABASE"


def alter_database(around: Surroundings, tree: dict[str, Any]) -> str:
    """ALTER DATABASE with options."""
    row = _find(around, tree["dbname"])
    for node in tree.get("options", []):
        option = node["DefElem"]
        word, value = option["defname"], option_value(option)
        if word == "connection_limit":
            row["datconnlimit"] = value
        elif word == "is_template":
            row["datistemplate"] = int(value in (True, "true", "on", 1))
        elif word == "allow_connections":
            row["datallowconn"] = int(value in (True, "true", "on", 1))
        else:
            raise unsupported(f"ALTER DATABASE … {word.upper()}", option)
    around.cluster.put("pg_database", row.values())
    return "ALTER DATABASE"
