"""Writes the corpora of WebSocket's fuzz tests: ``python -m tests.fuzz.make_websocket_corpus``.

Frames in every combination that means something, each rule of RFC 6455 broken once, and handshakes. An input that once
found something stays: add it to ``FOUND_*`` below.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from tests.fuzz.mutation import write_corpus
from tests.support.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, client_frame, close, request

HERE = Path(__file__).parent / "corpus" / "websocket"

FOUND_FRAMES: list[bytes] = []
FOUND_HANDSHAKES: list[bytes] = []

SINGLE = [
    client_frame(BINARY, b"data"), client_frame(BINARY), client_frame(BINARY, b"x" * 126),
    client_frame(BINARY, b"x", form=16), client_frame(BINARY, b"x", form=64),
    client_frame(BINARY, b"ab", claim=5), client_frame(BINARY, b"", form=64, claim=1 << 62),
    client_frame(BINARY, b"", form=64, claim=1 << 63), client_frame(BINARY, b"a", fin=False),
    client_frame(CONTINUATION, b"b", fin=False), client_frame(CONTINUATION, b"c"), client_frame(TEXT, b"hi"),
    client_frame(TEXT, b"\xc3", fin=False), client_frame(CONTINUATION, b"\xa4"), client_frame(PING),
    client_frame(PING, b"ping"), client_frame(PONG, b"pong"), client_frame(PING, b"x" * 125),
    client_frame(PING, b"x" * 126), client_frame(PING, fin=False), client_frame(BINARY, b"r", rsv=4),
    client_frame(PING, rsv=1), client_frame(3, b"?"), client_frame(11), close(), close(None), close(1001, b"bye"),
    close(1005), close(1006), close(4999, b"x" * 123), close(1000, b"\xff"), client_frame(CLOSE, b"\x03"),
    b"\x82\x01x", b"\x89\x00", b"\x88\x00", b"\x82", b"\x82\xfe\x01", b"\x82\xff\0\0\0", b"\x30\xff\xff\xff\x7f",
]  # fmt: skip
HEADS: list[dict[str, Any]] = [
    {}, {"origin": "http://localhost"}, {"origin": "null"}, {"sec_websocket_protocol": "mqtt"},
    {"sec_websocket_protocol": "a, mqtt"}, {"sec_websocket_protocol": b"mqtt\xff"}, {"sec_websocket_version": "8"},
    {"sec_websocket_version": None}, {"sec_websocket_key": None}, {"sec_websocket_key": "x"}, {"upgrade": "h2c"},
    {"upgrade": None}, {"connection": "keep-alive, upgrade"}, {"connection": None}, {"host": None}, {"host": ""},
    {"content_length": "0"}, {"content_length": "5"}, {"transfer_encoding": "chunked"}, {"x": "a\r\n b"},
    {"x": "a\nb"}, {"x": "a\0"}, {"cookie": "a=b; c=d"}, {"sec_websocket_extensions": "permessage-deflate"},
    {"x": "y" * 300}, {"x": b"\xe4"},
]  # fmt: skip
TARGETS = [
    "/",
    "/mqtt",
    "/mqtt?a=b",
    "*",
    "a:1",
    "http://h/mqtt",
    "ws://h",
    "ftp://h/",
    "http://[x",
    "//",
    "/%00",
    "/\x7f",
]


def frames() -> list[bytes]:
    """Each frame alone, and each pair: what comes first decides what may follow."""
    return [*FOUND_FRAMES, *SINGLE, *(one + other for one, other in itertools.product(SINGLE, SINGLE))]


def handshakes() -> list[bytes]:
    """Requests, right and wrong ones."""
    found = [request(target, **head) for target in TARGETS for head in HEADS]
    found += [request(method=method, **head) for method in ("POST", "get", "") for head in HEADS]
    found += [request().replace(b"HTTP/1.1", version) for version in (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1 x", b"x")]
    found += [request() + b"x", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    pairs = itertools.islice(itertools.combinations(HEADS[1:], 2), 150)
    found += [request("/mqtt", **{**one, **other}) for one, other in pairs]
    return [*FOUND_HANDSHAKES, *found]


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    write_corpus(HERE / "frames.txt", frames(), "made by make_websocket_corpus.py")
    write_corpus(HERE / "handshakes.txt", handshakes(), "made by make_websocket_corpus.py")
