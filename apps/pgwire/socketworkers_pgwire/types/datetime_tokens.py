"""The pieces of a date, a time or an interval, and their words: PostgreSQL 15 documentation, B.1 and B.3. Sans-IO."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from .base import SPACES
from .errors import SqlError

__all__ = [
    "INTERVAL_UNITS",
    "MAX_FIELDS",
    "WORDS",
    "Bad",
    "Fault",
    "Kind",
    "Token",
    "Word",
    "Words",
    "fault",
    "fraction",
    "number",
    "tokens",
]

MAX_FIELDS = 25
_MAX_WORK = 153  # what PostgreSQL's buffer holds: each piece and an end for each
_MAX_INTERVAL_WORK = 256
_MAX_TEXT = 4096  # what is between the pieces is bounded too
_WORD_LENGTH = 10  # of longer words the rest is not looked at


class Kind(Enum):
    """What a piece looks like."""

    NUMBER = 1
    STRING = 2
    DATE = 3
    TIME = 4
    TZ = 5
    SPECIAL = 6


class Token(NamedTuple):
    """One piece, in lower case where it has letters."""

    kind: Kind
    text: str


class Bad(Enum):
    """What can be wrong with a piece."""

    FORMAT = 1
    FIELD = 2
    MONTH_OR_DAY = 3
    INTERVAL = 4
    ZONE = 5


class Fault(Exception):
    """A piece is wrong; `fault` makes the error of the statement of it."""

    def __init__(self, kind: Bad) -> None:
        super().__init__(kind.name)
        self.kind = kind


def fault(kind: Bad, type_name: str, text: str) -> SqlError:
    """The error for the whole `text`."""
    match kind:
        case Bad.FIELD:
            return SqlError("22008", f'date/time field value out of range: "{text}"')
        case Bad.MONTH_OR_DAY:
            return SqlError(
                "22008",
                f'date/time field value out of range: "{text}"',
                hint='Perhaps you need a different "datestyle" setting.',
            )
        case Bad.INTERVAL:
            return SqlError("22015", f'interval field value out of range: "{text}"')
        case Bad.ZONE:
            return SqlError("22009", f'time zone displacement out of range: "{text}"')
        case Bad.FORMAT:
            return SqlError("22007", f'invalid input syntax for type {type_name}: "{text}"')


class Words(Enum):
    """Classes of words in dates and times."""

    RESERVED = 1
    MONTH = 2
    WEEKDAY = 3
    UNIT = 4
    ERA = 5
    MERIDIEM = 6
    DAYLIGHT_MODIFIER = 7
    ISO_TIME = 8
    IGNORED = 9
    UNKNOWN = 10


class Word(NamedTuple):
    """What a word means."""

    kind: Words
    value: str | int


def _words() -> dict[str, Word]:
    table = {
        **{each: Word(Words.RESERVED, each) for each in ("epoch", "now", "today", "tomorrow", "yesterday")},
        "infinity": Word(Words.RESERVED, "infinity"),
        "-infinity": Word(Words.RESERVED, "-infinity"),
        "allballs": Word(Words.RESERVED, "allballs"),
        "ad": Word(Words.ERA, "ad"),
        "bc": Word(Words.ERA, "bc"),
        "am": Word(Words.MERIDIEM, "am"),
        "pm": Word(Words.MERIDIEM, "pm"),
        "at": Word(Words.IGNORED, 0),
        "on": Word(Words.IGNORED, 0),
        "dst": Word(Words.DAYLIGHT_MODIFIER, 3600),
        "t": Word(Words.ISO_TIME, "time"),
        "y": Word(Words.UNIT, "year"),
        "m": Word(Words.UNIT, "month"),
        "d": Word(Words.UNIT, "day"),
        "h": Word(Words.UNIT, "hour"),
        "mm": Word(Words.UNIT, "minute"),
        "s": Word(Words.UNIT, "second"),
        "j": Word(Words.UNIT, "julian"),
        "jd": Word(Words.UNIT, "julian"),
        "julian": Word(Words.UNIT, "julian"),
        "dow": Word(Words.UNIT, "dow"),
        "doy": Word(Words.UNIT, "doy"),
        "isodow": Word(Words.UNIT, "isodow"),
        "isoyear": Word(Words.UNIT, "isoyear"),
        "sept": Word(Words.MONTH, 9),
    }
    months = "january february march april may june july august september october november december"
    for value, name in enumerate(months.split(), 1):
        table[name] = table[name[:3]] = Word(Words.MONTH, value)
    weekdays = (
        "sun sunday|mon monday|tue tues tuesday|wed weds wednesday|thu thur thurs thursday|fri friday|sat saturday"
    )
    for value, names in enumerate(weekdays.split("|")):
        for name in names.split():
            table[name] = Word(Words.WEEKDAY, value)
    return table


WORDS = _words()

_UNITS = {
    "microsecond": "us usec usecs usecond useconds microsecon",
    "millisecond": "ms msec msecs msecond mseconds millisecon",
    "second": "s sec secs second seconds",
    "minute": "m min mins minute minutes",
    "hour": "h hr hrs hour hours",
    "day": "d day days",
    "week": "w week weeks",
    "month": "mon mons month months",
    "quarter": "qtr quarter",
    "year": "y yr yrs year years",
    "decade": "dec decs decade decades",
    "century": "c cent century centuries",
    "millennium": "mil mils millennia millennium",
    "ago": "ago",
    "timezone": "timezone",
    "timezone_hour": "timezone_h",
    "timezone_minute": "timezone_m",
}
INTERVAL_UNITS = {spelling: unit for unit, spellings in _UNITS.items() for spelling in spellings.split()}


def word(text: str) -> Word:
    """What a word of a date or time means, by its first ten letters."""
    return WORDS.get(text[:_WORD_LENGTH], _UNKNOWN)


def unit(text: str) -> str | None:
    """The unit of an interval that a word names."""
    return INTERVAL_UNITS.get(text[:_WORD_LENGTH])


_UNKNOWN = Word(Words.UNKNOWN, 0)

_TOKEN = re.compile(
    r"""
    (?P<time>[0-9]+:[0-9:.]*)
  | (?P<date>[0-9]+(?:
        (?P<once>[-/.])[0-9]+(?P=once)(?:[0-9]|(?P=once))*   # a separator twice
      | [-/][0-9]+                                           # or once
      | (?P<other>[-/.])(?![0-9])(?:[A-Za-z0-9]|(?P=other))* # or before letters
    ))
  | (?P<number>[0-9]+(?:\.[0-9]+)? | \.[0-9]*)
  | (?P<word>[A-Za-z]+)
  | (?P<sign>[+-])[ \t-\r]*(?:(?P<zone>[0-9][0-9:.-]*)|(?P<special>[A-Za-z]+))
    """,
    re.VERBOSE | re.ASCII,
)
_NAME_REST = re.compile(r"[A-Za-z0-9+\-/_.:]*", re.ASCII)
_PUNCTUATION = frozenset("!\"#$%&'()*,/:;<=>?@[\\]^_`{|}~")
_BLANKS = frozenset(SPACES)


def tokens(text: str, *, interval: bool = False) -> list[Token]:
    """Cut `text` into pieces.

    Raises:
        Fault: a character that has no place in it, or more pieces than 25.
    """
    text = text.strip(SPACES)
    if len(text) > _MAX_TEXT:
        raise Fault(Bad.FORMAT)
    found: list[Token] = []
    position, end = 0, len(text)
    room = _MAX_INTERVAL_WORK if interval else _MAX_WORK
    while position < end:
        character = text[position]
        if character in _BLANKS:
            position += 1
            continue
        if len(found) >= MAX_FIELDS:
            raise Fault(Bad.FORMAT)
        match = _TOKEN.match(text, position)
        if match is None:
            if character not in _PUNCTUATION:
                raise Fault(Bad.FORMAT)
            position += 1
            continue
        position = match.end()
        group = match.lastgroup
        if match["time"]:
            token = Token(Kind.TIME, match["time"])
        elif match["date"]:
            token = Token(Kind.DATE, match["date"].lower())
        elif match["number"]:
            token = Token(Kind.NUMBER, match["number"])
        elif match["word"]:
            token, position = _name(text, match["word"].lower(), position)
        elif group == "zone" or match["zone"]:
            token = Token(Kind.TZ, match["sign"] + match["zone"])
        else:
            token = Token(Kind.SPECIAL, match["sign"] + match["special"].lower())
        found.append(token)
        room -= len(token.text) + 1
        if room < 0:
            raise Fault(Bad.FORMAT)
    return found


def _name(text: str, name: str, position: int) -> tuple[Token, int]:
    """A word; with what follows it a date like Jan-8-1999, or the name of a zone like America/New_York or Etc/GMT+3."""
    following = text[position : position + 1]
    if following and (
        following in "-/." or ((following == "+" or "0" <= following <= "9") and word(name).kind is Words.UNKNOWN)
    ):
        match = _NAME_REST.match(text, position)
        assert match is not None
        return Token(Kind.DATE, name + match[0].lower()), match.end()
    return Token(Kind.STRING, name), position


_NUMBER = re.compile(r"[ \t-\r]*([+-]?[0-9]+)", re.ASCII)


def number(text: str, position: int = 0, bits: int = 32) -> tuple[int | None, int]:
    """The integer at `position`, as strtol() reads it, and the position behind it; None when there is none.

    Raises:
        OverflowError: it does not fit into so many bits.
    """
    match = _NUMBER.match(text, position)
    if match is None:
        return None, position
    if len(match[1]) > 20 and len(match[1].lstrip("+-0")) > 20:
        raise OverflowError
    value = int(match[1])
    if not -1 << bits - 1 <= value < 1 << bits - 1:
        raise OverflowError
    return value, match.end()


_FRACTION = re.compile(r"\.[0-9]*", re.ASCII)


def fraction(text: str) -> float:
    """The fraction that `text` is, which begins with its point.

    Raises:
        Fault: there is more than that.
    """
    if _FRACTION.fullmatch(text) is None:
        raise Fault(Bad.FORMAT)
    return float(text + "0")
