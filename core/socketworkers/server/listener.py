"""A bound address and its accept loop.

Accepting never stops for a bad connection. Without descriptors it pauses, says so, and goes on by itself; one spare
descriptor is kept so that the health endpoint can still answer (and say that the server is not ready).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass

from ..dial import address_of
from ..mistakes import address_in_no_interface, bind_failed
from ..worker.app import ListenerSpec

__all__ = ["Acceptor", "BoundListener", "bind_tcp", "bind_unix", "within_descriptors"]

BACKLOG = 4096
#: accepted per wake-up, so that a flood of connections leaves time for those that are there
BATCH = 64
#: descriptors that are not for connections: listeners, databases, logs, the loop's own
RESERVED_DESCRIPTORS = 64
#: seconds that accepting pauses when the process is out of descriptors or memory
PAUSE = 0.1

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class BoundListener:
    """Where a listener can be reached."""

    name: str
    scheme: str
    host: str
    """Address; the path of a Unix socket is in ``path``."""
    port: int
    path: str | None = None
    tls: str = "off"
    title: str = ""
    resource: str = ""
    """Path of a WebSocket's URL."""

    @property
    def url(self) -> str:
        """For people and for ready files."""
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.resource}"


def bind_tcp(host: str, port: int, *, flag: str = "--port") -> list[socket.socket]:
    """Bind every address of ``host``, or none.

    Args:
        host: name or address; ``*`` or empty = all addresses of both families.
        port: 0 = any free one, the same for all families.
        flag: the option to name in an error.

    Raises:
        StartupError: the port is taken, not allowed, or the host is not ours.
    """
    wildcard = host in ("", "*")
    try:
        found = socket.getaddrinfo(None if wildcard else host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise address_in_no_interface(host) from None
    bound: list[socket.socket] = []
    chosen = port
    try:
        for family, kind, protocol, _, where in dict.fromkeys(found):
            try:
                sock = socket.socket(family, kind, protocol)
            except OSError:
                if wildcard and family == socket.AF_INET6:
                    continue  # a kernel without IPv6
                raise
            bound.append(sock)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                sock.bind((where[0], chosen, *where[2:]))
            except OSError as error:
                if wildcard and family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL:
                    bound.pop().close()
                    continue
                raise bind_failed(error, host, chosen, flag=flag) from None
            chosen = sock.getsockname()[1]
        for sock in bound:
            try:
                sock.listen(BACKLOG)
            except OSError as error:
                raise bind_failed(error, host, chosen, flag=flag) from None
    except BaseException:
        for sock in bound:
            sock.close()
        raise
    return bound


def bind_unix(path: str, mode: int) -> socket.socket:
    """Bind a Unix socket; one that nobody listens on any more is replaced.

    Args:
        path: where; ``@name`` = the abstract namespace.
        mode: permissions of the file.

    Raises:
        OSError: in use, or the folder cannot be written.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if path.startswith("@"):
            sock.bind("\0" + path[1:])
        else:
            _remove_stale(path)
            before = os.umask(0o777 & ~mode)
            try:
                sock.bind(path)
            finally:
                os.umask(before)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_stale(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EEXIST, f"{path} exists and is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except FileNotFoundError:
            pass
        else:
            raise OSError(errno.EADDRINUSE, f"{path} is in use")


class SpareDescriptor:
    """One descriptor in reserve."""

    __slots__ = ("_fd",)

    def __init__(self) -> None:
        self._fd: int | None = None
        self.restore()

    def release(self) -> bool:
        """Give it up for one urgent use; False if it is in use."""
        if self._fd is None:
            return False
        os.close(self._fd)
        self._fd = None
        return True

    def restore(self) -> None:
        """Take it back as soon as there is one."""
        if self._fd is None:
            try:
                self._fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                pass


class Acceptor:
    """Accepts from one bound socket.

    Args:
        sock: listening, non-blocking.
        spec: the listener it belongs to.
        accepted: called with each connection's kernel socket.
        exhausted: called with the error when accepting has to pause, and with None when it goes on.
        spare: a reserve to accept with when there are no descriptors; only for the health listener.
    """

    __slots__ = ("_accepted", "_exhausted", "_handle", "_loop", "_paused", "_spare", "sock", "spec")

    def __init__(
        self,
        sock: socket.socket,
        spec: ListenerSpec,
        accepted: Callable[[socket.socket, ListenerSpec], None],
        exhausted: Callable[[ListenerSpec, OSError | None], None],
        spare: SpareDescriptor | None = None,
    ) -> None:
        self.sock = sock
        self.spec = spec
        self._accepted = accepted
        self._exhausted = exhausted
        self._spare = spare
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._paused = False

    def start(self) -> None:
        """Begin to accept."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.sock.fileno(), self._ready)

    def _ready(self) -> None:
        for _ in range(BATCH):
            try:
                connection, _address = self.sock.accept()
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    if self._spare is not None and self._spare.release():
                        continue
                    self._pause(error)
                    return
                # ECONNABORTED and the network errors of accept(2): that connection is gone, the next may be fine
                continue
            self._resumed()
            connection.setblocking(False)
            self._accepted(connection, self.spec)
        if self._spare is not None:
            self._spare.restore()

    def _pause(self, error: OSError) -> None:
        assert self._loop is not None
        self._loop.remove_reader(self.sock.fileno())
        self._handle = self._loop.call_later(PAUSE, self._try_again)
        if not self._paused:
            self._paused = True
            self._exhausted(self.spec, error)

    def _try_again(self) -> None:
        self._handle = None
        assert self._loop is not None
        self._loop.add_reader(self.sock.fileno(), self._ready)
        if self._paused and not _descriptors_short():
            self._resumed()

    def _resumed(self) -> None:
        if self._paused:
            self._paused = False
            self._exhausted(self.spec, None)

    def drain(self) -> None:
        """Take no new connections: those that there are need nothing of this."""
        self.close()

    def close(self) -> None:
        """Stop accepting and give the address back."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._loop is not None and self.sock.fileno() >= 0:
            self._loop.remove_reader(self.sock.fileno())
        self.sock.close()


def _descriptors_short() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return True
    return False


def bound_listener(sock: socket.socket, spec: ListenerSpec) -> BoundListener:
    """What to tell of a bound socket."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return BoundListener(spec.name, spec.scheme, "", 0, address_of(name).host, spec.tls, spec.title)
    resource = (spec.path or "/") if spec.websocket else ""
    return BoundListener(spec.name, spec.scheme, name[0], name[1], None, spec.tls, spec.title, resource)


def within_descriptors(wanted: int) -> int:
    """The connection limit that the process's descriptors allow, after raising the soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = wanted + RESERVED_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < need:
        most = need if hard == resource.RLIM_INFINITY else min(need, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return wanted
