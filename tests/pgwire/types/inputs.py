"""Texts to read as values: of each type the boundaries, what is easily got wrong, and as many random ones as asked for."""

from __future__ import annotations

import json
import math
import random
import string
import struct
from collections.abc import Callable, Iterator

__all__ = ["GENERATORS", "inputs", "mutated"]

_ALPHABET = string.digits + "  .,:;+-/eExX_'\"\\{}[]()nNaAtTzZ" + string.ascii_letters + "\t\nàé€😀"


def mutated(text: str, rng: random.Random) -> str:
    """`text` with one or two characters taken away, added or changed."""
    for _ in range(rng.choice((1, 1, 1, 2))):
        position = rng.randrange(len(text) + 1)
        change = rng.randrange(3)
        if change == 0:
            text = text[:position] + text[position + 1 :]
        elif change == 1:
            text = text[:position] + rng.choice(_ALPHABET) + text[position:]
        else:
            text = text[:position] + rng.choice(_ALPHABET) + text[position + 1 :]
    return text


def inputs(name: str, count: int, seed: int = 0) -> list[str]:
    """Texts for the type `name`: all boundaries, and at least `count` in all; a fifth of the random ones mutated."""
    fixed, generate = GENERATORS[name]
    rng = random.Random(f"{name} {seed}")
    texts = list(fixed)
    while len(texts) < count:
        text = generate(rng)
        texts.append(mutated(text, rng) if rng.random() < 0.2 else text)
    return [text for text in texts if "\0" not in text]


def _spaced(text: str, rng: random.Random) -> str:
    return rng.choice(("", "", "", " ", "\t", " \n")) + text + rng.choice(("", "", "", " ", "\v"))


def _bool(rng: random.Random) -> str:
    word = rng.choice(("true", "false", "yes", "no", "on", "off", "1", "0", "t", "f"))
    word = word[: rng.randint(1, len(word))]
    return _spaced(rng.choice((word, word.upper(), word.title())), rng)


def _integer(rng: random.Random) -> str:
    bits = rng.choice((3, 8, 15, 16, 31, 32, 63, 64, 70))
    value = rng.choice((1, -1)) * (rng.choice((0, (1 << bits) - 2)) + rng.randint(0, 4) if bits > 8 else rng.getrandbits(bits))
    return _spaced(rng.choice(("", "", "", "+", "0", "00")) + str(value), rng)


_INTEGERS = ("", " ", "-", "+", "0", "-0", "+0", "1.0", "1e3", "0x10", "0b1", "1_000", " 12 ", "12 3", "--1", "+-1",
             "32767", "32768", "-32768", "-32769", "2147483647", "2147483648", "-2147483648", "-2147483649",
             "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
             "99999999999999999999999999", "00000000000000000000000000000012", "٣", "１", "1\u00a0", "4294967295", "4294967296",
             "99999999999999999999x", "3000000000x", "40000x", "12x")  # fmt: skip


def _float(rng: random.Random) -> str:
    kind = rng.randrange(6)
    if kind == 0:
        value = struct.unpack("!d", rng.randbytes(8))[0]
        return repr(value)
    if kind == 1:
        value = struct.unpack("!f", rng.randbytes(4))[0]
        return repr(value)
    if kind == 2:
        return repr(math.ldexp(1, rng.randint(-1074, 1023)) * rng.choice((1, -1, 3)))
    if kind == 3:
        return f"{rng.choice(('', '-', '+'))}{rng.randint(1, 99)}e{rng.randint(-50, 50)}"
    if kind == 4:
        return _spaced(f"{rng.uniform(-1e7, 1e7):.{rng.randint(0, 18)}f}", rng)
    return f"{rng.randint(0, 10**rng.randint(1, 25))}.{rng.randint(0, 10**rng.randint(1, 20))}"


