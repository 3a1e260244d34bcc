"""Which of several matches counts: PostgreSQL 15 documentation §9.7.3.5. Answers as PostgreSQL 15 gave them; they are
those of expressions made by chance that were answered otherwise once."""

from __future__ import annotations

import pytest

from socketworkers_pgwire.functions.regex import Options, compile_regex

CASES: tuple[tuple[str, str, list[str | None]], ...] = (
    ("XY1234Z", "Y*([0-9]{1,3})", ["123"]),
    ("XY1234Z", "Y*?([0-9]{1,3})", ["1"]),
    ("abc01234xyz", "(.*)(\\d+)(.*)", ["abc0123", "4", "xyz"]),
    ("abc01234xyz", "(.*?)(\\d+)(.*)", ["abc", "0", ""]),
    ("abc01234xyz", "(?:(.*?)(\\d+)(.*)){1,1}", ["abc", "01234", "xyz"]),
    ("abcd", "(a|ab)(c|bcd)", ["a", "bcd"]),
    ("1", "((c)?)?", ["", None]),
    ("", "(a*?)*", [None]),
    ("", "(a?)*", [""]),
    ("ababaca", "((){1,1}?)*?(b??){1,2}(?:a?)*", ["", "", ""]),
    ("cb", "(?:b)+((a*)+?)?", [None, None]),
    ("bbb b", "((a*?)?)*|(a)+?", ["", None, None]),
    ("c", "()?a?\\1", [""]),
)


@pytest.mark.parametrize(("text", "pattern", "groups"), CASES)
def test_the_parts_of_the_first_match(text: str, pattern: str, groups: list[str | None]) -> None:
    found = compile_regex(pattern, Options()).search(text)
    assert found is not None
    assert [None if span is None else text[span[0] : span[1]] for span in found[1:]] == groups


@pytest.mark.parametrize(
    ("text", "pattern", "matched"),
    [
        ("ba", "(?:.){1,1}a??()", "ba"),
        ("xaaa", "a{1,2}?", "a"),
        ("foobar", "foo|foobar", "foobar"),
        ("aab", "a+?b*", "a"),
    ],
)
def test_the_length_of_the_first_match(text: str, pattern: str, matched: str) -> None:
    found = compile_regex(pattern, Options()).search(text)
    assert found is not None
    assert found[0] is not None
    assert text[slice(*found[0])] == matched
