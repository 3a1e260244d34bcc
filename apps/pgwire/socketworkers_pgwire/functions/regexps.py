"""Regular expressions: PostgreSQL 15 documentation §9.7.3, operators and functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..types.errors import invalid_parameter
from .context import Execution
from .like import similar_pattern
from .regex import Options, Regex, compile_regex
from .regex.parse import with_option
from .registry import rows, scalar
from .strings import MAX_RESULT, array_of_texts, too_large

__all__: list[str] = []

_NO_OPTIONS = Options()
_IGNORE_CASE = Options(ignore_case=True)
_LETTERS = "bceimnpqstwx"


def _options(flags: str) -> tuple[Options, bool]:
    """The options of the letters, and whether ``g`` is among them."""
    options, every = _NO_OPTIONS, False
    for letter in flags:
        if letter == "g":
            every = True
        elif letter in _LETTERS:
            options = with_option(options, letter)
        else:
            raise invalid_parameter(f'invalid regular expression option: "{letter}"')
    return options, every


def _compiled(pattern: str, flags: str, name: str, hint: str | None = None) -> Regex:
    """Of a function that knows no ``g``."""
    options, every = _options(flags)
    if every:
        error = invalid_parameter(f'{name} does not support the "global" option')
        error.hint = hint
        raise error
    return compile_regex(pattern, options)


def _test(options: Options, wanted: bool) -> Callable[[Execution, str, str], int]:
    def test(execution: Execution, text: str, pattern: str) -> int:
        found = compile_regex(pattern, options).matches(text, execution.session.check_cancelled)
        return int(found is wanted)

    return test


for _stem, _type in (("text", "text"), ("name", "name"), ("bpchar", "character")):
    scalar(f"{_stem}regexeq({_type},text)", context=True)(_test(_NO_OPTIONS, True))
    scalar(f"{_stem}regexne({_type},text)", context=True)(_test(_NO_OPTIONS, False))
    scalar(f"{_stem}icregexeq({_type},text)", context=True)(_test(_IGNORE_CASE, True))
    scalar(f"{_stem}icregexne({_type},text)", context=True)(_test(_IGNORE_CASE, False))


@scalar("regexp_like(text,text)", "regexp_like(text,text,text)", context=True)
def _like(execution: Execution, text: str, pattern: str, flags: str = "") -> int:
    return int(_compiled(pattern, flags, "regexp_like()").matches(text, execution.session.check_cancelled))


def _all(regex: Regex, text: str, execution: Execution, start: int = 0) -> Iterator[list[tuple[int, int] | None]]:
    """All matches, one behind the other; behind an empty one a character is passed over."""
    check = execution.session.check_cancelled
    while start <= len(text):
        found = regex.search(text, start, check)
        if found is None:
            return
        yield found
        span = found[0]
        assert span is not None
        start = span[1] if span[1] > span[0] else span[1] + 1


def _part(text: str, span: tuple[int, int] | None) -> str | None:
    return None if span is None else text[span[0] : span[1]]


def _groups(text: str, found: list[tuple[int, int] | None]) -> str:
    spans = found[1:] or found[:1]
    return array_of_texts([_part(text, span) for span in spans])


@scalar('"substring"(text,text)', context=True)
def _substring(execution: Execution, text: str, pattern: str) -> str | None:
    regex = compile_regex(pattern, _NO_OPTIONS)
    found = regex.search(text, 0, execution.session.check_cancelled)
    if found is None:
        return None
    return _part(text, found[1] if regex.groups else found[0])


@scalar('"substring"(text,text,text)', context=True)
def _substring_similar(execution: Execution, text: str, pattern: str, escape: str) -> str | None:
    result: str | None = _substring(execution, text, similar_pattern(pattern, escape))
    return result


@scalar("regexp_match(text,text)", "regexp_match(text,text,text)", context=True)
def _match(execution: Execution, text: str, pattern: str, flags: str = "") -> str | None:
    regex = _compiled(pattern, flags, "regexp_match()", "Use the regexp_matches function instead.")
    found = regex.search(text, 0, execution.session.check_cancelled)
    return None if found is None else _groups(text, found)


@rows("regexp_matches(text,text)", "regexp_matches(text,text,text)", context=True)
def _matches(execution: Execution, text: str, pattern: str, flags: str = "") -> Iterator[tuple[Any, ...]]:
    options, every = _options(flags)
    for found in _all(compile_regex(pattern, options), text, execution):
        yield (_groups(text, found),)
        if not every:
            return


def _split(execution: Execution, text: str, pattern: str, flags: str, name: str) -> Iterator[str]:
    """The text between matches; an empty one at either end, or just behind another, divides nothing."""
    regex = _compiled(pattern, flags, name)
    start = 0
    for found in _all(regex, text, execution):
        span = found[0]
        assert span is not None
        if span[0] == span[1] and span[0] in (0, len(text)):
            continue
        if span[0] == span[1] == start:
            continue
        yield text[start : span[0]]
        start = span[1]
    yield text[start:]


@rows("regexp_split_to_table(text,text)", "regexp_split_to_table(text,text,text)", context=True)
def _split_to_table(execution: Execution, text: str, pattern: str, flags: str = "") -> Iterator[tuple[Any, ...]]:
    return ((part,) for part in _split(execution, text, pattern, flags, "regexp_split_to_table()"))


@scalar("regexp_split_to_array(text,text)", "regexp_split_to_array(text,text,text)", context=True)
def _split_to_array(execution: Execution, text: str, pattern: str, flags: str = "") -> str:
    return array_of_texts(list(_split(execution, text, pattern, flags, "regexp_split_to_array()")))


# replacing


def _template(text: str) -> list[str | int]:
    """A replacement: texts, and numbers of groups, 0 for the whole match."""
    parts: list[str | int] = []
    position = 0
    while True:
        slash = text.find("\\", position)
        if slash < 0 or slash + 1 >= len(text):
            parts.append(text[position:])
            return parts
        parts.append(text[position:slash])
        letter = text[slash + 1]
        position = slash + 2
        if letter in "123456789":
            parts.append(int(letter))
        elif letter == "&":
            parts.append(0)
        elif letter == "\\":
            parts.append("\\")
        else:
            parts.append("\\")
            position = slash + 1


def _replaced(execution: Execution, regex: Regex, text: str, replacement: str, start: int, which: int) -> str:
    """With the match number `which` replaced, or with 0 all."""
    template = _template(replacement)
    parts: list[str] = []
    position = size = 0
    for number, found in enumerate(_all(regex, text, execution, start), 1):
        if which and number < which:
            continue
        span = found[0]
        assert span is not None
        parts.append(text[position : span[0]])
        for piece in template:
            if isinstance(piece, str):
                parts.append(piece)
            elif piece < len(found):
                parts.append(_part(text, found[piece]) or "")
            size += len(parts[-1])
        if size > MAX_RESULT:
            raise too_large()
        position = span[1]
        if which:
            break
    parts.append(text[position:])
    return "".join(parts)


@scalar("regexp_replace(text,text,text)", context=True)
def _replace(execution: Execution, text: str, pattern: str, replacement: str) -> str:
    return _replaced(execution, compile_regex(pattern, _NO_OPTIONS), text, replacement, 0, 1)


@scalar("regexp_replace(text,text,text,text)", context=True)
def _replace_flags(execution: Execution, text: str, pattern: str, replacement: str, flags: str) -> str:
    if flags[:1].isascii() and flags[:1].isdigit():
        error = invalid_parameter(f'invalid regular expression option: "{flags[0]}"')
        error.hint = (
            "If you meant to use regexp_replace() with a start parameter, "
            "cast the fourth argument to integer explicitly."
        )
        raise error
    options, every = _options(flags)
    return _replaced(execution, compile_regex(pattern, options), text, replacement, 0, 0 if every else 1)


def _start(start: int) -> int:
    if start <= 0:
        raise invalid_parameter(f'invalid value for parameter "start": {start}')
    return start - 1


def _number(name: str, value: int, least: int) -> int:
    if value < least:
        raise invalid_parameter(f'invalid value for parameter "{name}": {value}')
    return value


@scalar(
    "regexp_replace(text,text,text,integer,integer,text)",
    "regexp_replace(text,text,text,integer,integer)",
    "regexp_replace(text,text,text,integer)",
    context=True,
)
def _replace_from(
    execution: Execution, text: str, pattern: str, replacement: str, start: int, which: int = 1, flags: str = ""
) -> str:
    begin = _start(start)
    _number("n", which, 0)
    options, _ = _options(flags)
    return _replaced(execution, compile_regex(pattern, options), text, replacement, begin, which)


# counting and finding


@scalar(
    "regexp_count(text,text)",
    "regexp_count(text,text,integer)",
    "regexp_count(text,text,integer,text)",
    context=True,
)
def _count(execution: Execution, text: str, pattern: str, start: int = 1, flags: str = "") -> int:
    begin = _start(start)
    regex = _compiled(pattern, flags, "regexp_count()")
    return sum(1 for _ in _all(regex, text, execution, begin))


def _nth(
    execution: Execution, text: str, pattern: str, start: int, which: int, flags: str, group: int, name: str
) -> tuple[int, int] | None:
    regex = _compiled(pattern, flags, name)
    if group == 1 and not regex.groups:  # all of it is then the only part
        group = 0
    if group > regex.groups:
        return None
    for number, found in enumerate(_all(regex, text, execution, start), 1):
        if number == which:
            return found[group]
    return None


@scalar(
    "regexp_instr(text,text)",
    "regexp_instr(text,text,integer)",
    "regexp_instr(text,text,integer,integer)",
    "regexp_instr(text,text,integer,integer,integer)",
    "regexp_instr(text,text,integer,integer,integer,text)",
    "regexp_instr(text,text,integer,integer,integer,text,integer)",
    context=True,
)
def _instr(
    execution: Execution,
    text: str,
    pattern: str,
    start: int = 1,
    which: int = 1,
    behind: int = 0,
    flags: str = "",
    group: int = 0,
) -> int:
    begin = _start(start)
    _number("n", which, 1)
    if behind not in (0, 1):
        raise invalid_parameter(f'invalid value for parameter "endoption": {behind}')
    _number("subexpr", group, 0)
    span = _nth(execution, text, pattern, begin, which, flags, group, "regexp_instr()")
    return 0 if span is None else span[behind] + 1


@scalar(
    "regexp_substr(text,text)",
    "regexp_substr(text,text,integer)",
    "regexp_substr(text,text,integer,integer)",
    "regexp_substr(text,text,integer,integer,text)",
    "regexp_substr(text,text,integer,integer,text,integer)",
    context=True,
)
def _substr(
    execution: Execution, text: str, pattern: str, start: int = 1, which: int = 1, flags: str = "", group: int = 0
) -> str | None:
    begin = _start(start)
    _number("n", which, 1)
    _number("subexpr", group, 0)
    return _part(text, _nth(execution, text, pattern, begin, which, flags, group, "regexp_substr()"))
