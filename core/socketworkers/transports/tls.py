"""TLS as a layer between a channel and a socket: ``SSLObject`` on two memory BIOs.

Being a layer of our own it can be put in place at any moment (STARTTLS), is fed bytes that arrived before, keeps
half-close, and ends in the connection's own task. It is a ``Channel`` for the socket and an ``Upper`` for the channel.
"""

from __future__ import annotations

import re
import ssl
from typing import Any

from ..errors import TLSError
from ..info import TlsInfo
from ..promise import Promise
from .client_hello import NO_APPLICATION_PROTOCOL, ClientHello, parse_client_hello
from .endpoint import Channel, Upper

__all__ = ["TlsLayer", "tls_error"]

_READ = 64 * 1024
_EXPORTER = "tls-exporter"  # RFC 9266; CPython 3.14 has none yet (its issue 82133)
#: a ClientHello that is larger is nobody's (RFC 8446 allows more; OpenSSL's own limit is close to this)
_MAX_HELLO = 64 * 1024


class TlsLayer:
    """TLS over ``channel`` for ``upper``."""

    __slots__ = (
        "_alpn",
        "_channel",
        "_closed",
        "_done",
        "_hello",
        "_hello_buffer",
        "_incoming",
        "_object",
        "_outgoing",
        "_server_side",
        "_shutdown_sent",
        "_sni",
        "handshake",
        "truncated",
        "upper",
    )

    def __init__(
        self,
        channel: Channel,
        upper: Upper,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None = None,
        alpn: tuple[str, ...] = (),
    ) -> None:
        self._channel = channel
        self.upper = upper
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
        )
        self._server_side = server_side
        self._alpn = alpn
        self._sni = server_hostname
        self._hello: ClientHello | None = None
        self._hello_buffer: bytes | None = b"" if server_side else None
        self._done = False
        self._closed = False
        self._shutdown_sent = False
        #: whether the peer ended the connection without close_notify
        self.truncated = False
        self.handshake: Promise[TlsInfo] = Promise()

    def attach(self, upper: Upper) -> None:
        """From now on ``upper`` gets what comes."""
        self.upper = upper

    def start(self, data: bytes = b"") -> None:
        """Begin the handshake; ``data`` is what arrived before this layer was here."""
        if data:
            self._received(data)
        else:
            self._step()

    def info(self) -> TlsInfo:
        """What the handshake agreed on."""
        cipher = self._object.cipher()
        certificate = self._object.getpeercert(binary_form=True)
        return TlsInfo(
            version=self._object.version() or "",
            cipher=cipher[0] if cipher else "",
            alpn=self._object.selected_alpn_protocol(),
            sni=self._hello.server_name if self._hello is not None else self._sni,
            peer_certificate=certificate,
            resumed=bool(self._object.session_reused),
            # the context is the one that SNI chose; ``server_context`` marks it with what it shows
            server_certificate=getattr(self._object.context, "certificate", None) if self._server_side else certificate,
            exporter=self._object.get_channel_binding(_EXPORTER) if _EXPORTER in ssl.CHANNEL_BINDING_TYPES else None,
        )

    # -- from the channel --------------------------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        if self._closed:
            return
        if self._hello_buffer is not None:
            buffered = self._hello_buffer + data
            self._hello = parse_client_hello(buffered)
            if self._hello is None and len(buffered) < _MAX_HELLO and buffered[:1] == b"\x16":
                self._hello_buffer = buffered
                return
            self._hello_buffer = None
            data = buffered
            offered = self._hello.alpn if self._hello is not None else None
            if self._alpn and offered is not None and not set(offered) & set(self._alpn):
                self._channel.write(NO_APPLICATION_PROTOCOL)  # RFC 7301 §3.2
                self._fail(TLSError("no application protocol in common", reason="NO_APPLICATION_PROTOCOL", alert=120))
                return
        self._incoming.write(data)
        if not self._done:
            self._step()
            if not self._done:
                return
        self._read()

    def _step(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self._flush()
            self._fail(tls_error(error))
            return
        except ValueError as error:  # for one, a server name that is not a name
            self._fail(TLSError(str(error)))
            return
        self._flush()
        self._done = True
        self.handshake.resolve(self.info())

    def _read(self) -> None:
        read = self._object.read
        chunks = []
        ended = False
        try:
            while True:
                chunk = read(_READ)
                if not chunk:
                    ended = True
                    break
                chunks.append(chunk)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            ended = True
        except ssl.SSLEOFError:
            ended = self.truncated = True
        except ssl.SSLError as error:
            self._deliver(chunks)
            self._flush()
            self._fail(tls_error(error))
            return
        if self._outgoing.pending:
            self._flush()
        self._deliver(chunks)
        if ended and not self._closed:
            self.upper._eof_received()

    def _deliver(self, chunks: list[bytes]) -> None:
        if chunks:
            self.upper._received(chunks[0] if len(chunks) == 1 else b"".join(chunks))

    def _eof_received(self) -> None:
        if self._closed:
            return
        if not self._done:
            self._fail(TLSError("the peer closed the connection during the handshake", reason="EOF"))
            return
        self._incoming.write_eof()
        self._read()

    def _lost(self, error: BaseException | None) -> None:
        self._closed = True
        if not self._done:
            self.handshake.reject(
                tls_error(error) if error is not None else TLSError("the connection ended during the handshake")
            )
        self.upper._lost(error)

    def _severed(self, error: BaseException) -> None:
        self.upper._severed(error)

    def _pause_writing(self) -> None:
        self.upper._pause_writing()

    def _resume_writing(self) -> None:
        self.upper._resume_writing()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._channel.write(self._outgoing.read())

    def _fail(self, error: TLSError) -> None:
        self._closed = True
        if self._done:
            self.upper._lost(error)
            self._channel.close()
        else:
            # the socket decides how to end; the alert above goes out first
            self.handshake.reject(error)

    # -- Channel -----------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self._closed or self._shutdown_sent:
            return
        try:
            sent = self._object.write(data)
            while sent < len(data):
                data = data[sent:]
                sent = self._object.write(data)
        except ssl.SSLWantReadError:  # renegotiation is off: cannot come
            raise RuntimeError("TLS wants to read before it writes") from None
        except ssl.SSLError as error:
            self._fail(tls_error(error))
            return
        self._channel.write(self._outgoing.read())

    def write_eof(self) -> None:
        """Send close_notify; the other direction stays open (RFC 8446 §6.1)."""
        self._send_close_notify()
        self._channel.write_eof()

    def _send_close_notify(self) -> None:
        if self._shutdown_sent or not self._done:
            return
        self._shutdown_sent = True
        try:
            self._object.unwrap()
        except ssl.SSLError:
            pass  # it waits for the peer's close_notify; ours is in the buffer
        self._flush()

    def close(self) -> None:
        if not self._closed:
            self._send_close_notify()
        self._channel.close()

    def abort(self) -> None:
        self._closed = True
        self._channel.abort()

    def pause_reading(self) -> None:
        self._channel.pause_reading()

    def resume_reading(self) -> None:
        self._channel.resume_reading()

    def get_write_buffer_size(self) -> int:
        return self._channel.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._channel.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "ssl_object":
            return self._object
        return self._channel.get_extra_info(name, default)


#: alerts by OpenSSL's names (RFC 8446 §6.2)
_ALERTS = {
    "UNEXPECTED_MESSAGE": 10,
    "HANDSHAKE_FAILURE": 40,
    "BAD_CERTIFICATE": 42,
    "CERTIFICATE_REVOKED": 44,
    "CERTIFICATE_EXPIRED": 45,
    "CERTIFICATE_UNKNOWN": 46,
    "UNKNOWN_CA": 48,
    "ACCESS_DENIED": 49,
    "DECODE_ERROR": 50,
    "DECRYPT_ERROR": 51,
    "PROTOCOL_VERSION": 70,
    "INSUFFICIENT_SECURITY": 71,
    "INTERNAL_ERROR": 80,
    "UNRECOGNIZED_NAME": 112,
    "CERTIFICATE_REQUIRED": 116,
    "NO_APPLICATION_PROTOCOL": 120,
}


def tls_error(error: BaseException) -> TLSError:
    """OpenSSL's error as ours, with its words kept."""
    if isinstance(error, TLSError):
        return error
    reason = str(getattr(error, "reason", None) or "")
    if not reason and (found := re.search(r"\] ([^(:]+)", str(error))) is not None:
        reason = found[1].strip().replace(" ", "_").upper()  # an alert that Python's table has no name for
    verify_code = getattr(error, "verify_code", None)
    message = getattr(error, "verify_message", None) or reason.replace("_", " ").lower() or str(error)
    alert = _ALERTS.get(reason.partition("_ALERT_")[2])
    result = TLSError(f"TLS failed: {message}", reason=reason, alert=alert, verify_code=verify_code)
    result.__cause__ = error
    return result
