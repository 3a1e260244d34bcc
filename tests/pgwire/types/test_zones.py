"""Time zones: names, offsets around changes, abbreviations."""

from __future__ import annotations

from datetime import UTC as PYTHON_UTC
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketworkers_pgwire.types import UTC, Zone, find_zone, fixed_zone
from socketworkers_pgwire.types.datetime_math import at_zone, local_of, session_zone, zone_named
from socketworkers_pgwire.types.errors import SqlError
from socketworkers_pgwire.types.interval import Interval

EPOCH = datetime(2000, 1, 1, tzinfo=PYTHON_UTC)
DAY = 86_400


def _zone(name: str) -> Zone:
    found = find_zone(name)
    assert found is not None
    return found


def _wall(text: str) -> int:
    return int((datetime.fromisoformat(text).replace(tzinfo=PYTHON_UTC) - EPOCH).total_seconds())


@given(
    st.integers(-5_000_000_000, 8_000_000_000),
    st.sampled_from(["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]),
)
def test_offsets_are_those_of_the_zone_files(instant: int, name: str) -> None:
    moment = (EPOCH + timedelta(seconds=instant)).astimezone(ZoneInfo(name))
    offset = moment.utcoffset()
    assert offset is not None
    zone = _zone(name)
    assert zone.offset_at(instant) == int(offset.total_seconds())
    assert zone.offset_at(instant) == zone.offset_at(instant)  # from the cache
    assert zone.abbreviation_at(instant) == moment.tzname()


@pytest.mark.parametrize(
    ("wall", "offset"),
    [
        ("2021-03-14 01:59:59", -5),
        ("2021-03-14 02:00:00", -5),  # skipped: the offset before
        ("2021-03-14 02:59:59", -5),
        ("2021-03-14 03:00:00", -4),
        ("2021-11-07 00:59:59", -4),
        ("2021-11-07 01:00:00", -5),  # twice: the offset after
        ("2021-11-07 01:59:59", -5),
        ("2021-11-07 02:00:00", -5),
    ],
)
def test_walls_around_a_change(wall: str, offset: int) -> None:
    zone = _zone("America/New_York")
    for _ in range(2):
        assert zone.offset_of(_wall(wall)) == offset * 3600


def test_before_the_first_rule_and_far_in_the_future() -> None:
    zone = _zone("Europe/Berlin")
    assert zone.offset_at(-300 * 366 * DAY) == zone.offset_at(-6000 * 366 * DAY) == 3208  # local mean time
    july_3000, july_200000 = _wall("3000-07-01 12:00:00"), _wall("3200-07-01 12:00:00") + 492 * 146_097 * DAY
    assert zone.offset_at(july_3000) == zone.offset_at(july_200000) == 7200
    assert zone.offset_of(july_200000) == 7200


@pytest.mark.parametrize(
    ("name", "shown", "fixed"),
    [
        ("utc", "UTC", 0),
        ("GMT", "GMT", 0),
        ("europe/berlin", "Europe/Berlin", None),
        ("ETC/gmt+3", "Etc/GMT+3", -10_800),
        ("posix/Europe/Berlin", "posix/Europe/Berlin", None),
        ("UTC+3", "UTC+3", -10_800),
        ("foo-3:30", "FOO-3:30", 12_600),
        ("<+03>-3", "<+03>-3", 10_800),
        ("EST5EDT,M3.2.0,M11.1.0", "EST5EDT,M3.2.0,M11.1.0", None),
        ("+02", "+02", -7_200),
    ],
)
def test_names(name: str, shown: str, fixed: int | None) -> None:
    zone = _zone(name)
    assert (zone.name, zone.fixed) == (shown, fixed)
    assert repr(zone) == f"<Zone {shown}>"
    assert find_zone(name) is zone


@pytest.mark.parametrize(
    "name",
    ["", "Nowhere", "../../etc/passwd", "/etc/localtime", "Europe/", "FOO200", "A" * 300 + "1", "EST5EDT,x,y", "x1:"],
)
def test_no_names(name: str) -> None:
    assert find_zone(name) is None


def test_a_posix_rule_has_its_own_names() -> None:
    zone = _zone("<-03>3<-02>,M3.2.0/2,M11.1.0/2")
    winter, summer = _wall("2021-01-01 00:00:00"), _wall("2021-07-01 00:00:00")
    assert (zone.offset_at(winter), zone.abbreviation_at(winter), zone.is_daylight_at(winter)) == (
        -10_800,
        "-03",
        False,
    )
    assert (zone.offset_at(summer), zone.abbreviation_at(summer), zone.is_daylight_at(summer)) == (-7_200, "-02", True)


@pytest.mark.parametrize(
    ("seconds", "name"),
    [(0, "<+00>-00"), (7200, "<+02>-02"), (-12_600, "<-03:30>+03:30"), (3661, "<+01:01:01>-01:01:01")],
)
def test_a_fixed_zone(seconds: int, name: str) -> None:
    zone = fixed_zone(seconds)
    assert (zone.name, zone.fixed, zone.offset_at(5), zone.offset_of(5)) == (name, seconds, seconds, seconds)
    assert not zone.is_daylight_at(0)
    assert find_zone(name) is not None


def test_an_abbreviation_whose_meaning_has_changed() -> None:
    zone = _zone("Europe/Moscow")
    for wall, hours in (("2010-01-01 00:00:00", 3), ("2012-01-01 00:00:00", 4), ("2015-01-01 00:00:00", 3)):
        assert zone.offset_of_abbreviation("MSK", _wall(wall)) == hours * 3600
    assert zone.offset_of_abbreviation("XYZ", 0) is None
    assert UTC.offset_of_abbreviation("UTC", 0) == 0
    steps = zone.transitions()
    assert [step[0] for step in steps] == sorted(step[0] for step in steps)


def test_at_time_zone() -> None:
    usecs = _wall("2021-07-01 12:00:00") * 1_000_000
    assert at_zone(usecs, zone_named("pst", usecs, wall=True)) - usecs == 8 * 3_600_000_000
    assert local_of(usecs, zone_named("Asia/Kathmandu", usecs, wall=False)) - usecs == 20_700_000_000
    assert local_of(usecs, session_zone(Interval(0, 0, -3_600_000_000))) - usecs == -3_600_000_000
    with pytest.raises(SqlError, match='time zone "Nowhere" not recognized'):
        zone_named("Nowhere", usecs, wall=True)
    with pytest.raises(SqlError, match="must not include months or days"):
        session_zone(Interval(0, 1, 0))


def test_the_cache_is_bounded() -> None:
    zone = Zone("copy", ZoneInfo("America/New_York"))
    for day in range(20_000):
        zone.offset_at(day * DAY)
    assert len(zone._days) <= 8192
