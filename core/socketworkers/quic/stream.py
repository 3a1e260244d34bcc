"""One QUIC stream as a ``Channel``: half-close, resets, and windows that follow the reader (RFC 9000 §2–§4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aioquic.quic.connection import stream_is_client_initiated, stream_is_unidirectional

from ..errors import ConnectionLost
from ..transports.tcp_info import TcpInfo
from .connection import HeldStream

if TYPE_CHECKING:
    from aioquic.quic.stream import QuicStream

    from ..info import SocketInfo
    from ..transports.endpoint import Upper
    from .session import QuicSession

__all__ = ["NO_ERROR", "STREAM_ABORTED", "QuicStreamChannel"]

#: application error codes (§20.2) of ours: nothing is wrong, and the socket was aborted
NO_ERROR, STREAM_ABORTED = 0, 1


class QuicStreamChannel:
    """See the module.

    Args:
        session: of the connection.
        stream: aioquic's.
    """

    __slots__ = (
        "_closing",
        "_early",
        "_ended",
        "_finished",
        "_gone",
        "_granted_at",
        "_high",
        "_low",
        "_received",
        "_session",
        "_stalled",
        "_stream",
        "_window",
        "early_data",
        "id",
        "paused",
        "receives",
        "sends",
        "upper",
    )

    def __init__(self, session: QuicSession, stream: QuicStream) -> None:
        self._session = session
        self._stream = stream
        number = stream.stream_id
        assert number is not None
        self.id = number
        own = stream_is_client_initiated(number) == session.is_client
        one_way = stream_is_unidirectional(number)
        self.sends = own or not one_way
        self.receives = not own or not one_way
        #: whether the peer opened it in 0-RTT
        self.early_data = False
        self.upper: Upper | None = None
        self._early: list[bytes] | None = []
        self._received = 0
        self._window = session.options.stream_window
        self._granted_at = session.now()
        #: whether nobody reads
        self.paused = False
        self._high, self._low = 65536, 16384
        self._stalled = False
        #: the peer's FIN has come
        self._finished = not self.receives
        #: our FIN is queued
        self._ended = not self.sends
        self._closing = False
        self._gone = False

    # -- from the connection -----------------------------------------------------------------------------------

    def received(self, data: bytes, end: bool) -> None:
        """In order, as the connection has it."""
        if data:
            self._received += len(data)
            if self.upper is None:
                if self._early is not None:
                    self._early.append(data)
            else:
                self.upper._received(data)
            if not end and not self._gone and not self.paused:
                self._grant()
        if end and not self._finished:
            self._finished = True
            if self.upper is not None:
                self.upper._eof_received()

    def _grant(self, *, more: bool = True) -> None:
        """Let the peer send on, once it has used half of its window (§4.2)."""
        stream, window = self._stream, self._window
        if stream.max_stream_data_local - self._received > window // 2:
            return
        now = self._session.now()
        if more and now - self._granted_at < 2 * self._session.quic.round_trip[0]:
            # a reader that keeps up and a window that is used up in two round trips: the window is what limits
            self._window = window = min(2 * window, self._session.options.max_stream_window)
        self._granted_at = now
        stream.max_stream_data_local = self._received + window
        self._session.schedule()

    def held(self, tight: bool) -> int:
        """Bytes that came and that nobody has read; with ``tight`` the stream tells when that changes."""
        if self.upper is None:
            return sum(map(len, self._early or ()))
        readable = getattr(self.upper, "_readable", None)
        if readable is None or not readable._size:
            return 0
        if tight:
            readable._pause()
        size: int = readable._size
        return size

    def was_reset(self, code: int) -> None:
        """The peer has reset its half (§19.4): for a socket that is the end of both."""
        if not self._gone:
            self.fail(ConnectionResetError(f"the peer reset the stream with code {code:#x}"))

    def was_stopped(self, code: int) -> None:
        """The peer wants nothing more (§19.5); aioquic has reset our half."""
        if self._gone or (self._ended and not self._unsent()):
            return
        error = ConnectionResetError(f"the peer stopped the stream with code {code:#x}")
        if self._finished or not self.receives:
            self.fail(error)
        elif self.upper is not None:
            self.upper._severed(error)

    def fail(self, error: BaseException) -> None:
        """The stream is broken, or the connection is."""
        if self._gone:
            return
        self._depart(STREAM_ABORTED)
        if self.upper is not None:
            self.upper._lost(error)
        self._session.departed(self, at_once=True)

    def sent(self) -> None:
        """The connection has sent something: there may be room, or an end."""
        if self._gone:
            return
        unsent = self._unsent()
        if self._stalled and unsent <= self._low:
            self._stalled = False
            if self.upper is not None:
                self.upper._resume_writing()
        if self._closing and not unsent and not self._stream.sender._pending_eof:
            self._leave()

    def _unsent(self) -> int:
        sender = self._stream.sender
        return 0 if sender._reset_error_code is not None else sender._buffer_stop - sender.highest_offset

    # -- Arrival -----------------------------------------------------------------------------------------------

    def adopt(self, socket: Any) -> SocketInfo:
        if self._gone:
            raise ConnectionLost("the stream was reset before it was served")
        socket._attach(self, self, "quic")
        self.attach(socket)
        early, self._early = self._early, None
        if early:
            socket._received(early[0] if len(early) == 1 else b"".join(early))
        if self._finished:
            self._session.loop.call_soon(socket._eof_received)
        if not self.sends:
            socket._outbox.finish()
        elif not self.paused:
            self._grant()
        return self._session.info_of(self)

    def refuse(self) -> None:
        self.abort()
        self.served()

    def served(self) -> None:
        if isinstance(self._stream, HeldStream):
            self._stream.held = False
            self._session.schedule()

    # -- Channel -----------------------------------------------------------------------------------------------

    def attach(self, upper: Any) -> None:
        """From now on ``upper`` gets everything."""
        self.upper = upper

    def write(self, data: bytes) -> None:
        if self._gone or self._ended or self._stream.sender._reset_error_code is not None:
            return
        self._stream.sender.write(data)
        self._session.schedule()
        self._stall()

    def _stall(self) -> None:
        if self._unsent() > self._high:
            self._session.waiting.add(self)
            if not self._stalled:
                self._stalled = True
                if self.upper is not None:
                    self.upper._pause_writing()

    def write_eof(self) -> None:
        """Send FIN behind what waits (§3.1)."""
        if not self._ended and not self._gone:
            self._ended = True
            if self._stream.sender._reset_error_code is None:
                self._stream.sender.write(b"", end_stream=True)
                self._session.schedule()

    def close(self) -> None:
        """Read no more, send what waits, and leave the stream."""
        if self._closing or self._gone:
            return
        self._closing = True
        if self._unsent() or self._stream.sender._pending_eof:
            self._session.waiting.add(self)
            self._session.schedule()
        else:
            self._leave()

    def _leave(self) -> None:
        self._depart(NO_ERROR)
        upper = self.upper
        self._session.departed(self, (lambda: upper._lost(None)) if upper is not None else None)

    def _depart(self, code: int) -> None:
        self._gone = True
        self.paused = False
        self._early = None
        quic = self._session.quic
        if self.receives and not self._finished and quic.stream(self.id) is not None:
            quic.stop_stream(self.id, code)
        if self.sends and (code or not self._ended):
            self._stream.sender.reset(code)
        self._session.schedule()

    def abort(self) -> None:
        """Reset both halves."""
        if not self._gone:
            self._depart(STREAM_ABORTED)
            upper = self.upper
            self._session.departed(self, (lambda: upper._lost(None)) if upper is not None else None, at_once=True)

    def pause_reading(self) -> None:
        """Grant the peer nothing more."""
        self.paused = True

    def resume_reading(self) -> None:
        """Grant again."""
        if self.paused:
            self.paused = False
            if not self._finished and not self._gone:
                self._grant(more=False)
                self._session.schedule()

    def get_write_buffer_size(self) -> int:
        """Bytes that were never sent; those under way are bounded by the congestion window."""
        return self._unsent()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = 65536 if high is None else high
        self._low = self._high // 4 if low is None else low
        self._stall()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "path":
            quic = self._session.quic
            return TcpInfo(*quic.round_trip, quic.lost)
        return default
