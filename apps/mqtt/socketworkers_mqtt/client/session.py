"""The client's half of the protocol: one session over any number of connections. No socket, no clock, no log.

Bytes that came go into ``receive``, which gives events; bytes to be sent gather until ``take_output``. Messages of
QoS 1 and 2 that were not acknowledged are sent again on the next connection ([MQTT-4.4.0-1]); those that came are the
server's until ``acknowledge``.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from socketworkers.errors import LimitExceeded, StateError
from socketworkers.sasl import ScramClient

from ..codec import (
    PINGREQ,
    Ack,
    Acks,
    Auth,
    Connack,
    Decoder,
    Disconnect,
    MalformedPacket,
    PacketType,
    Pingresp,
    Properties,
    Publish,
    PublishRun,
    Reason,
    Suback,
    Subscription,
    Unsuback,
    encode_ack,
    encode_acks,
    encode_auth,
    encode_connect,
    encode_disconnect,
    encode_subscribe,
    encode_unsubscribe,
    publish_parts,
    set_dup,
    valid_topic,
)
from .events import Acknowledged, Event, Lost, Received
from .message import Message
from .options import ConnectOptions

__all__ = ["TRANSITIONS", "ClientSession", "State"]


class State(enum.Enum):
    """Where a connection of the client is."""

    DISCONNECTED = "is not connected"
    CONNECTING = "waits for CONNACK"
    CONNECTED = "is connected"


#: What a server may send when (MQTT 5.0 §3.2 to §3.15). Anything else is a Protocol Error (§4.13.1).
TRANSITIONS: Final[dict[tuple[State, type], tuple[str, str]]] = {
    (State.CONNECTING, Connack): ("_on_connack", "[MQTT-3.2.0-1]"),
    (State.CONNECTING, Auth): ("_on_auth", "§4.12"),
    (State.CONNECTED, Auth): ("_on_auth", "§4.12.1"),
    (State.CONNECTED, PublishRun): ("_on_publish_run", "§3.3"),
    (State.CONNECTED, Publish): ("_on_publish", "§3.3"),
    (State.CONNECTED, Acks): ("_on_acks", "§3.4 to §3.7"),
    (State.CONNECTED, Ack): ("_on_ack", "§3.4 to §3.7"),
    (State.CONNECTED, Suback): ("_on_answer", "§3.9"),
    (State.CONNECTED, Unsuback): ("_on_answer", "§3.11"),
    (State.CONNECTED, Pingresp): ("_on_pingresp", "§3.13"),
    (State.CONNECTED, Disconnect): ("_on_disconnect", "§3.14"),
}

_WAITING, _SENT, _RELEASED = range(3)


class _Publication:
    """A QoS 1 or 2 message of ours until it is acknowledged."""

    __slots__ = ("dup", "message", "state")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.state = _WAITING
        self.dup = False


class ClientSession:
    """See the module.

    Args:
        options: what the client says of itself.
    """

    __slots__ = (
        "_aliases",
        "_asked",
        "_connection",
        "_decoder",
        "_events",
        "_incoming",
        "_last_sent",
        "_open",
        "_out",
        "_ping_at",
        "_publications",
        "_quota",
        "_quota_most",
        "_scram",
        "_since",
        "_waiting",
        "client_id",
        "connack",
        "keep_alive",
        "next_id",
        "options",
        "state",
    )

    table: dict[State, dict[type, Callable[[Any, Any], None]]]

    def __init__(self, options: ConnectOptions) -> None:
        self.options = options
        self.state = State.DISCONNECTED
        #: the identifier in use; the server's choice once it has made one (§3.2.2.3.7)
        self.client_id = options.client_id
        #: the server's last CONNACK: its limits
        self.connack: Connack | None = None
        #: seconds; the server's choice goes before ours ([MQTT-3.1.2-21])
        self.keep_alive = options.keep_alive
        #: the packet identifier that was used last
        self.next_id = 0
        self._connection = 0
        self._decoder: Decoder | None = None
        self._events: list[Event] = []
        self._out: list[bytes] = []
        self._publications: dict[int, _Publication] = {}
        self._waiting: deque[int] = deque()
        #: SUBSCRIBE and UNSUBSCRIBE that were not answered
        self._asked: set[int] = set()
        #: QoS 2 messages that came and are not released; whether PUBREC was sent
        self._incoming: dict[int, bool] = {}
        #: QoS 1 and 2 messages of this connection whose last acknowledgement was not sent (§4.9)
        self._open: set[int] = set()
        self._aliases: dict[int, bytes] = {}
        self._quota = self._quota_most = 0
        self._scram: ScramClient | None = None
        self._since = self._last_sent = 0.0
        self._ping_at: float | None = None

    # -- what the owner asks -----------------------------------------------------------------------------------

    @property
    def unacknowledged(self) -> int:
        """QoS 1 and 2 messages of ours that are under way or wait."""
        return len(self._publications)

    def connect(self, now: float, nonce: str = "") -> None:
        """A network connection is there: send CONNECT ([MQTT-3.1.0-1]).

        Args:
            now: seconds of any clock that never goes back.
            nonce: unguessable text, with ``scram``.

        Raises:
            StateError: the session has a connection.
            ValueError: options that cannot be encoded; SCRAM without a nonce.
        """
        if self.state is not State.DISCONNECTED:
            raise StateError("the session has a connection")
        options = self.options
        data = None
        if options.scram:
            if not nonce:
                raise ValueError("SCRAM needs a nonce")
            assert options.username is not None
            assert options.password is not None
            self._scram = ScramClient(options.username, options.password.decode(), nonce)
            data = self._scram.first()
        packet = encode_connect(options.packet(data))
        self._connection += 1
        self._decoder = Decoder(max_packet=options.max_packet, version=options.version, role="client")
        self._aliases.clear()
        self._open.clear()
        self._asked.clear()
        self._out.clear()
        self._ping_at = None
        self._since = now
        self.state = State.CONNECTING
        self._out.append(packet)

    def receive(self, data: bytes) -> list[Event]:
        """Take what the server sent; b"" = its end."""
        decoder = self._decoder
        if self.state is not State.DISCONNECTED and decoder is not None:
            if not data:
                self.lost("the server closed the connection")
            else:
                self._run(decoder.receive(data))
                if decoder.fault is not None:
                    self._faulty(decoder.fault)
        return self.take_events()

    def take_events(self) -> list[Event]:
        """What has happened since the last call of this or of ``receive``."""
        events, self._events = self._events, []
        return events

    def take_output(self, now: float) -> bytes:
        """Bytes to be sent."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        self._last_sent = now
        return data

    def next_timeout(self) -> float | None:
        """When ``handle_timer`` has something to do."""
        if self.state is State.CONNECTING:
            return self._since + self.options.connect_timeout
        if self.state is State.DISCONNECTED or not self.keep_alive:
            return None
        if self._ping_at is not None:
            return self._ping_at + self.options.ping_timeout
        return self._last_sent + self.keep_alive

    def handle_timer(self, now: float) -> None:
        """Send PINGREQ in time ([MQTT-3.1.2-20]), and give up a server that does not answer (§3.1.2.10)."""
        at = self.next_timeout()
        if at is None or now < at:
            return
        if self.state is State.CONNECTING:
            self.lost("the server did not answer CONNECT in time")
        elif self._ping_at is not None:
            self.lost("the server did not answer PINGREQ in time")
        else:
            self._ping_at = now
            self._out.append(PINGREQ)

    def waited(self, now: float) -> None:
        """What the server may have sent was not read until now, for lack of room: its answer to PINGREQ has time."""
        if self._ping_at is not None:
            self._ping_at = now

    def publish(self, message: Message) -> int:
        """Send a message; with QoS 1 and 2 it is kept until it is acknowledged.

        Returns:
            The packet identifier that ``Acknowledged`` will name; 0 with QoS 0.

        Raises:
            StateError: not connected, and QoS 0.
            LimitExceeded: too many messages wait, or the server takes no such message (it told its limits).
            ValueError: a message that cannot be encoded.
        """
        qos = message.qos
        if qos not in (0, 1, 2):
            raise ValueError("the QoS is 0, 1 or 2")
        if not qos and self.state is not State.CONNECTED:
            raise StateError("the client is not connected")
        if qos and len(self._publications) >= self.options.max_queued:
            raise LimitExceeded(f"{len(self._publications)} messages wait to be acknowledged")
        if not valid_topic(message.topic.encode()):
            raise ValueError(f"{message.topic!r} is not the name of a topic")  # [MQTT-3.3.2-2], [MQTT-4.7.3-1]
        parts = self._encode(message)
        if self.state is State.CONNECTED and (reason := self._unfit(message, parts)) is not None:
            raise LimitExceeded(f"the server does not take it: {reason.name}")
        if not qos:
            self._out.append(parts[0] + parts[1])
            return 0
        packet_id = self._new_id()
        self._publications[packet_id] = _Publication(message)
        self._waiting.append(packet_id)
        if self.state is State.CONNECTED:
            self._pump()
        return packet_id

    def subscribe(self, subscriptions: Iterable[Subscription], identifier: int | None = None) -> int:
        """Send SUBSCRIBE; returns the packet identifier that ``Suback`` will name.

        Raises:
            StateError: not connected.
            ValueError: a filter that cannot be encoded.
        """
        self._need_connection()
        properties = Properties(subscription_identifier=identifier) if identifier is not None else None
        packet_id = self._new_id()
        self._out.append(encode_subscribe(self.options.version, packet_id, subscriptions, properties))
        self._asked.add(packet_id)
        return packet_id

    def unsubscribe(self, filters: Iterable[str]) -> int:
        """Send UNSUBSCRIBE; returns the packet identifier that ``Unsuback`` will name.

        Raises:
            StateError: not connected.
            ValueError: a filter that cannot be encoded.
        """
        self._need_connection()
        packet_id = self._new_id()
        self._out.append(encode_unsubscribe(self.options.version, packet_id, filters))
        self._asked.add(packet_id)
        return packet_id

    def acknowledge(self, event: Received) -> None:
        """Take a message over from the server; call it in the order in which they came ([MQTT-4.6.0-2])."""
        qos, packet_id = event.message.qos, event.packet_id
        if qos == 1:
            # one of an earlier connection comes again by itself
            if event.connection == self._connection and packet_id in self._open:
                self._open.discard(packet_id)
                self._out.append(encode_acks(PacketType.PUBACK, [packet_id]))
        elif qos == 2 and self._incoming.get(packet_id) is False:
            self._incoming[packet_id] = True
            if packet_id in self._open:
                self._out.append(encode_acks(PacketType.PUBREC, [packet_id]))

    def disconnect(self, reason: Reason = Reason.NORMAL_DISCONNECTION, session_expiry: int | None = None) -> None:
        """Send DISCONNECT; nothing follows it ([MQTT-3.14.4-2]).

        Args:
            reason: ``DISCONNECT_WITH_WILL_MESSAGE`` has the will published.
            session_expiry: a new Session Expiry Interval, 5.0 only.
        """
        if self.state is State.CONNECTED:
            properties = Properties(session_expiry_interval=session_expiry) if session_expiry is not None else None
            self._out.append(encode_disconnect(self.options.version, reason, properties))
        self.state = State.DISCONNECTED

    def lost(self, text: str, reason: Reason | None = None) -> None:
        """The network connection is over."""
        if self.state is not State.DISCONNECTED:
            self.state = State.DISCONNECTED
            self._events.append(Lost(text, reason))

    # -- packets in --------------------------------------------------------------------------------------------

    def _run(self, packets: list[Any]) -> None:
        for packet in packets:
            handler = self.table[self.state].get(packet.__class__)
            try:
                if handler is None:
                    name = type(packet).__name__.upper()
                    raise MalformedPacket(f"{name} while the client {self.state.value}", Reason.PROTOCOL_ERROR)
                handler(self, packet)
            except MalformedPacket as error:
                self._faulty(error)
            if self.state is State.DISCONNECTED:
                return

    def _faulty(self, error: MalformedPacket) -> None:
        """The server broke the rules: DISCONNECT with the reason, then the end (§4.13)."""
        if self.state is State.DISCONNECTED:
            return
        if self.state is State.CONNECTED and self.options.version == 5:
            self._out.append(encode_disconnect(5, error.reason))
        self.lost(f"the server broke the protocol: {error}", error.reason)

    def _on_connack(self, packet: Connack) -> None:
        self._events.append(packet)
        self.connack = packet
        if packet.reason:
            self.state = State.DISCONNECTED
            return
        properties = packet.properties
        scram, self._scram = self._scram, None
        if scram is not None and not scram.verify(properties.authentication_data or b""):
            raise MalformedPacket("the server does not know the password itself", Reason.NOT_AUTHORIZED)
        self.state = State.CONNECTED
        if properties.assigned_client_identifier is not None:
            self.client_id = properties.assigned_client_identifier
        asked = self.options.keep_alive
        self.keep_alive = asked if properties.server_keep_alive is None else properties.server_keep_alive
        self._quota = self._quota_most = properties.receive_maximum or 0xFFFF
        # MQTT 3.1 §3.2 does not tell: a session that was not to be cleaned is taken to be there
        if not self.options.clean_start and (packet.session_present or self.options.version == 3):
            self._resume()
        else:
            self._start_afresh()
        self._pump()

    def _resume(self) -> None:
        """Send again what was not acknowledged, in its order ([MQTT-4.4.0-1], [MQTT-4.6.0-1])."""
        again = []
        for packet_id, publication in self._publications.items():
            if publication.state == _RELEASED:
                self._quota -= 1
                self._out.append(encode_acks(PacketType.PUBREL, [packet_id]))
            elif publication.state == _SENT:
                publication.state = _WAITING
                publication.dup = True
                again.append(packet_id)
        self._waiting.extendleft(reversed(again))
        # those that we took already are answered when they come again; QoS 1 ones come again as a whole
        self._open.update(packet_id for packet_id, taken in self._incoming.items() if taken)

    def _start_afresh(self) -> None:
        """The server has no session: ours is forgotten ([MQTT-3.2.2-5]); what it did not acknowledge is sent as new."""
        self._incoming.clear()
        again = []
        for packet_id, publication in list(self._publications.items()):
            if publication.state == _RELEASED:
                self._done(packet_id)
                self._events.append(Acknowledged(packet_id))
            elif publication.state == _SENT:
                publication.state = _WAITING
                again.append(packet_id)
        self._waiting.extendleft(reversed(again))

    def _on_auth(self, packet: Auth) -> None:
        if self._scram is None or packet.reason is not Reason.CONTINUE_AUTHENTICATION:
            raise MalformedPacket("AUTH that was not asked for", Reason.PROTOCOL_ERROR)
        try:
            data = self._scram.final(packet.properties.authentication_data or b"")
        except ValueError as error:
            raise MalformedPacket(f"a wrong challenge: {error}", Reason.PROTOCOL_ERROR) from None
        properties = Properties(authentication_method="SCRAM-SHA-256", authentication_data=data)
        self._out.append(encode_auth(5, Reason.CONTINUE_AUTHENTICATION, properties))

    def _on_publish_run(self, run: PublishRun) -> None:
        topic = run.topic.decode()
        self._events.extend([Received(Message(topic, payload)) for payload in run.payloads()])

    def _on_publish(self, packet: Publish) -> None:
        topic = packet.topic
        properties = packet.properties
        if properties is not None and properties.alias:
            topic = self._alias(properties.alias, topic)
        qos, packet_id = packet.qos, packet.packet_id
        if qos:
            if self.options.version == 5 and len(self._open | {packet_id}) > self.options.receive_maximum:
                raise MalformedPacket("more messages than the receive maximum", Reason.RECEIVE_MAXIMUM_EXCEEDED)
            self._open.add(packet_id)
            if qos == 2:
                taken = self._incoming.get(packet_id)
                if taken is not None:  # [MQTT-4.3.3-10]: the same one again
                    if taken:
                        self._out.append(encode_acks(PacketType.PUBREC, [packet_id]))
                    return
                self._incoming[packet_id] = False
        self._events.append(Received(Message.of(packet, topic), packet_id, self._connection))

    def _alias(self, alias: int, topic: bytes) -> bytes:
        """Topic Alias of the server (§3.3.2.3.4)."""
        if alias > self.options.topic_alias_maximum:
            raise MalformedPacket("a topic alias beyond the maximum", Reason.TOPIC_ALIAS_INVALID)
        if topic:
            self._aliases[alias] = topic
            return topic
        known = self._aliases.get(alias)
        if known is None:
            raise MalformedPacket("a topic alias that was never set", Reason.PROTOCOL_ERROR)
        return known

    def _on_acks(self, packet: Acks) -> None:
        for packet_id in packet.packet_ids:
            self._acknowledged(packet.kind, packet_id, Reason.SUCCESS, "")

    def _on_ack(self, packet: Ack) -> None:
        self._acknowledged(packet.kind, packet.packet_id, packet.reason, packet.properties.reason_string or "")

    def _acknowledged(self, kind: int, packet_id: int, reason: Reason, text: str) -> None:
        if kind == PacketType.PUBREL:
            found = self._incoming.pop(packet_id, None) is not None
            self._open.discard(packet_id)
            missing = Reason.SUCCESS if found else Reason.PACKET_IDENTIFIER_NOT_FOUND
            self._out.append(encode_ack(self.options.version, PacketType.PUBCOMP, packet_id, missing))
            return
        publication = self._publications.get(packet_id)
        if kind == PacketType.PUBREC:
            if publication is None or publication.message.qos != 2 or publication.state == _WAITING:
                if reason < 0x80:
                    missing = Reason.PACKET_IDENTIFIER_NOT_FOUND
                    self._out.append(encode_ack(self.options.version, PacketType.PUBREL, packet_id, missing))
                return
            if reason < 0x80:
                publication.state = _RELEASED  # [MQTT-4.3.3-4]
                self._out.append(encode_acks(PacketType.PUBREL, [packet_id]))
                return
        elif publication is None or publication.state == _WAITING:
            return
        elif (kind == PacketType.PUBACK) is not (publication.message.qos == 1) or (
            kind == PacketType.PUBCOMP and publication.state != _RELEASED
        ):
            raise MalformedPacket("an acknowledgement that does not fit the QoS", Reason.PROTOCOL_ERROR)
        self._done(packet_id)
        self._quota = min(self._quota + 1, self._quota_most)
        self._events.append(Acknowledged(packet_id, reason, text))
        self._pump()

    def _on_answer(self, packet: Suback | Unsuback) -> None:
        if packet.packet_id in self._asked:
            self._asked.discard(packet.packet_id)
            self._events.append(packet)

    def _on_pingresp(self, packet: Pingresp) -> None:
        self._ping_at = None

    def _on_disconnect(self, packet: Disconnect) -> None:
        self._events.append(packet)
        self.lost(f"the server ended the connection: {packet.reason.name}", packet.reason)

    # -- messages out ------------------------------------------------------------------------------------------

    def _need_connection(self) -> None:
        if self.state is not State.CONNECTED:
            raise StateError("the client is not connected")

    def _new_id(self) -> int:
        """A packet identifier that is not in use ([MQTT-2.2.1-3]); what is in use is bounded far below 65,535."""
        number = self.next_id
        while True:
            number = number + 1 if number < 0xFFFF else 1
            if number not in self._publications and number not in self._asked:
                self.next_id = number
                return number

    def _encode(self, message: Message, dup: bool = False) -> tuple[bytes, bytes]:
        five = self.options.version == 5
        head, tail = publish_parts(
            self.options.version,
            message.topic.encode(),
            message.payload,
            qos=message.qos,
            retain=message.retain,
            expiry=message.expiry if five else None,
            passed=message.passed if five else b"",
        )
        return (set_dup(head) if dup else head), tail

    def _unfit(self, message: Message, parts: tuple[bytes, bytes]) -> Reason | None:
        """Why the server does not take a message, by what its CONNACK said."""
        assert self.connack is not None
        told = self.connack.properties
        if told.maximum_qos is not None and message.qos > told.maximum_qos:
            return Reason.QOS_NOT_SUPPORTED  # [MQTT-3.2.2-11]
        if message.retain and told.retain_available == 0:
            return Reason.RETAIN_NOT_SUPPORTED  # [MQTT-3.2.2-14]
        size = len(parts[0]) + len(parts[1]) + (2 if message.qos else 0)
        if told.maximum_packet_size is not None and size > told.maximum_packet_size:
            return Reason.PACKET_TOO_LARGE  # [MQTT-3.2.2-15]
        return None

    def _pump(self) -> None:
        """Send what waits, as far as the server's receive maximum allows ([MQTT-3.3.4-9])."""
        while self._waiting and self._quota > 0:
            packet_id = self._waiting.popleft()
            publication = self._publications[packet_id]
            parts = self._encode(publication.message, publication.dup)
            reason = self._unfit(publication.message, parts)
            if reason is not None:
                self._done(packet_id)
                self._events.append(Acknowledged(packet_id, reason))
                continue
            self._quota -= 1
            publication.state = _SENT
            self._out.append(parts[0] + packet_id.to_bytes(2) + parts[1])

    def _done(self, packet_id: int) -> None:
        del self._publications[packet_id]


ClientSession.table = {
    state: {packet: getattr(ClientSession, name) for (at, packet), (name, _) in TRANSITIONS.items() if at is state}
    for state in State
}
