"""What is known of a socket: addresses, TLS, counters, timeouts. Plain data, no I/O."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = [
    "Datagram",
    "QuicInfo",
    "QuicOptions",
    "SocketAddress",
    "SocketInfo",
    "SocketStats",
    "Timeouts",
    "TlsInfo",
    "TlsOptions",
    "UdpOptions",
    "WebSocketInfo",
]


class SocketAddress(NamedTuple):
    """One end of a connection. For ``unix:`` sockets ``host`` is the path and ``port`` is 0."""

    host: str
    port: int = 0

    def __str__(self) -> str:
        if not self.port:
            return self.host or "unix"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TlsInfo:
    """What the TLS handshake agreed on."""

    version: str
    """``TLSv1.2`` or ``TLSv1.3``."""
    cipher: str
    """OpenSSL's name of the cipher suite."""
    alpn: str | None = None
    """The application protocol, None if none was negotiated (RFC 7301)."""
    sni: str | None = None
    """The server name that the client asked for (RFC 6066 §3)."""
    peer_certificate: bytes | None = field(default=None, repr=False)
    """The peer's certificate in DER, None if it sent none."""
    resumed: bool = False
    """Whether an earlier session was resumed."""
    server_certificate: bytes | None = field(default=None, repr=False)
    """The server's certificate in DER. On the server's own side None where its context holds several (for keys of
    several kinds): which one the client got is not told."""
    exporter: bytes | None = field(default=None, repr=False)
    """``tls-exporter`` (RFC 9266), None as long as Python's ``ssl`` has none."""

    @property
    def channel_bindings(self) -> Mapping[str, bytes]:
        """What proves that both ends speak of the same TLS connection (RFC 5056), by the name of its type.

        ``tls-unique`` is not among them: undefined in TLS 1.3, and in TLS 1.2 worth something only with an extended
        master secret (RFC 7627), of which Python's ``ssl`` does not tell.
        """
        found = {}
        if self.exporter is not None:
            found["tls-exporter"] = self.exporter
        if self.server_certificate is not None and (hashed := _end_point(self.server_certificate)) is not None:
            found["tls-server-end-point"] = hashed
        return found

    @property
    def peer_common_name(self) -> str:
        """The one common name of the peer's subject (RFC 5280 §4.1.2.6); "" with no certificate, no name or several.

        Says who the peer is only where its certificate was verified: with ``--tls-client-ca`` on a server.
        """
        if not self.peer_certificate:
            return ""
        from cryptography import x509

        try:
            subject = x509.load_der_x509_certificate(self.peer_certificate).subject
            names = subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)
        except ValueError:
            return ""
        return str(names[0].value) if len(names) == 1 else ""


@lru_cache(maxsize=64)
def _end_point(certificate: bytes) -> bytes | None:
    """``tls-server-end-point`` of a certificate, RFC 5929 §4.1; None where it is undefined (signed with Ed25519)."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    if algorithm is None:
        return None
    return hashlib.new("sha256" if algorithm.name in ("md5", "sha1") else algorithm.name, certificate).digest()


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How to make TLS on a client socket.

    With ``context`` given the other fields, ``sni`` and ``alpn`` apart, are not used.
    """

    context: ssl.SSLContext | None = None
    """A ready context; its verification settings are kept."""
    sni: str | None = None
    """The name to send and to verify; the remote's host by default."""
    alpn: tuple[str, ...] = ()
    """Application protocols in order of preference."""
    ca: str | None = None
    """PEM file of certificate authorities to trust instead of the system's."""
    certificate: str | None = None
    """PEM file of the client's certificate chain."""
    key: str | None = None
    """PEM file of the client's key; in ``certificate`` if None."""
    verify: bool = True
    """Whether the server's certificate and name are checked."""


@dataclass(frozen=True, slots=True)
class WebSocketInfo:
    """What the opening handshake of a WebSocket told (RFC 6455 §4)."""

    resource: str
    """Path and query of the URL (§3, resource name)."""
    subprotocol: str | None = None
    """The subprotocol that both ends agreed on, None if there is none (§1.9)."""
    host: str = ""
    """The ``Host`` field: the authority of the URL as the client knows it."""
    origin: str | None = None
    """The ``Origin`` field, which browsers send (§10.2)."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """The other fields of the peer's half of the handshake in their order, names in lower case."""


@dataclass(frozen=True, slots=True)
class QuicInfo:
    """The connection that a QUIC stream belongs to (RFC 9000)."""

    version: int
    """Version of QUIC: 1, or 0x6b3343cf for version 2 (RFC 9369)."""
    stream_id: int
    """Identifier of the stream (§2.1)."""
    alpn: str | None = None
    """The application protocol (RFC 9001 §8.1)."""
    early_data: bool = False
    """Whether the stream was opened in 0-RTT: what came first could be a replay (RFC 9001 §9.2)."""
    session: Any = field(default=None, repr=False, compare=False)
    """The ``QuicSession``: more streams, datagrams, migration."""

    @property
    def unidirectional(self) -> bool:
        """Whether bytes go in one direction only (§2.1)."""
        return bool(self.stream_id & 2)


