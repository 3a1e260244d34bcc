"""UDP listeners: flows, datagram mode, drain, and what strangers can cost (C9, for what has no connections)."""

from __future__ import annotations

import asyncio
import gc
import socket as _socket
import tracemalloc

import pytest
from tests.support.flows import flows
from tests.support.pairs import eventually

from socketworkers import (
    App,
    ConnectionLost,
    Context,
    Datagram,
    Env,
    ListenerSpec,
    Socket,
    SocketAddress,
    StateError,
    connect,
    serve,
)
from socketworkers.errors import StartupError
from socketworkers.process.provision import provision
from socketworkers.server import Server
from socketworkers.server.flows import UdpListener

pytestmark = pytest.mark.usefixtures("any_loop")


async def echo(socket: Socket, env: Env, ctx: Context) -> None:
    writer = socket.writable.get_writer()
    async for message in socket.readable:
        await writer.write(message)


def listener_of(server: Server) -> UdpListener:
    return next(each for each in server._acceptors if isinstance(each, UdpListener))


class Senders:
    """Bare UDP sockets: a peer each."""

    def __init__(self, server: Server, count: int) -> None:
        where = (server.listeners[0].host, server.listeners[0].port)
        self.socks = [_socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM) for _ in range(count)]
        for sock in self.socks:
            sock.setblocking(False)
            sock.connect(where)

    def __enter__(self) -> list[_socket.socket]:
        return self.socks

    def __exit__(self, *_: object) -> None:
        for sock in self.socks:
            sock.close()


async def test_each_peer_has_a_socket_of_its_own() -> None:
    server = await serve(echo, "udp://127.0.0.1:0")
    try:
        peers = [await connect(server.listeners[0].url) for _ in range(5)]
        for number, peer in enumerate(peers):
            peer.writable.get_writer().write(b"%d" % number)
        for number, peer in enumerate(peers):
            assert await peer.readable.get_reader().read() == b"%d" % number
        assert server.connections == 5
        assert listener_of(server).flows == 5
        for peer in peers:
            await peer.close()
    finally:
        await server.stop()


async def test_on_all_addresses_answers_leave_from_the_one_that_was_asked() -> None:
    server = await serve(echo, "udp://0.0.0.0:0")
    try:
        for host in ("127.0.0.1", "127.0.0.3"):
            async with connect(f"udp://{host}:{server.listeners[0].port}") as peer:
                await peer.writable.get_writer().write(b"x")
                assert await peer.readable.get_reader().read() == b"x"
    finally:
        await server.stop()


async def test_a_silent_flow_ends_in_order_and_may_begin_again() -> None:
    ended: list[int] = []

    async def count(socket: Socket, env: Env, ctx: Context) -> None:
        ended.append(len([message async for message in socket.readable]))

    server = await serve(count, "udp://127.0.0.1:0", flow_timeout=0.2)
    try:
        with Senders(server, 1) as (sock,):
            for _ in range(2):
                sock.send(b"x")
                sock.send(b"y")
                before = len(ended)
                await eventually(lambda before=before: len(ended) > before)  # type: ignore[misc]
        assert ended == [2, 2]
        await eventually(lambda: not listener_of(server).flows and not server.connections)
    finally:
        await server.stop()


async def test_sending_does_not_keep_a_flow() -> None:
    """Else a handler that goes on sending would flood whoever's address was forged, for ever."""
    done = asyncio.Event()

    async def chatter(socket: Socket, env: Env, ctx: Context) -> None:
        async def talk() -> None:
            writer = socket.writable.get_writer()
            while True:
                await writer.write(b"news")
                await asyncio.sleep(0.02)

        talking = asyncio.get_running_loop().create_task(talk())
        async for _ in socket.readable:
            pass
        talking.cancel()
        done.set()

    server = await serve(chatter, "udp://127.0.0.1:0", flow_timeout=0.2)
    try:
        with Senders(server, 1) as (sock,):
            sock.send(b"subscribe")
            await asyncio.wait_for(done.wait(), 5)
    finally:
        await server.stop()


@pytest.mark.attack("C9")
async def test_a_flood_of_forged_peers_does_not_push_out_those_who_answer() -> None:
    """Memory is bounded by the number of flows, and a peer that came back keeps its own."""
    server = await serve(echo, "udp://127.0.0.1:0", max_flows=10)
    try:
        listener = listener_of(server)
        async with connect(server.listeners[0].url) as regular:
            writer, reader = regular.writable.get_writer(), regular.readable.get_reader()
            for _ in range(2):
                await writer.write(b"here")
                assert await reader.read() == b"here"
            with Senders(server, 200) as forged:
                for sock in forged:
                    sock.send(b"x")
                    await asyncio.sleep(0)
                await eventually(lambda: server.telemetry.accepted >= 100)
                assert listener.flows <= 10
                assert len(listener._fresh) <= 10
                assert listener.serving <= 20
                await writer.write(b"still here")
                assert await reader.read() == b"still here"
            # and a new regular peer comes in
            async with connect(server.listeners[0].url) as late:
                await late.writable.get_writer().write(b"me too")
                assert await late.readable.get_reader().read() == b"me too"
    finally:
        await server.stop()


