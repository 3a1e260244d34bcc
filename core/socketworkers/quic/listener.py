"""QUIC listeners: which connection a datagram is for, who may begin one, and the streams that become sockets.

What strangers can cost (the classes of C9): nothing is kept of a datagram that begins no connection; connections whose
client has not proven its address are bounded, and once there are some, a client has to prove it first (Retry, RFC 9000
§8.1.2), which keeps no state; what is sent before that is at most three times what came (§8.1, aioquic).
"""

from __future__ import annotations

import asyncio
import os
import socket as _socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from aioquic._buffer import Buffer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import TRANSPORT_CLOSE_FRAME_CAPACITY
from aioquic.quic.crypto import CryptoPair
from aioquic.quic.events import ConnectionIdIssued
from aioquic.quic.packet import (
    QuicErrorCode,
    QuicFrameType,
    QuicPacketType,
    encode_quic_retry,
    encode_quic_version_negotiation,
    pull_quic_header,
)
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.retry import QuicRetryTokenHandler

from ..errors import SocketError
from ..info import QuicOptions, SocketAddress
from ..transports.udp import UdpPort
from .configuration import KeyLog, server_configuration
from .connection import Connection
from .identities import Identities
from .session import BATCH, QuicSession
from .stream import QuicStreamChannel

if TYPE_CHECKING:
    from ..server import Server
    from ..transports.arrival import Arrival
    from ..worker.app import ListenerSpec

__all__ = ["QuicListener"]

#: a client's first datagram is at least this long (RFC 9000 §14.1)
MIN_INITIAL = 1200
#: handshakes under way from which on clients have to prove their address first
RETRY_FROM = 32
#: handshakes under way at most
MAX_HANDSHAKES = 512
#: bytes of our connection ids
CID_LENGTH = 8
#: TLS tickets that are remembered; each resumes one connection, so that 0-RTT cannot be replayed here
MAX_TICKETS = 1024

Arrived = Callable[["Arrival", "ListenerSpec", SocketAddress], None]


