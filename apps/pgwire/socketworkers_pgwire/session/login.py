"""From the first byte to ReadyForQuery: encryption, the startup message, authentication. A layer of `Session`, sans-IO.

"Start-up", "SASL Authentication", "SSL Session Encryption", "GSSAPI Session Encryption", "Canceling Requests in
Progress". MD5 is not offered: what is stored cannot prove it, and it is broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from socketworkers.sasl import Challenge, Failure, ScramServer, Success

from ..codec import (
    AUTHENTICATION_CLEARTEXT_PASSWORD,
    AUTHENTICATION_OK,
    PROTOCOL_3_2,
    CancelRequest,
    GSSENCRequest,
    MalformedMessage,
    PasswordMessage,
    Report,
    SSLRequest,
    StartupMessage,
    decode_password,
    decode_sasl_initial_response,
    encode_authentication_sasl,
    encode_authentication_sasl_continue,
    encode_authentication_sasl_final,
    encode_backend_key_data,
    encode_negotiate_protocol_version,
    encode_parameter_status,
    version_text,
)
from . import errors
from .cancel import key_size
from .config import Method
from .encodings import known_encoding
from .errors import SqlError, fatal
from .events import Authenticate, Authenticated, AuthFailed, Cancel, StartTls, Startup
from .extended import Extended
from .options import parse_options
from .table import State

__all__ = ["ALPN", "Login"]

ALPN: Final = "postgresql"
"""Protocol name in TLS; with direct TLS the client has to name it ("SSL Session Encryption", C3)."""
MAX_NAME: Final = 63
"""Bytes of a name; longer ones are cut (NAMEDATALEN)."""

_SCRAM = b"SCRAM-SHA-256"
_SCRAM_PLUS = b"SCRAM-SHA-256-PLUS"
_PROTOCOL_OPTION = b"_pq_."
_OFF = frozenset(("", "false", "off", "no", "0"))


class Login(Extended):
    """Lets clients in."""

    __slots__ = ()

    # Encryption

    def _ssl(self, message: SSLRequest) -> None:
        if self.secure or self._ssl_done:  # asked twice, or within TLS (P1)
            self._unsupported(1234 << 16 | 5679)
        elif self.config.tls:
            if self._decoder.buffered:  # C1: it came in the clear, and would be taken for what comes encrypted
                self._die(errors.NOT_ENCRYPTED, "injection")
                return
            self._output.append(b"S")
            self.state = State.TLS
            self._pause("tls", StartTls())
        else:
            self._ssl_done = True
            self._refuse_encryption(errors.NOT_ENCRYPTED)

    def _gssenc(self, message: GSSENCRequest) -> None:
        if self._gss_done or self.secure:
            self._unsupported(1234 << 16 | 5680)
        else:
            self._gss_done = True
            self._refuse_encryption(errors.NOT_ENCRYPTED_GSS)

    def _refuse_encryption(self, behind: Report) -> None:
        self._output.append(b"N")
        if self._decoder.buffered:  # as PostgreSQL: who asks for encryption waits for the answer
            self._die(behind, "injection")

    def _tls_started(self, alpn: str | None, binding: bytes | None, certificate_user: str | None) -> None:
        self.state = State.STARTUP
        self.secure = True
        self.alpn = alpn
        self.binding = binding
        self.certificate_user = certificate_user
        if alpn not in (None, ALPN):
            self._close("alpn")

    def _cancel(self, message: CancelRequest) -> None:
        self._events.append(Cancel(message.process_id, message.key))
        self._close("cancel")

    # The startup message

    def _unsupported(self, version: int) -> None:
        self._die(
            fatal(
                "0A000",
                f"unsupported frontend protocol {version_text(version)}: "
                f"server supports 3.0 to {version_text(PROTOCOL_3_2)}",
            ),
            "version",
        )

    def _startup(self, message: StartupMessage) -> None:
        if message.version >> 16 != 3:
            self._unsupported(message.version)
            return
        self.version = min(message.version, PROTOCOL_3_2)
        options = [name for name in message.parameters if name.startswith(_PROTOCOL_OPTION)]
        if message.version > PROTOCOL_3_2 or options:
            self._output.append(encode_negotiate_protocol_version(PROTOCOL_3_2, options))
        texts = {
            self._text(name): self._text(value)
            for name, value in message.parameters.items()
            if not name.startswith(_PROTOCOL_OPTION)
        }
        self.user = _cut(texts.pop("user", ""))
        if not self.user:
            self._die(errors.NO_USER, "login")
            return
        self.database = _cut(texts.pop("database", "") or self.user)
        replication = texts.pop("replication", "")
        if replication.lower() not in _OFF:
            self._die(errors.NO_REPLICATION, "replication")
            return
        self._settings = texts
        self._ask_for_proof()

    def _ask_for_proof(self) -> None:
        method = self.policy.method(self)
        if isinstance(method, Report):
            self._die(method, "login")
            return
        self._method = method.value
        if method is Method.TRUST:
            self._authenticated()
        elif method is Method.CERTIFICATE:
            if self.secure and self.certificate_user == self.user:
                self._authenticated()
            else:
                self._die(fatal("28000", f'certificate authentication failed for user "{self.user}"'), "login")
        elif method is Method.PASSWORD:
            if not self.secure:  # P5: never in the clear, whatever was configured
                self._die(errors.CLEARTEXT_REFUSED, "login")
                return
            self.state = State.LOGIN
            self._output.append(AUTHENTICATION_CLEARTEXT_PASSWORD)
        else:
            self.state = State.LOGIN
            self._output.append(
                encode_authentication_sasl((_SCRAM,) if self.binding is None else (_SCRAM_PLUS, _SCRAM))
            )

    # Authentication

    def _password(self, message: PasswordMessage) -> None:
        try:
            if self._method == Method.PASSWORD.value:
                self._take_password(decode_password(message.data))
            elif self._exchange is None:
                self._begin_scram(message.data)
            else:
                self._scram_step(message.data)
        except MalformedMessage as wrong:
            self._die(fatal(wrong.sqlstate, wrong.message), "login")

    def _take_password(self, password: bytes) -> None:
        if not password:
            self._die(errors.EMPTY_PASSWORD, "login")
            return
        self._pause("auth", Authenticate(self.user, self._text(password)))

    def _begin_scram(self, data: bytes) -> None:
        first = decode_sasl_initial_response(data)
        plus = first.mechanism == _SCRAM_PLUS
        if self.credentials is None or not (plus or first.mechanism == _SCRAM) or (plus and self.binding is None):
            self._die(errors.BAD_MECHANISM, "login")
            return
        # the name in the exchange is not looked at: the startup message had it. An unknown one takes the same path (P5)
        self._exchange = ScramServer(
            self.credentials.lookup, self._nonce(), binding=self.binding, plus=plus, username=self.user
        )
        if first.response is None:
            self._output.append(encode_authentication_sasl_continue(b""))
        else:
            self._scram_step(first.response)

    def _scram_step(self, response: bytes) -> None:
        assert self._exchange is not None
        step = self._exchange.step(response)
        if isinstance(step, Challenge):
            self._output.append(encode_authentication_sasl_continue(step.data))
        elif isinstance(step, Success):
            self._output.append(encode_authentication_sasl_final(step.data))
            self._authenticated()
        elif isinstance(step, Failure) and step.malformed:
            self._die(fatal("08P01", "malformed SCRAM message"), "login")
        else:
            self._pause("auth", AuthFailed(self.user))

    def _auth_result(self, success: bool) -> None:
        if success and self._exchange is None:
            self._authenticated()
        else:
            self._die(fatal("28P01", f'password authentication failed for user "{self.user}"'), "password")

    def _authenticated(self) -> None:
        self._exchange = None
        self.state = State.STARTING
        self._output.append(AUTHENTICATION_OK)
        self._events.append(Authenticated(self.user, self._method))
        texts, self._settings = self._settings, {}
        try:
            settings = dict(parse_options(texts.pop("options", "")))
            settings.update(texts)
            encoding = settings.get("client_encoding")
            if encoding is not None:
                self.encoding = known_encoding(encoding)
        except SqlError as wrong:  # what may be wrong with a setting is told to those who may log in only
            self._die(wrong.report, "login")
            return
        self._pause("starting", Startup(self.user, self.database, settings))

    def _started(self, process_id: int, key: bytes, parameters: Mapping[str, str]) -> None:
        if len(key) != key_size(self.version):
            raise ValueError("a cancel key of another length than this protocol version has")
        output = self._output
        for name, value in parameters.items():
            output.append(encode_parameter_status(name.encode(), value.encode(self.encoding, "replace")))
        output.append(encode_backend_key_data(process_id, key))
        self._decoder.open()
        self._ready()


def _cut(name: str) -> str:
    """`name` in at most `MAX_NAME` bytes, all of its characters whole."""
    data = name.encode()
    return name if len(data) <= MAX_NAME else data[:MAX_NAME].decode(errors="ignore")
