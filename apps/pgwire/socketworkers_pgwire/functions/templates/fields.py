"""Reads a date and a time by a template: §9.8, to_date() and to_timestamp()."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...types.calendar import EPOCH_JULIAN, civil_from_days, days_from_civil, days_in_month, is_leap
from ...types.errors import SqlError
from .reader import Item, Sort
from .words import DAYS, DIGITS, GREGORIAN, ISO, LENGTHS, MONTHS, ROMAN

__all__ = ["Found", "read_fields"]

_SPACES = " \t\n\v\f\r"
_NUMBER = re.compile(r"[ \t-\r]*[+-]?[0-9]+", re.ASCII)
_THOUSANDS = re.compile(r"[ \t-\r]*([+-]?[0-9]+),[ \t-\r]*([+-]?[0-9]{1,3})", re.ASCII)
_MAX_ZONE_HOURS = 15
_INT_MAX = (1 << 31) - 1
_YEARS = {"YYYY": 4, "IYYY": 4, "YYY": 3, "IYY": 3, "YY": 2, "IY": 2, "Y": 1, "I": 1}


@dataclass(slots=True)
class Found:
    """What was read."""

    year: int = 0
    month: int = 1
    day: int = 1
    hour: int = 0
    minute: int = 0
    second: int = 0
    usecs: int = 0
    offset: int | None = None


def _is_separator(character: str) -> bool:
    return "!" <= character <= "~" and not character.isalnum()


class _Reader:
    """Reads the source along the template."""

    __slots__ = ("iso", "items", "position", "source", "twelve", "values", "year_digits", "zone_sign")

    def __init__(self, source: str, items: Sequence[Item]) -> None:
        self.source = source
        self.items = items
        self.position = 0
        #: by the field that they set; what is zero counts as not set
        self.values: dict[str, int] = {}
        self.iso: bool | None = None
        self.twelve = False
        self.year_digits = 0
        self.zone_sign = 0

    def _peek(self) -> str:
        return self.source[self.position : self.position + 1]

    def _skip_spaces(self) -> int:
        start = self.position
        while self._peek() and self._peek() in _SPACES:
            self.position += 1
        return self.position - start

    def read(self) -> None:
        """All of it."""
        fixed = False
        extra = 0  # characters that were passed over without an item for them
        for index, item in enumerate(self.items):
            if self.position >= len(self.source):
                return
            is_word = item.sort is Sort.WORD
            name = item.text.upper() if is_word else ""
            if not fixed and name != "FX" and (is_word or index == 0):
                extra += self._skip_spaces()
            if item.sort in (Sort.SPACE, Sort.SEPARATOR):
                if fixed:
                    self.position += 1
                else:
                    extra -= 1
                    if self._peek() in _SPACES or _is_separator(self._peek()):
                        self.position += 1
                        extra += 1
                continue
            if not is_word:
                if not fixed and extra > 0:
                    extra -= 1
                else:
                    self.position += 1
                continue
            self._convention(name)
            if name == "FX":
                fixed = True
            else:
                self._word(name, index, extra)
            if not fixed:
                extra = self._skip_spaces()

    def _convention(self, name: str) -> None:
        if name not in GREGORIAN and name not in ISO:
            return
        iso = name in ISO
        if self.iso is not None and self.iso != iso:
            raise SqlError(
                "22007",
                "invalid combination of date conventions",
                hint="Do not mix Gregorian and ISO week date conventions in a formatting template.",
            )
        self.iso = iso

    def _set(self, field: str, value: int, item: Item) -> None:
        before = self.values.get(field, 0)
        if before and before != value:
            raise SqlError(
                "22007",
                f'conflicting values for "{item.text}" field in formatting string',
                detail="This value contradicts a previous setting for the same field type.",
            )
        self.values[field] = value

    def _word(self, name: str, index: int, extra: int) -> None:
        item = self.items[index]
        match name:
            case "AM" | "PM" | "A.M." | "P.M.":
                halves = ("a.m.", "p.m.") if "." in name else ("am", "pm")
                self._set("pm", self._search(halves, item), item)
                self.twelve = True
            case "AD" | "BC" | "A.D." | "B.C.":
                eras = ("a.d.", "b.c.") if "." in name else ("ad", "bc")
                self._set("bc", self._search(eras, item), item)
            case "MONTH" | "MON":
                names = MONTHS if name == "MONTH" else tuple(month[:3] for month in MONTHS)
                self._set("month", self._search(names, item) + 1, item)
            case "DAY" | "DY":
                names = DAYS if name == "DAY" else tuple(day[:3] for day in DAYS)
                self._set("weekday", self._search(names, item), item)
                self.values["weekday"] += 1
            case "RM":
                self._set("month", 12 - self._search(ROMAN, item), item)
            case "TZ" | "OF":
                raise SqlError("0A000", f'formatting field "{item.text}" is only supported in to_char')
            case "Y,YYY":
                self._year_with_comma(item)
            case "TZH":
                self._zone_hours(index, extra)
            case _:
                self._number_word(name, index)
        if item.suffix and name not in ("TZH", "MONTH", "MON", "DAY", "DY", "RM"):
            self.position = min(self.position + 2, len(self.source))

    def _number_word(self, name: str, index: int) -> None:
        fraction = {"MS": 3, "US": 6}.get(name, int(name[2]) if name[:2] == "FF" else 0)
        if fraction:
            field = "ms" if name == "MS" else "us"
            length = self._number(field, index, fraction)
            self.values[field] *= 10 ** max((3 if name == "MS" else 6) - length, 0)
            return
        if name == "TZM" and not self.zone_sign:
            self.zone_sign = 1
        field = _FIELDS[name]
        length = self._number(field, index, LENGTHS.get(name, len(name)))
        if name in ("HH", "HH12"):
            self.twelve = True
        elif name == "ID":
            day = self.values[field] + 1  # from Sunday, as D counts
            self.values[field] = 1 if day > 7 else day
        elif name in _YEARS:
            if name not in ("YYYY", "IYYY") and length < 4:
                self.values[field] = _completed(self.values[field])
            self.year_digits = _YEARS[name]

    def _year_with_comma(self, item: Item) -> None:
        match = _THOUSANDS.match(self.source, self.position)
        if match is None:
            raise SqlError("22007", 'invalid input string for "Y,YYY"')
        years = int(match[1][:12]) * 1000 + int(match[2])
        if not -_INT_MAX - 1 <= years <= _INT_MAX:
            raise SqlError("22008", 'value for "Y,YYY" in source string is out of range')
        self._set("year", years, item)
        self.year_digits = 4
        self.position = match.end()

    def _zone_hours(self, index: int, extra: int) -> None:
        if self._peek() in ("+", "-", " "):
            self.zone_sign = -1 if self._peek() == "-" else 1
            self.position += 1
        elif extra > 0 and self.source[self.position - 1] == "-":  # which was taken for a separator
            self.zone_sign = -1
        else:
            self.zone_sign = 1
        self._number("zone_hours", index, 2)

    def _search(self, names: Sequence[str], item: Item) -> int:
        rest = self.source[self.position : self.position + 12].lower()
        for place, name in enumerate(names):
            if rest.startswith(name.lower()):
                self.position += len(name)
                return place
        shown = re.split(f"[{_SPACES}]", self.source[self.position :], maxsplit=1)[0]
        raise SqlError(
            "22007",
            f'invalid value "{shown}" for "{item.text}"',
            detail="The given value did not match any of the allowed values for this field.",
        )

    def _open_ended(self, index: int) -> bool:
        """Whether no digit can follow the field."""
        item = self.items[index]
        if item.suffix or index + 1 == len(self.items):
            return True
        following = self.items[index + 1]
        if following.sort is Sort.WORD:
            return following.text.upper() not in DIGITS
        return not (following.text.isascii() and following.text.isdigit())

    def _number(self, field: str, index: int, length: int) -> int:
        """Read a number; how many characters it took."""
        item = self.items[index]
        start = self.position
        self._skip_spaces()
        copy = self.source[self.position : self.position + length]
        if item.fill or self._open_ended(index):
            match = _NUMBER.match(self.source, start)
            value = _bounded(match[0]) if match is not None else 0
            self.position = match.end() if match is not None else start
        else:
            hint = 'If your source string is not fixed-width, try using the "FM" modifier.'
            if len(copy) < length:
                detail = f"Field requires {length} characters, but only {len(copy)} remain."
                message = f'source string too short for "{item.text}" formatting field'
                raise SqlError("22007", message, detail=detail, hint=hint)
            match = _NUMBER.match(copy)
            used = match.end() if match is not None else 0
            if 0 < used < length:
                detail = f"Field requires {length} characters, but only {used} could be parsed."
                raise SqlError("22007", f'invalid value "{copy}" for "{item.text}"', detail=detail, hint=hint)
            value = _bounded(match[0]) if match is not None else 0
            self.position += used
        if self.position == start:
            message = f'invalid value "{copy}" for "{item.text}"'
            raise SqlError("22007", message, detail="Value must be an integer.")
        if not -_INT_MAX - 1 <= value <= _INT_MAX:
            detail = f"Value must be in the range {-_INT_MAX - 1} to {_INT_MAX}."
            raise SqlError("22008", f'value for "{item.text}" in source string is out of range', detail=detail)
        if field != "quarter":  # it tells no date
            self._set(field, value, item)
        return self.position - start


def _bounded(text: str) -> int:
    return int(text) if len(text) < 100 else _INT_MAX + 1


_FIELDS = {
    "HH": "hour", "HH12": "hour", "HH24": "hour", "MI": "minute", "SS": "second", "SSSS": "seconds", "SSSSS": "seconds",
    "TZM": "zone_minutes", "MM": "month", "DDD": "day_of_year", "IDDD": "day_of_year", "DD": "day", "D": "weekday",
    "ID": "weekday", "WW": "week", "IW": "week", "Q": "quarter", "CC": "century", "W": "week_of_month", "J": "julian",
    **dict.fromkeys(_YEARS, "year"),
}  # fmt: skip


def _completed(year: int) -> int:
    """A year of fewer than four digits: the one nearest to 2020."""
    if year < 70:
        return year + 2000
    if year < 100:
        return year + 1900
    if year < 520:
        return year + 2000
    return year + 1000 if year < 1000 else year


def _out_of_range(source: str) -> SqlError:
    return SqlError("22008", f'date/time field value out of range: "{source}"')


def read_fields(source: str, items: Sequence[Item]) -> Found:
    """What `source` says, read by a template.

    Raises:
        SqlError: 22007, 22008, 0A000.
    """
    reader = _Reader(source, items)
    reader.read()
    get = reader.values.get
    found = Found()
    _clock(found, reader)
    known = _year(found, reader)
    if julian := get("julian", 0):
        found.year, found.month, found.day = civil_from_days(julian - EPOCH_JULIAN)
        known |= {"year", "month", "day"}
    day_of_year = get("day_of_year", 0)
    if week := get("week", 0):
        if reader.iso:
            days = _iso_monday(found.year, week)
            if weekday := get("weekday", 0):  # counted from Sunday
                days += weekday - 2 if weekday > 1 else 6
            found.year, found.month, found.day = civil_from_days(days)
            known |= {"year", "month", "day"}
        else:
            day_of_year = (week - 1) * 7 + 1
    day = (get("week_of_month", 0) - 1) * 7 + 1 if get("week_of_month", 0) else get("day", 0)
    if day:
        found.day = day
        known.add("day")
    if month := get("month", 0):
        found.month = month
        known.add("month")
    if day_of_year and (found.month <= 1 or found.day <= 1):
        _set_day_of_year(found, day_of_year, reader, known)
    _validate(found, known, source)
    if reader.zone_sign:
        hours, minutes = get("zone_hours", 0), get("zone_minutes", 0)
        if not (0 <= hours <= _MAX_ZONE_HOURS and 0 <= minutes < 60):
            raise SqlError("22009", f'time zone displacement out of range: "{source}"')
        found.offset = reader.zone_sign * (hours * 3600 + minutes * 60)
    return found


def _clock(found: Found, reader: _Reader) -> None:
    get = reader.values.get
    if seconds := get("seconds", 0):
        whole = abs(seconds)
        sign = -1 if seconds < 0 else 1
        found.hour, found.minute, found.second = sign * (whole // 3600), sign * (whole // 60 % 60), sign * (whole % 60)
    found.second = get("second", 0) or found.second
    found.minute = get("minute", 0) or found.minute
    found.hour = get("hour", 0) or found.hour
    if reader.twelve:
        if not 1 <= found.hour <= 12:
            raise SqlError(
                "22007",
                f'hour "{found.hour}" is invalid for the 12-hour clock',
                hint="Use the 24-hour clock, or give an hour between 1 and 12.",
            )
        if get("pm", 0) and found.hour < 12:
            found.hour += 12
        elif not get("pm", 0) and found.hour == 12:
            found.hour = 0
    found.usecs = get("ms", 0) * 1000 + get("us", 0)


def _year(found: Found, reader: _Reader) -> set[str]:
    """The year, by century and era."""
    get = reader.values.get
    year, century, before = get("year", 0), get("century", 0), get("bc", 0)
    if before:
        century = -century
    if year:
        if century and reader.year_digits <= 2:
            rest = int(abs(year) % 100) * (1 if year > 0 else -1)
            if rest:
                found.year = rest + (century - 1) * 100 if century >= 0 else (century + 1) * 100 - rest + 1
            else:
                found.year = century * 100 + (0 if century >= 0 else 1)
        else:
            found.year = -year if before else year
            if found.year < 0:
                found.year += 1
        return {"year"}
    if century:
        found.year = (century - 1) * 100 + 1 if century >= 0 else century * 100 + 1
        return {"year"}
    return set()


def _iso_monday(year: int, week: int) -> int:
    fourth = days_from_civil(year, 1, 4)
    return fourth - (fourth + 5) % 7 + (week - 1) * 7


def _set_day_of_year(found: Found, day_of_year: int, reader: _Reader, known: set[str]) -> None:
    if not found.year and not reader.values.get("bc", 0):
        raise SqlError("22007", "cannot calculate day of year without year information")
    if reader.iso:
        found.year, found.month, found.day = civil_from_days(_iso_monday(found.year, 1) - 1 + day_of_year)
        known |= {"year", "month", "day"}
        return
    ends = _YEAR_ENDS[is_leap(found.year)]
    month = next((place for place in range(1, 13) if day_of_year <= ends[place]), 13)
    if found.month <= 1:
        found.month = month
    if found.day <= 1:
        found.day = day_of_year - ends[month - 1]
    known |= {"month", "day"}


def _ends(year: int) -> tuple[int, ...]:
    ends = [0]
    for month in range(1, 13):
        ends.append(ends[-1] + days_in_month(year, month))
    return tuple(ends)


_YEAR_ENDS = (_ends(2001), _ends(2000))


def _validate(found: Found, known: set[str], source: str) -> None:
    if "month" in known and not 1 <= found.month <= 12:
        raise _out_of_range(source)
    if "day" in known and not 1 <= found.day <= 31:
        raise _out_of_range(source)
    if known >= {"year", "month", "day"} and found.day > days_in_month(found.year, found.month):
        raise _out_of_range(source)
    if not (
        0 <= found.hour < 24 and 0 <= found.minute < 60 and 0 <= found.second < 60 and 0 <= found.usecs < 1_000_000
    ):
        raise _out_of_range(source)
