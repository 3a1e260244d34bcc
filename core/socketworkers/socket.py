"""``Socket``: one class for both sides and every transport.

A socket is an event target with ``readable``, ``writable``, ``ready``, ``closed``, ``abort``, ``signal``, ``update``,
``stats`` and ``info``. It owns no I/O of its own: bytes come from and go to a ``Channel`` (kernel, TLS, memory).
The rules of its life are the table in docs/reference/socket.md and the suite ``socketworkers.testing.check_socket``.

Events: ``open``, ``upgrade``, ``timeout``, ``error``, ``close``.
"""

from __future__ import annotations

import asyncio
import contextvars
import socket as _socket
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from .budget import UNLIMITED, MemoryBudget
from .errors import Aborted, HandshakeTimeout, SocketError, StateError
from .events import AbortSignal
from .info import QuicOptions, SocketInfo, SocketStats, Timeouts, TlsOptions, UdpOptions
from .lifetime import CLOSED, CLOSING, CONNECTING, OPEN, Lifetime, Watcher
from .promise import Promise
from .streams.readable import DEFAULT_HIGH_WATER_MARK, ReadableStream
from .streams.writable import WritableStream
from .transports.client_hello import looks_like_tls
from .transports.tcp_info import tcp_info
from .transports.tls import TlsLayer

if TYPE_CHECKING:
    import ssl

    from .gate import OutputGate

__all__ = ["Socket", "Watcher"]


class Socket(Lifetime):
    """A connection, pending or open.

    Args:
        type: ``tcp`` (the default), ``unix``, ``websocket``, ``udp``, ``quic``; taken from ``remote`` if that is a URL.
        remote: where to connect: ``(host, port)``, ``"tcp://host:port"``, ``"tls://host:port"``, ``"unix:/path"``,
            ``"ws://host:port/path"``, ``"wss://host:port/path"``, ``"udp://host:port"``, ``"quic://host:port"``. With
            ``type="udp"`` it can be left out where ``local`` is given: then chunks are ``Datagram`` objects both ways.
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
        text: whether text messages of a WebSocket are taken, as their bytes; else they end it with 1003.
        ping_interval: seconds between the pings of a WebSocket; None for none.
        allow_address: called with each IP address that the name stands for, says whether it may be connected to.
        udp: broadcast, groups and buffers of a UDP socket.
        quic: bounds and behaviour of a QUIC connection; ``tls`` says which application protocol (``alpn``).

    The socket is pending at once: it can be written to, and read from, before ``ready`` resolves.

    Raises:
        AddressError: the address cannot be understood.
        ValueError: a subprotocol or header that cannot be sent.
        RuntimeError: no loop is running.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        remote: object = None,
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
        text: bool = False,
        ping_interval: float | None = 54.0,
        allow_address: Callable[[str], bool] | None = None,
        udp: UdpOptions | None = None,
        quic: QuicOptions | None = None,
    ) -> None:
        from . import dial

        target = dial.plan(
            remote,
            type,
            local,
            tls,
            subprotocols,
            headers,
            text=text,
            ping_interval=ping_interval,
            allow_address=allow_address,
            udp=udp,
            quic=quic,
        )
        self._init(
            asyncio.get_running_loop(),
            high_water_mark=high_water_mark,
            half_open=allow_half_open,
            timeouts=timeouts or Timeouts(),
            messages=target.address.scheme == "udp",
        )
        self._keep_alive = keep_alive
        if signal is not None:
            self._unfollow = signal.follow(lambda: self._abort(signal.reason or Aborted()))
        if self._state == CONNECTING:
            self._owner = self._loop.create_task(dial.open_socket(self, target, no_delay))

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
        messages: bool = False,
    ) -> Socket:
        socket = cls.__new__(cls)
        socket._init(
            loop,
            high_water_mark=high_water_mark,
            half_open=half_open,
            timeouts=timeouts or Timeouts(),
            budget=budget,
            id=id,
            messages=messages,
        )
        socket._inbound_side = True
        return socket

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
    def opened(self) -> Promise[SocketInfo]:
        """The same as ``ready``, by the name that later drafts use."""
        return self.ready

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
        kernel = None
        if self._state in (OPEN, CLOSING) and self._channel is not None:
            kernel = self._channel.get_extra_info("path") or tcp_info(self._tcp)
        info, outbox = self._info, self._outbox
        return SocketStats(
            bytes_in=self.bytes_in,
            bytes_out=outbox.bytes_out,
            chunks_in=self.chunks_in,
            chunks_out=outbox.chunks_out,
            buffered_in=self._readable._bytes(),
            buffered_out=outbox.buffered if self._state != CLOSED else 0,
            opened_at=info.opened_at if info is not None else 0.0,
            duration=max(0.0, time.time() - info.opened_at) if info is not None else 0.0,
            rtt=kernel.rtt if kernel else None,
            rtt_var=kernel.rtt_var if kernel else None,
            retransmits=kernel.retransmits if kernel else None,
            dropped_in=getattr(self._readable, "dropped", 0),
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
            self._readable._interrupt_read(None)
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
        local: tuple[str, int] | None = None,
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
            local: of a QUIC client: go on from there, with all streams of the connection; ``("", 0)`` for any address.

        Raises:
            StateError: the socket is closed, TLS is there already, or it cannot move.
            OSError: ``local`` cannot be bound.
            TLSError: the handshake failed.
        """
        await self.ready
        if self._state >= CLOSING:
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
        if local is not None:
            await self._move(local)
        if tls:
            options = tls if isinstance(tls, TlsOptions) else TlsOptions()
            await self.start_tls(options=options)

    async def _move(self, local: tuple[str, int]) -> None:
        info = self._info
        if info is None or info.quic is None:
            raise StateError("only a QUIC connection can go on from another address")
        self._info = replace(info, local=await info.quic.session.migrate(local))

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
        is refused, on both sides (the class of CVE-2011-0411 and CVE-2021-38371). Within a WebSocket that this side has
        asked for, TLS goes to what is behind the tunnel.

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
        if self._state != OPEN or self._channel is None or self._outbox.closing:
            raise StateError("TLS cannot start on a closed socket")
        if self._info is not None and self._info.websocket is not None and self._inbound_side:
            raise StateError("TLS does not start within a WebSocket: it goes below, with wss")
        if isinstance(self._channel, TlsLayer) or (self._info is not None and self._info.secure):
            raise StateError("TLS has been started already")
        if self._info is not None and self._info.type == "udp":
            raise StateError("there is no TLS over UDP here (DTLS)")
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
            self._info = replace(self._info, secure=True, tls=info)
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
