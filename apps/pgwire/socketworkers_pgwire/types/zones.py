"""Time zones: PostgreSQL 15 documentation §8.5.3, appendix B.4 and B.5. Sans-IO but for zone files, which are data.

A zone answers two questions: what is the offset at an instant, and what is it when the clock on the wall shows a time.
Offsets are seconds east of Greenwich; instants and wall clocks are seconds since 2000-01-01 00:00.
"""

from __future__ import annotations

import functools
import io
import re
import struct
from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC as PYTHON_UTC
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from .calendar import DAY_SECONDS

__all__ = ["UTC", "Zone", "find_zone", "fixed_zone"]


class FixedOffset(NamedTuple):
    """An offset that never changes, in seconds east, and its name."""

    seconds: int
    name: str


#: the instant from which on it holds, offset, whether it is daylight-saving time, abbreviation
Step = tuple[int, int, bool, str]

_EPOCH = datetime(2000, 1, 1)
_EPOCH_UTC = datetime(2000, 1, 1, tzinfo=PYTHON_UTC)
_400_YEARS = 146_097 * DAY_SECONDS
_FIRST, _LAST = -63_082_281_600 + 2 * 366 * DAY_SECONDS, 252_423_993_600  # years 3 and 9999
_SCAN_FROM, _SCAN_TO = -170 * 366 * DAY_SECONDS, 40 * 366 * DAY_SECONDS
_MAX_CACHED_DAYS = 8192


