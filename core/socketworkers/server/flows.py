"""UDP listeners: one socket per peer (a flow), or one for all (datagram mode).

UDP has no connections and no proof of who sent a datagram. What bounds the memory that strangers can take:

- the number of flows; when it is reached, the oldest flow whose peer has sent one datagram only gives way, which is all
  that a spoofed sender can have; if every peer has come back, a new one is not taken;
- each flow's queue, where messages count more than their bytes, so that empty ones do not come for nothing;
- the idle time, which begins again with each datagram of the peer and with nothing that we send;
- optionally what is sent to a peer that has not come back, in multiples of what came (``ListenerSpec.amplification``).
"""

from __future__ import annotations

import asyncio
import socket as _socket
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import ConnectionLost, StateError
from ..info import Datagram, SocketAddress, SocketInfo, UdpOptions
from ..mistakes import address_in_no_interface, bind_failed
from ..transports.udp import UdpPort, address_tuple, unreachable
from ..transports.udp_socket import new_udp_socket, set_options
from ..transports.wheel import TimerWheel, wheel_of

if TYPE_CHECKING:
    from ..settings import Settings
    from ..transports.arrival import Arrival
    from ..transports.endpoint import Upper
    from ..worker.app import ListenerSpec

__all__ = ["FlowChannel", "UdpListener", "bind_udp"]

#: datagrams of a new flow that wait for its handler's task to begin
EARLY = 16
Arrived = Callable[["Arrival", "ListenerSpec", SocketAddress], None]


