"""What the commands ask of the server, running or not. Arguments and results are JSON values."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from socketworkers import Env
from socketworkers.commands import Method

__all__ = ["METHODS"]

#: NAMEDATALEN - 1 of PostgreSQL
_MAX_NAME = 63
#: what a role can own within a database: table and the column with the owner
_OWNED: Final = (("pg_class", "relowner"), ("pg_namespace", "nspowner"), ("pg_type", "typowner"))


def _check_name(name: str, what: str) -> None:
    """ValueError: no such thing can be called that way (PostgreSQL 15 documentation §4.1.1)."""
    if not name or "\0" in name:
        raise ValueError(f"a {what} needs a name")
    if len(name.encode()) > _MAX_NAME:
        raise ValueError(f"the name of a {what} has at most {_MAX_NAME} bytes")
    if name.startswith("pg_") and what == "user":
        raise ValueError('names that begin with "pg_" are reserved')


async def _commit(view: Any) -> None:
    ticket = view.commit()
    if ticket is not None:
        await ticket.wait()


async def user_add(env: Env, name: str, password: str) -> bool:
    """Add a role that may log in, or change its password; whether it is new."""
    from .cluster import role_row
    from .ddl.roles import encrypt_password
    from .errors import SqlError

    _check_name(name, "user")
    try:
        kept = await asyncio.to_thread(encrypt_password, password)
    except SqlError as error:
        raise ValueError(str(error)) from None
    view = env.pgwire.cluster.view()
    row = view.find("pg_authid", name)
    if row is None:
        view.put("pg_authid", role_row(view.new_oid(), name, password=kept))
    else:
        row.update(rolpassword=kept, rolcanlogin=1)
        view.put("pg_authid", row.values())
    await _commit(view)
    return row is None


async def user_rm(env: Env, name: str) -> bool:
    """Take a role away that owns nothing."""
    from .cluster import SUPERUSER

    view = env.pgwire.cluster.view()
    row = view.find("pg_authid", name)
    if row is None:
        raise LookupError(f"there is no user {name}")
    oid = row["oid"]
    if oid == SUPERUSER:
        raise ValueError(f"{name} is the superuser that every server has")
    for database in list(view.rows("pg_database")):
        if database[2] == oid:
            raise ValueError(f"{name} owns the database {database[1]}")
        path = env.DATABASE.path(database[1])
        if path is not None and path.exists() and await asyncio.to_thread(_owns, path, oid):
            raise ValueError(f"{name} owns something in the database {database[1]}")
    for members in list(view.rows("pg_auth_members")):
        if oid in members[:2]:
            view.remove("pg_auth_members", *members[:2])
    for setting in list(view.rows("pg_db_role_setting")):
        if setting[1] == oid:
            view.remove("pg_db_role_setting", *setting[:2])
    view.remove("pg_authid", oid)
    await _commit(view)
    return True


def _owns(path: Path, oid: int) -> bool:
    import apsw

    from .catalog.layout import physical_name

    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return any(
            connection.execute(f'select 1 from "{physical_name(table)}" where {owner} = ? limit 1', (oid,)).get
            for table, owner in _OWNED
        )
    finally:
        connection.close()


async def user_list(env: Env) -> list[str]:
    """Roles that may log in."""
    return sorted(row[1] for row in env.pgwire.cluster.view().rows("pg_authid") if row[6])


async def database_list(env: Env) -> list[dict[str, Any]]:
    """Databases with their owners, sizes in bytes and sessions; those that take connections."""
    view = env.pgwire.cluster.view()
    found = []
    for row in sorted(view.rows("pg_database"), key=lambda row: str(row[1])):
        if not row[6]:
            continue
        owner = view.get("pg_authid", row[2])
        path = env.DATABASE.path(row[1])
        opened = env.pgwire.databases.get(row[1])
        found.append(
            {
                "name": row[1],
                "owner": owner["rolname"] if owner is not None else "",
                "size": path.stat().st_size if path is not None and path.exists() else 0,
                "sessions": len(opened.sessions) if opened is not None else 0,
                "file": str(path) if path is not None else "",
            }
        )
    return found


async def database_create(env: Env, name: str, owner: str = "postgres") -> bool:
    """Note a new database; its file is made when somebody first comes."""
    from .cluster import database_row

    _check_name(name, "database")
    view = env.pgwire.cluster.view()
    if view.find("pg_database", name) is not None:
        raise ValueError(f"there is a database {name} already")
    role = view.find("pg_authid", owner)
    if role is None:
        raise LookupError(f"there is no user {owner}")
    view.put("pg_database", database_row(view.new_oid(), name, role["oid"]))
    await _commit(view)
    return True


async def database_drop(env: Env, name: str, force: bool = False) -> bool:
    """Delete a database that nobody uses, or end its sessions first."""
    row = env.pgwire.cluster.database(name)
    if row is None:
        raise LookupError(f"there is no database {name}")
    if row["datistemplate"]:
        raise ValueError(f"{name} is a template of other databases")
    await env.pgwire.drop_database(name, force=force)
    return True


METHODS: Final[dict[str, Method]] = {
    "pg.user.add": user_add,
    "pg.user.rm": user_rm,
    "pg.user.list": user_list,
    "pg.database.list": database_list,
    "pg.database.create": database_create,
    "pg.database.drop": database_drop,
}
