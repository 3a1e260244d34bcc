"""The opening handshake of WebSocket (RFC 6455 §4), both ends. Sans-IO: heads of HTTP/1.1 messages in and out.

Stricter than HTTP servers have to be: no folded lines, no bare LF, nothing behind the head. A refusal is a
``ProtocolError`` whose ``reply`` is the HTTP response; it never repeats what the peer sent.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from wsproto.utilities import generate_accept_token, generate_nonce

from ..errors import ProtocolError
from ..info import WebSocketInfo

__all__ = [
    "END_OF_HEAD",
    "MAX_HEAD",
    "Refused",
    "Terms",
    "accept_request",
    "check_fields",
    "http_reply",
    "make_request",
    "new_nonce",
    "read_response",
    "refusal",
    "refuse_head",
    "text_of",
]

#: bytes of a request's or response's head
MAX_HEAD = 8192
END_OF_HEAD = b"\r\n\r\n"
#: RFC 6455 §4.1: the only version there is
VERSION = "13"

_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.5, with obs-text
_TARGET = re.compile(r"[!-~]+")
#: what the handshake itself is made of; the application gets the others
_OWN = frozenset(
    {
        "connection",
        "host",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "upgrade",
    }
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a server asks of a client."""

    path: str | None = None
    """Path of the URL; None takes any."""
    subprotocols: tuple[str, ...] = ()
    """The ones it speaks."""
    subprotocol_required: bool = False
    """Whether the client has to offer one of them."""
    origins: tuple[str, ...] = ()
    """Origins of web pages that may connect; ``*`` is every one."""
    local_origins: bool = False
    """With no ``origins``: whether only pages of this machine may connect, or those of any."""


class Refused(ProtocolError):
    """A server's answer that opens no WebSocket.

    Args:
        message: for a person.
        status: the answer's.
        fields: its header fields, names in lower case.
    """

    def __init__(self, message: str, status: int, fields: tuple[tuple[str, str], ...]) -> None:
        super().__init__(message)
        self.status = status
        self.fields = fields
        #: what of a text for people came with it
        self.text = ""


def http_reply(status: int, message: str, *fields: tuple[str, str]) -> bytes:
    """A short response that ends the connection."""
    body = message.encode() + b"\n"
    lines = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close" if status != 426 else "Connection: close, Upgrade",  # RFC 9110 §7.8
        *(f"{name}: {value}" for name, value in fields),
    ]
    return "\r\n".join(lines).encode("ascii") + END_OF_HEAD + body


def refusal(status: int, message: str, *fields: tuple[str, str]) -> ProtocolError:
    """Why a client does not get its WebSocket, with the response that says so.

    Args:
        status: of HTTP: 400, 401, 403, 404, 429, 500, 502, 503 or 504.
        message: for a person; nothing in it may come from the peer.
        fields: more header fields of the response.
    """
    return ProtocolError(f"WebSocket refused: {message}", reply=http_reply(status, message, *fields))


def _upgrade_required(message: str) -> ProtocolError:
    return refusal(426, message, ("Upgrade", "websocket"), ("Sec-WebSocket-Version", VERSION))


def refuse_head(data: bytes, *, client: bool) -> ProtocolError | None:
    """Why an incomplete head can never become one of ours; None if more of it may come.

    Args:
        data: what came, with no end of head in it.
        client: whether it came from a server.
    """
    if len(data) > MAX_HEAD:
        return refusal(431, f"the head is larger than {MAX_HEAD} bytes")
    line, complete, _ = data.partition(b"\r\n")
    if client:
        return None if b"HTTP/1.1 ".startswith(data[:9]) else ProtocolError("the answer is not HTTP/1.1")
    # somebody speaks the application's own protocol, or TLS: no need to wait for the deadline
    if (data and not 0x21 <= data[0] <= 0x7E) or (complete and b" HTTP/" not in line):
        return refusal(400, "this is a WebSocket listener")
    return None


