"""The decoder: framing, bounds, cuts, the end, and what each role takes."""

from __future__ import annotations

import gc
import time
import tracemalloc

import pytest
from tests.pgwire.capture import read
from tests.pgwire.codec.wire import STARTUP, decode, malformed, raw, run, startup

from socketworkers_pgwire import codec as c

FRONTEND = b"BCDEFHPQSXcdf"
BACKEND = b"123ACDEGHIKNRSTVWZcdnstv"


@pytest.mark.parametrize("role", ["backend", "frontend"])
def test_types_that_each_side_may_send(role: c.Role) -> None:
    allowed = FRONTEND if role == "backend" else BACKEND
    for first in range(256):
        decoder = c.Decoder(role=role)
        if role == "backend":
            decoder.open()
        assert decoder.receive(bytes((first,))) == []
        assert (decoder.fault is None) == (first in allowed), first
        if decoder.fault is not None:
            other = "frontend" if role == "backend" else "backend"
            assert decoder.fault.message == f"invalid {other} message type {first}"
            assert decoder.fault.sqlstate == "08P01"


@pytest.mark.attack("P2")
@pytest.mark.parametrize("length", [0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC])
@pytest.mark.parametrize("first", [bytes((each,)) for each in FRONTEND])
def test_lengths_that_no_message_has_P2(first: bytes, length: int) -> None:
    data = c.SYNC + first + length.to_bytes(4)
    assert decode(data + b"\0" * 40) == ([("Sync", c.Sync())], "08P01", "invalid message length")
    decoder = c.Decoder()
    decoder.open()
    decoder.receive(data)
    assert decoder.fault is not None, "known before anything of it came"
    assert decoder.buffered == 0


@pytest.mark.attack("P2")
def test_a_length_that_wraps_never_makes_messages_of_content_CVE_2024_27304() -> None:
    inside = c.encode_query(b"DROP TABLE t")
    data = c.encode_bind(b"", b"", [inside * 3])
    assert [name for name, _ in decode(data)[0]] == ["Bind"]
    short = data[:1] + (len(data) - 1 - 2 * len(inside)).to_bytes(4) + data[5:]
    messages, sqlstate, _ = decode(short)
    assert messages[0][0] == "Malformed"
    assert sqlstate == "" or not any(name == "Query" for name, _ in messages[:1])


@pytest.mark.parametrize("first", [bytes((each,)) for each in b"CDEHSXcf"])
def test_messages_without_data_are_small(first: bytes) -> None:
    assert decode(raw(first, b"", length=c.MAX_SMALL + 1))[1:] == ("08P01", "invalid message length")
    assert decode(raw(first, b"x" * (c.MAX_SMALL - 4)))[1] == ""


def test_messages_with_data_are_as_large_as_allowed() -> None:
    for write in (c.encode_query, c.encode_copy_data):
        size = 20_000
        data = write(b"x" * size)
        limit = int.from_bytes(data[1:5])
        assert decode(data, max_message=limit)[1] == ""
        assert run([data], max_message=limit - 1)[1:] == ("08P01", "invalid message length")


@pytest.mark.attack("P1")
@pytest.mark.parametrize("length", [0, 1, 4, 7, 10_005, 1 << 16, 1 << 24, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_lengths_of_startup_packets_P1(length: int) -> None:
    data = length.to_bytes(4)
    for more in (b"", b"\0\3\0\0user\0u\0\0"):
        messages, sqlstate, message = decode(data + more, opened=False)
        assert (messages, sqlstate, message) == ([], "08P01", "invalid length of startup packet")
    decoder = c.Decoder()
    decoder.receive(data)
    assert decoder.fault is not None
    assert decoder.fault.silent


def test_the_longest_startup_packet() -> None:
    name = b"x" * (10_000 - 4 - 2 - 1)
    data = startup(3 << 16, name, b"\0v"[:1], b"\0", b"\0")
    assert len(data) == 10_004
    assert decode(data, opened=False)[1] == ""


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.1\r\n", b"EHLO x\r\n", b"\x16\x03\x01\x02\0\x01", b"\x10\x0e\0\x04MQTT"]
)
def test_other_protocols_are_known_at_once_C3(line: bytes) -> None:
    decoder = c.Decoder()
    decoder.receive(line[:2])
    assert decoder.fault is not None
    assert decoder.fault.silent
    assert decoder.buffered == 0


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (startup(3 << 16), "invalid startup packet layout: expected terminator as last byte"),
        (startup(3 << 16, b"user\0u\0"), "invalid startup packet layout: expected terminator as last byte"),
        (startup(3 << 16, b"user\0u\0\0x"), "invalid startup packet layout: expected terminator as last byte"),
        (startup(3 << 16, b"\0\0"), "invalid startup packet layout: expected terminator as last byte"),
        (startup(3 << 16, b"user\0u"), "invalid string in message"),
        (startup(3 << 16, b"user"), "invalid string in message"),
        (startup(80877103, b"x"), "invalid message format"),
        (startup(80877104, b"x"), "invalid message format"),
        (startup(80877102), "insufficient data left in message"),
        (startup(80877102, b"\0\0\0\1abc"), "invalid length of cancel key"),
        (startup(80877102, b"\0\0\0\1", b"k" * 257), "invalid length of cancel key"),
    ],
)
def test_malformed_startup_packets(packet: bytes, message: str) -> None:
    assert decode(packet, opened=False) == ([], "08P01", message)


