"""Names and values in SQLite's SQL."""

from __future__ import annotations

import math
from typing import Any

from ...types.sqlite import quote_identifier

__all__ = ["literal", "quote_identifier", "quote_text", "raise_error"]

_LONGEST = 200


def quote_text(text: str) -> str:
    """A text as a literal; it has no NUL, as no text of PostgreSQL has."""
    return "'" + text.replace("'", "''") + "'"


def literal(value: Any, always: bool = False) -> str | None:
    """A value of SQLite's as a literal; None when it should be bound instead.

    Args:
        value: it.
        always: never None. Else numbers that are not integers are bound, for reading them may change their last digit,
            and what is long.
    """
    if value is None:
        return "NULL"
    if type(value) is int:
        return str(value) if value >= 0 else f"({value})"
    if type(value) is str and (always or len(value) <= _LONGEST):
        return quote_text(value)
    if type(value) is bytes and (always or len(value) <= _LONGEST):
        return f"x'{value.hex()}'"
    if not always:
        return None
    if math.isinf(value):
        return "9e999" if value > 0 else "(-9e999)"
    return f"({value!r})"


def raise_error(sqlstate: str, message: str) -> str:
    """The expression that fails with an error when it is calculated, and only then."""
    return f"pg_err('{sqlstate}',{quote_text(message)})"
