"""The gateway, in both dialects: what opens, what is refused with which status, and how tunnels end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path

import pytest
from tests.support.pairs import client_tls, eventually, server_tls
from tests.support.websocket import BINARY, CLOSE, TEXT, ask, client_frame, close, open_websocket, read_frame, request
from tests.tunnel.world import Resolver, running

from socketworkers import AddressError, ConnectError, ConnectionLost, Context, Env, Socket, TLSError, connect, serve
from socketworkers.sasl import Credentials
from socketworkers.tunnel.tokens import TokenDoor
from socketworkers.websocket import HALF_CLOSE

both_loops = pytest.mark.usefixtures("any_loop")


async def exchange(socket: Socket, data: bytes = b"hello") -> None:
    writer, reader = socket.writable.get_writer(), socket.readable.get_reader()
    await writer.write(data)
    assert await reader.read_exactly(len(data)) == data.upper()
    writer.release_lock()
    reader.release_lock()


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    found = Resolver()
    monkeypatch.setattr("socket.getaddrinfo", found)
    return found


# -- ways in -------------------------------------------------------------------------------------------------------


@both_loops
@pytest.mark.parametrize("dialect", ["query", "header", "default"])
async def test_each_dialect_gets_there(dialect: str) -> None:
    async with running() as world:
        target = f"127.0.0.1:{world.port}"
        headers = {"Cf-Access-Jump-Destination": f"tcp://{target}/x"} if dialect == "header" else {}
        url = world.url + (f"?address={target}" if dialect == "query" else "")
        socket = await connect(url, headers=headers)
        await exchange(socket)
        await exchange(socket, b"x" * 300_000)
        await socket.close()


@both_loops
async def test_half_close_if_both_ends_want_it() -> None:
    async with running() as world:
        socket = await connect(world.to, subprotocols=("other", HALF_CLOSE), allow_half_open=True)
        writer = socket.writable.get_writer()
        await writer.write(b"abc")
        await writer.close()
        assert b"".join([chunk async for chunk in socket.readable]) == b"ABC.3"
        await socket.closed


@both_loops
async def test_without_it_the_end_is_the_end_of_both() -> None:
    async with running() as world:
        socket = await connect(world.to, allow_half_open=True)
        await exchange(socket)
        await socket.writable.get_writer().close()
        assert b"".join([chunk async for chunk in socket.readable]) in (b"", b".5")
        await socket.closed
        await eventually(lambda: world.behind.connections == 0)


async def test_text_is_taken_as_bytes() -> None:
    async with running() as world:
        peer = await world.peer()
        await open_websocket(peer, f"/v1?address=127.0.0.1:{world.port}")
        await peer.send(client_frame(TEXT, "grün".encode()) + client_frame(BINARY, b"\xff\0"))
        data = b""
        while len(data) < 7:
            found = await read_frame(peer)
            assert found.first == 0x82  # what comes back is binary
            data += found.payload
        assert data == "GRüN".encode() + b"\xff\0"
        await peer.send(close())
        while (found := await read_frame(peer)).first != 0x80 | CLOSE:
            pass
        await peer.expect_end()
        await peer.close()


async def test_a_path_of_its_own_or_any() -> None:
    async with running() as world:
        assert (await world.status("/v2"))[0] == 404
    async with running(listen="ws://127.0.0.1:0") as world:
        for path in ("/", "/v2", "/a/b"):
            assert (await world.status(f"{path}?address=127.0.0.1:{world.port}"))[0] == 101


async def test_in_tls() -> None:
    from socketworkers import TlsOptions
    from socketworkers.testing.client import trusting

    async with running(listen="wss://127.0.0.1:0/v1", tls="auto") as world:
        assert world.url.startswith("wss://")
        socket = await connect(world.to, tls=TlsOptions(context=trusting(world.gateway), sni="localhost"))
        await exchange(socket)
        await socket.close()


@both_loops
@pytest.mark.parametrize("halves", [True, False], ids=["half-close", "one end for both"])
async def test_tls_through_the_tunnel_to_what_is_behind(halves: bool) -> None:
    """The gateway carries it and can read nothing."""

    async def upper(socket: Socket, env: Env, ctx: Context) -> None:
        await socket.start_tls(context=server_tls())
        writer = socket.writable.get_writer()
        with contextlib.suppress(OSError):
            async for chunk in socket.readable:
                await writer.write(chunk.upper())
            await writer.write(b".")

    behind = await serve(upper, "127.0.0.1:0")
    target = f"127.0.0.1:{behind.listeners[0].port}"
    try:
        async with running(allow=(target,)) as world:
            subprotocols = (HALF_CLOSE,) if halves else ()
            socket = await connect(world.url, subprotocols=subprotocols, allow_half_open=True)
            await socket.start_tls(context=client_tls(), server_hostname="localhost")
            assert socket.info is not None
            assert (socket.info.type, socket.info.secure) == ("websocket", True)
            assert socket.info.websocket is not None
            await exchange(socket, b"x" * 200_000)
            if halves:
                await socket.writable.get_writer().close()
                assert b"".join([chunk async for chunk in socket.readable]) == b"."
            await socket.close()
            other = await connect(world.url)
            with pytest.raises(TLSError):
                await other.start_tls(context=client_tls(), server_hostname="somebody.else")
            await eventually(lambda: world.gateway.connections == 0)
    finally:
        await behind.stop()


# -- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.attack("C11")
@pytest.mark.parametrize(
    ("resource", "text"),
    [
        ("/v1?address=127.0.0.1:1", "this address is not allowed"),
        ("/v1?address=localhost:{port}", "this address is not allowed"),
        ("/v1?address=[::1]:{port}", "this address is not allowed"),
        ("/v1?address=2130706433:{port}", "the address cannot be understood: a number is no host"),
        ("/v1?address=0x7f.0.0.1:{port}", "the address cannot be understood: a number is no host"),
        ("/v1?address=0177.0.0.1:{port}", "the address cannot be understood: a number is no host"),
        ("/v1?address=127.1:{port}", "the address cannot be understood: a number is no host"),
        ("/v1?address=127.0.0.1.:{port}", "the address cannot be understood: an IPv4 address has no dot"),
        ("/v1?address=127.0.0.1:{port}@evil:1", "the address cannot be understood: an address is host:port"),
        ("/v1?address=evil@127.0.0.1:{port}", "the address cannot be understood: a number is no host"),
        ("/v1?address=127.0.0.1:{port}&address=x:1", "the address cannot be understood: address is given more"),
        ("/v1?address=127.0.0.1:{port}%0d%0aX-Evil:1", "the address cannot be understood: "),
        ("/v1?address=", "the address cannot be understood: an address is host:port"),
    ],
)
async def test_what_is_not_allowed_is_400_before_the_upgrade(resource: str, text: str) -> None:
    async with running() as world:
        status, said = await world.status(resource.format(port=world.port))
        assert status == 400
        assert said.startswith(text)
        assert not world.arrived
        assert sum(world.counted("socketworkers_tunnel_refused").values()) == 1


async def test_no_address_where_there_is_no_only_one() -> None:
    async with running(allow=("127.0.0.1:{port}", "db:1")) as world:
        assert await world.status("/v1") == (400, "no address: add ?address=host:port to the URL")


@pytest.mark.attack("C11")
async def test_a_name_that_leads_inside(resolver: Resolver, caplog: pytest.LogCaptureFixture) -> None:
    resolver.add("db.example.org", ["127.0.0.1"])
    async with running(allow=("*.example.org:{port}",)) as world:
        resource = f"/v1?address=db.example.org:{world.port}"
        assert await world.status(resource) == (400, "this address is not allowed")
        assert world.counted("socketworkers_tunnel_refused")["address"] == 1
        assert "is 127.0.0.1, not a public address; --allow-network allows it" in caplog.text
    async with running(allow=("*.example.org:{port}",), allow_network=("127.0.0.0/8",)) as world:
        socket = await connect(f"{world.url}?address=DB.example.org.:{world.port}")
        await exchange(socket)
        await socket.close()


@pytest.mark.attack("C11")
async def test_dns_rebinding(resolver: Resolver) -> None:
    """A name that answers with an allowed address first and with this machine afterwards is asked once only."""
    resolver.add("db.example.org", ["192.0.2.77"], ["127.0.0.1"])
    settings = {"allow_network": ("192.0.2.0/24",), "connect_timeout": 0.3}
    async with running(allow=("*.example.org:{port}",), **settings) as world:
        status, _ = await world.status(f"/v1?address=db.example.org:{world.port}")
        assert status in (502, 504)  # nobody is at the first one
        assert resolver.asked == ["db.example.org"]
        assert not world.arrived


@pytest.mark.attack("C11")
async def test_of_several_addresses_only_the_allowed_ones_are_tried(resolver: Resolver) -> None:
    resolver.add("db.example.org", ["127.0.0.3", "::1", "127.0.0.1", "10.0.0.1", "0.0.0.0", "::ffff:127.0.0.3"])
    async with running(allow=("*.example.org:{port}",), allow_network=("127.0.0.1",)) as world:
        socket = await connect(f"{world.url}?address=db.example.org:{world.port}")
        await exchange(socket)
        (arrived,) = world.arrived
        assert arrived.info is not None
        assert arrived.info.local.host == "127.0.0.1"
        await socket.close()


async def test_an_unknown_name_and_a_closed_port(resolver: Resolver) -> None:
    async with running(allow=("127.0.0.1:1", "nowhere.invalid:1")) as world:
        assert await world.status("/v1?address=127.0.0.1:1") == (502, "the address cannot be reached")
        assert await world.status("/v1?address=nowhere.invalid:1") == (502, "the name is not known")
        assert world.counted("socketworkers_tunnel_refused")["unreachable"] == 2
        with pytest.raises(ConnectError, match="502 Bad Gateway: the address cannot be reached"):
            await connect(world.url + "?address=127.0.0.1:1")


class Silent:
    """In place of connecting: nobody ever answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.given_up = asyncio.Event()

    async def __call__(self, *_: object) -> None:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up.set()