def test_parameters_of_another_major_version_are_not_read() -> None:
    for version in (2 << 16, 4 << 16, 0xFFFFFFFF, 0):
        assert decode(startup(version, b"whatever"), opened=False)[0] == [
            ("StartupMessage", c.StartupMessage(version, {}))
        ]


def test_equal_names_of_parameters() -> None:
    (found,) = decode(startup(3 << 16, b"a\0b\0a\0c\0\0"), opened=False)[0]
    assert found[1] == c.StartupMessage(3 << 16, {b"a": b"c"})


def test_before_the_login_a_message_at_a_time() -> None:
    decoder = c.Decoder(max_message=1 << 20)
    stream = c.SSL_REQUEST + c.GSSENC_REQUEST + STARTUP + c.encode_password(b"x") + c.encode_query(b"y" * 20_000)
    assert decoder.receive(stream) == [c.SSLRequest()]
    assert decoder.buffered == len(stream) - 8
    assert decoder.receive(b"") == []
    assert decoder.resume() == [c.GSSENCRequest()]
    assert decoder.resume() == [c.StartupMessage(3 << 16, {b"user": b"u"})]
    assert decoder.resume() == [c.PasswordMessage(b"x\0")]
    assert not decoder.opened
    decoder.open()
    assert decoder.opened
    assert decoder.resume() == [c.Query(b"y" * 20_000)]
    assert decoder.buffered == 0
    assert decoder.resume() == []


@pytest.mark.parametrize("first", [bytes((each,)) for each in FRONTEND] + [b"!", b"R"])
def test_only_a_password_is_expected_before_the_login(first: bytes) -> None:
    messages, sqlstate, message = decode(STARTUP + raw(first, b"x\0"), opened=False)
    assert len(messages) == 1
    assert (sqlstate, message) == ("08P01", f"expected password response, got message type {first[0]}")


