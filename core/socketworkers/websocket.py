"""Putting a WebSocket on a connected socket: as a server for a listener, as a client for ``connect``."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import replace
from typing import TYPE_CHECKING

from .errors import Aborted, ConnectError, ConnectionLost, HandshakeTimeout, ProtocolError, SocketError
from .lifetime import CLOSED
from .transports.websocket import HALF_CLOSE, PING_INTERVAL, WebSocketLayer
from .transports.websocket_handshake import (
    Refused,
    Terms,
    accept_request,
    make_request,
    new_nonce,
    read_response,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .dial import Target
    from .info import SocketInfo, WebSocketInfo
    from .socket import Socket
    from .transports.endpoint import Channel

__all__ = ["HALF_CLOSE", "Refused", "accept_websocket", "refusal", "request_websocket"]


async def accept_websocket(
    socket: Socket,
    info: SocketInfo,
    terms: Terms,
    *,
    text: bool = False,
    ping_interval: float | None = PING_INTERVAL,
    admit: Callable[[SocketInfo], Awaitable[None]] | None = None,
) -> SocketInfo:
    """Wait for the client's handshake and answer it.

    Args:
        socket: connected, not open yet.
        info: what is known of it.
        terms: what to ask of the client.
        text: whether text messages are taken.
        ping_interval: seconds between pings; None for none.
        admit: asked before the client gets its answer; raises ``ProtocolError`` to refuse it.

    Returns:
        The info with the WebSocket's.

    Raises:
        ProtocolError: refused; the socket takes the ``reply`` and is to be closed then.
        SocketError: the connection ended, or the deadline came.
    """
    layer = WebSocketLayer(
        _channel_of(socket),
        socket,
        lambda head: accept_request(head, terms),
        client=False,
        wheel=socket._wheel,
        text=text,
        ping_interval=ping_interval,
        held=admit is not None,
    )
    stream = socket._readable
    early = bytes(stream._take_all()) if stream._size else b""
    found = await _handshake(socket, layer, early)
    info = replace(info, type="websocket", websocket=found)
    if admit is not None:
        try:
            await _unless_closed(socket, admit(info))
        except ProtocolError:
            layer.be_plain()
            socket._outbox.release()
            raise
        layer.open()
    return info


async def _unless_closed(socket: Socket, decision: Awaitable[None]) -> None:
    """Wait for ``decision``, and no longer than the client is there."""
    task = asyncio.ensure_future(decision)
    socket.closed.then(task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        if socket._state == CLOSED and task.cancelled():
            raise ConnectionLost("the client left during the WebSocket handshake") from None
        raise


async def request_websocket(socket: Socket, info: SocketInfo, target: Target) -> SocketInfo:
    """Ask the server for a WebSocket.

    Args:
        socket: connected (and in TLS), not open yet.
        info: what is known of it.
        target: where it goes, with subprotocols and headers.

    Returns:
        The info with the WebSocket's.

    Raises:
        SocketError: refused, ended, or too late.
    """
    address, nonce = target.address, new_nonce()

    def judge(head: bytes) -> tuple[bytes, WebSocketInfo]:
        return b"", read_response(head, address.resource, nonce, target.subprotocols)

    layer = WebSocketLayer(
        _channel_of(socket),
        socket,
        judge,
        client=True,
        wheel=socket._wheel,
        text=target.text,
        ping_interval=target.ping_interval,
    )
    request = make_request(address.authority, address.resource, nonce, target.subprotocols, target.headers)
    try:
        found = await _handshake(socket, layer, request)
    except ProtocolError as error:
        said = f": {error.text}" if isinstance(error, Refused) and error.text else ""
        raise ConnectError(errno.ECONNREFUSED, f"cannot connect to {address}: {error}{said}") from error
    return replace(info, type="websocket", websocket=replace(found, host=address.authority))


def _channel_of(socket: Socket) -> Channel:
    if socket._channel is None:  # the peer was faster
        raise ConnectionLost("the connection was lost before the WebSocket handshake")
    return socket._channel


async def _handshake(socket: Socket, layer: WebSocketLayer, first: bytes) -> WebSocketInfo:
    socket._put_on(layer)
    socket.bytes_in = socket.chunks_in = 0  # the handshake's bytes are not the application's
    seconds = socket._timeouts.handshake
    handle = socket._loop.call_later(seconds, _late, layer) if seconds is not None else None
    layer.start(first)
    if socket._peer_eof:
        layer._eof_received()
    try:
        found = await layer.handshake
    except ProtocolError:
        layer.be_plain()
        socket._outbox.release()
        raise
    except SocketError as error:
        socket._abort(error)
        raise
    except BaseException:
        socket._abort(Aborted("cancelled during the WebSocket handshake"))
        raise
    finally:
        if handle is not None:
            handle.cancel()
    return found


def _late(layer: WebSocketLayer) -> None:
    layer.handshake.reject(HandshakeTimeout("the WebSocket handshake took too long"))
