"""What `Surroundings` stands on: its fields, its run-time parameters, what plans depend on, time and chance.

It is one object in layers, each a file: `SurroundingsCore`, `Neighbours` (other sessions, and what they see of this
one), and `Surroundings`, which has statements and transactions.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import apsw

from ..authorization import Authorization
from ..catalog.regnames import RegNames
from ..catalog.session import SessionCatalog
from ..cluster import Cluster, ClusterView
from ..codec import Report
from ..types import Settings, find_zone
from .checks import CHECKS
from .connections import Handle
from .database import Database
from .session_sequences import SessionSequences
from .variables import Variables, split_list

if TYPE_CHECKING:
    from ..session import Names, Session
    from .session import SqlSession
    from .surroundings import Surroundings

__all__ = ["AS_DECLARED", "SurroundingsCore", "now"]

#: seconds between 1970-01-01 and 2000-01-01
EPOCH = 946_684_800
_MICROSECOND = 1_000_000
AS_DECLARED: Mapping[int, bool] = MappingProxyType({})

_LEVELS = {
    name: number
    for number, name in enumerate(
        ("debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"), 1
    )
}
_MAX_NOTICES = 1000


def now() -> int:
    """Microseconds since 2000-01-01 00:00 UTC."""
    return int((time.time() - EPOCH) * _MICROSECOND)


class SurroundingsCore:
    """Fields and parameters.

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
        self.sequences = SessionSequences(cast("Surroundings", self), database)
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
        self.constraint_modes: Mapping[int, bool] = AS_DECLARED
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
        return cast("Surroundings", self)

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
            value = check(cast("Surroundings", self), value, local)
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
    def definitions(self) -> int:
        """How often the catalogue of the database has changed."""
        return self._database.definitions

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
            made = value if check is None else check(cast("Surroundings", self), value, False)
            if made is not None:
                checked[name] = made
        self.variables.begin(checked)
        self.apply()

    # Messages, names

    def notice(self, report: Report) -> None:
        """As `SessionContext`."""
        least = self.variables.get("client_min_messages")
        wanted = report.severity == "INFO" or _LEVELS.get(report.severity.lower(), 99) >= _LEVELS.get(least, 7)
        if wanted and len(self.notices) < _MAX_NOTICES:
            self.notices.append(report)

    def warn(self, sqlstate: str, message: str) -> None:
        """Send a warning."""
        self.notice(Report(severity="WARNING", sqlstate=sqlstate, message=message))

    @property
    def names(self) -> Names:
        """Statements and portals of the session."""
        return self.protocol.names

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


_FORMS = {"datestyle", "intervalstyle", "timezone", "extra_float_digits", "bytea_output"}
_TIMEOUTS = {"statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"}
