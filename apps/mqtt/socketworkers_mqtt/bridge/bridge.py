"""``Bridge``: keeps a connection to another broker, and puts what crosses it into our broker.

Our side is a connection of the broker like any other, without a socket: packets go in and come out within the process.
It has a session that lasts, ``$bridge/NAME``, so that messages wait in it while the other broker is away.
"""

from __future__ import annotations

import asyncio
import platform
import random
from typing import Any

from socketworkers import Timeouts, TlsOptions, connect
from socketworkers.errors import SocketError, StateError, StorageError

from ..address import parse_address
from ..client import Refused
from ..codec import (
    Connack,
    Connect,
    MalformedPacket,
    Properties,
    Reason,
    Subscription,
    encode_connect,
    encode_disconnect,
    encode_subscribe,
)
from ..identity import BRIDGE
from ..message import Message
from ..object import BrokerObject
from ..state import State
from .crossing import FOREVER, PATIENCE, BridgeConnection, Crossing
from .guard import LoopGuard
from .relay import LOCAL, Relay, RelayEnded
from .settings import BridgeSpec
from .topics import TopicMap

__all__ = ["Bridge"]

#: seconds that the other broker keeps the session of a broker that keeps nothing itself
BRIEF = 3600
#: QoS 1 and 2 messages that the other broker may have under way to us
RECEIVE_MAXIMUM = 100
#: seconds that a connection has to last to count as one that works
LASTING = 10.0
#: what a longer prefix and our mark may add to a packet
MARGIN = 66_000