_FLOATS = ("", " ", ".", "-", "1.", ".5", "-.5", "+.5", "1e", "1e+", "e5", "nan", "NaN", " nan ", "-nan", "+nan", "nan(123)",
           "inf", "-inf", "+inf", "Infinity", "-INFINITY", "infin", "infinityx", "0x1A", "0x1.8p1", "0x", "0xp1", "1e400", "-1e400",
           "1e-400", "0e400", "0e-999", "0.0e5", "1e308", "1.7976931348623157e308", "1.7976931348623159e308", "5e-324", "2e-324",
           "3e-324", "2.2250738585072014e-308", "-0", "-0.0", "0", "1e15", "1e14", "999999999999999", "1234567890123456", "1e16",
           "1e-4", "1e-5", "0.0001", "0.00001", "123456", "1234567", "999999.5", "1e23", "9e22", "1e22", "9007199254740993",
           "3.4028235e38", "3.4028236e38", "3.4e39", "1e-45", "1e-46", "7e-46", "1.401298464324817e-45", "0.1", "0.3", "16777217",
           "1e6", "1e5", "100000", "1000000", "8388608.5", "33554430", "1 2", "1,5", "1e5x", "1_0", "infinity ", "1d", "2e308",
           "16777216.999999", "0.30000001192092896", "1.17549435e-38", "9.8607613e-32", "1.0000000596046448", "1.00000005960464477539")  # fmt: skip


def _numeric(rng: random.Random) -> str:
    kind = rng.randrange(5)
    sign = rng.choice(("", "", "-", "+"))
    if kind == 0:
        return f"{sign}{rng.randint(0, 10 ** rng.randint(0, 30))}"
    if kind == 1:
        return f"{sign}{rng.randint(0, 10 ** rng.randint(0, 12))}.{rng.randint(0, 10 ** rng.randint(0, 20))}"
    if kind == 2:
        return f"{sign}{rng.randint(0, 10**6)}.{rng.randint(0, 999)}e{rng.randint(-30, 30)}"
    if kind == 3:
        return _spaced(f"{sign}{'0' * rng.randint(0, 3)}{rng.randint(0, 999)}.{'0' * rng.randint(0, 6)}{rng.randint(0, 99)}", rng)
    return f"{sign}{rng.choice((9, 99, 999, 99999999, 99999999999))}.{rng.choice((4, 5, 49, 5, 994, 995, 99999, 4999999, 50000))}"


_NUMERICS = ("", " ", ".", "-", "1.", ".5", "-.5", "+5", "1e", "1e+", "e5", "NaN", "nan", " nan ", "-nan", "+nan", "inf", "-inf",
             "+inf", "Infinity", "infinity ", "infin", "0", "-0", "-0.00", "0.00", "1e5", "1E5", "1e-5", "0e5", "0e-5", "1.50e3", "12e-1",
             "1e131071", "1e131072", "9e131071", "1e-16383", "1e-16384", "1e400000", "1e-400000", "1e1073741822", "1e1073741823",
             "1e-1073741823", "1e99999999999999999999", "00012.500", "0x10", "1_000", "1 2", "1e 5", "1e+ 5", "1 e5", "1.2.3", "--1",
             "0.5", "-0.5", "0.4", "9.995", "99999999.994", "99999999.995", "-99999999.995", "123456789012345678", "1234567890123456789",
             "999999999999999999.5", "0.00001", "0.000004", "0.000005", "0.00099999", "0.000999999", "99949", "99950", "150", "50", "49",
             "10000", "100000000", "0.0001", "0.00000001", "1000000000000000000000000.0001", "٣", "1\u00a0", "0e400000", "0e-400000")  # fmt: skip


_LETTERS = "abcXYZ  '\"\\{},\t\n\x01\x7fßàé€漢😀%_"


def _text(rng: random.Random) -> str:
    return "".join(rng.choices(_LETTERS, k=rng.randint(0, 9))) + " " * rng.choice((0, 0, 1, 5))


def _bytea(rng: random.Random) -> str:
    data = rng.randbytes(rng.randint(0, 12))
    if rng.random() < 0.5:
        text = data.hex()
        return "\\x" + (text.upper() if rng.random() < 0.3 else " ".join([text[:4], text[4:]]) if rng.random() < 0.3 else text)
    return "".join(chr(b) if 32 <= b < 127 and b != 92 else "\\\\" if b == 92 else f"\\{b:03o}" for b in data)


def _uuid(rng: random.Random) -> str:
    digits = rng.randbytes(16).hex()
    if rng.random() < 0.3:
        digits = digits.upper()
    groups = [digits[start : start + 4] for start in range(0, 32, 4)]
    text = "".join(group + rng.choice(("", "-")) for group in groups[:-1]) + groups[-1]
    if rng.random() < 0.4:
        text = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    return rng.choice(("{%s}", "%s", "%s", "%s", " %s", "{%s")) % text


