"""Roles: CREATE, ALTER, DROP ROLE, membership, and who a RoleSpec means (src/backend/commands/user.c)."""

from __future__ import annotations

import json
import secrets
from typing import Any

from socketworkers.sasl import ScramVerifier

from ..catalog.privileges import read_acl
from ..cluster import COLUMNS
from ..errors import SqlError
from ..types import BY_NAME
from ..types.text import cut_name
from .common import error, is_member, notice, option_value, unsupported
from .ids import AUTHID, CLASS, NAMESPACE, TYPE, Address
from .objects import describe
from .surroundings import Surroundings

__all__ = ["alter_role", "alter_role_set", "create_role", "drop_role", "find_role", "grant_role", "role_name"]

_ITERATIONS = 4096  # scram_iterations of PostgreSQL 15
_RESERVED = {"public", "none"}
_FLAGS = {
    "superuser": "rolsuper",
    "inherit": "rolinherit",
    "createrole": "rolcreaterole",
    "createdb": "rolcreatedb",
    "canlogin": "rolcanlogin",
    "isreplication": "rolreplication",
    "bypassrls": "rolbypassrls",
}


def find_role(around: Surroundings, node: dict[str, Any]) -> tuple[int, str]:
    """OID and name of a RoleSpec.

    Raises:
        SqlError: 42704 there is no such role.
    """
    node = node.get("RoleSpec", node)
    kind = node.get("roletype", "ROLESPEC_CSTRING")
    if kind in ("ROLESPEC_CURRENT_USER", "ROLESPEC_CURRENT_ROLE"):
        return around.session.user_oid, around.session.user
    name = around.session.session_user if kind == "ROLESPEC_SESSION_USER" else node.get("rolename", "public")
    row = around.cluster.find("pg_authid", name)
    if kind == "ROLESPEC_PUBLIC" or row is None:
        raise error("42704", f'role "{name}" does not exist')
    return row["oid"], name


def role_name(around: Surroundings, oid: int) -> str | None:
    """Name of a role."""
    row = around.cluster.get("pg_authid", oid)
    return None if row is None else row["rolname"]


def _may_create(around: Surroundings) -> bool:
    row = around.cluster.get("pg_authid", around.session.user_oid)
    return around.session.superuser or bool(row and row["rolcreaterole"])


