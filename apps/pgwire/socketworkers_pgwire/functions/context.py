"""What functions and plans see of the session and the server around them. Interfaces; the engine implements them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..catalog import Catalog
from ..codec import Report
from ..types import Settings

if TYPE_CHECKING:
    import apsw

__all__ = ["Backend", "Execution", "Sequences", "SessionContext"]


class Sequences(Protocol):
    """Sequences, whose counters belong to the process (pgwire: they never roll back)."""

    def nextval(self, oid: int, *, checked: bool = True) -> int:
        """The next value.

        Args:
            oid: of the sequence.
            checked: whether the user needs a privilege for it.

        Raises:
            SqlError: 2200H the sequence is at its end; 55000, 42P01; 42501.
        """

    def currval(self, oid: int) -> int:
        """The value that this session got last.

        Raises:
            SqlError: 55000 it has got none yet.
        """

    def lastval(self) -> int:
        """The value that this session got last of any sequence.

        Raises:
            SqlError: 55000 it has got none yet.
        """

    def setval(self, oid: int, value: int, called: bool) -> int:
        """Set it; gives `value`.

        Raises:
            SqlError: 22003 out of its bounds.
        """

    def state(self, oid: int) -> tuple[int, int, bool]:
        """last_value, log_cnt, is_called: the row of the sequence as a relation."""


class Backend(Protocol):
    """One session of the server, as pg_stat_activity shows it. Times are microseconds since 2000 or None."""

    pid: int
    database: str
    database_oid: int
    user: str
    user_oid: int
    application_name: str
    client_address: tuple[str, int] | None
    client_port: int | None
    secure: bool
    started: int
    transaction_started: int | None
    query_started: int | None
    state_changed: int
    state: str
    query: str
    wait_event_type: str | None
    wait_event: str | None


class SessionContext(Protocol):
    """The session in which a statement runs."""

    @property
    def pid(self) -> int:
        """Process id."""

    @property
    def database(self) -> str:
        """Name of the database."""

    @property
    def database_oid(self) -> int:
        """OID of the database."""

    @property
    def user(self) -> str:
        """Current user."""

    @property
    def session_user(self) -> str:
        """Who has logged in."""

    @property
    def user_oid(self) -> int:
        """OID of the current user."""

    @property
    def superuser(self) -> bool:
        """Whether the current user is one."""

    @property
    def transaction_time(self) -> int:
        """now(): start of the transaction, microseconds since 2000."""

    @property
    def statement_time(self) -> int:
        """statement_timestamp()."""

    @property
    def transaction_id(self) -> int:
        """txid_current()."""

    @property
    def sequences(self) -> Sequences:
        """Counters."""

    @property
    def client_address(self) -> tuple[str, int] | None:
        """Address and port of the client; None for a Unix socket."""

    @property
    def server_address(self) -> tuple[str, int] | None:
        """Address and port that the client came to."""

    @property
    def isolation(self) -> str:
        """``read committed``, …"""

    @property
    def query(self) -> str:
        """current_query()."""

    @property
    def server_started(self) -> int:
        """pg_postmaster_start_time()."""

    @property
    def assigned_transaction_id(self) -> int | None:
        """txid_current_if_assigned()."""

    def blockers(self, pid: int) -> Sequence[int]:
        """pg_blocking_pids(): of the sessions that a session waits for."""

    def advisory_locks(self) -> Iterable[tuple[tuple[int, ...], bool, int]]:
        """All of the database: key, whether it is shared, process id of the holder."""

    def prepared_statements(self) -> Iterable[tuple[Any, ...]]:
        """Rows of pg_prepared_statements."""

    def cursors(self) -> Iterable[tuple[Any, ...]]:
        """Rows of pg_cursors."""

    def clock(self) -> int:
        """clock_timestamp()."""

    def random(self) -> float:
        """random(), of the session's generator."""

    def set_seed(self, seed: float) -> None:
        """setseed()."""

    def setting(self, name: str, missing_ok: bool = False) -> str | None:
        """current_setting().

        Raises:
            SqlError: 42704 there is none.
        """

    def set_setting(self, name: str, value: str, local: bool) -> str:
        """set_config(); gives the new value.

        Raises:
            SqlError: 42704, 22023, 55P02.
        """

    def setting_rows(self) -> Iterable[tuple[Any, ...]]:
        """Rows of pg_settings."""

    def notice(self, report: Report) -> None:
        """Send a notice or warning with the answer to the running statement."""

    def notify(self, channel: str, payload: str) -> None:
        """pg_notify(): at commit."""

    def listening(self) -> Sequence[str]:
        """pg_listening_channels()."""

    def backends(self) -> Sequence[Backend]:
        """All sessions of the server."""

    def cancel(self, pid: int) -> bool:
        """pg_cancel_backend()."""

    def terminate(self, pid: int) -> bool:
        """pg_terminate_backend()."""

    def sleep(self, seconds: float) -> None:
        """pg_sleep(); only called off the loop, ends early when the statement is cancelled.

        Raises:
            SqlError: 57014.
        """

    def check_cancelled(self) -> None:
        """For functions that compute for long.

        Raises:
            SqlError: 57014.
        """

    def advisory_lock(self, key: tuple[int, ...], *, shared: bool, transaction: bool, wait: bool) -> bool:
        """pg_advisory_lock() and its like; False when it was not had without waiting."""

    def advisory_unlock(self, key: tuple[int, ...] | None, *, shared: bool) -> bool:
        """pg_advisory_unlock(); all locks of the session with None."""


class Execution(Protocol):
    """One statement while it runs."""

    @property
    def connection(self) -> apsw.Connection:
        """That of the session's transaction: the writer, or a reader."""

    @property
    def settings(self) -> Settings:
        """For the text forms of values."""

    @property
    def session(self) -> SessionContext:
        """The session."""

    @property
    def catalog(self) -> Catalog:
        """As the session sees it."""
