"""``QuicSession``: one QUIC connection on a loop: its timer, its datagrams, and the streams that are sockets.

What comes is taken in batches by whoever owns the UDP socket (``receive`` for each datagram, then ``settle`` once), and
what has to go is sent once behind each batch: acknowledgements, windows and data share packets.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from aioquic.quic import events
from aioquic.quic.packet import QuicErrorCode

from ..errors import ConnectError, ConnectionLost, HandshakeTimeout, LimitExceeded, SocketError, StateError, TLSError
from ..info import QuicInfo, SocketAddress, SocketInfo, TlsInfo
from ..promise import Promise
from ..streams.messages import MessageStream
from ..transports.wheel import wheel_of
from .connection import Connection, StreamOpened
from .stream import NO_ERROR, QuicStreamChannel

if TYPE_CHECKING:
    from ..info import QuicOptions
    from ..socket import Socket
    from ..transports.udp import UdpPort

__all__ = ["BATCH", "QuicSession"]

#: seconds that a client's connection waits for its last bytes to be acknowledged
LINGER = 1.0
#: what a GSO send may hold: the kernel's limits are 64 segments and what fits the length field (udp(7))
GSO_SEGMENTS, GSO_BYTES = 64, 65_000
#: datagrams of a connection's socket that are taken before acknowledgements are sent: about a millisecond of work
BATCH = 16
#: bytes of datagrams that wait to be read, or to be sent (each counts a little more than its own)
DATAGRAM_QUEUE = 256 * 1024
#: CRYPTO_ERROR: a TLS alert, whose number is in the lower byte (RFC 9001 §4.8)
_CRYPTO_ERROR = int(QuicErrorCode.CRYPTO_ERROR)
#: a peer's words are cut here
_REASON = 200


class QuicSession:
    """One connection. ``socket.info.quic.session`` of each of its streams.

    Args:
        quic: the protocol.
        port: where datagrams go.
        options: bounds and behaviour.
        local: our address, as the peer knows it.
        arrived: called with each stream of the peer.
        ended: called once when the connection is over.
    """

    __slots__ = (
        "__weakref__",
        "_arrived",
        "_busy",
        "_closed",
        "_datagrams",
        "_due",
        "_ended",
        "_error",
        "_handshake_due",
        "_host",
        "_scheduled",
        "_timer",
        "_timer_at",
        "_wheel",
        "alpn",
        "began",
        "departing",
        "handshake",
        "id",
        "incoming",
        "is_client",
        "local",
        "loop",
        "now",
        "options",
        "owned",
        "port",
        "quic",
        "resumed",
        "streams",
        "waiting",
    )

    def __init__(
        self,
        quic: Connection,
        port: UdpPort | None,
        options: QuicOptions,
        local: SocketAddress,
        arrived: Callable[[QuicStreamChannel], object],
        ended: Callable[[QuicSession], object],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        #: the time; libuv's is in milliseconds and stands still within a turn, which is too coarse for pacing
        coarse = type(self.loop).__module__.startswith("uvloop")
        self.now: Callable[[], float] = time.monotonic if coarse else partial(_time_of, self.loop)
        self.began = self.now()
        #: short name of the connection for the log; its streams have names of their own
        self.id = f"q{quic.original_destination_connection_id[:4].hex()}"
        self.quic = quic
        self.port: UdpPort = port  # type: ignore[assignment]  # a client's knows its session, and is made after it
        self.options = options
        self.local = local
        self.is_client: bool = quic._is_client
        #: the application protocol, once known
        self.alpn: str | None = None
        #: whether an earlier TLS session was resumed
        self.resumed = False
        #: whether the connection ends with its last stream
        self.owned = False
        self.streams: dict[int, QuicStreamChannel] = {}
        #: on a client, the server's streams once somebody wants them
        self.incoming: asyncio.Queue[QuicStreamChannel] | None = None
        #: streams that wait for what they wrote to be sent
        self.waiting: set[QuicStreamChannel] = set()
        #: resolves when the handshake is over
        self.handshake: Promise[None] = Promise()
        self._closed: Promise[None] = Promise()
        self._arrived = arrived
        self._ended: Callable[[QuicSession], object] | None = ended
        self._error: SocketError | None = None
        self._datagrams: MessageStream | None = None
        self._busy = False
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        #: who is told when the last bytes of a client's connection are acknowledged
        self.departing: list[Callable[[], object]] | None = None
        self._wheel = wheel_of(self.loop)
        self._due = 0
        self._handshake_due = 0
        #: told of connection ids; a client has one socket for one connection, and need not know
        self._host: Callable[[Any, QuicSession], object] = lambda event, session: None
        quic.held = self._held

    # -- what users call ---------------------------------------------------------------------------------------

    @property
    def closed(self) -> Promise[None]:
        """Resolves when the connection ended in order (code 0), rejects with what broke it."""
        return self._closed

    @property
    def peer(self) -> SocketAddress:
        """The peer's address as it is now: it may migrate (RFC 9000 §9)."""
        where = self.quic.get_peer_address()
        return SocketAddress(*where[:2]) if where is not None else SocketAddress("", 0)

    @property
    def cipher(self) -> str:
        """OpenSSL's name of the cipher suite; "" before it is known."""
        suite = getattr(getattr(getattr(self.quic, "tls", None), "key_schedule", None), "cipher_suite", None)
        return f"TLS_{suite.name}" if suite is not None else ""

    def open_stream(self, *, unidirectional: bool = False) -> Socket:
        """A new stream as a socket, open at once; what the peer's limits do not allow yet waits.

        Args:
            unidirectional: only this end sends.

        Raises:
            StateError: the connection is over.
        """
        from ..socket import Socket

        if self._ended is None:
            raise StateError("the connection is closed")
        channel = QuicStreamChannel(self, self.quic.open_stream(unidirectional=unidirectional))
        self.streams[channel.id] = channel
        socket = Socket._inbound(self.loop)
        socket._inbound_side = False
        info = channel.adopt(socket)
        socket._opened(info)
        self._keep_alive()
        self.schedule()
        return socket

    async def accept_stream(self) -> Socket:
        """The next stream that the server opens, on a client; they are refused until this is called.

        Raises:
            StateError: on a server: its app's connect handler gets them.
        """
        from ..socket import Socket

        if not self.is_client:
            raise StateError("a server's streams go to its connect handler")
        if self.incoming is None:
            self.incoming = asyncio.Queue()
        channel = await self.incoming.get()
        socket = Socket._inbound(self.loop)
        socket._opened(channel.adopt(socket))
        socket.on_close = lambda _: channel.served()
        return socket

    @property
    def datagrams(self) -> MessageStream:
        """The peer's datagrams (RFC 9221), with ``QuicOptions(datagrams=True)``; what nobody reads is dropped."""
        if self._datagrams is None:
            self._datagrams = MessageStream._of(_Datagrams(), DATAGRAM_QUEUE)
            if self._ended is None:
                self._datagrams._close()
        return self._datagrams

    def send_datagram(self, data: bytes) -> None:
        """Send a datagram, once and without a promise that it arrives (RFC 9221).

        Raises:
            LimitExceeded: it does not fit a packet, or the peer's limit.
            StateError: the connection is over, or the peer takes none.
        """
        most = self.quic._remote_max_datagram_frame_size
        if self._ended is None or not most:
            raise StateError("the connection is closed" if self._ended is None else "the peer takes no datagrams")
        # a frame of type and length in a packet with a short header, and its tag (RFC 9221 §5, RFC 9000 §17.3)
        room = min(most - 3, self.options.max_datagram_size - 48)
        if len(data) > room:
            raise LimitExceeded(f"a datagram of {len(data)} bytes is longer than {room}")
        if len(self.quic._datagrams_pending) * 64 + sum(map(len, self.quic._datagrams_pending)) > DATAGRAM_QUEUE:
            return  # the path is slower than the sender: it may be dropped
        self.quic.send_datagram_frame(bytes(data))
        self.schedule()

    def rekey(self) -> None:
        """Use new keys from now on (RFC 9001 §6)."""
        self.quic.request_key_update()
        self.schedule()

    async def migrate(self, local: tuple[str, int] = ("", 0)) -> SocketAddress:
        """Go on from another local address (RFC 9000 §9), as a client.

        Args:
            local: to bind to; by default the system chooses.

        Returns:
            The new address.

        Raises:
            StateError: not a client, not connected, or the connection is over.
            OSError: the address cannot be bound.
        """
        from .client import new_port

        if not self.is_client or not self.quic.complete or self._ended is None:
            raise StateError("only a connected client can migrate")
        before = self.port
        self.port = new_port(self, before.sock.getpeername(), before.family, local)
        before.close()
        self.local = SocketAddress(*self.port.sock.getsockname()[:2])
        self.quic.change_connection_id()
        self.quic.send_ping(0)
        self.schedule()
        return self.local

    def close(self, code: int = NO_ERROR, reason: str = "") -> None:
        """End the connection now, with all of its streams; what was not sent is dropped.

        Args:
            code: for the peer's application (RFC 9000 §20.2).
            reason: a few words for its log.
        """
        if self._ended is not None:
            self.quic.close(error_code=code, reason_phrase=reason)
            self._flush()
            self._end(None)

    # -- datagrams of the network ------------------------------------------------------------------------------

    def receive(self, data: bytes, peer: Any) -> None:
        """One datagram; ``settle`` follows behind the batch."""
        self._busy = True
        if self._ended is not None:
            try:
                self.quic.receive_datagram(data, peer, now=self.now())
            except Exception as error:
                # a fault of the protocol's implementation is the end of this connection and of no other
                self.loop.call_exception_handler({"message": "a QUIC connection failed", "exception": error})
                self.close(int(QuicErrorCode.INTERNAL_ERROR))

    def settle(self) -> None:
        """Tell what has come, and send what has to go."""
        self._busy = True
        try:
            self._tell()
            if (event := self.quic.closed_by_peer) is not None:
                self._terminated(event)
        finally:
            self._busy = False
        if self._ended is not None:
            self._transmit()

    def schedule(self) -> None:
        """There is something to send."""
        if not self._scheduled and not self._busy:
            self._scheduled = True
            self.loop.call_soon(self._transmit)

    def _flush(self) -> None:
        """Send what the connection has to send now."""
        datagrams = self.quic.datagrams_to_send(now=self.now())
        try:
            if len(datagrams) == 1:
                self._send(*datagrams[0])
            elif datagrams:
                self._send_many(datagrams)
        except OSError as error:
            self.unreachable(error)

    def _transmit(self) -> None:
        self._scheduled = False
        if self._ended is not None:
            self._flush()
        if self._ended is None:
            return
        self._rearm()
        if self.waiting:
            for channel in list(self.waiting):
                channel.sent()
                if not channel._stalled and not channel._closing:
                    self.waiting.discard(channel)
        if self.departing is not None and not self.streams and not self.quic.unfinished:
            self.close()

    def _send(self, data: bytes, peer: Any, segment: int = 0) -> None:
        port = self.port
        try:
            port.send(data, None if port.connected else peer, self.local, segment)
        except LimitExceeded:
            port.dropped += 1  # the path has become narrower; nothing of ours is larger than it was

    def _send_many(self, datagrams: list[tuple[bytes, Any]]) -> None:
        """Those of one length in one call (UDP_SEGMENT): the last of a run may be shorter."""
        run: list[bytes] = []
        size = total = 0
        where: Any = None
        for data, peer in datagrams:
            length = len(data)
            if run and (
                peer != where
                or length > size
                or len(run[-1]) < size
                or len(run) >= GSO_SEGMENTS
                or total + length > GSO_BYTES
            ):
                self._send_run(run, where, size)
                run = []
            if not run:
                size, total, where = length, 0, peer
            run.append(data)
            total += length
        self._send_run(run, where, size)

    def _send_run(self, run: list[bytes], peer: Any, size: int) -> None:
        if len(run) > 1 and self.port.segments:
            try:
                self._send(b"".join(run), peer, size)
                return
            except OSError:
                # no such thing here (EINVAL), or the device cannot (EIO): once and for all
                self.port.segments = False
        for data in run:
            self._send(data, peer)

    def _rearm(self) -> None:
        at = self.quic.get_timer()
        if at is None:
            return
        timer = self._timer
        # a timer that comes too early only asks again: most are put off by the next packet
        if timer is None or at < self._timer_at:
            if timer is not None:
                timer.cancel()
            self._timer_at = at
            self._timer = self.loop.call_later(max(0.0, at - self.now()), self._timed)

    def _timed(self) -> None:
        self._timer = None
        at = self.quic.get_timer()
        now = max(self.now(), self._timer_at)
        if at is not None and at <= now:
            self.quic.handle_timer(now=now)
            self.settle()
        else:
            self._rearm()

    def unreachable(self, error: OSError) -> None:
        """ICMP's or the routing table's word; believed until the handshake is over, a hint after it (§14.2.1)."""
        if not self.quic.complete and self._ended is not None:
            from ..transports.udp import unreachable

            self._end(unreachable("the server", error))

    # -- events ------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        next_event: Callable[[], Any] = self.quic.next_event
        while (event := next_event()) is not None:
            kind = type(event)
            if kind is events.StreamDataReceived:
                channel = self.streams.get(event.stream_id)
                if channel is not None:
                    channel.received(event.data, event.end_stream)
            elif kind is StreamOpened:
                self._opened(event.stream_id)
            elif kind is events.StreamReset:
                if (channel := self.streams.get(event.stream_id)) is not None:
                    channel.was_reset(event.error_code)
            elif kind is events.StopSendingReceived:
                if (channel := self.streams.get(event.stream_id)) is not None:
                    channel.was_stopped(event.error_code)
            elif kind is events.DatagramFrameReceived:
                if self.options.datagrams:
                    self.datagrams._enqueue(event.data)
            elif kind is events.ProtocolNegotiated:
                self.alpn = event.alpn_protocol
            elif kind is events.HandshakeCompleted:
                self.alpn = event.alpn_protocol
                self.resumed = event.session_resumed
                self._handshake_due = 0
                self.quic.forget_handshake()
                self._wheel.cancel(self)
                self._keep_alive()
                self.handshake.resolve(None)
            elif kind is events.ConnectionIdIssued or kind is events.ConnectionIdRetired:
                self._host(event, self)
            elif kind is events.ConnectionTerminated:
                self._terminated(event)

    def route(self, host: Callable[[Any, QuicSession], object]) -> None:
        """Tell ``host`` of the connection's ids."""
        self._host = host

    def _opened(self, number: int) -> None:
        stream = self.quic.stream(number)
        if stream is None or self._ended is None:
            return
        channel = QuicStreamChannel(self, stream)
        channel.early_data = not self.quic.complete
        self.streams[number] = channel
        self._keep_alive()
        self._arrived(channel)

    def _terminated(self, event: events.ConnectionTerminated) -> None:
        code, reason = event.error_code, event.reason_phrase[:_REASON]
        if not self.quic.complete:
            if _CRYPTO_ERROR <= code < _CRYPTO_ERROR + 256:
                self._end(TLSError(f"TLS failed: {reason or code & 255}", reason=reason, alert=code & 255))
            elif reason == "Idle timeout":
                self._end(HandshakeTimeout("the QUIC handshake took too long"))
            else:
                self._end(ConnectError(111, f"the QUIC handshake failed with code {code:#x}: {reason}"))
        elif code == NO_ERROR:
            self._end(None)
        else:
            self._end(ConnectionLost(f"the QUIC connection ended with code {code:#x}: {reason}"))

    def departed(
        self, channel: QuicStreamChannel, then: Callable[[], object] | None = None, *, at_once: bool = False
    ) -> None:
        """A stream has no socket any more; ``then`` is called when it is given back."""
        self.streams.pop(channel.id, None)
        self.waiting.discard(channel)
        if self.owned and not self.streams and self._ended is not None:
            if at_once:
                self._flush()
                self.close()
            else:
                if self.departing is None:
                    self.departing = []
                    self._wheel.schedule(self, self._wheel.now() + self._wheel.ticks(LINGER))
                if then is not None:
                    self.departing.append(then)
                self.schedule()
                return
        if then is not None:
            self.loop.call_soon(then)

    def _end(self, error: SocketError | None) -> None:
        """The connection is over."""
        ended, self._ended = self._ended, None
        if ended is None:
            return
        self._error = error
        self._wheel.cancel(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lost = error or ConnectionResetError("the QUIC connection was closed before the stream ended")
        for channel in list(self.streams.values()):
            channel.fail(lost)
        self.streams.clear()
        if self._datagrams is not None:
            self._datagrams._close()
        ended(self)
        self.handshake.reject(error or ConnectionLost("the connection was closed"))
        if error is None:
            self._closed.resolve(None)
        else:
            self._closed.reject(error)
        departing, self.departing = self.departing, None
        for then in departing or ():
            self.loop.call_soon(then)

    def _held(self, tight: bool) -> int:
        return sum(channel.held(tight) for channel in self.streams.values())

    # -- time --------------------------------------------------------------------------------------------------

    def begin_handshake(self, seconds: float | None) -> None:
        """The handshake has until then."""
        if seconds is not None:
            self._handshake_due = self._wheel.now() + self._wheel.ticks(seconds)
            self._wheel.schedule(self, self._handshake_due)

    def _keep_alive(self) -> None:
        if self.options.keep_alive and self.streams and not self._due and self.quic.complete:
            self._wheel.schedule(self, self._wheel.now() + self._wheel.ticks(self.quic._idle_timeout() / 2))

    def _on_tick(self, tick: int) -> int:
        if self._handshake_due:
            if tick >= self._handshake_due:
                self.quic.close(error_code=int(QuicErrorCode.NO_ERROR), frame_type=0)
                self._flush()
                self._end(HandshakeTimeout("the QUIC handshake took too long"))
                return 0
            return self._handshake_due
        if self.departing is not None:
            self.close()
            return 0
        if not self.streams or not self.options.keep_alive:
            return 0
        self.quic.send_ping(0)
        self.schedule()
        return tick + self._wheel.ticks(self.quic._idle_timeout() / 2)

    # -- what is known -----------------------------------------------------------------------------------------

    def info_of(self, channel: QuicStreamChannel) -> SocketInfo:
        """What to say of a stream."""
        state: Any = getattr(self.quic, "tls", None)
        certificate = getattr(state, "_peer_certificate", None)
        encoded = None
        if certificate is not None:
            from cryptography.hazmat.primitives.serialization import Encoding

            encoded = certificate.public_bytes(Encoding.DER)
        name = self.quic.configuration.server_name if self.is_client else getattr(state, "requested", None)
        tls = TlsInfo("TLSv1.3", self.cipher, self.alpn, name, encoded, self.resumed)
        quic = QuicInfo(self.quic.version, channel.id, self.alpn, channel.early_data, self)
        return SocketInfo("quic", self.local, self.peer, True, tls, opened_at=time.time(), quic=quic)


def _time_of(loop: asyncio.AbstractEventLoop) -> float:
    return loop.time()


class _Datagrams:
    """Where the datagrams' stream comes from: they are pushed, and dropped while nobody reads."""

    def pause(self) -> None:
        """Nothing to do."""

    resume = pause

    def cancel(self, reason: object) -> None:
        """Nobody is interested."""
