"""Reads an expression: §9.7.3.1 to §9.7.3.7."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .syntax import (
    CLASSES,
    INFINITE,
    Alternatives,
    Assertion,
    Atom,
    BackReference,
    Branch,
    CharSet,
    Group,
    Look,
    Options,
    Prefer,
    Quantified,
    invalid,
)

__all__ = ["parse"]

_MAX_COUNT = 255
_MAX_DEPTH = 100
_CHARACTERS = {"a": "\a", "b": "\b", "B": "\\", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SHORTHANDS = {"d": "digit", "s": "space", "w": "word"}
_ASSERTIONS = {
    "A": Assertion.START,
    "Z": Assertion.END,
    "m": Assertion.WORD_START,
    "M": Assertion.WORD_END,
    "y": Assertion.WORD_EDGE,
    "Y": Assertion.NO_WORD_EDGE,
}
_NAMES = {
    "NUL": "\0", "SOH": "\x01", "STX": "\x02", "ETX": "\x03", "EOT": "\x04", "ENQ": "\x05", "ACK": "\x06",
    "BEL": "\a", "alert": "\a", "BS": "\b", "backspace": "\b", "HT": "\t", "tab": "\t", "LF": "\n", "newline": "\n",
    "VT": "\v", "vertical-tab": "\v", "FF": "\f", "form-feed": "\f", "CR": "\r", "carriage-return": "\r",
    "ESC": "\x1b", "space": " ", "exclamation-mark": "!", "quotation-mark": '"', "number-sign": "#",
    "dollar-sign": "$", "percent-sign": "%", "ampersand": "&", "apostrophe": "'", "left-parenthesis": "(",
    "right-parenthesis": ")", "asterisk": "*", "plus-sign": "+", "comma": ",", "hyphen": "-", "hyphen-minus": "-",
    "period": ".", "full-stop": ".", "slash": "/", "solidus": "/", "zero": "0", "one": "1", "two": "2",
    "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "colon": ":",
    "semicolon": ";", "less-than-sign": "<", "equals-sign": "=", "greater-than-sign": ">", "question-mark": "?",
    "commercial-at": "@", "left-square-bracket": "[", "backslash": "\\", "reverse-solidus": "\\",
    "right-square-bracket": "]", "circumflex": "^", "circumflex-accent": "^", "underscore": "_", "low-line": "_",
    "grave-accent": "`", "left-brace": "{", "left-curly-bracket": "{", "vertical-line": "|", "right-brace": "}",
    "right-curly-bracket": "}", "tilde": "~", "DEL": "\x7f",
}  # fmt: skip


def parse(pattern: str, options: Options) -> tuple[Alternatives, Options, int]:
    """The expression, its options with those that stand in it, and how many groups it captures.

    Raises:
        SqlError: 2201B.
    """
    position = 0
    if pattern.startswith("***="):
        options = replace(options, literal=True)
        position = 4
    elif pattern.startswith("***:"):
        options = replace(options, literal=False, extended=False)
        position = 4
    if not (options.literal or options.extended):
        position, options = _embedded(pattern, position, options)
    if options.literal:
        parts = [Quantified(CharSet([(each, each)], ignore_case=options.ignore_case)) for each in pattern[position:]]
        return Alternatives([Branch(parts)]), options, 0
    parser = _Parser(pattern, position, options)
    found = parser.alternatives(0, outermost=True)
    return found, options, parser.groups


def _embedded(pattern: str, position: int, options: Options) -> tuple[int, Options]:
    """Options in parentheses at the start."""
    if pattern[position : position + 2] != "(?" or not pattern[position + 2 : position + 3].isalpha():
        return position, options
    end = position + 2
    while end < len(pattern) and pattern[end].isascii() and pattern[end].isalpha():
        options = with_option(options, pattern[end])
        end += 1
    if pattern[end : end + 1] != ")":
        raise invalid("invalid embedded option")
    return end + 1, options


def with_option(options: Options, letter: str) -> Options:
    """The options with that of a letter.

    Raises:
        SqlError: 2201B.
    """
    match letter:
        case "b":
            raise invalid("basic regular expressions are not supported")
        case "c":
            return replace(options, ignore_case=False)
        case "e":
            return replace(options, extended=True)
        case "i":
            return replace(options, ignore_case=True)
        case "m" | "n":
            return replace(options, newline_stops=True, newline_anchors=True)
        case "p":
            return replace(options, newline_stops=True, newline_anchors=False)
        case "q":
            return replace(options, literal=True)
        case "s":
            return replace(options, newline_stops=False, newline_anchors=False)
        case "t":
            return replace(options, expanded=False)
        case "w":
            return replace(options, newline_stops=False, newline_anchors=True)
        case "x":
            return replace(options, expanded=True)
        case _:
            raise invalid("invalid embedded option")


class _Parser:
    """A reader of one expression."""

    __slots__ = ("closed", "groups", "options", "pattern", "position")

    def __init__(self, pattern: str, position: int, options: Options) -> None:
        self.pattern = pattern
        self.position = position
        self.options = options
        self.groups = 0
        #: groups that are complete, which is when they may be referred to
        self.closed: set[int] = set()

    def _peek(self, ahead: int = 0) -> str:
        return self.pattern[self.position + ahead : self.position + ahead + 1]

    def _starts(self, text: str) -> bool:
        return self.pattern.startswith(text, self.position)

    def _skip(self) -> None:
        """White space and comments of the expanded syntax, and comments in parentheses."""
        while True:
            start = self.position
            if self.options.expanded:
                while self._peek() and self._peek() in " \t\n\v\f\r":
                    self.position += 1
                if self._peek() == "#":
                    while self._peek() and self._peek() != "\n":
                        self.position += 1
            if not self.options.extended and self._starts("(?#"):
                end = self.pattern.find(")", self.position)
                self.position = len(self.pattern) if end < 0 else end + 1
            if self.position == start:
                return

    def alternatives(self, depth: int, *, outermost: bool = False, within_look: bool = False) -> Alternatives:
        """Up to the closing parenthesis or the end."""
        if depth > _MAX_DEPTH:
            raise invalid("regular expression is too complex")
        branches = [self._branch(depth, outermost, within_look)]
        while self._peek() == "|":
            self.position += 1
            branches.append(self._branch(depth, outermost, within_look))
        if outermost:
            if self._peek():
                raise invalid("parentheses () not balanced")
        elif self._peek() != ")":
            raise invalid("parentheses () not balanced")
        else:
            self.position += 1
        return Alternatives(branches)

    def _branch(self, depth: int, outermost: bool, within_look: bool) -> Branch:
        parts: list[Quantified] = []
        while True:
            self._skip()
            character = self._peek()
            if not character or character == "|":
                return Branch(parts)
            if character == ")" and not (outermost and self.options.extended):
                return Branch(parts)
            if character in "*+?":
                raise invalid("quantifier operand invalid")
            if character == "{" and self._peek(1).isdigit():
                raise invalid("quantifier operand invalid")
            atom = self._atom(depth, within_look)
            self._skip()
            parts.append(self._quantified(atom))

    def _quantified(self, atom: Atom) -> Quantified:
        character = self._peek()
        counted = character == "{" and self._peek(1).isascii() and self._peek(1).isdigit()
        if not character or (character not in "*+?" and not counted):
            return Quantified(atom)
        if isinstance(atom, Assertion | Look):
            raise invalid("quantifier operand invalid")
        self.position += 1
        passes = False
        if character == "{":
            least = self._count()
            most = least
            if self._peek() == ",":
                self.position += 1
                most = self._count() if self._peek().isdigit() else INFINITE
            else:
                passes = True  # {m} takes the preference of its atom
            if self._peek() != "}":
                raise invalid("invalid repetition count(s)" if self._peek() else "braces {} not balanced")
            self.position += 1
            if most < least:
                raise invalid("invalid repetition count(s)")
        else:
            least, most = {"*": (0, INFINITE), "+": (1, INFINITE), "?": (0, 1)}[character]
        prefer = Prefer.LONGEST
        if self._peek() == "?" and not self.options.extended:
            self.position += 1
            prefer = Prefer.SHORTEST
        self._skip()
        if self._peek() in ("*", "+", "?") or (self._peek() == "{" and self._peek(1).isdigit()):
            raise invalid("quantifier operand invalid")
        return Quantified(atom, least, most, Prefer.NONE if passes else prefer)

    def _count(self) -> int:
        start = self.position
        while self._peek().isascii() and self._peek().isdigit():
            self.position += 1
        digits = self.pattern[start : self.position]
        if not digits or len(digits) > 9 or int(digits) > _MAX_COUNT:
            raise invalid("invalid repetition count(s)")
        return int(digits)

    def _one(self, character: str) -> CharSet:
        return CharSet([(character, character)], ignore_case=self.options.ignore_case)

    def _atom(self, depth: int, within_look: bool) -> Atom:
        character = self._peek()
        self.position += 1
        match character:
            case ".":
                return CharSet(negated=True, without_newline=self.options.newline_stops)
            case "^":
                return Assertion.LINE_START if self.options.newline_anchors else Assertion.START
            case "$":
                return Assertion.LINE_END if self.options.newline_anchors else Assertion.END
            case "(":
                return self._group(depth, within_look)
            case "[":
                return self._bracket()
            case "\\":
                if not self.options.extended:
                    return self._escape(within_look)
                if not self._peek():
                    raise invalid("invalid escape \\ sequence")
                self.position += 1
                return self._one(self.pattern[self.position - 1])
            case _:
                return self._one(character)

    def _group(self, depth: int, within_look: bool) -> Group | Look:
        if self._peek() == "?" and not self.options.extended:
            for start, ahead, negative in (
                ("?=", True, False),
                ("?!", True, True),
                ("?<=", False, False),
                ("?<!", False, True),
            ):
                if self._starts(start):
                    self.position += len(start)
                    return Look(self.alternatives(depth + 1, within_look=True), ahead, negative)
            if not self._starts("?:"):
                raise invalid("quantifier operand invalid")
            self.position += 2
            return Group(self.alternatives(depth + 1, within_look=within_look))
        if within_look:  # parentheses capture nothing there
            return Group(self.alternatives(depth + 1, within_look=True))
        self.groups += 1
        number = self.groups
        content = self.alternatives(depth + 1)
        self.closed.add(number)
        return Group(content, number)

    # escapes

    def _escape(self, within_look: bool) -> Atom:
        character = self._peek()
        if not character:
            raise invalid("invalid escape \\ sequence")
        if character in _ASSERTIONS:
            self.position += 1
            return _ASSERTIONS[character]
        if character.lower() in _SHORTHANDS:
            self.position += 1
            return CharSet([], [CLASSES[_SHORTHANDS[character.lower()]]], negated=character.isupper())
        if character in "123456789":
            number = self._back_reference()
            if number is not None:
                if within_look or number not in self.closed:
                    raise invalid("invalid backreference number")
                return BackReference(number)
        return self._one(self._escaped_character())

    def _back_reference(self) -> int | None:
        end = self.position
        while self.pattern[end : end + 1].isascii() and self.pattern[end : end + 1].isdigit():
            end += 1
        digits = self.pattern[self.position : end]
        if len(digits) == 1 or (len(digits) < 6 and int(digits) <= self.groups):
            self.position = end
            return int(digits)
        return None

    def _escaped_character(self) -> str:
        character = self._peek()
        self.position += 1
        if not (character.isascii() and character.isalnum()):
            return character
        if character in _CHARACTERS:
            return _CHARACTERS[character]
        if character == "c":
            if not self._peek():
                raise invalid("invalid escape \\ sequence")
            self.position += 1
            return chr(ord(self.pattern[self.position - 1]) & 0x1F)
        if character in "uUx":
            return self._code(16, *{"u": (4, 4), "U": (8, 8), "x": (1, 255)}[character])
        if character in "01234567":
            self.position -= 1
            return self._code(8, 1, 3)
        raise invalid("invalid escape \\ sequence")

    def _code(self, base: int, least: int, most: int) -> str:
        start = self.position
        digits = "0123456789abcdefABCDEF" if base == 16 else "01234567"
        while self.position - start < most and self._peek() and self._peek() in digits:
            self.position += 1
        text = self.pattern[start : self.position]
        if len(text) < least:
            raise invalid("invalid escape \\ sequence")
        code = int(text, base)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise invalid("invalid escape \\ sequence")
        return chr(code)

    # brackets

    def _bracket(self) -> Atom:
        for start, assertion in (("[:<:]]", Assertion.WORD_START), ("[:>:]]", Assertion.WORD_END)):
            if self._starts(start):
                self.position += len(start)
                return assertion
        negated = self._peek() == "^"
        if negated:
            self.position += 1
        found = CharSet(
            negated=negated,
            without_newline=negated and self.options.newline_stops,
            ignore_case=self.options.ignore_case,
        )
        first = True
        while first or self._peek() != "]":
            if not self._peek():
                raise invalid("brackets [] not balanced")
            self._bracket_item(found, first)
            first = False
        self.position += 1
        return found

    def _bracket_item(self, found: CharSet, first: bool) -> None:
        start = self._bracket_character(found, first)
        if start is None:
            return
        if self._peek() == "-" and self._peek(1) != "]":
            self.position += 1
            if not self._peek():
                raise invalid("brackets [] not balanced")
            end = "-" if self._peek() == "-" else self._bracket_character(None, False)
            if self._peek() == "-" and end == "-":
                self.position += 1
            if end is None or end < start:
                raise invalid("invalid character range")
            found.ranges.append((start, end))
            return
        found.ranges.append((start, start))

    def _bracket_character(self, found: CharSet | None, first: bool) -> str | None:
        """One character; None for a class, which is added to `found`."""
        character = self._peek()
        if character == "[" and self._peek(1) in (":", "=", "."):
            return self._named(found)
        self.position += 1
        if character == "\\" and not self.options.extended:
            letter = self._peek()
            if not letter:
                raise invalid("invalid escape \\ sequence")
            if letter.lower() in _SHORTHANDS:
                self.position += 1
                if found is None:
                    raise invalid("invalid character range")
                test = CLASSES[_SHORTHANDS[letter.lower()]]
                found.tests.append(test if letter.islower() else _not(test))
                return None
            if letter in _ASSERTIONS or letter in "123456789":
                raise invalid("invalid escape \\ sequence")
            return self._escaped_character()
        if character == "-" and not first and found is not None and self._peek() != "]":
            raise invalid("invalid character range")
        return character

    def _named(self, found: CharSet | None) -> str | None:
        kind = self._peek(1)
        end = self.pattern.find(kind + "]", self.position + 2)
        if end < 0:
            raise invalid("brackets [] not balanced")
        name = self.pattern[self.position + 2 : end]
        self.position = end + 2
        if kind == ":":
            if name not in CLASSES:
                raise invalid("invalid character class")
            if found is None:
                raise invalid("invalid character range")
            found.tests.append(CLASSES[name])
            if self.options.ignore_case and name in ("lower", "upper"):
                found.tests += (CLASSES["lower"], CLASSES["upper"])
            return None
        character = name if len(name) == 1 else _NAMES.get(name, "")
        if not character:
            raise invalid("invalid collating element")
        if kind == "=" and found is not None:
            found.ranges.append((character, character))
            return None
        return character


def _not(test: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda character: not test(character)