async def test_a_target_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(connect_timeout=0.1) as world:
        peer = await world.peer()
        monkeypatch.setattr("socketworkers.dial._attempt", Silent())
        status, _, body = await ask(peer, request(f"/v1?address=127.0.0.1:{world.port}"))
        assert (status, body) == (504, b"the address does not answer\n")
        assert world.counted("socketworkers_tunnel_refused")["timeout"] == 1
        await peer.close()


@pytest.mark.attack("C5")
@pytest.mark.parametrize("how", ["reset", "end", "data that nobody asked for"])
async def test_a_client_that_leaves_meanwhile_takes_the_attempt_along(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async with running() as world:
        peer = await world.peer()
        silent = Silent()
        monkeypatch.setattr("socketworkers.dial._attempt", silent)
        await peer.send(request(f"/v1?address=127.0.0.1:{world.port}"))
        await silent.asked.wait()
        assert world.gateway.connections == 1
        if how == "reset":
            await peer.abort()
        elif how == "end":
            await peer.send_end()
        else:
            await peer.send(client_frame(BINARY, b"early"))
        await asyncio.wait_for(silent.given_up.wait(), 5)
        await eventually(lambda: world.gateway.connections == 0)
        await peer.abort()


# -- service tokens ------------------------------------------------------------------------------------------------


@pytest.fixture
def tokens(tmp_path: Path) -> str:
    users = Credentials()
    users.set_password("ci.access", "s3cret", iterations=4096)
    path = tmp_path / "tokens"
    users.save(path)
    return str(path)


def token(id: str, secret: str) -> dict[str, str]:
    return {"CF-Access-Client-Id": id, "CF-Access-Client-Secret": secret}


async def test_a_service_token_opens(tokens: str) -> None:
    async with running(service_tokens=tokens) as world:
        for _ in range(3):
            socket = await connect(world.to, headers=token("ci.access", "s3cret"))
            await exchange(socket)
            await socket.close()


@pytest.mark.attack("T2")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        token("ci.access", "wrong"),
        token("ci.access", ""),
        token("", "s3cret"),
        token("other.access", "s3cret"),
        {"CF-Access-Client-Id": "ci.access"},
        {"CF-Access-Client-Secret": "s3cret"},
        {"CF-Access-Client-Id": "ci.access", "cf-access-client-id": "ci.access", "CF-Access-Client-Secret": "s3cret"},
        {"Cf-Access-Token": "eyJhbGciOiJub25lIn0.e30."},
    ],
)
async def test_without_a_valid_one_nothing_is_looked_at(tokens: str, headers: dict[str, str]) -> None:
    async with running(service_tokens=tokens) as world:
        for url in (world.to, world.url + "?address=not:allowed"):
            with pytest.raises(ConnectError, match="403 Forbidden: a valid service token is needed"):
                await connect(url, headers=headers)
        assert world.counted("socketworkers_tunnel_refused")["token"] == 2
        assert not world.arrived


