"""SASLprep, RFC 4013: what makes two spellings of one name or password equal. Pure."""

from __future__ import annotations

import unicodedata

__all__ = ["saslprep"]


def saslprep(text: str, *, stored: bool = False) -> str:
    """Prepare a user name or a password.

    Args:
        text: as the user wrote it.
        stored: whether the result will be stored (RFC 3454 §7: code points unassigned in Unicode 3.2 are refused then;
            in a query they pass).

    Raises:
        ValueError: the text has prohibited characters (RFC 4013 §2.3) or mixes directions wrongly (§2.4).
    """
    if text.isascii():
        if not text.isprintable():  # C.2.1, the only prohibition within ASCII
            raise ValueError("control characters are not allowed in names and passwords")
        return text
    import stringprep  # tables of 100 kB, for non-ASCII text only

    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character  # §2.1: other spaces
        for character in text
        if not stringprep.in_table_b1(character)  # commonly mapped to nothing
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)  # §2.2
    prohibited = (
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    for character in prepared:
        if any(table(character) for table in prohibited):
            raise ValueError(f"character U+{ord(character):04X} is not allowed in names and passwords")
        if stored and stringprep.in_table_a1(character):
            raise ValueError(f"character U+{ord(character):04X} is not assigned")
    if any(stringprep.in_table_d1(character) for character in prepared):  # §2.4, RFC 3454 §6
        if any(stringprep.in_table_d2(character) for character in prepared):
            raise ValueError("text of both directions is not allowed in names and passwords")
        if not (stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])):
            raise ValueError("right-to-left text must begin and end so")
    return prepared
