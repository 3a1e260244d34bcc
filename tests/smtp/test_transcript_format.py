"""The format of transcripts, as ``transcripts/README.md`` tells it."""

from __future__ import annotations

import pytest

from socketworkers.testing.transcript import Directive, Expect, ExpectReply, Send, parse_transcript


def test_every_kind_of_line() -> None:
    text = (
        "# comment\n\n!set max_size 10\n!starttls\nS: 220 hi\nS~ 250 .*\nS* 250\nC: NOOP x\nC:\n"
        "C< a\\r\\n\\t\\0\\\\\\xfFé\nC*3< ab\\n\nC: trailing \r\n"
    )
    assert parse_transcript(text) == [
        Directive("set", "max_size 10", 3),
        Directive("starttls", "", 4),
        Expect("220 hi", False, 5),
        Expect("250 .*", True, 6),
        ExpectReply("250", 7),
        Send(b"NOOP x\r\n", 8),
        Send(b"\r\n", 9),
        Send(b"a\r\n\t\0\\\xff\xc3\xa9", 10),
        Send(b"ab\nab\nab\n", 11),
        Send(b"trailing \r\n", 12),
    ]


@pytest.mark.parametrize(
    "line", ["NOOP", "X: y", "!", "S~ (", "S* 25", "S* abc", "C< \\q", "C< \\", "C< \\x1", "C*99999999< x", "C*x< y"]
)
def test_lines_that_are_none_are_named_by_number(line: str) -> None:
    with pytest.raises(ValueError, match=r"greeting\.txt, line 2"):
        parse_transcript(f"# a\n{line}\n", "greeting.txt")


def test_matching() -> None:
    assert Expect("250 Ok", False, 1).matches(b"250 Ok")
    assert not Expect("250 .k", False, 1).matches(b"250 Ok")
    assert Expect("250 .k", True, 1).matches(b"250 Ok")
    assert not Expect("250", True, 1).matches(b"250 Ok")
    reply = ExpectReply("250", 1)
    assert reply.matches(b"250-a")
    assert not reply.is_last(b"250-a")
    assert reply.is_last(b"250 a")
    assert not reply.matches(b"2500")
    assert not reply.matches(b"550 a")