class FlowChannel:
    """The datagrams of one peer as a ``Channel``; in datagram mode those of all peers."""

    __slots__ = (
        "_deliver",
        "_due",
        "_early",
        "_ended",
        "_gone",
        "_heard",
        "_high",
        "_listener",
        "_low",
        "_received",
        "_sent",
        "_stalled",
        "came_back",
        "key",
        "local",
        "peer",
        "remote",
        "upper",
    )

    def __init__(self, listener: UdpListener, key: Any, peer: Any, local: SocketAddress) -> None:
        self._listener = listener
        self.key = key
        #: the kernel's form of the peer's address; None in datagram mode
        self.peer = peer
        self.remote = SocketAddress(*peer[:2]) if peer is not None else SocketAddress("", 0)
        self.local = local
        self.upper: Upper | None = None
        self._deliver: Callable[[Any, int], None] | None = None
        self._early: deque[Any] | None = deque()
        self._high, self._low = 65536, 16384
        self._stalled = False
        self._ended = False
        self._gone = False
        #: whether the peer has sent something after the first datagram
        self.came_back = False
        self._received = 0
        self._sent = 0
        self._heard = 0
        self._due = 0
        if peer is not None and listener.idle_ticks:
            self._heard = listener.wheel.now()
            listener.wheel.schedule(self, self._heard + listener.idle_ticks)

    def arrived(self, message: Any, size: int) -> None:
        """A datagram of the flow."""
        self._heard = self._listener.wheel.tick
        self._received += size
        if self._deliver is not None:
            self._deliver(message, size)
        elif self._early is not None and len(self._early) < EARLY:
            self._early.append((message, size))

    # -- Arrival -----------------------------------------------------------------------------------------------

    def adopt(self, socket: Any) -> SocketInfo:
        if self._gone:
            raise ConnectionLost("the flow gave way to another before it was served")
        socket._attach(self, self, "udp")
        self.attach(socket)
        early, self._early = self._early, None
        for message, size in early or ():
            socket._message_received(message, size)
        return SocketInfo("udp", self.local, self.remote, opened_at=time.time())

    def refuse(self) -> None:
        self._leave()
        self.served()

    def served(self) -> None:
        self._listener.serving -= 1

    # -- Channel -----------------------------------------------------------------------------------------------

    def attach(self, upper: Any) -> None:
        """From now on ``upper`` gets everything."""
        self.upper = upper
        self._deliver = getattr(upper, "_message_received", None)
        if self._ended:
            self._listener.loop.call_soon(self._finish)

    def write(self, data: Any) -> None:
        if self._gone:
            return
        listener = self._listener
        peer, local = self.peer, self.local
        if peer is None:
            if type(data) is not Datagram:
                raise StateError("this socket has no peer of its own: write a Datagram with the remote address")
            peer = address_tuple(listener.port.family, data.remote)
            local, data = data.local or self.local, data.data
        elif type(data) is Datagram:
            raise StateError("this socket has one peer: write bytes, not a Datagram")
        elif listener.amplification and not self.came_back:
            if self._sent + len(data) > listener.amplification * self._received:
                listener.withheld += 1
                return
            self._sent += len(data)
        try:
            listener.port.send(data, peer, local)
        except OSError as error:
            if self.peer is not None:
                self._fail(unreachable(str(self.remote), error))
            return
        self._stall()

    def _stall(self) -> None:
        if self._listener.port.queued > self._high and not self._stalled:
            self._stalled = True
            self._listener.stalled.append(self)
            if self.upper is not None:
                self.upper._pause_writing()

    def room(self) -> None:
        """The kernel takes datagrams again."""
        if self._stalled:
            self._stalled = False
            if self.upper is not None:
                self.upper._resume_writing()

    def write_eof(self) -> None:
        """There is no end on the wire; a socket that is closing ends here."""
        self._ended = True
        if self._deliver is None:
            self._listener.loop.call_soon(self._finish)

    def _finish(self) -> None:
        if not self._gone and self.upper is not None:
            self.upper._eof_received()

    def close(self) -> None:
        if not self._gone:
            self._leave()
            if self.upper is not None:
                self._listener.loop.call_soon(self.upper._lost, None)

    abort = close

    def give_way(self) -> None:
        """Another peer needs the room more."""
        self._fail(ConnectionLost("the flow gave way: its peer had sent one datagram only, and there were too many"))

    def _fail(self, error: OSError) -> None:
        if not self._gone:
            self._leave()
            if self.upper is not None:
                self._listener.loop.call_soon(self.upper._lost, error)

    def _leave(self) -> None:
        self._gone = True
        self._early = None
        self._listener.wheel.cancel(self)
        self._listener.forget(self)

    def _on_tick(self, tick: int) -> int:
        due = self._heard + self._listener.idle_ticks
        if tick < due:
            return due
        # the flow is over, which is no error; a later datagram of the peer begins another one
        self._listener.forget(self)
        if self.upper is not None and not self._gone:
            self.upper._eof_received()
        return 0

    def pause_reading(self) -> None:
        """Nothing to do: what does not fit is dropped, and the other flows of the port go on."""

    resume_reading = pause_reading

    def get_write_buffer_size(self) -> int:
        return self._listener.port.queued

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = 65536 if high is None else high
        self._stall()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._listener.port.sock if name == "udp_socket" else default


