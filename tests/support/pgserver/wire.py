"""A client that says what it is told, byte by byte if need be, and shows every message that comes back."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Self, TypeVar

from socketworkers_pgwire.codec import (
    SSL_REQUEST,
    BackendKeyData,
    Decoder,
    ErrorResponse,
    Message,
    ReadyForQuery,
    Report,
    encode_cancel_request,
    encode_query,
    encode_startup,
)

__all__ = ["Gone", "Wire"]

M = TypeVar("M")


class Gone(Exception):
    """The server has closed the connection."""


class Wire:
    """One connection.

    Args:
        address: host and port.
        timeout: seconds that one message may take.
    """

    def __init__(self, address: tuple[str, int], *, timeout: float = 20.0) -> None:
        self.socket: socket.socket = socket.create_connection(address, timeout)
        self._decoder = Decoder(role="frontend", max_message=1 << 28)
        self._waiting: list[Message] = []
        self.key: BackendKeyData | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *data: bytes) -> Self:
        """Say this."""
        self.socket.sendall(b"".join(data))
        return self

    def byte(self) -> bytes:
        """One byte of an answer that is no message; b"" at the end."""
        try:
            return self.socket.recv(1)
        except ConnectionError:
            return b""

    def secure(self, context: ssl.SSLContext, *, direct: bool = False) -> Self:
        """Go on in TLS; ``direct`` without asking for it."""
        if not direct:
            assert self.send(SSL_REQUEST).byte() == b"S"
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        return self

    def message(self) -> Message:
        """The next message.

        Raises:
            Gone: there is none any more.
        """
        while not self._waiting:
            try:
                data = self.socket.recv(1 << 16)
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                raise Gone
            self._waiting = self._decoder.receive(data)
            assert self._decoder.fault is None, self._decoder.fault
        return self._waiting.pop(0)

    def until(self, kind: type[M] | Callable[[Message], bool]) -> list[Message]:
        """Messages up to the first of a kind, or the first that a function finds good."""
        found = []
        while True:
            message = self.message()
            found.append(message)
            if isinstance(message, kind) if isinstance(kind, type) else kind(message):
                return found

    def ready(self) -> list[Message]:
        """Messages up to ReadyForQuery."""
        return self.until(ReadyForQuery)

    def rest(self) -> list[Message]:
        """Messages up to the end of the connection."""
        found = []
        try:
            while True:
                found.append(self.message())
        except Gone:
            return found

    def log_in(self, user: str = "postgres", database: str = "postgres", version: int = 0x30000, **more: str) -> Self:
        """Start a session that asks for no password."""
        options = {"user": user, "database": database, **more}
        self.send(encode_startup({name.encode(): value.encode() for name, value in options.items()}, version))
        for message in self.ready():
            if isinstance(message, BackendKeyData):
                self.key = message
        return self

    def query(self, sql: str) -> list[Message]:
        """One message of the simple query protocol, and all that it brings."""
        return self.send(encode_query(sql.encode())).ready()

    def error(self, messages: list[Message] | None = None) -> Report:
        """The one error among messages, by default among all up to the end of the connection."""
        (found,) = [each for each in (self.rest() if messages is None else messages) if isinstance(each, ErrorResponse)]
        return found.report

    def cancel(self, address: tuple[str, int]) -> None:
        """Ask on another connection to end what runs here, and wait until that was read."""
        assert self.key is not None
        with Wire(address) as other:
            other.send(encode_cancel_request(self.key.process_id, self.key.key))
            assert other.byte() == b""
