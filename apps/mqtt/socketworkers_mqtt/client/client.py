"""``Client``: a thin shell around ``ClientSession`` on a socket of any transport.

::

    async with Client("mqtt://127.0.0.1:1883", client_id="lamp") as client:
        await client.subscribe("lamp/set", qos=1)
        async for message in client:
            await client.publish("lamp/state", message.payload, qos=1, retain=True)
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from socketworkers import Socket, TlsOptions, Writer, connect
from socketworkers.errors import StateError

from ..address import parse_address
from ..codec import Connack, Reason, Suback, Subscription, Unsuback
from .errors import Disconnected, Refused, Rejected
from .events import Acknowledged, Event, Lost, Received
from .message import Message
from .options import ConnectOptions
from .session import ClientSession, State

__all__ = ["Client"]

#: seconds that the farewell may take
GOODBYE = 2.0


class Client:
    """One client of one server. As a context manager it connects and disconnects.

    It may be entered again: with ``clean_start=False`` the session goes on, and messages that were not acknowledged are
    sent again. A message counts as taken, and is acknowledged, when it is handed out.

    Args:
        address: ``mqtt://[user:password@]host[:port]``, ``mqtts://``, ``ws://host/path``, ``wss://``, ``unix:/path``.
        tls: how to make TLS, for ``mqtts://`` and ``wss://``; True for TLS on ``mqtt://``, too.
        password: text or bytes; the one of the URL otherwise.
        max_messages: messages that wait to be taken; then nothing more is read from the server.
        options: fields of ``ConnectOptions``: ``client_id``, ``username``, ``version``, ``clean_start``,
            ``session_expiry``, ``keep_alive``, ``will``, ``receive_maximum``, ...

    Raises:
        ValueError: an address or option that cannot be.
    """

    def __init__(
        self,
        address: str = "mqtt://127.0.0.1:1883",
        *,
        tls: bool | TlsOptions | None = None,
        password: str | bytes | None = None,
        max_messages: int = 1000,
        **options: Any,
    ) -> None:
        place = parse_address(address)
        self.address = place
        if options.get("username") is None and place.username is not None:
            options["username"] = place.username
        if password is None:
            password = place.password
        if password is not None:
            options["password"] = password.encode() if isinstance(password, str) else password
        self._tls = tls
        self._max_messages = max_messages
        self.session = ClientSession(ConnectOptions(**options))
        self._socket: Socket | None = None
        self._writer: Writer | None = None
        self._connected: asyncio.Future[Connack] | None = None
        self._messages: deque[Received] = deque()
        self._arrived = asyncio.Event()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._room: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._flushing = False
        #: waits until the server reads again
        self._draining: asyncio.Task[None] | None = None
        #: why the connection ended, None while it lasts and after our own disconnect
        self._problem: Disconnected | None = None

    @property
    def client_id(self) -> str:
        """The identifier in use, also if the server chose it."""
        return self.session.client_id

    @property
    def connected(self) -> bool:
        """Whether the server has accepted the connection and it lasts."""
        return self.session.state is State.CONNECTED

    # -- connecting --------------------------------------------------------------------------------------------

    async def connect(self) -> Connack:
        """Connect, and wait for the server's CONNACK.

        Returns:
            What the server said: ``session_present``, ``properties``.

        Raises:
            SocketError: there is no connection to the server.
            Refused: the server does not want it.
            Disconnected: the connection ended before the server answered.
            StateError: the client is connected.
        """
        if self.session.state is not State.DISCONNECTED:
            raise StateError("the client is connected")
        self._give_up()  # what is left of a connection that was lost
        options: dict[str, Any] = {}
        if self.address.websocket:  # [MQTT-6.0.0-3]
            options["subprotocols"] = ("mqtt",) if self.session.options.version > 3 else ("mqttv3.1", "mqtt")
        socket = connect(self.address.socket, tls=self._tls, **options)
        loop = asyncio.get_running_loop()
        try:
            await socket.ready
        except BaseException:
            socket.abort()
            raise
        self._socket, self._writer = socket, socket.writable.get_writer()
        self._problem = None
        self._paused = False
        self._connected = loop.create_future()
        socket.add_event_listener("close", self._closed)
        try:
            self.session.connect(loop.time(), secrets.token_urlsafe(18))
            socket.on_data(self._received)
            self._flush()
            self._arm()
            return await self._connected
        except BaseException:
            self.session.lost("given up")
            self._give_up()
            raise

    async def disconnect(
        self, reason: Reason = Reason.NORMAL_DISCONNECTION, *, session_expiry: int | None = None
    ) -> None:
        """Send DISCONNECT and close. Idempotent.

        Args:
            reason: ``DISCONNECT_WITH_WILL_MESSAGE`` has the will published.
            session_expiry: a new Session Expiry Interval in seconds, 5.0 only.
        """
        socket = self._socket
        if socket is None:
            return
        if self.session.state is State.CONNECTED:
            self.session.disconnect(reason, session_expiry)
            try:
                async with asyncio.timeout(GOODBYE):
                    self._flush()
                    while self._draining is not None:
                        await asyncio.wait({self._draining})
                    await socket.close()
            except (OSError, TimeoutError):
                pass
        self._give_up()

    async def __aenter__(self) -> Client:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    # -- talking -----------------------------------------------------------------------------------------------

    async def publish(
        self, topic: str, payload: str | bytes = b"", qos: int = 0, retain: bool = False, **properties: Any
    ) -> Reason:
        """Publish a message. Returns once it is acknowledged; with QoS 0, once there is room to send it.

        Args:
            topic: topic name.
            payload: text (sent as UTF-8) or bytes.
            qos: 0, 1 or 2.
            retain: whether the server keeps it for later subscribers.
            properties: other fields of ``Message``, 5.0 only.

        Returns:
            ``SUCCESS`` or ``NO_MATCHING_SUBSCRIBERS``.

        Raises:
            Rejected: the server did not take it.
            Disconnected: the connection ended first. It is sent again when the client connects again.
            LimitExceeded: the server takes no such message.
            ValueError: a message that cannot be encoded.
        """
        data = payload.encode() if isinstance(payload, str) else payload
        message = Message(topic, data, qos, retain, **properties)
        self._check()
        while qos and self.session.unacknowledged >= self.session.options.max_queued:
            room = asyncio.get_running_loop().create_future()
            self._room.append(room)
            await room
            self._check()
        packet_id = self.session.publish(message)
        if not qos:
            self._flush()
            while self._draining is not None:
                await asyncio.wait({self._draining})
                self._check()
            return Reason.SUCCESS
        acknowledged: Acknowledged = await self._answer(packet_id)
        if acknowledged.reason >= 0x80:
            raise Rejected(f"the message to {topic}", [acknowledged.reason], acknowledged.text)
        return acknowledged.reason

    async def subscribe(
        self,
        *filters: str | Subscription,
        qos: int = 0,
        no_local: bool = False,
        retain_as_published: bool = False,
        retain_handling: int = 0,
        identifier: int | None = None,
    ) -> tuple[Reason, ...]:
        """Subscribe.

        Args:
            filters: topic filters, or ``Subscription`` objects with options of their own.
            qos: the highest QoS of messages that are wanted.
            no_local: not the client's own messages (5.0).
            retain_as_published: keep the RETAIN flag (5.0).
            retain_handling: 0 = retained messages now, 1 = if the subscription is new, 2 = none (5.0).
            identifier: comes with each message that it brings (5.0).

        Returns:
            The QoS that was granted for each filter.

        Raises:
            Rejected: the server refused a filter; ``reasons`` has the answers to all of them.
            Disconnected: the connection ended first.
        """
        wanted = [
            each
            if isinstance(each, Subscription)
            else Subscription(each, qos, no_local, retain_as_published, retain_handling)
            for each in filters
        ]
        if not wanted:
            raise ValueError("a topic filter is needed")
        self._check()
        suback: Suback = await self._answer(self.session.subscribe(wanted, identifier))
        names = ", ".join(each.filter for each in wanted)
        return self._granted(f"the subscription to {names}", suback)

    async def unsubscribe(self, *filters: str) -> tuple[Reason, ...]:
        """Unsubscribe.

        Returns:
            ``SUCCESS`` or ``NO_SUBSCRIPTION_EXISTED`` for each filter; nothing before 5.0.

        Raises:
            Rejected: the server refused.
            Disconnected: the connection ended first.
        """
        if not filters:
            raise ValueError("a topic filter is needed")
        self._check()
        unsuback: Unsuback = await self._answer(self.session.unsubscribe(filters))
        return self._granted(f"to unsubscribe from {', '.join(filters)}", unsuback)

    def _granted(self, what: str, answer: Suback | Unsuback) -> tuple[Reason, ...]:
        if any(reason >= 0x80 for reason in answer.reasons):
            raise Rejected(what, answer.reasons, answer.properties.reason_string or "")
        return answer.reasons

    def __aiter__(self) -> Client:
        return self

    async def __anext__(self) -> Message:
        """The next message; ends after ``disconnect``.

        Raises:
            Disconnected: the connection was lost.
        """
        while not self._messages:
            if self.session.state is not State.CONNECTED:
                if self._problem is not None:
                    raise self._problem
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        event = self._messages.popleft()
        if event.packet_id:
            self.session.acknowledge(event)
            self._flush_soon()
        if self._paused and len(self._messages) <= self._max_messages // 2 and self._socket is not None:
            self._paused = False
            self.session.waited(asyncio.get_running_loop().time())
            self._socket.resume()
        return event.message

    # -- machinery ---------------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self.session.state is not State.CONNECTED:
            raise self._problem or StateError("the client is not connected")

    async def _answer(self, packet_id: int) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[packet_id] = future
        self._flush()
        self._take(self.session.take_events())
        try:
            return await future
        finally:
            self._answers.pop(packet_id, None)

    def _received(self, data: bytes) -> None:
        self._take(self.session.receive(data))
        self._flush()

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Received):
                self._messages.append(event)
                self._arrived.set()
            elif isinstance(event, (Acknowledged, Suback, Unsuback)):
                future = self._answers.pop(event.packet_id, None)
                if future is not None and not future.done():
                    future.set_result(event)
                if self._room:
                    self._wake(self._room)
            elif isinstance(event, Connack):
                self._on_connack(event)
            elif isinstance(event, Lost):
                self._over(Disconnected(event.text, event.reason))
        if len(self._messages) > self._max_messages and not self._paused and self._socket is not None:
            self._paused = True
            self._socket.pause()

    def _on_connack(self, packet: Connack) -> None:
        waiting = self._connected
        assert waiting is not None
        if packet.reason:
            properties = packet.properties
            if not waiting.done():
                waiting.set_exception(
                    Refused(packet.reason, properties.reason_string or "", properties.server_reference)
                )
            return
        if packet.session_present:
            # the server sends again what was not taken before
            self._messages = deque(each for each in self._messages if each.message.qos != 1)
        if not waiting.done():
            waiting.set_result(packet)
        self._arm()

    def _over(self, problem: Disconnected) -> None:
        """The connection is lost: tell all who wait."""
        self._problem = problem
        if self._connected is not None and not self._connected.done():
            self._connected.set_exception(problem)
        for future in self._answers.values():
            if not future.done():
                future.set_exception(problem)
        self._answers.clear()
        self._wake(self._room)
        self._arrived.set()
        self._flush()
        if self._socket is not None:
            self._socket.close()

    @staticmethod
    def _wake(futures: list[asyncio.Future[None]]) -> None:
        waiting, futures[:] = futures[:], []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _closed(self, event: Any) -> None:
        error = event.detail
        text = f"the connection was lost: {error}" if error is not None else "the server closed the connection"
        self.session.lost(text)
        self._take(self.session.take_events())

    def _give_up(self) -> None:
        """Nothing of the connection is left."""
        socket, self._socket, self._writer = self._socket, None, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._draining is not None:
            self._draining.cancel()
            self._draining = None
        if socket is not None:
            socket.remove_event_listener("close", self._closed)
            socket.abort()
        problem = self._problem or Disconnected("the client disconnected")
        for future in self._answers.values():
            if not future.done():
                future.set_exception(problem)
        self._answers.clear()
        self._wake(self._room)
        self._arrived.set()

    def _flush(self) -> None:
        """Write what the session has, unless the server does not read: then it waits."""
        self._flushing = False
        writer, socket = self._writer, self._socket
        if writer is None or socket is None or self._draining is not None:
            return
        data = self.session.take_output(asyncio.get_running_loop().time())
        if not data:
            return
        try:
            writer.write(data)
        except StateError:
            return  # closed meanwhile: the close event tells
        if socket.congested:
            self._draining = asyncio.create_task(self._drain(writer))

    async def _drain(self, writer: Writer) -> None:
        try:
            await writer.ready
        except (OSError, StateError):
            return  # told by the close event
        finally:
            self._draining = None
        self._flush()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _arm(self) -> None:
        """One timer, which looks at the session when it is due."""
        at = self.session.next_timeout()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None and self._socket is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, at - loop.time()), self._due)

    def _due(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        if self._paused:
            self.session.waited(now)
        self.session.handle_timer(now)
        self._flush()
        self._take(self.session.take_events())
        self._arm()