@pytest.mark.attack("T2")
async def test_unknown_ids_cost_what_wrong_secrets_cost(tokens: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Credentials.load(Path(tokens))
    asked: list[str] = []
    real = Credentials.check_password

    def check(self: Credentials, username: str, password: str) -> bool:
        asked.append(username)
        return real(self, username, password)

    monkeypatch.setattr(Credentials, "check_password", check)
    door = TokenDoor(known)

    async def tried(id: str, secret: str) -> str | None:
        fields = [(name.lower(), value) for name, value in token(id, secret).items()]
        return await door.check(fields, "192.0.2.1")

    assert await tried("ci.access", "s3cret") == "ci.access"
    assert await tried("ci.access", "s3cret") == "ci.access"  # remembered: a pool of connections pays once
    assert await tried("ci.access", "wrong") is None
    assert await tried("nobody", "s3cret") is None
    assert asked == ["ci.access", "ci.access", "nobody"]


async def test_guessing_is_slowed_down_and_locks_nobody_else_out(tokens: str) -> None:
    door = TokenDoor(Credentials.load(Path(tokens)))

    async def tried(id: str, secret: str, remote: str = "192.0.2.1") -> str | None:
        return await door.check([("cf-access-client-id", id), ("cf-access-client-secret", secret)], remote)

    for _ in range(10):
        assert await tried("other.access", "x") is None
        assert await tried("ci.access", "x", "192.0.2.9") is None
    assert await tried("ci.access", "s3cret", "192.0.2.9") is None  # not looked at for a while
    assert await tried("ci.access", "s3cret") == "ci.access"  # of the same proxy as the first guesser
    assert await tried("ci.access", "s3cret", "192.0.2.9") == "ci.access"  # remembered by now


async def test_a_name_that_is_not_known_yet(caplog: pytest.LogCaptureFixture) -> None:
    async with running(allow=("nowhere.invalid:1", "127.0.0.1:{port}")) as world:
        assert "nowhere.invalid is not known yet" in caplog.text
        socket = await connect(world.to)
        await exchange(socket)
        await socket.close()


# -- how tunnels end -----------------------------------------------------------------------------------------------


@both_loops
async def test_a_reset_behind_the_gateway_is_told() -> None:
    async with running() as world:
        socket = await connect(world.to)
        await exchange(socket)
        world.arrived[0].abort("broken")
        with pytest.raises(ConnectionLost, match="1011: the connection behind it was lost") as caught:
            await socket.readable.get_reader().read()
        assert caught.value.close_code == 1011


@both_loops
async def test_a_reset_of_the_client_goes_through() -> None:
    async with running() as world:
        socket = await connect(world.to)
        await exchange(socket)
        await socket.abort("broken")
        with pytest.raises(ConnectionLost):
            await world.arrived[0].closed


async def test_idle_tunnels_are_closed() -> None:
    async with running(idle_timeout=0.2) as world:
        socket = await connect(world.to)
        await exchange(socket)
        assert b"".join([chunk async for chunk in socket.readable]) in (b"", b".5")
        await eventually(lambda: world.gateway.connections == 0 and world.behind.connections == 0)


async def test_a_drain_lets_tunnels_end_and_closes_the_others_in_order() -> None:
    async with running(drain_timeout=0.5) as world:
        ending, staying = await connect(world.to), await connect(world.to)
        await exchange(ending)
        await exchange(staying)
        draining = asyncio.ensure_future(world.gateway.drain())
        await asyncio.sleep(0)
        with contextlib.suppress(ConnectError), pytest.raises(OSError):
            await connect(world.to)
        await exchange(ending)
        await ending.close()
        assert b"".join([chunk async for chunk in staying.readable]) in (b"", b".5")
        await staying.closed  # 1001, not a reset
        assert await draining is True


async def test_limits_of_connections() -> None:
    async with running(max_connections=2) as world:
        held = [await connect(world.to) for _ in range(2)]
        assert await world.status("/v1") == (503, "too many connections")
        await held[0].close()
        await eventually(lambda: world.gateway.connections < 2)
        third = await connect(world.to)
        await exchange(third)
        await asyncio.gather(third.close(), held[1].close())


# -- what is told --------------------------------------------------------------------------------------------------


async def test_metrics_and_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "socketworkers")
    async with running() as world:
        socket = await connect(world.to)
        await exchange(socket, b"12345678")
        assert world.counted("wsproxy_connections") == {"": 1}
        assert world.counted("wsproxy_active_connections") == {"": 1}
        assert world.counted("wsproxy_bytes") == {"ws": 8, "tcp": 8}
        await socket.close()
        await eventually(lambda: world.counted("wsproxy_active_connections") == {"": 0})
        target = f"127.0.0.1:{world.port}"
        await eventually(lambda: f"tunnel to {target} (127.0.0.1): 8 bytes there, 1" in caplog.text)


