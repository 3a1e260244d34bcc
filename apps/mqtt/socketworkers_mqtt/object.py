"""``BrokerObject``: the broker of a tenant as a Durable Object, the one place where its state meets the disk.

It owns a ``Broker`` and its store. All that came in one turn of the loop is one commit; what promises it leaves when
that is synced, everything else at once. One write per connection and turn.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Coroutine
from functools import partial
from typing import Any

from socketworkers import DurableObject, Socket, faults
from socketworkers.errors import StorageError, StorageFull
from socketworkers.storage import SyncTicket

from .broker import Broker
from .codec import Reason
from .connection import Connection
from .outgoing import Outgoing
from .store import MIGRATIONS, SqlStore
from .system import SystemTopics

__all__ = ["BrokerObject"]

#: seconds between looks at a disk that was full
RETRY = 1.0


class BrokerObject(DurableObject):
    """One broker; the default one has the id ``broker``."""

    migrations = MIGRATIONS
    #: what connections are made of; a broker for tests has its own
    connection_class: type[Connection] = Connection

    broker: Broker

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        #: connections by the sync that they wait for
        self._waiting: dict[SyncTicket, list[Outgoing]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._full: asyncio.TimerHandle | None = None
        self._clock = _Clock(self._loop)
        #: who does the I/O of connections: sockets' links, and bridges
        self.links: set[Any] = set()
        self._kept: asyncio.Event | None = None

    async def start(self) -> None:
        """Read what lasts."""
        mqtt = self.env.mqtt
        faults.point("mqtt.start_recovery")
        self.broker = Broker(
            SqlStore(self.ctx.storage),
            mqtt.access,
            mqtt.limits,
            now=self._clock.now(),
            token=lambda: secrets.token_urlsafe(18),
        )
        faults.point("mqtt.recovered")
        self.system = SystemTopics(self.broker, self._clock.now())
        mqtt.started(self)
        self.schedule()

    async def serve(self) -> None:
        """Stay alive: a broker has timers and memory of its own, and is not evicted while the server runs."""
        if self._kept is None:
            self._kept = asyncio.Event()
            self.ctx.wait_until(self._stay(self._kept))

    async def _stay(self, until: asyncio.Event) -> None:
        interval = self.env.config.sys_interval
        try:
            while not until.is_set():
                if interval:
                    self.publish_system()
                try:
                    async with asyncio.timeout(interval or None):
                        await until.wait()
                except TimeoutError:
                    pass
        finally:
            self._stop_timers()

    async def stop(self) -> None:
        """The server ends: connections are told, and what is open is written."""
        if self._kept is not None:
            self._kept.set()
        self.say_goodbye()
        self._stop_timers()

    def say_goodbye(self) -> None:
        """Disconnect all clients: the server ends (MQTT 5.0 §3.14.2.1, 0x8B)."""
        self.now()
        for link in list(self.links):
            link.connection.disconnect(Reason.SERVER_SHUTTING_DOWN, "the server is shutting down")
        self.settle()

    def _stop_timers(self) -> None:
        for handle in (self._timer, self._full):
            if handle is not None:
                handle.cancel()
        self._timer = self._full = None

    def connect(self, socket: Socket) -> Coroutine[Any, Any, None]:
        """Serve one client until its connection is over."""
        from .worker import Link

        # its own gate is finer than the object's: what does not tell of a write does not wait for it
        socket.set_output_gate(None)
        return Link(self, socket).run()

    def publish_system(self) -> None:
        """Bring ``$SYS`` up to date."""
        self.now()
        self.system.publish(self.broker.now)
        self.schedule()

    # -- the turn ----------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Set the broker's clock; whoever calls into the broker does so first."""
        now = self.broker.now = self._clock.now()
        return now

    def schedule(self) -> None:
        """Settle at the end of this turn: when everybody whose bytes came has been served."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.settle)

    def settle(self) -> None:
        """Write, then send."""
        self._scheduled = False
        broker = self.broker
        ticket: SyncTicket | None = None
        trouble: StorageError | None = None
        if broker.retained.busy:
            broker.retained.step()
        if broker.batch.dirty:
            faults.point("mqtt.before_commit")
        try:
            broker.write()
            ticket = self.ctx.storage.flush()
        except StorageError as error:
            trouble = error
        if broker.trouble is not None:
            trouble, broker.trouble = broker.trouble, None
        if trouble is not None:
            self._refused(trouble)
        dirty, broker.dirty = broker.dirty, []
        if ticket is not None:
            faults.point("mqtt.after_commit")
        for connection in dirty:
            if connection.gated is not None:
                gated, connection.gated = connection.gated, None
                self._hold(connection, gated, ticket, trouble)
            data = connection.take_output()
            if connection.opening and connection.held:
                connection.hold_behind(data)
                data = b""
            connection.link.send(data)
        if broker.dirty or broker.retained.busy or (broker.batch.dirty and trouble is None):
            self.schedule()
        self._arm()

    def _hold(
        self, connection: Outgoing, gated: list[bytes], ticket: SyncTicket | None, trouble: StorageError | None
    ) -> None:
        """Put what promises something behind the sync that makes it true."""
        data = gated[0] if len(gated) == 1 else b"".join(gated)
        closes, connection.gated_closes = connection.gated_closes, 0
        if trouble is not None:
            # not kept, so not acknowledged: the client sends it again
            connection.queued = True
            _end(connection, trouble)
            return
        if ticket is None and not connection.held:
            connection.release(data)
            connection.receipts_closed(closes)
            if connection.late:
                connection.caught_up()
            return
        if connection.held is None:
            connection.held = deque()
        if ticket is None:
            ticket = connection.held[-1][0]
        held = connection.held
        connection.held_bytes += len(data)
        if held and held[-1][0] is ticket:
            held[-1] = (ticket, held[-1][1] + data, held[-1][2] + closes)
            return
        held.append((ticket, data, closes))
        waiting = self._waiting.get(ticket)
        if waiting is None:
            self._waiting[ticket] = [connection]
            ticket.add_done_callback(partial(self._synced, ticket))
        else:
            waiting.append(connection)

    def _synced(self, ticket: SyncTicket, error: BaseException | None) -> None:
        """A sync has ended: all that waited for it may leave."""
        faults.point("mqtt.before_ack")
        connections = self._waiting.pop(ticket, ())
        if error is not None:
            self.now()
            if isinstance(error, StorageError):
                self._refused(error)
        for connection in connections:
            held = connection.held
            if held is None:
                continue
            if error is not None:
                held.clear()
                connection.held_bytes = 0
                _end(connection, error)
                continue
            while held and held[0][0].done:
                _, data, closes = held.popleft()
                connection.opening = False
                connection.held_bytes -= len(data)
                connection.receipts_closed(closes)
                connection.link.send(data)
            if connection.late:
                self.now()
                connection.caught_up()
            connection.link.caught_up()
        faults.point("mqtt.after_ack")
        if self.broker.dirty:
            self.schedule()

    # -- a disk that refuses -----------------------------------------------------------------------------------

    def _refused(self, error: StorageError) -> None:
        broker = self.broker
        if isinstance(error, StorageFull):
            if not broker.full:
                self.ctx.log.warning("nothing more is stored: %s", error)
            broker.full = True
            if self._full is None:
                self._full = self._loop.call_later(RETRY, self._try_again)
        elif broker.refusal is None:
            broker.refusal = (Reason.SERVER_UNAVAILABLE, "the server cannot store anything")
            for link in list(self.links):
                link.connection.disconnect(Reason.IMPLEMENTATION_SPECIFIC_ERROR, "the server cannot store anything")

    def _try_again(self) -> None:
        self._full = None
        if self.ctx.storage.failed is not None:
            return
        try:
            self.ctx.storage.put("probe", time.time())
            self.ctx.storage.flush()
        except StorageError:
            self._full = self._loop.call_later(RETRY, self._try_again)
        else:
            self.broker.full = False
            self.ctx.log.warning("there is room again")

    # -- time --------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        at = self.broker.next_timeout()
        if at is None:
            return
        if self._timer is not None:
            if at >= self._timer_at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, at - self._clock.now()), self._due)

    def _due(self) -> None:
        self._timer = None
        self.now()
        self.broker.handle_timer()
        self.settle()


class _Clock:
    """Seconds since the epoch that never jump while the server runs."""

    __slots__ = ("_loop", "_offset")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._offset = time.time() - loop.time()

    def now(self) -> float:
        return self._offset + self._loop.time()


def _end(connection: Outgoing, error: BaseException) -> None:
    """What was promised was not kept: end the connection, with the refusal of its CONNECT if that is what waited."""
    reason, text = _reason_of(error), "the server cannot store it"
    if connection.opening and not connection.closing:
        connection.refuse(reason, text)
    else:
        connection.disconnect(reason, text)


def _reason_of(error: BaseException) -> Reason:
    return Reason.QUOTA_EXCEEDED if isinstance(error, StorageFull) else Reason.IMPLEMENTATION_SPECIFIC_ERROR
