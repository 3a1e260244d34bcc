"""The precision of times, the modifier p of time(p), timestamp(p) and interval(p): §8.5. Sans-IO."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import SqlError, invalid_parameter

__all__ = ["MAX_PRECISION", "precision_argument", "round_usecs"]

MAX_PRECISION = 6


def precision_argument(arguments: Sequence[str], name: str) -> int:
    """The modifier of `name(p)`; more than 6 is taken as 6, which PostgreSQL says in a warning.

    Raises:
        SqlError: 22023.
    """
    if len(arguments) != 1:
        raise invalid_parameter("invalid type modifier")
    precision = int(arguments[0])
    if precision < 0:
        head, _, rest = name.partition(" ")
        zone = " WITH TIME ZONE" if rest.startswith("with ") else ""
        raise SqlError("22023", f"{head.upper()}({precision}){zone} precision must not be negative")
    return min(precision, MAX_PRECISION)


def round_usecs(usecs: int, precision: int) -> int:
    """Microseconds to so many decimals of a second, a half away from zero."""
    if not 0 <= precision < MAX_PRECISION:
        return usecs
    step: int = 10 ** (MAX_PRECISION - precision)
    half = step // 2
    return (usecs + half) // step * step if usecs >= 0 else -((half - usecs) // step * step)
