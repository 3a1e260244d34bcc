"""Text from a peer cannot forge, hide or flood log lines (C10)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketworkers.observe import escape, shorten

pytestmark = pytest.mark.attack("C10")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain", "plain"),
        ("grüße 你好", "grüße 你好"),
        ("a\r\nb", "a\\r\\nb"),
        ("tab\there", "tab\\there"),
        ("\x1b[2J\x00\x7f", "\\x1b[2J\\x00\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u2028b\u202ec", "a\\u2028b\\u202ec"),
        ("lone \udcff", "lone \\udcff"),
    ],
)
def test_escape(text: str, safe: str) -> None:
    assert escape(text) == safe


@given(st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=0x10FFFF)))
def test_whatever_comes_stays_one_printable_line(text: str) -> None:
    safe = escape(text)
    assert len(safe.splitlines()) <= 1
    safe.encode()
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in safe)


def test_shorten() -> None:
    assert shorten("abc", 3) == "abc"
    assert shorten("abcdef", 3) == "abc… (+3 characters)"
