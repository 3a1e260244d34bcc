"""Retry, resumption and 0-RTT (RFC 9000 §8.1.2, RFC 9001 §4.6, RFC 8446 §2.3)."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from aioquic.quic import events
from cryptography import x509
from tests.support.pairs import authority, eventually
from tests.support.quic import Peer, aioquic_peer, dial, echo, listener_of, quic_server

from socketworkers import Aborted, Context, Env, QuicOptions, Socket, TlsOptions, connect
from socketworkers.errors import StartupError
from socketworkers.server import Server

pytestmark = pytest.mark.usefixtures("any_loop")


async def test_retry_for_all() -> None:
    async with quic_server(quic_retry="on") as server:
        async with dial(server) as client:
            await client.writable.get_writer().write(b"x")
            assert await client.readable.get_reader().read() == b"x"
        async with aioquic_peer(server) as peer:
            assert peer.quic._retry_count == 1
        assert listener_of(server).refused["retry"] == 2


async def test_a_session_is_resumed_once_for_each_ticket() -> None:
    tickets: dict[Any, Any] = {}
    options = QuicOptions(tickets=tickets)
    async with quic_server() as server:
        for resumed in (False, True):
            async with dial(server, quic=options) as client:
                await client.writable.get_writer().write(b"x")
                assert await client.readable.get_reader().read() == b"x"
                assert client.info is not None
                assert client.info.tls is not None
                assert client.info.tls.resumed is resumed
                await eventually(lambda: tickets)
        (ticket,) = tickets.values()
        assert ticket.max_early_data_size is None, "a server that did not ask for 0-RTT offers it"
        kept = dict(tickets)
        async with dial(server, quic=options):
            pass
        # the same ticket again: a full handshake
        async with dial(server, quic=QuicOptions(tickets=kept)) as client:
            assert client.info is not None
            assert client.info.tls is not None
            assert client.info.tls.resumed is False


async def _early(server: Server, options: QuicOptions) -> tuple[bytes, Any]:
    client = dial(server, quic=options)
    client.writable.get_writer().write(b"early")
    answer = await client.readable.get_reader().read()
    assert client.info is not None
    quic = client.info.quic
    await client.close()
    return answer, quic


async def test_0rtt_where_the_app_says_that_it_is_safe() -> None:
    seen: list[bool] = []

    async def keep(socket: Socket, env: Env, ctx: Context) -> None:
        assert socket.info is not None
        assert socket.info.quic is not None
        seen.append(socket.info.quic.early_data)
        await echo(socket, env, ctx)

    tickets: dict[Any, Any] = {}
    options = QuicOptions(early_data=True, tickets=tickets)
    async with quic_server(keep, quic=options) as server:
        assert (await _early(server, options))[0] == b"early"
        await eventually(lambda: tickets)
        answer, quic = await _early(server, options)
        assert answer == b"early"
        assert quic.early_data
    assert seen == [False, True]


@pytest.mark.attack("C9")
async def test_0rtt_is_off_and_who_tries_it_nevertheless_is_served_after_the_handshake() -> None:
    seen: list[bool] = []

    async def keep(socket: Socket, env: Env, ctx: Context) -> None:
        assert socket.info is not None
        assert socket.info.quic is not None
        seen.append(socket.info.quic.early_data)
        await echo(socket, env, ctx)

    tickets: list[Any] = []
    async with quic_server(keep) as server:
        async with aioquic_peer(server, tickets=tickets.append) as peer:
            await eventually(lambda: tickets)
        ticket = tickets[0]
        # the client pretends that the server had offered it
        ticket.max_early_data_size = 0xFFFFFFFF
        ticket.other_extensions = _parameters_of(peer)
        async with aioquic_peer(server, session_ticket=ticket, wait_connected=False) as peer:
            peer.quic.send_stream_data(0, b"replayed?")
            peer.transmit()
            done = await peer.until(events.HandshakeCompleted)
            assert done.session_resumed
            assert not done.early_data_accepted
            await peer.until(events.StreamDataReceived)
            assert peer.data(0) == b"replayed?"
    assert seen == [False]


def _parameters_of(peer: Peer) -> list[tuple[int, bytes]]:
    """The server's transport parameters, as a ticket of one that allows 0-RTT would have them."""
    return [each for each in peer.quic.tls.received_extensions if each[0] == 0x39]


async def test_client_certificates_cannot_be_asked_for() -> None:
    """So a server that needs them does not open a door without."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ca.pem"
        path.write_bytes(authority().cert_pem.bytes())
        with pytest.raises(StartupError, match="client certificates"):
            async with quic_server(tls_client_ca=str(path)):
                pass


async def test_without_the_package_both_ends_say_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socketworkers.quic.find_spec", lambda name: None)
    with pytest.raises(StartupError) as caught:
        connect("quic://127.0.0.1:1", tls=TlsOptions(alpn=("x",)))
    assert "socketworkers[quic]" in caught.value.remedy
    with pytest.raises(StartupError):
        async with quic_server():
            pass


async def test_no_certificate_no_quic() -> None:
    with pytest.raises(StartupError, match="needs a certificate"):
        async with quic_server(tls=""):
            pass


async def test_the_server_name_chooses_the_certificate(tmp_path: Path) -> None:
    """RFC 6066 §3; one label for a wildcard; who asks for nothing known gets the first."""
    pairs = []
    for names in (("one.example",), ("*.two.example",), ("deep.two.example",)):
        issued, path = authority().issue_cert(*names), tmp_path / names[0].replace("*", "any")
        issued.private_key_and_cert_chain_pem.write_to_path(f"{path}.pem")
        pairs.append(f"{path}.pem")
    seen: list[str | None] = []

    async def keep(socket: Socket, env: Env, ctx: Context) -> None:
        assert socket.info is not None
        assert socket.info.tls is not None
        seen.append(socket.info.tls.sni)

    async with quic_server(keep, tls="", tls_cert=tuple(pairs)) as server:
        for name, wanted in (
            ("one.example", "one.example"),
            ("x.two.example", "*.two.example"),
            ("deep.two.example", "deep.two.example"),
            ("three.example", "one.example"),
        ):
            tls = TlsOptions(verify=False, sni=name, alpn=("echo",))
            async with connect(server.listeners[0].url, tls=tls) as client:
                assert client.info is not None
                assert client.info.tls is not None
                der = client.info.tls.peer_certificate
                assert der is not None
                loaded = x509.load_der_x509_certificate(der)
                alternatives = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
                assert alternatives.get_values_for_type(x509.DNSName) == [wanted]
                await client.readable.get_reader().read()
        assert seen == ["one.example", "x.two.example", "deep.two.example", "three.example"]


async def test_a_new_certificate_is_for_new_connections() -> None:
    async with quic_server() as server:
        listener = listener_of(server)
        async with dial(server):
            first = listener._current()
            server.reload_tls()
            async with dial(server):
                assert listener._current() is not first


async def test_cancelling_a_pending_connection_leaves_nothing() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        client = connect(f"quic://127.0.0.1:{port}", tls=TlsOptions(verify=False, alpn=("x",)))
        await asyncio.sleep(0.05)
        await client.abort("enough")
        with pytest.raises(Aborted):
            await client.closed
    finally:
        transport.close()
