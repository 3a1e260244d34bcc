"""A mail generator: lock-step sessions over one epoll loop, one command per write."""

from __future__ import annotations

import contextlib
import select
import socket
import statistics
import time
from dataclasses import dataclass, field

HEADER = b"From: <a@example.org>\r\nTo: <b@example.org>\r\nSubject: load\r\nMessage-ID: <%d.%d@example.org>\r\n\r\n"
LINE = b"The quick brown fox jumps over the lazy dog; seventy-six octets per line...\r\n"


def body(size: int) -> bytes:
    """A message of about ``size`` bytes without a line that begins with a dot."""
    return (HEADER % (1, 1)) + LINE * max(1, (size - 100) // len(LINE))


@dataclass
class Result:
    """What one run gave."""

    messages: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: int = 0

    @property
    def rate(self) -> float:
        """Messages acknowledged per second."""
        return self.messages / self.seconds if self.seconds else 0.0

    def percentile(self, part: float) -> float:
        """Seconds from the first command of a message to its 250."""
        if len(self.latencies) < 2:
            return self.latencies[0] if self.latencies else 0.0
        return statistics.quantiles(self.latencies, n=1000, method="inclusive")[int(part * 1000) - 1]


class Session:
    """One connection."""

    __slots__ = ("_bdat", "_data", "_one", "_out", "_step", "_tail", "began", "result", "sock")

    def __init__(self, sock: socket.socket, data: bytes, bdat: bool, one: bool, result: Result) -> None:
        self.sock = sock
        self._data = data
        self._bdat = bdat
        self._one = one
        self._step = "greeting"
        self._tail = b""
        self._out = memoryview(b"")
        self.began = 0.0
        self.result = result

    @property
    def writing(self) -> bool:
        return len(self._out) > 0

    def send(self, data: bytes) -> None:
        self._out = memoryview(data)
        self.flush()

    def flush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._out:
                self._out = self._out[self.sock.send(self._out) :]

    def read(self) -> bool:
        """Take what came; False once the session is over."""
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        self._tail += data
        while True:
            end = self._tail.find(b"\r\n")
            if end < 0:
                return True
            line, self._tail = self._tail[:end], self._tail[end + 2 :]
            if line[3:4] == b"-":
                continue
            if not self._reply(line):
                return False

    def _reply(self, line: bytes) -> bool:
        step = self._step
        if line[:1] not in (b"2", b"3"):
            self.result.failures += 1
            return False
        if step == "greeting":
            self._step = "hello"
            self.send(b"EHLO client.example.org\r\n")
        elif step in ("hello", "done"):
            if step == "done":
                self.result.messages += 1
                self.result.latencies.append(time.perf_counter() - self.began)
                if self._one:
                    self._step = "quit"
                    self.send(b"QUIT\r\n")
                    return True
            self.began = time.perf_counter()
            self._step = "mail"
            self.send(b"MAIL FROM:<a@example.org>\r\n")
        elif step == "mail":
            self._step = "rcpt"
            self.send(b"RCPT TO:<b@example.org>\r\n")
        elif step == "rcpt":
            if self._bdat:
                self._step = "done"
                self.send(b"BDAT %d LAST\r\n" % len(self._data) + self._data)
            else:
                self._step = "data"
                self.send(b"DATA\r\n")
        elif step == "data":
            self._step = "done"
            self.send(self._data + b".\r\n")
        else:
            return False
        return True


def run(
    port: int,
    sessions: int,
    size: int,
    seconds: float,
    *,
    bdat: bool = False,
    one: bool = False,
    beside: int = 0,
    warm: float = 0.3,
) -> tuple[Result, Result]:
    """Send messages for a while.

    Args:
        port: where the server listens.
        sessions: connections at a time.
        size: bytes of a message.
        seconds: how long to measure.
        bdat: BDAT instead of DATA.
        one: a new session for each message.
        beside: bytes of the messages of one more session whose latencies are of interest; 0 = none.

    Returns:
        The result of the sessions, and of the one beside them.
    """
    poll = select.epoll()
    main, other = Result(), Result()
    data, small = body(size), body(beside or 100)
    open_sessions: dict[int, Session] = {}

    def connect(result: Result) -> None:
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        content = small if result is other else data
        session = Session(sock, content, bdat and result is main, one and result is main, result)
        open_sessions[sock.fileno()] = session
        poll.register(sock.fileno(), select.EPOLLIN)

    for _ in range(sessions):
        connect(main)
    if beside:
        connect(other)
    began = time.perf_counter()
    measured = 0.0
    while True:
        now = time.perf_counter()
        if not measured and now - began >= warm:
            measured = now
            for result in (main, other):
                result.messages = 0
                result.latencies.clear()
        if measured and now - measured >= seconds:
            break
        for fd, event in poll.poll(0.5):
            session = open_sessions[fd]
            if event & select.EPOLLOUT:
                session.flush()
            if event & ~select.EPOLLOUT and not session.read():
                poll.unregister(fd)
                del open_sessions[fd]
                session.sock.close()
                connect(session.result)
                continue
            poll.modify(fd, select.EPOLLIN | (select.EPOLLOUT if session.writing else 0))
    main.seconds = other.seconds = now - measured
    for session in open_sessions.values():
        session.sock.close()
    poll.close()
    return main, other