def _options(tree: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for node in tree.get("options", []):
        option = node["DefElem"]
        if option["defname"] in found:
            raise error("42601", "conflicting or redundant options", option)
        found[option["defname"]] = option
    return found


def _apply(around: Surroundings, row: dict[str, Any], options: dict[str, dict[str, Any]]) -> None:
    """Put options of CREATE and ALTER ROLE into a row of pg_authid."""
    for name, option in options.items():
        if name in _FLAGS:
            row[_FLAGS[name]] = int(bool(option_value(option)))
        elif name == "connectionlimit":
            row["rolconnlimit"] = option_value(option)
            if row["rolconnlimit"] < -1:
                raise SqlError("22023", f"invalid connection limit: {row['rolconnlimit']}")
        elif name == "password":
            text = option_value(option)
            if text == "":
                notice(around, "empty string is not a valid password, clearing password")
            row["rolpassword"] = encrypt_password(text) if text else None
        elif name == "validUntil":
            row["rolvaliduntil"] = BY_NAME["timestamptz"].input(option_value(option), around.settings)
        elif name == "sysid":
            notice(around, "SYSID can no longer be specified")
        elif name not in ("rolemembers", "adminmembers", "addroleto"):
            raise unsupported(f"option {name} of a role", option)


def encrypt_password(password: str) -> str:
    """What is kept of a password: a SCRAM verifier; one that is a verifier already is kept as it is."""
    try:
        ScramVerifier.parse(password)
    except ValueError:
        pass
    else:
        return password
    if password.startswith("md5") and len(password) == 35:
        return password
    try:
        return str(ScramVerifier.from_password(password, secrets.token_bytes(16), _ITERATIONS))
    except ValueError as wrong:
        raise SqlError("22023", f"invalid password: {wrong}") from None


def create_role(around: Surroundings, tree: dict[str, Any]) -> str:
    """CREATE ROLE, USER, GROUP."""
    name = cut_name(tree["role"])
    kind = tree.get("stmt_type", "ROLESTMT_ROLE")
    options = _options(tree)
    if not _may_create(around):
        raise SqlError("42501", "permission denied to create role")
    if options.get("superuser") and option_value(options["superuser"]) and not around.session.superuser:
        raise SqlError("42501", "must be superuser to create superusers")
    if name.startswith("pg_"):
        raise SqlError(
            "42939", f'role name "{name}" is reserved', detail='Role names starting with "pg_" are reserved.'
        )
    if name in _RESERVED:
        raise SqlError("42939", f'role name "{name}" is reserved')
    if around.cluster.find("pg_authid", name) is not None:
        raise SqlError("42710", f'role "{name}" already exists')
    row: dict[str, Any] = dict.fromkeys(COLUMNS["pg_authid"])
    row.update(dict.fromkeys(_FLAGS.values(), 0))
    row.update(oid=around.cluster.new_oid(), rolname=name, rolinherit=1, rolconnlimit=-1)
    row["rolcanlogin"] = int(kind == "ROLESTMT_USER")
    _apply(around, row, options)
    around.cluster.put("pg_authid", row.values())
    for option, member_of, admin in (("addroleto", True, 0), ("rolemembers", False, 0), ("adminmembers", False, 1)):
        for spec in options.get(option, {}).get("arg", {}).get("List", {}).get("items", []):
            other, _ = find_role(around, spec)
            group, member = (other, row["oid"]) if member_of else (row["oid"], other)
            around.cluster.put("pg_auth_members", (group, member, around.session.user_oid, admin))
    return "CREATE ROLE"


def alter_role(around: Surroundings, tree: dict[str, Any]) -> str:
    """ALTER ROLE, and ALTER GROUP … ADD, DROP USER."""
    oid, _ = find_role(around, tree["role"])
    options = _options(tree)
    members = options.get("rolemembers")
    row = around.cluster.get("pg_authid", oid)
    assert row is not None
    own_password = oid == around.session.user_oid and set(options) == {"password"}
    if row["rolsuper"] and not around.session.superuser:
        raise SqlError("42501", "must be superuser to alter superuser roles or change superuser attribute")
    if not own_password and not _may_create(around):
        raise SqlError("42501", "permission denied")
    if members is not None:
        for spec in members["arg"]["List"]["items"]:
            member, _ = find_role(around, spec)
            if tree.get("action", 1) > 0:
                around.cluster.put("pg_auth_members", (oid, member, around.session.user_oid, 0))
            else:
                around.cluster.remove("pg_auth_members", oid, member)
        return "ALTER ROLE"
    _apply(around, row, options)
    around.cluster.put("pg_authid", row.values())
    return "ALTER ROLE"


def alter_role_set(around: Surroundings, tree: dict[str, Any]) -> str:
    """ALTER ROLE … SET, and ALTER DATABASE … SET: rows of pg_db_role_setting."""
    role = database = 0
    if "role" in tree:
        role, name = find_role(around, tree["role"])
        if role != around.session.user_oid and not _may_create(around):
            raise SqlError("42501", "permission denied")
    if tree.get("database") or tree.get("dbname"):
        wanted = tree.get("database") or tree["dbname"]
        row = around.cluster.find("pg_database", wanted)
        if row is None:
            raise SqlError("3D000", f'database "{wanted}" does not exist')
        database = row["oid"]
    statement = tree["setstmt"]
    statement = statement.get("VariableSetStmt", statement)
    found = around.cluster.get("pg_db_role_setting", database, role)
    settings: list[str] = json.loads(found["setconfig"]) if found and found["setconfig"] else []
    kind, name = statement.get("kind"), statement.get("name", "")
    if kind == "VAR_RESET_ALL":
        settings = []
    else:
        settings = [each for each in settings if each.partition("=")[0].lower() != name.lower()]
    if kind in ("VAR_SET_VALUE", "VAR_SET_CURRENT"):
        value = around.session.setting(name) if kind == "VAR_SET_CURRENT" else _setting_text(statement)
        around.session.setting(name, missing_ok="." in name)
        settings.append(f"{name}={value}")
    if settings:
        around.cluster.put("pg_db_role_setting", (database, role, json.dumps(settings, ensure_ascii=False)))
    else:
        around.cluster.remove("pg_db_role_setting", database, role)
    return "ALTER ROLE" if "role" in tree else "ALTER DATABASE"


def _setting_text(statement: dict[str, Any]) -> str:
    """The value of SET as text."""
    words = []
    for node in statement.get("args", []):
        constant = node.get("A_Const", {})
        if "sval" in constant:
            words.append(constant["sval"].get("sval", ""))
        elif "ival" in constant:
            words.append(str(constant["ival"].get("ival", 0)))
        elif "fval" in constant:
            words.append(constant["fval"]["fval"])
        elif "boolval" in constant:
            words.append("true" if constant["boolval"].get("boolval") else "false")
        else:
            raise unsupported("this value of a setting", statement)
    return ", ".join(words)


def grant_role(around: Surroundings, tree: dict[str, Any]) -> str:
    """GRANT and REVOKE of membership."""
    tag = "GRANT ROLE" if tree.get("is_grant") else "REVOKE ROLE"
    admin = any(
        node["DefElem"]["defname"] == "admin" and option_value(node["DefElem"]) is not False
        for node in tree.get("opt", [])
    )
    for granted in tree["granted_roles"]:
        group_name = granted["AccessPriv"]["priv_name"]
        row = around.cluster.find("pg_authid", group_name)
        if row is None:
            raise SqlError("42704", f'role "{group_name}" does not exist')
        if not _may_create(around) and not is_member(around, row["oid"]):
            raise SqlError("42501", f'must have admin option on role "{group_name}"')
        for spec in tree["grantee_roles"]:
            member, member_name = find_role(around, spec)
            _change_membership(around, row["oid"], group_name, member, member_name, tree, admin)
    return tag


def _change_membership(
    around: Surroundings, group: int, group_name: str, member: int, member_name: str, tree: dict[str, Any], admin: bool
) -> None:
    existing = around.cluster.get("pg_auth_members", group, member)
    if not tree.get("is_grant"):
        if existing is None:
            notice(around, f'role "{member_name}" is not a member of role "{group_name}"', "01000", "WARNING")
        elif admin:
            around.cluster.put("pg_auth_members", (group, member, existing["grantor"], 0))
        else:
            around.cluster.remove("pg_auth_members", group, member)
        return
    if around.authorization.is_member(group, member):
        raise SqlError("0LP01", f'role "{group_name}" is a member of role "{member_name}"')
    if existing is not None and (existing["admin_option"] or not admin):
        notice(around, f'role "{member_name}" is already a member of role "{group_name}"')
        return
    around.cluster.put("pg_auth_members", (group, member, around.session.user_oid, int(admin)))


def drop_role(around: Surroundings, tree: dict[str, Any]) -> str:
    """DROP ROLE, USER, GROUP."""
    if not _may_create(around):
        raise SqlError("42501", "permission denied to drop role")
    for spec in tree["roles"]:
        node = spec["RoleSpec"]
        if node.get("roletype", "ROLESPEC_CSTRING") != "ROLESPEC_CSTRING":
            raise SqlError("22023", "cannot use special role specifier in DROP ROLE")
        name = node["rolename"]
        row = around.cluster.find("pg_authid", name)
        if row is None:
            if not tree.get("missing_ok"):
                raise SqlError("42704", f'role "{name}" does not exist')
            notice(around, f'role "{name}" does not exist, skipping')
            continue
        if row["oid"] == around.session.user_oid:
            raise SqlError("55006", "current user cannot be dropped")
        if row["rolname"] == around.session.session_user:
            raise SqlError("55006", "session user cannot be dropped")
        if row["rolsuper"] and not around.session.superuser:
            raise SqlError("42501", "must be superuser to drop superusers")
        _check_unused(around, row["oid"], name)
        for members in list(around.cluster.rows("pg_auth_members")):
            if row["oid"] in members[:2]:
                around.cluster.remove("pg_auth_members", *members[:2])
        for setting in list(around.cluster.rows("pg_db_role_setting")):
            if setting[1] == row["oid"]:
                around.cluster.remove("pg_db_role_setting", *setting[:2])
        around.cluster.remove("pg_shdescription", row["oid"], AUTHID)
        around.cluster.remove("pg_authid", row["oid"])
    return "DROP ROLE"


def _granted(around: Surroundings, name: str) -> list[str]:
    """Objects on which a role has privileges."""
    found = []
    for class_id, table, column, part in (
        (CLASS, "pg_class", "relacl", "0"),
        (CLASS, "pg_attribute", "attacl", "attnum"),
        (NAMESPACE, "pg_namespace", "nspacl", "0"),
        (TYPE, "pg_type", "typacl", "0"),
    ):
        oid = "attrelid" if table == "pg_attribute" else "oid"
        rows = around.connection.execute(
            f'SELECT {oid}, {part}, {column} FROM main."pg_catalog.{table}" WHERE {column} IS NOT NULL'
        )
        for each, number, stored in rows.fetchall():
            if any(name in (item.grantee, item.grantor) for item in read_acl(str(stored), "table", "")):
                address = Address(class_id, int(str(each)), int(str(number)))
                found.append(f"privileges for {describe(around.catalog, address)}")
    found += [
        f"privileges for database {row[1]}"
        for row in around.cluster.rows("pg_database")
        if row[-1] and any(name in (item.grantee, item.grantor) for item in read_acl(row[-1], "database", ""))
    ]
    return found


def _check_unused(around: Surroundings, oid: int, name: str) -> None:
    """A role that owns something cannot go.

    Raises:
        SqlError: 2BP01.
    """
    owned = []
    for class_id, table, owner, extra in (
        (CLASS, "pg_class", "relowner", " AND relkind NOT IN ('i', 'c')"),
        (NAMESPACE, "pg_namespace", "nspowner", ""),
        (TYPE, "pg_type", "typowner", " AND typtype IN ('e', 'd')"),
    ):
        rows = around.connection.execute(f'SELECT oid FROM main."pg_catalog.{table}" WHERE {owner} = ?{extra}', (oid,))
        owned += [f"owner of {describe(around.catalog, Address(class_id, each))}" for (each,) in rows]
    for row in around.cluster.rows("pg_database"):
        if row[2] == oid:
            owned.append(f"owner of database {row[1]}")
    owned += _granted(around, name)
    if owned:
        raise SqlError(
            "2BP01",
            f'role "{name}" cannot be dropped because some objects depend on it',
            detail="\n".join(owned),
        )
