"""Random histories of a stream and of a socket pair against a list of bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from socketworkers import LimitExceeded, ReadableStream, Socket, StateError, UnexpectedEOF
from socketworkers.streams import ByteReader, ReadableStreamController
from socketworkers.testing import socket_pair

DATA = st.binary(min_size=1, max_size=40)
COUNT = st.integers(min_value=1, max_value=50)


class Machine(RuleBasedStateMachine):
    """Runs coroutines of a machine in a loop of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        async def bounded() -> Any:
            async with asyncio.timeout(5):
                result = await coroutine
                for _ in range(3):
                    await asyncio.sleep(0)
                return result

        return self.loop.run_until_complete(bounded())

    def teardown(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


class Stream(Machine):
    """A generic stream: enqueue, read in all ways, unread, close, tee, cancel."""

    @initialize(mark=st.integers(min_value=0, max_value=60))
    def make(self, mark: int) -> None:
        self.model = b""
        self.closed = False
        self.cancelled = False
        self.controllers: list[ReadableStreamController] = []

        async def build() -> ReadableStream:
            return ReadableStream(start=self.controllers.append, high_water_mark=mark)

        self.stream: ReadableStream = self.run(build())
        self.reader: ByteReader | None = None
        self.copy: tuple[ReadableStream, bytes] | None = None

    def held(self) -> ByteReader:
        if self.reader is None:
            self.reader = self.stream.get_reader()
        return self.reader

    @precondition(lambda self: not self.closed)
    @rule(data=DATA)
    def enqueue(self, data: bytes) -> None:
        async def put() -> None:
            self.controllers[0].enqueue(data)

        self.run(put())
        self.model += data
        if self.copy is not None:
            self.copy = (self.copy[0], self.copy[1] + data)

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        async def end() -> None:
            self.controllers[0].close()

        self.run(end())
        self.closed = True

    @precondition(lambda self: self.model or self.closed)
    @rule(n=st.one_of(st.just(-1), COUNT))
    def read(self, n: int) -> None:
        got = self.run(self.held().read(n))
        assert self.model.startswith(got)
        assert bool(got) == bool(self.model)
        assert n < 0 or len(got) <= n
        self.model = self.model[len(got) :]

    @precondition(lambda self: self.model or self.closed)
    @rule(n=COUNT)
    def read_exactly(self, n: int) -> None:
        if len(self.model) >= n:
            assert self.run(self.held().read_exactly(n)) == self.model[:n]
            self.model = self.model[n:]
        elif self.closed:
            with pytest.raises(UnexpectedEOF) as caught:
                self.run(self.held().read_exactly(n))
            assert caught.value.partial == self.model
            self.model = b""

    @rule(separator=st.sampled_from([b"\x00", b"\n", b"ab", b"\r\n"]), limit=COUNT)
    def read_until(self, separator: bytes, limit: int) -> None:
        place = self.model.find(separator, 0, limit)
        if place >= 0:
            wanted = self.model[: place + len(separator)]
            assert self.run(self.held().read_until(separator, limit=limit)) == wanted
            self.model = self.model[len(wanted) :]
        elif len(self.model) >= limit:
            with pytest.raises(LimitExceeded):
                self.run(self.held().read_until(separator, limit=limit))

    @precondition(lambda self: self.model)
    @rule(size=COUNT)
    def read_into(self, size: int) -> None:
        view = bytearray(size)
        count = self.run(self.held().read_into(view))
        assert count == min(size, len(self.model)) or 0 < count <= size
        assert bytes(view[:count]) == self.model[:count]
        self.model = self.model[count:]

    @rule(data=DATA)
    def unread(self, data: bytes) -> None:
        if not self.cancelled:
            if self.copy is not None and self.copy[0] is not None:
                return  # what is given back to one branch is not in the other
            self.held().unread(data)
            self.model = data + self.model

    @rule()
    def peek(self) -> None:
        if self.model:
            data = self.run(self.held().peek())
            assert data
            assert self.model.startswith(data)

    @rule()
    def release(self) -> None:
        self.held().release_lock()
        self.reader = None
        assert not self.stream.locked

    @rule()
    def a_cancelled_read_takes_nothing(self) -> None:
        if self.model or self.closed:
            return

        async def give_up() -> None:
            task = asyncio.ensure_future(self.held().read())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.run(give_up())

    @precondition(lambda self: self.copy is None and not self.cancelled)
    @rule()
    def tee(self) -> None:
        if self.reader is not None:
            self.reader.release_lock()
            self.reader = None

        async def split() -> tuple[ReadableStream, ReadableStream]:
            return self.stream.tee()

        self.stream, other = self.run(split())
        self.copy = (other, self.model)

    @precondition(lambda self: not self.cancelled and self.copy is None)
    @rule()
    def cancel(self) -> None:
        self.run(self.held().cancel())
        self.model = b""
        self.closed = self.cancelled = True

    def teardown(self) -> None:
        if getattr(self, "copy", None) is not None:
            stream, wanted = self.copy  # type: ignore[misc]
            if not self.closed:
                self.close()

            async def rest(of: ReadableStream) -> bytes:
                return b"".join([chunk async for chunk in of])

            assert self.run(rest(stream)) == wanted
        super().teardown()


class Pair(Machine):
    """Two connected sockets: write, read, shut down one way."""

    @initialize(fragment=st.sampled_from([0, 1, 7]), mark=st.sampled_from([8, 64, 65536]))
    def make(self, fragment: int, mark: int) -> None:
        async def build() -> tuple[Socket, Socket]:
            return socket_pair(fragment=fragment, high_water_mark=mark)

        self.sockets: tuple[Socket, Socket] = self.run(build())
        self.flying = [b"", b""]
        self.ended = [False, False]
        self.mark = mark
        self.readers = [socket.readable.get_reader() for socket in self.sockets]
        self.writers = [socket.writable.get_writer() for socket in self.sockets]

    @rule(end=st.integers(0, 1), data=DATA)
    def write(self, end: int, data: bytes) -> None:
        async def put() -> None:
            self.writers[end].write(data)

        if self.ended[end]:
            with pytest.raises(StateError):
                self.run(put())
            return
        if len(self.flying[end]) + len(data) < 4 * self.mark:
            self.run(put())
            self.flying[end] += data

    @rule(end=st.integers(0, 1))
    def shut_down(self, end: int) -> None:
        async def put() -> None:
            if not self.ended[end]:
                self.writers[end].close()

        self.run(put())
        self.ended[end] = True

    @rule(end=st.integers(0, 1), n=st.one_of(st.just(-1), COUNT))
    def read(self, end: int, n: int) -> None:
        other = 1 - end
        if not self.flying[other] and not self.ended[other]:
            return
        got = self.run(self.readers[end].read(n))
        assert bool(got) == bool(self.flying[other])
        assert self.flying[other].startswith(got)
        self.flying[other] = self.flying[other][len(got) :]

    def teardown(self) -> None:
        async def end() -> None:
            for socket in self.sockets:
                await socket.abort()

        if hasattr(self, "sockets"):
            self.run(end())
        super().teardown()


SETTINGS = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
TestStream = Stream.TestCase
TestStream.settings = SETTINGS
TestPair = Pair.TestCase
TestPair.settings = SETTINGS