_MONTHS = "Jan Feb Mar April May jun July AUG Sept oct nov December".split()
_ZONES = ("Z", "UTC", "zulu", "PST", "EST", "cest", "MSK", "America/New_York", "europe/london", "Asia/Kathmandu", "+02", "-08:30",
          "+05:45:30", "-0330", "+1", "+16", "+15:59", "-15:59:59", "MET DST", "UTC+3", "EST5EDT", "+123456", "Etc/GMT-14", "-00:00",
          "Nowhere/Land", "XYZ", "FOO+3", "PST8PDT", "Australia/Lord_Howe", "IST", "utc-3:30", "<+03>-3")  # fmt: skip


def _date(rng: random.Random) -> str:
    year = rng.choice((rng.randint(1, 9999), rng.randint(1900, 2100), rng.randint(1900, 2100), rng.randint(1, 294300), rng.randint(0, 99)))
    month, day = rng.randint(0, 13) if rng.random() < 0.1 else rng.randint(1, 12), rng.randint(1, rng.choice((28, 28, 28, 31, 32)))
    name = rng.choice(_MONTHS)
    form = rng.choice(
        (
            "{y:04d}-{m:02d}-{d:02d}", "{y:04d}-{m:02d}-{d:02d}", "{y:04d}-{m:02d}-{d:02d}", "{y}-{m}-{d}", "{y:04d}{m:02d}{d:02d}", "{y2:02d}{m:02d}{d:02d}", "{m}/{d}/{y}",
            "{d}/{m}/{y2}", "{m}-{d}-{y2:02d}", "{y2:02d}-{m}-{d}", "{d}.{m}.{y}", "{n} {d}, {y}", "{d} {n} {y}", "{y} {n} {d}", "{n}-{d}-{y}",
            "{d}-{n}-{y2:02d}", "{y2:02d}-{n}-{d}", "{y}.{doy:03d}", "{y}-{doy:03d}", "J{j}", "J {j}", "y{y}m{m}d{d}", "{n} {d} {y}", "{d}{n}{y}", "{y}/{m:02d}/{d:02d}",
            "Mon {d} {n} {y}", "{w} {n} {d} {y}", "{n}{d} {y}", "{y} {d} {n}", "{n}/{d}/{y}", "{y}-{m}", "{m} {d} {y}", "{d} {m} {y}",
        )
    )  # fmt: skip
    text = form.format(y=year, y2=year % 100, m=month, d=day, n=name, doy=rng.randint(0, 367), j=rng.randint(0, 3000000), w=rng.choice(("Fri", "tuesday", "Thurs")))
    return text + rng.choice(("", "", "", "", "", " BC", " AD", " bc"))


def _time(rng: random.Random) -> str:
    hour, minute, second = rng.randint(0, 24 if rng.random() < 0.1 else 23), rng.randint(0, 59), rng.randint(0, 60 if rng.random() < 0.1 else 59)
    fraction = str(rng.randint(0, 10 ** rng.randint(0, 9)))
    form = rng.choice(
        (
            "{h:02d}:{m:02d}:{s:02d}", "{h:02d}:{m:02d}:{s:02d}", "{h:02d}:{m:02d}:{s:02d}.{f}", "{h:02d}:{m:02d}:{s:02d}.{f}", "{h}:{m}", "{h:02d}:{m:02d}", "{h:02d}{m:02d}{s:02d}",
            "{h:02d}{m:02d}{s:02d}.{f}", "{h:02d}{m:02d}", "T{h:02d}:{m:02d}:{s:02d}", "T{h:02d}{m:02d}{s:02d}", "{h12}:{m:02d} AM", "{h12}:{m:02d}:{s:02d}.{f} PM",
            "{h12} pm", "{m:02d}:{s:02d}.{f}", "{h}h{m}m{s}s", "h{h}mm{m}s{s}", "{h:02d}:{m:02d}:", "allballs", "{h:02d}:{m:02d}:{s:02d}.",
        )
    )  # fmt: skip
    return form.format(h=hour, m=minute, s=second, f=fraction, h12=hour % 12 or 12)


def _zone(rng: random.Random) -> str:
    return rng.choice(("", "", "", rng.choice((" ", "")) + rng.choice(_ZONES)))


def _timestamp(rng: random.Random) -> str:
    date, time, zone = _date(rng), _time(rng), _zone(rng)
    if rng.random() < 0.15:
        return date + zone
    if rng.random() < 0.05:
        return f"{time}{zone} {date}"
    if rng.random() < 0.05:
        return f"{date}{zone} {time}"
    return date + rng.choice((" ", " ", " ", "T", "t", ", ", "  ", "", " at ")) + time + zone