@pytest.mark.attack("C9")
async def test_who_gives_way_hears_of_it() -> None:
    lost: list[BaseException] = []

    async def wait(socket: Socket, env: Env, ctx: Context) -> None:
        try:
            async for _ in socket.readable:
                pass
        except ConnectionLost as error:
            lost.append(error)
            raise

    server = await serve(wait, "udp://127.0.0.1:0", max_flows=2)
    try:
        with Senders(server, 3) as socks:
            for sock in socks:
                sock.send(b"x")
                await asyncio.sleep(0.02)
            await eventually(lambda: lost)
            assert listener_of(server).flows == 2
    finally:
        await server.stop()


@pytest.mark.attack("C9")
async def test_handlers_that_outlive_their_flows_are_bounded_too() -> None:
    running = 0

    async def deaf(socket: Socket, env: Env, ctx: Context) -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.sleep(60)
        finally:
            running -= 1

    server = await serve(deaf, "udp://127.0.0.1:0", max_flows=5)
    try:
        with Senders(server, 60) as socks:
            for sock in socks:
                sock.send(b"x")
                await asyncio.sleep(0.001)
            await eventually(lambda: listener_of(server).refused >= 40)
            assert running <= 11
    finally:
        await server.stop()


@pytest.mark.attack("C9")
async def test_what_a_flow_costs() -> None:
    """All that a forged datagram can take, with its handler waiting: some 5 KB (on CPython 3.11, asyncio's loop)."""
    count = 300
    server = await serve(echo, "udp://127.0.0.1:0", max_flows=2 * count)
    try:
        with Senders(server, count + 20) as socks:
            for sock in socks[:20]:  # caches are filled
                sock.send(b"x")
            await eventually(lambda: server.connections == 20)
            gc.collect()
            tracemalloc.start()
            try:
                for sock in socks[20:]:
                    sock.send(b"x")
                    await asyncio.sleep(0)
                await eventually(lambda: server.connections == 20 + count)
                gc.collect()
                size, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert size / count <= 6 * 1024, size / count
    finally:
        await server.stop()


@pytest.mark.attack("C9")
async def test_a_new_flow_keeps_little_before_its_handler_runs() -> None:
    got: list[int] = []

    async def count(socket: Socket, env: Env, ctx: Context) -> None:
        await asyncio.sleep(0.1)
        got.append(socket.stats.buffered_in)

    server = await serve(count, "udp://127.0.0.1:0")
    try:
        with Senders(server, 1) as (sock,):
            for _ in range(60):
                sock.send(bytes(9000))
            await eventually(lambda: got)
            assert got[0] <= 65536
    finally:
        await server.stop()


@pytest.mark.attack("C9")
async def test_amplification_can_be_bounded_until_the_peer_comes_back() -> None:
    async def generous(socket: Socket, env: Env, ctx: Context) -> None:
        writer = socket.writable.get_writer()
        async for _ in socket.readable:
            for _ in range(10):
                await writer.write(bytes(100))

    app = App("generous", listeners=(ListenerSpec("udp", "udp", "udp_port", amplification=3.0),))
    app.connect(generous)
    server = await serve(app, "udp://127.0.0.1:0")
    try:
        with Senders(server, 1) as (sock,):
            sock.send(bytes(100))
            await eventually(lambda: listener_of(server).withheld == 7)
            assert len(_heard(sock)) == 3
            sock.send(bytes(100))  # it is really there
            heard: list[bytes] = []
            await eventually(lambda: heard.extend(_heard(sock)) or len(heard) == 10)  # type: ignore[func-returns-value]
    finally:
        await server.stop()


