"""What a session's statements and functions see around them: `functions.Execution` and `functions.SessionContext`.

It also keeps what goes with a transaction beside the tables: run-time parameters, the cluster's rows, notifications,
the catalogue's caches, counters of sequences.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import apsw

from ..authorization import Authorization
from ..catalog.regnames import RegNames
from ..catalog.session import SessionCatalog
from ..catalog.temporary import TemporarySchema
from ..cluster import Cluster, ClusterView
from ..codec import Report
from ..errors import SqlError
from ..sql.execute.constraints import check_transaction
from ..types import Settings, find_zone
from . import notifications
from .checks import CHECKS
from .connections import Handle
from .database import Database
from .portal import Portal
from .session_sequences import SessionSequences
from .variables import Variables, split_list

if TYPE_CHECKING:
    from ..session import Names, Session
    from ..sql.nodes import Query
    from .session import SqlSession

__all__ = ["Surroundings", "now"]

#: seconds between 1970-01-01 and 2000-01-01
EPOCH = 946_684_800
_MICROSECOND = 1_000_000
_IMMEDIATE: Mapping[int, bool] = MappingProxyType({0: False})
_AS_DECLARED: Mapping[int, bool] = MappingProxyType({})
_MAX_NOTICES = 1000
#: bytes of notifications of one transaction
_MAX_PENDING = 1 << 24

_LEVELS = {
    name: number
    for number, name in enumerate(
        ("debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"), 1
    )
}


def now() -> int:
    """Microseconds since 2000-01-01 00:00 UTC."""
    return int((time.time() - EPOCH) * _MICROSECOND)


class Surroundings:
    """See the module.

    Args:
        database: of the session.
        cluster: shared by all databases.
        catalog: the session's.
        variables: the session's.
        pid: the session's number.
        user: who has logged in.
        peer: address and port of the client; None for a Unix socket.
        server: address and port that it came to.
        server_started: when the server was started.
        backends: gives all sessions of the server.
        control_database: (``create``, ``drop`` or ``dropped``, name, template or ``force``): what CREATE DATABASE and
            DROP DATABASE do beside their rows.
        control: (process id, ``cancel`` or ``terminate``) does that to another session.
    """

    connection: apsw.Connection

    def __init__(
        self,
        database: Database,
        cluster: Cluster,
        catalog: SessionCatalog,
        variables: Variables,
        *,
        pid: int,
        user: str,
        peer: tuple[str, int] | None,
        server: tuple[str, int] | None,
        server_started: int = 0,
        backends: Callable[[], Sequence[Any]] = lambda: (),
        control: Callable[[int, str], bool] = lambda pid, what: False,
        control_database: Callable[[str, str, str], None] = lambda what, name, how: None,
    ) -> None:
        self._database = database
        self.catalog = catalog
        self.variables = variables
        self.cluster: ClusterView = cluster.view()
        self.pid = pid
        self.database = database.name
        self.database_oid = database.oid
        self.session_user = self.user = user
        role = self.cluster.find("pg_authid", user)
        assert role is not None
        self.session_user_oid = self.user_oid = int(role["oid"])
        self.superuser = bool(role["rolsuper"])
        self.authenticated_user = user
        self.authorization = Authorization(self.cluster, catalog, database.oid)
        self._roles_version = -1
        self.client_address = peer
        self.server_address = server
        self.sequences = SessionSequences(self, database)
        self.settings = Settings(names=RegNames(catalog, self._role_names))
        self.own_connection: Handle | None = None
        """Of a session with temporary tables, which live in one connection."""
        self.sql: SqlSession
        """Set right after it was made."""
        self.protocol: Session
        """The protocol's side."""
        # of transactions and statements
        self.transaction_time = self.statement_time = now()
        self.assigned_transaction_id: int | None = None
        self.notices: list[Report] = []
        self.reports: dict[str, str] = {}
        self.told: dict[str, str] = {}
        """Values that the client knows."""
        self._pending: list[tuple[str, str]] = []
        self._pending_size = 0
        self._listens: list[tuple[str, str]] = []
        self._saved: list[tuple[int, int, int, int, Mapping[int, bool]]] = []
        self._at_start: tuple[int, int] | None = None
        self._random = random.Random()
        self._asleep = threading.Event()
        self._transaction_locks: list[tuple[tuple[int, ...], bool]] = []
        self._lock_deadline = 0.0
        # what pg_stat_activity shows
        self.started = now()
        self.transaction_started: int | None = None
        self.query_started: int | None = None
        self.state_changed = self.started
        self.query = ""
        self.text = ""
        """What the client has sent."""
        self.wait_event_type: str | None = None
        self.wait_event: str | None = None
        self._changed_sequences: set[int] = set()
        self._made_temporary = False
        """Whether the temporary schema was made in this transaction."""
        self.after_commit: list[Callable[[], None]] = []
        """Called on the loop when the transaction has been committed."""
        self.default_modes = self._default_modes()
        """Of transactions that do not say theirs: isolation level, whether they only read, whether DEFERRABLE."""
        self.constraint_modes: Mapping[int, bool] = _AS_DECLARED
        """What SET CONSTRAINTS said: by OID, 0 for ALL, whether it is deferred."""
        self.arguments: Sequence[Any] = ()
        """Values of the parameters of the statement that is carried out in Python: its query may have some."""
        self._control_database = control_database
        self._plan_context: tuple[Any, ...] | None = None
        self._plan_token: tuple[int, tuple[Any, ...]] | None = None
        self._plan_token_of: tuple[Any, ...] | None = None
        self.defining = False
        """Whether the transaction has changed the catalogue."""
        self.server_started = server_started
        self._backends = backends
        self._control = control

    def _role_names(self) -> Iterator[tuple[int, str]]:
        for row in self.cluster.rows("pg_authid"):
            yield row[0], row[1]

    # Parameters

    @property
    def session(self) -> Surroundings:
        """As `functions.Execution`: it is both."""
        return self

    def apply(self) -> None:
        """Let changed parameters take effect."""
        variables = self.variables
        changed = variables.changed
        if not changed:
            return
        get = variables.get
        if changed & _FORMS:
            self._apply_forms()
        if "search_path" in changed or "role" in changed or "session_authorization" in changed:
            self.catalog.set_search_path(split_list(get("search_path")), self.user)
        for name in sorted(changed):
            reported = variables.reported(name)
            if reported is not None:
                value = self.setting(reported) or ""
                if self.told.get(reported) != value:
                    self.told[reported] = self.reports[reported] = value
        if changed & _TIMEOUTS:
            self.protocol.timeouts = replace(
                self.protocol.timeouts,
                statement=int(get("statement_timeout")) / 1000,
                idle_in_transaction=int(get("idle_in_transaction_session_timeout")) / 1000,
                idle=int(get("idle_session_timeout")) / 1000 or self.protocol.config.timeouts.idle,
            )
        self._plan_context = None
        self.default_modes = self._default_modes()
        changed.clear()

    def _default_modes(self) -> tuple[str, bool, bool]:
        get = self.variables.get
        return (
            get("default_transaction_isolation"),
            get("default_transaction_read_only") == "on",
            get("default_transaction_deferrable") == "on",
        )

    def _apply_forms(self) -> None:
        get = self.variables.get
        style, _, order = get("DateStyle").partition(", ")
        zone = find_zone(get("TimeZone"))
        assert zone is not None
        self.settings = Settings(
            datestyle=style,  # type: ignore[arg-type]
            dateorder=order or "MDY",  # type: ignore[arg-type]
            intervalstyle=get("IntervalStyle"),  # type: ignore[arg-type]
            timezone=zone,
            extra_float_digits=int(get("extra_float_digits")),
            bytea_output=get("bytea_output"),  # type: ignore[arg-type]
            now=self.transaction_time,
            names=self.settings.names,
        )

    @property
    def moment(self) -> tuple[int, Settings]:
        """What a statement may see of the session that differs from one statement of a transaction to the next."""
        return self.statement_time, self.settings

    @moment.setter
    def moment(self, moment: tuple[int, Settings]) -> None:
        self.statement_time, self.settings = moment

    @property
    def lock_timeout(self) -> float:
        """In seconds; 0 = none."""
        return int(self.variables.get("lock_timeout")) / 1000

    @property
    def synchronous_commit(self) -> bool:
        """Whether a commit is acknowledged only when it is on disk."""
        return self.variables.get("synchronous_commit") != "off"

    @property
    def isolation(self) -> str:
        """Of the transaction."""
        return self.sql.transaction.isolation

    def setting(self, name: str, missing_ok: bool = False) -> str | None:
        """As `SessionContext`."""
        special = self._special(name.lower())
        return self.variables.show(name, missing_ok) if special is None else special

    def _special(self, name: str) -> str | None:
        if name == "transaction_isolation":
            return self.isolation
        if name == "transaction_read_only":
            return "on" if self.sql.transaction.read_only else "off"
        if name == "transaction_deferrable":
            return "on" if self.sql.transaction.deferrable else "off"
        if name == "is_superuser":
            return "on" if self.superuser else "off"
        if name == "session_authorization":
            return self.session_user
        return None

    def set_setting(self, name: str, value: str | None, local: bool = False) -> str:
        """As `SessionContext`; None is RESET."""
        lowered = name.lower()
        check = CHECKS.get(lowered)
        if value is not None and check is not None:
            value = check(self, value, local)
            if value is None:
                return self.setting(name) or ""
        made = self.variables.set(name, value, local)
        if lowered == "session_authorization":
            self.variables.set("role", "none", local)
        if lowered in ("role", "session_authorization"):
            self._become()
        self.apply()
        return made

    def _become(self) -> None:
        """SET SESSION AUTHORIZATION and SET ROLE take effect."""
        name, role = self.variables.get("session_authorization"), self.variables.get("role")
        found = self.cluster.find("pg_authid", name)
        if found is not None:
            self.session_user, self.session_user_oid = name, int(found["oid"])
        self.user, self.user_oid = self.session_user, self.session_user_oid
        found = None if role in ("none", "") else self.cluster.find("pg_authid", role)
        if found is not None:
            self.user, self.user_oid = role, int(found["oid"])
        self.superuser = self.authorization.role(self.user_oid).superuser
        self.variables.changed.add("is_superuser")
        self.catalog.set_search_path(split_list(self.variables.get("search_path")), self.user)
        self._roles_version = -1

    def _look_at_roles(self) -> None:
        """What the current user may do is told by the roles as they are now."""
        version, changed = self.cluster.version, self.cluster.changed
        if version == self._roles_version and not changed:
            return
        self._roles_version = -1 if changed else version
        superuser = self.authorization.role(self.user_oid).superuser
        if not superuser or not self.superuser:
            self._plan_context = None
        self.superuser = superuser
        self.catalog.usable = self.authorization.usable(self.user_oid)

    def setting_rows(self) -> Iterable[tuple[Any, ...]]:
        """As `SessionContext`: the columns of pg_show_all_settings()."""
        variables = self.variables
        for name in variables.names():
            definition = variables.definition(name)
            if definition is None:
                yield (
                    *(name, variables.get(name), None, "Customized Options", "", None, "user", "string"),
                    *(variables.source(name), None, None, None, None, variables.reset_value(name), None, None, 0),
                )
                continue
            yield (
                definition.name,
                self._special(name.lower()) or variables.get(name),
                definition.unit or None,
                definition.category,
                definition.description,
                definition.details or None,
                definition.context,
                definition.kind,
                variables.source(name),
                definition.least or None,
                definition.most or None,
                list(definition.choices) or None,
                definition.default,
                variables.reset_value(name),
                None,
                None,
                0,
            )

    @property
    def plan_context(self) -> tuple[Any, ...]:
        """What else than a statement's text and the catalogue plans depend on; the same object until it changes."""
        self._look_at_roles()
        context = self._plan_context
        if context is None:
            get = self.variables.get
            context = self._plan_context = (
                get("search_path"),
                self.user,
                None if self.superuser else object() if self._roles_version < 0 else self._roles_version,
                *(get(name) for name in ("DateStyle", "IntervalStyle", "TimeZone", "bytea_output", "xmloption")),
            )
        return context

    @property
    def plan_token(self) -> object | None:
        """The same object as long as no plan of this session can be outdated; None when that is not known."""
        if self.defining or self.own_connection is not None:
            return None
        definitions, token = self._database.definitions, self._plan_token
        if (
            token is not None
            and token[0] == definitions
            and self._plan_token_of is self._plan_context
            and self.cluster.is_still(self._roles_version)
        ):
            return token
        context = self.plan_context
        if token is None or token[0] != definitions or self._plan_token_of is not context:
            token = self._plan_token = self._database.token(definitions, context)
            self._plan_token_of = context
        return token

    def plan_key(self, text: str, types: tuple[int, ...]) -> tuple[Any, ...]:
        """Under which the plan of a statement is kept."""
        return (text, types, self.catalog.version, self.plan_context)

    def start(self, settings: Mapping[str, str]) -> None:
        """Settings of the startup message.

        Raises:
            SqlError: one cannot be.
        """
        checked = {}
        for name, value in settings.items():
            check = CHECKS.get(name.lower())
            made = value if check is None else check(self, value, False)
            if made is not None:
                checked[name] = made
        self.variables.begin(checked)
        self.apply()

    # Time and chance

    def clock(self) -> int:
        """As `SessionContext`."""
        return now()

    def random(self) -> float:
        """As `SessionContext`."""
        return self._random.random()

    def set_seed(self, seed: float) -> None:
        """As `SessionContext`."""
        self._random.seed(seed)

    # Statements

    def begin_statement(self, text: str) -> None:
        """The client has sent a statement."""
        self.begin_bound(text)
        if self._database.hear is not None:
            self._database.hear(text)

    def begin_bound(self, text: str) -> None:
        """The client has sent a Bind of a statement, perhaps of one that it has prepared long ago."""
        self.statement_time = self.query_started = self.state_changed = now()
        self.query = self.text = text

    def begin_message(self) -> None:
        """The client has sent something: the time of the statement is now."""
        self.statement_time = self.query_started = self.state_changed = now()

    @property
    def state(self) -> str:
        """As pg_stat_activity shows it."""
        protocol = self.protocol
        if protocol.paused:
            return "active"
        status = protocol.status
        return {"I": "idle", "T": "idle in transaction", "E": "idle in transaction (aborted)"}[status]

    @property
    def application_name(self) -> str:
        """As the client has set it."""
        return self.variables.get("application_name")

    @property
    def client_port(self) -> int | None:
        """Of the client."""
        return self.client_address[1] if self.client_address is not None else -1

    def waits(self, kind: str | None, event: str | None) -> None:
        """What it waits for, for pg_stat_activity."""
        self.wait_event_type, self.wait_event = kind, event

    def notice(self, report: Report) -> None:
        """As `SessionContext`."""
        least = self.variables.get("client_min_messages")
        wanted = report.severity == "INFO" or _LEVELS.get(report.severity.lower(), 99) >= _LEVELS.get(least, 7)
        if wanted and len(self.notices) < _MAX_NOTICES:
            self.notices.append(report)

    def warn(self, sqlstate: str, message: str) -> None:
        """Send a warning."""
        self.notice(Report(severity="WARNING", sqlstate=sqlstate, message=message))

    def check_deferred(self, *, ends: bool) -> None:
        """Look at the constraints of the tables that the transaction has changed.

        Args:
            ends: whether it ends; otherwise those that are deferred still may wait.

        Raises:
            SqlError: one does not hold.
        """
        transaction = self.sql.transaction
        if transaction.writing is not None and transaction.written:
            self.catalog.begin(transaction.writing)
            check_transaction(self, transaction.written, ends=ends)

    def take_notices(self) -> tuple[Report, ...]:
        """Those that are to be sent now."""
        notices, self.notices = tuple(self.notices), []
        return notices

    def take_reports(self) -> dict[str, str]:
        """Parameters that clients are told of now."""
        reports, self.reports = self.reports, {}
        return reports

    # Transactions

    def begin_transaction(self) -> None:
        """A transaction begins."""
        self.begin_query()
        self._at_start = (self.variables.save(), self.cluster.save())

    def begin_query(self) -> None:
        """A transaction begins, of which nothing can be undone."""
        self.transaction_time = self.transaction_started = self.statement_time
        self.assigned_transaction_id = None
        # a Settings belongs to one session, and only the time in it ever changes
        object.__setattr__(self.settings, "now", self.transaction_time)

    @property
    def pending(self) -> bool:
        """Whether anything beside the tables waits for the end of the transaction."""
        return bool(
            self._pending
            or self._listens
            or self.after_commit
            or self._transaction_locks
            or self._changed_sequences
            or self.cluster.changed
            or self.variables.unsaved
        )

    def settle(self) -> None:
        """The transaction ends, and there is nothing to do for it."""
        if self._at_start is not None:
            self.variables.merge(self._at_start[0])
            self.cluster.merge(self._at_start[1])
            self._at_start = None
        self.transaction_started = None

    def wrote(self) -> None:
        """The transaction has the turn to write."""

    def before_commit(self) -> None:
        """What has to be written with the transaction.

        Raises:
            SqlError: the cluster was changed by others meanwhile.
        """
        if self.catalog.temporary is not None and self.catalog.temporary.on_commit:
            from ..ddl.temporary import at_commit

            at_commit(self)
        self.constraint_modes = _IMMEDIATE
        if self.sql.transaction.checks:
            self.check_deferred(ends=True)
        store = self._database.sequences
        transaction = self.sql.transaction
        if store.dirty and transaction.writing is not None:
            store.write(transaction.writing, {})

    def commit_cluster(self) -> None:
        """Roles and databases: after the database itself, whose commit may fail."""
        if self.cluster.changed:
            ticket = self.cluster.commit()
            if ticket is not None:
                self.sql.gate_on(ticket)

    def committed(self) -> None:
        """The transaction ended well."""
        if self.defining:
            self._database.definitions += 1
        actions, self.after_commit = self.after_commit, []
        for each in actions:
            each()
        self.variables.commit()
        self._saved.clear()
        if self.variables.changed:
            self.apply()
        self._end_transaction()
        hub = self._database.notifications
        for action, channel in self._listens:
            if action == "listen":
                hub.listen(self.sql, channel, self._notified)
            elif channel:
                hub.unlisten(self.sql, channel)
            else:
                hub.unlisten_all(self.sql)
        self._listens.clear()
        if self._pending:
            pending, self._pending = self._pending, []
            self._pending_size = 0
            for channel, payload in pending:
                hub.notify(self.pid, channel, payload)

    def rolled_back(self) -> None:
        """The transaction was undone."""
        if self._at_start is not None:
            self.variables.restore(self._at_start[0])
            self.cluster.rollback()
            if self.variables.changed:
                self._roles_again()
                self.apply()
        self._saved.clear()
        self._forget_temporary()
        self.after_commit.clear()
        self._pending.clear()
        self._pending_size = 0
        self._listens.clear()
        self._end_transaction()

    def _forget_temporary(self) -> None:
        """What was undone made the temporary schema: there is none any more."""
        if self._made_temporary and self.own_connection is not None:
            connection, self.own_connection = self.own_connection, None
            self.catalog.temporary = None
            self.catalog.changed()
            self._database.disconnect(connection)
            self._database.writers.opened -= 1

    def _roles_again(self) -> None:
        if self.variables.changed & {"role", "session_authorization"}:
            self._become()

    def _end_transaction(self) -> None:
        self.defining = self._made_temporary = False
        self.constraint_modes = _AS_DECLARED
        if self._changed_sequences:
            self.forget_sequences()
        self._at_start = None
        self.transaction_started = None
        self.state_changed = now()
        self.catalog.end()
        if self._transaction_locks:
            locks = self._database.locks
            for key, shared in self._transaction_locks:
                locks.release(self.sql, key, shared=shared)
            self._transaction_locks.clear()

    def savepoint(self) -> None:
        """A savepoint begins."""
        self._saved.append(
            (
                self.variables.save(),
                self.cluster.save(),
                len(self._pending),
                len(self._listens),
                self.constraint_modes,
            )
        )

    def rollback_to(self, number: int) -> None:
        """Undo up to a savepoint, which stays."""
        variables, cluster, pending, listens, self.constraint_modes = self._saved[number]
        self.variables.restore(variables, keep=True)
        self.cluster.restore(cluster, keep=True)
        del self._pending[pending:]
        del self._listens[listens:]
        del self._saved[number + 1 :]
        self.catalog.changed()
        self._roles_again()
        self.apply()

    def release_to(self, number: int) -> None:
        """A savepoint and those behind it ended well."""
        variables, cluster, *_ = self._saved[number]
        self.variables.merge(variables)
        self.cluster.merge(cluster)
        del self._saved[number:]

    def end(self) -> None:
        """The session is over."""
        self._database.notifications.unlisten_all(self.sql)
        self._database.locks.release_all(self.sql)
        if self.own_connection is not None:
            self._database.disconnect(self.own_connection)
            self.own_connection = None

    # What statements that define objects need: `ddl.Surroundings`

    def execute(self, query: Query, values: Sequence[Any] = ()) -> int:
        """Run an analysed statement to its end; gives the number of rows that it changed."""
        cursor = self.sql.lower(query, ()).open(self, values)
        try:
            for _ in cursor.rows():
                pass
            return max(0, cursor.affected)
        finally:
            cursor.close()

    def rows(self, query: Query, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        """Run an analysed query; gives all its rows, in storage forms."""
        cursor = self.sql.lower(query, ()).open(self, values)
        try:
            return list(cursor.rows())
        finally:
            cursor.close()

    def make_temporary(self) -> None:
        """The session gets its temporary schema, and keeps the connection that it is in."""
        if self.own_connection is None:
            from ..ddl.temporary import create_schema

            self.own_connection = self.sql.transaction.keep_writer()
            self._made_temporary = True
            self.catalog.temporary = TemporarySchema(self.pid)
            create_schema(self)

    def sequence_changed(self, oid: int) -> None:
        """A sequence was made, altered or dropped: what is on disk counts; so it does if that is undone."""
        self._database.sequences.forget(oid)
        self._changed_sequences.add(oid)

    def forget_sequences(self) -> None:
        """What the transaction did to definitions of sequences is done, or undone: the file tells their counters."""
        for oid in self._changed_sequences:
            self._database.sequences.forget(oid)
        self._changed_sequences.clear()

    def create_database(self, name: str, oid: int, template: str) -> None:
        """Make the file of a new database; in a thread.

        Raises:
            SqlError: 55006, the template is being used.
        """
        self._control_database("create", name, template)

    def drop_database(self, name: str, oid: int, force: bool) -> None:
        """Remove the file of a database, once that is committed; in a thread.

        Raises:
            SqlError: 55006, sessions are using it.
        """
        self._control_database("drop", name, "force" if force else "")
        self.after_commit.append(lambda: self._control_database("dropped", name, ""))

    # Temporary tables

    @property
    def has_temporary(self) -> bool:
        """Whether the session has temporary tables, and so a connection of its own."""
        return self.own_connection is not None

    def drop_temporary(self) -> None:
        """DISCARD TEMP."""
        if self.own_connection is not None and self.catalog.temporary is not None:
            from ..ddl.temporary import discard

            discard(self)

    # Cursors that outlive their transaction

    def holds(self, portal: Portal) -> bool:
        """Whether a portal is WITH HOLD."""
        return any(each.handle is portal and each.holdable for each in self.names.portals.values())

    def row_is_taken(self, table: str, number: int) -> bool:
        """Whether another transaction has locked a row; see `sql.lower.locking`."""
        return self._database.marks.taken(self.sql, (table, number))

    def current_row(self, cursor: str, oid: int) -> int:
        """The number of the row of a table that a cursor stands on: execCurrentOf() of PostgreSQL's executor.

        Raises:
            SqlError: 34000, 24000.
        """
        found = self.names.portals.get(cursor)
        if found is None:
            raise SqlError("34000", f'cursor "{cursor}" does not exist')
        portal = found.handle
        if not isinstance(portal, Portal) or not portal.declared:
            raise SqlError("24000", f'cursor "{cursor}" is not a SELECT query')
        relation = self.catalog.relation_by_oid(oid)
        name = relation.name if relation is not None else str(oid)
        try:
            number = portal.current(oid)
        except LookupError:
            message = f'cursor "{cursor}" is not a simply updatable scan of table "{name}"'
            raise SqlError("24000", message) from None
        if number is None:
            raise SqlError("24000", f'cursor "{cursor}" is not positioned on a row')
        return number

    @property
    def names(self) -> Names:
        """Statements and portals of the session."""
        return self.protocol.names

    # Notifications

    def notify(self, channel: str, payload: str) -> None:
        """As `SessionContext`."""
        notifications.check(channel, payload)
        if (channel, payload) in self._pending[-64:]:  # those that are equal are sent once
            return
        self._pending_size += len(channel) + len(payload) + 64
        if self._pending_size > _MAX_PENDING:
            raise SqlError("53400", "too many notifications in the NOTIFY queue")
        self._pending.append((channel, payload))

    def listen(self, channel: str) -> None:
        """LISTEN, from the commit on."""
        if len(self.listening()) + len(self._listens) >= notifications.MAX_CHANNELS:
            raise SqlError("53400", "too many channels are listened to")
        self._listens.append(("listen", channel))

    def unlisten(self, channel: str) -> None:
        """UNLISTEN, from the commit on; "" is all."""
        self._listens.append(("unlisten", channel))

    def listening(self) -> Sequence[str]:
        """As `SessionContext`."""
        return self._database.notifications.channels(self.sql)

    def _notified(self, process_id: int, channel: str, payload: str) -> None:
        self.sql.notified(process_id, channel, payload)

    # What system views show of the session

    @property
    def transaction_id(self) -> int:
        """As `SessionContext`: a number of the transaction, given when it is first asked for."""
        number = self.assigned_transaction_id
        if number is None:
            number = self.assigned_transaction_id = self._database.new_transaction_id()
        return number

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol.secure

    def blockers(self, pid: int) -> Sequence[int]:
        """As `SessionContext`."""
        queue = self._database.queue
        owner = queue.owner
        waiting = [each for each in self._database.sessions if each.surroundings.pid == pid and queue.waits(each)]
        found = [owner.surroundings.pid] if waiting and isinstance(owner, type(self.sql)) else []
        for each in self._database.sessions:
            if each.surroundings.pid == pid:
                holders: set[Any] = self._database.marks.waits_for(each)
                found += [holder.surroundings.pid for holder in holders]
        return found

    def advisory_locks(self) -> Iterable[tuple[tuple[int, ...], bool, int]]:
        """As `SessionContext`."""
        held: list[tuple[tuple[int, ...], bool, Any]] = list(self._database.locks.all())
        return [(key, shared, holder.surroundings.pid) for key, shared, holder in held]

    def prepared_statements(self) -> Iterable[tuple[Any, ...]]:
        """As `SessionContext`."""
        for prepared in list(self.names.statements.values()):
            if prepared.name and prepared.statement is not None:
                compiled: Any = prepared.statement.handle
                types = json.dumps(list(prepared.parameter_types))
                yield prepared.name, compiled.source, compiled.made, types, int(compiled.by_sql), 0, 0

    def cursors(self) -> Iterable[tuple[Any, ...]]:
        """As `SessionContext`."""
        for named in list(self.names.portals.values()):
            handle: Any = named.handle
            if named.name and handle is not None:
                binary = int(bool(handle.formats) and set(handle.formats) == {1})
                scroll = int(handle.scroll is True)
                yield named.name, handle.text, int(named.holdable), binary, scroll, handle.made

    # Other sessions

    def backends(self) -> Sequence[Any]:
        """As `SessionContext`."""
        return self._backends()

    def cancel(self, pid: int) -> bool:
        """As `SessionContext`."""
        return self._control(pid, "cancel")

    def terminate(self, pid: int) -> bool:
        """As `SessionContext`."""
        return self._control(pid, "terminate")

    def sleep(self, seconds: float) -> None:
        """As `SessionContext`."""
        until = time.monotonic() + max(0.0, seconds)
        while (left := until - time.monotonic()) > 0:
            self._asleep.clear()
            self.check_cancelled()
            self._asleep.wait(min(left, 3600.0))
        self.check_cancelled()

    def wake(self) -> None:
        """Whatever waits in a thread looks at once whether it is cancelled."""
        self._asleep.set()

    def check_cancelled(self) -> None:
        """As `SessionContext`."""
        error = self.sql.cancelled
        if error is not None:
            raise error

    # Advisory locks

    def advisory_lock(self, key: tuple[int, ...], *, shared: bool, transaction: bool, wait: bool) -> bool:
        """As `SessionContext`."""
        seconds = self.lock_timeout
        until = time.monotonic() + seconds

        def late() -> bool:
            return bool(seconds) and time.monotonic() >= until

        taken = self._database.locks.take(
            self.sql, key, shared=shared, wait=wait, check=self.check_cancelled, deadline=late
        )
        if taken and transaction:
            self._transaction_locks.append((key, shared))
        return taken

    def advisory_unlock(self, key: tuple[int, ...] | None, *, shared: bool) -> bool:
        """As `SessionContext`."""
        locks = self._database.locks
        if key is None:
            for each, sharing in locks.held(self.sql):
                kept = self._transaction_locks.count((each, sharing))
                while len([1 for held in locks.held(self.sql) if held == (each, sharing)]) and not kept:
                    if not locks.release(self.sql, each, shared=sharing):
                        break
            return True
        if locks.release(self.sql, key, shared=shared):
            return True
        kind = "ShareLock" if shared else "ExclusiveLock"
        self.notice(Report(severity="WARNING", sqlstate="01000", message=f"you don't own a lock of type {kind}"))
        return False


_FORMS = {"datestyle", "intervalstyle", "timezone", "extra_float_digits", "bytea_output"}
_TIMEOUTS = {"statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"}
