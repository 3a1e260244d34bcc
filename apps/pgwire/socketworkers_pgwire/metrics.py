"""The metrics of a server: what its sessions count, and how many sessions there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from .session import Tally

if TYPE_CHECKING:
    from socketworkers.telemetry import Telemetry

    from .worker import Link

__all__ = ["COMMANDS", "SQLSTATE_CLASSES", "Metrics"]

#: class of a command, by the first word of its tag; all others are ``other``
COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{word: word.lower() for word in ("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "EXPLAIN")},
        **dict.fromkeys(("CREATE", "ALTER", "DROP", "TRUNCATE", "COMMENT", "GRANT", "REVOKE"), "ddl"),
        **dict.fromkeys(("BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"), "transaction"),
        **dict.fromkeys(("SET", "RESET", "SHOW", "DISCARD"), "setting"),
        **dict.fromkeys(("DECLARE", "FETCH", "MOVE", "CLOSE"), "cursor"),
        **dict.fromkeys(("LISTEN", "UNLISTEN", "NOTIFY"), "notify"),
    }
)
#: first two characters of the SQLSTATEs that clients may be told (PostgreSQL 15 documentation, appendix A)
SQLSTATE_CLASSES: Final = (
    "08", "0A", "0L", "21", "22", "23", "24", "25", "26", "28", "2B", "34", "3B", "3D", "3F", "40", "42", "53", "54",
    "55", "57", "58", "XX",
)  # fmt: skip


class Metrics(Tally):
    """Counts for all sessions of a server.

    Args:
        telemetry: of the server.
        links: its sessions at the moment.
    """

    __slots__ = ("_committed", "_errors", "_rolled_back", "_rows", "_statements")

    def __init__(self, telemetry: Telemetry, links: Callable[[], Iterable[Link]]) -> None:
        classes = dict.fromkeys(COMMANDS.values())
        statements = telemetry.counters(
            "pg_statements_total", "Statements that ended well, by the class of their command.", "command", classes
        )
        self._statements = {word: statements[kind] for word, kind in COMMANDS.items()}
        self._statements[""] = statements["other"]
        self._errors = telemetry.counters(
            "pg_errors_total", "Errors that clients were told, by the class of SQLSTATE.", "sqlstate", SQLSTATE_CLASSES
        )
        outcomes = telemetry.counters(
            "pg_transactions_total", "Transactions that ended.", "outcome", ("committed", "rolled_back")
        )
        self._committed, self._rolled_back = outcomes["committed"], outcomes["rolled_back"]
        self._rows = telemetry.counter("pg_rows_sent_total", "Rows sent to clients, by COPY as well.")
        telemetry.gauge("pg_sessions", "Sessions that have logged in.", lambda: float(sum(1 for _ in links())))
        telemetry.gauge(
            "pg_sessions_active",
            "Sessions that have a statement running, or waiting.",
            lambda: float(sum(link.session.paused for link in links())),
        )
        telemetry.gauge(
            "pg_sessions_in_transaction",
            "Sessions that are idle within a transaction block.",
            lambda: float(sum(not link.session.paused and link.session.status != "I" for link in links())),
        )

    def completed(self, tag: str) -> None:
        """As `Tally`."""
        statements = self._statements
        (statements.get(tag.partition(" ")[0]) or statements[""]).value += 1

    def failed(self, sqlstate: str) -> None:
        """As `Tally`."""
        self._errors[sqlstate[:2]].value += 1

    def committed(self) -> None:
        """As `Tally`."""
        self._committed.value += 1

    def rolled_back(self) -> None:
        """As `Tally`."""
        self._rolled_back.value += 1

    def sent(self, rows: int) -> None:
        """As `Tally`."""
        self._rows.value += rows
