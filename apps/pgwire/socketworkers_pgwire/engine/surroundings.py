"""What a session's statements and functions see around them: `functions.Execution` and `functions.SessionContext`.

It also keeps what goes with a transaction beside the tables: run-time parameters, the cluster's rows, notifications,
the catalogue's caches, counters of sequences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..catalog.temporary import TemporarySchema
from ..codec import Report
from ..errors import SqlError
from ..sql.execute.constraints import check_transaction
from .neighbours import Neighbours
from .portal import Portal
from .surroundings_core import AS_DECLARED, now

if TYPE_CHECKING:
    from ..sql.nodes import Query

__all__ = ["Surroundings", "now"]

_IMMEDIATE: Mapping[int, bool] = MappingProxyType({0: False})


class Surroundings(Neighbours):
    """See the module, and `SurroundingsCore` for the arguments."""

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
        self.constraint_modes = AS_DECLARED
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

    # Rows and cursors

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