@pytest.mark.attack("C5")
async def test_a_client_that_does_not_read_costs_little(caplog: pytest.LogCaptureFixture) -> None:
    """Figures: what the gateway holds of a flood that nobody takes, and of one that the target does not take."""
    async with running() as world:
        socket = await connect(world.to)
        socket.pause()  # takes nothing from the kernel
        writer = socket.writable.get_writer()
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 64 * 1024 * 1024:
                async with asyncio.timeout(0.5):
                    await writer.write(bytes(65536))
                sent += 65536
        assert sent < 64 * 1024 * 1024  # the sender was held up: kernel buffers are all that it filled
        held = 0
        for each in list(world.gateway._connections):
            held += each.stats.buffered_in + each.stats.buffered_out
        assert held <= 4 * 65536
        await socket.abort()


async def test_addresses_are_checked_by_the_socket_itself() -> None:
    """``allow_address`` of ``connect``, on which all of this stands."""
    async with running() as world:
        with pytest.raises(AddressError, match="has no address that is allowed"):
            await connect(("127.0.0.1", world.port), allow_address=lambda address: False)
        seen: list[str] = []

        def allow(address: str) -> bool:
            seen.append(address)
            return True

        socket = await connect(("127.0.0.1", world.port), allow_address=allow)
        assert seen == ["127.0.0.1"]
        await socket.close()


async def test_a_world_without_rules_does_not_start() -> None:
    from socketworkers.errors import StartupError
    from socketworkers.tunnel import serve_tunnel

    with pytest.raises(StartupError, match="nothing could be reached"):
        await serve_tunnel()
