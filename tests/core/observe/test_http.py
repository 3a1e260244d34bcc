"""The HTTP side of metrics and health: sans-IO, in all cuts of the input, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketworkers.errors import ProtocolError
from socketworkers.observe.health import Health
from socketworkers.observe.http import MAX_HEAD, HttpReader, Request
from socketworkers.telemetry import Telemetry

TWO = (
    b"GET /readyz?verbose HTTP/1.1\r\nHost: x\r\n\r\n\r\nHEAD /healthz HTTP/1.1\r\nhost:y\r\nConnection: Close\r\n\r\n"
)


def test_requests_in_every_cut() -> None:
    for cut in range(len(TWO)):
        reader = HttpReader()
        requests = reader.receive(TWO[:cut]) + reader.receive(TWO[cut:])
        assert [(request.method, request.path, request.keep_alive) for request in requests] == [
            ("GET", "/readyz", True),
            ("HEAD", "/healthz", False),
        ]
    reader = HttpReader()
    found = [request for byte in TWO for request in reader.receive(bytes([byte]))]
    assert [request.headers["host"] for request in found] == ["x", "y"]


def test_http_1_0_closes_by_default() -> None:
    (request,) = HttpReader().receive(b"GET / HTTP/1.0\r\n\r\n")
    assert not request.keep_alive
    (request,) = HttpReader().receive(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert request.keep_alive


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n\r\n", 400),
        (b"G(T / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nname : v\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\na: b\nc: d\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD, 431),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    ],
)
def test_what_is_refused(data: bytes, status: int) -> None:
    with pytest.raises(ProtocolError) as caught:
        HttpReader().receive(data)
    assert caught.value.reply.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close" in caught.value.reply


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_any_bytes_give_requests_or_the_protocols_own_error(chunks: list[bytes]) -> None:
    reader, reply = HttpReader(), b"HTTP/1.1 "
    try:
        for chunk in chunks:
            reader.receive(chunk)
    except ProtocolError as error:
        reply = error.reply
    assert reply.startswith(b"HTTP/1.1 ")


def ask(path: str, *, method: str = "GET", not_ready: str = "") -> tuple[bytes, bytes]:
    health = Health(Telemetry(), lambda: not_ready)
    head, _, body = health.answer(Request(method, path, {}, True)).partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], body


def test_answers() -> None:
    assert ask("/healthz") == (b"HTTP/1.1 200 OK", b"ok\n")
    assert ask("/healthz", not_ready="draining") == (b"HTTP/1.1 200 OK", b"ok\n")
    assert ask("/readyz") == (b"HTTP/1.1 200 OK", b"ready\n")
    assert ask("/readyz", not_ready="draining") == (b"HTTP/1.1 503 Service Unavailable", b"draining\n")
    assert ask("/readyz", method="HEAD") == (b"HTTP/1.1 200 OK", b"")
    assert ask("/readyz", method="DELETE")[0] == b"HTTP/1.1 405 Method Not Allowed"
    assert ask("/")[0] == b"HTTP/1.1 404 Not Found"
    assert b"socketworkers_connections 0.0" in ask("/metrics")[1]
