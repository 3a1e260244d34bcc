"""The format of transcripts: a dialogue of a client and a server as a text file. Parsing only, no I/O of its own.

A runner (``socketworkers.testing.run_transcript``, or a test that drives a session without I/O) walks the steps.
One line is one step::

    # a comment; empty lines are skipped
    !name argument      something beside the dialogue, for the runner: a setting, a TLS upgrade, an end of stream
    S: 250 Ok           the server's next line is this, without its line end
    S~ 250 .*queued.*   the server's next line matches this regular expression as a whole
    S* 250              the server's next reply, of any number of lines, has this code
    C: NOOP             the client sends this line and CR LF
    C< NOOP\\n           the client sends these bytes as they are: \\r \\n \\t \\0 \\\\ and \\xHH are escapes
    C*300< x\\r\\n        the client sends these bytes 300 times

Client steps that follow each other are sent in one write. Text is UTF-8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Directive", "Expect", "ExpectReply", "Send", "TranscriptStep", "parse_transcript"]

MAX_REPEATED = 16 * 1024 * 1024

_REPEAT = re.compile(r"C\*([0-9]{1,8})< ?")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.?))", re.DOTALL)
_SIMPLE = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Send:
    """The client sends `data`."""

    data: bytes
    line: int
    """Number of the line in the file, from 1."""


@dataclass(frozen=True, slots=True)
class Expect:
    """The server's next line, without its line end, is `text`, or matches it as a whole when `pattern` is set."""

    text: str
    pattern: bool
    line: int

    def matches(self, line: bytes) -> bool:
        """Whether a line of the server (without CRLF) is the expected one."""
        got = line.decode("utf-8", "backslashreplace")
        return re.fullmatch(self.text, got) is not None if self.pattern else got == self.text


@dataclass(frozen=True, slots=True)
class ExpectReply:
    """The server's next reply has this code; its lines are ``code-text`` up to the last, ``code text``."""

    code: str
    line: int

    def matches(self, line: bytes) -> bool:
        """Whether a line of the server (without CRLF) may belong to the reply."""
        return line[:3] == self.code.encode() and line[3:4] in (b"", b" ", b"-")

    def is_last(self, line: bytes) -> bool:
        """Whether a line that matches is the last one of the reply."""
        return line[3:4] != b"-"


@dataclass(frozen=True, slots=True)
class Directive:
    """Something beside the dialogue; what names mean is told beside the files (``README.md`` in their folder)."""

    name: str
    argument: str
    line: int


TranscriptStep: TypeAlias = Send | Expect | ExpectReply | Directive


def parse_transcript(text: str, name: str = "transcript") -> list[TranscriptStep]:
    """Read a transcript.

    Args:
        text: content of the file.
        name: named in errors.

    Raises:
        ValueError: a line that is none of the format, a bad escape or a bad regular expression.
    """
    steps: list[TranscriptStep] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r")
        try:
            step = _parse_line(line, number)
        except (ValueError, re.error) as error:
            raise ValueError(f"{name}, line {number}: {error}") from None
        if step is not None:
            steps.append(step)
    return steps


def _parse_line(line: str, number: int) -> TranscriptStep | None:
    if not line.strip() or line.startswith("#"):
        return None
    if line.startswith("!"):
        name, _, argument = line[1:].partition(" ")
        if not name:
            raise ValueError("a directive needs a name")
        return Directive(name, argument.strip(), number)
    mark, content = line[:2], line[3:] if line[2:3] == " " else line[2:]
    if mark == "C:":
        return Send(content.encode() + b"\r\n", number)
    if mark == "C<":
        return Send(_unescape(content), number)
    if mark == "S:":
        return Expect(content, False, number)
    if mark == "S~":
        re.compile(content)
        return Expect(content, True, number)
    if mark == "S*":
        if not (len(content) == 3 and content.isascii() and content.isdigit()):
            raise ValueError("S* needs a code of three digits")
        return ExpectReply(content, number)
    repeated = _REPEAT.match(line)
    if repeated is not None:
        data = _unescape(line[repeated.end() :])
        times = int(repeated.group(1))
        if times * len(data) > MAX_REPEATED:
            raise ValueError("too much is sent")
        return Send(data * times, number)
    raise ValueError("a line begins with 'C:', 'C<', 'C*N<', 'S:', 'S~', 'S*', '!' or '#'")


def _unescape(text: str) -> bytes:
    parts: list[bytes] = []
    end = 0
    for found in _ESCAPE.finditer(text):
        parts.append(text[end : found.start()].encode())
        end = found.end()
        code, simple = found.groups()
        if code is not None:
            parts.append(bytes((int(code, 16),)))
        elif simple in _SIMPLE:
            parts.append(_SIMPLE[simple].encode())
        else:
            raise ValueError(f"unknown escape \\{simple}")
    parts.append(text[end:].encode())
    return b"".join(parts)
