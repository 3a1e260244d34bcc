"""What all sessions of a server share: who may log in, the open databases, cancel keys. Made at the start."""

from __future__ import annotations

import asyncio
import concurrent.futures
import getpass
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from socketworkers import Context, Env, SocketInfo, TlsInfo
from socketworkers.errors import StartupError, StateError, StorageFailed, StorageFull
from socketworkers.sasl import Credentials, GuessLimiter
from socketworkers.storage import Storage

from .authorization import Authorization, groups_of
from .catalog.session import SessionCatalog
from .cluster import Cluster
from .codec import Report
from .config import PgwireConfig
from .engine.database import Database
from .errors import SqlError
from .metrics import Metrics
from .object import CLUSTER
from .policy import Rules, parse_rule
from .session import CancelKeys, Session, SessionConfig, Startup, Timeouts, fatal

if TYPE_CHECKING:
    from socketworkers.sasl import ScramVerifier

    from .engine.surroundings import Surroundings
    from .worker import Link

__all__ = ["SERVER_VERSION", "Server"]

#: what clients are told: PostgreSQL 15 is what its catalogue and its answers are those of
SERVER_VERSION = "15.15"
#: password checks at once: each costs milliseconds of a core on purpose
MAX_CHECKS = 2
#: seconds that the answer to a wrong password takes
GUESS_DELAY = 1.0
#: seconds that DROP DATABASE waits for sessions that are just leaving
DROP_WAIT = 5.0


