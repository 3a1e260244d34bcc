"""Frames that no implementation sends, behind a real handshake: the connection ends by the protocol, or goes on."""

from __future__ import annotations

import random
from typing import Any

import pytest
from aioquic import tls
from aioquic.buffer import encode_uint_var
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection, QuicConnectionError, QuicReceiveContext
from tests.fuzz.mutation import inputs_wanted, mutations, seed_wanted
from tests.support.pairs import authority

from socketworkers.info import QuicOptions
from socketworkers.quic.connection import Connection

OPTIONS = QuicOptions(max_streams=10, max_unidirectional_streams=3, stream_window=4096, datagrams=True)
CLIENT = ("192.0.2.1", 1)


def _configurations() -> tuple[QuicConfiguration, QuicConfiguration]:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    certificate = authority().issue_cert("localhost")
    server = QuicConfiguration(
        is_client=False,
        alpn_protocols=["x"],
        max_data=65536,
        max_stream_data=4096,
        max_datagram_frame_size=65535,
    )
    server.certificate = x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes())
    server.private_key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    client = QuicConfiguration(is_client=True, alpn_protocols=["x"], server_name="localhost")
    client.cadata = authority().cert_pem.bytes()
    return server, client


def _connected(server: QuicConfiguration, client: QuicConfiguration) -> Connection:
    """A server's side whose handshake is over."""
    near = QuicConnection(configuration=client)
    near.connect(CLIENT, now=0.0)
    far = Connection(OPTIONS, server, original_destination_connection_id=near.original_destination_connection_id)
    for turn in range(4):
        now = turn / 100
        for data, _ in near.datagrams_to_send(now=now):
            far.receive_datagram(data, CLIENT, now=now)
        for data, _ in far.datagrams_to_send(now=now):
            near.receive_datagram(data, CLIENT, now=now)
    assert far.complete
    return far


def _frames() -> list[bytes]:
    """One of each kind (RFC 9000 §19), and some together."""
    one = [
        bytes([0, 0, 0, 1]),
        b"\x02" + encode_uint_var(3) + b"\x00\x00\x02",
        b"\x03" + encode_uint_var(3) + b"\x00\x00\x02\x01\x01\x01",
        b"\x04\x00\x05\x00",
        b"\x05\x00\x07",
        b"\x06\x00\x04abcd",
        b"\x07\x04abcd",
        b"\x08\x00data",
        b"\x0f\x04\x00\x04data",
        b"\x0e\x08" + encode_uint_var(4000) + b"\x04data",
        b"\x0b\x02\x04data",
        b"\x10" + encode_uint_var(1 << 40),
        b"\x11\x00" + encode_uint_var(1 << 40),
        b"\x12" + encode_uint_var(1 << 20),
        b"\x14\x01\x15\x00\x01\x16\x05\x17\x05",
        b"\x18\x08\x01\x08" + bytes(24),
        b"\x19\x01",
        b"\x1a" + bytes(8),
        b"\x1b" + bytes(8),
        b"\x1c\x01\x00\x04gone",
        b"\x1d\x01\x04gone",
        b"\x1e",
        b"\x30datagram",
        b"\x31\x04data",
    ]
    return one + [one[number] + one[-1 - number] for number in range(len(one))]


@pytest.mark.catalogue("F1")
@pytest.mark.attack("C9")
@pytest.mark.timeout(7200)
def test_mutated_frames() -> None:
    seed, wanted = seed_wanted(), inputs_wanted(1_500)
    configurations = _configurations()
    chooser = random.Random(seed)
    quic: Any = None
    used = count = ended = 0
    for number, data in enumerate(mutations(_frames(), [encode_uint_var(1 << 61), b"\x40\x01"], wanted, seed, 1200)):
        if quic is None or used > 200:
            quic, used = _connected(*configurations), 0
        used += 1
        count += 1
        now = 1.0 + number / 1000
        path = quic._network_paths[0]
        context = QuicReceiveContext(tls.Epoch.ONE_RTT, quic.host_cid, path, None, now, 1)
        try:
            if data:
                quic._payload_received(context, data, crypto_frame_required=False)
        except QuicConnectionError:
            ended += 1
            used += 50
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {data!r}") from error
        while quic.next_event() is not None:
            pass
        if chooser.random() < 0.2:
            quic.datagrams_to_send(now=now)
        if quic._state.value >= 2:
            quic = None
            continue
        held = sum(len(stream.receiver._buffer) for stream in quic._streams.values())
        assert held <= 65536 + 13 * 4096
        assert len(quic._streams) <= 13
        assert len(path.remote_challenges) <= 32
        assert len(quic._retire_connection_ids) <= 100
    assert count == wanted
    assert ended > wanted // 50
