"""``Crossing``: one connection to the other broker, and the connection of our broker that belongs to it.

Bytes of both go through a ``Relay``; back-pressure goes the other way. Lasts until one of the two ends.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from socketworkers import Socket, Writer
from socketworkers.errors import StateError

from ..client import Refused
from ..codec import (
    PINGREQ,
    Connack,
    Connect,
    Decoder,
    MalformedPacket,
    Properties,
    Reason,
    Suback,
    Subscription,
    encode_connect,
    encode_subscribe,
    encode_unsubscribe,
)
from ..connection import Connection
from ..object import BrokerObject
from ..state import State
from .relay import LOCAL, Relay, RelayEnded
from .topics import TopicMap

__all__ = ["FOREVER", "PATIENCE", "BridgeConnection", "Crossing"]

#: Session Expiry Interval of a session that does not expire (MQTT 5.0 §3.1.2.11.2)
FOREVER = 0xFFFF_FFFF
#: seconds until CONNACK and until an answer to PINGREQ
PATIENCE = 10.0
#: QoS 1 and 2 messages under way to a 3.1.1 broker, which cannot tell how many it takes: Mosquitto's default, beyond
#: which it leaves QoS 2 messages lying
SEND_MAXIMUM = 20


class BridgeConnection(Connection):
    """Our side: it may use the name of a bridge."""

    __slots__ = ()

    internal: ClassVar[bool] = True


class Crossing:
    """One connection to the other broker and the connection of our broker that belongs to it.

    To our broker it is what does the I/O of a connection (``connection.link``).
    """

    def __init__(self, owner: BrokerObject, socket: Socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._owner = owner
        self._socket = socket
        self._writer: Writer = socket.writable.get_writer()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._greeting: asyncio.Future[Connack] | None = None
        self._remote: Decoder | None = None
        self._local = Decoder(max_packet=1 << 28, version=LOCAL, role="client")
        self._relay: Relay | None = None
        #: what came behind CONNACK, before our side was there
        self._early: list[Any] = []
        self._feeding = False
        self._paused = False
        self._pending: list[bytes] = []
        self._draining: asyncio.Task[None] | None = None
        self._heard = self._spoke = self._loop.time()
        self.connection = BridgeConnection(owner.broker, peer="", loopback=True)
        self.connection.link = self

    # -- the beginning -----------------------------------------------------------------------------------------

    async def greet(self, packet: bytes, version: int) -> Connack:
        """Send CONNECT, and wait for CONNACK.

        Raises:
            Refused: the other broker does not want us.
            RelayEnded: it went away.
            MalformedPacket: it answered something else.
        """
        self._remote = Decoder(max_packet=self._owner.broker.limits.max_packet, version=version, role="client")
        self._greeting = self._loop.create_future()
        self._socket.add_event_listener("close", self._closed)
        self._socket.on_data(self._received)
        self._writer.write(packet)
        try:
            both: list[asyncio.Future[Any]] = [self._greeting, self._over]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not self._greeting.done():
                self._over.result()
                raise RelayEnded("the connection ended")
            connack = self._greeting.result()
        finally:
            self._greeting.cancel()
        if connack.reason:
            properties = connack.properties
            raise Refused(connack.reason, properties.reason_string or "", properties.server_reference)
        return connack

    def begin(self, client_id: str, relay: Relay, connack: Connack, topics: TopicMap, identity: str) -> None:
        """Attach our side."""
        owner, connection = self._owner, self.connection
        owner.now()
        session = owner.broker.sessions.get(client_id)
        if session is not None and session.incoming and not connack.session_present:
            # identifiers of a session that the other broker does not have any more
            for packet_id in session.incoming:
                owner.broker.forget_incoming(session, packet_id)
            session.incoming = None
        self._relay = relay
        connection.identity = identity
        connection.peer = identity
        owner.links.add(self)
        told = connack.properties.receive_maximum or (FOREVER if relay.modern else SEND_MAXIMUM)
        properties = Properties(
            session_expiry_interval=FOREVER, receive_maximum=min(told, owner.broker.limits.max_inflight)
        )
        connection.receive(encode_connect(Connect("MQTT", LOCAL, False, 0, client_id, properties=properties)))
        if connection.state is not State.CONNECTED:
            raise RelayEnded(f"our broker refused the bridge: {connection.close_reason}")
        stale = [each for each in connection.session.subscriptions or () if each not in topics.local_filters]  # type: ignore[union-attr]
        if stale:
            connection.receive(encode_unsubscribe(LOCAL, 0xFFFF, stale))
        owner.schedule()

    def ask(self, version: int, here: list[Subscription], there: list[Subscription], gone: list[str]) -> None:
        """Send the subscriptions."""
        connection = self.connection
        if here:
            connection.receive(encode_subscribe(LOCAL, 0xFFFE, here))
            self._owner.schedule()
        # messages have the identifiers of our session: these must be others
        session = connection.session
        taken = session.inflight if session is not None and session.inflight else {}
        free = (number for number in range(0xFFFF, 0, -1) if number not in taken)
        if gone:
            self._to_remote(encode_unsubscribe(version, next(free), gone))
        if there:
            self._to_remote(encode_subscribe(version, next(free), there))
        early, self._early = self._early, []
        self._take_in(early)

    # -- while it lasts ----------------------------------------------------------------------------------------

    async def last(self, keep_alive: int) -> None:
        """Return never: raise what ended the connection."""
        step = min(PATIENCE, keep_alive / 4) if keep_alive else PATIENCE
        while True:
            await asyncio.wait({self._over}, timeout=step)
            if self._over.done():
                self._over.result()
                raise RelayEnded("the connection ended")
            if not keep_alive:
                continue
            now = self._loop.time()
            if now - self._heard > keep_alive + PATIENCE and not self._paused:
                raise RelayEnded("the other broker is silent")
            if now - self._spoke > keep_alive - 2 * step or now - self._heard > keep_alive - step:
                self._to_remote(PINGREQ)  # [MQTT-3.1.2-20]

    def _finish(self, error: BaseException) -> None:
        if not self._over.done():
            self._over.set_exception(error)
            self._over.exception()  # it is looked at or not: no noise

    def _closed(self, event: Any) -> None:
        error = event.detail
        what = "the connection was lost" if self._relay is not None else "the other broker closed the connection"
        self._finish(RelayEnded(f"{what}: {error}" if error is not None else what))

    def close(self, farewell: bytes | None) -> None:
        """Let go of both sides."""
        owner, connection, socket = self._owner, self.connection, self._socket
        socket.remove_event_listener("close", self._closed)
        if self._draining is not None:
            self._draining.cancel()
        if not self._over.done():
            self._over.cancel()
        if farewell is not None and not socket.congested:
            try:
                self._writer.write(farewell)
            except StateError:
                pass
        socket.close()
        owner.links.discard(self)
        owner.now()
        connection.lost("the bridge is down")
        owner.schedule()

    async def gone(self) -> None:
        """Return when the other broker has closed its side, or does not."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._socket.closed
        except (OSError, TimeoutError):
            self._socket.abort()

    # -- from there --------------------------------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        decoder = self._remote
        if decoder is None or self._over.done():
            return
        self._heard = self._loop.time()
        if not data:
            self._finish(RelayEnded("the other broker closed the connection"))
            return
        packets: list[Any] = decoder.receive(data)
        greeting = self._greeting
        if packets and greeting is not None and not greeting.done():
            first = packets.pop(0)
            if isinstance(first, Connack):
                greeting.set_result(first)
            else:
                self._finish(MalformedPacket("the other broker did not begin with CONNACK", Reason.PROTOCOL_ERROR))
        if self._relay is None:
            self._early += packets
        else:
            self._take_in(packets)
        if decoder.fault is not None:
            self._finish(decoder.fault)

    def _take_in(self, packets: list[Any]) -> None:
        relay = self._relay
        assert relay is not None
        now = self._loop.time()
        try:
            for packet in packets:
                if isinstance(packet, Suback):
                    self._look(packet)
                relay.inward(packet, now)
        except (RelayEnded, MalformedPacket) as error:
            self._finish(error)
        self._pass_on()

    def _look(self, packet: Suback) -> None:
        refused = [reason.name for reason in packet.reasons if reason >= 0x80]
        if refused:
            name = self.connection.identity
            self._owner.ctx.log.warning("%s: the other broker refused subscriptions: %s", name, ", ".join(refused))

    def _pass_on(self) -> None:
        """Send what the relay has for both sides."""
        relay = self._relay
        assert relay is not None
        if relay.to_remote:
            data = b"".join(relay.to_remote)
            relay.to_remote.clear()
            self._to_remote(data)
        if relay.to_local and not self._feeding:
            # not from within the broker's own turn
            self._feeding = True
            self._loop.call_soon(self._feed)
        if relay.full is not self._paused:
            self._paused = relay.full
            if self._paused:
                self._socket.pause()
            else:
                self._heard = self._loop.time()
                self._socket.resume()

    def _feed(self) -> None:
        self._feeding = False
        relay = self._relay
        if relay is None or self.connection.closing:
            return
        data = b"".join(relay.to_local)
        relay.to_local.clear()
        owner = self._owner
        owner.now()
        try:
            self.connection.receive(data)
        except Exception as error:
            owner.ctx.log.exception("the bridge's connection failed")
            self._finish(RelayEnded(f"our broker failed: {error}"))
        owner.schedule()

    # -- from here: the broker calls these ---------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Packets of our broker."""
        if data and not self._over.done():
            relay = self._relay
            try:
                packets = self._local.receive(data)
                if self._local.fault is not None:
                    raise RelayEnded(f"our broker broke the protocol: {self._local.fault}")
                if relay is not None:
                    now = self._loop.time()
                    for packet in packets:
                        relay.outward(packet, now)
            except Exception as error:  # nothing of this may stop the broker's turn
                self._finish(error)
            if relay is not None:
                self._pass_on()
        if self.connection.closing:
            if self.connection.held:
                self.connection.held.clear()
            self._finish(RelayEnded(f"our broker ended it: {self.connection.close_reason}"))

    def caught_up(self) -> None:
        """What waited for the disk was sent."""

    def _to_remote(self, data: bytes) -> None:
        connection = self.connection
        if connection.blocked:
            self._pending.append(data)
            connection.backlog += len(data)
            if connection.backlog > 4 * self._owner.broker.limits.max_backlog:
                self._pending.clear()
                self._finish(RelayEnded("the other broker does not read"))
            return
        self._spoke = self._loop.time()
        try:
            self._writer.write(data)
        except StateError:
            return  # closed meanwhile: the event tells
        if self._socket.congested:
            connection.block(True)
            if self._draining is None or self._draining.done():
                self._draining = self._loop.create_task(self._drained())

    async def _drained(self) -> None:
        """The other broker reads again."""
        connection = self.connection
        while connection.blocked:
            try:
                await self._writer.ready
            except (OSError, StateError):
                return  # told by the close event
            pending, self._pending = self._pending, []
            connection.backlog = 0
            self._spoke = self._loop.time()
            if pending:
                self._writer.write(b"".join(pending))
                if self._socket.congested:
                    continue
            self._owner.now()
            connection.block(False)
            self._owner.schedule()
