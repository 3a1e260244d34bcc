"""UDP sockets of their own: with a peer, and open to all."""

from __future__ import annotations

import asyncio
import socket as _socket

import pytest

from socketworkers import (
    AddressError,
    ConnectError,
    Datagram,
    LimitExceeded,
    Socket,
    SocketAddress,
    StateError,
    Timeouts,
    TlsOptions,
    UdpOptions,
    connect,
)

pytestmark = pytest.mark.usefixtures("any_loop")


@pytest.fixture
def far() -> object:
    """A bare UDP socket."""
    sock = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(5)
    with sock:
        yield sock


async def test_the_example_of_the_proposal(far: _socket.socket) -> None:
    """A UDP socket, ``get_writer``, ``await write``, ``await close``."""
    socket = Socket(type="udp", remote=far.getsockname())
    writer = socket.writable.get_writer()
    await writer.write(b"hello")
    await writer.close()
    await socket.closed
    assert far.recv(100) == b"hello"
    assert socket.info is not None
    assert socket.info.type == "udp"
    assert socket.info.remote == SocketAddress(*far.getsockname())


async def test_what_was_written_before_it_was_open_keeps_its_borders(far: _socket.socket) -> None:
    socket = connect(f"udp://127.0.0.1:{far.getsockname()[1]}")
    writer = socket.writable.get_writer()
    for message in (b"one", b"", b"three"):
        writer.write(message)
    await socket.ready
    assert [far.recv(100) for _ in range(3)] == [b"one", b"", b"three"]
    await socket.close()


async def test_nobody_there_rejects_closed() -> None:
    """ICMP's port unreachable (RFC 1122 §4.1.3.3)."""
    with _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    socket = await connect(f"udp://127.0.0.1:{port}")
    await socket.writable.get_writer().write(b"anybody?")
    with pytest.raises(ConnectError) as caught:
        await socket.closed
    assert caught.value.errno == 111
    assert socket.signal.reason is caught.value


async def test_others_are_not_heard_by_a_socket_with_a_peer(far: _socket.socket) -> None:
    socket = await connect(f"udp://127.0.0.1:{far.getsockname()[1]}")
    assert socket.info is not None
    with _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM) as other:
        other.sendto(b"from elsewhere", tuple(socket.info.local))
    far.sendto(b"from the peer", tuple(socket.info.local))
    assert await socket.readable.get_reader().read() == b"from the peer"
    await socket.close()


async def test_open_to_all_it_tells_who_sent_what() -> None:
    socket = Socket(type="udp", local=("127.0.0.1", 0))
    info = await socket.ready
    assert info.remote == SocketAddress("", 0)
    peers = [await connect(f"udp://{info.local}") for _ in range(2)]
    writer, reader = socket.writable.get_writer(), socket.readable.get_reader()
    for number, peer in enumerate(peers):
        await peer.writable.get_writer().write(b"%d" % number)
        message = await reader.read()
        assert isinstance(message, Datagram)
        assert peer.info is not None
        assert message == Datagram(b"%d" % number, peer.info.local, info.local)
        await writer.write(Datagram(b"re: " + message.data, message.remote))
        assert await peer.readable.get_reader().read() == b"re: %d" % number
        with pytest.raises(StateError):
            peer._outbox.write(Datagram(b"", message.remote))
    with pytest.raises(StateError):
        writer.write(b"to whom?")
    for each in (socket, *peers):
        await each.close()


async def test_on_all_addresses_it_tells_which_one_was_meant() -> None:
    """IP_PKTINFO, and answers that leave from the address that was asked (ip(7))."""
    socket = Socket(type="udp", local=("0.0.0.0", 0))
    info = await socket.ready
    for host in ("127.0.0.1", "127.0.0.2"):
        peer = await connect(f"udp://{host}:{info.local.port}")
        await peer.writable.get_writer().write(b"?")
        reader = socket.readable.get_reader()
        message = await reader.read()
        assert isinstance(message, Datagram)
        assert message.local == SocketAddress(host, info.local.port)
        reader.release_lock()
        writer = socket.writable.get_writer()
        await writer.write(Datagram(b"!", message.remote, message.local))
        writer.release_lock()
        # the peer's kernel takes datagrams of the address that it is connected to only
        assert await peer.readable.get_reader().read() == b"!"
        await peer.close()
    await socket.close()