class Bridge:
    """One bridge of one broker. ``run`` lasts until it is cancelled or the server stops.

    Args:
        owner: our broker.
        spec: the settings.
        broker: the random name of our broker.
    """

    def __init__(self, owner: BrokerObject, spec: BridgeSpec, broker: str) -> None:
        self.spec = spec
        self._owner = owner
        self._broker = broker
        self._topics = TopicMap(spec.topics)
        self.connected = False
        #: why there is no connection
        self.problem = ""
        self._version = spec.version or 5
        self._private = spec.private
        #: whether the other broker has ever answered: then it knows what we speak
        self._answered = False
        #: what is kept in memory is gone with this process; no session should wait for it for ever
        self._lasting = owner.env.data_dir is not None

    @property
    def client_id(self) -> str:
        """Its client identifier at the other broker."""
        return self.spec.client_id or f"{self._broker if self._lasting else platform.node()}.{self.spec.name}"

    async def run(self) -> None:
        """Connect, carry messages over, and connect again when the connection is lost."""
        spec, loop = self.spec, asyncio.get_running_loop()
        self._tell(False)
        delay, turn = spec.retry_min, 0
        while True:
            began = loop.time()
            try:
                await self._cross(spec.addresses[turn % len(spec.addresses)])
            except Refused as error:
                if self._fall_back(error):
                    continue
                problem = str(error)
            except RelayEnded as error:
                if error.stop:
                    return
                problem = str(error)
                if error.unanswered and not self._answered and not spec.version:
                    self._version = 9 - self._version  # some brokers leave a version that they do not know unanswered
            except (SocketError, StorageError, MalformedPacket, StateError, ValueError) as error:
                problem = str(error)
            except Exception as error:  # a fault of ours must not end the bridge for good
                problem = f"{type(error).__name__}: {error}"
                self._owner.ctx.log.exception("bridge %s failed", spec.name)
            finally:
                self._tell(False)
            if problem != self.problem:
                self.problem = problem
                self._owner.ctx.log.warning("bridge %s: %s", spec.name, problem)
            if loop.time() - began > LASTING:
                delay = spec.retry_min
            else:
                turn += 1
            await asyncio.sleep(delay * random.uniform(0.75, 1.25))
            delay = min(spec.retry_max, delay * 2)

    @property
    def _session(self) -> str:
        """Client identifier of our side."""
        return f"{BRIDGE}{self.spec.name}"

    @property
    def _key(self) -> str:
        """Where it is kept what was subscribed to at the other broker; nothing before the first connection to it."""
        return f"bridge/{self.spec.name}"

    def _prepare(self) -> None:
        """Let our session begin before the other broker is there: what is published meanwhile waits."""
        owner = self._owner
        if self._session in owner.broker.sessions:
            return
        owner.ctx.storage.delete(self._key)
        owner.now()
        connection = BridgeConnection(owner.broker, loopback=True, identity=f"bridge {self.spec.name}")
        connection.link = _Nobody()
        properties = Properties(session_expiry_interval=FOREVER)
        connection.receive(encode_connect(Connect("MQTT", LOCAL, False, 0, self._session, properties=properties)))
        if connection.state is State.CONNECTED and self._topics.local_filters:
            here = [
                Subscription(filter, qos, no_local=True, retain_as_published=True, retain_handling=2)
                for filter, qos in self._topics.local_filters.items()
            ]
            connection.receive(encode_subscribe(LOCAL, 1, here))
        connection.lost("the bridge has a session now")
        owner.schedule()

    def _fall_back(self, error: Refused) -> bool:
        """A broker that does not know what we speak: speak something older; whether there is such."""
        if error.reason is not Reason.UNSUPPORTED_PROTOCOL_VERSION:
            return False
        if self._version == 5:
            if self.spec.version == 5:
                return False
            self._version = 4
        elif self._private:
            self._private = False  # it takes the bit for a version
        else:
            return False
        return True

    def _tell(self, connected: bool) -> None:
        """``$SYS/broker/connection/NAME/state``, as Mosquitto's users know it (mosquitto.conf(5), notifications)."""
        self.connected = connected
        owner = self._owner
        owner.now()
        topic = f"$SYS/broker/connection/{self.spec.name}/state".encode()
        owner.broker.publish(Message(topic, b"1" if connected else b"0", 1, True))
        owner.schedule()

    async def _cross(self, address: str) -> None:
        """One connection, from its beginning to its end, which is an error."""
        spec, owner = self.spec, self._owner
        # our session and the other broker's belong together: identifiers of one mean nothing without the other
        self._prepare()
        fresh = owner.ctx.storage.get(self._key) is None
        if fresh and self._version == 4:
            # a clean session of 3.1.1 ends with its connection: the one that lasts needs a second one (§3.1.2.4)
            crossing, connack = await self._open(address, True)
            crossing.close(encode_disconnect(4))
            await crossing.gone()
            fresh = False
        crossing, connack = await self._open(address, fresh)
        try:
            marks = self._version == 5
            remember = not marks and not self._private
            guard = LoopGuard(self._broker, spec.max_hops, marks=marks, remember=remember)
            told = connack.properties
            relay = Relay(self._topics, guard, self._version, told, self._receive_maximum())
            crossing.begin(self._session, relay, connack, self._topics, f"bridge {spec.name}")
            self._subscribe(crossing)
            self.problem = ""
            self._tell(True)
            owner.ctx.log.info("bridge %s: connected to %s", spec.name, parse_address(address).socket)
            await crossing.last(told.server_keep_alive if told.server_keep_alive is not None else spec.keep_alive)
        except asyncio.CancelledError:
            crossing.close(encode_disconnect(self._version))
            raise
        except BaseException:
            crossing.close(None)
            raise

    async def _open(self, address: str, clean: bool) -> tuple[Crossing, Connack]:
        """Connect to the other broker."""
        spec = self.spec
        place = parse_address(address)
        secure = place.socket.startswith(("tls:", "wss:"))
        tls = TlsOptions(ca=spec.ca, certificate=spec.certificate, key=spec.key, verify=spec.verify)
        options: dict[str, Any] = {"subprotocols": ("mqtt",)} if place.websocket else {}
        socket = connect(place.socket, tls=tls if secure else None, timeouts=Timeouts(connect=PATIENCE), **options)
        crossing: Crossing | None = None
        try:
            await socket.ready
            crossing = Crossing(self._owner, socket)
            packet = self._packet(place.username, place.password, clean)
            async with asyncio.timeout(PATIENCE):
                connack = await crossing.greet(packet, self._version)
        except BaseException as error:
            if crossing is not None:
                crossing.close(None)
            socket.abort()
            if isinstance(error, TimeoutError) and not isinstance(error, SocketError):
                raise RelayEnded("the other broker did not answer in time", unanswered=True) from None
            raise
        self._answered = True
        return crossing, connack

    def _receive_maximum(self) -> int:
        return min(RECEIVE_MAXIMUM, self._owner.broker.limits.receive_maximum)

    def _packet(self, username: str | None, password: str | None, clean: bool) -> bytes:
        spec, version = self.spec, self._version
        properties = Properties()
        if version == 5:
            properties = Properties(
                session_expiry_interval=FOREVER if self._lasting else BRIEF,
                receive_maximum=self._receive_maximum(),
                maximum_packet_size=max(1024, self._owner.broker.limits.max_packet - MARGIN),
            )
        username = spec.username or username
        password = spec.password or password
        return encode_connect(
            Connect(
                "MQTT",
                version,
                clean,
                spec.keep_alive,
                self.client_id,
                None,
                username,
                password.encode() if password is not None and username is not None else None,
                properties,
                bridge=version == 4 and self._private,
            )
        )

    def _subscribe(self, crossing: Crossing) -> None:
        """Ask both sides for what is to be carried over, and no more for what was asked for under other settings."""
        five = self._version == 5
        here = [
            Subscription(filter, qos, no_local=True, retain_as_published=True)
            for filter, qos in self._topics.local_filters.items()
        ]
        there = [
            Subscription(filter, qos, no_local=five, retain_as_published=five)
            for filter, qos in self._topics.remote_filters.items()
        ]
        storage = self._owner.ctx.storage
        before = storage.get(self._key)
        wanted = sorted(self._topics.remote_filters)
        gone = [each for each in before if each not in self._topics.remote_filters] if isinstance(before, list) else []
        crossing.ask(self._version, here, there, gone)
        if before != wanted:
            storage.put(self._key, list(wanted))


class _Nobody:
    """Does the I/O of a connection that has nobody to talk to."""

    def send(self, data: bytes) -> None:
        """Drop it."""

    def caught_up(self) -> None:
        """Nothing was waited for."""