class Server:
    """The shared part; ``env.pgwire``."""

    def __init__(self, env: Env) -> None:
        config: PgwireConfig = env.config
        self.env = env
        self.config = config
        self.owner = _system_user()
        self.cluster: Cluster
        self.started = int((time.time() - 946_684_800) * 1_000_000)
        """In microseconds since 2000."""
        self.keys: CancelKeys[Link] = CancelKeys()
        self.links: dict[int, Link] = {}
        """Sessions by process id."""
        self.databases: dict[str, Database] = {}
        """Those that are open."""
        self.defaults: dict[str, str] = {}
        """Of run-time parameters, as the settings say."""
        self.images: dict[str, Path] = {}
        """Files that databases in memory begin as, by name; of tests."""
        self.hear: Callable[[str], object] | None = None
        """Called with the text of each statement that comes; of tests."""
        self.sleep: Callable[[float], Any] = asyncio.sleep
        """How a guesser is made to wait; replaced by tests."""
        self._rules = Rules(
            [parse_rule(text) for text in config.auth], everywhere=config.insecure, is_member=self._is_member
        )
        self._threads = concurrent.futures.ThreadPoolExecutor(config.threads, "pgwire")
        self._limiter = GuessLimiter(time.monotonic)
        self._checks = asyncio.Semaphore(MAX_CHECKS)
        self._live = LiveCredentials(self)
        self._credentials: tuple[int, Credentials] | None = None
        self._stopped = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        timeouts = Timeouts(login=config.login_timeout, idle=config.idle_timeout or 0.0)
        self._with_tls, self._without_tls = [
            SessionConfig(
                tls=tls,
                max_message=config.max_message,
                max_statements=config.max_statements,
                max_portals=config.max_portals,
                timeouts=timeouts,
            )
            for tls in (True, False)
        ]
        self._metrics = Metrics(env.telemetry, self.links.values)

    # Start and stop

    async def start(self) -> None:
        """Read the cluster; make the databases that the settings name."""
        self.cluster = await self.env.CLUSTER.get(CLUSTER).serve()
        for name in self.config.database:
            if self.cluster.database(name) is None:
                self.create_database(name)
        await asyncio.to_thread(_warm_up)
        self.defaults = _checked_defaults(self.config.set)

    async def stop(self) -> None:
        """The server ends."""
        self._stopped.set()
        for database in self.databases.values():
            database.closed.set()
        for link in list(self.links.values()):
            link.terminate()
        await asyncio.to_thread(self._threads.shutdown, True, cancel_futures=True)

    async def stopped(self) -> None:
        """Until the server ends."""
        await self._stopped.wait()

    def create_database(self, name: str, owner: int = 10) -> None:
        """Note a new database; its file is made when it is first opened."""
        from .cluster import database_row

        view = self.cluster.view()
        view.put("pg_database", database_row(view.new_oid(), name, owner))
        view.commit()

    async def drop_database(self, name: str, *, force: bool = False) -> None:
        """Delete a database.

        Args:
            name: of one that is there.
            force: end the sessions that use it.

        Raises:
            ValueError: sessions are using it.
        """
        try:
            await asyncio.to_thread(self._empty, name, force=force)
        except SqlError as error:
            raise ValueError(f"{error}; --force ends them") from None
        view = self.cluster.view()
        row = view.find("pg_database", name)
        if row is not None:
            view.remove("pg_database", row["oid"])
            for setting in list(view.rows("pg_db_role_setting")):
                if setting[0] == row["oid"]:
                    view.remove("pg_db_role_setting", *setting[:2])
            ticket = view.commit()
            if ticket is not None:
                await ticket.wait()
        await self._remove(name)

    # Logins

    def make_session(self, link: Link, info: SocketInfo, ctx: Context, *, direct: bool) -> Session:
        """The protocol's side of a connection."""
        tls = info.tls
        return Session(
            self._with_tls if ctx.tls_context is not None and info.websocket is None else self._without_tls,
            policy=self._rules,
            credentials=self._live,
            peer=info.remote.host if info.type != "unix" else "",
            secure=info.secure,
            direct=direct,
            alpn=tls.alpn if tls is not None else None,
            binding=self.binding(tls) if tls is not None else None,
            certificate_user=(tls.peer_common_name or None) if tls is not None else None,
            tally=self._metrics,
        )

    @staticmethod
    def binding(tls: TlsInfo) -> bytes | None:
        """``tls-server-end-point`` of the certificate in use (RFC 5929 §4), None when it is not known."""
        return tls.channel_bindings.get("tls-server-end-point")

    def _is_member(self, member: str, role: str) -> bool:
        if member == role:
            return True
        found, wanted = self.cluster.role(member), self.cluster.role(role)
        if found is None or wanted is None:
            return False
        return wanted["oid"] in groups_of(self.cluster.tables["pg_auth_members"].values(), found["oid"])

    def verifiers(self) -> Credentials:
        """Of the roles that have a password."""
        kept = self._credentials
        if kept is None or kept[0] != self.cluster.version:
            kept = self._credentials = (self.cluster.version, self.cluster.credentials())
        return kept[1]

    async def check_password(self, username: str, password: str, peer: str) -> bool:
        """Compare a password off the loop."""
        keys = (f"address {peer}", f"account {username}")
        if self._limiter.blocked(*keys):
            await self.sleep(GUESS_DELAY)
            return False
        async with self._checks:
            right = await asyncio.to_thread(self.verifiers().check_password, username, password)
        if right:
            return True
        self._limiter.failed(*keys)
        await self.sleep(GUESS_DELAY)
        return False

    async def guessed(self, username: str, peer: str) -> None:
        """A SCRAM proof was wrong."""
        self._limiter.failed(f"address {peer}", f"account {username}")
        await self.sleep(GUESS_DELAY)

    # Sessions

    async def serve(self, link: Link, login: Startup) -> None:
        """Serve a session that has logged in, in the object of its database."""
        refusal = self._refusal(login)
        if refusal is not None:
            link.refuse(refusal)
            return
        try:
            await self.env.DATABASE.get(login.database).serve(link, login)
        except StorageFull:
            if link.sql is not None:
                raise
            link.refuse(fatal("53100", f'could not open the database "{login.database}": No space left on device'))
        except StorageFailed:
            if link.sql is None:  # else its client was told by what waited for the disk
                link.refuse(fatal("58030", "the storage of the database has failed"))

    def _refusal(self, login: Startup) -> Report | None:
        role = self.cluster.role(login.username)
        if role is None:
            return fatal("28000", f'role "{login.username}" does not exist')
        if not role["rolcanlogin"]:
            return fatal("28000", f'role "{login.username}" is not permitted to log in')
        database = self.cluster.database(login.database)
        if database is None:
            return fatal("3D000", f'database "{login.database}" does not exist')
        if not database["datallowconn"]:
            return fatal("55000", f'database "{login.database}" is not currently accepting connections')
        if not Authorization(self.cluster.view(), SessionCatalog(), database["oid"]).database(
            database["oid"], role["oid"], "c"
        ):
            return fatal(
                "42501",
                f'permission denied for database "{login.database}"',
                detail="User does not have CONNECT privilege.",
            )
        return None

    async def open_database(self, name: str, storage: Storage) -> Database:
        """Open the connections of a database, whose object has just been started."""
        from .engine.opening import open_database

        row = self.cluster.database(name)
        if row is None:  # it is started to be deleted
            return await open_database(name, 0, storage, self._threads, self)
        database = await open_database(name, row["oid"], storage, self._threads, self)
        database.hear = self.hear
        self.databases[name] = database
        return database

    async def serve_session(self, database: Database, link: Link, login: Startup) -> None:
        """Serve one session of an open database."""
        from .engine.opening import open_session

        pid, key = self.keys.add(link, link.session.version)
        link.pid = pid
        try:
            sql, parameters = open_session(self, database, link, login)
        except SqlError as error:
            link.refuse(error.report.fatal())
            return
        self.links[pid] = link
        await link.serve(sql, pid, key, parameters)

    def forget(self, link: Link) -> None:
        """A session is over."""
        if link.pid:
            self.keys.remove(link.pid)
            self.links.pop(link.pid, None)

    def cancel(self, process_id: int, key: bytes) -> None:
        """A CancelRequest."""
        link = self.keys.find(process_id, key)
        if link is not None:
            link.handle(link.session.cancel())

    def control(self, process_id: int, what: str) -> bool:
        """pg_cancel_backend and pg_terminate_backend; may be called in a thread."""
        link = self.links.get(process_id)
        if link is None:
            return False
        if what == "cancel":
            self._loop.call_soon_threadsafe(lambda: link.handle(link.session.cancel()))
        else:
            self._loop.call_soon_threadsafe(link.terminate)
        return True

    def backends(self) -> Sequence[Surroundings]:
        """What pg_stat_activity shows."""
        return [link.sql.surroundings for link in list(self.links.values()) if link.sql is not None]

    def control_database(self, what: str, name: str, how: str) -> None:
        """What CREATE DATABASE and DROP DATABASE do beside their rows; the first two in a thread.

        Args:
            what: ``create``, ``drop``, or ``dropped`` once that is committed.
            name: of the database.
            how: name of the template, or ``force``.

        Raises:
            SqlError: 55006, sessions are using it.
        """
        if what == "create":
            self._copy_template(name, how)
        elif what == "drop":
            self._empty(name, force=how == "force")
        else:
            self._background(self._remove(name))

    def _copy_template(self, name: str, template: str) -> None:
        opened = self.databases.get(template)
        target = self.env.DATABASE.path(name)
        source = self.env.DATABASE.path(template)
        if target is None or source is None:
            if template not in ("template0", "template1"):
                raise SqlError("0A000", "copying a database that is kept in memory is not supported")
            return
        if not source.exists():
            return  # nobody has ever been there: it is as new
        if opened is not None and opened.sessions:
            raise SqlError(
                "55006",
                f'source database "{template}" is being accessed by other users',
                detail=_used_by(len(opened.sessions)),
            )
        copy_database(source, target)

    def _empty(self, name: str, *, force: bool) -> None:
        database = self.databases.get(name)
        if database is None:
            return
        if force:
            for link in list(self.links.values()):
                if link.sql is not None and link.sql.database is database:
                    self._loop.call_soon_threadsafe(link.terminate)
        until = time.monotonic() + DROP_WAIT
        while database.sessions and time.monotonic() < until:
            time.sleep(0.01)
        if database.sessions:
            raise SqlError(
                "55006",
                f'database "{name}" is being accessed by other users',
                detail=_used_by(len(database.sessions)),
            )

    async def _remove(self, name: str) -> None:
        database = self.databases.pop(name, None)
        if database is not None:
            database.closed.set()
        for turn in range(120):
            try:
                await self.env.DATABASE.delete(name)
            except StateError:
                await asyncio.sleep(0.01 if turn > 20 else 0)  # its last session is just leaving
            else:
                return

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def drain_later(self, link: Link) -> None:
        """The server drains; a session that is busy ends when it is done."""
        link.ending = True

    @property
    def folder(self) -> Path | None:
        """Where the data lie."""
        folder: Path | None = self.env.data_dir
        return folder


