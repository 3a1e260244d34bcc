"""The parts of a session by themselves: table, cancel keys, options, encodings, names, public surface."""

from __future__ import annotations

import pytest
from tests.pgwire.session.tiny import TinyEngine
from tests.pgwire.session.world import engine_is_whole

from socketworkers_pgwire import codec, session
from socketworkers_pgwire.session import (
    ALLOWED,
    ROWS,
    CancelKeys,
    Names,
    Portal,
    SessionConfig,
    SqlError,
    State,
    decode_text,
    find_encoding,
    key_size,
    perform,
)
from socketworkers_pgwire.session.options import parse_options
from socketworkers_pgwire.session.table import refusal

ENCODINGS = """
LATIN10 KOI8U WIN866 WIN874 BIG5 EUC_CN EUC_JP EUC_KR GB18030 GBK JOHAB SJIS UHC ISO_8859_8 SQL_ASCII
"""
CODEC = """
AUTHENTICATION_CLEARTEXT_PASSWORD AUTHENTICATION_OK Authentication AuthenticationCleartextPassword AuthenticationGSS
AuthenticationGSSContinue AuthenticationMD5Password AuthenticationOk AuthenticationSASL AuthenticationSASLContinue
AuthenticationSASLFinal AuthenticationSSPI BIND_COMPLETE BackendKeyData BackendType Bind BindComplete CLOSE_COMPLETE
COPY_DONE CancelRequest Close CloseComplete CommandComplete CopyBothResponse CopyData CopyDone CopyFail CopyInResponse
CopyOutResponse CopyResponse DESCRIBE_UNNAMED DataRow Decoder Describe EMPTY_QUERY_RESPONSE EXECUTE_UNNAMED
EmptyQueryResponse ErrorResponse Execute FLUSH FieldDescription Flush FrontendType FunctionCall FunctionCallResponse
GSSENCRequest GSSENC_REQUEST MAX_BEFORE_LOGIN MAX_CANCEL_KEY MAX_SMALL MAX_STARTUP MIN_CANCEL_KEY Malformed
MalformedMessage Message NO_DATA NegotiateProtocolVersion NegotiationAnswer NoData NoticeResponse NotificationResponse
PARSE_COMPLETE PORTAL_SUSPENDED PROTOCOL_3_0 PROTOCOL_3_2 ParameterDescription ParameterStatus Parse ParseComplete
PasswordMessage PortalSuspended Query READY ReadyForQuery Report Role RowDescription SASLInitialResponse SSLRequest
SSL_REQUEST SYNC SYNCHRONIZE StartupMessage StartupPacket Sync TERMINATE Terminate decode_password
decode_sasl_initial_response encode_authentication encode_authentication_sasl encode_authentication_sasl_continue
encode_authentication_sasl_final encode_backend_key_data encode_bind encode_cancel_request encode_close encode_columns
encode_command_complete encode_copy_data encode_copy_data_rows encode_copy_fail encode_copy_response encode_describe
encode_execute encode_function_call encode_function_call_response encode_negotiate_protocol_version
encode_notification encode_packed encode_parameter_description encode_parameter_status encode_parse encode_password
encode_query encode_report encode_response encode_row encode_row_description encode_rows encode_sasl_initial_response
encode_startup version_text
"""
SESSION = """
ALLOWED ALPN Answer AuthFailed Authenticate Authenticated Block BlockState CallFunction Cancel CancelKeys Close
Control ControlKind CopyEnd CopyIn CopyOut CopyPut Done Engine Event Failure Fetch FunctionResult Hole Interrupt Method
Names Open Opened ParseQuery Parsed Policy Portal Portion Prepare Prepared PreparedStatement ROWS Ran Release Repeat
Repeated Request SERVER_ENCODING Session SessionConfig SessionView SqlError StartTls Startup State Statement TRUST_ALL
Tally Timeout Timeouts Transact TransactKind TrustAll decode_text encode_text error fatal find_encoding key_size
perform
"""


def test_the_table_has_every_message_of_a_client_and_names_its_section() -> None:
    messages = {message for message, _, _, _ in ROWS}
    for message in (
        codec.StartupMessage,
        codec.SSLRequest,
        codec.GSSENCRequest,
        codec.CancelRequest,
        codec.PasswordMessage,
        codec.Query,
        codec.Parse,
        codec.Bind,
        codec.Describe,
        codec.Execute,
        codec.Close,
        codec.Flush,
        codec.Sync,
        codec.CopyData,
        codec.CopyDone,
        codec.CopyFail,
        codec.FunctionCall,
        codec.Terminate,
        codec.Malformed,
    ):
        assert message in messages
    for each, states, action, section in ROWS:
        assert states
        assert section
        for state in states:
            assert ALLOWED[state][each] == action
    pairs = [(message, state) for message, states, _, _ in ROWS for state in states]
    assert len(pairs) == len(set(pairs)), "no pair has two answers"


def test_in_the_states_that_wait_for_a_worker_nothing_is_allowed() -> None:
    for state in (State.TLS, State.STARTING, State.CLOSED):
        assert ALLOWED[state] == {}


@pytest.mark.parametrize("state", [State.STARTUP, State.LOGIN, State.READY])
def test_refusals_end_the_session(state: State) -> None:
    (report,) = refusal(state, codec.SSLRequest())
    assert (report.severity, report.sqlstate) == ("FATAL", "08P01")


