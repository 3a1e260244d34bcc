"""Every message there and back, golden bytes of the format page, and what no message can hold."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from tests.pgwire.codec.strategies import BACKEND, FRONTEND, STARTUP_PACKETS, encode
from tests.pgwire.codec.wire import decode, decode_one, run

from socketworkers_pgwire import codec as c

EXAMPLES = settings(max_examples=300, deadline=None)


@EXAMPLES
@given(FRONTEND)
def test_frontend_messages_there_and_back(message: object) -> None:
    data = encode(message)
    assert run([data]) == ([(type(message).__name__, message)], "", "")
    assert run([data[:3], data[3:]]) == run([data])


@EXAMPLES
@given(BACKEND)
def test_backend_messages_there_and_back(message: object) -> None:
    data = encode(message)
    assert run([data], role="frontend") == ([(type(message).__name__, message)], "", "")
    assert run([data[:3], data[3:]], role="frontend") == run([data], role="frontend")


@EXAMPLES
@given(STARTUP_PACKETS)
def test_startup_packets_there_and_back(packet: object) -> None:
    data = encode(packet)
    assert run([data], opened=False) == ([(type(packet).__name__, packet)], "", "")


GOLDEN: list[tuple[bytes, object]] = [
    (b"Q\0\0\0\rSELECT 1\0", c.Query(b"SELECT 1")),
    (b"P\0\0\0\x16s\0SELECT $1\0\0\1\0\0\0\x17", c.Parse(b"s", b"SELECT $1", (23,))),
    (b"P\0\0\0\x10\0SELECT 1\0\0\0", c.Parse(b"", b"SELECT 1", ())),
    (
        b"B\0\0\0\x1dp\0s\0\0\1\0\1\0\2\0\0\0\x03abc\xff\xff\xff\xff\0\1\0\0",
        c.Bind(b"p", b"s", (1,), [b"abc", None], (0,)),
    ),
    (b"D\0\0\0\x07Ss\0", c.Describe(b"S", b"s")),
    (b"C\0\0\0\x06P\0", c.Close(b"P", b"")),
    (b"E\0\0\0\x0ap\0\0\0\0\x07", c.Execute(b"p", 7)),
    (b"S\0\0\0\x04", c.Sync()),
    (b"H\0\0\0\x04", c.Flush()),
    (b"X\0\0\0\x04", c.Terminate()),
    (b"d\0\0\0\x06ab", c.CopyData(b"ab")),
    (b"c\0\0\0\x04", c.CopyDone()),
    (b"f\0\0\0\x07no\0", c.CopyFail(b"no")),
    (
        b"F\0\0\0\x16\0\0\0\xb1\0\1\0\1\0\1\0\0\0\2\0\7\0\1",
        c.FunctionCall(177, (1,), (b"\0\7",), 1),
    ),
]
GOLDEN_BACKEND: list[tuple[bytes, object]] = [
    (b"R\0\0\0\x08\0\0\0\0", c.AuthenticationOk()),
    (b"R\0\0\0\x08\0\0\0\3", c.AuthenticationCleartextPassword()),
    (b"R\0\0\0\x0c\0\0\0\5salt", c.AuthenticationMD5Password(b"salt")),
    (b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0", c.AuthenticationSASL((b"SCRAM-SHA-256",))),
    (b"R\0\0\0\x0b\0\0\0\x0br=x", c.AuthenticationSASLContinue(b"r=x")),
    (b"R\0\0\0\x0b\0\0\0\x0cv=x", c.AuthenticationSASLFinal(b"v=x")),
    (b"K\0\0\0\x0c\0\0\0\7abcd", c.BackendKeyData(7, b"abcd")),
    (b"S\0\0\0\x08a\0b\0", c.ParameterStatus(b"a", b"b")),
    (b"Z\0\0\0\5T", c.ReadyForQuery(b"T")),
    (b"C\0\0\0\x0dSELECT 1\0", c.CommandComplete(b"SELECT 1")),
    (
        b"T\0\0\0\x1a\0\1a\0\0\0\0\1\0\2\0\0\0\x17\0\4\xff\xff\xff\xff\0\1",
        c.RowDescription((c.FieldDescription(b"a", 23, 4, -1, 1, 2, 1),)),
    ),
    (b"D\0\0\0\x0f\0\2\0\0\0\1x\xff\xff\xff\xff", c.DataRow([b"x", None])),
    (b"D\0\0\0\6\0\0", c.DataRow([])),
    (b"I\0\0\0\4", c.EmptyQueryResponse()),
    (b"1\0\0\0\4", c.ParseComplete()),
    (b"2\0\0\0\4", c.BindComplete()),
    (b"3\0\0\0\4", c.CloseComplete()),
    (b"n\0\0\0\4", c.NoData()),
    (b"s\0\0\0\4", c.PortalSuspended()),
    (b"t\0\0\0\x0a\0\1\0\0\0\x17", c.ParameterDescription((23,))),
    (b"G\0\0\0\x09\1\0\1\0\1", c.CopyInResponse(1, (1,))),
    (b"H\0\0\0\x07\0\0\0", c.CopyOutResponse(0, ())),
    (b"W\0\0\0\x07\0\0\0", c.CopyBothResponse(0, ())),
    (b"A\0\0\0\x0c\0\0\0\7c\0p\0", c.NotificationResponse(7, b"c", b"p")),
    (b"V\0\0\0\x08\xff\xff\xff\xff", c.FunctionCallResponse(None)),
    (
        b"E\0\0\0\x1dSERROR\0VERROR\0C42601\0Mx\0\0",
        c.ErrorResponse(c.Report(sqlstate="42601", message="x")),
    ),
]


@pytest.mark.parametrize(("data", "message"), GOLDEN, ids=lambda each: type(each).__name__)
def test_bytes_of_frontend_messages(data: bytes, message: object) -> None:
    assert encode(message) == data
    one = decode_one(data)
    assert (type(one), one) == (type(message), message)


@pytest.mark.parametrize(("data", "message"), GOLDEN_BACKEND, ids=lambda each: type(each).__name__)
def test_bytes_of_backend_messages(data: bytes, message: object) -> None:
    assert encode(message) == data
    one = decode_one(data, role="frontend")
    assert (type(one), one) == (type(message), message)


def test_bytes_of_startup_packets() -> None:
    assert c.SSL_REQUEST == b"\0\0\0\x08\x04\xd2\x16\x2f"
    assert c.GSSENC_REQUEST == b"\0\0\0\x08\x04\xd2\x16\x30"
    assert c.encode_cancel_request(7, b"abcd") == b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\7abcd"
    assert c.encode_startup({b"user": b"u"}) == b"\0\0\0\x10\0\3\0\0user\0u\0\0"
    assert c.version_text(c.PROTOCOL_3_2) == "3.2"


def test_the_version_of_negotiation_is_major_and_minor() -> None:
    data = c.encode_negotiate_protocol_version(c.PROTOCOL_3_2, [b"_pq_.x"])
    assert data == b"v\0\0\0\x13\0\3\0\2\0\0\0\1_pq_.x\0"
    assert decode_one(data, role="frontend") == c.NegotiateProtocolVersion(c.PROTOCOL_3_2, (b"_pq_.x",))


@pytest.mark.parametrize(
    "write",
    [
        lambda: c.encode_query(b"a\0b"),
        lambda: c.encode_parse(b"a\0", b""),
        lambda: c.encode_bind(b"", b"\0"),
        lambda: c.encode_startup({b"": b"x"}),
        lambda: c.encode_startup({b"a": b"\0"}),
        lambda: c.encode_cancel_request(1, b"abc"),
        lambda: c.encode_cancel_request(1, b"a" * 257),
        lambda: c.encode_backend_key_data(1, b""),
        lambda: c.encode_row_description([c.FieldDescription(b"a", 1)], [0, 1]),
        lambda: c.encode_bind(b"", b"", [None] * 65_536),
        lambda: c.encode_columns([]),
        lambda: c.encode_columns([[b"a"], []]),
        lambda: c.encode_rows([(b"a",), (b"a", b"b")]),
    ],
)
def test_what_no_message_can_hold(write: Callable[[], bytes]) -> None:
    with pytest.raises((ValueError, OverflowError)):
        write()


def test_a_report_says_its_severity_twice_and_ends_texts_at_a_zero_byte() -> None:
    data = c.encode_report(c.Report(severity="FATAL", sqlstate="28000", message="a\0b", line=3), notice=True)
    assert data == b"N\0\0\0\x20SFATAL\0VFATAL\0C28000\0Ma\0L3\0\0"
    assert c.encode_report(c.Report(sqlstate="28000", message="é€"), encoding="latin-1").count(b"\xe9?") == 1


def test_unknown_fields_of_a_report_are_skipped() -> None:
    body = b"SFEHLER\0VERROR\0C42601\0Mx\0Zfuture\0P7\0\0"
    one = decode_one(b"E" + (len(body) + 4).to_bytes(4) + body, role="frontend")
    assert one == c.ErrorResponse(c.Report(sqlstate="42601", message="x", position=7))


def test_rows_and_columns_say_the_same() -> None:
    rows = [(b"%d" % each, None if each % 3 else b"x" * each, b"") for each in range(3000)]
    data = c.encode_rows(rows)
    assert data == c.encode_columns(list(zip(*rows, strict=True))) == b"".join([c.encode_rows([row]) for row in rows])
    messages, sqlstate, _ = run([data], role="frontend")
    assert not sqlstate
    assert [message for _, message in messages] == [c.DataRow(list(row)) for row in rows]
    assert c.encode_rows([]) == b""
    assert c.encode_rows([(), ()]) == c.encode_rows([()]) * 2 == b"D\0\0\0\6\0\0" * 2
    assert c.encode_rows(iter(rows)) == data
    assert c.encode_columns([[b"a", None]]) == c.encode_rows([(b"a",), (None,)])


def test_formats_of_a_row_description() -> None:
    fields = [c.FieldDescription(b"a", 23, format=1), c.FieldDescription(b"b", 25)]
    for formats, expected in ((None, [1, 0]), ((), [0, 0]), ((1,), [1, 1]), ((0, 1), [0, 1])):
        one = decode_one(c.encode_row_description(fields, formats), role="frontend")
        assert isinstance(one, c.RowDescription)
        assert [each.format for each in one.fields] == expected


def test_copy_data_of_rows() -> None:
    data = c.encode_copy_data_rows([b"a\n", b"", b"c\n"])
    assert data == b"".join([c.encode_copy_data(row) for row in (b"a\n", b"", b"c\n")])
    assert [message for _, message in decode(data, role="frontend")[0]] == [
        c.CopyData(b"a\n"), c.CopyData(b""), c.CopyData(b"c\n"),
    ]  # fmt: skip
    assert decode(data)[0] == [("CopyData", c.CopyData(b"a\nc\n"))]


def test_password_messages() -> None:
    for data, expected in (
        (c.encode_password(b"x"), b"x"),
        (c.encode_sasl_initial_response(b"M", b"r"), c.SASLInitialResponse(b"M", b"r")),
        (c.encode_sasl_initial_response(b"M"), c.SASLInitialResponse(b"M", None)),
    ):
        decoder = c.Decoder()
        (_,) = decoder.receive(c.encode_startup({b"user": b"u"}) + data)
        (message,) = decoder.resume()
        assert isinstance(message, c.PasswordMessage)
        assert data not in repr(message).encode()
        if isinstance(expected, bytes):
            assert c.decode_password(message.data) == expected
        else:
            assert c.decode_sasl_initial_response(message.data) == expected
    for wrong in (b"x", b"x\0y", b""):
        with pytest.raises(c.MalformedMessage):
            c.decode_password(wrong)
    for wrong in (b"M", b"M\0", b"M\0\0\0\0\2x", b"M\0\xff\xff\xff\xfe", b"M\0\0\0\0\1xy"):
        with pytest.raises(c.MalformedMessage):
            c.decode_sasl_initial_response(wrong)
