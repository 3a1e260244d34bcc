"""A broker without sockets: a store in memory, clients that speak through the codec, a clock that the test moves.

``World`` does what the broker's object does at the end of a turn of the loop, at once; with ``disk_held`` the syncs
do not end, so that a test sees what waits for the disk. ``restart`` is a kill: only what was written is there again.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from socketworkers.sasl import Credentials, ScramVerifier
from socketworkers.storage import Storage
from socketworkers_mqtt.access import AccessControl, parse_acl
from socketworkers_mqtt.broker import Broker
from socketworkers_mqtt.codec import (
    PINGREQ,
    Ack,
    Acks,
    Auth,
    Connack,
    Connect,
    Decoder,
    Disconnect,
    Packet,
    PacketType,
    Properties,
    Publish,
    PublishRun,
    Reason,
    Suback,
    Subscription,
    Unsuback,
    Will,
    WillProperties,
    encode_ack,
    encode_auth,
    encode_connect,
    encode_disconnect,
    encode_subscribe,
    encode_unsubscribe,
    publish_parts,
    set_dup,
)
from socketworkers_mqtt.connection import Connection
from socketworkers_mqtt.limits import Limits
from socketworkers_mqtt.passwords import Users
from socketworkers_mqtt.store import MIGRATIONS, SqlStore

__all__ = ["NEVER", "Client", "Inline", "World", "access_of", "publish_bytes", "will"]

T = TypeVar("T")
NEVER = 0xFFFFFFFF
_NAMES = {3: "MQIsdp", 4: "MQTT", 5: "MQTT"}


class Inline:
    """An executor that works at once; what is for later waits until it is asked for."""

    def __init__(self) -> None:
        self._later: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()

    def run(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        done(work(), None)

    def soon(self, callback: Callable[..., Any], *args: Any) -> object:
        self._later.append((callback, args))
        return None

    def turn(self) -> None:
        """Call what waits."""
        while self._later:
            callback, args = self._later.popleft()
            callback(*args)


def access_of(
    acl: str | None = None, users: dict[str, str] | None = None, *, iterations: int = 64, **options: Any
) -> AccessControl:
    """Permissions by the text of an ACL file, and users with their passwords."""
    verifiers = {
        name: ScramVerifier.from_password(password, b"sixteen bytes ok", iterations)
        for name, password in (users or {}).items()
    }
    credentials = Credentials(verifiers, secret=b"of the test")
    return AccessControl(Users(credentials), parse_acl(acl) if acl is not None else None, **options)


def will(topic: str = "will", payload: bytes = b"gone", qos: int = 0, retain: bool = False, **properties: Any) -> Will:
    """A will."""
    return Will(topic, payload, qos, retain, WillProperties(**properties))


def publish_bytes(
    version: int,
    topic: str,
    payload: bytes = b"",
    qos: int = 0,
    retain: bool = False,
    packet_id: int = 0,
    *,
    dup: bool = False,
    **properties: Any,
) -> bytes:
    """One PUBLISH of a client."""
    head, tail = publish_parts(version, topic.encode(), payload, qos=qos, retain=retain, **properties)
    return (set_dup(head) if dup else head) + (packet_id.to_bytes(2, "big") if qos else b"") + tail


@dataclass(frozen=True)
class Seen:
    """An application message as a client got it."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False


