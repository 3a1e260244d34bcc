"""What an expression consists of, and the classes of characters in it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from ...types.errors import SqlError
from ..characters import is_alnum, is_alpha, is_digit, is_graph, is_print, is_punct, is_space

__all__ = [
    "ANYTHING",
    "CLASSES",
    "EMPTY",
    "INFINITE",
    "Alternatives",
    "Assertion",
    "Atom",
    "BackReference",
    "Branch",
    "CharSet",
    "Group",
    "Kind",
    "Look",
    "Options",
    "Prefer",
    "Quantified",
    "Repeat",
    "invalid",
    "is_word",
]

INFINITE = 256  # DUPINF: above the largest count that may be written


def invalid(what: str) -> SqlError:
    """2201B invalid_regular_expression."""
    return SqlError("2201B", f"invalid regular expression: {what}")


def is_word(character: str) -> bool:
    """``\\w``."""
    return character == "_" or is_alnum(character)


def _is_upper(character: str) -> bool:
    return character.lower() != character


def _is_lower(character: str) -> bool:
    return character.upper() != character and character.lower() == character


CLASSES: dict[str, Callable[[str], bool]] = {
    "alnum": is_alnum,
    "alpha": is_alpha,
    "ascii": str.isascii,
    "blank": lambda character: character in " \t" or (is_space(character) and character not in "\n\v\f\r\x85"),
    "cntrl": lambda character: character < " " or "\x7f" <= character <= "\x9f" or character in "\u2028\u2029",
    "digit": is_digit,
    "graph": is_graph,
    "lower": _is_lower,
    "print": is_print,
    "punct": is_punct,
    "space": is_space,
    "upper": _is_upper,
    "xdigit": lambda character: character in "0123456789abcdefABCDEF",
    "word": is_word,
}


@dataclass(frozen=True, slots=True)
class Options:
    """Table 9.24, the embedded options."""

    ignore_case: bool = False
    newline_stops: bool = False
    """``.`` and ``[^`` do not match newlines."""
    newline_anchors: bool = False
    """``^`` and ``$`` match at newlines too."""
    expanded: bool = False
    literal: bool = False
    extended: bool = False
    """ERE: no escapes, no constraints but ``^`` and ``$``, no preference."""


class Prefer(enum.IntEnum):
    """What is preferred among matches that begin at one place."""

    NONE = 0
    LONGEST = 1
    SHORTEST = 2


class Assertion(enum.Enum):
    """A place."""

    START = "\\A"
    END = "\\Z"
    LINE_START = "^"
    LINE_END = "$"
    WORD_START = "\\m"
    WORD_END = "\\M"
    WORD_EDGE = "\\y"
    NO_WORD_EDGE = "\\Y"


class Kind(enum.IntEnum):
    """What assertions want to know of a neighbour."""

    OTHER = 0
    WORD = 1
    NEWLINE = 2
    NOTHING = 3


@dataclass(slots=True, eq=False)
class CharSet:
    """A set of characters."""

    ranges: list[tuple[str, str]] = field(default_factory=list)
    tests: list[Callable[[str], bool]] = field(default_factory=list)
    negated: bool = False
    without_newline: bool = False
    ignore_case: bool = False

    def __contains__(self, character: str) -> bool:
        if self.without_newline and character == "\n":
            return False
        found = self._has(character)
        if not found and self.ignore_case:
            other = character.swapcase()
            found = len(other) == 1 and other != character and self._has(other)
        return found != self.negated

    def _has(self, character: str) -> bool:
        for first, last in self.ranges:
            if first <= character <= last:
                return True
        return any(test(character) for test in self.tests)


@dataclass(slots=True, eq=False)
class Look:
    """A constraint that looks ahead or behind."""

    content: Alternatives
    ahead: bool
    negative: bool


@dataclass(slots=True, eq=False)
class BackReference:
    """The text that a group matched."""

    number: int


@dataclass(slots=True, eq=False)
class Group:
    """Parentheses; with a number that capture."""

    content: Alternatives
    number: int = 0


Atom: TypeAlias = CharSet | Assertion | Look | BackReference | Group


@dataclass(slots=True, eq=False)
class Quantified:
    """An atom with its quantifier."""

    atom: Atom
    least: int = 1
    most: int = 1
    prefer: Prefer = Prefer.NONE


@dataclass(slots=True, eq=False)
class Branch:
    """One after the other."""

    parts: list[Quantified]


@dataclass(slots=True, eq=False)
class Alternatives:
    """One of several."""

    branches: list[Branch]


@dataclass(slots=True, eq=False)
class Repeat:
    """Parts that stand for an automaton of their own, repeated."""

    content: Alternatives
    least: int
    most: int


ANYTHING = CharSet(negated=True)
EMPTY = Alternatives([Branch([])])