def _time_zoned(rng: random.Random) -> str:
    text = _time(rng) + _zone(rng)
    return f"{_date(rng)} {text}" if rng.random() < 0.2 else text


_DATES = ("", " ", "infinity", "-infinity", "+infinity", "inf", "epoch", " Infinity ", "INFINITY", "1999-01-08", "January 8, 1999", "1/8/1999", "1/18/1999", "01/02/03",
          "1999-Jan-08", "Jan-08-1999", "08-Jan-1999", "99-Jan-08", "08-Jan-99", "Jan-08-99", "19990108", "990108", "1999.008", "J2451187",
          "January 8, 99 BC", "2000-02-29", "1900-02-29", "2001-02-29", "1999-02-30", "0000-01-01", "0001-01-01", "0001-01-01 BC", "4714-11-24 BC", "4714-11-23 BC",
          "4713-01-01 BC", "5874897-12-31", "5874898-01-01", "294276-12-31 23:59:59.999999", "294277-01-01", "99999-01-01", "10000-01-01", "1999-1-8", "1999-13-01",
          "1999-00-01", "1999-01-00", "1999-01-32", "13/13/1999", "31/12/1999", "12/31/1999", "1999-01", "1999", "99", "today x", "1999-01-08 04:05:06 BC AD", "BC",
          "1999-01-08 foo", "1999-01-08 +25", "1999-01-08 America/Nowhere", "1999-01-08T", "1999-01-08 T040506", "20011225T040506.789-07", "20011225 040506+08", "yesterday tomorrow",
          "Feb-7-1997 15:23:27", "Fri Feb-7-1997 15:23:27", "Fri Feb 7 15:23:27 1997 PST", "97038 152327", "970207 152327", "1997.038 15:23:27", "Jul 4 1976 10:20 PM PDT",
          "2001-02-03 04:05:06.7777777", "2001-02-03 04:05:06.9999995", "2001-02-03 04:05:60", "2001-02-03 24:00:00", "2001-02-03 24:00:01", "2001-02-03 25:00", "2001-02-03 04:60",
          "2001-02-03 04:05:61", "2001-02-03 4:5:6", "2001-02-03 04:05:06 PM", "2001-02-03 14:05 PM", "2001-02-03 00:05 AM", "2001-02-03 12:05 AM", "2001-02-03 04:05:06,5",
          "2021-03-14 02:30:00", "2021-11-07 01:30:00", "2021-03-28 01:30:00", "2021-10-31 01:30:00", "2021-03-14 02:30 America/New_York", "2021-11-07 01:30 America/New_York",
          "2021-11-07 01:30 EDT", "1883-11-18 12:03:58", "1800-01-01 00:00", "1847-12-01 00:00", "3000-07-01 12:00", "9999-12-31 23:59:59", "12345-06-07 08:09", "0044-03-15 BC 12:00",
          "J2451187 04:05", "J2451187.5", "J2451187.25+01", "J0", "J-1", "y2001m02d04", "y2001m02d04 h04mm05s06", "2001-02-04T04:05:06Z", "2001-02-04t04:05:06z", "20010204T040506Z",
          "2001-02-04 04:05:06 zulu", "2001-02-04 allballs", "epoch 2000-01-01", "now x", "2000-01-01 00:00:00.0000005", "2000-01-01 00:00:00.0000015", "1999-12-31 23:59:59.9999999",
          "2000-01-01 00:00:00.1234565", "2014-10-26 01:30 MSK", "2010-01-01 00:00 MSK", "2011-04-01 00:00 MSK", "2000-01-01 12 PM", "1.5", "1.", "-1", "1999-01-08 04:05:06.789-8",
          "1999-01-08 04:05:06.789-08:00", "1999-01-08 04:05:06.789-08:00:30", "04:05:06 1999-01-08", "4 Jul", "Jul 4", "July 4 2001 July", "2001 2001-01-01", "2001-01-01 2001-01-01",
          "2000-10-10 10:10:10.1.1", "1997-02-10 17:32:01 -0800", "Mon Feb 10 17:32:01.5 1997 PST", "Mon Feb 10 17:32:01.500001 1997 PST DST", "2000-03-15 08:14:01 GMT+8", "2000-03-15 13:14:02 GMT-1",
          "2000-03-15 12:14:03 GMT-2", "2000-03-15 03:14:04 PST+8", "2000-03-15 02:14:05 MST+7:00", "19970710 173201 America/Does_not_exist", "a" * 200, "1 " * 30, "205000-07-10 17:32:01 Europe/Helsinki",
          "205000-01-10 17:32:01 Europe/Helsinki", "4714-11-23 23:59:59 BC", "4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59+00", "294276-12-31 15:59:59-08", "2000-01-01 00:00:00+00:00", "é")  # fmt: skip

