"""The decoder: bytes of one side of a connection in, messages out. Sans-IO.

`Decoder.receive` reads all messages of a chunk in one loop. It never raises: what breaks the framing ends the stream,
what came before it is returned, and `Decoder.fault` says what is wrong. Nothing is ever looked for behind a fault: one
length field rules (P2, CVE-2024-27304). However the bytes are cut, the messages and the fault are the same.

A client's message whose frame is sound and whose content is not becomes a `Malformed`: PostgreSQL answers such a
message with an error and goes on with the next one, and so must a session that wants to be taken for it.

Until a client is logged in every message may change what the next one has to be, so the decoder of a server stops
behind each and waits for `resume`. Only what arrived is kept, never what was announced (C4).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from .authentication import Authentication, PasswordMessage, decode_authentication
from .copying import (
    CopyData,
    CopyDone,
    CopyFail,
    CopyResponse,
    decode_copy_fail,
    decode_copy_response,
)
from .errors import MalformedMessage
from .extended import (
    DESCRIBE_UNNAMED,
    EXECUTE_UNNAMED,
    SYNC,
    SYNCHRONIZE,
    Bind,
    BindComplete,
    Close,
    CloseComplete,
    Describe,
    Execute,
    Flush,
    NoData,
    ParameterDescription,
    Parse,
    ParseComplete,
    PortalSuspended,
    Sync,
    decode_bind,
    decode_close,
    decode_describe,
    decode_execute,
    decode_parameter_description,
    decode_parse,
    encode_describe,
    encode_execute,
)
from .fields import check_end
from .message_types import FrontendType, Role, frontend_limits
from .query import (
    CommandComplete,
    EmptyQueryResponse,
    FunctionCall,
    FunctionCallResponse,
    Query,
    Terminate,
    decode_command_complete,
    decode_function_call,
    decode_function_call_response,
    decode_query,
)
from .report import ErrorResponse, NoticeResponse, decode_report
from .rows import DataRow, RowDescription, decode_data_row, decode_row_description
from .startup import (
    MAX_STARTUP,
    NegotiateProtocolVersion,
    NegotiationAnswer,
    StartupMessage,
    StartupPacket,
    decode_negotiate_protocol_version,
    decode_startup,
)
from .status import (
    BackendKeyData,
    NotificationResponse,
    ParameterStatus,
    ReadyForQuery,
    decode_backend_key_data,
    decode_notification,
    decode_parameter_status,
    decode_ready_for_query,
)

__all__ = ["MAX_BEFORE_LOGIN", "Decoder", "Malformed", "Message"]

MAX_BEFORE_LOGIN = 16_384
"""Most that the length of a message may say before the client is logged in (C4)."""


class Malformed(NamedTuple):
    """A message of a client whose length is right and whose content is not."""

    type: int
    """First byte of the message."""
    message: str
    """What is wrong with it."""
    sqlstate: str


Message: TypeAlias = (
    Bind
    | Execute
    | Sync
    | Parse
    | Describe
    | Query
    | CopyData
    | Close
    | Flush
    | CopyDone
    | CopyFail
    | FunctionCall
    | Terminate
    | PasswordMessage
    | StartupPacket
    | Malformed
    | DataRow
    | RowDescription
    | CommandComplete
    | ReadyForQuery
    | ParseComplete
    | BindComplete
    | CloseComplete
    | NoData
    | PortalSuspended
    | EmptyQueryResponse
    | ParameterDescription
    | ErrorResponse
    | NoticeResponse
    | NotificationResponse
    | ParameterStatus
    | BackendKeyData
    | CopyResponse
    | FunctionCallResponse
    | Authentication
    | NegotiateProtocolVersion
    | NegotiationAnswer
)

_Reader: TypeAlias = Callable[[bytes, int, int], Message]


def _plain(one: Message) -> _Reader:
    """A reader of messages that have no fields."""

    def read(data: bytes, position: int, end: int) -> Message:
        check_end(position, end)
        return one

    return read


def _only_type(one: Message) -> _Reader:
    """A reader of messages whose content PostgreSQL never looks at."""
    return lambda data, position, end: one


def _copy_data(data: bytes, position: int, end: int) -> CopyData:
    return CopyData(data[position:end])


_FRONTEND: Final[dict[int, _Reader]] = {
    0x42: decode_bind,
    0x43: decode_close,
    0x44: decode_describe,
    0x45: decode_execute,
    0x46: decode_function_call,
    0x48: _plain(Flush()),
    0x50: decode_parse,
    0x51: decode_query,
    0x53: _plain(Sync()),
    0x58: _only_type(Terminate()),
    0x63: _only_type(CopyDone()),
    0x64: _copy_data,
    0x66: decode_copy_fail,
    0x70: lambda data, position, end: PasswordMessage(data[position:end]),
}
_BACKEND: Final[dict[int, _Reader]] = {
    0x31: _plain(ParseComplete()),
    0x32: _plain(BindComplete()),
    0x33: _plain(CloseComplete()),
    0x41: decode_notification,
    0x43: decode_command_complete,
    0x44: decode_data_row,
    0x45: lambda data, position, end: ErrorResponse(decode_report(data, position, end)),
    0x47: lambda data, position, end: decode_copy_response(data, position, end, 0x47),
    0x48: lambda data, position, end: decode_copy_response(data, position, end, 0x48),
    0x49: _plain(EmptyQueryResponse()),
    0x4B: decode_backend_key_data,
    0x4E: lambda data, position, end: NoticeResponse(decode_report(data, position, end)),
    0x52: decode_authentication,
    0x53: decode_parameter_status,
    0x54: decode_row_description,
    0x56: decode_function_call_response,
    0x57: lambda data, position, end: decode_copy_response(data, position, end, 0x57),
    0x5A: decode_ready_for_query,
    0x63: _plain(CopyDone()),
    0x64: _copy_data,
    0x6E: _plain(NoData()),
    0x73: _plain(PortalSuspended()),
    0x74: decode_parameter_description,
    0x76: decode_negotiate_protocol_version,
}
_AUTHENTICATION: Final = {int(FrontendType.PASSWORD): MAX_BEFORE_LOGIN}

_BIND: Final = int(FrontendType.BIND)
_COPY: Final = int(FrontendType.COPY_DATA)
#: what most drivers send behind a Bind, recognized as a whole
_DESCRIBE: Final = encode_describe(b"P")
_EXECUTE: Final = encode_execute()
_head = struct.Struct(">BI").unpack_from

_STARTUP, _LOGIN, _OPEN = range(3)


class Decoder:
    """Reads what one peer sends.

    Args:
        role: the side that reads: ``backend`` for what clients send.
        max_message: most that the length of a message may say; for a backend it holds from `open` on.
        negotiating: for a frontend that has sent SSLRequest or GSSENCRequest: the first byte answers it. Nothing is
            read behind that byte until `resume`: look at `buffered` before (CVE-2021-23222).
    """

    __slots__ = ("_held", "_limits", "_need", "_negotiating", "_phase", "_stopped", "fault", "max_message", "role")

    def __init__(self, *, role: Role = "backend", max_message: int = 1 << 26, negotiating: bool = False) -> None:
        self.role: Role = role
        self.max_message = max_message
        self._held: bytearray | None = None
        self._need = 0
        self._phase = _STARTUP if role == "backend" else _OPEN
        self._limits = dict.fromkeys(_BACKEND, max_message) if role == "frontend" else _AUTHENTICATION
        self._negotiating = negotiating
        self._stopped = False
        self.fault: MalformedMessage | None = None
        """What ended the stream; None while it is good. Nothing is read after a fault."""

    @property
    def buffered(self) -> int:
        """Bytes that came and were not read."""
        return 0 if self._held is None else len(self._held)

    @property
    def opened(self) -> bool:
        """Whether `open` was called, or need not be."""
        return self._phase == _OPEN

    def open(self) -> None:
        """The client is logged in: all of its messages may come, as long as `max_message` allows."""
        self._phase = _OPEN
        self._limits = frontend_limits(self.max_message)

    def resume(self) -> list[Message]:
        """Go on behind the message where the decoder stopped."""
        if self.fault is not None or not self._stopped:
            return []
        self._stopped = False
        held = self._held
        if held is None:
            return []
        self._held = None
        return self._take(bytes(held))

    def receive(self, data: bytes) -> list[Message]:
        """Read a chunk of the stream.

        Args:
            data: what came; b"" is the end of the stream, which is a fault within a message.

        Returns:
            The messages that are complete. Look at `fault` afterwards. While the decoder waits for `resume` there are
            none, and the end of the stream is not noted: say it again afterwards.
        """
        if self.fault is not None:
            return []
        held = self._held
        if self._stopped:
            if held is not None:
                held += data
            elif data:
                self._held = bytearray(data)
            return []
        if held is not None:
            if data and len(held) + len(data) < self._need:
                held += data
                return []
            self._held = None
            if data:
                data = b"".join((held, data))
            else:
                self.fault = MalformedMessage("the connection ended within a message", "08006", silent=True)
                return []
        return self._take(data)

    def _take(self, data: bytes) -> list[Message]:
        messages: list[Message] = []
        try:
            if self._phase == _OPEN and not self._negotiating:
                position = self._read(data, messages)
            else:
                position = self._read_one(data, messages)
        except MalformedMessage as fault:
            fault.__context__ = None  # neither frames nor what came may live as long as the connection
            self.fault = fault.with_traceback(None)
            return messages
        if position < len(data):
            self._held = bytearray(data[position:] if position else data)
        return messages

    def _read(self, data: bytes, messages: list[Message]) -> int:
        """Append the messages of `data` to `messages`; the position behind the last complete one is returned.

        Raises:
            MalformedMessage: what is wrong with the framing of the message behind.
        """
        position, end = 0, len(data)
        limits = self._limits
        backend = self.role == "backend"
        readers = _FRONTEND if backend else _BACKEND
        startswith = data.startswith
        append = messages.append
        head = _head
        while position < end:
            start = position + 5
            if start > end:
                if data[position] not in limits:
                    raise _unknown(data[position], backend)
                self._need = 5
                return position
            first, length = head(data, position)
            limit = limits.get(first)
            if limit is None:
                raise _unknown(first, backend)
            if not 4 <= length <= limit:  # what is negative as an Int32 is larger than any limit
                raise MalformedMessage("invalid message length")
            stop = position + 1 + length
            if stop > end:
                self._need = stop - position
                return position
            if not backend:
                append(readers[first](data, start, stop))
                position = stop
                continue
            if first == _COPY and startswith(b"d", stop):
                position = self._read_copy_run(data, position, end, limit, append)
                continue
            try:
                append(readers[first](data, start, stop))
            except MalformedMessage as wrong:
                append(Malformed(first, wrong.message, wrong.sqlstate))
            position = stop
            if first == _BIND:
                if startswith(_DESCRIBE, position):
                    append(DESCRIBE_UNNAMED)
                    position += len(_DESCRIBE)
                if startswith(_EXECUTE, position):
                    append(EXECUTE_UNNAMED)
                    position += len(_EXECUTE)
                    if startswith(SYNC, position):
                        append(SYNCHRONIZE)
                        position += len(SYNC)
        return position

    def _read_copy_run(
        self, data: bytes, position: int, end: int, limit: int, append: Callable[[Message], None]
    ) -> int:
        """Read the CopyData of a client that stand in a row from `position` on as one; the first is complete."""
        parts: list[bytes] = []
        head = _head
        while position + 5 <= end:
            first, length = head(data, position)
            stop = position + 1 + length
            if first != _COPY or not 4 <= length <= limit or stop > end:
                break  # the loop that called sees it, too
            parts.append(data[position + 5 : stop])
            position = stop
        append(CopyData(b"".join(parts)))
        return position

    def _read_one(self, data: bytes, messages: list[Message]) -> int:
        """Read one message and stop; see `_read`."""
        end = len(data)
        if not data:
            return 0
        if self._negotiating:
            if data[0] not in b"SGN":
                if data[0] != 0x45:  # ErrorResponse of a server that is older than the request
                    raise MalformedMessage("the answer to a request for encryption is none")
                self._negotiating = False
                return self._read(data, messages)
            messages.append(NegotiationAnswer(data[:1]))
            self._negotiating = False
            self._stopped = True
            return 1
        if self._phase == _STARTUP:
            # known from the first bytes that it cannot be one (C3): 10,004 begins with two zero bytes
            if not b"\0\0".startswith(data[:2]):
                raise MalformedMessage("invalid length of startup packet", silent=True)
            if end < 4:
                self._need = 4 if end > 1 else 2
                return 0
            stop = int.from_bytes(data[:4])
            if not 8 <= stop <= MAX_STARTUP + 4:
                raise MalformedMessage("invalid length of startup packet", silent=True)
            start = 4
        else:
            if data[0] not in self._limits:
                raise MalformedMessage(f"expected password response, got message type {data[0]}")
            if end < 5:
                self._need = 5
                return 0
            stop = int.from_bytes(data[1:5]) + 1
            if not 5 <= stop <= MAX_BEFORE_LOGIN + 1:
                raise MalformedMessage("invalid message length")
            start = 5
        if stop > end:
            self._need = stop
            return 0
        if self._phase == _STARTUP:
            packet = decode_startup(data, start, stop)
            if isinstance(packet, StartupMessage):
                self._phase = _LOGIN
            messages.append(packet)
        else:
            messages.append(_FRONTEND[data[0]](data, start, stop))
        self._stopped = True
        return stop


def _unknown(first: int, backend: bool) -> MalformedMessage:
    return MalformedMessage(f"invalid {'frontend' if backend else 'backend'} message type {first}")
