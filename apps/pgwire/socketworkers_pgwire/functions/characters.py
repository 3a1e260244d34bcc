"""Classes of characters, as a UTF-8 locale of the C library has them."""

from __future__ import annotations

import unicodedata

__all__ = ["is_alnum", "is_alpha", "is_digit", "is_graph", "is_print", "is_punct", "is_space"]

#: letters in circles and squares, which are symbols
_ENCLOSED = frozenset(
    (*range(0x24B6, 0x24EA), *range(0x1F130, 0x1F14A), *range(0x1F150, 0x1F16A), *range(0x1F170, 0x1F18A))
)
_SPACES = frozenset(
    "\t\n\v\f\r \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f\u3000"
)


def is_alpha(character: str) -> bool:
    """A letter, or a mark that is part of one, or a digit other than those of ASCII."""
    if character < "\x80":
        return character.isalpha()
    category = unicodedata.category(character)
    if category[0] == "M":
        return unicodedata.combining(character) == 0
    return category[0] == "L" or category in ("Nd", "Nl") or ord(character) in _ENCLOSED


def is_alnum(character: str) -> bool:
    """A letter or a digit."""
    return character.isalnum() if character < "\x80" else is_alpha(character)


def is_digit(character: str) -> bool:
    """A digit of ASCII."""
    return "0" <= character <= "9"


def is_space(character: str) -> bool:
    """White space, but for the one that does not break."""
    return character in _SPACES


def is_print(character: str) -> bool:
    """Any character but controls and what is not assigned."""
    return character.isprintable() or unicodedata.category(character) in ("Zs", "Cf", "Co")


def is_graph(character: str) -> bool:
    """What is printed and no space."""
    return is_print(character) and not is_space(character)


def is_punct(character: str) -> bool:
    """What is printed and is neither letter, digit nor space."""
    return is_graph(character) and not is_alnum(character)