_TIMES = ("", "04:05:06.789", "04:05:06", "04:05", "040506", "04:05 AM", "04:05 PM", "04:05:06.789-8", "04:05:06-08:00", "04:05-08:00", "040506-08", "040506+0730", "040506+07:30:00",
          "04:05:06 PST", "2003-04-12 04:05:06 America/New_York", "04:05:06 America/New_York", "04:05:06 Etc/GMT+3", "24:00:00", "24:00:01", "24:00:00.01", "23:59:60", "23:59:60.01", "23:59:59.9999995", "25:00", "12:60",
          "12:00:61", "allballs", "zulu", "noon", "12 PM", "12:00 PM", "00:00 PM", "13:00 PM", "0405", "4", "04", "405", "T04:05", "T0405", "t040506", "h04mm05s06", "1999-01-08", "1999-01-08 04:05", "04:05:06 1999-01-08",
          "04:05.5", "4:05:06.5", " 04:05 ", "04:05:06.1234565", "04:05:06 +25:00", "04:05:06 +15:59:59", "04:05:06 UTC", "04:05:06 MSK", "04:05:06 EST5EDT", "epoch", "infinity", "today", "15:36:39.9999999 PST8PDT", "-1:00", "1:-1")  # fmt: skip


def _amount(rng: random.Random) -> str:
    value = rng.choice((str(rng.randint(0, 100)), str(rng.randint(0, 100)), f"{rng.randint(0, 50)}.{rng.randint(0, 99999)}", str(rng.getrandbits(rng.choice((8, 33, 64)))), f".{rng.randint(0, 99)}"))
    return rng.choice(("", "", "", "-", "+")) + value


_UNITS = "us usec microseconds ms msec milliseconds s sec secs seconds m min mins minutes h hr hours d day days w week weeks mon mons months y yr year years dec decades c cent centuries mil mils millennia qtr".split()


def _interval(rng: random.Random) -> str:
    kind = rng.randrange(7)
    if kind <= 2:
        text = " ".join(f"{_amount(rng)}{rng.choice((' ', ''))}{rng.choice(_UNITS)}" for _ in range(rng.randint(1, 4)))
        return text + rng.choice(("", "", "", " ago")) if rng.random() < 0.8 else "@ " + text
    if kind == 3:
        clock = f"{rng.choice(('', '-', '+'))}{rng.randint(0, 200)}:{rng.randint(0, 59):02d}{rng.choice(('', ':%02d' % rng.randint(0, 60), ':%02d.%d' % (rng.randint(0, 59), rng.randint(0, 9999999))))}"
        return rng.choice(("", f"{_amount(rng)} ", f"{rng.randint(-9, 9)} days ", f"{rng.randint(-9, 9)}-{rng.randint(0, 12)} ")) + clock
    if kind == 4:
        return f"{rng.choice(('', '-', '+'))}{rng.randint(0, 300)}-{rng.randint(0, 12)}" + rng.choice(("", f" {rng.choice(('-', '+', ''))}{rng.randint(0, 9)}", f" {rng.randint(0, 9)} {rng.randint(0, 9)}:00"))
    if kind == 5:
        date = "".join(f"{_amount(rng)}{unit}" for unit in rng.sample("YMWD", rng.randint(0, 4)))
        time = "".join(f"{_amount(rng)}{unit}" for unit in rng.sample("HMS", rng.randint(0, 3)))
        return f"P{date}{'T' + time if time or rng.random() < 0.1 else ''}"
    return rng.choice(
        (f"P{rng.randint(0, 9999):04d}-{rng.randint(0, 12):02d}-{rng.randint(0, 31):02d}T{rng.randint(0, 30):02d}:{rng.randint(0, 70):02d}:{rng.randint(0, 70):02d}", f"P{rng.randint(0, 99999999):08d}T{rng.randint(0, 999999):06d}", f"P{rng.randint(0, 9999)}-{rng.randint(0, 20)}", f"PT{rng.randint(0, 99)}:{rng.randint(0, 99)}")
    )  # fmt: skip


