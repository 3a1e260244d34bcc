"""RFC 6455 §5 and §7.4: frames, each case cut in every way. Attack class C8."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.feed import feed_all_ways
from tests.support.websocket import BINARY, CLOSE, CONTINUATION, MASK, PING, PONG, TEXT, client_frame, close, frame

from socketworkers.transports.websocket_frames import (
    Close,
    Fault,
    FrameReader,
    binary_frame,
    close_frame,
    masked_frame,
    ping_frame,
    pong_frame,
    xor_in_python,
    xor_mask,
)

Outcome = tuple[bytes, Close | None, Fault | None]


def read(data: bytes, *, client: bool = False, text: bool = False) -> Outcome:
    """All that a reader makes of ``data``, the same for every cut."""

    def run(pieces: list[bytes]) -> Outcome:
        reader = FrameReader(client=client, text=text)
        payload = b""
        for piece in pieces:
            chunks = reader.receive(piece)
            assert all(chunks)
            payload += b"".join(chunks)
            assert reader.buffered <= 131  # a control frame and its header at most
            assert reader.ended is (reader.close is not None or reader.fault is not None)
        return payload, reader.close, reader.fault

    return feed_all_ways(data, run)


GOOD = {
    "5.7 a fragmented message": (frame(BINARY, b"Hel", fin=False) + frame(CONTINUATION, b"lo"), b"Hello"),
    "5.2 no data": (frame(BINARY), b""),
    "5.2 125 bytes": (frame(BINARY, b"x" * 125), b"x" * 125),
    "5.2 126 bytes": (frame(BINARY, b"x" * 126), b"x" * 126),
    "5.2 65535 bytes": (frame(BINARY, b"x" * 65535), b"x" * 65535),
    "5.2 65536 bytes": (frame(BINARY, b"x" * 65536), b"x" * 65536),
    "5.4 three fragments, some empty": (
        frame(BINARY, fin=False) + frame(CONTINUATION, b"ab", fin=False) + frame(CONTINUATION),
        b"ab",
    ),
    "5.4 controls between fragments": (
        frame(BINARY, b"a", fin=False) + frame(PING, b"?") + frame(CONTINUATION, b"b") + frame(PONG, b"!"),
        b"ab",
    ),
    "5.5.3 a pong that nobody asked for": (frame(PONG, b"beat") + frame(BINARY, b"x"), b"x"),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_frames(name: str) -> None:
    data, payload = GOOD[name]
    assert read(data, client=True) == (payload, None, None)


def test_section_5_7_examples() -> None:
    assert read(bytes.fromhex("818537fa213d7f9f4d5158"), text=True) == (b"Hello", None, None)
    assert read(bytes.fromhex("810548656c6c6f"), client=True, text=True) == (b"Hello", None, None)
    assert read(bytes.fromhex("010348656c80026c6f"), client=True, text=True) == (b"Hello", None, None)
    assert read(bytes.fromhex("827e0100") + bytes(256), client=True) == (bytes(256), None, None)
    assert read(bytes.fromhex("827f0000000000010000") + bytes(65536), client=True) == (bytes(65536), None, None)
    reader = FrameReader(client=False)
    assert reader.receive(bytes.fromhex("898537fa213d7f9f4d5158")) == []
    assert reader.ping == b"Hello"


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 125, 126, 127, 4095, 4096, 4099, 65535, 65536])
def test_masked_payload_of_every_length(size: int) -> None:
    data = bytes(place * 7 & 0xFF for place in range(size))
    assert read(client_frame(BINARY, data) * 2) == (data * 2, None, None)
    assert read(masked_frame(data)) == (data, None, None)
    assert read(binary_frame(data), client=True) == (data, None, None)
    assert binary_frame(data) == frame(BINARY, data)


@pytest.mark.parametrize("mask", [xor_mask, xor_in_python], ids=["the fastest", "in Python"])
@given(data=st.binary(max_size=9000), key=st.binary(min_size=4, max_size=4))
def test_masking_is_its_own_inverse(mask: Callable[[bytes, bytes], bytes], data: bytes, key: bytes) -> None:
    masked = mask(data, key)
    assert masked == bytes(byte ^ key[place & 3] for place, byte in enumerate(data))
    assert mask(masked, key) == data


def test_with_the_extra_masks_are_made_in_c() -> None:
    from websockets.speedups import apply_mask

    assert xor_mask is apply_mask


def test_each_frame_has_a_key_of_its_own() -> None:
    """§5.3, §10.3."""
    keys = {masked_frame(b"same")[2:6] for _ in range(64)}
    assert len(keys) > 60


WRONG = {
    "5.1 unmasked": frame(BINARY, b"x"),
    "5.1 unmasked ping": frame(PING),
    "5.2 RSV1 (compression was not negotiated)": client_frame(BINARY, b"x", rsv=4),
    "5.2 RSV2": client_frame(BINARY, b"x", rsv=2),
    "5.2 RSV3": client_frame(BINARY, b"x", rsv=1),
    "5.2 RSV1 on a control": client_frame(PING, rsv=4),
    **{f"5.2 opcode {opcode:#x}": client_frame(opcode) for opcode in (3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF)},
    "5.2 length in 16 bits where 7 do": client_frame(BINARY, b"x", form=16),
    "5.2 length in 64 bits where 16 do": client_frame(BINARY, b"x" * 300, form=64),
    "5.2 length above 2^63": client_frame(BINARY, b"", form=64, claim=1 << 63),
    "5.4 continuation of nothing": client_frame(CONTINUATION, b"x"),
    "5.4 last continuation twice": client_frame(BINARY, b"", fin=False)
    + client_frame(CONTINUATION)
    + client_frame(CONTINUATION),
    "5.4 message within a message": client_frame(BINARY, b"", fin=False) + client_frame(BINARY, b"x"),
    "5.4 first fragment within a message": client_frame(BINARY, b"", fin=False) + client_frame(BINARY, b"x", fin=False),
    "5.5 fragmented ping": client_frame(PING, fin=False),
    "5.5 fragmented close": client_frame(CLOSE, fin=False),
    "5.5 ping of 126 bytes": client_frame(PING, b"x" * 126),
    "5.5 close of 65536 bytes": client_frame(CLOSE, b"\x03\xe8" + b"x" * 65534),
    "5.5.1 close of one byte": client_frame(CLOSE, b"\x03"),
    **{
        f"7.4 code {code}": close(code)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
}


@pytest.mark.attack("C8")
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_ends_the_connection_with_1002(name: str) -> None:
    before, after = client_frame(BINARY, b"before"), client_frame(BINARY, b"after")
    payload, closed, fault = read(before + WRONG[name] + after)
    assert payload in (b"before", b"beforex")
    assert closed is None
    assert fault is not None
    assert fault.code == 1002


@pytest.mark.attack("C8")
@pytest.mark.parametrize("opcode", [BINARY, PING, CLOSE])
def test_a_client_refuses_masked_frames(opcode: int) -> None:
    """§5.1."""
    payload, closed, fault = read(client_frame(opcode), client=True)
    assert (payload, closed) == (b"", None)
    assert fault == Fault(1002, "masked frame")


def test_text_is_refused_unless_it_was_asked_for() -> None:
    """§7.4.1; MQTT 5.0 [MQTT-6.0.0-1]."""
    assert read(client_frame(TEXT, b"hi")) == (b"", None, Fault(1003, "text message"))
    assert read(client_frame(TEXT, b"h", fin=False)) == (b"", None, Fault(1003, "text message"))
    text = "Grüße, 🙂".encode()
    halves = client_frame(TEXT, text[:4], fin=False) + client_frame(CONTINUATION, text[4:])
    assert read(halves + client_frame(TEXT) + client_frame(BINARY, b"\xff"), text=True) == (text + b"\xff", None, None)


@pytest.mark.attack("C8")
@pytest.mark.parametrize("text", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\xc0\xaf"])
def test_text_that_is_not_utf8(text: bytes) -> None:
    """§8.1: 1007, in one frame and over two."""
    for data in (
        client_frame(TEXT, text),
        client_frame(TEXT, text, fin=False) + client_frame(CONTINUATION, b"", fin=True),
    ):
        reader = FrameReader(client=False, text=True)
        reader.receive(data)
        assert reader.fault == Fault(1007, "text that is not UTF-8")


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4999])
def test_codes_that_may_be_sent(code: int) -> None:
    """§7.4."""
    data = client_frame(BINARY, b"last") + close(code, "grüß Gott".encode()) + client_frame(BINARY, b"never")
    assert read(data) == (b"last", Close(code, "grüß Gott"), None)


def test_a_close_without_a_code() -> None:
    """§7.1.5."""
    assert read(close(None)) == (b"", Close(1005, ""), None)


@pytest.mark.attack("C8")
def test_a_close_with_a_reason_that_is_not_utf8() -> None:
    """§5.5.1, §8.1."""
    _, closed, fault = read(close(1000, b"\xff"))
    assert closed is None
    assert fault is not None
    assert fault.code == 1007


@pytest.mark.attack("C8")
@pytest.mark.attack("C4")
def test_a_claim_of_2_to_the_63_allocates_nothing() -> None:
    reader = FrameReader(client=False)
    head = frame(BINARY, b"", mask=MASK, form=64, claim=(1 << 63) - 1)
    tracemalloc.start()
    try:
        got = reader.receive(head)
        for _ in range(100):
            got += reader.receive(bytes(1000))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert len(b"".join(got)) == 100_000
    assert reader.buffered == 0
    assert not reader.ended


@pytest.mark.attack("C8")
def test_fragments_without_end_keep_nothing() -> None:
    reader = FrameReader(client=False)
    assert reader.receive(client_frame(BINARY, b"x", fin=False)) == [b"x"]
    for _ in range(1000):
        assert reader.receive(client_frame(CONTINUATION, b"y", fin=False)) == [b"y"]
        assert reader.buffered == 0


@pytest.mark.attack("C8")
def test_frames_without_data_are_counted() -> None:
    reader = FrameReader(client=False)
    reader.receive(client_frame(PING, b"1") * 10 + client_frame(PONG) * 5 + client_frame(BINARY) * 3)
    assert reader.noise == 18
    reader.receive(client_frame(BINARY, b"data") * 10)
    assert reader.noise == 18


def test_the_last_ping_is_the_one_to_answer() -> None:
    """§5.5.3."""
    reader = FrameReader(client=False)
    reader.receive(client_frame(PING, b"one") + client_frame(BINARY, b"x") + client_frame(PING, b"two"))
    assert reader.ping == b"two"


@pytest.mark.attack("C8")
def test_a_length_inside_a_frame_that_is_larger_than_the_frame() -> None:
    """The class of CVE-2026-25627: an MQTT packet that claims more than its frame holds is just not complete yet."""
    packet = b"\x30\xff\xff\xff\x7f" + b"\0\x01t" + b"payload"
    assert read(client_frame(BINARY, packet[:4]) + client_frame(BINARY, packet[4:])) == (packet, None, None)


def test_controls_that_are_sent() -> None:
    assert ping_frame(b"?", client=False) == frame(PING, b"?")
    assert pong_frame(b"!" * 125, client=False) == frame(PONG, b"!" * 125)
    assert close_frame(1005, client=False) == frame(CLOSE)
    assert close_frame(1001, "bye", client=False) == frame(CLOSE, b"\x03\xe9bye")
    assert len(close_frame(1002, "ä" * 200, client=False)) <= 127
    masked = pong_frame(b"!!", client=True)
    assert masked[1] & 0x80
    assert xor_mask(masked[6:], masked[2:6]) == b"!!"
    assert read(close_frame(1000, client=True)) == (b"", Close(1000, ""), None)
