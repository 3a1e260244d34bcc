"""The thin connect handler: bytes between a socket and its connection's state machine.

Bytes reach the state machine in the callback that brought them; a handler's task only waits for what needs time: a
password, room for a client that does not read, the end.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from socketworkers import IdleTimeout, Socket, faults
from socketworkers.settings import is_loopback

from .codec import Reason
from .connection import Connection, State

if TYPE_CHECKING:
    from .object import BrokerObject

__all__ = ["Link"]

#: bytes, of acknowledgements most of all, that a client may have waiting for the disk before no more is read from it
MOST_HELD = 16 * 1024
#: bytes that each piece for a client that does not read takes beside its content
EACH = 64


class Link:
    """One socket of one broker."""

    __slots__ = (
        "_deadline_at",
        "_error",
        "_object",
        "_over",
        "_paused",
        "_pending",
        "_throttled",
        "_tokens",
        "_tokens_at",
        "_wake",
        "_writer",
        "connection",
        "socket",
    )

    def __init__(self, owner: BrokerObject, socket: Socket) -> None:
        info = socket.info
        assert info is not None
        self._object = owner
        self.socket = socket
        self._writer = socket.writable.get_writer()
        peer = info.remote.host if info.type != "unix" else ""
        mqtt = owner.env.mqtt
        identity = ""
        if info.tls is not None and mqtt.identity_from_certificate:
            identity = info.tls.peer_common_name
        self.connection: Connection = owner.connection_class(
            owner.broker,
            peer=peer,
            loopback=info.type in ("unix", "memory") or is_loopback(peer),
            identity=identity,
            tls=info.secure,
        )
        self.connection.link = self
        self._wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._error: BaseException | None = None
        self._paused = False
        self._over = False
        self._pending: list[bytes] | None = None
        self._throttled: asyncio.TimerHandle | None = None
        self._tokens = float(mqtt.message_rate)
        self._tokens_at = 0.0
        #: the number of packets when the deadline of a packet was set; -1 = there is none
        self._deadline_at = -1

    async def run(self) -> None:
        """Until the connection is over."""
        owner, socket, connection = self._object, self.socket, self.connection
        owner.links.add(self)
        try:
            socket.set_deadline(owner.env.config.connect_timeout)
            socket.on_data(self._received, self)
            while True:
                await self._wake
                self._wake = asyncio.get_running_loop().create_future()
                if self._error is not None:
                    raise self._error
                if connection.closing:
                    break
                if connection.request is not None:
                    await self._authenticate()
                elif connection.blocked:
                    await self._drained()
        finally:
            self._over = True
            owner.links.discard(self)
            self._forget()
            if self._throttled is not None:
                self._throttled.cancel()
            owner.now()
            connection.lost("the connection was lost")
            owner.schedule()

    def _stir(self) -> None:
        if not self._wake.done():
            self._wake.set_result(None)

    # -- in ----------------------------------------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        owner, connection = self._object, self.connection
        broker = owner.broker
        owner.now()
        broker.stats.bytes_received += len(data)
        before = connection.packets
        state = connection.state
        faults.point("mqtt.after_read")
        try:
            connection.receive(data)
        except Exception as error:
            self._error = error
            self._stir()
            return
        owner.schedule()
        if connection.state is not state:
            self._entered(connection.state)
        if connection.decoder.buffered and self._deadline_at < 0 and connection.state is State.CONNECTED:
            self._bound_packet()
        if connection.request is not None:
            self._pause()
            self._stir()
        elif connection.held_bytes > MOST_HELD:
            self._pause()
        rate = owner.env.mqtt.message_rate
        if rate:
            self._count(connection.packets - before, rate)

    def _entered(self, state: State) -> None:
        """Bound the state: CONNECT has to come in time, then the client has its keep alive ([MQTT-3.1.2-22])."""
        if state is State.CONNECTED:
            self.socket.set_deadline(None)
            self.socket.set_timeouts(self._object.env.mqtt.timeouts(self.connection.keep_alive))

    def _bound_packet(self) -> None:
        """A packet has begun: the rest of it has to come in time (C5).

        While the deadline runs, other packets may begin and end: only when it is over somebody looks again.
        """
        seconds = self._object.env.config.packet_timeout
        self.socket.set_deadline(seconds)
        self._deadline_at = self.connection.packets

    def _count(self, packets: int, rate: float) -> None:
        """A client that sends too fast is read later (a bucket of one second)."""
        now = self._object.broker.now
        self._tokens = min(rate, self._tokens + (now - self._tokens_at) * rate) - packets
        self._tokens_at = now
        if self._tokens < 0 and self._throttled is None:
            self._pause()
            self._throttled = asyncio.get_running_loop().call_later(-self._tokens / rate, self._unthrottle)

    def _unthrottle(self) -> None:
        self._throttled = None
        self.caught_up()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.socket.pause()

    def caught_up(self) -> None:
        """What was waited for is there: read on."""
        connection = self.connection
        if (
            self._paused
            and self._throttled is None
            and connection.request is None
            and connection.held_bytes <= MOST_HELD // 2
        ):
            self._paused = False
            self.socket.resume()

    def timed_out(self, error: IdleTimeout) -> None:
        """A deadline or the keep alive is over."""
        owner, connection = self._object, self.connection
        owner.now()
        if connection.state is not State.CONNECTED:
            connection.lost("no CONNECT in time")
        elif error.deadline and self._deadline_at >= 0:
            # the packet that had begun is not there yet, or another one has begun since
            stuck = connection.decoder.buffered and self._deadline_at == connection.packets
            self._deadline_at = -1
            if not stuck:
                if connection.decoder.buffered:
                    self._bound_packet()
                return
            connection.disconnect(Reason.KEEP_ALIVE_TIMEOUT, "a packet did not end in time")
        elif self._paused:
            return  # it is we who do not read
        else:
            connection.disconnect(Reason.KEEP_ALIVE_TIMEOUT, "nothing came within one and a half times the keep alive")
        owner.schedule()

    def closed(self, error: BaseException | None) -> None:
        """The socket is closed, by whomever."""
        owner, connection = self._object, self.connection
        if not connection.closing:
            owner.now()
            connection.lost("the connection was lost")
            owner.schedule()
        self._stir()

    async def _authenticate(self) -> None:
        owner, connection = self._object, self.connection
        request = connection.request
        assert request is not None
        username, later = await owner.env.mqtt.check_password(request.username, request.password, connection.peer)
        owner.now()
        state = connection.state
        connection.authenticated(username, later=later)
        if connection.state is not state:
            self._entered(connection.state)
        self.caught_up()
        owner.schedule()  # which sends what there is to say, and ends it then

    # -- out ---------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Write what the connection has for its client; end it if it is over."""
        connection = self.connection
        socket = self.socket
        if data and not self._over:
            if connection.blocked:
                self._wait(data)
            else:
                self._object.broker.stats.bytes_sent += len(data)
                self._writer.write(data)
                if socket.congested:
                    connection.block(True)
                    self._stir()
        if connection.closing:
            if connection.held:
                connection.held.clear()
            self._stir()

    def _wait(self, data: bytes) -> None:
        """The client does not read: keep it for later. Without a bound only acknowledgements could grow."""
        connection = self.connection
        if self._pending is None:
            self._pending = []
        self._pending.append(data)
        size = len(data) + EACH
        connection.backlog += size
        self._object.broker.backlog_bytes += size
        if connection.backlog > 4 * self._object.broker.limits.max_backlog:
            self._forget()
            connection.lost("the client does not read")
            self.socket.abort("the client does not read")

    def _forget(self) -> None:
        """Nothing waits any more."""
        self._pending = None
        self._object.broker.backlog_bytes -= self.connection.backlog
        self.connection.backlog = 0

    async def _drained(self) -> None:
        """The client reads again."""
        try:
            await self._writer.ready
        except OSError:
            return  # it is told by the close event
        owner, connection = self._object, self.connection
        pending = self._pending
        self._forget()
        if pending:
            self._writer.write(b"".join(pending))
            if self.socket.congested:
                self._stir()
                return
        owner.now()
        connection.block(False)
        owner.schedule()
