"""A ``Socket`` under protocols that were written for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.pairs import eventually, pairs

from socketworkers import ConnectionLost, Socket, StateError
from socketworkers.connectors import ConnectingLoop, SocketTransport
from socketworkers.testing import socket_pair

pytestmark = pytest.mark.usefixtures("any_loop")


class Recorder(asyncio.Protocol):
    """Writes down what a protocol is told."""

    def __init__(self, *, stay: bool = False) -> None:
        self.events: list[str] = []
        self.data = b""
        self.error: BaseException | None = None
        self._stay = stay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.events.append("made")

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> bool:
        self.events.append("eof")
        return self._stay

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.events.append("lost")
        self.error = exc


class Buffered(Recorder, asyncio.BufferedProtocol):
    """The same by buffers of seven bytes."""

    def __init__(self, *, stay: bool = False) -> None:
        super().__init__(stay=stay)
        self._buffer = bytearray(7)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.data += self._buffer[:nbytes]


def made(protocol: Recorder, **options: Any) -> tuple[SocketTransport, Socket]:
    near, far = socket_pair(**options)
    transport = SocketTransport(near, protocol)
    transport.start()
    return transport, far


@pytest.mark.parametrize("kind", [Recorder, Buffered])
async def test_bytes_and_an_end(kind: Callable[[], Recorder]) -> None:
    protocol = kind()
    transport, far = made(protocol)
    await far.writable.get_writer().write(b"hello, protocol")
    await eventually(lambda: protocol.data == b"hello, protocol")
    transport.write(b"and ")
    transport.write(memoryview(b"back"))
    transport.write(b"")
    assert await far.readable.get_reader().read_exactly(8) == b"and back"
    await far.close()
    await eventually(lambda: protocol.events == ["made", "eof", "lost"])
    assert protocol.error is None
    assert transport.is_closing()
    transport.write(b"ignored")


async def test_a_protocol_that_stays_after_the_peers_end() -> None:
    protocol = Recorder(stay=True)
    transport, far = made(protocol)
    await far.writable.get_writer().close()
    await eventually(lambda: "eof" in protocol.events)
    assert not transport.is_closing()
    transport.write(b"answer")
    assert transport.can_write_eof()
    transport.write_eof()
    assert b"".join([chunk async for chunk in far.readable]) == b"answer"
    await eventually(lambda: protocol.events == ["made", "eof", "lost"])


async def test_a_loss_and_an_abort() -> None:
    protocol = Recorder()
    _, far = made(protocol)
    far.abort("gone")
    await eventually(lambda: protocol.events == ["made", "lost"])
    assert isinstance(protocol.error, ConnectionResetError)
    protocol = Recorder()
    transport, far = made(protocol)
    transport.abort()
    await eventually(lambda: protocol.events == ["made", "lost"])
    assert protocol.error is None
    with pytest.raises(ConnectionLost):
        await far.closed


async def test_a_socket_that_is_gone_already() -> None:
    near, far = socket_pair()
    await near.abort("x")
    protocol = Recorder()
    SocketTransport(near, protocol).start()
    await eventually(lambda: protocol.events == ["made", "lost"])
    await far.abort()


async def test_flow_control_both_ways() -> None:
    protocol = Recorder()
    transport, far = made(protocol, high_water_mark=4096)
    for _ in range(100):  # a protocol of asyncio may write on: the queue is its own business
        transport.write(bytes(1000))
    assert protocol.events == ["made", "pause"]
    assert transport.get_write_buffer_size() > 4096
    assert transport.get_write_buffer_limits() == (1024, 4096)
    assert await far.readable.get_reader().read_exactly(100_000) == bytes(100_000)
    await eventually(lambda: protocol.events == ["made", "pause", "resume"])
    transport.pause_reading()
    assert not transport.is_reading()
    sending = asyncio.ensure_future(far.writable.get_writer().write(bytes(100_000)))
    await asyncio.sleep(0)
    assert not protocol.data
    transport.resume_reading()
    await sending
    await eventually(lambda: len(protocol.data) == 100_000)
    transport.set_write_buffer_limits(high=0)
    assert transport.get_write_buffer_limits() == (0, 1)
    transport.close()
    await far.close()


async def test_another_protocol_in_its_place() -> None:
    first, second = Recorder(), Buffered()
    transport, far = made(first)
    assert transport.get_protocol() is first
    transport.set_protocol(second)
    await far.writable.get_writer().write(b"for the second")
    await eventually(lambda: second.data == b"for the second")
    assert not first.data
    transport.close()
    await far.close()


async def test_a_protocol_that_raises_loses_its_connection() -> None:
    class Broken(Recorder):
        def data_received(self, data: bytes) -> None:
            raise RuntimeError("a fault of the driver")

    protocol = Broken()
    _, far = made(protocol)
    await far.writable.get_writer().write(b"x")
    await eventually(lambda: "lost" in protocol.events)
    assert isinstance(protocol.error, RuntimeError)
    await far.abort()


async def test_extra_info() -> None:
    async with pairs("tcp") as make:
        near, far = await make()
        transport = SocketTransport(near, Recorder())
        assert far.info is not None
        assert transport.get_extra_info("peername")[:2] == tuple(far.info.local)
        assert transport.get_extra_info("socket") is not None
        assert transport.get_extra_info("socketworkers") is near
        assert transport.get_extra_info("nothing", 7) == 7


async def test_the_loop_of_a_driver() -> None:
    dialed: list[Socket] = []

    async def dial() -> Socket:
        near, far = socket_pair()
        dialed.append(far)
        return near

    loop = ConnectingLoop(dial)
    assert loop.time() > 0  # all else is the running loop's
    for make in (loop.create_connection, loop.create_unix_connection):
        transport, protocol = await make(Recorder, "anything")
        assert protocol.events == ["made"]
        transport.close()
        await dialed.pop().close()
    with pytest.raises(StateError, match="switch it off in the driver"):
        await loop.create_connection(Recorder, "x", 1, ssl=True)