class QuicListener:
    """The connections of one bound socket; the face of an ``Acceptor``.

    Args:
        sock: bound, non-blocking.
        specs: the listeners that share it; the application protocol chooses among them.
        arrived: called with each stream.
        server: its settings and certificates.
    """

    def __init__(self, sock: _socket.socket, specs: Sequence[ListenerSpec], arrived: Arrived, server: Server) -> None:
        self.sock = sock
        self.spec = specs[0]
        self.options: QuicOptions = self.spec.quic or QuicOptions()
        self.loop: asyncio.AbstractEventLoop
        self.port: UdpPort
        #: datagrams that began nothing, by why
        self.refused: dict[str, int] = {}
        self._arrived = arrived
        self._server = server
        self._settings = server.settings
        self._by_protocol = {name: spec for spec in reversed(specs) for name in spec.alpn}
        self._protocols = [name for spec in specs for name in spec.alpn]
        self._local = SocketAddress(*sock.getsockname()[:2])
        self._sessions: dict[bytes, QuicSession] = {}
        self._ids: dict[QuicSession, set[bytes]] = {}
        self._addresses: dict[QuicSession, str] = {}
        self._open: dict[str, int] = {}
        self._handshakes: set[QuicSession] = set()
        self._touched: dict[QuicSession, None] = {}
        self._tickets: OrderedDict[bytes, Any] = OrderedDict()
        self._retry = QuicRetryTokenHandler()
        self._log = KeyLog()
        self._configuration: QuicConfiguration | None = None
        self._identities: Identities | None = None
        self._made_of: object = None
        self._draining = False
        self._started = False

    def start(self) -> None:
        """Begin to take datagrams."""
        self.loop = asyncio.get_running_loop()
        self.port = UdpPort(self.loop, self.sock, self._datagram, lambda error: None, connected=False)
        self.port.batch, self.port.batch_ended = BATCH, self._settle
        self._started = True
        self.port.resume()

    @property
    def sessions(self) -> list[QuicSession]:
        """The connections that there are."""
        return list(self._ids)

    @property
    def handshakes(self) -> int:
        """Connections whose handshake is under way."""
        return len(self._handshakes)

    # -- datagrams ---------------------------------------------------------------------------------------------

    def _datagram(self, data: bytes, peer: Any, local: SocketAddress | None) -> None:
        if not data:
            return
        # a short header has the connection id at a known place (RFC 9000 §17.3)
        short = not data[0] & 0x80
        session = self._sessions.get(data[1 : 1 + CID_LENGTH]) if short else self._of_long(data, peer, local)
        if session is not None:
            session.receive(data, peer)
            self._touched[session] = None

    def _of_long(self, data: bytes, peer: Any, local: SocketAddress | None) -> QuicSession | None:
        """A datagram that begins with a long header (§17.2): of a handshake."""
        try:
            header = pull_quic_header(Buffer(data=data), host_cid_length=CID_LENGTH)
        except ValueError:
            self._refuse("malformed")
            return None
        session = self._sessions.get(header.destination_cid)
        if session is not None:
            return session
        if len(data) < MIN_INITIAL:
            self._refuse("short")
            return None
        configuration = self._current()
        if header.packet_type == QuicPacketType.VERSION_NEGOTIATION:
            self._refuse("malformed")
            return None
        if header.version not in configuration.supported_versions:
            self._reply(  # §6.1
                encode_quic_version_negotiation(
                    source_cid=header.destination_cid,
                    destination_cid=header.source_cid,
                    supported_versions=configuration.supported_versions,
                ),
                peer,
                local,
            )
            self._refuse("version")
            return None
        if header.packet_type != QuicPacketType.INITIAL:
            self._refuse("unknown")
            return None
        if self._draining:
            self._reply(_refusal(header), peer, local)
            self._refuse("draining")
            return None
        return self._begin(header, peer, local, configuration)

    def _begin(
        self, header: Any, peer: Any, local: SocketAddress | None, configuration: QuicConfiguration
    ) -> QuicSession | None:
        original, retry_source = header.destination_cid, None
        when = self._settings.quic_retry
        if header.token:
            try:
                original = self._retry.validate_token(
                    address=peer[:2],
                    destination_cid=header.destination_cid,
                    token=header.token,
                    now=self.loop.time(),
                )
                retry_source = header.destination_cid
            except ValueError:
                self._refuse("token")  # §8.1.3 allows to drop it, and an answer would be for whom?
                return None
        elif when == "on" or (when == "auto" and len(self._handshakes) >= RETRY_FROM):
            self._ask_to_retry(header, peer, local)
            self._refuse("retry")
            return None
        if len(self._handshakes) >= MAX_HANDSHAKES or len(self._ids) >= self._settings.max_connections:
            self._refuse("full")
            return None
        address, most = str(peer[0]), self._settings.max_connections_per_address
        if most and self._open.get(address, 0) >= most:
            self._refuse("address")
            return None
        quic = Connection(
            self.options,
            configuration,
            original_destination_connection_id=original,
            retry_source_connection_id=retry_source,
            session_ticket_fetcher=self._fetch_ticket,
            session_ticket_handler=self._keep_ticket,
        )
        quic.identities = self._identities
        session = QuicSession(quic, self.port, self.options, local or self._local, self._stream, self._ended)
        session.route(self._connection_id)
        self._open[address] = self._open.get(address, 0) + 1
        self._addresses[session] = address
        self._ids[session] = {header.destination_cid, quic.host_cid}
        self._sessions[header.destination_cid] = self._sessions[quic.host_cid] = session
        self._handshakes.add(session)
        session.handshake.then(lambda: self._shaken(session))
        session.begin_handshake(self._settings.handshake_timeout)
        return session

    def _shaken(self, session: QuicSession) -> None:
        """A handshake is over, one way or the other."""
        self._handshakes.discard(session)
        telemetry, error = self._server.telemetry, session.handshake.error
        if error is not None:
            telemetry.tls_failed += 1
            telemetry.emit("tls.failed", id=session.id, error=error)
            return
        seconds = session.now() - session.began
        telemetry.handshake_seconds.observe(seconds)
        telemetry.emit("tls.done", id=session.id, seconds=seconds, version="TLSv1.3", cipher=session.cipher)

    def _ask_to_retry(self, header: Any, peer: Any, local: SocketAddress | None) -> None:
        """Retry (§17.2.5): the token holds all that would have to be remembered."""
        source = os.urandom(CID_LENGTH)
        token = self._retry.create_token(
            address=peer[:2],
            original_destination_connection_id=header.destination_cid,
            retry_source_connection_id=source,
            now=self.loop.time(),
        )
        packet = encode_quic_retry(
            version=header.version,
            source_cid=source,
            destination_cid=header.source_cid,
            original_destination_cid=header.destination_cid,
            retry_token=token,
        )
        self._reply(packet, peer, local)

    def _reply(self, data: bytes, peer: Any, local: SocketAddress | None) -> None:
        try:
            self.port.send(data, peer, local)
        except (OSError, ValueError):
            self.port.dropped += 1

    def _refuse(self, why: str) -> None:
        self.refused[why] = self.refused.get(why, 0) + 1

    def _settle(self) -> None:
        touched, self._touched = self._touched, {}
        for session in touched:
            session.settle()

    # -- connections -------------------------------------------------------------------------------------------

    def _connection_id(self, event: Any, session: QuicSession) -> None:
        ids = self._ids.get(session)
        if ids is None:
            return
        if isinstance(event, ConnectionIdIssued):
            ids.add(event.connection_id)
            self._sessions[event.connection_id] = session
        else:
            ids.discard(event.connection_id)
            self._sessions.pop(event.connection_id, None)

    def _ended(self, session: QuicSession) -> None:
        for each in self._ids.pop(session, ()):
            self._sessions.pop(each, None)
        self._handshakes.discard(session)
        self._touched.pop(session, None)
        address = self._addresses.pop(session, "")
        left = self._open.get(address, 0) - 1
        if left > 0:
            self._open[address] = left
        else:
            self._open.pop(address, None)

    def _stream(self, channel: QuicStreamChannel) -> None:
        session = channel._session
        spec = self._by_protocol.get(session.alpn or "")
        if spec is None or self._draining:
            channel.refuse()
            return
        self._arrived(channel, spec, session.peer)

    def _fetch_ticket(self, ticket: bytes) -> Any:
        return self._tickets.pop(ticket, None)

    def _keep_ticket(self, ticket: Any) -> None:
        self._tickets[ticket.ticket] = ticket
        if len(self._tickets) > MAX_TICKETS:
            self._tickets.popitem(last=False)

    def _current(self) -> QuicConfiguration:
        """The configuration with the certificate as it is now."""
        store = self._server.tls
        assert store is not None
        files = store.files
        if self._configuration is None or self._made_of is not files:
            self._identities = Identities(files)
            self._configuration = server_configuration(self._identities, self._protocols, self.options, self._log)
            self._made_of = files
        return self._configuration

    # -- the end -----------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Take no new connections and streams; those that there are go on."""
        self._draining = True
        for session in self.sessions:
            if not session.streams:
                session.close()

    def close(self) -> None:
        """End all connections and give the address back."""
        self._draining = True
        for session in self.sessions:
            try:
                session.close()
            except SocketError:
                pass  # it cannot be told any more
        self._log.close()
        if self._started:
            self.port.close()
        else:
            self.sock.close()


def _refusal(header: Any) -> bytes:
    """A connection that ends before it began: CONNECTION_CLOSE with CONNECTION_REFUSED in an Initial packet (§10.2.3).

    Of nobody but the client that sent ``header``: its connection id makes the keys (RFC 9001 §5.2).
    """
    crypto = CryptoPair()
    crypto.setup_initial(cid=header.destination_cid, is_client=False, version=header.version)
    builder = QuicPacketBuilder(
        host_cid=header.destination_cid,
        is_client=False,
        max_datagram_size=MIN_INITIAL,
        peer_cid=header.source_cid,
        version=header.version,
    )
    builder.start_packet(QuicPacketType.INITIAL, crypto)
    frame = builder.start_frame(QuicFrameType.TRANSPORT_CLOSE, capacity=TRANSPORT_CLOSE_FRAME_CAPACITY)
    for value in (QuicErrorCode.CONNECTION_REFUSED, QuicFrameType.PADDING, 0):
        frame.push_uint_var(value)
    datagrams, _ = builder.flush()
    return datagrams[0]