def _fields(lines: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise refusal(400, "malformed header field")  # RFC 9112 §5: no space before the colon, no folding
        found.append((name.lower(), value.strip(" \t")))
    return found


def _lines(head: bytes) -> list[str]:
    """The head's lines; with a bare CR, LF or NUL in one, the checks of the fields fail."""
    return head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")


def _values(fields: Sequence[tuple[str, str]], name: str) -> list[str]:
    return [value for each, value in fields if each == name]


def _one(fields: Sequence[tuple[str, str]], name: str) -> str | None:
    """The value of a field that may be there once only."""
    values = _values(fields, name)
    if len(values) > 1:
        raise refusal(400, f"more than one {name} field")
    return values[0] if values else None


def _members(fields: Sequence[tuple[str, str]], name: str) -> list[str]:
    """The members of a comma-separated list, over all fields of that name (RFC 9110 §5.6.1)."""
    return [member for value in _values(fields, name) for part in value.split(",") if (member := part.strip(" \t"))]


def accept_request(head: bytes, terms: Terms) -> tuple[bytes, WebSocketInfo]:
    """Judge a client's handshake (RFC 6455 §4.2.1).

    Args:
        head: the request up to and with the empty line.
        terms: what to ask of the client.

    Returns:
        The response that opens the WebSocket, and what is known of it.

    Raises:
        ProtocolError: refused; ``reply`` is the response.
    """
    method, resource, fields = _request(head)
    if terms.path is not None and resource.partition("?")[0] != terms.path:
        raise refusal(404, "there is nothing here")
    if method != "GET":
        raise refusal(405, "a WebSocket is opened with GET", ("Allow", "GET"))  # §4.1, 2
    host = _one(fields, "host")
    if not host:
        raise refusal(400, "no Host field")  # RFC 9112 §3.2
    if "websocket" not in (member.lower() for member in _members(fields, "upgrade")):
        raise _upgrade_required("this is a WebSocket listener")  # §4.2.1, 3
    if "upgrade" not in (member.lower() for member in _members(fields, "connection")):
        raise refusal(400, "no Connection: Upgrade")  # §4.2.1, 4
    if _one(fields, "sec-websocket-version") != VERSION:
        raise _upgrade_required("the version is 13")  # §4.2.1, 6; §4.4
    key = _one(fields, "sec-websocket-key")
    if key is None or not _is_nonce(key):
        raise refusal(400, "Sec-WebSocket-Key is not 16 bytes in base64")  # §4.2.1, 5
    if _one(fields, "content-length") not in (None, "0") or _values(fields, "transfer-encoding"):
        raise refusal(400, "a request with a body")
    origin = _one(fields, "origin")
    if not _origin_allowed(origin, terms):
        raise refusal(403, "pages of this origin may not connect")  # §10.2
    subprotocol = _choose(_members(fields, "sec-websocket-protocol"), terms)
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {generate_accept_token(key.encode('ascii')).decode('ascii')}",
        *([f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol is not None else []),
    ]
    rest = tuple(field for field in fields if field[0] not in _OWN and field[0] != "origin")
    return "\r\n".join(lines).encode("ascii") + END_OF_HEAD, WebSocketInfo(resource, subprotocol, host, origin, rest)


def _request(head: bytes) -> tuple[str, str, list[tuple[str, str]]]:
    """Method, resource name and fields."""
    line, *rest = _lines(head)
    parts = line.split(" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not _TARGET.fullmatch(parts[1]):
        raise refusal(400, "malformed request line")
    method, target, version = parts
    if version != "HTTP/1.1":  # §4.2.1, 1
        raise refusal(505 if re.fullmatch(r"HTTP/\d\.\d", version) else 400, "HTTP/1.1 is spoken here")
    if not target.startswith("/"):
        try:
            url = urlsplit(target)  # the absolute form (RFC 9112 §3.2.2)
        except ValueError:
            raise refusal(400, "malformed request target") from None
        if url.scheme not in ("http", "https", "ws", "wss") or not url.netloc:
            raise refusal(400, "malformed request target")
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return method, target, _fields(rest)


def _is_nonce(key: str) -> bool:
    try:
        return len(key) == 24 and len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _choose(offered: Sequence[str], terms: Terms) -> str | None:
    """The first that the client names and the server speaks (§4.2.2, 5); names are case-sensitive."""
    if not all(_TOKEN.fullmatch(name) for name in offered):
        raise refusal(400, "malformed Sec-WebSocket-Protocol")
    for name in offered:
        if name in terms.subprotocols:
            return name
    if terms.subprotocol_required:  # MQTT 5.0 §6 [MQTT-6.0.0-3]
        raise refusal(400, "one of these subprotocols is required: " + ", ".join(terms.subprotocols))
    return None


def _origin_allowed(origin: str | None, terms: Terms) -> bool:
    """No browser, no origin: whoever can forge the field can leave it out."""
    if origin is None or "*" in terms.origins or origin in terms.origins:
        return True
    return not terms.origins and (not terms.local_origins or _is_local(origin))


def _is_local(origin: str) -> bool:
    """Whether a page was served by this machine; every other site could reach a listener on loopback, too."""
    try:
        host = urlsplit(origin).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False


# -- the client's end ----------------------------------------------------------------------------------------------


def new_nonce() -> str:
    """A key for one handshake (§4.1, 7)."""
    return generate_nonce().decode("ascii")


def check_fields(subprotocols: Sequence[str], headers: Mapping[str, str]) -> None:
    """Refuse what would make another request than the one that is meant.

    Raises:
        ValueError: a name or a value cannot stand in a header, or belongs to the handshake.
    """
    for name in subprotocols:
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a subprotocol")
    if len(set(subprotocols)) < len(subprotocols):
        raise ValueError("a subprotocol is named twice")  # §4.1, 10
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"the header {name!r} cannot be sent")
        if name.lower() in _OWN or name.lower() in ("content-length", "transfer-encoding"):
            raise ValueError(f"the header {name!r} is made by the handshake itself")


def text_of(answer: Refused, body: bytes) -> str:
    """The first line of a refusal's body, as far as it came and a person can read it."""
    kind = next((value for name, value in answer.fields if name == "content-type"), "")
    if not kind.startswith("text/plain"):
        return ""
    line = body[:200].partition(b"\n")[0].decode("utf-8", "replace")
    return "".join(character for character in line if character.isprintable()).strip()


def make_request(
    authority: str, resource: str, nonce: str, subprotocols: Sequence[str], headers: Mapping[str, str]
) -> bytes:
    """The request of a client (§4.1). No extension is offered, compression neither."""
    lines = [
        f"GET {resource} HTTP/1.1",
        f"Host: {authority}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {nonce}",
        f"Sec-WebSocket-Version: {VERSION}",
        *([f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}"] if subprotocols else []),
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode("latin-1") + END_OF_HEAD


def read_response(head: bytes, resource: str, nonce: str, subprotocols: Sequence[str]) -> WebSocketInfo:
    """Judge a server's handshake (§4.1, second list).

    Raises:
        ProtocolError: the server refused, or what it sent opens no WebSocket.
    """
    line, *rest = _lines(head)
    status = re.fullmatch(r"HTTP/1\.1 (\d{3})(?: [\t\x20-\x7e\x80-\xff]*)?", line)
    if status is None:
        raise ProtocolError("the answer is not HTTP/1.1")
    if status[1] != "101":
        message = f"the server refused the WebSocket: {line.partition(' ')[2]}"
        try:
            raise Refused(message, int(status[1]), tuple(_fields(rest)))
        except Refused:
            raise
        except ProtocolError:
            raise Refused(message, int(status[1]), ()) from None
    try:
        fields = _fields(rest)
        accept = _one(fields, "sec-websocket-accept")
        subprotocol = _one(fields, "sec-websocket-protocol")
    except ProtocolError as error:
        raise ProtocolError(f"the server's handshake is wrong: {error}") from None
    if [value.lower() for value in _values(fields, "upgrade")] != ["websocket"]:
        raise ProtocolError("the server's handshake has no Upgrade: websocket")
    if "upgrade" not in (member.lower() for member in _members(fields, "connection")):
        raise ProtocolError("the server's handshake has no Connection: Upgrade")
    if accept is None or accept.encode("latin-1") != generate_accept_token(nonce.encode("ascii")):
        raise ProtocolError("the server's Sec-WebSocket-Accept does not fit")
    if _members(fields, "sec-websocket-extensions"):
        raise ProtocolError("the server uses an extension that was not offered")
    if subprotocol is not None and subprotocol not in subprotocols:
        raise ProtocolError("the server chose a subprotocol that was not offered")
    return WebSocketInfo(resource, subprotocol, headers=tuple(field for field in fields if field[0] not in _OWN))