async def test_ipv6() -> None:
    try:
        socket = Socket(type="udp", local=("::1", 0))
        info = await socket.ready
    except ConnectError:
        pytest.skip("no IPv6 on this machine")
    peer = await connect(f"udp://[::1]:{info.local.port}")
    await peer.writable.get_writer().write(b"six")
    async for message in socket.readable:
        assert message.data == b"six"  # type: ignore[attr-defined]
        break
    await peer.close()
    await socket.close()


async def test_multicast() -> None:
    options = UdpOptions(groups=("239.255.77.1",), interface="lo")
    try:
        socket = Socket(type="udp", local=("0.0.0.0", 0), udp=options)
        info = await socket.ready
    except ConnectError as error:
        pytest.skip(f"no multicast on the loopback interface: {error}")
    sender = Socket(
        type="udp", local=("127.0.0.1", 0), udp=UdpOptions(interface="lo", multicast_loop=True, multicast_ttl=0)
    )
    await sender.ready
    group = SocketAddress("239.255.77.1", info.local.port)
    await sender.writable.get_writer().write(Datagram(b"to the group", group))
    message = await socket.readable.get_reader().read()
    assert isinstance(message, Datagram)
    assert message.data == b"to the group"
    await sender.close()
    await socket.close()


async def test_broadcast_has_to_be_asked_for() -> None:
    everybody = SocketAddress("127.255.255.255", 9)
    for options, allowed in ((UdpOptions(), False), (UdpOptions(broadcast=True), True)):
        socket = Socket(type="udp", local=("127.0.0.1", 0), udp=options)
        await socket.ready
        sock = socket._channel.get_extra_info("udp_socket")  # type: ignore[union-attr]
        assert bool(sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_BROADCAST)) is allowed
        await socket.writable.get_writer().write(Datagram(b"x", everybody))
        await socket.close()


@pytest.mark.parametrize(
    "options", [UdpOptions(groups=("10.0.0.1",)), UdpOptions(groups=("mcast",)), UdpOptions(interface="no-such")]
)
async def test_groups_and_interfaces_that_cannot_be(options: UdpOptions) -> None:
    socket = Socket(type="udp", local=("127.0.0.1", 0), udp=options)
    with pytest.raises(AddressError):
        await socket.ready


async def test_a_path_that_takes_less_is_an_error() -> None:
    socket = await connect("udp://127.0.0.1:9")
    with pytest.raises(LimitExceeded):
        socket.writable.get_writer().write(bytes(65_508))
    await socket.close()


async def test_what_cannot_be() -> None:
    with pytest.raises(AddressError, match="where to"):
        Socket(type="udp")
    with pytest.raises(AddressError, match="no TLS over UDP"):
        connect("udp://127.0.0.1:1", tls=TlsOptions())
    with pytest.raises(ValueError, match="udp="):
        connect("tcp://127.0.0.1:1", udp=UdpOptions())
    with pytest.raises(AddressError, match="there is no type"):
        Socket(type="sctp", remote=("127.0.0.1", 1))
    with pytest.raises(AddressError, match="does not fit"):
        Socket(type="udp", remote="tcp://127.0.0.1:1")
    with pytest.raises(AddressError, match="is not known"):
        await connect("udp://no-such-host.invalid:1")
    taken = Socket(type="udp", local=("127.0.0.1", 0))
    info = await taken.ready
    with pytest.raises(ConnectError, match="in use"):
        await Socket(type="udp", local=tuple(info.local)).ready
    await taken.close()


@pytest.mark.attack("C11")
async def test_the_resolved_address_is_what_is_checked(far: _socket.socket) -> None:
    asked: list[str] = []

    def inside(host: str) -> bool:
        asked.append(host)
        return False

    port = far.getsockname()[1]
    for url in (f"udp://localhost:{port}", f"quic://localhost:{port}"):
        tls = TlsOptions(verify=False, alpn=("x",)) if url.startswith("quic") else None
        with pytest.raises(AddressError, match="no address that is allowed"):
            await connect(url, allow_address=inside, tls=tls)
    assert "127.0.0.1" in asked
    far.setblocking(False)
    with pytest.raises(BlockingIOError):
        far.recv(100)
    with pytest.raises(ValueError, match="allow_address"):
        Socket(type="udp", local=("127.0.0.1", 0), allow_address=inside)


async def test_a_pending_socket_can_be_aborted_and_closed() -> None:
    first = connect("udp://127.0.0.1:9")
    await first.abort()
    await first.closed
    second = connect("udp://127.0.0.1:9", timeouts=Timeouts(connect=None))
    await second.close()
    assert not asyncio.all_tasks() - {asyncio.current_task()}