class LiveCredentials:
    """`sasl.CredentialSource` over the roles as they are at the moment."""

    __slots__ = ("_server",)

    def __init__(self, server: Server) -> None:
        self._server = server

    def lookup(self, username: str) -> tuple[ScramVerifier, bool]:
        """As `sasl.CredentialSource`."""
        return self._server.verifiers().lookup(username)

    def check_password(self, username: str, password: str) -> bool:
        """As `sasl.CredentialSource`."""
        return self._server.verifiers().check_password(username, password)


def _used_by(count: int) -> str:
    return (
        "There is 1 other session using the database."
        if count == 1
        else f"There are {count} other sessions using the database."
    )


def copy_database(source: Path, target: Path) -> None:
    """A copy of a database's file, durable, under another name. Blocking."""
    new = target.with_name(target.name + ".new")
    new.unlink(missing_ok=True)
    connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.execute("vacuum into ?", (str(new),))
    finally:
        connection.close()
    copy = apsw.Connection(str(new), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        copy.pragma("journal_mode", "wal")
        copy.execute('delete from "_alarm"')
    finally:
        copy.close()
    for path in (new, target.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if path is new:
            os.rename(new, target)


def _checked_defaults(texts: Sequence[str]) -> dict[str, str]:
    """What ``--set`` says, in canonical forms.

    Raises:
        StartupError: there is no such parameter, or it cannot have this value.
    """
    from .engine.opening import parameter_definitions
    from .engine.variables import check_value

    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        definition = parameter_definitions().get(name.lower())
        try:
            if definition is None:
                raise SqlError("42704", f'unrecognized configuration parameter "{name}"')
            found[name] = check_value(definition, value)
        except SqlError as error:
            raise StartupError(
                f"--set {text} cannot be", str(error), "see SHOW ALL for names and values", exit_status=2
            ) from None
    return found


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "postgres"


def _warm_up() -> None:
    """Load what the first statement needs."""
    from .catalog.shared import builtin
    from .sql.grammar import parse

    builtin()
    parse("SELECT 1")