def test_names_are_those_on_the_list() -> None:
    for module, names in ((codec, CODEC), (session, SESSION)):
        assert sorted(module.__all__) == names.split()
        for name in module.__all__:
            assert getattr(module, name) is not None


def test_the_tiny_engine_is_an_engine() -> None:
    engine = engine_is_whole(TinyEngine())
    answer = perform(engine, session.Prepare("SELECT nosuch", ()))
    assert isinstance(answer, session.Failure)
    assert answer.report.position == 8


def test_cancel_keys() -> None:
    keys: CancelKeys[str] = CancelKeys()
    first, key = keys.add("a", codec.PROTOCOL_3_0)
    second, long_key = keys.add("b", codec.PROTOCOL_3_2)
    assert (first, second) == (1, 2)
    assert (len(key), len(long_key)) == (4, 32) == (key_size(3 << 16), key_size(codec.PROTOCOL_3_2))
    assert key_size((3 << 16) + 1) == 4
    assert keys.find(first, key) == "a"
    assert keys.find(second, long_key) == "b"
    keys.remove(first)
    assert keys.find(first, key) is None
    assert len(keys) == 1
    assert keys.add("c", 3 << 16)[0] == 3, "a number is not used again at once"


@pytest.mark.attack("P1")
def test_wrong_cancel_keys_P1() -> None:
    keys: CancelKeys[str] = CancelKeys(lambda size: b"k" * size)
    number, key = keys.add("a", codec.PROTOCOL_3_2)
    for wrong in (b"", key[:-1], key + b"\0", key[:4], b"K" + key[1:], key[:-1] + b"\0", bytes(256), bytes(32)):
        assert keys.find(number, wrong) is None
        assert keys.find(number + 1, wrong) is None
    assert keys.find(number + 1, key) is None
    zeros: CancelKeys[str] = CancelKeys(bytes)
    assert zeros.find(5, bytes(32)) is None, "the key that unknown numbers are compared with opens nothing"


def test_numbers_begin_again() -> None:
    keys: CancelKeys[int] = CancelKeys()
    keys.add(1, 3 << 16)
    keys._last = 0x7FFFFFFF
    assert keys.add(2, 3 << 16)[0] == 2


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", []),
        ("  ", []),
        ("-c a=b", [("a", "b")]),
        ("-ca=b  --c-d=e=f\t--g=", [("a", "b"), ("c_d", "e=f"), ("g", "")]),
        (r"-c a=b\ c\\", [("a", r"b c" + "\\")]),
        ("-c a=\\", [("a", "")]),
    ],
)
def test_options(text: str, settings: list[tuple[str, str]]) -> None:
    assert parse_options(text) == settings


@pytest.mark.parametrize("text", ["a=b", "-d", "-c", "-c a", "--a", "--=b"])
def test_options_that_are_none(text: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_options(text)
    assert (caught.value.report.severity, caught.value.report.sqlstate) == ("FATAL", "42601")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("UTF8", ("UTF8", "utf-8")),
        ("utf-8", ("UTF8", "utf-8")),
        ("Unicode", ("UTF8", "utf-8")),
        ("iso_8859_1", ("LATIN1", "latin-1")),
        ("ISO 8859-15", ("LATIN9", "iso8859-15")),
        ("win1252", ("WIN1252", "cp1252")),
        ("nosuch", None),
        ("", None),
    ],
)
def test_encodings(name: str, found: tuple[str, str] | None) -> None:
    assert find_encoding(name) == found


@pytest.mark.parametrize(
    ("data", "encoding", "shown"),
    [
        (b"a\xff", "utf-8", 'encoding "UTF8": 0xff'),
        (b"\xe2\x28\xa1", "utf-8", 'encoding "UTF8": 0xe2 0x28 0xa1'),
        (b"\xed\xa0\x80", "utf-8", 'encoding "UTF8": 0xed 0xa0 0x80'),
        (b"\xf5\x80", "utf-8", 'encoding "UTF8": 0xf5 0x80'),
        (b"\xc3", "utf-8", 'encoding "UTF8": 0xc3'),
        (b"\x81", "cp1252", 'encoding "WIN1252": 0x81'),
    ],
)
def test_text_that_is_not_of_its_encoding(data: bytes, encoding: str, shown: str) -> None:
    with pytest.raises(SqlError) as caught:
        decode_text(data, encoding)
    assert caught.value.report.sqlstate == "22021"
    assert caught.value.report.message.endswith(shown)


def test_every_encoding_is_one_of_python() -> None:
    for name in ENCODINGS.split():
        found = find_encoding(name)
        assert found is not None
        assert decode_text(b"abc", found[1]) == "abc"


def test_portals_that_outlive_their_transaction() -> None:
    names = Names(SessionConfig())
    for name, holdable, held in (("a", False, False), ("b", True, False), ("c", True, True)):
        names.add_portal(Portal(name, name, None, holdable=holdable, held=held))
    names.committed()
    assert sorted(names.portals) == ["b", "c"]
    names.add_portal(Portal("d", "d", None, holdable=True))
    names.rolled_back()
    assert sorted(names.portals) == ["b", "c"]
    assert names.released == ["a", "d"]
    with pytest.raises(SqlError):
        names.add_portal(Portal("b", "other", None))
    assert names.released[-1] == "other"
