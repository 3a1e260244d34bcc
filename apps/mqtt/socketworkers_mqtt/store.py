"""What lasts of a broker: sessions, subscriptions, queued messages, QoS 2 state, wills, retained messages.

A ``Batch`` gathers the writes of one turn of the loop; the store makes them one commit. The one implementation is SQL
over an object's storage (in memory in tests).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from socketworkers.storage import Storage

__all__ = [
    "MIGRATIONS",
    "Batch",
    "QueueRow",
    "RetainedRow",
    "SessionRow",
    "SqlStore",
    "Store",
    "SubscriptionRow",
    "WillRow",
]

MIGRATIONS = (
    """
    create table session (
        key integer primary key, client_id text not null unique, version integer not null, expiry integer not null,
        lost_at real not null, username text not null
    ) strict;
    create table subscription (
        session integer not null, filter text not null, options integer not null, identifier integer not null,
        primary key (session, filter)
    ) strict, without rowid;
    -- a message for a session; the content of a large one that several sessions get is in body
    create table queue (
        session integer not null, seq integer not null, packet_id integer, state integer not null,
        flags integer not null, topic blob not null, passed blob not null, expires_at real,
        identifiers text not null, shared text not null, payload blob, primary key (session, seq)
    ) strict, without rowid;
    create table body (seq integer primary key, payload blob not null) strict;
    -- QoS 2 messages that came, by the identifier their sender will release
    create table incoming (session integer not null, packet_id integer not null, primary key (session, packet_id))
        strict, without rowid;
    create table will (
        client_id text primary key, topic blob not null, payload blob not null, flags integer not null,
        passed blob not null, expiry integer, delay integer not null, patience real not null, due real,
        username text not null
    ) strict, without rowid;
    create table retained (
        topic blob primary key, payload blob not null, qos integer not null, passed blob not null, expires_at real
    ) strict, without rowid;
    create index retained_expiry on retained (expires_at) where expires_at is not null;
    """,
)

#: a payload up to this size is kept with each session's row; a larger one for several sessions once
INLINE = 1024

SessionRow = tuple[int, str, int, int, float, str]
"""key, client_id, version, expiry, lost_at (0 = connected), username"""
SubscriptionRow = tuple[int, str, int, int]
"""session, filter, options, identifier"""
QueueRow = tuple[int, int, int | None, int, int, bytes, bytes, float | None, str, str, bytes | None]
"""session, seq, packet_id, state, flags (qos | retain << 2), topic, passed, expires_at, identifiers, shared, payload"""
WillRow = tuple[str, bytes, bytes, int, bytes, int | None, int, float, float | None, str]
"""client_id, topic, payload, flags, passed, expiry, delay, patience (after a restart), due, username"""
RetainedRow = tuple[bytes, bytes, int, bytes, float | None]
"""topic, payload, qos, passed, expires_at"""

#: ``state`` of a queue row
WAITING, SENT, RELEASED = 0, 1, 2


class Batch:
    """The writes of one turn. Per table the last word on a key counts."""

    __slots__ = (
        "bodies",
        "bodies_deleted",
        "dirty",
        "ended",
        "fresh",
        "incoming",
        "queue",
        "queue_deleted",
        "queue_states",
        "retained",
        "sessions",
        "subscriptions",
        "wills",
    )

    def __init__(self) -> None:
        self.dirty = False
        #: whether there is a session that was not there before
        self.fresh = False
        self.sessions: dict[int, SessionRow] = {}
        #: keys of sessions that are over: everything of theirs goes
        self.ended: list[int] = []
        self.subscriptions: dict[tuple[int, str], SubscriptionRow | None] = {}
        self.queue: dict[tuple[int, int], QueueRow] = {}
        self.queue_states: dict[tuple[int, int], tuple[int | None, int]] = {}
        self.queue_deleted: list[tuple[int, int]] = []
        self.bodies: dict[int, bytes] = {}
        self.bodies_deleted: list[int] = []
        self.incoming: dict[tuple[int, int], bool] = {}
        self.wills: dict[str, WillRow | None] = {}
        self.retained: dict[bytes, RetainedRow | None] = {}

    @property
    def adds(self) -> bool:
        """Whether it needs room. What only goes on with what is stored, or takes it away, may use the reserve."""
        tables: tuple[dict[Any, Any], ...] = (self.subscriptions, self.wills, self.retained)
        return bool(
            self.fresh
            or self.queue
            or self.bodies
            or any(self.incoming.values())
            or any(row is not None for table in tables for row in table.values())
        )

    def set_queue_state(self, session: int, seq: int, packet_id: int | None, state: int) -> None:
        """A queued message was sent or released."""
        key = (session, seq)
        row = self.queue.get(key)
        if row is not None:
            self.queue[key] = (session, seq, packet_id, state, *row[4:])
        else:
            self.queue_states[key] = (packet_id, state)
        self.dirty = True

    def end(self, session: int) -> None:
        """A session is over."""
        self.sessions.pop(session, None)
        tables: tuple[dict[Any, Any], ...] = (self.subscriptions, self.queue, self.queue_states, self.incoming)
        for table in tables:
            for key in [key for key in table if key[0] == session]:
                del table[key]
        self.ended.append(session)
        self.dirty = True

    def delete_queued(self, session: int, seq: int) -> None:
        """A queued message is done with."""
        key = (session, seq)
        if self.queue.pop(key, None) is None:
            self.queue_states.pop(key, None)
            self.queue_deleted.append(key)
        self.dirty = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a broker starts from."""

    sessions: list[SessionRow]
    subscriptions: list[SubscriptionRow]
    queued: dict[int, tuple[int, int]]
    """count and bytes of what waits, by session"""
    incoming: list[tuple[int, int]]
    wills: list[WillRow]
    newest: int
    """the highest ``seq`` in use"""
    retained: int
    """how many retained messages there are"""
    bodies: dict[int, int]
    """how many queued messages share a body, by ``seq``"""


