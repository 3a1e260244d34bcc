"""ErrorResponse and NoticeResponse: "Error and Notice Message Fields" of the PostgreSQL documentation. Sans-IO."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from .errors import MalformedMessage
from .fields import check_end, message, read_string

__all__ = ["FIELD_CODES", "ErrorResponse", "NoticeResponse", "Report", "decode_report", "encode_report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an error or a notice says. Numbers are 0 and texts are empty where there is nothing to say."""

    severity: str = "ERROR"
    """``ERROR``, ``FATAL`` or ``PANIC``; ``WARNING``, ``NOTICE``, ``DEBUG``, ``INFO`` or ``LOG`` in a notice. Sent as
    fields S (which may be translated) and V."""
    sqlstate: str
    """Field C."""
    message: str
    """Field M."""
    detail: str = ""
    """Field D."""
    hint: str = ""
    """Field H."""
    position: int = 0
    """Field P: of a character of the query, the first being 1."""
    internal_position: int = 0
    """Field p: the same in `internal_query`."""
    internal_query: str = ""
    """Field q."""
    where: str = ""
    """Field W: context, one entry a line."""
    schema: str = ""
    """Field s."""
    table: str = ""
    """Field t."""
    column: str = ""
    """Field c."""
    data_type: str = ""
    """Field d."""
    constraint: str = ""
    """Field n."""
    file: str = ""
    """Field F."""
    line: int = 0
    """Field L."""
    routine: str = ""
    """Field R."""

    def fatal(self) -> Report:
        """The same, after which the connection ends."""
        return replace(self, severity="FATAL")


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """ErrorResponse."""

    report: Report


@dataclass(frozen=True, slots=True)
class NoticeResponse:
    """NoticeResponse."""

    report: Report


FIELD_CODES: Final = {
    "C": "sqlstate",
    "M": "message",
    "D": "detail",
    "H": "hint",
    "P": "position",
    "p": "internal_position",
    "q": "internal_query",
    "W": "where",
    "s": "schema",
    "t": "table",
    "c": "column",
    "d": "data_type",
    "n": "constraint",
    "F": "file",
    "L": "line",
    "R": "routine",
}
"""Code of each field of `Report`; the severity is S and V."""
_NUMBERS = frozenset(("position", "internal_position", "line"))
_ORDER = tuple((code.encode(), name) for code, name in FIELD_CODES.items())


def encode_report(report: Report, *, notice: bool = False, encoding: str = "utf-8") -> bytes:
    """One ErrorResponse or NoticeResponse.

    Args:
        report: what it says. A zero byte in a text ends it: texts may quote what a peer sent.
        notice: whether it is a NoticeResponse.
        encoding: Python's name of the client's encoding; what it lacks becomes a question mark.
    """
    severity = report.severity.encode()
    parts = [b"S", severity, b"\0V", severity, b"\0"]
    for code, name in _ORDER:
        value = getattr(report, name)
        if value:
            text = str(value).partition("\0")[0]
            parts += (code, text.encode(encoding, "replace"), b"\0")
    return message(b"N" if notice else b"E", *parts, b"\0")


def decode_report(data: bytes, position: int, end: int) -> Report:
    """Read the body of an ErrorResponse or NoticeResponse.

    Fields that are not known are skipped, as the documentation asks for. Bytes that are no UTF-8 become
    surrogates.

    Raises:
        MalformedMessage: a field without an end, no terminator, no SQLSTATE or message, a number that is none.
    """
    found: dict[str, str | int] = {}
    while True:
        if position >= end:
            raise MalformedMessage("invalid message format")
        code = data[position : position + 1]
        position += 1
        if code == b"\0":
            break
        value, position = read_string(data, position, end)
        text = value.decode("utf-8", "surrogateescape")
        letter = code.decode("latin-1")
        if letter == "V" or (letter == "S" and "severity" not in found):
            found["severity"] = text
            continue
        name = FIELD_CODES.get(letter)
        if name in _NUMBERS:
            if not (value.isdigit() and len(value) < 11):
                raise MalformedMessage("invalid message format")
            found[name] = int(value)
        elif name is not None:
            found[name] = text
    check_end(position, end)
    if "sqlstate" not in found or "message" not in found:
        raise MalformedMessage("invalid message format")
    return Report(**found)  # type: ignore[arg-type]
