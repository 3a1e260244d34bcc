"""F1 for WebSocket: mutated frames and handshakes, cut at random: the same bytes for any cut, and nothing but a fault.

See ``test_smtp_codec``; the same variables count here.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.mutation import cut, inputs_wanted, load_corpus, mutations, seed_wanted
from tests.support.websocket import BINARY, CONTINUATION, PING, TEXT, client_frame, close

from socketworkers.errors import ProtocolError
from socketworkers.transports.websocket_frames import FrameReader
from socketworkers.transports.websocket_handshake import Terms, accept_request, read_response, refuse_head

FOLDER = Path(__file__).parent / "corpus" / "websocket"
FRAMES = load_corpus(FOLDER / "frames.txt")
HANDSHAKES = load_corpus(FOLDER / "handshakes.txt")
TOKENS = [
    b"\x82\x80", b"\x82\x81", b"\x82\xfe", b"\x82\xff", b"\x02\x81", b"\x00\x81", b"\x80\x81", b"\x89\x80", b"\x8a\x80",
    b"\x88\x82", b"\x88\x80", b"\x81\x81", b"\0\0\0\0", b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\0\x7e", b"\x03\xe8",
    client_frame(BINARY, b"abc"), client_frame(BINARY, b"a", fin=False), client_frame(CONTINUATION, b"z"),
    client_frame(PING, b"p"), client_frame(TEXT, b"t"), close(),
]  # fmt: skip
FIELDS = [
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b":", b" ", b",", b"\t", b"GET ", b"HTTP/1.1", b"Upgrade: websocket\r\n",
    b"Connection: Upgrade\r\n", b"Host: a\r\n", b"Sec-WebSocket-Version: 13\r\n", b"Sec-WebSocket-Protocol: mqtt\r\n",
    b"Origin: http://localhost\r\n", b"Sec-WebSocket-Key: ", b"==", b"\xff", b"\xc3\xa4", b"[", b"http://", b"?",
    b"x" * 60,
]  # fmt: skip
LIMIT = 400
TERMS = (
    Terms(),
    Terms("/mqtt", ("mqtt", "mqttv3.1"), True, (), True),
    Terms(origins=("http://localhost",), subprotocols=("a",)),
)


def run(pieces: list[bytes], *, client: bool, text: bool, half_close: bool) -> tuple[Any, ...]:
    """All that a reader makes of them."""
    reader = FrameReader(client=client, text=text)
    reader.half_close = half_close
    payload = b""
    noise = 0
    for piece in pieces:
        chunks = reader.receive(piece)
        assert all(type(chunk) is bytes and chunk for chunk in chunks)
        payload += b"".join(chunks)
        assert reader.buffered <= 131
        noise, reader.noise = noise + reader.noise, 0
    assert len(payload) <= sum(map(len, pieces))
    return payload, reader.close, reader.fault, noise, reader.ping, reader.finished


def check_frames(data: bytes, chooser: random.Random, number: int) -> None:
    pieces = cut(data, chooser)
    options = {"client": number % 5 == 0, "text": number % 3 == 0, "half_close": number % 2 == 0}
    assert run(pieces, **options) == run([data], **options), pieces


def check_handshake(data: bytes, number: int) -> None:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        for client in (False, True):
            refusal = refuse_head(data, client=client)
            assert refusal is None or isinstance(refusal, ProtocolError)
        return
    head = data[: end + 4]
    try:
        reply, info = accept_request(head, TERMS[number % len(TERMS)])
    except ProtocolError as error:
        reply = error.reply
        assert reply.startswith(b"HTTP/1.1 4") or reply.startswith(b"HTTP/1.1 505 ")
        assert b"\r\nConnection: close" in reply
    else:
        assert reply.startswith(b"HTTP/1.1 101 ")
        assert reply.endswith(b"\r\n\r\n")
        assert info.resource.startswith("/")
        assert info.subprotocol is None or info.subprotocol in TERMS[number % len(TERMS)].subprotocols
    assert reply.count(b"\r\n\r\n") == 1
    try:
        read_response(head, "/", "x", ("mqtt",))
    except ProtocolError:
        pass
    else:
        raise AssertionError("a request was taken for an answer")


@pytest.mark.catalogue("F1")
@pytest.mark.attack("C8")
@pytest.mark.timeout(7200)
def test_mutated_frames() -> None:
    seed = seed_wanted()
    chooser = random.Random(seed)
    wanted = inputs_wanted(200_000)
    count = 0
    for number, data in enumerate(mutations(FRAMES, TOKENS, wanted, seed, LIMIT)):
        try:
            check_frames(data, chooser, number)
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {data!r}") from error
        count += 1
    assert count == wanted


@pytest.mark.catalogue("F1")
@pytest.mark.attack("C8")
@pytest.mark.timeout(7200)
def test_mutated_handshakes() -> None:
    seed = seed_wanted()
    wanted = inputs_wanted(200_000)
    count = 0
    for number, data in enumerate(mutations(HANDSHAKES, FIELDS, wanted, seed, 2000)):
        try:
            check_handshake(data, number)
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {data!r}") from error
        count += 1
    assert count == wanted


def test_the_corpora_are_large() -> None:
    assert len(FRAMES) >= 500
    assert len(HANDSHAKES) >= 500


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(TOKENS) | st.binary(max_size=20), max_size=20), st.randoms(use_true_random=False))
def test_sequences_of_tokens(parts: list[bytes], chooser: random.Random) -> None:
    for number in range(15):
        check_frames(b"".join(parts), chooser, number)