def _heard(sock: _socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(sock.recv(65536))
        except BlockingIOError:
            return found


async def test_peers_of_one_address_are_bounded() -> None:
    server = await serve(echo, "udp://127.0.0.1:0", max_connections_per_address=2)
    try:
        with Senders(server, 4) as socks:
            for sock in socks:
                sock.send(b"x")
            await eventually(lambda: server.telemetry.refused == 2)
            assert listener_of(server).flows == 2
            assert listener_of(server).serving == 2
    finally:
        await server.stop()


async def test_datagram_mode_has_one_socket_for_all() -> None:
    begun: list[Socket] = []

    async def answer(socket: Socket, env: Env, ctx: Context) -> None:
        begun.append(socket)
        writer = socket.writable.get_writer()
        async for message in socket.readable:
            assert isinstance(message, Datagram)
            await writer.write(Datagram(message.data.upper(), message.remote, message.local))
            if message.data == b"stop":
                return

    app = App("shout", listeners=(ListenerSpec("udp", "udp", "udp_port", datagrams=True),))
    app.connect(answer)
    server = await serve(app, "udp://127.0.0.1:0")
    try:
        await eventually(lambda: begun)  # before anything came: it may be the one to begin
        assert begun[0].info is not None
        assert begun[0].info.remote == SocketAddress("", 0)
        peers = [await connect(server.listeners[0].url) for _ in range(3)]
        for word in (b"one", b"stop", b"two"):
            for peer in peers[: 1 if word == b"stop" else 3]:
                writer, reader = peer.writable.get_writer(), peer.readable.get_reader()
                await writer.write(word)
                assert await reader.read() == word.upper()
                writer.release_lock()
                reader.release_lock()
            await eventually(lambda word=word: word != b"stop" or not listener_of(server).flows)  # type: ignore[misc]
        assert len(begun) == 2  # a handler that returned gets another socket with the next datagram
        for peer in peers:
            await peer.close()
    finally:
        await server.stop()


async def test_a_drain_lets_flows_end_and_takes_no_new_ones() -> None:
    server = await serve(echo, "udp://127.0.0.1:0")
    try:
        async with connect(server.listeners[0].url) as old:
            writer, reader = old.writable.get_writer(), old.readable.get_reader()
            await writer.write(b"x")
            assert await reader.read() == b"x"
            draining = asyncio.get_running_loop().create_task(server.drain(1.5))
            await eventually(lambda: listener_of(server)._draining)
            with Senders(server, 1) as (sock,):
                sock.send(b"new")
                await writer.write(b"y")
                assert await reader.read() == b"y"
                assert listener_of(server).flows == 1
            assert await draining is False
            assert server.connections == 0
    finally:
        await server.stop()


async def test_tcp_and_udp_share_a_number() -> None:
    app = App("both", listeners=(ListenerSpec("udp", "udp", "port"),), tls_listener=False)
    app.connect(echo)
    server = await serve(app)
    try:
        tcp, udp = server.listeners
        assert (tcp.scheme, udp.scheme) == ("both", "udp")
        assert tcp.port == udp.port
        for url in (f"tcp://127.0.0.1:{tcp.port}", udp.url):
            async with connect(url) as client:
                await client.writable.get_writer().write(b"x")
                assert await client.readable.get_reader().read() == b"x"
    finally:
        await server.stop()


async def test_listeners_by_url() -> None:
    app = App("any", listeners=(ListenerSpec("udp", "udp", "udp_port"),))
    app.connect(echo)
    urls = ("udp://127.0.0.1:0", "tcp://127.0.0.1:0", "ws://127.0.0.1:0/there", "quic://127.0.0.1:0")
    server = await serve(app, listen=urls, tls="auto")
    try:
        assert [each.scheme for each in server.listeners] == ["any", "udp", "any", "ws", "quic"]
        assert [each.name for each in server.listeners[1:]] == ["listen-1", "listen-2", "listen-3", "listen-4"]
        assert server.listeners[3].url.endswith("/there")
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("url", "words"),
    [("sctp://127.0.0.1:1", "cannot be used"), ("udp://127.0.0.1:0", "does not speak UDP")],
)
async def test_listeners_that_cannot_be(url: str, words: str) -> None:
    with pytest.raises(StartupError, match=words):
        await serve(echo, listen=(url,))


async def test_there_are_no_datagrams_in_memory() -> None:
    server = await serve(echo, "udp://127.0.0.1:0")
    try:
        with pytest.raises(StateError, match="in memory"):
            server.dial()
    finally:
        await server.stop()


async def test_listeners_that_others_can_reach_have_to_be_meant() -> None:
    app = App("any", listeners=(ListenerSpec("udp", "udp", "udp_port"),))
    app.connect(echo)
    with pytest.raises(StartupError, match=r"0\.0\.0\.0"):
        provision(app, app.config(listen=("udp://0.0.0.0:0",)))
    provision(app, app.config(listen=("udp://0.0.0.0:0",), insecure=True))


async def test_a_port_that_is_taken() -> None:
    server = await serve(echo, "udp://127.0.0.1:0")
    try:
        with pytest.raises(StartupError, match=r"in use|taken"):
            await serve(echo, server.listeners[0].url)
    finally:
        await server.stop()


async def test_the_kernels_queue_is_a_flows_back_pressure() -> None:
    async with flows() as make:
        one, other = await make(high_water_mark=4096)
        port = other._channel._listener.port  # type: ignore[union-attr]
        # as if the kernel took nothing for a moment
        port._queue.append((bytes(8000), ("127.0.0.1", 9), []))
        port._queued += 8000
        writer = other.writable.get_writer()
        writer.write(b"waits")
        assert other.congested
        port._flush()
        await writer.ready
        assert await one.readable.get_reader().read() == b"waits"
