"""PostgreSQL's own grammar: from the text of statements to their parse trees. Sans-IO.

The shared library of postgast (libpg_query) is called through ctypes, and only its JSON entry is used: the protobuf
module that comes with it takes 0.1 s to import and knows no deep trees. The grammar is PostgreSQL 18's, so that some
statements are taken that PostgreSQL 15 refuses (``1_000``, ``0x10``); what they need beyond 15 is refused by the
analysis.

A node of the tree is a dict with one item, the name of its struct and its fields; fields that are zero, false or empty
are left out. Where a struct has a field of one certain type, its fields stand there at once. `location` counts
*characters* from 0, over the whole text.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import platform
import re
import sys
import threading
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import SqlError
from .grammar_errors import PLACELESS, classify

__all__ = ["Node", "Raw", "Token", "cut_names", "fingerprint", "literals", "normalize", "parse", "scan"]

Node: TypeAlias = dict[str, Any]
"""A node of the parse tree."""

#: frames of Python that the deepest expression may take; PostgreSQL's max_stack_depth allows about as much
_RECURSION = 30_000

#: C stack that the library takes for a level of nesting (140 measured), and what is there for it in any thread
_STACK_PER_LEVEL = 200
_SAFE_LENGTH = 40_000
_MOST_STACK = 1 << 30
_OPERATOR_CHARACTERS = "+-*/%^<>=~!@#&|`?:"

_NAME_LENGTH = 64  # NAMEDATALEN, with the zero behind a name
_IDENT, _UIDENT = 258, 259
#: the same of quoted texts and of whole numbers that are an int4, as Protocol buffers write them
_SCONST, _ICONST = b"\x85\x02", b"\x8a\x02"
#: message ScanToken in field 2 of ScanResult: start, end, token, keyword_kind; one that is 0 is left out
_SCAN_TOKEN = re.compile(
    rb"\x12[\x00-\x7f](?:\x08([\x80-\xff]*[\x00-\x7f]))?(?:\x10([\x80-\xff]*[\x00-\x7f]))?"
    rb"(?:\x20([\x80-\xff]*[\x00-\x7f]))?(?:\x28[\x00-\x7f])?"
)

#: keys of the tree whose values are places in the text, in bytes
_LOCATIONS = frozenset(
    ("location", "name_location", "rexpr_list_start", "rexpr_list_end", "list_start", "list_end", "stmt_location")
)


@dataclass(frozen=True, slots=True)
class Raw:
    """One statement as the grammar gives it."""

    kind: str
    """Name of its node: ``SelectStmt``, ``TransactionStmt``, …"""
    tree: Node
    """The fields of that node."""
    text: str
    """The statement alone, without the semicolon and blanks around it."""
    start: int
    """Where that is in the text it came with; locations count over the whole of it."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the scanner."""

    start: int
    """In bytes of the UTF-8 text."""
    end: int
    code: int
    """Its number in the library's ``enum Token``; an ASCII character that stands for itself is its code."""
    keyword: int
    """0 for none, 1 unreserved, 2 column name, 3 type or function name, 4 reserved."""


class _Error(ctypes.Structure):
    _fields_ = (
        ("message", ctypes.c_char_p),
        ("function", ctypes.c_char_p),
        ("file", ctypes.c_char_p),
        ("line", ctypes.c_int),
        ("position", ctypes.c_int),
        ("context", ctypes.c_char_p),
    )


class _ParseResult(ctypes.Structure):
    _fields_ = (
        ("tree", ctypes.c_char_p),
        ("stderr", ctypes.c_char_p),
        ("error", ctypes.POINTER(_Error)),
    )


class _NormalizeResult(ctypes.Structure):
    _fields_ = (("query", ctypes.c_char_p), ("error", ctypes.POINTER(_Error)))


class _FingerprintResult(ctypes.Structure):
    _fields_ = (
        ("number", ctypes.c_uint64),
        ("text", ctypes.c_char_p),
        ("stderr", ctypes.c_char_p),
        ("error", ctypes.POINTER(_Error)),
    )