class Client:
    """One connection of one client. ``received`` has every packet that came, in order; runs taken apart.

    Args:
        world: what it is connected to.
        version: protocol level.
        auto: answer messages as they come.
        options: of the connection (``identity``, ``loopback``).
    """

    def __init__(self, world: World, version: int, auto: bool, **options: Any) -> None:
        self.world = world
        self.version = version
        self.auto = auto
        self.connection = Connection(world.broker, **{"loopback": True, **options})
        self.connection.link = self
        self.decoder = Decoder(max_packet=1 << 28, version=version, role="client")
        self.received: list[Packet] = []
        self.raw = bytearray()
        self.held: list[tuple[bytes, int]] = []
        self.topics: dict[int, bytes] = {}
        self.connack: Connack | None = None
        self._ids = itertools.count(1)

    # -- raw -----------------------------------------------------------------------------------------------------

    def send(self, *data: bytes) -> Client:
        """Give bytes to the server, and let it finish its turn."""
        self.world.broker.now = self.world.now
        for piece in data:
            self.connection.receive(piece)
        self.world.settle()
        return self

    def arrived(self, data: bytes) -> None:
        """What the server sent."""
        if not data:
            return
        self.raw += data
        if self.connection.version:
            self.decoder.version = self.connection.version  # what CONNECT said, which a test may have spoiled
        for packet in self.decoder.receive(data):
            if isinstance(packet, PublishRun):
                for payload in packet.payloads():
                    self._got(Publish(packet.topic, payload))
            else:
                self._got(packet)
        assert self.decoder.fault is None, f"the server sent {data!r}: {self.decoder.fault}"

    def _got(self, packet: Packet) -> None:
        if isinstance(packet, Publish) and packet.properties is not None and packet.properties.alias:
            if packet.topic:
                self.topics[packet.properties.alias] = packet.topic
            else:
                packet.topic = self.topics[packet.properties.alias]
        self.received.append(packet)
        if isinstance(packet, Connack):
            self.connack = packet
        if not self.auto:
            return
        if isinstance(packet, Publish) and packet.qos:
            self.world.later(self.ack, PacketType.PUBACK if packet.qos == 1 else PacketType.PUBREC, packet.packet_id)
        elif isinstance(packet, Acks) and packet.kind in (PacketType.PUBREC, PacketType.PUBREL):
            for packet_id in packet.packet_ids:
                self.world.later(self.ack, PacketType(packet.kind + 1), packet_id)

    # -- what came -------------------------------------------------------------------------------------------------

    def take(self) -> list[Packet]:
        """What came since it was asked for last."""
        taken, self.received = self.received, []
        return taken

    def only(self, kind: type[T]) -> T:
        """The one packet of a kind among what came; the rest is forgotten."""
        found = [packet for packet in self.take() if isinstance(packet, kind)]
        assert len(found) == 1, f"{len(found)} of {kind.__name__}"
        return found[0]

    def publishes(self) -> list[Publish]:
        """Messages that came, as packets; the rest is forgotten."""
        return [packet for packet in self.take() if isinstance(packet, Publish)]

    def seen(self) -> list[Seen]:
        """Messages that came, in short; the rest is forgotten."""
        return [Seen(each.topic.decode(), each.payload, each.qos, each.retain, each.dup) for each in self.publishes()]

    def payloads(self) -> list[bytes]:
        """Payloads of the messages that came; the rest is forgotten."""
        return [each.payload for each in self.publishes()]

    @property
    def closed(self) -> bool:
        """Whether the server has ended the connection."""
        return self.connection.closing

    def ended(self, reason: Reason) -> bool:
        """Whether the server said DISCONNECT with this reason, as the last word, and closed."""
        last = self.received[-1] if self.received else None
        return self.closed and isinstance(last, Disconnect) and last.reason is reason

    # -- what a client does ----------------------------------------------------------------------------------------

    def packet_id(self) -> int:
        """One that is not in use."""
        return next(self._ids)

    def subscribe(self, *filters: str | Subscription, qos: int = 0, identifier: int | None = None) -> Suback:
        """SUBSCRIBE; the SUBACK is taken out of what came, what else came stays."""
        wanted = [each if isinstance(each, Subscription) else Subscription(each, qos) for each in filters]
        properties = Properties(subscription_identifier=identifier) if identifier is not None else None
        packet_id = self.packet_id()
        self.send(encode_subscribe(self.version, packet_id, wanted, properties))
        return self._answer(Suback, packet_id)

    def unsubscribe(self, *filters: str) -> Unsuback:
        """UNSUBSCRIBE."""
        packet_id = self.packet_id()
        self.send(encode_unsubscribe(self.version, packet_id, filters))
        return self._answer(Unsuback, packet_id)

    def _answer(self, kind: type[T], packet_id: int) -> T:
        for index, packet in enumerate(self.received):
            if isinstance(packet, kind) and getattr(packet, "packet_id", None) == packet_id:
                del self.received[index]
                return packet
        raise AssertionError(f"no {kind.__name__} among {self.received}")

    def publish(self, topic: str, payload: bytes = b"", qos: int = 0, retain: bool = False, **properties: Any) -> int:
        """PUBLISH; returns the packet identifier."""
        packet_id = self.packet_id() if qos else 0
        self.send(publish_bytes(self.version, topic, payload, qos, retain, packet_id, **properties))
        return packet_id

    def ack(self, kind: PacketType, packet_id: int, reason: int = 0) -> None:
        """An acknowledgement."""
        if not self.closed:
            self.send(encode_ack(self.version, kind, packet_id, reason))

    def acks(self) -> list[tuple[PacketType, int, Reason]]:
        """Acknowledgements that came, in order; the rest is forgotten."""
        found: list[tuple[PacketType, int, Reason]] = []
        for packet in self.take():
            if isinstance(packet, Acks):
                found += [(packet.kind, packet_id, Reason.SUCCESS) for packet_id in packet.packet_ids]
            elif isinstance(packet, Ack):
                found.append((packet.kind, packet.packet_id, packet.reason))
        return found

    def auth(self, reason: Reason, data: bytes | None = None, method: str = "SCRAM-SHA-256") -> Client:
        """AUTH."""
        return self.send(encode_auth(5, reason, Properties(authentication_method=method, authentication_data=data)))

    def server_auth(self) -> Auth:
        """The AUTH that came."""
        return self.only(Auth)

    def ping(self) -> Client:
        """PINGREQ."""
        return self.send(PINGREQ)

    def disconnect(self, reason: int = 0, **properties: Any) -> Client:
        """DISCONNECT."""
        return self.send(encode_disconnect(self.version, reason, Properties(**properties) if properties else None))

    def drop(self) -> Client:
        """The network connection breaks."""
        return self.send(b"")


