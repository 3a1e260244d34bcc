"""Kernel sockets (TCP, Unix) as channels, without the loop's own transports: one epoll per loop, nested in the loop's.

The loop watches a single descriptor, that of the ``Poller``. When it is readable, one call tells which channels have
something, and each is read and handed up right there: no handle, no context and no turn of the loop per connection.
Bytes are written at once; what the kernel does not take waits in the channel. docs/adr/0007 tells what this replaces.

What holds for everything here:

- events are edges (epoll(7)): one is reported when something new comes, and nothing is asked of the kernel to pause and
  to go on. Who leaves something unread is read again in the next turn (``_rearm``) or notes that it came (``_edge``);
- a descriptor is taken out of the epoll before it is closed, and closed in a later turn: within one batch of events its
  number cannot belong to another channel;
- an exception out of an upper layer ends that channel and none of the others in its batch;
- errors and ends are reported in a later turn, never from within ``write`` or ``close``.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import os
import select
import socket as _socket
import weakref
from collections import deque
from itertools import islice
from typing import Any

from .endpoint import BUFFER_SIZE, Upper

__all__ = ["AVAILABLE", "KernelChannel", "Poller", "poller_of"]

#: whether this system has what the module needs
AVAILABLE = hasattr(select, "epoll")
_READ: int = getattr(select, "EPOLLIN", 0x01)
_WRITE: int = getattr(select, "EPOLLOUT", 0x04)
_BROKEN: int = getattr(select, "EPOLLERR", 0x08) | getattr(select, "EPOLLHUP", 0x10)
#: what every channel is watched for. The peer's FIN and urgent data are told apart from plain bytes, because they are
#: where a read ends early and leaves something behind
_WATCHED: int = (
    _READ
    | getattr(select, "EPOLLPRI", 0x02)
    | getattr(select, "EPOLLRDHUP", 0x2000)
    | getattr(select, "EPOLLET", 1 << 31)
)
#: events per wake-up, so that timers and other descriptors of the loop have their turn; epoll serves all in rotation
BATCH = 64
#: buffers per sendmsg; far below the kernel's IOV_MAX of 1024
_GATHER = 64


class Poller:
    """The epoll of one loop. Lives as long as the loop, a channel or a server holds it."""

    __slots__ = ("__weakref__", "_again", "_context", "_epoll", "_poll", "_scheduled", "channels", "loop", "view")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.channels: dict[int, KernelChannel] = {}
        #: filled and consumed within one call, so one is enough for all
        self.view = memoryview(bytearray(BUFFER_SIZE))
        self._epoll = select.epoll()
        self._poll = self._epoll.poll
        #: channels that left something unread; asking the kernel for another edge would be a system call for each
        self._again: dict[KernelChannel, None] = {}
        self._scheduled = False
        # an empty context: what runs here belongs to no connection, least of all to the first
        self._context = contextvars.Context()
        self._context.run(loop.add_reader, self._epoll.fileno(), self._ready)

    def watch(self, channel: KernelChannel) -> None:
        """Begin to report a channel's events, first of all those that have come already.

        Raises:
            OSError: the kernel watches no more descriptors.
        """
        self._epoll.register(channel.fd, _WATCHED)
        self.channels[channel.fd] = channel

    def again(self, channel: KernelChannel) -> None:
        """Read a channel in the next turn, behind others that have something."""
        self._again[channel] = None
        if not self._scheduled:
            self._scheduled = True
            self._schedule()

    def _schedule(self) -> None:
        try:
            self.loop.call_soon(self._read_again, context=self._context)
        except RuntimeError:
            pass  # the loop is closed: nobody reads any more

    def _read_again(self) -> None:
        waiting = self._again
        self._scheduled = False
        try:
            for channel in list(islice(waiting, BATCH)):
                del waiting[channel]
                try:
                    channel._event(_READ)
                except Exception as error:
                    channel._report(error)
                except BaseException:  # as in ``_ready``
                    channel._rearm()
                    raise
        finally:
            if waiting and not self._scheduled:
                self._scheduled = True
                self._schedule()

    def rearm(self, channel: KernelChannel, *, writing: bool) -> None:
        """Report again what is there now; with ``writing`` also that the kernel takes bytes."""
        self._epoll.modify(channel.fd, _WATCHED | _WRITE if writing else _WATCHED)

    def forget(self, channel: KernelChannel) -> None:
        """Report nothing more, not even what this batch has found already."""
        if self.channels.get(channel.fd) is channel:
            del self.channels[channel.fd]
            try:
                self._epoll.unregister(channel.fd)
            except OSError:
                pass  # closed behind our back

    def _ready(self) -> None:
        find, view, full = self.channels.get, self.view, BUFFER_SIZE
        batch = iter(self._poll(0, BATCH))
        for fd, events in batch:
            channel = find(fd)
            if channel is None:
                continue  # one before it in the batch ended it
            try:
                if events == channel.plain:
                    recv_into = channel.recv_into  # CPython calls a local faster than an attribute
                    try:
                        count = recv_into(view)
                    except OSError as error:
                        channel._not_read(error)
                    else:
                        if 0 < count < full:
                            receive = channel.receive
                            receive(view[:count].tobytes())
                        else:
                            channel._read(count)
                else:
                    channel._event(events)
            except Exception as error:
                channel._report(error)
            except BaseException:  # on its way out of the loop; edges must not be lost to those who run the loop again
                channel._rearm()
                for other, _ in batch:
                    if other in self.channels:
                        self.channels[other]._rearm()
                raise


_pollers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Poller]] = weakref.WeakKeyDictionary()


def poller_of(loop: asyncio.AbstractEventLoop) -> Poller:
    """The loop's poller. The loop's own list of readers keeps it, so that its descriptor goes when the loop is closed.

    Raises:
        OSError: no descriptor is left for it.
    """
    known = _pollers.get(loop)
    poller = known() if known is not None else None
    if poller is None:
        poller = Poller(loop)
        _pollers[loop] = weakref.ref(poller)
    return poller


class KernelChannel:
    """A connected, non-blocking stream socket as a ``Channel``. Owns the socket from now on.

    Args:
        poller: of the loop that runs.
        sock: the socket.
        upper: gets what comes, from the next turn on.

    Raises:
        OSError: the kernel watches no more descriptors.
    """

    __slots__ = (
        "_closing",
        "_edge",
        "_ended",
        "_finished",
        "_gone",
        "_high",
        "_low",
        "_out",
        "_poller",
        "_reading",
        "_send",
        "_severed",
        "_size",
        "_sock",
        "_stalled",
        "_tells_all",
        "fd",
        "plain",
        "receive",
        "recv_into",
        "upper",
    )

    def __init__(self, poller: Poller, sock: _socket.socket, upper: Upper) -> None:
        self._poller = poller
        self._sock = sock
        self._send = sock.send
        self.recv_into = sock.recv_into
        self.fd = sock.fileno()
        #: whether a read that does not fill the buffer leaves nothing behind (epoll(7), question 9). On a Unix socket
        #: descriptors that a peer sends along end a read early, too
        self._tells_all = sock.family != _socket.AF_UNIX
        self._reading = True
        #: the events that mean plain bytes and may be served without a closer look; 0 if none may
        self.plain = _READ if self._tells_all else 0
        #: something came while nobody read
        self._edge = False
        #: what the kernel has not taken; None while a write may go straight to it
        self._out: deque[bytes | memoryview] | None = None
        self._size = 0
        self._high, self._low = 65536, 16384
        #: above the high-water mark, and the upper layer knows
        self._stalled = False
        #: the peer's FIN was reported
        self._finished = False
        #: FIN is sent, or will be behind what waits
        self._ended = False
        self._closing = False
        #: the end is reported, or will be in the next turn
        self._gone = False
        #: what broke the connection while reading was paused; told once all that came before it is read
        self._severed: OSError | None = None
        self.attach(upper)
        poller.watch(self)

    def attach(self, upper: Upper) -> None:
        """From now on ``upper`` gets everything."""
        self.upper = upper
        self.receive = upper._received

    # -- events ------------------------------------------------------------------------------------------------

    def _event(self, events: int) -> None:
        """Whatever is not plainly some bytes."""
        if events & _WRITE and self._size:
            self._flush()
        if self._gone or not events & ~_WRITE:
            return
        if self._reading:
            try:
                count = self.recv_into(self._poller.view)
            except OSError as error:
                self._not_read(error, broken=bool(events & _BROKEN))
            else:
                self._read(count)
        else:
            self._edge = True
            if events & _BROKEN:
                self._broken()

    def _read(self, count: int) -> None:
        """Hand up what lies in the buffer; there may be more behind it, or nothing at all."""
        if count:
            self.receive(self._poller.view[:count].tobytes())
            self._rearm()
        elif self._severed is not None:
            self._fail(self._severed)
        else:
            self._finished = True
            self._reading, self.plain = False, 0
            self.upper._eof_received()

    def _not_read(self, error: OSError, *, broken: bool = False) -> None:
        if not isinstance(error, BlockingIOError):
            self._fail(error)
        elif broken and (found := self._error()) is not None:
            self._fail(found)

    def _broken(self) -> None:
        """An error while nobody reads: noticed now, with the bytes before it kept for who reads on."""
        error = self._error()
        if error is None:
            return  # both directions ended well
        if self._finished or self._closing:
            self._fail(error)
        else:
            self._severed = error
            self.upper._severed(error)

    def _rearm(self) -> None:
        if self._gone:
            return
        if self._reading:
            self._poller.again(self)
        else:
            self._edge = True

    def _error(self) -> OSError | None:
        number = self._sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        return OSError(number, os.strerror(number)) if number else None

    def _report(self, error: Exception) -> None:
        """An exception that the upper layer should have kept for itself."""
        self._poller.loop.call_exception_handler(
            {"message": "a socket's upper layer failed", "exception": error, "channel": self}
        )
        self._reading = False
        self._fail(error)

    # -- writing -----------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send ``data``, or keep what the kernel does not take."""
        if self._out is None:
            send = self._send
            try:
                sent = send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._fail(error)
                return
            if sent == len(data):
                return
            self._out = deque()
            self._keep(memoryview(data)[sent:] if sent else data)
            if not self._gone:
                self._poller.rearm(self, writing=True)
        elif self._gone:
            self._hold_up()
        elif data and not self._ended and not self._closing:
            self._keep(data)

    def _hold_up(self) -> None:
        """The connection is gone and that is told in the next turn. Who awaits each write must leave the loop one."""
        if not self._stalled:
            self._stalled = True
            self.upper._pause_writing()

    def _keep(self, data: bytes | memoryview) -> None:
        assert self._out is not None
        self._out.append(data)
        self._size += len(data)
        self._stall()

    def _stall(self) -> None:
        if self._size > self._high and not self._stalled:
            self._stalled = True
            self.upper._pause_writing()

    def _flush(self) -> None:
        out = self._out
        while out:
            try:
                sent = self._send(out[0]) if len(out) == 1 else self._sock.sendmsg(list(islice(out, _GATHER)))
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self._fail(error)
                return
            self._size -= sent
            while sent:
                first = out[0]
                if sent < len(first):
                    out[0] = memoryview(first)[sent:]
                    break
                sent -= len(first)
                out.popleft()
            if sent:
                break  # the kernel is full
        if not out:
            self._poller.rearm(self, writing=False)
            if not self._ended and not self._closing:
                self._out = None
        if self._stalled and self._size <= self._low:
            self._stalled = False
            self.upper._resume_writing()
        if not self._size:
            if self._closing:
                self._leave(None)
            elif self._ended:
                self._shut_down()

    def write_eof(self) -> None:
        """Send FIN behind what waits."""
        if self._ended or self._closing:
            return
        self._ended = True
        if self._out is None:
            self._out = deque()
            self._shut_down()

    def _shut_down(self) -> None:
        try:
            self._sock.shutdown(_socket.SHUT_WR)
        except OSError:
            pass  # the connection is broken: the epoll tells

    def get_write_buffer_size(self) -> int:
        """Bytes that the kernel has not taken."""
        return self._size

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The marks at which the upper layer is told to pause and to resume."""
        self._high = 65536 if high is None else high
        self._low = self._high // 4 if low is None else low
        self._stall()

    # -- reading -----------------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Leave what comes to the kernel."""
        self._reading, self.plain = False, 0

    def resume_reading(self) -> None:
        """Read on."""
        if not self._finished and not self._closing:
            self._reading = True
            self.plain = _READ if self._tells_all else 0
            if self._edge:
                self._edge = False
                self._rearm()

    # -- the end -----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Read no more, send what waits, give the connection back."""
        if self._closing:
            return
        self._closing = True
        self._reading, self.plain = False, 0
        if not self._size:
            self._leave(None)

    def abort(self) -> None:
        """Drop what waits and give the connection back."""
        self._closing = True
        self._leave(None)

    def _fail(self, error: Exception) -> None:
        self._closing = True
        self._leave(error)

    def _leave(self, error: Exception | None) -> None:
        """Out of the epoll now; the rest in the next turn, when no batch holds events of this descriptor."""
        if self._gone:
            return
        self._gone = True
        self._poller.forget(self)
        reading, self._reading, self.plain = self._reading, False, 0
        self._out = deque()
        self._size = 0
        try:
            self._poller.loop.call_soon(self._lose, error, reading and error is not None)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            self._sock.close()

    def _lose(self, error: Exception | None, reading: bool) -> None:
        try:
            if reading:
                self._last_words()
        finally:
            try:
                self.upper._lost(error)
            finally:
                self._sock.close()

    def _last_words(self) -> None:
        """A write that failed may have overtaken the peer's reply (a ``421`` before it hung up)."""
        view = self._poller.view
        try:
            count = self.recv_into(view)
        except OSError:
            return
        if count:
            self.receive(view[:count].tobytes())

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``socket``, ``sockname`` or ``peername``."""
        if name == "socket":
            return self._sock
        try:
            if name == "sockname":
                return self._sock.getsockname()
            if name == "peername":
                return self._sock.getpeername()
        except OSError as error:
            if error.errno not in (errno.ENOTCONN, errno.EBADF, errno.EINVAL):
                raise
        return default