class _ScanResult(ctypes.Structure):
    _fields_ = (
        ("length", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("stderr", ctypes.c_char_p),
        ("error", ctypes.POINTER(_Error)),
    )


_FUNCTIONS = {
    "parse": _ParseResult,
    "normalize": _NormalizeResult,
    "fingerprint": _FingerprintResult,
    "scan": _ScanResult,
}
_NAMES = {"Linux": "libpg_query.so", "Darwin": "libpg_query.dylib", "Windows": "pg_query.dll"}


def _load() -> ctypes.CDLL:
    """The library, with the functions that are used declared."""
    found = importlib.util.find_spec("postgast")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("SQL needs the package postgast: pip install socketworkers[pgwire]", name="postgast")
    path = Path(found.origin).parent / _NAMES.get(platform.system(), "libpg_query.so")
    library = ctypes.CDLL(str(path))
    for name, result in _FUNCTIONS.items():
        call = getattr(library, "pg_query_" + name)
        call.argtypes = [ctypes.c_char_p]
        call.restype = result
        free = getattr(library, f"pg_query_free_{name}_result")
        free.argtypes = [result]
        free.restype = None
    # deep expressions are read by recursion, as PostgreSQL does it
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _RECURSION))
    return library


class _Library:
    """The functions of the library, loaded when the first one is called."""

    __slots__ = ("_library",)

    def __init__(self) -> None:
        self._library: ctypes.CDLL | None = None

    def call(self, name: str, text: str) -> Any:
        library = self._library
        if library is None:
            library = self._library = _load()
        call = getattr(library, "pg_query_" + name)
        data = _encode(text)
        # the shortest level is an operator and its operand, so that a short text cannot use the stack up
        return call(data) if len(data) < _SAFE_LENGTH else _call_on_large_stack(call, data)

    def free(self, name: str, result: Any) -> None:
        assert self._library is not None
        getattr(self._library, f"pg_query_free_{name}_result")(result)


def _call_on_large_stack(call: Any, data: bytes) -> Any:
    """Call the library with a stack that is enough for whatever the text nests to: it does not look at its depth.

    What nests without parentheses (those are counted by the grammar: memory exhausted) is operators, and clauses like
    ``IS TRUE`` and ``JOIN``, of which none is shorter than seven characters.
    """
    levels = sum(data.count(character) for character in _OPERATOR_CHARACTERS.encode()) + len(data) // 7
    size = (levels * _STACK_PER_LEVEL + (8 << 20) + 0xFFFF) & ~0xFFFF
    if size > _MOST_STACK:
        raise too_deep()
    results: list[Any] = []
    before = threading.stack_size(size)
    try:
        thread = threading.Thread(target=lambda: results.append(call(data)))
        thread.start()
    except (RuntimeError, ValueError):
        raise SqlError("53200", "out of memory") from None
    finally:
        threading.stack_size(before)
    thread.join()
    return results[0]


_LIBRARY = _Library()


def parse(text: str) -> list[Raw]:
    """The statements of a query string.

    Raises:
        SqlError: 42601 and what else the grammar finds wrong; 54001 it is nested too deep.
    """
    result = _LIBRARY.call("parse", text)
    try:
        if result.error:
            raise _error(result.error.contents)
        data: bytes = result.tree
    finally:
        _LIBRARY.free("parse", result)
    try:
        statements = json.loads(data).get("stmts", ())
        if not text.isascii():
            places = _Places(text)
            for statement in statements:
                places.convert(statement)
    except RecursionError:
        raise too_deep() from None
    return [_raw(text, statement) for statement in statements]


def _raw(text: str, statement: Node) -> Raw:
    ((kind, tree),) = statement["stmt"].items()
    start = statement.get("stmt_location", 0)
    length = statement.get("stmt_len", 0)
    spelled = text[start : start + length] if length else text[start:]
    bare = spelled.lstrip()
    return Raw(kind, tree, bare.rstrip(), start + len(spelled) - len(bare))


def too_deep() -> SqlError:
    """54001 statement_too_complex."""
    return SqlError(
        "54001",
        "stack depth limit exceeded",
        hint='Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring the'
        " platform's stack depth limit is adequate.",
    )


def normalize(text: str) -> str:
    """The text with its constants replaced by parameters.

    Raises:
        SqlError: as `parse`.
    """
    result = _LIBRARY.call("normalize", text)
    try:
        if result.error:
            raise _error(result.error.contents)
        spelled: bytes = result.query
        return spelled.decode()
    finally:
        _LIBRARY.free("normalize", result)


def fingerprint(text: str) -> str:
    """What is equal for statements that differ in constants and blanks only.

    Raises:
        SqlError: as `parse`.
    """
    result = _LIBRARY.call("fingerprint", text)
    try:
        if result.error:
            raise _error(result.error.contents)
        spelled: bytes = result.text
        return spelled.decode()
    finally:
        _LIBRARY.free("fingerprint", result)


