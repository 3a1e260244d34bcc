"""The patterns for dates and times: §9.8, table 9.27."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "BY_LETTER",
    "DAYS",
    "DIGITS",
    "GREGORIAN",
    "ISO",
    "LENGTHS",
    "MONTHS",
    "ROMAN",
    "by_letter",
]

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
ROMAN = ("XII", "XI", "X", "IX", "VIII", "VII", "VI", "V", "IV", "III", "II", "I")
"""Months, from the last."""

_UPPER = [
    "A.D.",
    "A.M.",
    "AD",
    "AM",
    "B.C.",
    "BC",
    "CC",
    "DAY",
    "DDD",
    "DD",
    "DY",
    "Day",
    "Dy",
    "D",
    "FF1",
    "FF2",
    "FF3",
    "FF4",
    "FF5",
    "FF6",
    "FX",
    "HH24",
    "HH12",
    "HH",
    "IDDD",
    "ID",
    "IW",
    "IYYY",
    "IYY",
    "IY",
    "I",
    "J",
    "MI",
    "MM",
    "MONTH",
    "MON",
    "MS",
    "Month",
    "Mon",
    "OF",
    "P.M.",
    "PM",
    "Q",
    "RM",
    "SSSSS",
    "SSSS",
    "SS",
    "TZH",
    "TZM",
    "TZ",
    "US",
    "WW",
    "W",
    "Y,YYY",
    "YYYY",
    "YYY",
    "YY",
    "Y",
]
_LOWER = [
    "a.d.",
    "a.m.",
    "ad",
    "am",
    "b.c.",
    "bc",
    "cc",
    "day",
    "ddd",
    "dd",
    "dy",
    "d",
    "ff1",
    "ff2",
    "ff3",
    "ff4",
    "ff5",
    "ff6",
    "fx",
    "hh24",
    "hh12",
    "hh",
    "iddd",
    "id",
    "iw",
    "iyyy",
    "iyy",
    "iy",
    "i",
    "j",
    "mi",
    "mm",
    "month",
    "mon",
    "ms",
    "of",
    "p.m.",
    "pm",
    "q",
    "rm",
    "sssss",
    "ssss",
    "ss",
    "tzh",
    "tzm",
    "tz",
    "us",
    "ww",
    "w",
    "y,yyy",
    "yyyy",
    "yyy",
    "yy",
    "y",
]

DIGITS = frozenset(
    [
        "CC",
        "DDD",
        "DD",
        "D",
        "HH24",
        "HH12",
        "HH",
        "IDDD",
        "ID",
        "IW",
        "IYYY",
        "IYY",
        "IY",
        "I",
        "J",
        "MI",
        "MM",
        "MS",
        "Q",
        "SSSSS",
        "SSSS",
        "SS",
        "TZM",
        "US",
        "WW",
        "W",
        "Y,YYY",
        "YYYY",
        "YYY",
        "YY",
        "Y",
    ]
)
"""Fields of digits."""
GREGORIAN = frozenset(["DDD", "DD", "D", "MM", "MONTH", "MON", "RM", "WW", "W", "Y,YYY", "YYYY", "YYY", "YY", "Y"])
ISO = frozenset(["IDDD", "ID", "IW", "IYYY", "IYY", "IY", "I"])
"""Fields of the two conventions, which do not mix."""
LENGTHS = {"HH": 2, "HH12": 2, "HH24": 2, "MS": 3, "US": 6, "TZH": 2, "TZM": 2, "IDDD": 3, "ID": 1}
"""How many characters a field takes where that is not the length of its pattern."""


def by_letter(words: Iterable[str]) -> dict[str, list[str]]:
    """Words by their first letter, in their order."""
    found: dict[str, list[str]] = {}
    for word in words:
        found.setdefault(word[0], []).append(word)
    return found


BY_LETTER = by_letter((*_UPPER, *_LOWER))
