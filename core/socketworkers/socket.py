"""``Socket``: one class for both sides and every transport.

A socket is an event target with ``readable``, ``writable``, ``ready``, ``closed``, ``abort``, ``signal``, ``update``,
``stats`` and ``info``. It owns no I/O of its own: bytes come from and go to a ``Channel`` (kernel, TLS, memory).
The rules of its life are the table in docs/reference/socket.md and the suite ``socketworkers.testing.check_socket``.

Events: ``open``, ``upgrade``, ``timeout``, ``error``, ``close``.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import itertools
import socket as _socket
import struct
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from .budget import UNLIMITED, MemoryBudget
from .errors import (
    Aborted,
    ConnectionLost,
    HandshakeTimeout,
    IdleTimeout,
    LimitExceeded,
    SocketError,
    StateError,
    StorageError,
    WriteTimeout,
)
from .events import AbortSignal, Event, EventTarget
from .info import SocketAddress, SocketInfo, SocketStats, Timeouts, TlsOptions
from .promise import Promise
from .streams.readable import DEFAULT_HIGH_WATER_MARK, ReadableStream
from .streams.writable import WritableStream
from .transports.client_hello import looks_like_tls
from .transports.endpoint import Channel
from .transports.outbox import Outbox
from .transports.tcp_info import tcp_info
from .transports.tls import TlsLayer
from .transports.wheel import TimerWheel, wheel_of

if TYPE_CHECKING:
    import ssl

    from .gate import OutputGate

__all__ = ["Socket", "Watcher"]

_CONNECTING, _OPEN, _CLOSING, _CLOSED = range(4)
#: how long a closed inbound socket waits for the peer's FIN, so that bytes on their way do not cause a reset that
#: destroys our last reply (RFC 9112 §9.6 tells the same story for HTTP)
LINGER = 1.0
_ids = itertools.count(1)
_NO_ADDRESS = SocketAddress("", 0)


class Watcher(Protocol):
    """Who is told what happens to a socket whose bytes go to a callback (``Socket.on_data``)."""

    def timed_out(self, error: IdleTimeout) -> None:
        """The deadline or the idle timeout is over."""

    def closed(self, error: BaseException | None) -> None:
        """The socket has closed; ``error`` is what broke it."""


class Socket(EventTarget):
    """A connection, pending or open.

    Args:
        type: ``tcp`` (the default), ``unix``, ``websocket``; taken from ``remote`` if that is a URL.
        remote: where to connect: ``(host, port)``, ``"tcp://host:port"``, ``"tls://host:port"``, ``"unix:/path"``,
            ``"ws://host:port/path"``, ``"wss://host:port/path"``.
        local: address to connect from.
        tls: ``True`` or ``TlsOptions`` for TLS from the first byte; ``False`` for none (STARTTLS can come later).
        allow_half_open: whether writing may go on after the peer's FIN. Outbound no, inbound yes, by default.
        high_water_mark: bytes buffered each way before the other side has to wait.
        no_delay: disable Nagle's algorithm (TCP_NODELAY).
        keep_alive: seconds of silence after which the kernel probes the peer; True for its default.
        timeouts: deadlines.
        signal: aborts the socket when it aborts.
        subprotocols: of a WebSocket, in order of preference; ``info.websocket.subprotocol`` is the server's choice.
        headers: more fields of a WebSocket's request, such as ``Authorization``.

    The socket is pending at once: it can be written to, and read from, before ``ready`` resolves.

    Raises:
        AddressError: the address cannot be understood.
        ValueError: a subprotocol or header that cannot be sent.
        RuntimeError: no loop is running.
    """

    __slots__ = (
        "_active",
        "_channel",
        "_close_error",
        "_closed",
        "_deadline",
        "_due",
        "_endpoint",
        "_flush_mark",
        "_half_open",
        "_idle",
        "_inbound_side",
        "_info",
        "_keep_alive",
        "_linger",
        "_loop",
        "_outbox",
        "_owner",
        "_peer_eof",
        "_readable",
        "_ready",
        "_signal",
        "_state",
        "_tcp",
        "_timeouts",
        "_unfollow",
        "_upgraded",
        "_watcher",
        "_wheel",
        "_writable",
        "_write_due",
        "bytes_in",
        "chunks_in",
        "id",
        "on_close",
    )

    _owner: asyncio.Task[None] | None
    _unfollow: Callable[[], None] | None
    _keep_alive: bool | float

    def __init__(
        self,
        *,
        remote: object,
        type: str | None = None,
        local: object | None = None,
        tls: bool | TlsOptions | None = None,
        allow_half_open: bool = False,
        high_water_mark: int = DEFAULT_HIGH_WATER_MARK,
        no_delay: bool = True,
        keep_alive: bool | float = False,
        timeouts: Timeouts | None = None,
        signal: AbortSignal | None = None,
        subprotocols: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        from . import dial

        target = dial.plan(remote, type, local, tls, subprotocols, headers)
        self._init(
            asyncio.get_running_loop(),
            high_water_mark=high_water_mark,
            half_open=allow_half_open,
            timeouts=timeouts or Timeouts(),
        )
        self._keep_alive = keep_alive
        if signal is not None:
            self._unfollow = signal.follow(lambda: self._abort(signal.reason or Aborted()))
        if self._state == _CONNECTING:
            self._owner = self._loop.create_task(dial.open_socket(self, target, no_delay))

    def _init(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        high_water_mark: int = DEFAULT_HIGH_WATER_MARK,
        half_open: bool,
        timeouts: Timeouts,
        budget: MemoryBudget = UNLIMITED,
        id: str | None = None,
    ) -> None:
        super().__init__()
        self._loop = loop
        self._wheel: TimerWheel = wheel_of(loop)
        #: short name of the connection, the same in every log line
        self.id = id or f"c{next(_ids)}"
        self._state = _CONNECTING
        self._half_open = half_open
        self._timeouts = timeouts
        self._idle = self._wheel.ticks(timeouts.idle)
        self._active = self._wheel.now()
        self._deadline = 0
        self._linger = 0
        self._peer_eof = False
        self._inbound_side = False
        self._write_due = 0
        self._flush_mark = 0
        self._due = 0
        self._channel: Channel | None = None
        self._endpoint: Any = None
        self._tcp: _socket.socket | None = None
        self._info: SocketInfo | None = None
        self._ready: Promise[SocketInfo] | None = None
        self._closed: Promise[None] | None = None
        self._close_error: BaseException | None = None
        self._signal: AbortSignal | None = None
        self._unfollow = None
        self._watcher: Watcher | None = None
        self._upgraded = False
        self._keep_alive = False
        self._owner = None
        #: called once with the socket when it has closed (for the one who counts connections)
        self.on_close: Callable[[Socket], None] | None = None
        self.bytes_in = 0
        self.chunks_in = 0
        self._readable = ReadableStream._of(self, high_water_mark, budget)
        self._writable: WritableStream | None = None
        self._outbox = Outbox(self, high_water_mark)

    @classmethod
    def _inbound(
        cls,
        loop: asyncio.AbstractEventLoop,
        *,
        high_water_mark: int = DEFAULT_HIGH_WATER_MARK,
        half_open: bool = True,
        timeouts: Timeouts | None = None,
        budget: MemoryBudget = UNLIMITED,
        id: str | None = None,
    ) -> Socket:
        socket = cls.__new__(cls)
        socket._init(
            loop,
            high_water_mark=high_water_mark,
            half_open=half_open,
            timeouts=timeouts or Timeouts(),
            budget=budget,
            id=id,
        )
        socket._inbound_side = True
        return socket

    # -- the public face ---------------------------------------------------------------------------------------

    @property
    def readable(self) -> ReadableStream:
        """What the peer sends."""
        return self._readable

    @property
    def writable(self) -> WritableStream:
        """What is sent to the peer."""
        if self._writable is None:
            self._writable = WritableStream._of(self._outbox)
        return self._writable

    @property
    def ready(self) -> Promise[SocketInfo]:
        """Resolves to the ``SocketInfo`` once connected (and through the TLS handshake); rejects with why not."""
        if self._ready is None:
            self._ready = Promise()
            if self._info is not None:
                self._ready.resolve(self._info)
            elif self._state == _CLOSED:
                self._ready.reject(self._close_error or Aborted())
        return self._ready

    @property
    def opened(self) -> Promise[SocketInfo]:
        """The same as ``ready``, by the name that later drafts use."""
        return self.ready

    @property
    def closed(self) -> Promise[None]:
        """Resolves when both directions have ended in order; rejects with what broke the connection."""
        if self._closed is None:
            self._closed = Promise()
            if self._state == _CLOSED:
                self._settle_closed()
        return self._closed

    @property
    def signal(self) -> AbortSignal:
        """Aborts when the socket is aborted or lost, with the error as its reason."""
        if self._signal is None:
            self._signal = AbortSignal()
            if self._close_error is not None:
                self._signal._abort(self._close_error)
        return self._signal

    @property
    def info(self) -> SocketInfo | None:
        """Addresses and TLS; None while pending."""
        return self._info

    @property
    def stats(self) -> SocketStats:
        """The counters as they are now."""
        kernel = tcp_info(self._tcp) if self._state in (_OPEN, _CLOSING) else None
        info, outbox = self._info, self._outbox
        return SocketStats(
            bytes_in=self.bytes_in,
            bytes_out=outbox.bytes_out,
            chunks_in=self.chunks_in,
            chunks_out=outbox.chunks_out,
            buffered_in=self._readable._size,
            buffered_out=outbox.buffered if self._state != _CLOSED else 0,
            opened_at=info.opened_at if info is not None else 0.0,
            duration=max(0.0, time.time() - info.opened_at) if info is not None else 0.0,
            rtt=kernel.rtt if kernel else None,
            rtt_var=kernel.rtt_var if kernel else None,
            retransmits=kernel.retransmits if kernel else None,
        )

    @property
    def upgraded(self) -> bool:
        """Whether TLS was put in place after the socket opened."""
        return self._upgraded

    @property
    def high_water_mark(self) -> int:
        """Bytes buffered for reading before the peer has to wait."""
        return self._readable._high

    def __await__(self) -> Generator[Any, None, Socket]:
        yield from self.ready.__await__()
        return self

    async def __aenter__(self) -> Socket:
        await self.ready
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._abort(Aborted())
        else:
            await self.close()

    def __repr__(self) -> str:
        state = ("connecting", "open", "closing", "closed")[self._state]
        remote = f" {self._info.remote}" if self._info is not None else ""
        return f"<Socket {self.id} {state}{remote}>"

    def on_data(self, callback: Callable[[bytes], object], watcher: Watcher | None = None) -> None:
        """Call ``callback(data)`` for what arrives, with no task in between; ``callback(b"")`` at the end.

        The hot path for sans-IO protocols. An exception of the callback aborts the socket. The stream cannot be
        locked any more.

        Args:
            callback: gets the bytes.
            watcher: is told of deadlines, which then abort nothing, and of the end. Costs an idle connection less than
                event listeners do.

        Raises:
            StateError: a reader holds the stream.
        """
        stream = self._readable
        if stream.locked or stream._callback is not None:
            raise StateError("the stream is locked to a reader")

        self._watcher = watcher
        # in a context of its own, as a task has: what it sets is seen by no other connection
        call: Callable[[bytes], object] = partial(contextvars.copy_context().run, callback)  # type: ignore[call-arg]
        stream._callback = callback = call
        if stream._size:
            data = stream._take_all()
            callback(data)
        if stream._state != 0:
            stream._callback = None
            if stream._error is None:
                callback(b"")

    def set_deadline(self, seconds: float | None) -> None:
        """Bound the protocol's state: after ``seconds`` the pending or next read fails with ``IdleTimeout``.

        Unlike the idle timeout it does not move when bytes arrive. Writing stays possible, so that the protocol's
        own farewell can be sent. None takes it away.
        """
        if seconds is None:
            self._deadline = 0
            self._readable._interrupted = None
        else:
            self._deadline = self._wheel.now() + self._wheel.ticks(seconds)
            self._arm(self._deadline)

    def set_timeouts(self, timeouts: Timeouts) -> None:
        """New deadlines from now on, as ``update(timeouts=...)`` sets them, for code that cannot wait."""
        self._timeouts = timeouts
        self._idle = self._wheel.ticks(timeouts.idle)
        self._active = self._wheel.now()
        self._arm_idle()

    @property
    def congested(self) -> bool:
        """Whether the peer is slow: more than the high-water mark waits to be sent. ``writer.ready`` tells the end."""
        return self._outbox.paused

    def interrupt(self, error: BaseException) -> None:
        """Fail the pending read, or else the next one that has to wait, with ``error``; the socket goes on.

        How a handler is told of something else than bytes while it waits for its peer (a drain, for one).
        """
        self._readable._interrupt_read(error)

    def set_output_gate(self, gate: OutputGate | None) -> None:
        """Hold bytes back until what they tell of is on disk. Set by the object that owns the socket."""
        self._outbox.set_gate(gate)

    async def update(
        self,
        *,
        tls: bool | TlsOptions | None = None,
        no_delay: bool | None = None,
        keep_alive: bool | float | None = None,
        timeouts: Timeouts | None = None,
        high_water_mark: int | None = None,
        send_buffer_size: int | None = None,
        receive_buffer_size: int | None = None,
        allow_half_open: bool | None = None,
    ) -> None:
        """Change an open socket; what is None stays.

        Args:
            tls: start TLS now, as a client.
            no_delay: TCP_NODELAY.
            keep_alive: seconds of silence before the kernel probes the peer; True for its default, False for off.
            timeouts: new deadlines.
            high_water_mark: bytes buffered each way.
            send_buffer_size: SO_SNDBUF in bytes.
            receive_buffer_size: SO_RCVBUF in bytes.
            allow_half_open: whether writing may go on after the peer's FIN.

        Raises:
            StateError: the socket is closed, or TLS is there already.
            TLSError: the handshake failed.
        """
        await self.ready
        if self._state >= _CLOSING:
            raise StateError("the socket is closed")
        if timeouts is not None:
            self.set_timeouts(timeouts)
        if high_water_mark is not None:
            if high_water_mark < 1:
                raise ValueError("high_water_mark must be at least 1")
            self._readable._high = high_water_mark
            self._outbox.set_high_water_mark(high_water_mark)
        if allow_half_open is not None:
            self._half_open = allow_half_open
        self._set_options(no_delay, keep_alive, send_buffer_size, receive_buffer_size)
        if tls:
            options = tls if isinstance(tls, TlsOptions) else TlsOptions()
            await self.start_tls(options=options)

    def _set_options(
        self,
        no_delay: bool | None = None,
        keep_alive: bool | float | None = None,
        send_buffer_size: int | None = None,
        receive_buffer_size: int | None = None,
    ) -> None:
        sock = self._tcp
        if sock is None:
            return
        is_tcp = sock.family in (_socket.AF_INET, _socket.AF_INET6)
        if no_delay is not None and is_tcp:
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, int(no_delay))
        if keep_alive is not None and is_tcp:
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, int(bool(keep_alive)))
            if keep_alive and keep_alive is not True and hasattr(_socket, "TCP_KEEPIDLE"):
                sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_KEEPIDLE, max(1, int(keep_alive)))
                sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_KEEPINTVL, max(1, int(keep_alive / 4)))
        if send_buffer_size is not None:
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, send_buffer_size)
        if receive_buffer_size is not None:
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, receive_buffer_size)

    async def start_tls(
        self,
        *,
        context: ssl.SSLContext | None = None,
        server_side: bool | None = None,
        server_hostname: str | None = None,
        alpn: tuple[str, ...] = (),
        options: TlsOptions | None = None,
        timeout: float | None = None,
    ) -> Socket:
        """Put TLS in place; streams, readers and writers go on working.

        What was written before is sent in clear text first. Plaintext that the peer sent behind the upgrade command
        is refused, on both sides (the class of CVE-2011-0411 and CVE-2021-38371).

        Args:
            context: the TLS context; on the client side made from ``options`` if None.
            server_side: whether this end is the TLS server; by default inbound sockets are.
            server_hostname: name to send and verify on the client side; the remote's host by default.
            alpn: on the server side, the protocols of which one must match if the client offers any.
            options: client-side options.
            timeout: seconds for the handshake; the socket's handshake timeout by default.

        Returns:
            This socket.

        Raises:
            StateError: TLS is there already, the socket is closed, or plaintext was injected (then it is aborted).
            TLSError: the handshake failed (the socket is closed).
            HandshakeTimeout: it took too long (the socket is closed).
        """
        await self.ready
        if self._state != _OPEN or self._channel is None or self._outbox.closing:
            raise StateError("TLS cannot start on a closed socket")
        if self._info is not None and self._info.websocket is not None:
            raise StateError("TLS does not start within a WebSocket: it goes below, with wss")
        if isinstance(self._channel, TlsLayer):
            raise StateError("TLS has been started already")
        if server_side is None:
            server_side = self._inbound_side
        stream = self._readable
        early = bytes(stream._join())
        if early and not (server_side and looks_like_tls(early)):
            problem = StateError(f"{len(early)} plaintext bytes were pipelined before TLS")
            self._abort(problem)
            raise problem
        if self._outbox.gate is not None:
            while self._outbox._held:
                await self._outbox.flush()
        if early:
            stream._take_all()
        if context is None:
            from .dial import client_context

            options = options or TlsOptions()
            context = client_context(options)
            server_hostname = server_hostname or options.sni
        assert self._info is not None
        if not server_side and server_hostname is None:
            server_hostname = self._info.remote.host
        await self._handshake(context, server_side, server_hostname, alpn, early, timeout)
        self._upgraded = True
        self._fire("upgrade")
        return self

    async def _handshake(
        self,
        context: ssl.SSLContext,
        server_side: bool,
        server_hostname: str | None,
        alpn: tuple[str, ...],
        early: bytes,
        timeout: float | None = None,
    ) -> None:
        channel = self._channel
        assert channel is not None
        layer = TlsLayer(
            channel,
            self,
            context,
            server_side=server_side,
            server_hostname=server_hostname if not server_side else None,
            alpn=alpn,
        )
        self._put_on(layer)
        seconds = timeout if timeout is not None else self._timeouts.handshake
        handle = self._loop.call_later(seconds, self._handshake_late, layer) if seconds is not None else None
        layer.start(early)
        if self._peer_eof:
            layer._eof_received()  # the end came before the layer was there: nobody is left to wait for
        try:
            info = await layer.handshake
        except SocketError as error:
            # let the alert out, then end
            self._close_error = error
            channel.close()
            self._end(error, drop=True)
            raise
        except asyncio.CancelledError:
            self._abort(Aborted("cancelled during the TLS handshake"))
            raise
        finally:
            if handle is not None:
                handle.cancel()
        if self._info is not None:
            before = self._info
            self._info = SocketInfo(
                before.type, before.local, before.remote, True, info, before.proxied_from, before.opened_at
            )
            self._outbox.release()

    def _put_on(self, layer: Any) -> None:
        """Put a layer between the channel and this socket; what is written waits until its handshake is done."""
        outbox = self._outbox
        outbox.block()
        outbox.channel = self._channel = layer
        outbox._look()
        self._endpoint.attach(layer)
        self._endpoint = layer
        if self._readable._paused:
            self._readable._resume()

    def _handshake_late(self, layer: TlsLayer) -> None:
        layer.handshake.reject(HandshakeTimeout("the TLS handshake took too long"))

    def close(self, reason: object = None) -> Promise[None]:
        """Send all that was written, then end both directions. Idempotent; returns ``closed``.

        Args:
            reason: a word for the log.
        """
        if self._state in (_CONNECTING, _OPEN):
            if self._state == _CONNECTING and self._channel is None:
                return self._close_pending()
            self._state = _CLOSING
            self._linger = self._wheel.now() + self._wheel.ticks(LINGER)
            self._readable._cancel(reason)
            self._outbox.finish()
            if self._linger:
                self._arm(self._linger)
                self._half_done()
        return self.closed

    def _close_pending(self) -> Promise[None]:
        """Closed before it is connected: wait until it is settled, flush, close."""

        def later() -> None:
            if self._state == _OPEN:
                self.close()

        self.ready.then(lambda: self._loop.call_soon(later))
        return self.closed

    def abort(self, reason: object = None) -> Promise[None]:
        """End now: drop what was not sent, reset the connection.

        Args:
            reason: an exception or a word. ``closed`` and both streams fail with it (``Aborted``); with None
                ``closed`` resolves.

        Returns:
            An awaitable that ends when the socket is gone; it never fails.
        """
        self._abort(reason if isinstance(reason, BaseException) else Aborted(reason))
        gone: Promise[None] = Promise()
        self.closed.then(lambda: gone.resolve(None))
        return gone

    # -- life --------------------------------------------------------------------------------------------------

    def _attach(self, channel: Channel, endpoint: Any, type: str, *, secure: bool = False) -> None:
        """The connection is there; ``_opened`` follows once TLS is, too."""
        self._channel = channel
        self._endpoint = endpoint
        sock = channel.get_extra_info("socket")
        self._tcp = sock if sock is not None and type == "tcp" else None
        self._outbox.open(channel)
        if self._timeouts.write is not None and self._outbox.paused:
            self._write_stalled()
        if self._readable._paused:
            channel.pause_reading()

    def _opened(self, info: SocketInfo) -> None:
        if self._state != _CONNECTING:
            return
        self._info = info
        self._state = _OPEN
        self._active = self._wheel.now()
        self._arm_idle()
        self._outbox.release()
        if self._ready is not None:
            self._ready.resolve(info)
        self._fire("open")
        if self._readable._state != 0:
            self._loop.call_soon(self._peer_finished)

    def _fire(self, type: str, detail: object = None) -> None:
        if self._listeners and self._listeners.get(type):
            self.dispatch_event(Event(type, detail=detail))

    # what the channel calls

    def _received(self, data: bytes) -> None:
        size = len(data)
        self.bytes_in += size
        self.chunks_in += 1
        self._active = self._wheel.tick
        stream = self._readable
        callback = stream._callback
        if callback is not None:
            try:
                callback(data)
            except Exception as error:
                self._abort(error)
        elif (waiter := stream._waiter) is not None and not stream._size:
            # the usual case of ``ReadableStream._enqueue``
            stream._waiter = None
            stream._chunks.append(data)
            stream._size = size
            waiter.wake_now()
            if stream._size >= stream._high and stream._size >= stream._want:
                stream._pause()
        else:
            stream._enqueue(data)

    def _eof_received(self) -> None:
        self._active = self._wheel.tick
        self._peer_eof = True
        try:
            self._readable._close()
        except Exception as error:
            self._abort(error)
            return
        if self._state != _CONNECTING:
            self._peer_finished()

    def _peer_finished(self) -> None:
        if not self._half_open and self._state == _OPEN:
            self._outbox.finish()
        self._half_done()

    def _half_done(self) -> None:
        """One direction has ended: once both have, the connection is given back."""
        channel = self._channel
        if channel is not None and self._outbox.eof_sent and self._readable._state != 0 and self._state < _CLOSED:
            if self._linger and not self._peer_eof:
                return
            self._state = _CLOSING
            self._linger = 0
            if self._timeouts.write is not None:
                self._write_stalled()
            channel.close()

    def _pause_writing(self) -> None:
        self._outbox.pause_writing()

    def _resume_writing(self) -> None:
        self._outbox.resume_writing()

    def _severed(self, error: BaseException) -> None:
        """As lost, but for the bytes that came before: they are still to be read."""
        if self._state < _CLOSED and self._close_error is None:
            self._close_error = lost = _connection_lost(error)
            self._outbox.fail(lost)
            if self._signal is not None:
                self._signal._abort(lost)

    def _lost(self, error: BaseException | None) -> None:
        if self._state == _CLOSED:
            return
        if error is None or (self._outbox.eof_sent and not isinstance(error, SocketError) and self._flushed_all()):
            self._end(None, drop=False)
        elif isinstance(error, SocketError):
            self._end(error, drop=False)
        else:
            self._end(self._close_error or _connection_lost(error), drop=False)

    def _flushed_all(self) -> bool:
        return self._outbox._held_size == 0 and self._readable._state != 0

    def _abort(self, error: BaseException) -> None:
        """End now with ``error``; ``Aborted(None)`` counts as an orderly end for ``closed``."""
        if self._state == _CLOSED:
            return
        owner, self._owner = self._owner, None
        if owner is not None and self._state == _CONNECTING:
            owner.cancel()
        channel, sock = self._channel, self._tcp
        self._end(error, drop=True)
        if channel is not None:
            if sock is not None:
                try:  # the kernel sends a reset, not a FIN (tcp(7), SO_LINGER)
                    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, struct.pack("ii", 1, 0))
                except OSError:
                    pass
            channel.abort()

    def _end(self, error: BaseException | None, *, drop: bool) -> None:
        if self._state == _CLOSED:
            return
        never_opened = self._info is None
        self._state = _CLOSED
        self._close_error = error
        self._wheel.cancel(self)
        if self._unfollow is not None:
            self._unfollow()
            self._unfollow = None
        reason = error or ConnectionLost("the connection is closed")
        if error is None:
            self._readable._close()
        else:
            self._readable._fail(error, drop=drop)
        self._readable._budget.forget(self._readable)
        if not self._outbox.eof_sent or error is not None:
            self._outbox.fail(reason)
        else:
            self._outbox._check_flushed()
            self._outbox._settle_closed()
            self._outbox.fail(reason)
        if self._ready is not None and never_opened:
            self._ready.reject(reason)
        if self._signal is not None and error is not None:
            self._signal._abort(error)
        if error is not None:
            self._fire("error", error)
        if self._closed is not None:
            self._settle_closed()
        self._fire("close", error)
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.closed(error)
        callback, self.on_close = self.on_close, None
        if callback is not None:
            callback(self)
        self._channel = None
        self._tcp = None
        self._endpoint = None

    def _settle_closed(self) -> None:
        assert self._closed is not None
        error = self._close_error
        if error is None or (isinstance(error, Aborted) and error.reason is None):
            self._closed.resolve(None)
        else:
            self._closed.reject(error)

    # -- Source of the readable --------------------------------------------------------------------------------

    def pause(self) -> None:
        if self._channel is not None and self._state < _CLOSED:
            try:
                self._channel.pause_reading()
            except RuntimeError:
                pass  # older loops complain when the transport is closing

    def resume(self) -> None:
        if self._channel is not None and self._state < _CLOSED:
            try:
                self._channel.resume_reading()
            except RuntimeError:
                pass

    def cancel(self, reason: object) -> None:
        """The reader is not interested: go on reading and drop it, so that the peer is not blocked."""
        self._readable._paused = False
        self.resume()
        if self._endpoint is not None:
            self._endpoint.attach(_Drain(self))

    # -- time --------------------------------------------------------------------------------------------------

    def _arm(self, due: int) -> None:
        if due and (not self._due or due < self._due):
            self._wheel.schedule(self, due)

    def _arm_idle(self) -> None:
        if self._idle:
            self._arm(self._active + self._idle)

    def _write_stalled(self) -> None:
        seconds = self._timeouts.write
        if seconds is not None and not self._write_due and self._outbox.buffered:
            self._flush_mark = self._outbox.bytes_out - self._outbox.buffered
            self._write_due = self._wheel.now() + self._wheel.ticks(seconds)
            self._arm(self._write_due)

    def _on_tick(self, tick: int) -> int:
        if self._state == _CLOSED:
            return 0
        if self._linger and tick >= self._linger:
            self._linger = 0
            if self._outbox.eof_sent and not self._outbox.buffered:
                self._half_done()
                if self._state == _CLOSED:
                    return 0
            elif not self._write_due:
                self._write_stalled()
        if self._write_due and tick >= self._write_due:
            self._write_due = 0
            buffered = self._outbox.buffered
            if buffered:
                if self._outbox.bytes_out - buffered <= self._flush_mark:
                    self._abort(WriteTimeout(f"the peer took none of {buffered} bytes in time"))
                    return 0
                self._write_stalled()
            elif self._state == _CLOSING:
                self._half_done()
        stream = self._readable
        waiting = stream._waiter is not None and not stream._waiter.done()
        if self._deadline and tick >= self._deadline and self._state < _CLOSING:
            self._deadline = 0
            self._timed_out(IdleTimeout("the peer took too long"))
        elif (
            self._idle
            and tick >= self._active + self._idle
            and self._state == _OPEN
            and (waiting or stream._callback is not None)
        ):
            self._active = tick
            self._timed_out(IdleTimeout("nothing came from the peer for too long"))
        if self._state == _CLOSED:
            return 0
        due = [at for at in (self._linger, self._write_due, self._deadline) if at > 0]
        if self._idle and self._state == _OPEN:
            due.append(max(self._active + self._idle, tick + 1))
        return min(due, default=0)

    def _timed_out(self, error: IdleTimeout) -> None:
        self._fire("timeout", error)
        stream = self._readable
        if stream._callback is not None:
            if self._watcher is not None:
                self._watcher.timed_out(error)
            elif not self.has_event_listener("timeout"):
                self._abort(error)
        else:
            stream._interrupt_read(error)


class _Drain:
    """Takes what comes for a socket whose reader is not interested any more."""

    __slots__ = ("_count", "_socket")

    #: a peer that goes on sending to a closed socket is cut off after this many bytes
    LIMIT = 16 * 1024 * 1024

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._count = 0

    def _received(self, data: bytes) -> None:
        socket = self._socket
        socket.bytes_in += len(data)
        self._count += len(data)
        if socket._state == _CLOSING and self._count > self.LIMIT:
            socket._abort(LimitExceeded("the peer goes on sending to a closed socket"))

    def _eof_received(self) -> None:
        self._socket._peer_eof = True
        self._socket._peer_finished()

    def _severed(self, error: BaseException) -> None:
        self._socket._severed(error)

    def _lost(self, error: BaseException | None) -> None:
        self._socket._lost(error)

    def _pause_writing(self) -> None:
        self._socket._pause_writing()

    def _resume_writing(self) -> None:
        self._socket._resume_writing()


def _connection_lost(error: BaseException) -> ConnectionLost:
    lost = ConnectionLost(f"the connection was lost: {error.__class__.__name__}")
    lost.__cause__ = error
    return lost


def quiet(error: BaseException) -> bool:
    """Whether an error tells of the peer or the network, not of our code: not worth a traceback."""
    return isinstance(error, (SocketError, asyncio.CancelledError, StorageError, EOFError)) or (
        isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.ECONNRESET, errno.ETIMEDOUT)
    )
