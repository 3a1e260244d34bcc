"""Makes text that may come from a peer safe to print: one line, no control characters, bounded (C10).

Called by the log formatters for every message and argument, so that no caller has to think of it.
"""

from __future__ import annotations

import re

__all__ = ["MAX_ARGUMENT", "MAX_MESSAGE", "escape", "shorten"]

#: Longest text of one argument of a log call, in characters.
MAX_ARGUMENT = 1024
#: Longest message of one log line, in characters.
MAX_MESSAGE = 8192

#: C0 and C1 controls, DEL, line and paragraph separators, lone surrogates (they cannot be encoded), and the marks
#: that reorder text on a screen.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _replace(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def escape(text: str) -> str:
    """The text with every unsafe character written as an escape."""
    return _UNSAFE.sub(_replace, text)


def shorten(text: str, limit: int) -> str:
    """The text, cut at ``limit`` characters with a note of how many are missing."""
    return text if len(text) <= limit else f"{text[:limit]}… (+{len(text) - limit} characters)"