_INTERVALS = ("", "0", "1", "-1", "1.5", "1 day", "1 days ago", "1 mon", "1.5 months", "1.5 years", "0.1 years", "0.5 weeks", "1.7 weeks", "1 week 1 day", "1 day 1 day", "1 sec 1 second", "1 day 2:03:04", "2:03:04 1 day", "1 2:03",
              "-1 2:03", "-1 day +2:03", "1-2", "-1-2", "1-12", "1-2 3 4:05:06", "@ 1 minute", "@ 1 minute ago", "@", "ago", "1 ago", "1 day ago ago", "P", "PT", "P1Y", "P1Y2M", "p1y", "P1.5Y", "P0.5M", "P1W", "PT1H", "PT1.5H",
              "P1YT", "P1Y1Y", "PT1H1H", "P-1Y", "P-1Y-2M+3D", "P0001-02-03T04:05:06", "P00010203T040506", "P0001-02", "PT04:05", "PT040506", "P1Y2", "P1", "PT1", "P1e3D", "P1e400D", "P1e20D", "1e3 days", "178000000 years", "178000001 years",
              "-178000000 years", "2147483647 days", "2147483648 days", "9223372036854775807 us", "9223372036854775808 us", "2562047788 hours", "2562047789 hours", "-2562047788:00:54.775807", "-2562047788:00:54.775808", "2562047788:00:54.775807", "2562047788:00:54.775808",
              "1 millennium", "1 mil", "1 mils", "1 c", "1 decade 2 dec", "1.5 decades", "1 quarter", "1 qtr", "1 fortnight", "infinity", "1 microsecond", "1.5 microseconds", "0.5 us", "1.5 us", "2.5 us", "0.0000005 s", "0.0000015 s", "1 ms", "0.1 ms", "100000000y",
              "1 year 2 months 3 days 4 hours 5 minutes 6.789 seconds", "-1 years -2 mons -3 days -04:05:06", "1 year -2 mons", "-1 year +2 mons", "1 mon -1 day", "-1 mon 1 day -1 sec", "24:00", "25:00:00", "1:60", "1:00:61", "0:0:0", "1:2", "100:00", "1:2.5", "1 day 1",
              "1 1", "day", "day 1", "1  day", "1day", "1d2h3m4s", "4 hours 5 hours", "1.1.1 day", "1.2 1.2", "1 y 1 m", "1 m 1 mon", "+1 day", "+ 1 day", "- 1 day", "--1 day", "1 day -", "1:2:3:4", "-1:00 ago", "PT-1.5S", "PT1S ", " PT1S", "P 1Y", "P1Y 2M", "P1Y-2M",
              "0 years", "1 timezone", "12 hours 60 minutes", "0.9999999 seconds", "-0.5 seconds", "-0.0000001 s", "1 century", "1 years 1 decade", "a" * 300, "1 hour " * 20, "é")  # fmt: skip


