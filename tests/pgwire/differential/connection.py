"""A client made of the codec: one step at a time, and all that comes back."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from socketworkers_pgwire.codec import (
    COPY_DONE,
    TERMINATE,
    BindComplete,
    CloseComplete,
    CommandComplete,
    CopyData,
    CopyDone,
    CopyInResponse,
    CopyOutResponse,
    DataRow,
    Decoder,
    EmptyQueryResponse,
    ErrorResponse,
    FieldDescription,
    FunctionCallResponse,
    Message,
    NoData,
    NoticeResponse,
    NotificationResponse,
    ParameterDescription,
    ParameterStatus,
    ParseComplete,
    PortalSuspended,
    ReadyForQuery,
    Report,
    RowDescription,
    encode_copy_data,
    encode_query,
    encode_startup,
)

from .answers import Answer, Result

__all__ = ["EMPTY", "SUSPENDED", "Connection", "Lost"]

EMPTY, SUSPENDED = b"(empty)", b"(suspended)"
_MAX_MESSAGE = 1 << 28


class Lost(Exception):
    """The server closed, said nothing for too long, or said what is no message."""


@dataclass(slots=True)
class _Gathering:
    """An answer as it comes in."""

    results: list[Result] = field(default_factory=list)
    error: Report | None = None
    notices: list[Report] = field(default_factory=list)
    settings: list[tuple[bytes, bytes]] = field(default_factory=list)
    notifications: list[tuple[bytes, bytes]] = field(default_factory=list)
    parameter_types: list[tuple[int, ...]] = field(default_factory=list)
    descriptions: list[tuple[FieldDescription, ...] | None] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)
    columns: tuple[FieldDescription, ...] | None = None
    rows: list[tuple[bytes | None, ...]] = field(default_factory=list)
    copied: list[bytes] | None = None

    def finish(self, tag: bytes) -> None:
        """One statement is done."""
        copied = None if self.copied is None else tuple(self.copied)
        self.results.append(Result(self.columns, tuple(self.rows), tag, copied))
        self.columns, self.rows, self.copied = None, [], None

    def answer(self, status: bytes, lost: str = "") -> Answer:
        """What there is."""
        if self.columns is not None or self.rows or self.copied is not None:
            self.finish(b"")  # described and not executed, or cut off by an error
        return Answer(
            tuple(self.results),
            self.error,
            tuple(self.notices),
            tuple(self.settings),
            tuple(self.notifications),
            tuple(self.parameter_types),
            tuple(self.descriptions),
            "".join(self.letters),
            status,
            lost,
        )


class Connection:
    """A connection to a server.

    Args:
        address: host and port.
        user: who connects; no password is ever sent.
        database: where to.
        timeout: seconds that one answer may take.

    Raises:
        Lost: the server does not let us in.
    """

    def __init__(self, address: tuple[str, int], user: str, database: str, *, timeout: float = 30.0) -> None:
        try:
            self._socket = socket.create_connection(address, timeout)
        except OSError as error:
            raise Lost(f"cannot connect: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._decoder = Decoder(role="frontend", max_message=_MAX_MESSAGE)
        self._pending: list[Message] = []
        self.settings: dict[bytes, bytes] = {}
        options = {b"user": user.encode(), b"database": database.encode(), b"client_encoding": b"UTF8"}
        self._socket.sendall(encode_startup(options))
        answer = self._gather(())
        if answer.error is not None or answer.lost:
            self._socket.close()
            raise Lost(answer.lost or f"{answer.error.sqlstate if answer.error else ''} at the start: {answer.error}")
        self.settings.update(answer.settings)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        try:
            self._socket.sendall(TERMINATE)
        except OSError:
            pass  # it is gone already
        self._socket.close()

    def query(self, sql: str, copy: Sequence[bytes] = ()) -> Answer:
        """One message of the simple query protocol.

        Args:
            sql: one statement or more.
            copy: lines for each COPY FROM STDIN that asks for them.
        """
        return self.send(encode_query(sql.encode("utf-8", "surrogateescape")), copy)

    def send(self, data: bytes, copy: Sequence[bytes] = ()) -> Answer:
        """Messages of which the last one is Query, Sync or FunctionCall."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            return Answer(lost=f"cannot send: {type(error).__name__}")
        return self._gather(copy)

    def _gather(self, copy: Sequence[bytes]) -> Answer:
        found = _Gathering()
        while True:
            try:
                message = self._next()
            except Lost as error:
                return found.answer(b"", str(error))
            if isinstance(message, ReadyForQuery):
                return found.answer(message.status)
            if isinstance(message, CopyInResponse):
                found.letters.append("G")
                self._socket.sendall(b"".join([encode_copy_data(line) for line in copy]) + COPY_DONE)
            else:
                _take(found, message)

    def _next(self) -> Message:
        while not self._pending:
            try:
                data = self._socket.recv(1 << 18)
            except TimeoutError:
                raise Lost("no answer in time") from None
            except OSError as error:
                raise Lost(f"connection lost: {type(error).__name__}") from error
            self._pending = self._decoder.receive(data)
            self._pending.reverse()
            if self._decoder.fault is not None and not self._pending:
                raise Lost(f"not PostgreSQL's protocol: {self._decoder.fault}")
            if not data and not self._pending:
                raise Lost("the server closed the connection")
        return self._pending.pop()


def _take(found: _Gathering, message: Message) -> None:
    """One message of an answer."""
    letter = ""
    match message:
        case DataRow():
            found.rows.append(tuple(message.values))
            letter = "" if found.letters and found.letters[-1] == "D" else "D"
        case RowDescription():
            if found.columns is not None and found.rows:
                found.finish(b"")
            found.columns, letter = message.fields, "T"
            found.descriptions.append(message.fields)
        case CommandComplete():
            found.finish(message.tag)
            letter = "C"
        case EmptyQueryResponse():
            found.finish(EMPTY)
            letter = "I"
        case PortalSuspended():
            found.finish(SUSPENDED)
            letter = "s"
        case ErrorResponse():
            found.error = found.error or message.report
            letter = "E"
        case NoticeResponse():
            found.notices.append(message.report)
        case ParameterStatus():
            found.settings.append((message.name, message.value))
        case NotificationResponse():
            found.notifications.append((message.channel, message.payload))
        case ParameterDescription():
            found.parameter_types.append(message.types)
            letter = "t"
        case CopyOutResponse():
            found.copied, letter = [], "H"
        case CopyData():
            if found.copied is None:
                found.copied = []
            found.copied.append(message.data)
        case ParseComplete():
            letter = "1"
        case BindComplete():
            letter = "2"
        case CloseComplete():
            letter = "3"
        case NoData():
            found.descriptions.append(None)
            letter = "n"
        case CopyDone():
            letter = "c"
        case FunctionCallResponse():
            found.rows.append((message.value,))
            letter = "V"
        case _:
            pass  # BackendKeyData; what asks for a password is followed by silence
    if letter:
        found.letters.append(letter)