@pytest.mark.attack("C4")
def test_a_password_is_small_C4() -> None:
    assert decode(STARTUP + raw(b"p", b"x" * (c.MAX_BEFORE_LOGIN - 4)), opened=False)[1] == ""
    for length in (0, 3, c.MAX_BEFORE_LOGIN + 1, 0xFFFFFFFF):
        outcome = decode(STARTUP + raw(b"p", b"", length=length), opened=False)
        assert outcome[1:] == ("08P01", "invalid message length")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (raw(b"Q", b""), "invalid string in message"),
        (raw(b"Q", b"SELECT 1"), "invalid string in message"),
        (raw(b"Q", b"SELECT\0 1\0"), "invalid message format"),
        (raw(b"P", b"a\0b"), "invalid string in message"),
        (raw(b"P", b"a\0b\0"), "insufficient data left in message"),
        (raw(b"P", b"a\0b\0\0"), "insufficient data left in message"),
        (raw(b"P", b"a\0b\0\xff\xff"), "insufficient data left in message"),
        (raw(b"P", b"a\0b\0\0\0x"), "invalid message format"),
        (raw(b"B", b""), "invalid string in message"),
        (raw(b"B", b"a\0b"), "invalid string in message"),
        (raw(b"B", b"a\0b\0"), "insufficient data left in message"),
        (raw(b"B", b"a\0b\0\0\1"), "insufficient data left in message"),
        (raw(b"B", b"a\0b\0\0\0"), "insufficient data left in message"),
        (raw(b"B", b"a\0b\0\0\0\0\1"), "insufficient data left in message"),
        (raw(b"B", b"a\0b\0\0\0\0\1\0\0\0"), "insufficient data left in message"),
        (raw(b"B", b"a\0b\0\0\0\0\1\0\0\0\5abcd"), "insufficient data left in message"),
        (raw(b"B", b"a\0b\0\0\0\0\1\xff\xff\xff\xfe\0\0"), "insufficient data left in message"),
        (raw(b"B", b"a\0b\0\0\0\0\1\x80\0\0\0\0\0"), "insufficient data left in message"),
        (raw(b"B", b"a\0b\0\0\0\xff\xff"), "insufficient data left in message"),
        (raw(b"B", b"a\0b\0\xff\xff\0\0\0\0"), "insufficient data left in message"),
        (raw(b"B", b"a\0b\0\0\0\0\0"), "insufficient data left in message"),
        (raw(b"B", b"a\0b\0\0\0\0\0\0\1"), "insufficient data left in message"),
        (raw(b"B", b"a\0b\0\0\0\0\0\0\0x"), "invalid message format"),
        (raw(b"D", b""), "no data left in message"),
        (raw(b"D", b"S"), "invalid string in message"),
        (raw(b"D", b"Sx"), "invalid string in message"),
        (raw(b"D", b"Xx\0"), "invalid DESCRIBE message subtype 88"),
        (raw(b"D", b"Sa\0b\0"), "invalid message format"),
        (raw(b"C", b"\0\0"), "invalid CLOSE message subtype 0"),
        (raw(b"E", b"a"), "invalid string in message"),
        (raw(b"E", b"a\0\0\0\0"), "insufficient data left in message"),
        (raw(b"E", b"a\0\0\0\0\0\0"), "invalid message format"),
        (raw(b"S", b"x"), "invalid message format"),
        (raw(b"H", b"\0"), "invalid message format"),
        (raw(b"f", b"x"), "invalid string in message"),
        (raw(b"f", b"x\0y\0"), "invalid message format"),
        (raw(b"F", b"\0\0\0"), "insufficient data left in message"),
        (raw(b"F", b"\0\0\0\1\0\0\0\1\xff\xff\xff\xfe\0\0"), "insufficient data left in message"),
        (raw(b"F", b"\0\0\0\1\0\0\0\0"), "insufficient data left in message"),
        (raw(b"F", b"\0\0\0\1\0\0\0\0\0\0x"), "invalid message format"),
    ],
)
@pytest.mark.attack("P2")
def test_malformed_messages_of_clients(data: bytes, message: str) -> None:
    """NUL within a string is 08P01, too: what is behind it is more than the message has."""
    assert malformed(data) == ("08P01", message)


def test_malformed_messages_behind_a_run_and_within_copy_data() -> None:
    bind = c.encode_bind(b"", b"s") + c.encode_describe(b"P") + c.encode_execute() + c.SYNC
    broken = bind[:-2] + b"\0\x05x"
    names = [name for name, _ in decode(broken)[0]]
    assert names == ["Bind", "Describe", "Execute", "Malformed"]
    copies = c.encode_copy_data(b"a") * 3
    assert decode(copies + b"d\0\0\0\3") == ([("CopyData", c.CopyData(b"aaa"))], "08P01", "invalid message length")


def test_messages_whose_content_is_never_looked_at() -> None:
    assert [name for name, _ in decode(raw(b"c", b"x") + raw(b"X", b"y"))[0]] == ["CopyDone", "Terminate"]


@pytest.mark.parametrize(
    "data",
    [
        raw(b"R", b"\0\0\0"),
        raw(b"R", b"\0\0\0\x63"),
        raw(b"R", b"\0\0\0\0x"),
        raw(b"R", b"\0\0\0\5sal"),
        raw(b"R", b"\0\0\0\x0aX\0"),
        raw(b"R", b"\0\0\0\x0aX\0\0y"),
        raw(b"K", b"\0\0\0\1abc"),
        raw(b"S", b"a\0b"),
        raw(b"Z", b"X"),
        raw(b"Z", b""),
        raw(b"Z", b"II"),
        raw(b"T", b"\0\1a\0\0"),
        raw(b"D", b"\0\1\xff\xff\xff\xfe"),
        raw(b"D", b"\0\2\xff\xff\xff\xff"),
        raw(b"D", b"\0\0x"),
        raw(b"C", b"SELECT 1"),
        raw(b"G", b""),
        raw(b"G", b"\2\0\0"),
        raw(b"H", b"\0\0\1"),
        raw(b"E", b"SERROR\0"),
        raw(b"E", b"SERROR\0\0"),
        raw(b"E", b"SERROR\0C42601\0Mx\0Pabc\0\0"),
        raw(b"E", b"SERROR\0C42601\0Mx\0\0y"),
        raw(b"N", b"Mx"),
        raw(b"v", b"\0\3\0\0\xff\xff\xff\xff"),
        raw(b"V", b"\0\0\0\5x"),
        raw(b"t", b"\0\1\0\0"),
        raw(b"A", b"\0\0\0\1c\0"),
        raw(b"1", b"x"),
        raw(b"s", length=3),
    ],
)
def test_a_server_that_breaks_the_protocol_is_not_listened_to(data: bytes) -> None:
    good = c.READY["I"]
    messages, sqlstate, message = decode(good + data + good, role="frontend")
    assert messages == [("ReadyForQuery", c.ReadyForQuery(b"I"))]
    assert sqlstate == "08P01"
    assert message