def _json_value(rng: random.Random, depth: int = 0) -> object:
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return rng.choice((None, True, False))
    if kind == 1:
        return rng.randint(-(10**rng.randint(0, 25)), 10 ** rng.randint(0, 25))
    if kind == 2:
        return rng.choice((1.5, 0.1, 1e300, 1e-20, -0.0, 2.50))
    if kind in (3, 4, 5):
        return _text(rng)
    if kind == 6:
        return [_json_value(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    return {rng.choice(("a", "b", "bb", "", "é", "ccc", "d.e", _text(rng))): _json_value(rng, depth + 1) for _ in range(rng.randint(0, 4))}


def _json(rng: random.Random) -> str:
    indent = rng.choice((None, None, 1))
    return json.dumps(_json_value(rng), ensure_ascii=rng.random() < 0.5, indent=indent)


_JSONS = ("", " ", "{}", "[]", "null", "true", "nul", "NaN", "Infinity", "-Infinity", "1", "-1", "01", "-01", "1.", ".5", "1.0", "1.50", "1e5", "1E-5", "1e+5", "1e", "-", "-0", "-0.0", '""', '"a"', "'a'", '"', '"a', '"\\u00e9"', '"\\u00g9"', '"\\u12"', '"\\u12', '"\\x"', '"\\',
          '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00"', '"\\ud83d\\ud83d"', '"\\ud83dx"', '"\\u0000"', '"\\\\u0000"', '"a\nb"', '"a\tb"', '"\\b\\f\\n\\r\\t\\/\\"\\\\"', '"\x7f"', "[1,2,3]", "[1,2,]", "[,1]", "[1 2]", "[1", "[", "]", "{", "}", '{"a"}', '{"a":}', '{"a":1', '{"a":1,}', '{,}', '{a:1}', '{1:1}',
          '{"a":1 "b":2}', '{"a":1,"a":2}', '{"bb":1,"a":2}', '{"b":1,"aa":2,"a":3}', '{"é":1,"ab":2,"abc":3}', "[1]x", "1 2", "true false", "{} []", "[[[]]]", '{"a":{"b":[1,{"c":null}]}}', " [ 1 , 2 ] ", "\t{}\n", "\v{}", "\u00a0{}", "[1.10,1.1,1]", "1e131071", "1e200000", "1e-16384", "123456789012345678901234567890",
          "0.1e1", "1.5e3", "00", "+1", "tru", "trueX", "nulll", "a b", "@", "\\", "[1,2}", '{"a":1]', '["a":1]', '{"a",1}', "\ufeff{}", '"😀"', '"\\ud83d\\ude00\\u0041"', "0", "[0,-0,0.0,-0.0]", '{"":1}', '{"a":1e2}', "é", '"é', "1é", "-é")  # fmt: skip


def _int_array(rng: random.Random) -> str:
    def build(depth: int) -> str:
        if depth == 0:
            return rng.choice((str(rng.randint(-5, 5)), str(rng.randint(-5, 5)), "NULL", " 3 "))
        return "{" + ",".join(build(depth - 1) for _ in range(lengths[depth - 1])) + "}"

    lengths = [rng.randint(1, 3) for _ in range(rng.randint(1, 3))]
    text = build(len(lengths))
    if rng.random() < 0.3:
        lower = rng.randint(-2, 3)
        text = "".join(f"[{lower}:{lower + length - 1}]" for length in reversed(lengths)) + "=" + text
    return text


def _text_array(rng: random.Random) -> str:
    def item() -> str:
        text = _text(rng).strip()
        kind = rng.randrange(4)
        if kind == 0:
            return rng.choice(("NULL", "null", '"NULL"', '""', "a", " b ", "c d", '" "', '\\"x', "\\ ", "x\\ ", 'a"b"', '"a"b'))
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    items = ",".join(item() for _ in range(rng.randint(0, 4)))
    return rng.choice(("{%s}", "{%s}", " { %s } ", "{{%s}}", "[2:%d]={%%s}" % rng.randint(1, 6))) % items


_ARRAYS = ("", "{}", " {} ", "{ }", "{1}", "{1,2,3}", "{1,NULL,3}", "{null}", "{NuLl}", "{1,}", "{,1}", "{,}", "{1 2}", "{1", "1}", "{{1,2},{3,4}}", "{{1,2},{3}}", "{{1},2}", "{1,{2}}", "{{}}", "{{},{}}", "{{1},{}}", "{{},{1}}", "{1}}", "{1}x", "{1} ", "x{1}", "[1:2]={1,2}", "[0:1]={1,2}",
           "[1:3]={1,2}", "[2]={1,2}", "[1:2]{1,2}", "[1:2] = {1,2}", "[2:1]={1}", "[1:2][1:1]={{1},{2}}", "[1:2", "[a:b]={1}", "[]={1}", "[-2:-1]={1,2}", "[1:0]={}", "[1:1]={}", '{"1"}', '{"1" }', '{ "1"}', '{"1"2}', '{1"2"}', '{"a\\"b"}', '{"a\\\\b"}', "{a\\,b}", '{"', '{"a', "{\\", "{a\\", '{""}', '{"NULL"}', "{NULL }",
           "{\\NULL}", "{{{{{{1}}}}}}", "{{{{{{{1}}}}}}}", "{1,2}{3}", "[1:2147483647]={1}", "[2147483647:2147483647]={1}", "[-2147483648:-2147483648]={1}", "{ 1 , 2 }", "{\n1\n}", "{1;2}", "{(1,2)}", "{a b}", '{"a" "b"}', "{{1,2},{NULL,4}}", "{{1,2},NULL}", "[1:1][1:1]={1}", "+{1}", "{+1}", "{é}", "[1:1]={1}", "[+1:+2]={1,2}", "[ 1:2]={1,2}", "[1:2 ]={1,2}", "{{1,2}\n,{3,4}}", "{{1,2}{3,4}}")  # fmt: skip


def _oid(rng: random.Random) -> str:
    return _spaced(rng.choice(("", "-", "+", "0", "0x")) + str(rng.getrandbits(rng.choice((4, 16, 31, 32, 33, 64, 70)))), rng)


def _vector(rng: random.Random) -> str:
    return " ".join(str(rng.choice((rng.randint(-9, 40000), rng.getrandbits(33)))) if rng.random() < 0.2 else str(rng.randint(0, 99)) for _ in range(rng.randint(0, 5)))


def _numbers(generate: Callable[[random.Random], str]) -> Callable[[random.Random], str]:
    return lambda rng: "{" + ",".join(generate(rng).strip() for _ in range(rng.randint(0, 4))) + "}"


GENERATORS: dict[str, tuple[tuple[str, ...], Callable[[random.Random], str]]] = {
    "bool": (("", " ", "o", "of", "tr", "TRUE", "tru e", "truex", "y", "n", "yes ", " no", "2", "10", "-1", "on\t", "İ"), _bool),
    **dict.fromkeys(("int2", "int4", "int8", "oid", "xid", "xid8"), (_INTEGERS, _integer)),
    **dict.fromkeys(("float4", "float8"), (_FLOATS, _float)),
    "numeric": (_NUMERICS, _numeric),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "char"), (("", " ", "a", "a  ", "é", "abcdef", "abcde ", "abcdef  ", "é" * 40, "a" * 70, "😀" * 20, "\\", "\\101", "null"), _text)),
    "bytea": (("", "\\x", "\\xabc", "\\xzz", "\\x0 1", "\\x01 02", "\\x 01", "\\xAb", "\\\\", "\\", "\\1", "\\400", "\\377", "\\38", "a\\000b", "\\x01\n02", "\\X01", "é", "\\xé", "\\x0g", " \\x01"), _bytea),
    "uuid": (("", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "{a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380a1", "a0eebc999c0b4ef8bb6d6bb9bd380a111", "a0eebc999c0b4ef8bb6d6bb9bd380a1g", "a0e-ebc999c0b4ef8bb6d6bb9bd380a11", "-a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11-"), _uuid),
    "date": (_DATES, lambda rng: _date(rng) if rng.random() < 0.8 else _timestamp(rng)),
    **dict.fromkeys(("timestamp", "timestamptz"), (_DATES + _TIMES, _timestamp)),
    **dict.fromkeys(("time", "timetz"), (_TIMES + _DATES, _time_zoned)),
    "interval": (_INTERVALS, _interval),
    **dict.fromkeys(("json", "jsonb"), (_JSONS, _json)),
    "_int4": (_ARRAYS, _int_array),
    "_text": (_ARRAYS, _text_array),
    "_numeric": (("{1.0,1.00}", "{}"), _numbers(_numeric)),
    "_float8": (("{1,-0,0,NaN,inf}", "{1e400}"), _numbers(_float)),
    "_bool": (("{t,f,NULL}",), _numbers(_bool)),
    "_interval": (('{1 day,24:00:00}', '{"1 mon","30 days"}'), _numbers(lambda rng: f'"{rng.randint(0, 90)} {rng.choice(("days", "mon", "h"))}"')),
    "_jsonb": (('{"1","1.0"}', '{"{\\"a\\": 1}"}'), _numbers(lambda rng: str(rng.choice((1, "1.0", "null", "true", '"[1, 2]"'))))),
    "_timestamptz": (('{"2020-01-01 00:00+00",infinity}',), _numbers(lambda rng: f'"{_date(rng)}"')),
    "_bytea": (('{"\\\\x01","\\\\x"}',), _numbers(lambda rng: '"\\\\x' + rng.randbytes(rng.randint(0, 3)).hex() + '"')),
    "oidvector": (("", "1", "1 2", " 1  2 ", "1,2", "a", "-1", "4294967296", "1 " * 101), _vector),
    "int2vector": (("", "1", "1 2", " 1  2 ", "1,2", "a", "-1", "32768", "1x", "1 " * 101), _vector),
    "tid": (("", "(0,1)", "(1,2", "1,2", "( 1, 2)", "(1,2) ", " (1,2)", "(-1,1)", "(4294967295,65535)", "(4294967296,1)", "(1,65536)", "(1,-1)", "(a,b)"), lambda rng: f"({rng.getrandbits(33)},{rng.getrandbits(17)})"),
    "mood": (("sad", "ok", "happy", "", "Sad", "sad ", "x"), lambda rng: rng.choice(("sad", "ok", "happy"))),
}  # fmt: skip


def names() -> Iterator[str]:
    """Of all types that there are inputs for."""
    yield from GENERATORS
