"""How a database is opened, and a session in it."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import apsw

from socketworkers.storage import Storage

from ..catalog.session import DatabaseCatalog, SessionCatalog
from ..catalog.shared import builtin
from ..catalog.shipped import attach, shipped
from ..errors import SqlError
from ..sql.execute import ExecutionCell, prepare_connection
from ..types import BY_OID, AnyType
from .connections import Handle
from .database import Database
from .session import SqlSession
from .surroundings import Surroundings
from .variables import REPORTED, Definition, Variables, definitions

if TYPE_CHECKING:
    from ..server import Server
    from ..session import Startup
    from ..worker import Link

__all__ = ["install_catalogue", "open_database", "open_session"]


def install_catalogue(connection: apsw.Connection) -> None:
    """The first migration of a database's file: PostgreSQL's own rows, copied from the image of a new database."""
    source = apsw.Connection(
        shipped().template.absolute().as_uri() + "?mode=ro&immutable=1",
        flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
    )
    try:
        later = []
        for kind, name, sql in source.execute("select type, name, sql from sqlite_schema where sql is not null"):
            if kind != "table":
                later.append(sql)
                continue
            connection.execute(sql)
            quoted = '"' + name.replace('"', '""') + '"'
            rows = source.execute(f"select * from {quoted}").fetchall()
            if rows:
                marks = ",".join("?" * len(rows[0]))
                connection.executemany(f"insert into {quoted} values ({marks})", rows)
        for sql in later:
            connection.execute(sql)
    finally:
        source.close()


async def open_database(
    name: str, oid: int, storage: Storage, threads: concurrent.futures.Executor, server: Server
) -> Database:
    """Open the connections of a database."""
    catalog = DatabaseCatalog(oid)

    def prepare(handle: Handle) -> None:
        attach(handle.apsw)
        _register(handle)
        handle.prepared = prepare_connection(handle.apsw, handle.cell, TypesOfSession(handle.cell))

    return Database(name, oid, storage, threads, prepare, catalog, server.images.get(name))


def _register(handle: Handle) -> None:
    """The functions that relations of the catalogue are read by."""
    cell = handle.cell

    def cluster_rows(table: str) -> str:
        assert isinstance(cell.execution, Surroundings)
        return cell.execution.cluster.json(table)

    def sequence_state(oid: int) -> str:
        assert cell.execution is not None
        value, logged, called = cell.execution.session.sequences.state(oid)
        return f"[{value},{logged},{int(called)}]"

    functions: dict[str, Callable[..., Any]] = {
        "pg_cluster_rows": cluster_rows,
        "pg_sequence_state": sequence_state,
    }
    for name, function in functions.items():
        handle.apsw.create_scalar_function(name, function, 1)


class TypesOfSession(Mapping[int, AnyType]):
    """The types that the statement running on a connection knows, by OID."""

    __slots__ = ("_cell",)

    def __init__(self, cell: ExecutionCell) -> None:
        self._cell = cell

    def __getitem__(self, oid: int) -> AnyType:
        execution = self._cell.execution
        if execution is None:
            return BY_OID[oid]
        row = execution.catalog.type_by_oid(oid)
        if row is None or row.implementation is None:
            raise KeyError(oid)
        return row.implementation

    def __iter__(self) -> Iterator[int]:
        return iter(BY_OID)

    def __len__(self) -> int:
        return len(BY_OID)


#: parameters that pg_settings does not show (GUC_NO_SHOW_ALL)
_HIDDEN = (
    Definition("role", "string", "none"),
    Definition("session_authorization", "string", ""),
    Definition("is_superuser", "bool", "off", context="internal"),
    Definition("seed", "real", "0", least="-1", most="1"),
)


@cache
def parameter_definitions() -> dict[str, Definition]:
    """Of PostgreSQL 15, as pg_settings has them."""
    found = definitions(builtin().parameters())
    for hidden in _HIDDEN:
        found.setdefault(hidden.name, hidden)
    return found


def open_session(server: Server, database: Database, link: Link, login: Startup) -> tuple[SqlSession, dict[str, str]]:
    """A session of a database, and the parameters that its client is told.

    Raises:
        SqlError: a setting of the startup message cannot be.
    """
    from ..server import SERVER_VERSION

    info = link.socket.info
    assert info is not None
    peer = None if info.type == "unix" else (info.remote.host, info.remote.port)
    local = None if info.type == "unix" else (info.local.host, info.local.port)
    cluster = server.cluster
    role = cluster.role(login.username)
    assert role is not None
    defaults: dict[str, str] = {
        "server_version": SERVER_VERSION,
        "server_version_num": "150015",
        "server_encoding": "UTF8",
        "client_encoding": "UTF8",
        "lc_collate": "C.UTF-8",
        "lc_ctype": "C.UTF-8",
        "lc_messages": "C.UTF-8",
        "lc_monetary": "C.UTF-8",
        "lc_numeric": "C.UTF-8",
        "lc_time": "C.UTF-8",
        "TimeZone": "UTC",
        "log_timezone": "UTC",
        "timezone_abbreviations": "Default",
        "DateStyle": "ISO, MDY",
        "default_text_search_config": "pg_catalog.english",
        "is_superuser": "on" if role["rolsuper"] else "off",
        "session_authorization": login.username,
        "application_name": "",
        "port": str(local[1] if local is not None else server.config.port),
        "max_connections": str(server.config.max_connections),
    }
    defaults.update(server.defaults)
    defaults.update(cluster.settings(database.oid, role["oid"]))
    variables = Variables(parameter_definitions(), defaults)
    surroundings = Surroundings(
        database,
        cluster,
        SessionCatalog(database.catalog),
        variables,
        pid=link.pid,
        user=login.username,
        peer=peer,
        server=local,
        server_started=server.started,
        backends=server.backends,
        control=server.control,
        control_database=server.control_database,
    )
    sql = SqlSession(database, surroundings, database.compiler, link.deliver)
    surroundings.sql = sql
    surroundings.protocol = link.session
    sql.on_notification = lambda pid, channel, payload: link.handle(link.session.notify(pid, channel, payload))
    try:
        variables.changed |= {"search_path", "datestyle", "statement_timeout"}
        surroundings.start(login.settings)
    except SqlError:
        sql.close()
        raise
    surroundings.take_reports()
    surroundings.told = {name: surroundings.setting(name) or "" for name in REPORTED}
    return sql, dict(surroundings.told)
