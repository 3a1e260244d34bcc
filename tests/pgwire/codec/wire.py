"""How the codec's tests write messages byte by byte and read them in every way."""

from __future__ import annotations

from tests.support.feed import feed_all_ways

from socketworkers_pgwire.codec import CopyData, Decoder, Malformed, Message, Role

__all__ = ["STARTUP", "Outcome", "decode", "decode_one", "flatten", "malformed", "raw", "run", "startup"]

MAX_MESSAGE = 1 << 20

Outcome = tuple[list[tuple[str, object]], str, str]
"""Messages with the names of their types (tuples of two types may be equal), SQLSTATE and message of the fault."""


def raw(kind: bytes, *parts: bytes, length: int | None = None) -> bytes:
    """A message, or a startup packet when `kind` is empty."""
    body = b"".join(parts)
    return kind + (len(body) + 4 if length is None else length).to_bytes(4) + body


def startup(version: int, *parts: bytes) -> bytes:
    """A startup packet."""
    return raw(b"", version.to_bytes(4), *parts)


STARTUP = startup(3 << 16, b"user\0u\0\0")


def flatten(messages: list[Message]) -> list[tuple[str, object]]:
    """Messages one by one; how much CopyData of a client came as one says nothing."""
    found: list[tuple[str, object]] = []
    for each in messages:
        if type(each) is CopyData and found and found[-1][0] == "CopyData":
            before = found[-1][1]
            assert isinstance(before, CopyData)
            found[-1] = ("CopyData", CopyData(before.data + each.data))
        else:
            found.append((type(each).__name__, each))
    return found


def run(pieces: list[bytes], *, role: Role = "backend", opened: bool = True, max_message: int = MAX_MESSAGE) -> Outcome:
    """A whole stream: what came of it. A backend is logged in from the start when it is `opened`."""
    decoder = Decoder(role=role, max_message=max_message)
    if opened and role == "backend":
        decoder.open()
    messages: list[Message] = []
    for piece in (*pieces, b""):
        messages += decoder.receive(piece)
        while more := decoder.resume():
            messages += more
        assert decoder.buffered < max(max_message, 10_005) + 5
        assert decoder.fault is None or not decoder.buffered
    if decoder.fault is None:
        assert not decoder.buffered
        return _flat(messages, role), "", ""
    assert decoder.receive(b"S\0\0\0\x04") == decoder.resume() == []
    assert decoder.fault.__traceback__ is None
    assert decoder.fault.__context__ is None
    return _flat(messages, role), decoder.fault.sqlstate, decoder.fault.message


def _flat(messages: list[Message], role: Role) -> list[tuple[str, object]]:
    return flatten(messages) if role == "backend" else [(type(each).__name__, each) for each in messages]


def decode(data: bytes, *, role: Role = "backend", opened: bool = True, max_message: int = MAX_MESSAGE) -> Outcome:
    """All that comes of `data`, the same in whatever way it is cut."""
    return feed_all_ways(data, lambda pieces: run(pieces, role=role, opened=opened, max_message=max_message))


def decode_one(data: bytes, *, role: Role = "backend") -> object:
    """The message that `data` is; two of them are two of it."""
    messages, sqlstate, message = decode(data, role=role)
    assert not sqlstate, message
    ((name, one),) = messages
    if name != "CopyData":
        assert decode(data + data, role=role)[0] == messages * 2
    return one


def malformed(data: bytes) -> tuple[str, str]:
    """SQLSTATE and message of the `Malformed` that a client's `data` is; what stands around it is read."""
    around = b"S\0\0\0\x04"
    messages, sqlstate, message = decode(around + data + around)
    assert not sqlstate, message
    assert [name for name, _ in messages] == ["Sync", "Malformed", "Sync"]
    one = messages[1][1]
    assert isinstance(one, Malformed)
    assert one.type == data[0]
    return one.sqlstate, one.message
