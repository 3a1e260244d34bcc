"""The bytes of POP3: command lines, status lines, and multi-line answers with byte-stuffing. Sans-IO.

RFC 1939 §3, RFC 2449 §4 (lengths) and §8 (response codes).
"""

from __future__ import annotations

from typing import NamedTuple

from socketworkers.errors import ProtocolError

from ..replies import escape

__all__ = ["MAX_LINE", "Command", "CommandError", "Stuffer", "err", "ok", "parse_line", "parse_number"]

MAX_LINE = 255  # RFC 2449 §4, includes CRLF
MAX_AUTH_LINE = 12288  # RFC 5034 §4, as in RFC 4954

_MAX_STATUS = 512  # RFC 2449 §4, includes CRLF


def ok(text: str) -> bytes:
    """A positive status line."""
    return b"+OK " + escape(text, _MAX_STATUS - 16).encode() + b"\r\n"


def err(text: str, code: str = "") -> bytes:
    """A negative status line; `code` is a response code without brackets (RFC 2449 §8, RFC 3206)."""
    mark = f"[{code}] ".encode() if code else b""
    return b"-ERR " + mark + escape(text, _MAX_STATUS - 48).encode() + b"\r\n"


class CommandError(ProtocolError):
    """The peer's command cannot be used; `reply` says so."""

    def __init__(self, text: str, code: str = "", *, close: bool = False) -> None:
        super().__init__(text, reply=err(text, code), close=close)


class Command(NamedTuple):
    """One command line."""

    verb: str
    """In upper case."""
    argument: str
    """The rest behind one space, as it came: spaces may belong to a password (RFC 1939 §7, PASS)."""


def parse_line(line: bytes) -> Command:
    """Read one command line without its CRLF.

    Raises:
        CommandError: control characters or bytes that are not UTF-8.
    """
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise CommandError("the line is not UTF-8") from None
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in text):
        raise CommandError("control characters are not allowed in a command")
    verb, _, argument = text.partition(" ")
    return Command(verb.upper(), argument)


def parse_number(text: str) -> int:
    """A message number or a count of lines: decimal digits only.

    Raises:
        CommandError: anything else.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise CommandError("a number is needed")
    return int(text)


class Stuffer:
    """Makes a multi-line answer of a message: byte-stuffing, CRLF, the final dot (RFC 1939 §3), and TOP's cut (§7).

    Bare CR or LF, which a message that came with BDAT may hold, become CRLF: a client that takes LF for the end of a
    line could otherwise be shown a false end of the answer and, behind it, answers that are not ours (S1).

    Args:
        lines: lines of the body that are wanted, None for all.
    """

    __slots__ = ("_in_header", "_lines", "_start", "_tail", "full")

    def __init__(self, lines: int | None = None) -> None:
        self._lines = lines
        self._in_header = True
        self._start = True
        self._tail = b""
        self.full = False
        """Whether nothing more is wanted: the rest of the message need not be read."""

    def feed(self, data: bytes) -> bytes:
        """The next part of the answer for the next part of the message."""
        if self.full:
            return b""
        data = self._tail + data
        self._tail = b""
        if data.endswith(b"\r"):  # its LF may come
            data, self._tail = data[:-1], b"\r"
        return self._stuff(data)

    def end(self) -> bytes:
        """The end of the answer."""
        rest = b"" if self.full else self._stuff(self._tail)
        self._tail = b""
        self.full = True
        return rest + (b".\r\n" if self._start else b"\r\n.\r\n")

    def _stuff(self, data: bytes) -> bytes:
        if not data:
            return b""
        count = data.count(b"\r\n")
        if data.count(b"\n") != count or data.count(b"\r") != count:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        if self._lines is not None:
            data = self._cut(data)
            if not data:
                return b""
        starts = self._start
        self._start = data.endswith(b"\r\n")
        data = data.replace(b"\r\n.", b"\r\n..")
        return b"." + data if starts and data.startswith(b".") else data

    def _cut(self, data: bytes) -> bytes:
        """Keep the header, the empty line and so many lines of the body."""
        assert self._lines is not None
        position = 0
        if self._in_header:
            if self._start and data.startswith(b"\r\n"):  # the empty line begins this part, or there is no header
                end = 0
            else:
                end = data.find(b"\r\n\r\n")
                end = end + 2 if end >= 0 else -1
            if end < 0:
                return data
            position = end + 2
            self._in_header = False
        while self._lines > 0:
            found = data.find(b"\r\n", position)
            if found < 0:
                return data
            position = found + 2
            self._lines -= 1
        self.full = True
        return data[:position]
