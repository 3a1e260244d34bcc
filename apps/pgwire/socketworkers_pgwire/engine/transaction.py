"""The transaction of one session, on SQLite's: snapshots for reading, one turn to write, savepoints.

READ COMMITTED reads each statement from the last commit, on any connection; REPEATABLE READ and SERIALIZABLE keep one
reader's snapshot. The first change takes the database's turn to write and holds it to the end. A snapshot that others
have overtaken cannot write (40001): so serializable transactions behave as if they ran one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import apsw

from socketworkers import faults

from ..errors import SqlError
from .connections import Handle
from .log import MOST, StatementLog

if TYPE_CHECKING:
    from ..sql.plan import Plan
    from .session import SqlSession

__all__ = ["Transaction"]

_SNAPSHOT = ("repeatable read", "serializable")


class Transaction:
    """See the module. Begins by itself; ends with `commit` or `rollback`."""

    __slots__ = (
        "_block",
        "_carried",
        "_changed",
        "_modes",
        "_places",
        "_reader",
        "_savepoints",
        "_session",
        "_snapshot",
        "_statements",
        "_touched",
        "_writer",
        "acted",
        "checks",
        "deferrable",
        "isolation",
        "locked",
        "log",
        "queried",
        "read_only",
        "written",
    )

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._block = False
        self._touched = False
        self._writer: Handle | None = None
        self._reader: Handle | None = None
        self._snapshot = 0
        self._changed = False
        self._statements = 0  # that asked for the writing connection
        self._savepoints: list[str] = []
        self.written: set[int] = set()
        """OIDs of the tables that were changed."""
        self.checks = False
        """Whether constraints of these may wait for the end."""
        self.log = StatementLog()
        """Writes that will be carried out at the commit."""
        self._carried: StatementLog | None = None
        """The log that was carried out when the turn to write was taken."""
        self._places: list[int] = []  # how long the log was at each savepoint
        self._modes: list[bool] = []  # whether it only read at each savepoint
        self.isolation = "read committed"
        self.read_only = False
        self.deferrable = False
        self.locked = False
        """Whether it has marked rows by FOR UPDATE: what it has read of them must stay true."""
        self.queried = False
        """Whether a statement has looked at data: the modes are fixed then."""
        self.acted = False
        """Whether a statement that is carried out in Python has run: it may have changed SQLite's schema."""

    @property
    def block(self) -> bool:
        """Between BEGIN and its end."""
        return self._block

    @property
    def fresh(self) -> bool:
        """Whether nothing would be lost if all were undone and begun anew."""
        return not self._block and not self._changed

    def settle(self) -> bool:
        """End an implicit transaction that has nothing to commit or to let go of; whether it was one."""
        session = self._session
        if (
            self._block
            or self._writer is not None
            or self._reader is not None
            or session.portals
            or session.surroundings.pending
            or session.database.marks.holds(session)
        ):
            return False
        self._touched = self._changed = self.queried = False
        session.surroundings.settle()
        return True

    @property
    def idle(self) -> bool:
        """Whether there is no transaction, or one that has begun by itself and done nothing."""
        return (
            not self._block
            and not self._changed
            and self._writer is None
            and self._reader is None
            and not (self._touched and self._session.surroundings.pending)
        )

    @property
    def resting(self) -> bool:
        """Whether there is no transaction, and nothing is left of the last one."""
        return not (self._touched or self._block or self._changed) and self._writer is None and self._reader is None

    def begin_query(self) -> None:
        """A transaction begins that is one query, which changes nothing; `end_query` follows, or `touch`."""
        if not self._touched:
            surroundings = self._session.surroundings
            surroundings.begin_query()
            self.isolation, self.read_only, self.deferrable = surroundings.default_modes

    def end_query(self) -> None:
        """The query was run, and so the transaction is over."""
        self._session.surroundings.transaction_started = None
        if self._touched:
            self.settle()

    def touch(self) -> None:
        """A statement begins: the transaction does, if there is none."""
        if not self._touched:
            self._touched = True
            surroundings = self._session.surroundings
            surroundings.begin_transaction()
            self.isolation, self.read_only, self.deferrable = surroundings.default_modes

    @property
    def alone(self) -> bool:
        """Whether the statement that has just run is all that the transaction has written."""
        return not self._savepoints and self._statements == 1

    def holds_for_nothing(self, plan: Plan) -> bool:
        """Whether the turn was taken for a query alone that was to lock rows, and found none."""
        return (
            self._block
            and self._writer is not None
            and self._writer is not self._session.surroundings.own_connection
            and self.isolation == "read committed"
            and plan.locks
            and not plan.volatile
            and not plan.written
            and self.alone
            and not self._session.portals
        )

    def give_up_turn(self) -> None:
        """Undo the one statement that was run, and let others write; what was in the log is there again."""
        session = self._session
        writer, self._writer = self._writer, None
        assert writer is not None
        if writer.apsw.in_transaction:
            writer.apsw.execute("rollback")
        self._return(writer)
        self._changed = self.checks = False
        self._statements = 0
        self.written = set()
        if self._carried is not None:
            self.log, self._carried = self._carried, None
        session.database.queue.leave(session)

    @property
    def level(self) -> int:
        """How many savepoints are open."""
        return len(self._savepoints)

    @property
    def handle(self) -> Handle | None:
        """The connection that writes, once it does; not that of a session with temporary tables."""
        writer = self._writer
        return None if writer is self._session.surroundings.own_connection else writer

    @property
    def writing(self) -> apsw.Connection | None:
        """The connection that writes, once it does."""
        return None if self._writer is None else self._writer.apsw

    # The log

    def logs(self, plan: Plan) -> bool:
        """Whether a write goes to the log instead of taking the turn for the rest of the transaction."""
        surroundings = self._session.surroundings
        return (
            self._block
            and self._writer is None
            and not (surroundings.protocol.whole and not self.log and not self._session.database.marks)
            and self.isolation == "read committed"
            and not surroundings.defining
            and surroundings.own_connection is None
            and len(self.log) < MOST
            and plan.traits is not None
            and plan.traits.loggable
        )

    def locks_rows(self, plan: Plan) -> bool:
        """Whether a query that locks rows marks them, instead of taking the turn for the rest of the transaction."""
        surroundings = self._session.surroundings
        return (
            self._reader is None
            and self.isolation == "read committed"
            and not surroundings.defining
            and surroundings.own_connection is None
            and not surroundings.protocol.whole
            and (self.log.tables.isdisjoint(plan.relations) or plan.short)
        )

    @property
    def logging(self) -> bool:
        """Whether a block is open that reads what was committed last, and whose writes go to the log."""
        surroundings = self._session.surroundings
        return (
            self._block
            and self._writer is None
            and self._reader is None
            and self.isolation == "read committed"
            and not surroundings.protocol.whole
            and len(self.log) < MOST
        )

    def reads_own(self, plan: Plan) -> bool:
        """Whether a query reads what only the log has."""
        return self._writer is None and not self.log.tables.isdisjoint(plan.relations)

    # Connections

    def check_writable(self, what: str) -> None:
        """Raises:
        SqlError: 25006, the transaction only reads.
        """
        if self.read_only:
            raise SqlError("25006", f"cannot execute {what.partition(' ')[0]} in a read-only transaction")

    def take_turn(self) -> bool:
        """Have the turn to write; False when others have it."""
        self.touch()
        return self._session.database.queue.take(self._session)

    def writer(self) -> Handle:
        """The writing connection, with its transaction open. It is our turn.

        Raises:
            SqlError: 40001, another transaction has written since our snapshot was taken.
        """
        session = self._session
        if self._writer is None:
            database = session.database
            if self._reader is not None and self._snapshot != database.commits:
                database.queue.leave(session)
                raise SqlError("40001", "could not serialize access due to concurrent update")
            own = session.surroundings.own_connection
            taken = None if own is not None or self._reader is not None else database.rehearsal.take()
            writer = taken or own or database.writers.borrow()
            assert writer is not None
            try:
                if writer is self._reader:  # nobody has written since its snapshot was taken
                    for portal in session.portals:
                        portal.materialize()
                    writer.apsw.execute("rollback")
                    self._reader = None
                if taken is None:
                    database.begin_writing()
                    writer.apsw.execute("begin immediate")
                else:
                    database.glance.end()
                self._carry_out(writer)
            except BaseException:
                if writer.apsw.in_transaction:
                    writer.apsw.execute("rollback")
                self._return(writer)
                database.queue.leave(session)
                raise
            self._writer = writer
            session.surroundings.wrote()
        self._changed = True
        self._statements += 1
        return self._writer

    def _carry_out(self, writer: Handle) -> None:
        """Bring a writing connection to where the transaction is: its log, and its savepoints.

        Raises:
            SqlError: as `StatementLog.replay`.
        """
        surroundings = self._session.surroundings
        log, start = self.log, 0
        if log:
            writer.give_to(surroundings)
        for number, place in enumerate(self._places):
            log.replay(surroundings, start, place)
            writer.apsw.execute(f"savepoint s{number}")
            start = place
        if log:
            log.replay(surroundings, start)
            for entry in log.entries:
                self.writes(entry.plan)
            self.log, self._carried = StatementLog(), log

    def writes(self, plan: Plan) -> None:
        """A plan changes its tables."""
        self.written |= plan.written
        if plan.traits is None or plan.traits.waits:
            self.checks = True

    def restart(self) -> None:
        """SQLite has undone the transaction with a statement it stopped: begin anew. Only when `fresh` was true."""
        assert self._writer is not None
        if self._writer.apsw.in_transaction:
            self._writer.apsw.execute("rollback")
        self._session.database.begin_writing()
        self._writer.apsw.execute("begin immediate")

    def reader(self, *, pinned: bool = False) -> Handle:
        """A connection for a statement that only reads.

        Args:
            pinned: whether what it sees is fixed now, not when it is first read.

        Raises:
            SqlError: 53300, too many statements run.
        """
        self.touch()
        if self._writer is not None:
            return self._writer
        if self._reader is not None:
            return self._reader
        session = self._session
        own = session.surroundings.own_connection
        if own is not None and not (self._block and self.isolation in _SNAPSHOT):
            return own
        database = session.database
        handle = own or database.readers.borrow()
        if handle is None:
            raise SqlError("53300", "too many statements read at the same time")
        if self._block and self.isolation in _SNAPSHOT:
            handle.apsw.execute("begin")
            handle.apsw.execute("select 1 from sqlite_schema").fetchall()  # the snapshot is taken now
            self._reader = handle
            self._snapshot = database.commits
        elif pinned:
            handle.apsw.execute("begin")
            handle.apsw.execute("select 1 from sqlite_schema").fetchall()
        return handle

    def give_back(self, handle: Handle) -> None:
        """A statement is done with its connection."""
        session = self._session
        if handle is self._writer or handle is self._reader or handle is session.surroundings.own_connection:
            return
        if handle.writes:
            return  # its transaction has ended already
        for portal in session.portals:
            if portal.handle is handle:
                return
        if handle.apsw.in_transaction:
            handle.apsw.execute("rollback")
        session.database.readers.give_back(handle)

    def _return(self, writer: Handle) -> None:
        """A writing connection is not used any more, unless it is the session's own."""
        session = self._session
        if writer is not session.surroundings.own_connection:
            session.database.writers.give_back(writer)

    def keep_writer(self) -> Handle:
        """The writing connection becomes the session's own: it gets temporary tables."""
        assert self._writer is not None
        return self._writer

    # Ends

    def begin(self, options: object) -> None:
        """A block begins; what was done already belongs to it."""
        self.touch()
        self._block = True
        if isinstance(options, Mapping):
            self.set_modes(options)

    def set_modes(self, modes: Mapping[str, Any]) -> None:
        """SET TRANSACTION, or the modes of BEGIN.

        Raises:
            SqlError: 25001, a query has run already.
        """
        isolation = modes.get("isolation")
        if isolation is not None and isolation != self.isolation:
            if self.queried:
                raise SqlError("25001", "SET TRANSACTION ISOLATION LEVEL must be called before any query")
            self.isolation = isolation
        read_only = modes.get("read_only")
        if read_only is not None:
            if not read_only and self.read_only and self.queried:
                raise SqlError("25001", "transaction read-write mode must be set before any query")
            self.read_only = read_only
        deferrable = modes.get("deferrable")
        if deferrable is not None and deferrable != self.deferrable:
            if self.queried:
                raise SqlError("25001", "SET TRANSACTION [NOT] DEFERRABLE must be called before any query")
            self.deferrable = deferrable

    def begin_again(self, isolation: str, read_only: bool, deferrable: bool) -> None:
        """AND CHAIN: a block with these modes."""
        self.touch()
        self._block = True
        self.isolation, self.read_only, self.deferrable = isolation, read_only, deferrable

    def commit(self) -> None:
        """Commit; the session's gate waits for the sync.

        Raises:
            SqlError: a deferred constraint does not hold: all is undone then.
        """
        session = self._session
        database = session.database
        try:
            if self.log:
                self.writer().give_to(session.surroundings)
            session.surroundings.before_commit()
            if session.portals:
                self.close_portals(keep_held=True)
            if self._writer is not None:
                writer = self._writer
                faults.point("pgwire.before_commit")
                writer.apsw.execute("commit")
                faults.point("pgwire.after_commit")
        except BaseException:
            self.rollback()
            raise
        if self._writer is not None:
            ticket = database.committed()
            self._return(self._writer)
            self._writer = None
            if ticket is not None and session.surroundings.synchronous_commit:
                session.gate = ticket
        try:
            session.surroundings.commit_cluster()
        finally:
            database.queue.leave(session)
            self._end()
        session.surroundings.committed()

    def rollback(self) -> None:
        """Undo all."""
        session = self._session
        self.close_portals(keep_held=False)
        writer, self._writer = self._writer, None
        if writer is not None:
            if writer.apsw.in_transaction:
                writer.apsw.execute("rollback")
            self._reread_schema(writer)
            session.surroundings.forget_sequences()
            session.database.persist_sequences(writer, rolled_back=True)
            self._return(writer)
        session.database.queue.leave(session)
        self._end()
        session.surroundings.rolled_back()

    def abort(self) -> None:
        """A statement of the block failed: undo up to the last savepoint, or all; the block goes on."""
        if not self._savepoints:
            block = self._block
            modes = (self.isolation, self.read_only, self.deferrable)
            self.rollback()
            self._touched = self._block = block
            self.isolation, self.read_only, self.deferrable = modes
            return
        self._close_undeclared()
        self._undo_to(len(self._savepoints) - 1)

    def _close_undeclared(self) -> None:
        """Let go of what runs but for cursors: those that are undone the protocol's side releases."""
        session = self._session
        for portal in list(session.portals):
            if not portal.declared:
                session.finish(portal)

    def close_portals(self, *, keep_held: bool) -> None:
        """Let go of all that runs.

        Args:
            keep_held: whether the rows of cursors WITH HOLD are kept.
        """
        session = self._session
        for portal in list(session.portals):
            if keep_held and session.surroundings.holds(portal):
                portal.materialize()
            session.finish(portal)

    def _end(self) -> None:
        reader, self._reader = self._reader, None
        session = self._session
        if reader is not None:
            if reader.apsw.in_transaction:
                reader.apsw.execute("rollback")
            if reader is not session.surroundings.own_connection:
                session.database.readers.give_back(reader)
        self._block = self._touched = self._changed = self.queried = self.checks = self.acted = self.locked = False
        self._savepoints = []
        self.written = set()
        self._statements = 0
        self.read_only = self.deferrable = False
        if self.log:
            self.log = StatementLog()
        self._carried = None
        self._places = []
        self._modes = []
        self._session.database.marks.release(self._session)
        self.isolation = "read committed"

    # Savepoints

    def savepoint(self, name: str) -> None:
        """A savepoint begins."""
        self.touch()
        if self._writer is not None:
            self._writer.apsw.execute(f"savepoint s{len(self._savepoints)}")
        self._savepoints.append(name)
        self._places.append(len(self.log))
        self._modes.append(self.read_only)
        self._session.surroundings.savepoint()

    def release(self, name: str) -> None:
        """This savepoint and those behind it end well."""
        number = self._number(name)
        if self._writer is not None:
            self._writer.apsw.execute(f"release s{number}")
        self.read_only = self._modes[number]  # what was set in a subtransaction ends with it
        del self._savepoints[number:]
        del self._places[number:]
        del self._modes[number:]
        self._session.surroundings.release_to(number)

    def rollback_to(self, name: str) -> None:
        """Undo up to this savepoint, which stays."""
        number = self._number(name)
        self._close_undeclared()
        self._undo_to(number)
        self.read_only = self._modes[number]
        del self._savepoints[number + 1 :]
        del self._places[number + 1 :]
        del self._modes[number + 1 :]

    def _undo_to(self, number: int) -> None:
        if self._writer is None:
            self.log.cut(self._places[number])
        else:
            try:
                self._writer.apsw.execute(f"rollback to s{number}")
                self._reread_schema(self._writer)
            except apsw.SQLError:
                # the whole transaction is gone: SQLite undid it when it stopped a statement
                raise SqlError("40000", "the transaction was undone when its statement was stopped") from None
        self._session.surroundings.rollback_to(number)

    def _reread_schema(self, writer: Handle) -> None:
        """SQLite does not notice by itself that texts which were written into its schema are undone."""
        if self.acted:
            writer.apsw.pragma("writable_schema", "reset")

    def _number(self, name: str) -> int:
        return len(self._savepoints) - 1 - self._savepoints[::-1].index(name)
