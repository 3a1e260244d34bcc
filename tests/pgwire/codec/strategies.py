"""Messages of every kind for hypothesis, with the encoder of each."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import strategies as st

from socketworkers_pgwire import codec as c

__all__ = ["BACKEND", "FRONTEND", "STARTUP_PACKETS", "encode"]

TEXT = st.binary(max_size=12).map(lambda data: data.replace(b"\0", b"x"))
UNICODE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=10)
OID = st.integers(0, 0xFFFFFFFF)
INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
INT16 = st.integers(-(1 << 15), (1 << 15) - 1)
VALUE = st.none() | st.binary(max_size=20)
VALUES = st.lists(VALUE, max_size=6)
FORMATS = st.lists(INT16, max_size=4).map(tuple)
OIDS = st.lists(OID, max_size=4).map(tuple)
KIND = st.sampled_from([b"S", b"P"])
KEY = st.binary(min_size=4, max_size=256)
NUMBER = st.integers(0, 10**9)

FRONTEND = st.one_of(
    st.builds(c.Query, TEXT),
    st.builds(c.Parse, TEXT, TEXT, OIDS),
    st.builds(c.Bind, TEXT, TEXT, FORMATS, VALUES, FORMATS),
    st.builds(c.Describe, KIND, TEXT),
    st.builds(c.Close, KIND, TEXT),
    st.builds(c.Execute, TEXT, INT32),
    st.builds(c.FunctionCall, OID, FORMATS, VALUES.map(tuple), INT16),
    st.builds(c.CopyFail, TEXT),
    st.builds(c.CopyData, st.binary(max_size=20)),
    st.sampled_from([c.Sync(), c.Flush(), c.Terminate(), c.CopyDone()]),
)
STARTUP_PACKETS = st.one_of(
    st.builds(
        c.StartupMessage, st.integers(3 << 16, (3 << 16) + 0xFFFF), st.dictionaries(TEXT.filter(bool), TEXT, max_size=4)
    ),
    st.builds(c.CancelRequest, INT32, KEY),
    st.sampled_from([c.SSLRequest(), c.GSSENCRequest()]),
)
FIELD = st.builds(c.FieldDescription, TEXT, OID, INT16, INT32, OID, INT16, INT16)
REPORT = st.builds(
    c.Report,
    severity=st.sampled_from(["ERROR", "FATAL", "NOTICE"]),
    sqlstate=st.text("0123456789ABCDEFP", min_size=5, max_size=5),
    message=UNICODE.filter(bool),
    **{
        each.name: NUMBER if each.type == "int" else UNICODE
        for each in fields(c.Report)
        if each.name not in ("severity", "sqlstate", "message")
    },
)
BACKEND = st.one_of(
    st.builds(c.DataRow, VALUES),
    st.builds(c.RowDescription, st.lists(FIELD, max_size=3).map(tuple)),
    st.builds(c.ParameterDescription, OIDS),
    st.builds(c.CommandComplete, TEXT),
    st.builds(c.ErrorResponse, REPORT),
    st.builds(c.NoticeResponse, REPORT),
    st.builds(c.ParameterStatus, TEXT, TEXT),
    st.builds(c.BackendKeyData, INT32, KEY),
    st.builds(c.NotificationResponse, INT32, TEXT, TEXT),
    st.builds(c.NegotiateProtocolVersion, OID, st.lists(TEXT, max_size=3).map(tuple)),
    st.builds(c.FunctionCallResponse, VALUE),
    st.builds(c.CopyInResponse, st.integers(0, 1), FORMATS),
    st.builds(c.CopyOutResponse, st.integers(0, 1), FORMATS),
    st.builds(c.CopyBothResponse, st.integers(0, 1), FORMATS),
    st.builds(c.CopyData, st.binary(max_size=20)),
    st.builds(c.AuthenticationMD5Password, st.binary(min_size=4, max_size=4)),
    st.builds(c.AuthenticationSASL, st.lists(TEXT.filter(bool), max_size=3).map(tuple)),
    st.builds(c.AuthenticationSASLContinue, st.binary(max_size=20)),
    st.builds(c.AuthenticationSASLFinal, st.binary(max_size=20)),
    st.builds(c.AuthenticationGSSContinue, st.binary(max_size=20)),
    st.sampled_from(
        [
            c.AuthenticationOk(),
            c.AuthenticationCleartextPassword(),
            c.AuthenticationGSS(),
            c.AuthenticationSSPI(),
            c.CopyDone(),
            c.ParseComplete(),
            c.BindComplete(),
            c.CloseComplete(),
            c.NoData(),
            c.PortalSuspended(),
            c.EmptyQueryResponse(),
            c.ReadyForQuery(b"I"),
            c.ReadyForQuery(b"T"),
            c.ReadyForQuery(b"E"),
        ]
    ),
)
_CONSTANTS: dict[type, bytes] = {
    c.Sync: c.SYNC,
    c.Flush: c.FLUSH,
    c.Terminate: c.TERMINATE,
    c.CopyDone: c.COPY_DONE,
    c.ParseComplete: c.PARSE_COMPLETE,
    c.BindComplete: c.BIND_COMPLETE,
    c.CloseComplete: c.CLOSE_COMPLETE,
    c.NoData: c.NO_DATA,
    c.PortalSuspended: c.PORTAL_SUSPENDED,
    c.EmptyQueryResponse: c.EMPTY_QUERY_RESPONSE,
    c.SSLRequest: c.SSL_REQUEST,
    c.GSSENCRequest: c.GSSENC_REQUEST,
}


def encode(message: object) -> bytes:
    """The bytes of any message."""
    constant = _CONSTANTS.get(type(message))
    if constant is not None:
        return constant
    match message:
        case c.Query():
            return c.encode_query(message.text)
        case c.Parse():
            return c.encode_parse(message.name, message.text, message.parameter_types)
        case c.Bind():
            return c.encode_bind(
                message.portal, message.statement, message.parameters, message.formats, message.result_formats
            )
        case c.Describe():
            return c.encode_describe(message.kind, message.name)
        case c.Close():
            return c.encode_close(message.kind, message.name)
        case c.Execute():
            return c.encode_execute(message.portal, message.max_rows)
        case c.FunctionCall():
            return c.encode_function_call(message.function, message.arguments, message.formats, message.result_format)
        case c.CopyFail():
            return c.encode_copy_fail(message.reason)
        case c.CopyData():
            return c.encode_copy_data(message.data)
        case c.PasswordMessage():
            return c.encode_response(message.data)
        case c.StartupMessage():
            return c.encode_startup(message.parameters, message.version)
        case c.CancelRequest():
            return c.encode_cancel_request(message.process_id, message.key)
        case c.DataRow():
            return c.encode_rows([message.values])
        case c.RowDescription():
            return c.encode_row_description(message.fields)
        case c.ParameterDescription():
            return c.encode_parameter_description(message.types)
        case c.CommandComplete():
            return c.encode_command_complete(message.tag)
        case c.ErrorResponse() | c.NoticeResponse():
            return c.encode_report(message.report, notice=isinstance(message, c.NoticeResponse))
        case c.ParameterStatus():
            return c.encode_parameter_status(message.name, message.value)
        case c.BackendKeyData():
            return c.encode_backend_key_data(message.process_id, message.key)
        case c.NotificationResponse():
            return c.encode_notification(message.process_id, message.channel, message.payload)
        case c.NegotiateProtocolVersion():
            return c.encode_negotiate_protocol_version(message.version, message.options)
        case c.FunctionCallResponse():
            return c.encode_function_call_response(message.value)
        case c.CopyInResponse() | c.CopyOutResponse() | c.CopyBothResponse():
            return c.encode_copy_response(message)
        case c.ReadyForQuery():
            return c.READY[message.status.decode()]
    return c.encode_authentication(message)  # type: ignore[arg-type]