@dataclass(frozen=True, slots=True)
class QuicOptions:
    """Bounds and behaviour of one QUIC connection."""

    idle_timeout: float = 30.0
    """Seconds of silence after which the connection is gone (RFC 9000 §10.1)."""
    keep_alive: bool = True
    """Whether a connection with open streams is kept by PINGs, as a TCP connection would be."""
    max_streams: int = 100
    """Bidirectional streams that the peer may have open at once (§4.6)."""
    max_unidirectional_streams: int = 0
    """The same for unidirectional ones."""
    stream_window: int = 128 * 1024
    """Bytes that the peer may send on a stream ahead of its reader, at first (§4.1)."""
    max_stream_window: int = 1024 * 1024
    """The same for a reader that keeps up."""
    connection_window: int = 2 * 1024 * 1024
    """Bytes that the peer may send ahead of all readers together."""
    datagrams: bool = False
    """Whether datagrams (RFC 9221) are taken."""
    early_data: bool = False
    """0-RTT: a server that sets it says that what its handler does may happen twice (RFC 9001 §9.2)."""
    max_datagram_size: int = 1200
    """Bytes of a UDP datagram; there is no path MTU discovery, so every path has to carry it (RFC 9000 §14)."""
    congestion_control: str = "cubic"
    """``cubic`` (RFC 9438) or ``reno`` (RFC 9002 §7)."""
    versions: tuple[int, ...] = ()
    """Versions of QUIC in order of preference; 1 and 2 by default."""
    tickets: MutableMapping[Any, Any] | None = field(default=None, repr=False, compare=False)
    """On a client: where the servers' tickets are kept, for connections that resume a session (RFC 8446 §2.2)."""


@dataclass(frozen=True, slots=True)
class UdpOptions:
    """How a UDP socket is made."""

    broadcast: bool = False
    """Whether it may send to a broadcast address."""
    groups: tuple[str, ...] = ()
    """Multicast groups to join, ``239.1.2.3`` or ``ff02::fb%eth0`` with the interface."""
    interface: str = ""
    """Interface that multicast is sent through, and groups are joined on unless they name one."""
    multicast_ttl: int | None = None
    """Hops that multicast may take; the system's default is 1."""
    multicast_loop: bool | None = None
    """Whether this machine hears what it sends to a group."""
    ttl: int | None = None
    """Hops that other datagrams may take."""
    reuse_address: bool = False
    """Whether other sockets may be bound to the same address; always with groups."""
    receive_buffer_size: int | None = None
    """SO_RCVBUF in bytes."""
    send_buffer_size: int | None = None
    """SO_SNDBUF in bytes."""


@dataclass(frozen=True, slots=True)
class SocketInfo:
    """A socket as it was when it opened (and again after a TLS upgrade)."""

    type: str
    """``tcp``, ``unix``, ``memory``, ``websocket``, ``udp`` or ``quic``."""
    local: SocketAddress
    remote: SocketAddress
    """The peer; behind a trusted proxy the client that the proxy named."""
    secure: bool = False
    """Whether bytes go through TLS."""
    tls: TlsInfo | None = None
    proxied_from: SocketAddress | None = None
    """The proxy's own address when the PROXY protocol named ``remote``."""
    opened_at: float = 0.0
    """Wall-clock time, seconds since 1970."""
    websocket: WebSocketInfo | None = None
    """Resource, subprotocol and fields of a WebSocket's handshake."""
    quic: QuicInfo | None = None
    """The stream's identifier and the connection that it belongs to."""


@dataclass(frozen=True, slots=True)
class SocketStats:
    """Counters of a socket at one moment. Bytes are the application's, TLS and WebSocket frames not counted."""

    bytes_in: int = 0
    bytes_out: int = 0
    chunks_in: int = 0
    chunks_out: int = 0
    buffered_in: int = 0
    """Bytes received and not read yet."""
    buffered_out: int = 0
    """Bytes written and not taken by the kernel yet."""
    opened_at: float = 0.0
    """Wall-clock time, seconds since 1970; 0 while pending."""
    duration: float = 0.0
    """Seconds since it opened."""
    rtt: float | None = None
    """Smoothed round-trip time in seconds (TCP on Linux, QUIC)."""
    rtt_var: float | None = None
    """Variation of the round-trip time in seconds (TCP on Linux, QUIC)."""
    retransmits: int | None = None
    """Segments sent again so far (TCP on Linux), or packets that were lost (QUIC, of the whole connection)."""
    dropped_in: int = 0
    """Datagrams that came while too many waited to be read."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines of a socket in seconds; None = no limit."""

    connect: float | None = 30.0
    handshake: float | None = 10.0
    idle: float | None = None
    """Longest time a read waits for the peer's next bytes."""
    write: float | None = 30.0
    """Longest time the peer may take no bytes while some wait for it."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """A message of a datagram socket that has no peer of its own, one way or the other."""

    data: bytes
    """The message, whole."""
    remote: SocketAddress
    """Who sent it, or whom it is for."""
    local: SocketAddress | None = None
    """The address that it came to, a group's apart; on sending the one to use, None for the system's choice."""