class Store(Protocol):
    """Where it lies."""

    def load(self) -> Snapshot:
        """Everything that is kept in memory."""

    def write(self, batch: Batch) -> int:
        """Make a batch one commit; returns by how many the retained messages became more or fewer.

        Raises:
            StorageError: the disk refuses; nothing of the batch was kept.
        """

    def underway(self, session: int) -> list[QueueRow]:
        """What was sent to a session and not acknowledged, in the order of sending."""

    def waiting(self, session: int, seq: int, limit: int) -> list[QueueRow]:
        """What waits for a session from ``seq`` on."""

    def bodies(self, session: int) -> list[int]:
        """``seq`` of what is queued for a session and has its content in a body."""

    def retained(self, topic: bytes, now: float) -> RetainedRow | None:
        """The retained message of a topic."""

    def retained_page(self, prefix: bytes, after: bytes | None, limit: int, now: float) -> list[RetainedRow]:
        """Retained messages whose topics begin with ``prefix``, in the order of their topics, behind ``after``."""

    def retained_heads(
        self, prefix: bytes, after: bytes | None, limit: int, now: float, most: int
    ) -> list[tuple[bytes, bytes | None, int, bytes, float | None]]:
        """The same, but payloads of more than ``most`` bytes are None."""

    def expired_retained(self, now: float, limit: int) -> list[bytes]:
        """Topics of retained messages whose time is over."""


_PUT_QUEUE = "insert or replace into queue values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT_QUEUE = (
    "select q.session, q.seq, q.packet_id, q.state, q.flags, q.topic, q.passed, q.expires_at, q.identifiers, q.shared,"
    " coalesce(q.payload, (select b.payload from body b where b.seq = q.seq)) from queue q"
)

#: one lower and one upper bound, or SQLite would begin each page at the beginning
_FIRST_PAGE = "from retained where topic >= ?1 and topic < ?2"
_NEXT_PAGE = "from retained where topic > ?1 and topic < ?2"
_PAGE = " and (expires_at is null or expires_at > ?4) order by topic limit ?3"


