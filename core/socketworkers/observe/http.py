"""A tiny HTTP/1.1 server side without I/O (RFC 9112): for /metrics, /healthz and /readyz and nothing else.

``receive`` takes bytes and returns the requests that are complete; ``respond`` makes the bytes of an answer. Requests
with a body are refused: nothing here takes one. A connection that broke a rule must be closed after its answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ProtocolError

__all__ = ["HttpReader", "Request", "respond"]

#: Longest head of a request, in bytes.
MAX_HEAD = 16_384

_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    method: str
    """As sent, upper case by convention."""
    path: str
    """Without the query."""
    headers: dict[str, str]
    """Names in lower case; of several equal ones the last."""
    keep_alive: bool
    """Whether the connection may stay open after the answer (RFC 9112 §9.3)."""


class HttpReader:
    """Collects the requests of one connection."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, data: bytes) -> list[Request]:
        """Take bytes; return the requests that they complete.

        Raises:
            ProtocolError: with the answer to send, after which the connection must be closed.
        """
        self._buffer += data
        requests: list[Request] = []
        while True:
            # RFC 9112 §2.2: empty lines before a request line are ignored.
            while self._buffer[:2] == b"\r\n":
                del self._buffer[:2]
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEAD:
                    raise _error(431, "the head is too long")
                return requests
            if end > MAX_HEAD:
                raise _error(431, "the head is too long")
            head = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            requests.append(_parse(head))


def _error(status: int, message: str) -> ProtocolError:
    return ProtocolError(message, reply=respond(status, f"{message}\n", keep_alive=False))


def _parse(head: bytes) -> Request:
    lines = head.split(b"\r\n")
    words = lines[0].split(b" ")
    if len(words) != 3 or not words[0] or not _TOKEN.issuperset(words[0]) or not words[1].isascii():
        raise _error(400, "bad request line")
    if not words[2].startswith(b"HTTP/1."):
        raise _error(505, "only HTTP/1.1 is spoken here")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or not _TOKEN.issuperset(name) or b"\n" in line or b"\r" in line or b"\0" in line:
            raise _error(400, "bad header")
        headers[name.decode("ascii").lower()] = value.strip(b" \t").decode("latin-1")
    if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
        raise _error(413, "no request here has a body")
    tokens = {token.strip().lower() for token in headers.get("connection", "").split(",")}
    keep_alive = "keep-alive" in tokens if words[2] == b"HTTP/1.0" else "close" not in tokens
    path = words[1].decode("ascii").partition("?")[0]
    return Request(words[0].decode("ascii"), path, headers, keep_alive)


def respond(
    status: int,
    body: str | bytes,
    *,
    kind: str = "text/plain; charset=utf-8",
    keep_alive: bool = True,
    head_only: bool = False,
) -> bytes:
    """The bytes of an answer."""
    content = body.encode() if isinstance(body, str) else body
    lines = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(content)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        *(["Allow: GET, HEAD"] if status == 405 else []),
        *([] if keep_alive else ["Connection: close"]),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if head_only else content)
