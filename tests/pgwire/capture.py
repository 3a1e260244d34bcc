"""Sends the scenarios to a PostgreSQL 15 and writes what it answers: ``python -m tests.pgwire.capture HOST PORT USER``.

HOST may be a directory with a Unix socket. The user needs no password. Each scenario has a connection of its own, with
an empty temporary table t, and everything is sent at once. The result is in the repository, so that the tests need no
server.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from tests.pgwire.session.scenarios import SCENARIOS, STARTUPS

from socketworkers_pgwire.codec import Decoder, Message, ReadyForQuery, encode_query, encode_startup

SAMPLES = Path(__file__).parent / "samples" / "postgresql15.txt"


def connect(host: str, port: int) -> socket.socket:
    """A connection to a server."""
    if host.startswith("/"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(f"{host}/.s.PGSQL.{port}")
        return sock
    return socket.create_connection((host, port))


def read_until_ready(sock: socket.socket, decoder: Decoder) -> bytes:
    """What comes up to ReadyForQuery."""
    found = b""
    while True:
        data = sock.recv(65536)
        assert data, found
        found += data
        messages: list[Message] = decoder.receive(data)
        assert decoder.fault is None, decoder.fault
        if messages and isinstance(messages[-1], ReadyForQuery):
            return found


def capture(host: str, port: int, user: str, data: bytes) -> bytes:
    """What a server answers to `data`, up to the end of the connection."""
    with connect(host, port) as sock:
        sock.settimeout(20)
        sock.sendall(encode_startup({b"user": user.encode(), b"database": b"postgres"}))
        decoder = Decoder(role="frontend")
        read_until_ready(sock, decoder)
        sock.sendall(encode_query(b"CREATE TEMPORARY TABLE t (a int)"))
        read_until_ready(sock, decoder)
        sock.sendall(data)
        found = b""
        while True:
            try:
                more = sock.recv(65536)
            except ConnectionResetError:  # it closed with our bytes unread
                return found
            if not more:
                return found
            found += more


def capture_whole(host: str, port: int, data: bytes) -> bytes:
    """What a server answers to a connection of this, up to its end."""
    with connect(host, port) as sock:
        sock.settimeout(20)
        sock.sendall(data)
        found = b""
        try:
            while more := sock.recv(65536):
                found += more
        except ConnectionResetError:
            pass
        return found


def write(samples: dict[str, tuple[bytes, bytes]]) -> None:
    """Write the file."""
    lines = ["# Answers of PostgreSQL 15; written by tests.pgwire.capture"]
    for name, (sent, answered) in samples.items():
        lines += [name, *[f"  {escape(data)}" for data in (sent, answered)]]
    SAMPLES.write_text("\n".join(lines) + "\n", encoding="ascii")


def escape(data: bytes) -> str:
    """Bytes as ASCII."""
    return data.decode("latin-1").encode("unicode_escape").decode("ascii")


def unescape(text: str) -> bytes:
    """What `escape` was given."""
    return text.encode("ascii").decode("unicode_escape").encode("latin-1")


def read() -> dict[str, tuple[bytes, bytes]]:
    """Name of each scenario, what was sent, and what was answered."""
    lines = SAMPLES.read_text(encoding="ascii").splitlines()[1:]
    return {lines[at]: (unescape(lines[at + 1][2:]), unescape(lines[at + 2][2:])) for at in range(0, len(lines), 3)}


def main() -> None:
    """Capture all scenarios."""
    host, port, user = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    samples = {name: (data, capture(host, port, user, data)) for name, data in SCENARIOS.items()}
    samples |= {name: (data, capture_whole(host, port, data)) for name, data in STARTUPS.items()}
    write(samples)


if __name__ == "__main__":
    main()
