"""Reads a path."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from ..errors import SqlError, invalid_input
from ..numeric import parse as parse_numeric
from ..numeric_math import negate
from .nodes import (
    COMPARISONS,
    Accessor,
    AnyKey,
    AnyLevel,
    Binary,
    Constant,
    Current,
    Exists,
    Expression,
    Filter,
    Key,
    Last,
    LikeRegex,
    Method,
    Not,
    Path,
    Root,
    StartsWith,
    Subscripts,
    Unary,
    Unknown,
    Variable,
    WholePath,
    is_predicate,
)

__all__ = ["parse"]

_MAX_DEPTH = 200
_TOKEN = re.compile(
    r"""[ \t\n\r\f]*(?:/\*.*?\*/[ \t\n\r\f]*)*(?:
    (?P<number>(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<variable>\$(?:[^\s?%$.\[\]{}()|&!=<>@#,*:\-+/"\\]|\\.)+)
    |(?P<quoted_variable>\$")
    |(?P<string>")
    |(?P<sign>\*\*|&&|\|\||==|!=|<>|<=|>=|[?%$.\[\]{}()|&!=<>@\#,*:\-+/])
    |(?P<word>(?:[^\s?%$.\[\]{}()|&!=<>@\#,*:\-+/"\\]|\\.)+)
    |(?P<end>\Z))""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_SIMPLE = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_METHODS = frozenset(("abs", "size", "type", "floor", "double", "ceiling", "keyvalue", "datetime"))


class _Token(NamedTuple):
    kind: str
    text: str
    """What it means: of a string its characters."""
    source: str


def _unescape(text: str) -> str:
    def replace(match: re.Match[str]) -> str:
        digits = match[1] or match[2] or match[3]
        if digits:
            code = int(digits, 16)
            if code == 0:
                raise SqlError(
                    "22P05",
                    "unsupported Unicode escape sequence",
                    detail="\\u0000 cannot be converted to text.",
                )
            if code > 0x10FFFF:
                raise SqlError("22P02", "invalid Unicode escape sequence")
            return chr(code)
        return _SIMPLE.get(match[4], match[4])

    text = _ESCAPES.sub(replace, text)
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16") if not text.isascii() else text
    except UnicodeDecodeError:
        raise SqlError("22P02", "invalid input syntax for type jsonpath") from None


class _Parser:
    """A reader of one path."""

    __slots__ = ("depth", "filters", "position", "subscripts", "text", "token")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = self.filters = self.subscripts = 0
        self.token = self._read()

    def _read(self) -> _Token:
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            raise self._syntax_error(self.text[self.position :].strip()[:1])
        self.position = match.end()
        kind = match.lastgroup or "end"
        source = match[kind]
        if kind == "number":
            following = self.text[self.position : self.position + 1]
            if following.isalnum() or following == "_":
                shown = source + following
                raise SqlError("42601", f'trailing junk after numeric literal at or near "{shown}" of jsonpath input')
            return _Token("number", source, source)
        if kind in ("string", "quoted_variable"):
            return self._string("string" if kind == "string" else "variable")
        if kind == "variable":
            return _Token("variable", _unescape(source[1:]), source)
        if kind == "word":
            return _Token("word", _unescape(source), source)
        return _Token(kind, source, source)

    def _string(self, kind: str) -> _Token:
        start = self.position
        while True:
            if self.position >= len(self.text):
                raise SqlError("42601", "unterminated quoted string at end of jsonpath input")
            character = self.text[self.position]
            self.position += 1
            if character == "\\":
                self.position += 1
            elif character == '"':
                source = self.text[start : self.position - 1]
                return _Token(kind, _unescape(source), f'"{source}"')

    def _syntax_error(self, source: str | None = None) -> SqlError:
        shown = self.token.source if source is None else source
        if not shown:
            return SqlError("42601", "syntax error at end of jsonpath input")
        return SqlError("42601", f'syntax error at or near "{shown}" of jsonpath input')

    def _next(self) -> _Token:
        token = self.token
        self.token = self._read()
        return token

    def _is(self, *signs: str) -> bool:
        return self.token.kind == "sign" and self.token.text in signs

    def _is_word(self, *words: str) -> bool:
        return self.token.kind == "word" and self.token.source.lower() in words

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            raise self._syntax_error()
        self._next()

    def whole(self) -> WholePath:
        """All of it."""
        strict = False
        if self._is_word("strict", "lax"):
            strict = self._next().source.lower() == "strict"
        expression = self._or()
        if self.token.kind != "end":
            raise self._syntax_error()
        return WholePath(expression, strict)

    def _predicate(self, expression: Expression) -> Expression:
        if not is_predicate(expression):
            raise self._syntax_error()
        return expression

    def _value(self, expression: Expression) -> Expression:
        if is_predicate(expression):
            raise self._syntax_error()
        return expression

    def _or(self) -> Expression:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise SqlError("54001", "stack depth limit exceeded")
        left = self._and()
        while self._is("||"):
            self._predicate(left)
            self._next()
            left = Binary("||", left, self._predicate(self._and()))
        self.depth -= 1
        return left

    def _and(self) -> Expression:
        left = self._comparison()
        while self._is("&&"):
            self._predicate(left)
            self._next()
            left = Binary("&&", left, self._predicate(self._comparison()))
        return left

    def _comparison(self) -> Expression:
        if self._is("!"):
            self._next()
            return Not(self._delimited())
        left = self._additive()
        if self.token.kind == "sign" and (self.token.text in COMPARISONS or self.token.text in ("<>", "=")):
            self._value(left)
            operator = self._next().text
            operator = {"<>": "!=", "=": "=="}.get(operator, operator)
            return Binary(operator, left, self._value(self._additive()))
        if self._is_word("starts"):
            self._value(left)
            self._next()
            if not self._is_word("with"):
                raise self._syntax_error()
            self._next()
            token = self._next()
            if token.kind == "string":
                return StartsWith(left, Constant(token.text))
            if token.kind == "variable":
                return StartsWith(left, Variable(token.text))
            raise self._syntax_error(token.source)
        if self._is_word("like_regex"):
            return self._like_regex(self._value(left))
        return left

    def _like_regex(self, left: Expression) -> Expression:
        self._next()
        if self.token.kind != "string":
            raise self._syntax_error()
        pattern, flags = self._next().text, ""
        if self._is_word("flag"):
            self._next()
            if self.token.kind != "string":
                raise self._syntax_error()
            flags = self._next().text
            wrong = next((flag for flag in flags if flag not in "ismxq"), None)
            if wrong is not None:
                detail = f'Unrecognized flag character "{wrong}" in LIKE_REGEX predicate.'
                raise SqlError("42601", "invalid input syntax for type jsonpath", detail=detail)
            if "x" in flags and "q" not in flags:
                raise SqlError("0A000", 'XQuery "x" flag (expanded regular expressions) is not implemented')
        return LikeRegex(left, pattern, flags)

    def _delimited(self) -> Expression:
        if self._is_word("exists"):
            return self._predicate(self._primary())
        self._expect("(")
        found = self._predicate(self._or())
        self._expect(")")
        return found

    def _additive(self) -> Expression:
        left = self._multiplicative()
        while self._is("+", "-"):
            self._value(left)
            operator = self._next().text
            left = Binary(operator, left, self._value(self._multiplicative()))
        return left

    def _multiplicative(self) -> Expression:
        left = self._unary()
        while self._is("*", "/", "%"):
            self._value(left)
            operator = self._next().text
            left = Binary(operator, left, self._value(self._unary()))
        return left

    def _unary(self) -> Expression:
        if self._is("+", "-"):
            operator = self._next().text
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                raise SqlError("54001", "stack depth limit exceeded")
            operand = self._value(self._unary())
            self.depth -= 1
            if isinstance(operand, Constant) and isinstance(operand.value, Decimal):
                return operand if operator == "+" else Constant(negate(operand.value))
            return Unary(operator, operand)
        return self._accessors(self._primary())

    def _primary(self) -> Expression:
        token = self.token
        if self._is("("):
            self._next()
            inner = self._or()
            self._expect(")")
            if self._is_word("is"):
                self._predicate(inner)
                self._next()
                if not self._is_word("unknown"):
                    raise self._syntax_error()
                self._next()
                return Unknown(inner)
            return inner
        if self._is_word("exists"):
            self._next()
            self._expect("(")
            inner = self._value(self._or())
            self._expect(")")
            return Exists(inner)
        if token.kind == "string":
            self._next()
            return Constant(token.text)
        if token.kind == "number":
            self._next()
            return Constant(Decimal(parse_numeric(token.text)))
        if token.kind == "variable":
            self._next()
            return Variable(token.text)
        if self._is("$"):
            self._next()
            return Root()
        if self._is("@"):
            if not self.filters:
                raise SqlError("42601", "@ is not allowed in root expressions")
            self._next()
            return Current()
        if token.kind == "word":
            if token.source in ("true", "false", "null"):
                self._next()
                return Constant({"true": True, "false": False}.get(token.source))
            if token.source.lower() == "last":
                if not self.subscripts:
                    raise SqlError("42601", "LAST is allowed only in array subscripts")
                self._next()
                return Last()
        raise self._syntax_error()

    def _accessors(self, base: Expression) -> Expression:
        found: list[Accessor] = []
        while True:
            if self._is("."):
                self._next()
                found.append(self._member())
            elif self._is("["):
                self._next()
                found.append(self._subscripts())
            elif self._is("?"):
                self._next()
                self._expect("(")
                self.filters += 1
                predicate = self._predicate(self._or())
                self.filters -= 1
                self._expect(")")
                found.append(Filter(predicate))
            else:
                return Path(base, tuple(found)) if found else base

    def _member(self) -> Accessor:
        if self._is("*"):
            self._next()
            return AnyKey()
        if self._is("**"):
            self._next()
            return self._levels()
        token = self._next()
        if token.kind == "word" and token.source.lower() in _METHODS and self._is("("):
            self._next()
            if token.source.lower() == "datetime":
                raise SqlError("0A000", "jsonpath item method .datetime() is not supported")
            self._expect(")")
            return Method(token.source.lower())
        if token.kind in ("word", "string"):
            return Key(token.text)
        raise self._syntax_error(token.source)

    def _levels(self) -> AnyLevel:
        if not self._is("{"):
            return AnyLevel(0, -1)
        self._next()
        first = last = self._level()
        if self._is_word("to"):
            self._next()
            last = self._level()
        self._expect("}")
        return AnyLevel(first, last)

    def _level(self) -> int:
        token = self._next()
        if token.kind == "number" and token.text.isdigit():
            return int(token.text)
        if token.kind == "word" and token.source.lower() == "last":
            return -1
        raise self._syntax_error(token.source)

    def _subscripts(self) -> Subscripts:
        if self._is("*"):
            self._next()
            self._expect("]")
            return Subscripts(())
        ranges: list[tuple[Expression, Expression | None]] = []
        self.subscripts += 1
        while True:
            first = self._value(self._additive())
            last = None
            if self._is_word("to"):
                self._next()
                last = self._value(self._additive())
            ranges.append((first, last))
            if not self._is(","):
                break
            self._next()
        self.subscripts -= 1
        self._expect("]")
        return Subscripts(tuple(ranges))


def parse(text: str) -> WholePath:
    """Read a path.

    Raises:
        SqlError: 42601, 22P02, 0A000.
    """
    if not text.strip():
        raise invalid_input("jsonpath", text)
    return _Parser(text).whole()