class Zone:
    """A time zone with a name.

    Args:
        name: as SHOW timezone gives it.
        rules: Python's object for it.
        names: for a POSIX specification, what the names in `rules` stand for; its rule holds for all time.
    """

    __slots__ = ("_days", "_names", "_rules", "_transitions", "fixed", "name")

    def __init__(self, name: str, rules: tzinfo | FixedOffset, names: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._rules = rules
        self._names = names
        self._days: dict[int, int | None] = {}
        self._transitions: list[Step] | None = None
        #: the offset, when it has always been the same
        self.fixed: int | None = None
        if isinstance(rules, FixedOffset):
            self.fixed = rules.seconds
        elif (always := rules.utcoffset(None)) is not None:
            self.fixed = _seconds(always)

    def __repr__(self) -> str:
        return f"<Zone {self.name}>"

    def offset_at(self, instant: int) -> int:
        """The offset at `instant`."""
        if self.fixed is not None:
            return self.fixed
        day = instant // DAY_SECONDS
        offset = self._days.get(day)
        if offset is None:
            if day in self._days:  # a day on which it changes
                return self._probe(instant)
            start = self._probe(day * DAY_SECONDS)
            if len(self._days) >= _MAX_CACHED_DAYS:
                self._days.clear()
            same = start == self._probe(day * DAY_SECONDS + DAY_SECONDS - 1)
            self._days[day] = start if same else None
            offset = start if same else self._probe(instant)
        return offset

    def offset_of(self, wall: int) -> int:
        """The offset when the wall clock shows `wall`.

        A time that a change skips is taken with the offset before it, one that occurs twice with the one after it.
        """
        if self.fixed is not None:
            return self.fixed
        day = wall // DAY_SECONDS
        days = self._days
        before, after = days.get(day - 1), days.get(day + 1)
        if before is not None and before == after and days.get(day) == before:
            return before
        # fills the cache for the next time
        self.offset_at(wall - DAY_SECONDS)
        self.offset_at(wall)
        self.offset_at(wall + DAY_SECONDS)
        assert isinstance(self._rules, tzinfo)
        moment = _EPOCH + timedelta(seconds=self._within_python(wall))
        first = _seconds(self._rules.utcoffset(moment.replace(tzinfo=self._rules)))
        second = _seconds(self._rules.utcoffset(moment.replace(tzinfo=self._rules, fold=1)))
        return min(first, second)

    def abbreviation_at(self, instant: int) -> str:
        """What the zone is called at `instant`: CET, CEST, +03."""
        if isinstance(self._rules, FixedOffset):
            return self._rules.name
        name = self._at(instant).tzname() or ""
        return name if self._names is None else self._names[name]

    def is_daylight_at(self, instant: int) -> bool:
        """Whether daylight-saving time is in force at `instant`."""
        return self.fixed is None and bool(self._at(instant).dst())

    def offset_of_abbreviation(self, abbreviation: str, instant: int) -> int | None:
        """The offset for which the zone last used an abbreviation before `instant`, or else first did after it."""
        steps = self.transitions()
        position = bisect_right(steps, (instant, 1 << 40, True, "")) - 1
        for index in [*range(position, -1, -1), *range(position + 1, len(steps))]:
            if index >= 0 and steps[index][3] == abbreviation:
                offset: int = steps[index][1]
                return offset
        return None

    def transitions(self) -> list[Step]:
        """Instants from which on other offsets or names hold, each with offset, daylight-saving and abbreviation.

        Of the years 1830 to 2040; found by search, for Python does not show them.
        """
        if isinstance(self._rules, FixedOffset):
            return [(_FIRST, self._rules.seconds, False, self._rules.name)]
        found = self._transitions
        if found is None:
            found = [(_FIRST, *self._state(_SCAN_FROM))]
            instant, step = _SCAN_FROM, 14 * DAY_SECONDS
            while instant < _SCAN_TO:
                if self._state(instant + step) != found[-1][1:]:
                    low, high = instant, instant + step
                    while high - low > 1:
                        middle = (low + high) // 2
                        if self._state(middle) == found[-1][1:]:
                            low = middle
                        else:
                            high = middle
                    found.append((high, *self._state(high)))
                    instant = high
                else:
                    instant += step
            self._transitions = found
        return found

    def _state(self, instant: int) -> tuple[int, bool, str]:
        moment = self._at(instant)
        return _seconds(moment.utcoffset()), bool(moment.dst()), moment.tzname() or ""

    def _probe(self, instant: int) -> int:
        return _seconds(self._at(instant).utcoffset())

    def _at(self, instant: int) -> datetime:
        assert isinstance(self._rules, tzinfo)
        return (_EPOCH_UTC + timedelta(seconds=self._within_python(instant))).astimezone(self._rules)

    def _within_python(self, instant: int) -> int:
        """The calendar repeats after 400 years; before the first rule of a zone nothing changes."""
        if instant > _LAST:
            return (instant - _LAST) % _400_YEARS + _LAST - _400_YEARS
        if instant < _FIRST:
            return _FIRST + (instant - _FIRST) % _400_YEARS if self._names is not None else _FIRST
        return instant


def _seconds(delta: timedelta | None) -> int:
    return delta.days * DAY_SECONDS + delta.seconds if delta is not None else 0


UTC = Zone("UTC", FixedOffset(0, "UTC"))

_POSIX = re.compile(
    r"(?P<std><[^>]*>|[^0-9,+-]*)(?P<offset>(?>[+-]?[0-9]+(?::[0-9]+){0,2}))(?!:)"
    r"(?:(?P<dst><[^>]*>|[^0-9,+-]+)(?P<dstoffset>(?>[+-]?[0-9]+(?::[0-9]+){0,2})(?!:))?"
    r"(?P<rules>[,;][^,]+,[^,]+)?)?",
    re.ASCII,
)
_MAX_POSIX_NAME = 255
_MAX_POSIX_HOURS = 167  # B.5; with a rule of daylight-saving time less than a day, which is what Python's zones hold
_UNITED_STATES = ",M3.2.0,M11.1.0"  # B.5: the rule of a specification that has none


@functools.cache
def _names() -> dict[str, str]:
    """Names of zones by their lower-case spelling."""
    return {name.lower(): name for name in available_timezones()}


@functools.lru_cache(512)
def find_zone(name: str) -> Zone | None:
    """The zone of a full name, in any case (B.4), or of a POSIX specification (B.5); None when there is none."""
    lowered = name.lower()
    if lowered in ("utc", "gmt"):
        return Zone(lowered.upper(), FixedOffset(0, lowered.upper()))
    prefix = "posix/" if lowered.startswith("posix/") else ""
    known = _names().get(lowered[len(prefix) :])
    if known is not None and not lowered.startswith("localtime"):
        return Zone(prefix + known, ZoneInfo(known))
    match = _POSIX.fullmatch(name) if len(name) <= _MAX_POSIX_NAME else None
    return _posix(name.upper(), match) if match is not None else None


def _posix(name: str, match: re.Match[str]) -> Zone | None:
    standard, daylight = match["std"].strip("<>").upper(), (match["dst"] or "").strip("<>").upper()
    offset = _posix_offset(match["offset"])
    if offset is None:
        return None
    if not match["dst"]:
        return Zone(name, FixedOffset(-offset, standard))
    other = _posix_offset(match["dstoffset"]) if match["dstoffset"] else offset - 3600
    if other is None or max(abs(other), abs(offset), abs(other - offset)) >= DAY_SECONDS:
        return None
    # Python's reader of rules is strict about the names, so it gets others
    rule = f"STD{_clock(offset)}DST{_clock(other)}{(match['rules'] or _UNITED_STATES).replace(';', ',').upper()}"
    header = b"TZif2" + bytes(15) + struct.pack("!6l", 0, 0, 0, 0, 1, 1)
    block = struct.pack("!lBB", -offset, 0, 0) + b"\0"
    try:
        rules = ZoneInfo.from_file(io.BytesIO((header + block) * 2 + f"\n{rule}\n".encode()))
    except ValueError:
        return None
    if other == offset:
        return Zone(name, FixedOffset(-offset, standard))
    return Zone(name, rules, {"STD": standard, "DST": daylight, "": standard})


def _clock(seconds: int) -> str:
    return f"{'-' if seconds < 0 else ''}{abs(seconds) // 3600}:{abs(seconds) // 60 % 60:02d}:{abs(seconds) % 60:02d}"


def _posix_offset(text: str) -> int | None:
    """Hours, minutes and seconds, positive to the west."""
    sign = -1 if text[0] == "-" else 1
    parts = [int(part[:9]) for part in text.lstrip("+-").split(":")] + [0, 0]
    if parts[0] > _MAX_POSIX_HOURS or parts[1] > 59 or parts[2] > 60:
        return None
    return sign * (parts[0] * 3600 + parts[1] * 60 + parts[2])


def fixed_zone(offset: int) -> Zone:
    """A zone of one offset, in seconds east of Greenwich, with the name that SET TIME ZONE of a number gives it."""
    hours, rest = divmod(abs(offset), 3600)
    minutes, seconds = divmod(rest, 60)
    shown = f"{hours:02d}" + (f":{minutes:02d}" if minutes or seconds else "") + (f":{seconds:02d}" if seconds else "")
    east, west = ("+", "-") if offset >= 0 else ("-", "+")
    return Zone(f"<{east}{shown}>{west}{shown}", FixedOffset(offset, f"{east}{shown}"))
