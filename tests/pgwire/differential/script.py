"""Scripts of psql: statements, the data behind COPY, and as much of backslash commands as changes what is sent.

Where a statement ends is decided as psql does, with the tokens of PostgreSQL's own scanner. What our own scripts have
beyond psql stands in comments:

- ``--@ extended`` and ``--@ simple``: the protocol from here on.
- ``--@ types [23, 25]`` and ``--@ params ["1", null]``: of the next statement, with the extended protocol.
- ``--@ binary``: the next statement's results in binary form.
- ``--@ data FILE``: the next statement's data for COPY, from a file in the script's folder.
- ``--@ volatile``: the values of the next statement are not compared, but how many they are, and their types.
- ``--@ unordered``: the order of its rows is not compared, whatever its ORDER BY says.
- ``--@ session NAME``: another connection from here on. ``--@ connect [USER]``: a new one.
- ``--@ fields`` and ``--@ nofields``: whether all fields of errors count from here on, or SQLSTATE alone.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import postgast

from .source import Step

__all__ = ["read_script", "substitute"]

_OPEN, _CLOSE, _SEMICOLON, _BACKSLASH, _COLON = "ASCII_40", "ASCII_41", "ASCII_59", "ASCII_92", "ASCII_58"
_ONCE = ("volatile", "unordered", "binary")


class _End(NamedTuple):
    """Where a statement ends."""

    text: str
    rest: str
    command: str
    """The backslash command that ended it; empty for a semicolon."""


class _Token(NamedTuple):
    kind: str
    start: int
    end: int


def _tokens(data: bytes) -> list[_Token]:
    """The tokens of a text; see `postgast.scan` for what it raises."""
    found = postgast.scan(data.decode())
    name = found.tokens[0].DESCRIPTOR.fields_by_name["token"].enum_type.values_by_number if found.tokens else {}
    return [_Token(name[token.token].name, token.start, token.end) for token in found.tokens]


def _end(text: str, last: bool) -> _End | None:
    """The first statement of a text, None if it needs more lines."""
    data = text.encode()
    try:
        tokens = _tokens(data)
    except postgast.PgQueryError as error:
        if "unterminated" in str(error) and not last:
            return None
        return _End(text, "", "") if last or text.rstrip().endswith(";") else None
    depth = blocks = 0
    words: list[str] = []
    pieces, begun = [], 0
    for index, token in enumerate(tokens):
        if token.kind in ("SQL_COMMENT", "C_COMMENT"):
            continue
        words.append(token.kind)
        depth += (token.kind == _OPEN) - (token.kind == _CLOSE and depth > 0)
        if words[0] == "CREATE" and ("FUNCTION" in words[:4] or "PROCEDURE" in words[:4]):
            if token.kind == "BEGIN_P" or (token.kind == "CASE" and blocks):
                blocks += 1
            elif token.kind == "END_P" and blocks:
                blocks -= 1
        if token.kind == _BACKSLASH:
            if data[token.end : token.end + 1] == b";":  # one query of several statements
                pieces.append(data[begun : token.start])
                begun = token.end
                continue
            command, _, rest = data[token.end :].decode().partition("\n")
            statement = b"".join([*pieces, data[begun : token.start]]).decode()
            return _End(statement, rest, command)
        if token.kind == _SEMICOLON and not depth and not blocks:
            if index and tokens[index - 1].kind == _BACKSLASH:
                continue
            statement = b"".join([*pieces, data[begun : token.end]]).decode()
            return _End(statement, data[token.end :].decode(), "")
    if last and words:
        return _End(b"".join([*pieces, data[begun:]]).decode(), "", "")
    return None


def _blank(text: str) -> bool:
    """Whether there is nothing but comments."""
    try:
        return all(token.kind in ("SQL_COMMENT", "C_COMMENT") for token in _tokens(text.encode()))
    except postgast.PgQueryError:
        return False


def substitute(text: str, variables: dict[str, str]) -> str:
    """psql's ``:name``, ``:'name'`` and ``:"name"`` for the variables that are set."""
    data = text.encode()
    try:
        tokens = _tokens(data)
    except postgast.PgQueryError:
        return text
    out, at = [], 0
    for token, after in itertools.pairwise(tokens):
        if token.kind != _COLON or after.start != token.end or token.start < at:
            continue
        if data[token.start - 1 : token.start] == b":":
            continue
        word = data[after.start : after.end].decode()
        quote = word[0] if word[0] in "'\"" else ""
        value = variables.get(word.strip("'\"") if quote else word)
        if value is None:
            continue
        out += [data[at : token.start], (quote + value.replace(quote, quote * 2) + quote if quote else value).encode()]
        at = after.end
    return b"".join([*out, data[at:]]).decode()


