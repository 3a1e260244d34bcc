"""A kernel UDP socket on a loop, and the channel of a socket that has one for itself.

Datagrams are read in batches, as many as a wake-up finds up to ``BATCH``, into one buffer that no datagram overflows.
They are sent at once; those that the kernel does not take wait in a bounded queue. Borders are never touched.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket as _socket
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from ..errors import ConnectError, LimitExceeded, StateError
from ..info import Datagram, SocketAddress
from .endpoint import Upper
from .udp_socket import PACKET_INFO_SPACE, ask_for_destination, destination, is_wildcard, source_control

__all__ = ["UdpChannel", "UdpPort", "address_tuple"]

#: datagrams per wake-up, so that a flood leaves time for the rest of the loop
BATCH = 64
#: longer than any datagram, so that none is cut: 65,535 is the most that the length field can say (RFC 768)
BUFFER_SIZE = 65_536
#: bytes of datagrams that wait for the kernel; more are dropped, as the network would
MAX_QUEUE = 4 * 1024 * 1024

_NO_CONTROL: list[Any] = []
_view = memoryview(bytearray(BUFFER_SIZE))
#: what the kernel tells of one datagram and not of the socket: the datagram is lost, the rest goes on
_TRANSIENT = {errno.ENOBUFS, errno.ENOMEM, errno.EPERM, errno.EAGAIN, errno.EINTR}


def address_tuple(family: int, address: SocketAddress) -> Any:
    """An address as the kernel takes it."""
    if family != _socket.AF_INET6:
        return (address.host, address.port)
    host, _, zone = address.host.partition("%")
    return (host, address.port, 0, _socket.if_nametoindex(zone) if zone else 0)


class UdpPort:
    """Owns a bound or connected, non-blocking UDP socket.

    Args:
        loop: the running loop.
        sock: closed with this object.
        received: called with data, the peer's address (None on a connected socket) and, on a socket that is bound to
            every address of the machine, the one that the datagram was sent to.
        failed: called with an error that concerns the socket as a whole, such as ICMP's on a connected one.
    """

    __slots__ = (
        "_failed",
        "_local",
        "_loop",
        "_queue",
        "_queued",
        "_reading",
        "_received",
        "_tells",
        "_writing",
        "batch",
        "batch_ended",
        "connected",
        "dropped",
        "family",
        "room",
        "segments",
        "sock",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: _socket.socket,
        received: Callable[[bytes, Any, SocketAddress | None], object],
        failed: Callable[[OSError], object],
        *,
        connected: bool,
    ) -> None:
        self._loop = loop
        self.sock = sock
        self.family = sock.family
        self.connected = connected
        self._received = received
        self._failed = failed
        self._tells = not connected and is_wildcard(sock) and ask_for_destination(sock)
        self._local = sock.getsockname()[1]
        self._reading = False
        self._writing = False
        self._queue: deque[tuple[bytes, Any, list[Any]]] = deque()
        self._queued = 0
        #: datagrams that could not be sent
        self.dropped = 0
        #: whether the kernel cuts a buffer into datagrams (UDP_SEGMENT)
        self.segments = sys.platform == "linux"
        #: called when the queue has got empty again
        self.room: Callable[[], object] | None = None
        #: datagrams per wake-up
        self.batch = BATCH
        #: called once behind all datagrams of a wake-up
        self.batch_ended: Callable[[], object] | None = None

    # -- reading -----------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Read."""
        if not self._reading and self.sock.fileno() >= 0:
            self._reading = True
            self._loop.add_reader(self.sock.fileno(), self._ready)

    def pause(self) -> None:
        """Leave what comes to the kernel, which drops what does not fit."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self.sock.fileno())

    def _ready(self) -> None:
        sock, view, received = self.sock, _view, self._received
        peer: Any = None
        local: SocketAddress | None = None
        try:
            for _ in range(self.batch):
                if self.connected:
                    count = sock.recv_into(view)
                elif self._tells:
                    count, ancillary, _flags, peer = sock.recvmsg_into([view], PACKET_INFO_SPACE)
                    local = destination(ancillary, self._local)
                else:
                    count, peer = sock.recvfrom_into(view)
                received(view[:count].tobytes(), peer, local)
                if not self._reading:
                    break
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            if self.connected:
                self._failed(error)
        if self.batch_ended is not None:
            self.batch_ended()

    # -- writing -----------------------------------------------------------------------------------------------

    @property
    def queued(self) -> int:
        """Bytes that the kernel has not taken."""
        return self._queued

    def send(self, data: bytes, peer: Any = None, local: SocketAddress | None = None, segment: int = 0) -> bool:
        """Send one datagram now, or as soon as the kernel takes it; False if it is lost.

        Args:
            data: the datagram; with ``segment`` several of that length each (the last may be shorter).
            peer: where to; None on a connected socket.
            local: the address to send from, on a socket that is bound to all of them.
            segment: for the kernel to cut ``data`` at (UDP_SEGMENT, udp(7)).

        Raises:
            LimitExceeded: the path takes no datagram of that length.
            OSError: the peer cannot be reached; on a connected socket possibly one that was sent before.
        """
        control = _NO_CONTROL
        if local is not None and self._tells:
            control = source_control(self.family, local)
        if segment:
            control = [*control, (_socket.IPPROTO_UDP, _UDP_SEGMENT, segment.to_bytes(2, sys.byteorder))]
        if self._queue:
            return self._keep(data, peer, control)
        try:
            if control or peer is None:
                self._out(data, peer, control)
            else:
                self.sock.sendto(data, peer)
        except (BlockingIOError, InterruptedError):
            return self._keep(data, peer, control)
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                raise LimitExceeded(f"a message of {len(data)} bytes is longer than the path takes") from error
            if error.errno in _TRANSIENT:
                self.dropped += 1
                return False
            raise
        return True

    def _out(self, data: bytes, peer: Any, control: list[Any]) -> None:
        if control:
            self.sock.sendmsg((data,), control, 0, peer)
        elif peer is None:
            self.sock.send(data)
        else:
            self.sock.sendto(data, peer)

    def _keep(self, data: bytes, peer: Any, control: list[Any]) -> bool:
        if self._queued + len(data) > MAX_QUEUE:
            self.dropped += 1
            return False
        self._queue.append((data, peer, control))
        self._queued += len(data)
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self.sock.fileno(), self._flush)
        return True

    def _flush(self) -> None:
        queue = self._queue
        while queue:
            data, peer, control = queue[0]
            try:
                self._out(data, peer, control)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.dropped += 1
                if self.connected and error.errno not in _TRANSIENT and error.errno != errno.EMSGSIZE:
                    self._failed(error)
                    return
            queue.popleft()
            self._queued -= len(data)
        self._stop_writing()
        if self.room is not None:
            self.room()

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self.sock.fileno())

    def close(self) -> None:
        """Drop what waits and give the socket back."""
        if self.sock.fileno() < 0:
            return
        self.pause()
        self._stop_writing()
        self._queue.clear()
        self._queued = 0
        self.sock.close()


#: udp(7)
_UDP_SEGMENT = 103


def unreachable(what: str, error: OSError) -> ConnectError:
    """What ICMP or the routing table told of a peer, as ours."""
    number = error.errno or errno.EIO
    result = ConnectError(number, f"{what} cannot be reached: {os.strerror(number).lower()}")
    result.__cause__ = error
    return result


class UdpChannel:
    """A UDP socket of its own as a ``Channel``: connected to one peer, or bound and open to all.

    Args:
        loop: the running loop.
        sock: the kernel's socket; closed with the channel.
        upper: gets ``bytes``, or on a bound socket ``Datagram`` objects.
        connected: whether there is one peer.
    """

    __slots__ = (
        "_closing",
        "_deliver",
        "_ended",
        "_high",
        "_local",
        "_loop",
        "_low",
        "_remote",
        "_remotes",
        "_stalled",
        "port",
        "upper",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: _socket.socket, upper: Upper, *, connected: bool) -> None:
        self._loop = loop
        self.port = UdpPort(loop, sock, self._connected if connected else self._bound, self._fail, connected=connected)
        self.port.room = self._room
        self._local = SocketAddress(*sock.getsockname()[:2])
        self._remote = SocketAddress(*sock.getpeername()[:2]) if connected else None
        #: addresses of peers as objects, the last ones: mostly they are few
        self._remotes: dict[Any, SocketAddress] = {}
        self._high, self._low = 65536, 16384
        self._stalled = False
        self._ended = False
        self._closing = False
        self.attach(upper)
        self.port.resume()

    def attach(self, upper: Upper) -> None:
        """From now on ``upper`` gets everything."""
        self.upper = upper
        self._deliver: Callable[[Any, int], None] | None = getattr(upper, "_message_received", None)
        if self._ended:
            self._loop.call_soon(self._finish)

    def _connected(self, data: bytes, peer: Any, local: SocketAddress | None) -> None:
        if self._deliver is not None:
            self._deliver(data, len(data))

    def _bound(self, data: bytes, peer: Any, local: SocketAddress | None) -> None:
        if self._deliver is not None:
            remote = self._remotes.get(peer)
            if remote is None:
                if len(self._remotes) > 1000:
                    self._remotes.clear()
                remote = self._remotes[peer] = SocketAddress(*peer[:2])
            self._deliver(Datagram(data, remote, local or self._local), len(data))

    def _fail(self, error: OSError) -> None:
        if not self._closing:
            self._closing = True
            self.port.close()
            self._loop.call_soon(self.upper._lost, unreachable(str(self._remote or "the peer"), error))

    # -- Channel -----------------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        if self._closing:
            return
        if self.port.connected:
            if type(data) is Datagram:
                raise StateError("this socket has one peer: write bytes, not a Datagram")
            peer = local = None
        else:
            if type(data) is not Datagram:
                raise StateError("this socket has no peer of its own: write a Datagram with the remote address")
            peer, local, data = address_tuple(self.port.family, data.remote), data.local, data.data
        try:
            self.port.send(data, peer, local)
        except OSError as error:
            if self.port.connected:
                self._fail(error)
            return
        if self.port.queued > self._high and not self._stalled:
            self._stalled = True
            self.upper._pause_writing()

    def _room(self) -> None:
        if self._stalled and self.port.queued <= self._low:
            self._stalled = False
            self.upper._resume_writing()
        if self._closing and not self.port.queued:
            self._leave()

    def write_eof(self) -> None:
        """UDP has no end on the wire: the end of writing is the end of the socket, unless it may be half-open."""
        self._ended = True
        if self._deliver is None or not getattr(self.upper, "_half_open", True):
            self._loop.call_soon(self._finish)

    def _finish(self) -> None:
        if not self._closing:
            self.upper._eof_received()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self.port.pause()
            if not self.port.queued:
                self._leave()

    def _leave(self) -> None:
        self.port.close()
        self._loop.call_soon(self.upper._lost, None)

    def abort(self) -> None:
        if not self._closing or self.port.queued:
            self._closing = True
            self._leave()

    def pause_reading(self) -> None:
        self.port.pause()

    def resume_reading(self) -> None:
        if not self._closing:
            self.port.resume()

    def get_write_buffer_size(self) -> int:
        return self.port.queued

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = 65536 if high is None else high
        self._low = self._high // 4 if low is None else low
        if self.port.queued > self._high and not self._stalled:
            self._stalled = True
            self.upper._pause_writing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "udp_socket":
            return self.port.sock
        return default
