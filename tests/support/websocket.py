"""WebSocket by hand: frames that nobody else would send, and a client that keeps to no rule (RFC 6455)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from socketworkers.testing import AppClient, Peer

__all__ = ["KEY", "Frame", "ask", "client_frame", "close", "frame", "open_websocket", "read_frame", "request"]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MASK = b"\x37\xfa\x21\x3d"  # RFC 6455 §5.7
#: RFC 6455 §1.3, and what a server answers to it
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


class Frame(NamedTuple):
    """A frame as it was read."""

    first: int
    payload: bytes
    masked: bool = False


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = None,
    form: int | None = None,
    claim: int | None = None,
) -> bytes:
    """Any frame, right or wrong.

    Args:
        opcode: four bits.
        payload: before masking.
        fin: the bit.
        rsv: three bits.
        mask: the key; None for an unmasked frame.
        form: 7, 16 or 64 bits for the length; the shortest by default.
        claim: the length that the header tells.
    """
    size = len(payload) if claim is None else claim
    form = form or (7 if size < 126 else 16 if size < 65536 else 64)
    first = fin << 7 | rsv << 4 | opcode
    bit = 0x80 if mask is not None else 0
    head = {
        7: lambda: struct.pack("!BB", first, bit | size),
        16: lambda: struct.pack("!BBH", first, bit | 126, size),
        64: lambda: struct.pack("!BBQ", first, bit | 127, size),
    }[form]()
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[place & 3] for place, byte in enumerate(payload))


def client_frame(opcode: int, payload: bytes = b"", **options: int | bool | None) -> bytes:
    """As ``frame``, masked as a client has to."""
    return frame(opcode, payload, mask=MASK, **options)  # type: ignore[arg-type]


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """A client's Close frame."""
    return client_frame(CLOSE, (struct.pack("!H", code) if code is not None else b"") + reason)


def request(path: str = "/", *, drop: Sequence[str] = (), method: str = "GET", **fields: str | bytes | None) -> bytes:
    """A client's handshake.

    Args:
        path: request target.
        drop: names of fields to leave out.
        method: of HTTP.
        fields: more, or other, fields; ``_`` in a name stands for ``-``.
    """
    lines: dict[str, str | bytes | None] = {
        "host": "server.example.com",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-key": KEY,
        "sec-websocket-version": "13",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    head = f"{method} {path} HTTP/1.1\r\n".encode()
    for name, value in lines.items():
        if value is not None and name not in drop:
            head += name.encode() + b": " + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    return head + b"\r\n"


async def ask(peer: Peer, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send a request; status, fields and (of a refusal) body of the answer."""
    await peer.send(data)
    head = (await peer.expect(rb"HTTP/1\.1 [\s\S]*?\r\n\r\n"))[0].decode("latin-1")
    line, *rest = head.removesuffix("\r\n\r\n").split("\r\n")
    fields = {name.lower(): value for name, _, value in (each.partition(": ") for each in rest)}
    status = int(line.split(" ")[1])
    body = await peer.read_exactly(int(fields["content-length"])) if "content-length" in fields else b""
    return status, fields, body


async def open_websocket(client: Peer | AppClient, path: str = "/", **fields: str) -> Peer:
    """A raw connection on which the handshake is done."""
    status, answer, _ = await ask(client, request(path, **fields))
    assert status == 101
    assert answer["sec-websocket-accept"] == ACCEPT
    return client


async def read_frame(peer: Peer) -> Frame:
    """The next frame."""
    first, second = await peer.read_exactly(2)
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(await peer.read_exactly(2), "big")
    elif size == 127:
        size = int.from_bytes(await peer.read_exactly(8), "big")
    mask = await peer.read_exactly(4) if second & 0x80 else b""
    payload = await peer.read_exactly(size) if size else b""
    if mask:
        payload = bytes(byte ^ mask[place & 3] for place, byte in enumerate(payload))
    return Frame(first, payload, bool(mask))