class UdpListener:
    """The flows of one bound socket; the face of an ``Acceptor``.

    Args:
        sock: bound, non-blocking.
        spec: the listener it belongs to.
        arrived: called with each new flow.
        settings: of the server.
    """

    def __init__(self, sock: _socket.socket, spec: ListenerSpec, arrived: Arrived, settings: Settings) -> None:
        self.sock = sock
        self.spec = spec
        self.loop: asyncio.AbstractEventLoop
        self.wheel: TimerWheel
        self.port: UdpPort
        self.idle_ticks = 0
        self.amplification = spec.amplification
        #: datagrams that were not sent because of it
        self.withheld = 0
        #: datagrams of peers for which there was no room
        self.refused = 0
        #: handlers that run
        self.serving = 0
        #: flows that wait for the kernel
        self.stalled: list[FlowChannel] = []
        self._arrived = arrived
        self._idle = settings.idle_timeout or settings.flow_timeout
        self._most = settings.max_flows
        self._flows: dict[Any, FlowChannel] = {}
        #: those whose peer has sent one datagram, the oldest first
        self._fresh: dict[Any, FlowChannel] = {}
        self._local = SocketAddress(*sock.getsockname()[:2])
        self._draining = False
        self._started = False

    def start(self) -> None:
        """Begin to take datagrams."""
        self.loop = asyncio.get_running_loop()
        self.wheel = wheel_of(self.loop)
        self.idle_ticks = self.wheel.ticks(self._idle)
        received = self._datagram if self.spec.datagrams else self._of_flow
        self.port = UdpPort(self.loop, self.sock, received, lambda error: None, connected=False)
        self.port.room = self._room
        self._started = True
        self.port.resume()
        if self.spec.datagrams:
            self._open(None, None, self._local)

    @property
    def flows(self) -> int:
        """How many there are."""
        return len(self._flows)

    def _of_flow(self, data: bytes, peer: Any, local: SocketAddress | None) -> None:
        key = (peer, local) if local is not None else peer
        flow = self._flows.get(key)
        if flow is None:
            flow = self._open(key, peer, local or self._local)
            if flow is None:
                return
        elif not flow.came_back:
            flow.came_back = True
            self._fresh.pop(key, None)
        flow.arrived(data, len(data))

    def _datagram(self, data: bytes, peer: Any, local: SocketAddress | None) -> None:
        flow = self._flows.get(None) or self._open(None, None, self._local)
        if flow is not None:
            flow.arrived(Datagram(data, SocketAddress(*peer[:2]), local or self._local), len(data))

    def _open(self, key: Any, peer: Any, local: SocketAddress) -> FlowChannel | None:
        if self._draining:
            return None
        if len(self._flows) >= self._most:
            oldest = next(iter(self._fresh.values()), None)
            # handlers that do not look at their sockets outlive flows that gave way
            if oldest is None or self.serving >= 2 * self._most:
                self.refused += 1
                return None
            oldest.give_way()
        flow = FlowChannel(self, key, peer, local)
        self._flows[key] = flow
        self.serving += 1
        if peer is not None:
            self._fresh[key] = flow
        self._arrived(flow, self.spec, flow.remote)
        return None if flow._gone else flow

    def forget(self, flow: FlowChannel) -> None:
        """A flow is over."""
        if self._flows.get(flow.key) is flow:
            del self._flows[flow.key]
            self._fresh.pop(flow.key, None)

    def _room(self) -> None:
        stalled, self.stalled = self.stalled, []
        for flow in stalled:
            flow.room()

    def drain(self) -> None:
        """Take no new peers; the flows that there are go on."""
        self._draining = True

    def close(self) -> None:
        """Give the address back."""
        self._draining = True
        if self._started:
            self.port.close()
        else:
            self.sock.close()


def bind_udp(host: str, port: int, options: UdpOptions, *, flag: str = "--listen") -> list[_socket.socket]:
    """Bind every address of ``host``, or none.

    Args:
        host: name or address; ``*`` or empty = all addresses of both families; a multicast group is joined.
        port: 0 = any free one, the same for all families.
        options: of the sockets.
        flag: the option to name in an error.

    Raises:
        StartupError: the port is taken, not allowed, or the host is not ours.
        AddressError: a group or an interface that cannot be.
    """
    wildcard = host in ("", "*")
    try:
        found = _socket.getaddrinfo(None if wildcard else host, port, type=_socket.SOCK_DGRAM, flags=_socket.AI_PASSIVE)
    except (_socket.gaierror, UnicodeError):
        raise address_in_no_interface(host) from None
    bound: list[_socket.socket] = []
    chosen = port
    try:
        for family, where in dict.fromkeys((entry[0], entry[4]) for entry in found):
            try:
                sock = new_udp_socket(family, options)
            except OSError:
                if wildcard and family == _socket.AF_INET6:
                    continue  # a kernel without IPv6
                raise
            bound.append(sock)
            try:
                sock.bind((where[0], chosen, *where[2:]))
            except OSError as error:
                if wildcard and family == _socket.AF_INET6:
                    bound.pop().close()
                    continue
                raise bind_failed(error, host, chosen, flag=flag) from None
            set_options(sock, options)
            chosen = sock.getsockname()[1]
    except BaseException:
        for sock in bound:
            sock.close()
        raise
    return bound