class _Reader:
    """The state of a script that is read."""

    def __init__(self, text: str, folder: Path) -> None:
        self.folder = folder
        self.lines = text.splitlines(keepends=True)
        self.at = 0
        self.lasting: set[str] = set()
        self.once: set[str] = set()
        self.session = ""
        self.types: list[int] = []
        self.params: list[str | None] = []
        self.data = ""

    def directive(self, words: str) -> Step | None:
        """A comment of ours."""
        name, _, rest = words.strip().partition(" ")
        if name in ("extended", "fields"):
            self.lasting.add(name)
        elif name in ("simple", "nofields"):
            self.lasting.discard("extended" if name == "simple" else "fields")
        elif name == "types":
            self.types = json.loads(rest)
        elif name == "params":
            self.params = json.loads(rest)
        elif name == "data":
            self.data = rest.strip()
        elif name == "session":
            self.session = rest.strip()
        elif name == "connect":
            return Step(self.at, "", connect=rest.strip(), session=self.session)
        elif name in _ONCE:
            self.once.add(name)
        else:
            raise ValueError(f"line {self.at}: there is no directive {name}")
        return None

    def command(self, text: str) -> Step | None:
        """A backslash command on a line of its own."""
        name, _, rest = text.strip().partition(" ")
        words = rest.split()
        if name == "set" and words:
            return Step(self.at, "", assign=(words[0], _arguments(rest.strip()[len(words[0]) :])))
        if name in ("c", "connect"):
            return Step(
                self.at, "", connect=words[1] if len(words) > 1 and words[1] != "-" else "", session=self.session
            )
        if name == "ir":
            self.lines[self.at : self.at] = (self.folder / rest.strip()).read_text(encoding="utf-8").splitlines(True)
        if name == "copy" and "stdin" in rest.lower():
            return self.step(self.at, f"COPY {rest.strip()}", "")
        return None

    def step(self, line: int, sql: str, command: str) -> Step:
        """A statement is complete."""
        flags = frozenset(self.lasting | self.once)
        name, _, rest = command.strip().partition(" ")
        variables = rest.strip() if name == "gset" else None
        sql = sql.strip()
        send: tuple[tuple[Any, ...], ...] = ()
        if "extended" in flags:
            results = [1] if "binary" in flags else []
            bind: tuple[Any, ...] = ("B", "", "", list(self.params), [], results)
            send = (("P", "", sql.rstrip(";"), list(self.types)), ("D", "S", ""), bind, ("D", "P", ""), ("E",))
        copy = tuple(line.encode() for line in self.copy_data(sql))
        self.once, self.types, self.params = set(), [], []
        return Step(line, sql, send, copy, flags, self.session, variables=variables)

    def copy_data(self, sql: str) -> Iterator[str]:
        """The lines behind a COPY FROM STDIN, if there are any."""
        if self.data:
            yield from (self.folder / self.data).read_text(encoding="utf-8").splitlines(keepends=True)
            self.data = ""
            return
        words = sql.lower().split()
        if "copy" not in words or "from" not in words or not any(w.startswith(("stdin", "stdout")) for w in words):
            return
        for end in range(self.at, len(self.lines)):
            line = self.lines[end].rstrip("\r\n")
            if line == "\\.":
                yield from self.lines[self.at : end]
                self.at = end + 1
                return
            if line.lower().startswith(("copy ", "\\", "create ", "drop ", "select ")) and line.endswith(";"):
                return  # it gave an error before it asked for data


def _arguments(text: str) -> str:
    """What psql makes of the arguments of its ``\\set``: put together, without their quotes."""
    out, quoted, at = [], False, 0
    while at < len(text):
        letter = text[at]
        at += 1
        if letter == "'":
            if quoted and text[at : at + 1] == "'":
                out.append("'")
                at += 1
            else:
                quoted = not quoted
        elif quoted or not letter.isspace():
            out.append(letter)
    return "".join(out)


def read_script(text: str, folder: Path) -> Iterator[Step]:
    """The steps of a script.

    Args:
        text: all of it.
        folder: where its files of data are.
    """
    reader = _Reader(text, folder)
    pending, began = "", 0
    while reader.at < len(reader.lines) or pending.strip():
        last = reader.at >= len(reader.lines)
        if not last:
            line = reader.lines[reader.at]
            reader.at += 1
            if not pending.strip():
                pending, began = "", reader.at
                found = None
                if line.startswith("--@"):
                    found = reader.directive(line[3:])
                elif line.lstrip().startswith("\\"):
                    found = reader.command(line.lstrip()[1:])
                elif line.strip() and not line.lstrip().startswith("--"):
                    pending = line
                if found is not None:
                    yield found
                if not pending:
                    continue
            else:
                pending += line
            if ";" not in line and "\\" not in line:
                continue
        while pending.strip() and (end := _end(pending, last)) is not None:
            if not _blank(end.text):
                yield reader.step(began, end.text, end.command)
            pending, began = end.rest, reader.at
            if _blank(pending):
                pending = ""
        if last:
            break
