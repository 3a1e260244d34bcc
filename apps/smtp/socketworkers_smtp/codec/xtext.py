"""xtext, the encoding of DSN and AUTH parameters: RFC 3461 §4. Sans-IO."""

from __future__ import annotations

import re

__all__ = ["decode_xtext", "encode_xtext"]

_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*\Z")
_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")
_SPECIAL = re.compile(r"[^!-*,-<>-~]")


def decode_xtext(text: str) -> str:
    """The characters (Latin-1 code points for octets above 127) that `text` stands for.

    Raises:
        ValueError: not xtext; lower-case hexadecimal digits are not either.
    """
    if _XTEXT.match(text) is None:
        raise ValueError("not xtext")
    if "+" not in text:
        return text
    return _HEXCHAR.sub(lambda found: chr(int(found.group(1), 16)), text)


def encode_xtext(text: str) -> str:
    """`text` as xtext.

    Raises:
        ValueError: `text` has characters above U+00FF.
    """

    def hexchar(found: re.Match[str]) -> str:
        code = ord(found.group(0))
        if code > 0xFF:
            raise ValueError("xtext holds octets only")
        return f"+{code:02X}"

    return _SPECIAL.sub(hexchar, text)