def scan(text: str) -> list[Token]:
    """The tokens, comments among them.

    Raises:
        SqlError: what the scanner finds wrong.
    """
    return _tokens(_scan(text))


def literals(text: str) -> list[tuple[int, int, bool]]:
    """Where quoted texts, and whole numbers that are an int4, begin and end, in bytes; whether it is a number.

    It is `scan` without what else there is, and several times as fast.

    Raises:
        SqlError: what the scanner finds wrong.
    """
    return [
        (_varint(start, 0)[0] if start else 0, _varint(end, 0)[0], code == _ICONST)
        for start, end, code in _SCAN_TOKEN.findall(_scan(text))
        if code in (_ICONST, _SCONST)
    ]


def _scan(text: str) -> bytes:
    result = _LIBRARY.call("scan", text)
    try:
        if result.error:
            raise _error(result.error.contents)
        return ctypes.string_at(result.data, result.length)
    finally:
        _LIBRARY.free("scan", result)


def cut_names(text: str) -> list[tuple[str, str]]:
    """Names that are longer than PostgreSQL keeps them, and what is left of each: a NOTICE 42622 each.

    Raises:
        SqlError: what the scanner finds wrong.
    """
    data = text.encode()
    # nearly no text has such a name, so first it is seen whether there can be one
    words = (*data.split(), *data.split(b'"')[1::2])
    if all(len(word) < _NAME_LENGTH for word in words):
        return []
    found = []
    for token in scan(text):
        length = token.end - token.start
        if length > _NAME_LENGTH - 1 and token.code in (_IDENT, _UIDENT):
            name = data[token.start : token.end]
            if name[:1] == b'"':
                name = name[1:-1].replace(b'""', b'"')
            if len(name) >= _NAME_LENGTH:
                cut = name[: _NAME_LENGTH - 1].decode(errors="ignore")
                found.append((name.decode(), cut))
    return found


def _tokens(data: bytes) -> list[Token]:
    """Protocol buffers: message ScanResult, whose field 2 is repeated; all that is in it are numbers."""
    tokens = []
    place, end = 0, len(data)
    while place < end:
        tag = data[place]
        number, place = _varint(data, place + 1)
        if tag != 0x12:  # the version
            continue
        stop = place + number
        fields = [0, 0, 0, 0, 0, 0]
        while place < stop:
            tag = data[place]
            number, place = _varint(data, place + 1)
            fields[tag >> 3] = number
        tokens.append(Token(fields[1], fields[2], fields[4], fields[5]))
    return tokens


def _varint(data: bytes, place: int) -> tuple[int, int]:
    byte = data[place]
    place += 1
    if byte < 0x80:
        return byte, place
    value, shift = byte & 0x7F, 7
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def _encode(text: str) -> bytes:
    if "\0" in text:  # it would end the text for the library
        raise SqlError("22021", 'invalid byte sequence for encoding "UTF8": 0x00')
    return text.encode()


def _error(error: Any) -> SqlError:
    message = error.message.decode()
    function = (error.function or b"").decode()
    sqlstate, hint = classify(message, function)
    position: int = error.position
    placed = position > 0 and message not in PLACELESS
    return SqlError(sqlstate, message, hint=hint, position=position if placed else None)


class _Places:
    """Turns places in bytes into places in characters."""

    __slots__ = ("_shifts", "_starts")

    def __init__(self, text: str) -> None:
        self._starts: list[int] = []
        self._shifts: list[int] = []
        shift = place = 0
        for character in text:
            place += 1
            if character > "\x7f":
                more = len(character.encode()) - 1
                place += more
                shift += more
                self._starts.append(place)
                self._shifts.append(shift)

    def character(self, place: int) -> int:
        behind = bisect_right(self._starts, place)
        return place - self._shifts[behind - 1] if behind else place

    def convert(self, node: Any) -> None:
        """Rewrite the places of a node and of all within it."""
        if isinstance(node, list):
            for each in node:
                self.convert(each)
            return
        length = node.get("stmt_len")
        if length:
            start = node.get("stmt_location", 0)
            node["stmt_len"] = self.character(start + length) - self.character(start)
        for key, value in node.items():
            if isinstance(value, dict | list):
                self.convert(value)
            elif key in _LOCATIONS and value > 0:
                node[key] = self.character(value)
