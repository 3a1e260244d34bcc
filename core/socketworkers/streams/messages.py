"""``ReadableStream`` of messages: chunks are datagrams, whose borders are kept.

The queue is that of the byte stream, but nothing is joined and nothing is cut. Each message counts a little more than
its bytes, so that a flood of empty ones is bounded as well. What comes while the queue is full is dropped and counted:
that is what a datagram transport may do, and what its peers expect.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NoReturn

from ..errors import LimitExceeded, StateError
from ..info import Datagram
from .readable import ReadableStream
from .reader import ByteReader
from .source import READABLE

__all__ = ["OVERHEAD", "MessageReader", "MessageStream"]

#: bytes that a message counts beside its own: about what the interpreter needs to keep it
OVERHEAD = 64


def _cost(message: Any) -> int:
    return OVERHEAD + (len(message.data) if type(message) is Datagram else len(message))


class MessageStream(ReadableStream):
    """A stream whose chunks are ``bytes`` of one datagram each, or ``Datagram`` objects."""

    __slots__ = ("dropped",)

    def _init(self, source: Any, high_water_mark: int, budget: Any) -> None:
        super()._init(source, high_water_mark, budget)
        self._chunks: Any = deque()
        #: messages that came while there was no room
        self.dropped = 0

    def _bytes(self) -> int:
        return self._size - OVERHEAD * len(self._chunks)

    def push(self, message: Any, size: int) -> None:
        """A message of ``size`` bytes has come."""
        waiter = self._waiter
        if waiter is None or self._size or self._state != READABLE:
            self._enqueue(message)
            return
        # the usual case: somebody waits, and takes it within this call
        self._waiter = None
        self._chunks.append(message)
        self._size = OVERHEAD + size
        waiter.wake_now()

    def _enqueue(self, data: Any) -> None:
        if self._state != READABLE:
            return
        cost = _cost(data)
        if self._paused or (self._size and self._size + cost > self._high):
            self.dropped += 1
            self._pause()
            return
        self._chunks.append(data)
        self._size += cost
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            waiter.wake_now()
        else:
            self._counted += cost
            budget = self._budget
            budget.used += cost
            if 0 < budget.limit < budget.used:
                self._pause()
                budget.hold(self)
                return
        if self._size >= self._high:
            self._pause()

    def _take_all(self) -> Any:
        """The next message."""
        message = self._chunks.popleft()
        self._size -= _cost(message)
        if self._counted or self._paused or self._state != READABLE:
            self._after_take()
        return message

    def _take(self, count: int) -> Any:
        message = self._chunks[0]
        if _cost(message) - OVERHEAD > count:
            size = _cost(message) - OVERHEAD
            raise LimitExceeded(f"a message of {size} bytes is longer than the {count} that were asked for")
        return self._take_all()

    def _unread(self, data: Any) -> None:
        cost = _cost(data)
        self._chunks.appendleft(data)
        self._size += cost
        self._counted += cost
        self._budget.used += cost
        self._wake()

    def _join(self) -> NoReturn:
        raise StateError("a datagram socket has messages: read() gives the next one")

    def get_reader(self) -> MessageReader:
        """Lock the stream and give its reader.

        Raises:
            StateError: another reader holds it.
        """
        return MessageReader(self)


class MessageReader(ByteReader):
    """Reads message by message."""

    __slots__ = ()

    async def read(self, n: int = -1) -> Any:
        """The next message; empty ones are left out, for ``b""`` is the end. ``async for`` over the stream has them.

        Args:
            n: a longer message is an error, and stays where it is.

        Raises:
            LimitExceeded: the message is longer than ``n``.
            SocketError: what broke the socket.
            StateError: the reader was released.
        """
        while True:
            stream = self._held()
            message: Any = await super().read(n)
            if type(message) is Datagram or message or n == 0:
                return message
            if not stream._size and stream._state != READABLE:
                return b""

    async def read_exactly(self, n: int, *, limit: int = 0) -> NoReturn:
        """Not for messages: raises StateError."""
        raise StateError("a datagram socket has messages: read() gives the next one")

    async def read_until(self, separator: bytes, *, limit: int = 0) -> NoReturn:
        """Not for messages: raises StateError."""
        raise StateError("a datagram socket has messages: read() gives the next one")

    async def peek(self, n: int = 1, *, limit: int = 0) -> NoReturn:
        """Not for messages: raises StateError."""
        raise StateError("a datagram socket has messages: read() gives the next one")

    async def read_into(self, buffer: bytearray | memoryview, *, at_least: int = 1) -> int:
        """Put the next message into ``buffer``.

        Raises:
            LimitExceeded: it is longer than the buffer, and stays where it is.
        """
        message = await self.read(len(memoryview(buffer).cast("B")))
        data = message.data if type(message) is Datagram else message
        memoryview(buffer).cast("B")[: len(data)] = data
        return len(data)

    def buffered(self) -> int:
        """How many bytes of messages wait."""
        stream: Any = self._held()
        size: int = stream._bytes()
        return size
