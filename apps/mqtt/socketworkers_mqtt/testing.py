"""A broker for tests: what the pytest fixture ``mqtt_broker`` gives. Works from plain and from async tests.

::

    def test_lamp(mqtt_broker):
        with Lamp(mqtt_broker.host, mqtt_broker.port):
            mqtt_broker.wait_for_subscriber("lamp/set")
            mqtt_broker.publish("lamp/set", "on")
            assert mqtt_broker.wait_for("lamp/state").text == "on"
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, overload

from socketworkers import Env
from socketworkers.sasl import GuessLimiter
from socketworkers.testing import AppFixture

from . import app
from .broker import Broker
from .client import Message
from .codec import (
    EMPTY_PUBLISH,
    Connect,
    PacketType,
    Publish,
    PublishProperties,
    PublishRun,
    Reason,
    Subscribe,
    encode_ack,
    encode_suback,
    parse_filter,
)
from .codec.publish_properties import decode_publish_properties
from .codec.reasons import CONNACK_REASONS, PUBACK_REASONS, SUBACK_REASONS
from .connection import TRANSITIONS, Connection
from .message import Message as RoutedMessage
from .object import BrokerObject
from .outgoing import Outgoing
from .router import Router
from .session import Session
from .state import State
from .topics import filter_matches

__all__ = ["Message", "TestBroker"]

#: messages that are kept for ``messages`` and ``wait_for``
MOST = 100_000
#: rows of one look at the retained messages
PAGE = 1000
#: what can be refused, and with which reason codes
_REFUSALS = {"CONNECT": CONNACK_REASONS, "PUBLISH": PUBACK_REASONS, "SUBSCRIBE": SUBACK_REASONS}


class _RecordingRouter(Router):
    """A router that also tells what came."""

    __slots__ = ("_recorder",)

    def __init__(self, broker: Broker, recorder: Callable[[Message], object]) -> None:
        super().__init__(broker)
        self._recorder = recorder

    def publish(self, message: RoutedMessage, sender: Session | None) -> bool:
        self._recorder(_message(message, self._broker.now, sender.client_id if sender is not None else ""))
        return super().publish(message, sender)

    def publish_run(self, sender: Outgoing, run: PublishRun) -> None:
        topic = run.topic.decode()
        for payload in run.payloads():
            self._recorder(Message(topic, payload, client_id=sender.client_id))
        super().publish_run(sender, run)


def _message(message: RoutedMessage, now: float, client_id: str) -> Message:
    properties = EMPTY_PUBLISH
    if message.passed:
        encoded = PublishProperties(passed=message.passed).encode()
        properties, _ = decode_publish_properties(encoded, 0, len(encoded))
    return Message(
        message.topic.decode(),
        message.payload,
        message.qos,
        message.retain,
        max(0, round(message.expires_at - now)) if message.expires_at is not None else None,
        properties.content_type,
        properties.response_topic,
        properties.correlation_data,
        properties.payload_format,
        properties.user_properties,
        client_id=client_id,
    )


class _ScriptedConnection(Connection):
    """A connection that refuses what a test wants it to refuse."""

    __slots__ = ()

    script: ClassVar[dict[str, deque[Reason]]]
    changed: ClassVar[Callable[[], object]]

    def _scripted(self, packet: str) -> Reason | None:
        reasons = self.script.get(packet)
        return reasons.popleft() if reasons else None

    def _on_connect(self, packet: Connect) -> None:
        reason = self._scripted("CONNECT")
        if reason is None:
            super()._on_connect(packet)
        else:
            self._connect = packet
            self.version = self.decoder.version = packet.version
            self._refuse(reason, "refused by the test")
        type(self).changed()

    def _on_publish(self, packet: Publish) -> None:
        reason = self._scripted("PUBLISH")
        if reason is None:
            super()._on_publish(packet)
        elif packet.qos and self.version == 5:
            kind = PacketType.PUBACK if packet.qos == 1 else PacketType.PUBREC
            self.answer(encode_ack(5, kind, packet.packet_id, reason), False)
        elif packet.qos:
            self.disconnect(reason, "refused by the test")  # 3.1.1 has no other way to say it ([MQTT-3.3.5-2])

    def _on_publish_run(self, run: PublishRun) -> None:
        left = [payload for payload in run.payloads() if self._scripted("PUBLISH") is None]
        if len(left) == run.count:
            super()._on_publish_run(run)
        else:
            for payload in left:
                super()._on_publish(Publish(run.topic, payload))

    def _on_subscribe(self, packet: Subscribe) -> None:
        reason = self._scripted("SUBSCRIBE")
        if reason is None:
            super()._on_subscribe(packet)
        else:
            self.answer(encode_suback(self.version, packet.packet_id, [reason] * len(packet.subscriptions)), False)
        type(self).changed()


_ScriptedConnection.table = {
    state: {
        packet: getattr(_ScriptedConnection, name) for (at, packet), (name, _) in TRANSITIONS.items() if at is state
    }
    for state in State
}


class TestBroker(AppFixture):
    """A broker in a thread: takes all clients of this machine, keeps everything in memory.

    Args:
        settings: of the app; ``tls="auto"`` and ``tls_port=0`` for TLS, ``acl_file=...``, ``max_inflight=...``.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(app, **{"sys_interval": 0.0, **settings})
        self._object: BrokerObject
        self._messages: deque[Message] = deque(maxlen=MOST)
        self._script: dict[str, deque[Reason]] = {}

    def _started(self, env: Env) -> None:
        mqtt = env.mqtt
        mqtt.sleep = lambda seconds: asyncio.sleep(0)  # a wrong password need not wait here
        self._object = owner = mqtt.object
        owner.broker.router = _RecordingRouter(owner.broker, self._record)
        members = {"__slots__": (), "script": self._script, "changed": self._changed.set}
        owner.connection_class = type("ScriptedConnection", (_ScriptedConnection,), members)

    def _record(self, message: Message) -> None:
        if not message.topic.startswith("$SYS/"):
            self._messages.append(message)
            self._changed.set()

    # -- messages ----------------------------------------------------------------------------------------------

    def messages(self, topic: str = "#") -> list[Message]:
        """What was published, oldest first; wills, and messages of the test's own, too.

        Args:
            topic: a topic filter.
        """
        wanted = _filter(topic)
        return self.server.call(self._matching, wanted)

    def _matching(self, wanted: bytes) -> list[Message]:
        return [message for message in self._messages if filter_matches(wanted, message.topic.encode())]

    @overload
    def wait_for(self, topic: str, *, timeout: float = ...) -> Message: ...

    @overload
    def wait_for(self, topic: str, count: int, *, timeout: float = ...) -> list[Message]: ...

    def wait_for(self, topic: str, count: int | None = None, *, timeout: float = 5.0) -> Message | list[Message]:
        """Wait for messages. Those that came before count, too.

        Args:
            topic: a topic filter.
            count: wait for so many and return the list; without it, for one.
            timeout: seconds.

        Raises:
            AssertionError: they did not come; the message tells what came.
        """
        wanted = _filter(topic)

        async def look() -> list[Message] | None:
            found = self._matching(wanted)
            return found if len(found) >= (count or 1) else None

        def missing() -> str:
            came = ", ".join(f"{message.topic} {message.payload[:40]!r}" for message in list(self._messages)[-20:])
            return (
                f"{len(self._matching(wanted))} of {count or 1} messages for {topic} came within {timeout:g} s; "
                f"there are: {came or 'none'}"
            )

        found = self._wait_until(look, missing, timeout)
        return found[0] if count is None else found

    def wait_for_subscriber(self, topic: str, *, timeout: float = 5.0) -> None:
        """Wait until a connected client is subscribed to a topic.

        Raises:
            AssertionError: nobody is, within ``timeout`` seconds; the message tells who is subscribed to what.
        """
        name = topic.encode()
        broker = self._object.broker

        async def look() -> bool | None:
            route = broker.router.route(name)
            sessions = [*route.plain, *(entry.session for entry in route.special)]
            sessions += [member.session for group in route.groups for member in group.members]
            return True if any(session.connection is not None for session in sessions) else None

        def missing() -> str:
            there = "; ".join(
                f"{session.client_id}: {', '.join(session.subscriptions or ()) or 'nothing'}"
                for session in broker.sessions.values()
            )
            return f"nobody subscribed to {topic} within {timeout:g} s; there are: {there or 'no clients'}"

        self._wait_until(look, missing, timeout)

    def wait_for_client(self, client_id: str, *, timeout: float = 5.0) -> None:
        """Wait until a client is connected.

        Raises:
            AssertionError: it is not, within ``timeout`` seconds.
        """

        async def look() -> bool | None:
            return True if client_id in self._clients() else None

        def missing() -> str:
            there = ", ".join(self._clients())
            return f"{client_id} did not connect within {timeout:g} s; there are: {there or 'no clients'}"

        self._wait_until(look, missing, timeout)

    def publish(
        self, topic: str, payload: str | bytes = b"", qos: int = 0, retain: bool = False, **properties: Any
    ) -> None:
        """Publish a message as if a client had; it is with its subscribers' sockets when this returns.

        Args:
            topic: topic name.
            payload: text (sent as UTF-8) or bytes.
            qos: 0, 1 or 2.
            retain: whether it is kept for later subscribers.
            properties: other fields of ``Message``: ``content_type``, ``user_properties``, ``expiry``, ...
        """
        data = payload.encode() if isinstance(payload, str) else payload
        self.server.run(self._publish(Message(topic, data, qos, retain, **properties)))

    async def _publish(self, message: Message) -> None:
        owner = self._object
        now = owner.now()
        expires_at = now + message.expiry if message.expiry is not None else None
        owner.broker.publish(
            RoutedMessage(
                message.topic.encode(),
                message.payload,
                message.qos,
                message.retain,
                passed=message.passed,
                expires_at=expires_at,
            )
        )
        owner.settle()
        await owner.ctx.storage.synced()

    def retained(self, topic: str = "#") -> list[Message]:
        """The retained messages by topic.

        Args:
            topic: a topic filter.
        """
        return self.server.call(self._retained, _filter(topic))

    def _retained(self, wanted: bytes) -> list[Message]:
        owner = self._object
        now = owner.now()
        found: list[Message] = []
        after: bytes | None = None
        while True:
            rows, after = owner.broker.retained.page(wanted, after, PAGE)
            found += [
                _message(RoutedMessage(row[0], row[1], row[2], True, passed=row[3], expires_at=row[4]), now, "")
                for row in rows
            ]
            if after is None:
                return found

    def clear(self) -> None:
        """Forget the messages that came, and those that are retained."""
        self.server.run(self._clear())

    async def _clear(self) -> None:
        owner = self._object
        broker = owner.broker
        now = owner.now()
        broker.write()
        while rows := broker.store.retained_page(b"", None, PAGE, now):
            for row in rows:
                broker.retain(RoutedMessage(row[0], b"", 0, True))
            broker.write()
        owner.settle()
        await owner.ctx.storage.synced()
        self._messages.clear()

    def reset(self) -> None:
        """As new: no clients, no sessions, no messages, no users, no failures."""

        async def renew() -> None:
            owner, mqtt = self._object, self.server.server.env.mqtt
            owner.now()
            self._script.clear()
            for link in list(owner.links):
                link.connection.disconnect(Reason.ADMINISTRATIVE_ACTION, "the test is over")
            for session in list(owner.broker.sessions.values()):
                owner.broker.end(session)
            mqtt.limiter = GuessLimiter(time.monotonic)
            for name in list(mqtt.users.credentials):
                mqtt.remove_user(name)
            await self._clear()

        self.server.run(renew())

    # -- clients -----------------------------------------------------------------------------------------------

    @property
    def clients(self) -> list[str]:
        """Identifiers of the clients that are connected."""
        return self.server.call(self._clients)

    def _clients(self) -> list[str]:
        sessions = self._object.broker.sessions
        return sorted(client_id for client_id, session in sessions.items() if session.connection is not None)

    def kick(self, client_id: str, *, forget: bool = False) -> None:
        """Disconnect a client; its will is published.

        Args:
            client_id: its identifier.
            forget: end its session, too.

        Raises:
            LookupError: there is no such client.
        """

        def act() -> bool:
            owner = self._object
            owner.now()
            found = owner.broker.kick(client_id, forget=forget)
            owner.settle()
            return found

        if not self.server.call(act):
            raise LookupError(f"there is no client {client_id}; there are: {', '.join(self.clients) or 'none'}")

    def credentials(self, username: str, password: str) -> tuple[str, str]:
        """Add a user; from now on clients have to log in."""
        self.server.call(self.server.server.env.mqtt.set_password, username, password)
        return username, password

    def fail_next(self, packet: str, reason: Reason | int | str = Reason.UNSPECIFIED_ERROR, *, times: int = 1) -> None:
        """Refuse the next packet.

        A refused QoS 0 message is dropped without a word; one of QoS 1 or 2 from a 3.1.1 client ends its connection.

        Args:
            packet: ``CONNECT``, ``PUBLISH`` or ``SUBSCRIBE``.
            reason: the reason code, or its name: ``"QUOTA_EXCEEDED"``.
            times: how many times.

        Raises:
            ValueError: no such packet or reason, or a packet that cannot have it.
        """
        if packet not in _REFUSALS:
            raise ValueError(f"packet must be one of {', '.join(_REFUSALS)}")
        try:
            code = Reason[reason] if isinstance(reason, str) else Reason(reason)
        except (KeyError, ValueError):
            raise ValueError(f"{reason!r} is no reason code") from None
        if code < 0x80 or code not in _REFUSALS[packet]:
            fitting = ", ".join(each.name for each in _REFUSALS[packet].values() if each >= 0x80)
            raise ValueError(f"{packet} is not refused with {code.name}; it can be with {fitting}")
        self.server.call(lambda: self._script.setdefault(packet, deque()).extend([code] * times))


def _filter(topic: str) -> bytes:
    return "/".join(parse_filter(topic).levels).encode()