class World:
    """See the module.

    Args:
        access: permissions; everybody may do everything by default.
        limits: of the broker.
    """

    def __init__(self, access: AccessControl | None = None, **limits: Any) -> None:
        self._executor = Inline()
        self.storage = Storage.open(None, self._executor, migrations=MIGRATIONS)
        self.access = access or access_of()
        self.limits = Limits(**limits)
        self.now = 1_000_000.0
        self.disk_held = False
        self._tokens = itertools.count(1)
        self._clients: list[Client] = []
        self._later: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._settling = False
        self.broker = self._make()

    def _make(self) -> Broker:
        return Broker(
            SqlStore(self.storage),
            self.access,
            self.limits,
            now=self.now,
            token=lambda: f"token-{next(self._tokens)}",
        )

    def close(self) -> None:
        """Give the store back."""
        self.storage.close_files()

    # -- the object's part -----------------------------------------------------------------------------------------

    def later(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Do something when this turn is over."""
        self._later.append((function, arguments))

    def settle(self) -> None:
        """Write, then send, until nothing is left to do."""
        if self._settling:
            return
        self._settling = True
        broker = self.broker
        try:
            while True:
                self._check_passwords()
                if broker.retained.busy:
                    broker.retained.step()
                broker.write()
                self.storage.flush()
                self._executor.turn()
                assert broker.trouble is None
                dirty, broker.dirty = broker.dirty, []
                for connection in dirty:
                    self._send(connection.link)
                if self._later and not broker.dirty:
                    function, arguments = self._later.popleft()
                    function(*arguments)
                elif not (dirty or broker.dirty or broker.retained.busy or broker.batch.dirty):
                    return
        finally:
            self._settling = False

    def _send(self, client: Client) -> None:
        connection = client.connection
        gated, closes = b"".join(connection.gated or ()), connection.gated_closes
        connection.gated = None
        connection.gated_closes = 0
        data = connection.take_output()
        if not connection.opening:
            client.arrived(data)
            data = b""
        if gated or data:
            client.held.append((gated + data, closes))
            if connection.held is None:
                connection.held = deque()
            connection.held.append((None, b"", 0))  # its mark that something waits
        if connection.closing:
            client.held.clear()  # what waited for the disk is not sent behind DISCONNECT
        elif not self.disk_held:
            self._release(client)

    def _release(self, client: Client) -> None:
        while client.held:
            data, closes = client.held.pop(0)
            assert client.connection.held is not None
            client.connection.held.popleft()
            client.connection.opening = False
            client.connection.receipts_closed(closes)
            client.arrived(data)
        if client.connection.late:
            client.connection.caught_up()

    def sync(self) -> None:
        """The syncs that were held have ended."""
        self.disk_held = False
        for client in self._clients:
            self._release(client)
        self.settle()

    def _check_passwords(self) -> None:
        for client in self._clients:
            request = client.connection.request
            if request is not None:
                right = self.access.users.check_password(request.username, request.password)
                client.connection.authenticated(request.username if right else None)

    def advance(self, seconds: float) -> None:
        """Move the clock; what is due on the way happens at its time."""
        target = self.now + seconds
        while (due := self.broker.next_timeout()) is not None and due <= target:
            self.now = self.broker.now = max(self.now, due)
            self.broker.handle_timer()
            self.settle()
        self.now = self.broker.now = target
        self.broker.handle_timer()
        self.settle()

    def restart(self, seconds: float = 0.0) -> None:
        """Kill the broker and start another one on what it had written."""
        self._clients.clear()
        self._later.clear()
        self.now += seconds
        self.broker = self._make()
        self.settle()

    # -- clients ---------------------------------------------------------------------------------------------------

    def open(self, version: int = 5, *, auto: bool = True, **options: Any) -> Client:
        """A network connection on which nothing was said yet."""
        client = Client(self, version, auto, **options)
        self._clients.append(client)
        return client

    def connect(
        self,
        client_id: str = "c",
        version: int = 5,
        *,
        clean: bool = True,
        will: Will | None = None,
        username: str | None = None,
        password: bytes | None = None,
        keep_alive: int = 60,
        auto: bool = True,
        options: dict[str, Any] | None = None,
        **properties: Any,
    ) -> Client:
        """A client that has sent CONNECT; its CONNACK is in ``connack`` and not in what came."""
        client = self.open(version, auto=auto, **(options or {}))
        client.send(
            encode_connect(
                Connect(
                    _NAMES[version], version, clean, keep_alive, client_id, will, username, password,
                    Properties(**properties),
                )
            )
        )  # fmt: skip
        client.received = [packet for packet in client.received if not isinstance(packet, Connack)]
        return client

    def lasting(self, client_id: str, version: int = 5, *, clean: bool = False, **options: Any) -> Client:
        """A client whose session lasts."""
        if version == 5:
            options.setdefault("session_expiry_interval", NEVER)
        return self.connect(client_id, version, clean=clean, **options)

    def lose(self, client_id: str) -> None:
        """The network connection of a client breaks."""
        connection = self.broker.sessions[client_id].connection
        assert connection is not None
        connection.link.drop()

    def subscriber(self, *filters: str, version: int = 5, qos: int = 2, client_id: str = "sub") -> Client:
        """A connected client that is subscribed."""
        client = self.connect(client_id, version)
        client.subscribe(*filters, qos=qos)
        return client

    def clients(self) -> Iterable[Client]:
        """All connections since the start."""
        return self._clients