class SqlStore:
    """``Store`` over an object's storage."""

    __slots__ = ("_sql", "_storage")

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._sql = storage.sql

    def load(self) -> Snapshot:
        sql = self._sql
        sql.execute("delete from body where seq not in (select seq from queue where payload is null)")
        queued = {
            session: (count, size)
            for session, count, size in sql.execute(
                "select session, count(*), sum(length(topic) + length(passed) + coalesce(length(payload),"
                " (select length(b.payload) from body b where b.seq = queue.seq), 0)) from queue where state = 0"
                " group by session"
            )
        }
        return Snapshot(
            sql.execute("select key, client_id, version, expiry, lost_at, username from session"),
            sql.execute("select session, filter, options, identifier from subscription"),
            queued,
            sql.execute("select session, packet_id from incoming"),
            sql.execute(
                "select client_id, topic, payload, flags, passed, expiry, delay, patience, due, username from will"
            ),
            sql.value("select max(seq) from queue") or 0,
            sql.value("select count(*) from retained"),
            dict(sql.execute("select seq, count(*) from queue where payload is null group by seq")),
        )

    def write(self, batch: Batch) -> int:
        sql = self._sql
        change = 0
        with self._storage.transaction():
            if not batch.adds:
                # the storage takes a transaction that begins with a deletion for one that makes room
                sql.execute("delete from body where seq = 0")
            for session in batch.ended:
                for table in ("subscription", "queue", "incoming"):
                    sql.execute(f"delete from {table} where session = ?", (session,))
                sql.execute("delete from session where key = ?", (session,))
            if batch.sessions:
                sql.execute_many("insert or replace into session values (?, ?, ?, ?, ?, ?)", batch.sessions.values())
            if batch.subscriptions:
                self._put_or_delete(
                    batch.subscriptions,
                    "insert or replace into subscription values (?, ?, ?, ?)",
                    "delete from subscription where session = ? and filter = ?",
                )
            if batch.bodies:
                sql.execute_many("insert or ignore into body values (?, ?)", batch.bodies.items())
            if batch.queue:
                sql.execute_many(_PUT_QUEUE, batch.queue.values())
            if batch.queue_states:
                sql.execute_many(
                    "update queue set packet_id = ?, state = ? where session = ? and seq = ?",
                    [(*state, *key) for key, state in batch.queue_states.items()],
                )
            if batch.queue_deleted:
                sql.execute_many("delete from queue where session = ? and seq = ?", batch.queue_deleted)
            if batch.bodies_deleted:
                sql.execute_many("delete from body where seq = ?", [(seq,) for seq in batch.bodies_deleted])
            if batch.incoming:
                there = [key for key, kept in batch.incoming.items() if kept]
                gone = [key for key, kept in batch.incoming.items() if not kept]
                if there:
                    sql.execute_many("insert or ignore into incoming values (?, ?)", there)
                if gone:
                    sql.execute_many("delete from incoming where session = ? and packet_id = ?", gone)
            if batch.wills:
                self._put_or_delete(
                    {(client_id,): row for client_id, row in batch.wills.items()},
                    "insert or replace into will values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    "delete from will where client_id = ?",
                )
            if batch.retained:
                change = self._write_retained(batch.retained)
        return change

    def _put_or_delete(self, rows: dict[Any, Any], put: str, delete: str) -> None:
        there = [row for row in rows.values() if row is not None]
        gone = [key for key, row in rows.items() if row is None]
        if there:
            self._sql.execute_many(put, there)
        if gone:
            self._sql.execute_many(delete, gone)

    def _write_retained(self, rows: dict[bytes, RetainedRow | None]) -> int:
        sql = self._sql
        change = 0
        for topic, row in rows.items():
            if row is None:
                sql.execute("delete from retained where topic = ?", (topic,))
                change -= sql.changes
            else:
                # an update first: an upsert does not tell which of the two it was
                sql.execute(
                    "update retained set payload = ?2, qos = ?3, passed = ?4, expires_at = ?5 where topic = ?1", row
                )
                if not sql.changes:
                    sql.execute("insert into retained values (?, ?, ?, ?, ?)", row)
                    change += 1
        return change

    def underway(self, session: int) -> list[QueueRow]:
        return self._sql.execute(f"{_SELECT_QUEUE} where q.session = ? and q.state > 0 order by q.seq", (session,))

    def waiting(self, session: int, seq: int, limit: int) -> list[QueueRow]:
        return self._sql.execute(
            f"{_SELECT_QUEUE} where q.session = ? and q.seq >= ? and q.state = 0 order by q.seq limit ?",
            (session, seq, limit),
        )

    def bodies(self, session: int) -> list[int]:
        return [
            row[0]
            for row in self._sql.execute("select seq from queue where session = ? and payload is null", (session,))
        ]

    def retained(self, topic: bytes, now: float) -> RetainedRow | None:
        return self._sql.one(
            "select topic, payload, qos, passed, expires_at from retained"
            " where topic = ? and (expires_at is null or expires_at > ?)",
            (topic, now),
        )

    def retained_page(self, prefix: bytes, after: bytes | None, limit: int, now: float) -> list[RetainedRow]:
        where, low = (_FIRST_PAGE, prefix) if after is None else (_NEXT_PAGE, after)
        return self._sql.execute(
            f"select topic, payload, qos, passed, expires_at {where}{_PAGE}", (low, _following(prefix), limit, now)
        )

    def retained_heads(
        self, prefix: bytes, after: bytes | None, limit: int, now: float, most: int
    ) -> list[tuple[bytes, bytes | None, int, bytes, float | None]]:
        where, low = (_FIRST_PAGE, prefix) if after is None else (_NEXT_PAGE, after)
        return self._sql.execute(
            f"select topic, case when length(payload) <= ?5 then payload end, qos, passed, expires_at {where}{_PAGE}",
            (low, _following(prefix), limit, now, most),
        )

    def expired_retained(self, now: float, limit: int) -> list[bytes]:
        return [
            row[0]
            for row in self._sql.execute(
                "select topic from retained where expires_at is not null and expires_at <= ? limit ?", (now, limit)
            )
        ]


def _following(prefix: bytes) -> bytes:
    """The first key behind all that begin with ``prefix``. Topics are UTF-8: none has a byte of 0xFF."""
    return prefix[:-1] + bytes((prefix[-1] + 1,)) if prefix else b"\xff"