@pytest.mark.parametrize("answer", [b"S", b"N", b"G"])
def test_the_answer_to_a_request_for_encryption_CVE_2021_23222(answer: bytes) -> None:
    decoder = c.Decoder(role="frontend", negotiating=True)
    assert decoder.receive(answer + c.READY["I"]) == [c.NegotiationAnswer(answer)]
    assert decoder.buffered == 6, "injected, if this was S"
    assert decoder.resume() == [c.ReadyForQuery(b"I")]


def test_other_answers_to_a_request_for_encryption() -> None:
    decoder = c.Decoder(role="frontend", negotiating=True)
    error = c.encode_report(c.Report(sqlstate="0A000", message="x"))
    assert [type(each) for each in decoder.receive(error)] == [c.ErrorResponse]
    decoder = c.Decoder(role="frontend", negotiating=True)
    assert decoder.receive(b"x") == []
    assert decoder.fault is not None


def test_the_end_within_a_message() -> None:
    for whole, opened in ((c.encode_query(b"SELECT 1"), True), (STARTUP, False)):
        for place in range(1, len(whole)):
            messages, sqlstate, message = decode(whole[:place], opened=opened)
            assert (messages, sqlstate, message) == ([], "08006", "the connection ended within a message")
        assert decode(b"", opened=opened) == ([], "", "")


@pytest.mark.attack("C4")
def test_nothing_is_kept_of_what_is_only_announced_C4() -> None:
    gc.collect()
    tracemalloc.start()
    try:
        decoders = [c.Decoder(max_message=1 << 30) for _ in range(100)]
        for decoder in decoders:
            decoder.open()
        before = tracemalloc.get_traced_memory()[0]
        for decoder in decoders:
            decoder.receive(b"Q\x3f\xff\xff\xffSEL")
            assert decoder.buffered == 8
            assert decoder.fault is None
        assert tracemalloc.get_traced_memory()[0] - before < 100 * 300
    finally:
        tracemalloc.stop()


def test_many_small_pieces_of_a_large_message_are_joined_once() -> None:
    size = 4_000_000
    data = c.encode_query(b"x" * size)
    decoder = c.Decoder(max_message=1 << 23)
    decoder.open()
    started = time.thread_time()
    for start in range(0, len(data) - 40, 40):
        assert decoder.receive(data[start : start + 40]) == []
    spent = time.thread_time() - started
    assert decoder.receive(data[decoder.buffered :] + b"S") == [c.Query(b"x" * size)]
    assert decoder.buffered == 1
    assert spent < 5, "100,000 pieces took far longer than their number"


def test_a_pipeline_of_many_messages_in_one_chunk() -> None:
    one = c.encode_bind(b"", b"s", [b"1"]) + c.encode_describe(b"P") + c.encode_execute()
    decoder = c.Decoder()
    decoder.open()
    messages = decoder.receive(one * 5_000 + c.SYNC)
    assert len(messages) == 15_001
    assert messages[:3] == [c.Bind(b"", b"s", (), [b"1"], ()), c.Describe(b"P", b""), c.Execute(b"", 0)]


def test_an_idle_decoder_is_small() -> None:
    decoder = c.Decoder()
    decoder.open()
    decoder.receive(c.SYNC)
    assert not hasattr(decoder, "__dict__")
    assert decoder.__sizeof__() <= 120


@pytest.mark.catalogue("F3")
def test_all_that_was_captured_of_postgresql_is_read_and_written_the_same() -> None:
    from tests.pgwire.codec.strategies import encode

    for name, (sent, answered) in read().items():
        if name.startswith("startup"):
            continue
        messages, sqlstate, message = decode(answered, role="frontend")
        assert not sqlstate, (name, message)
        assert b"".join([encode(each) for _, each in messages]) == answered, name
        messages, _, _ = run([sent])
        assert messages or name.startswith("malformed")
