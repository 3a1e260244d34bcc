"""The frames of WebSocket (RFC 6455 §5), for a stream of bytes: borders of frames and messages mean nothing here.

Sans-IO. Payload is handed on as it comes, so a length that is announced costs nothing. Data frames are taken apart
here, in one loop per read; control frames are wsproto's (docs/adr/0006).
"""

from __future__ import annotations

import codecs
import os
import struct
from collections.abc import Callable
from typing import NamedTuple

from wsproto.frame_protocol import FrameProtocol, ParseFailed

__all__ = [
    "Close",
    "Fault",
    "FrameReader",
    "binary_frame",
    "close_frame",
    "masked_frame",
    "ping_frame",
    "pong_frame",
    "xor_in_python",
    "xor_mask",
]

#: RFC 6455 §5.2: FIN, and the opcodes
FIN = 0x80
RSV = 0x70
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN_BINARY = FIN | BINARY
MASKED = 0x80
#: RFC 6455 §5.5: control frames carry at most this much
MAX_CONTROL = 125
#: RFC 6455 §7.4.1
NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED, NO_STATUS, INVALID_DATA, POLICY = (
    1000,
    1001,
    1002,
    1003,
    1005,
    1007,
    1008,
)

_HEADERS = tuple(bytes((FIN_BINARY, size)) for size in range(126))
_MASKED_HEADERS = tuple(bytes((FIN_BINARY, MASKED | size)) for size in range(126))
_header16 = struct.Struct("!BBH").pack
_header64 = struct.Struct("!BBQ").pack
_XOR = tuple(bytes(left ^ right for left in range(256)) for right in range(256))
#: below this size one big integer is faster than four strided translations
_TRANSLATE_FROM = 4096


class Close(NamedTuple):
    """A Close frame: ``code`` is 1005 when it has none (§7.1.5)."""

    code: int
    reason: str


class Fault(NamedTuple):
    """What the peer did wrong, and the code to close with (§7.4.1)."""

    code: int
    message: str


def xor_in_python(data: bytes | memoryview, key: bytes) -> bytes:
    """Mask or unmask (§5.3): each byte with its byte of ``key``, in turn."""
    size = len(data)
    if size < _TRANSLATE_FROM:
        words = (size + 3) >> 2
        number = int.from_bytes(data, "little") ^ int.from_bytes(key * words, "little")
        result = number.to_bytes(words << 2, "little")
        return result if size == words << 2 else result[:size]
    mixed = bytearray(size)
    for place in range(4):
        mixed[place::4] = bytes(data[place::4]).translate(_XOR[key[place]])
    return bytes(mixed)


def _fastest() -> Callable[[bytes | memoryview, bytes], bytes]:
    try:
        from websockets.speedups import apply_mask
    except ImportError:
        return xor_in_python
    return apply_mask  # type: ignore[return-value]  # it takes what has the buffer protocol


#: ``xor_in_python``, or with the extra ``fast`` the same in C, which takes a fiftieth of the time (docs/adr/0006)
xor_mask = _fastest()


def binary_frame(data: bytes) -> bytes:
    """A whole binary message, as a server sends it."""
    size = len(data)
    if size < 126:
        return _HEADERS[size] + data
    if size < 65536:
        return _header16(FIN_BINARY, 126, size) + data
    return _header64(FIN_BINARY, 127, size) + data


def masked_frame(data: bytes) -> bytes:
    """A whole binary message, as a client sends it: under a key that nobody can foretell (§5.3, §10.3)."""
    size = len(data)
    key = os.urandom(4)
    if size < 126:
        header = _MASKED_HEADERS[size]
    elif size < 65536:
        header = _header16(FIN_BINARY, MASKED | 126, size)
    else:
        header = _header64(FIN_BINARY, MASKED | 127, size)
    return b"".join((header, key, xor_mask(data, key)))


def ping_frame(payload: bytes = b"", *, client: bool) -> bytes:
    """A Ping (§5.5.2)."""
    return bytes(FrameProtocol(client, []).ping(payload))


def pong_frame(payload: bytes, *, client: bool) -> bytes:
    """A Pong (§5.5.3)."""
    return bytes(FrameProtocol(client, []).pong(payload))


def close_frame(code: int, reason: str = "", *, client: bool) -> bytes:
    """A Close (§5.5.1). With 1005 it has no code; the reason is cut to what fits."""
    if code == NO_STATUS:
        return bytes(FrameProtocol(client, []).close())
    return bytes(FrameProtocol(client, []).close(code, reason or None))


class FrameReader:
    """Takes frames apart.

    ``receive`` returns payload. What else came is in the attributes: when ``noise`` is not 0 or ``ended`` is true the
    caller looks at ``ping``, ``close`` and ``fault``. Nothing is taken after a Close or a fault (§5.5.1, §7.1.7).

    Args:
        client: whether this is the client's end: masked frames are an error there, unmasked ones on a server (§5.1).
        text: whether text messages are taken, as the bytes of their UTF-8.

    With ``half_close`` set, an empty binary message is the end of the stream: ``finished`` is true from then on, and
    further data is a fault (docs/adr/0011).
    """

    __slots__ = (
        "_client",
        "_continued",
        "_decoder",
        "_empty",
        "_key",
        "_last",
        "_left",
        "_rest",
        "_text",
        "close",
        "ended",
        "fault",
        "finished",
        "half_close",
        "noise",
        "ping",
    )

    def __init__(self, *, client: bool, text: bool = False) -> None:
        self._client = client
        self._text = text
        #: the start of a frame that is not complete: a header, or a control frame
        self._rest = b""
        #: of the payload that is coming
        self._left = 0
        self._key = b""
        self._last = True
        self._continued = False
        self._decoder: codecs.IncrementalDecoder | None = None
        #: whether the message that is coming is binary and had no data yet
        self._empty = False
        self.half_close = False
        self.finished = False
        #: frames without data since the caller looked (controls, empty ones): what a flood is made of
        self.noise = 0
        #: payload of the last Ping; earlier ones need no answer (§5.5.3)
        self.ping: bytes | None = None
        self.close: Close | None = None
        self.fault: Fault | None = None
        #: whether ``close`` or ``fault`` is there
        self.ended = False

    @property
    def buffered(self) -> int:
        """Bytes that are kept until the rest of their header or control frame comes."""
        return len(self._rest)

    def receive(self, data: bytes) -> list[bytes]:
        """Take bytes from the network; returns the payload in them, in pieces that are not empty."""
        chunks: list[bytes] = []
        if self.ended:
            return chunks
        position = 0
        if self._left:
            position = self._go_on(data, chunks)
            if self.ended:
                return chunks
        elif self._rest:
            data = self._rest + data
            self._rest = b""
        end = len(data)
        masked = 0 if self._client else MASKED
        while end - position >= 2:
            first, second = data[position], data[position + 1]
            if (second & MASKED) != masked:
                return self._fail(chunks, PROTOCOL_ERROR, "masked frame" if self._client else "unmasked frame")
            plain = first == FIN_BINARY and not self._continued and not self.finished
            if not plain and (fault := self._judge(first, second)) is not None:
                return self._fail(chunks, *fault)
            size = second & 0x7F
            start = position + 2
            if size > 125:
                if size == 126:
                    start += 2
                    if start > end:
                        break
                    size = data[start - 2] << 8 | data[start - 1]
                    shortest = 126
                else:
                    start += 8
                    if start > end:
                        break
                    size = int.from_bytes(data[start - 8 : start], "big")
                    shortest = 65536
                    if size >> 63:
                        return self._fail(chunks, PROTOCOL_ERROR, "length above 2^63")  # §5.2
                if size < shortest:
                    return self._fail(chunks, PROTOCOL_ERROR, "length not minimal")  # §5.2
            if masked:
                start += 4
                if start > end:
                    break
            stop = start + size
            if first & 0x08:
                if stop > end:
                    break
                self._control(first & 0x0F, data, position, start, stop)
                position = stop
                if self.ended:
                    return chunks
                continue
            if first != FIN_BINARY or not size:
                self._begin(first, size)
            if stop <= end:
                if masked and size:
                    piece = xor_mask(memoryview(data)[start:stop], data[start - 4 : start])
                else:
                    piece = data[start:stop]
                position = stop
                if self._decoder is not None:
                    if not self._add_text(chunks, piece, first >= FIN):
                        return chunks
                elif size:
                    chunks.append(piece)
                continue
            self._left = stop - end
            self._last = first >= FIN
            position = end
            if masked:
                key = data[start - 4 : start]
                turn = (end - start) & 3
                self._key = key[turn:] + key[:turn]
                piece = xor_mask(memoryview(data)[start:], key)
            else:
                piece = data[start:]
            if self._decoder is not None:
                if not self._add_text(chunks, piece, False):
                    return chunks
            elif piece:
                chunks.append(piece)
            break
        if position < end:
            self._rest = data[position:]
        return chunks

    def _go_on(self, data: bytes, chunks: list[bytes]) -> int:
        """More of a payload that began earlier; returns where it ends."""
        taken = min(self._left, len(data))
        self._left -= taken
        if self._key:
            key = self._key
            turn = taken & 3
            self._key = key[turn:] + key[:turn] if self._left else b""
            piece = xor_mask(memoryview(data)[:taken], key)
        else:
            piece = data[:taken]
        if self._decoder is not None:
            self._add_text(chunks, piece, self._last and not self._left)
        elif piece:
            chunks.append(piece)
        return taken

    def _judge(self, first: int, second: int) -> Fault | None:
        """What is wrong with a frame that is no plain message, by its first two bytes."""
        if first & RSV:
            return Fault(PROTOCOL_ERROR, "reserved bit without an extension")  # §5.2
        opcode = first & 0x0F
        if opcode > PONG or BINARY < opcode < CLOSE:
            return Fault(PROTOCOL_ERROR, "reserved opcode")  # §5.2
        if opcode >= CLOSE:
            if not first & FIN:
                return Fault(PROTOCOL_ERROR, "fragmented control frame")  # §5.5
            if second & 0x7F > MAX_CONTROL:
                return Fault(PROTOCOL_ERROR, "control frame that is too long")  # §5.5
        elif self.finished:
            return Fault(PROTOCOL_ERROR, "data behind the end of the stream")
        elif opcode == CONTINUATION:
            if not self._continued:
                return Fault(PROTOCOL_ERROR, "continuation of nothing")  # §5.4
        elif self._continued:
            return Fault(PROTOCOL_ERROR, "new message within a fragmented one")  # §5.4
        elif opcode == TEXT and not self._text:
            return Fault(UNSUPPORTED, "text message")  # §7.4.1; MQTT 5.0 §6 [MQTT-6.0.0-1]
        return None

    def _begin(self, first: int, size: int) -> None:
        """The header of a data frame that is empty or no whole binary message."""
        if first & 0x0F != CONTINUATION:
            self._empty = first & 0x0F == BINARY
        if size:
            self._empty = False
        else:
            self.noise += 1
            self.finished = self.half_close and self._empty and first >= FIN
        self._continued = first < FIN
        if first & 0x0F == TEXT:
            self._decoder = codecs.getincrementaldecoder("utf-8")()

    def _add_text(self, chunks: list[bytes], piece: bytes, final: bool) -> bool:
        """Take text as far as it is UTF-8 (§8.1): up to the byte that breaks it, wherever the network cut it."""
        decoder = self._decoder
        assert decoder is not None
        before = len(decoder.getstate()[0])
        good = len(piece)
        try:
            decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            self._fail(chunks, INVALID_DATA, "text that is not UTF-8")
            if error.reason != "unexpected end of data":
                good = (error.start if error.reason == "invalid start byte" else error.end) - before
        if good > 0:
            chunks.append(piece[:good])
        if final:
            self._decoder = None
        return not self.ended

    def _control(self, opcode: int, data: bytes, position: int, start: int, stop: int) -> None:
        self.noise += 1
        if opcode == PING:
            payload = data[start:stop]
            self.ping = payload if self._client else xor_mask(payload, data[start - 4 : start])
        elif opcode == CLOSE:
            self.ended = True
            protocol = FrameProtocol(self._client, [])
            protocol.receive_bytes(data[position:stop])
            try:
                (frame,) = protocol.received_frames()
            except ParseFailed as error:  # §5.5.1, §7.4: codes that must not be sent, a reason that is not UTF-8
                self.fault = Fault(int(error.code), str(error))
            else:
                assert isinstance(frame.payload, tuple)
                code, reason = frame.payload
                self.close = Close(int(code), reason)

    def _fail(self, chunks: list[bytes], code: int, message: str) -> list[bytes]:
        self.fault = Fault(code, message)
        self.ended = True
        return chunks
