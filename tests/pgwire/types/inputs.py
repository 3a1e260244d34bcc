"""Texts to read as values: boundaries, what is easily got wrong, and as many random ones as asked for."""

from __future__ import annotations

import json
import math
import random
import string
import struct
from collections.abc import Callable
from pathlib import Path

__all__ = ["GENERATORS", "inputs", "mutated"]

_BOUNDARIES: dict[str, list[str]] = json.loads(Path(__file__).with_name("boundaries.json").read_text())

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
    value = rng.choice((1, -1)) * (
        rng.choice((0, (1 << bits) - 2)) + rng.randint(0, 4) if bits > 8 else rng.getrandbits(bits)
    )
    return _spaced(rng.choice(("", "", "", "+", "0", "00")) + str(value), rng)


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
    return f"{rng.randint(0, 10 ** rng.randint(1, 25))}.{rng.randint(0, 10 ** rng.randint(1, 20))}"


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
        return _spaced(
            f"{sign}{'0' * rng.randint(0, 3)}{rng.randint(0, 999)}.{'0' * rng.randint(0, 6)}{rng.randint(0, 99)}", rng
        )
    whole = rng.choice((9, 99, 999, 99999999, 99999999999))
    return f"{sign}{whole}.{rng.choice((4, 5, 49, 5, 994, 995, 99999, 4999999, 50000))}"


_LETTERS = "abcXYZ  '\"\\{},\t\n\x01\x7fßàé€漢😀%_"


def _text(rng: random.Random) -> str:
    return "".join(rng.choices(_LETTERS, k=rng.randint(0, 9))) + " " * rng.choice((0, 0, 1, 5))


def _bytea(rng: random.Random) -> str:
    data = rng.randbytes(rng.randint(0, 12))
    if rng.random() < 0.5:
        text = data.hex()
        return "\\x" + (
            text.upper() if rng.random() < 0.3 else " ".join([text[:4], text[4:]]) if rng.random() < 0.3 else text
        )
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


_MONTHS = ["Jan", "Feb", "Mar", "April", "May", "jun", "July", "AUG", "Sept", "oct", "nov", "December"]


def _date(rng: random.Random) -> str:
    year = rng.choice(
        (
            rng.randint(1, 9999),
            rng.randint(1900, 2100),
            rng.randint(1900, 2100),
            rng.randint(1, 294300),
            rng.randint(0, 99),
        )
    )
    month, day = (
        rng.randint(0, 13) if rng.random() < 0.1 else rng.randint(1, 12),
        rng.randint(1, rng.choice((28, 28, 28, 31, 32))),
    )
    name = rng.choice(_MONTHS)
    form = rng.choice(
        (
            "{y:04d}-{m:02d}-{d:02d}",
            "{y:04d}-{m:02d}-{d:02d}",
            "{y:04d}-{m:02d}-{d:02d}",
            "{y}-{m}-{d}",
            "{y:04d}{m:02d}{d:02d}",
            "{y2:02d}{m:02d}{d:02d}",
            "{m}/{d}/{y}",
            "{d}/{m}/{y2}",
            "{m}-{d}-{y2:02d}",
            "{y2:02d}-{m}-{d}",
            "{d}.{m}.{y}",
            "{n} {d}, {y}",
            "{d} {n} {y}",
            "{y} {n} {d}",
            "{n}-{d}-{y}",
            "{d}-{n}-{y2:02d}",
            "{y2:02d}-{n}-{d}",
            "{y}.{doy:03d}",
            "{y}-{doy:03d}",
            "J{j}",
            "J {j}",
            "y{y}m{m}d{d}",
            "{n} {d} {y}",
            "{d}{n}{y}",
            "{y}/{m:02d}/{d:02d}",
            "Mon {d} {n} {y}",
            "{w} {n} {d} {y}",
            "{n}{d} {y}",
            "{y} {d} {n}",
            "{n}/{d}/{y}",
            "{y}-{m}",
            "{m} {d} {y}",
            "{d} {m} {y}",
        )
    )
    text = form.format(
        y=year,
        y2=year % 100,
        m=month,
        d=day,
        n=name,
        doy=rng.randint(0, 367),
        j=rng.randint(0, 3000000),
        w=rng.choice(("Fri", "tuesday", "Thurs")),
    )
    return text + rng.choice(("", "", "", "", "", " BC", " AD", " bc"))


def _time(rng: random.Random) -> str:
    hour, minute, second = (
        rng.randint(0, 24 if rng.random() < 0.1 else 23),
        rng.randint(0, 59),
        rng.randint(0, 60 if rng.random() < 0.1 else 59),
    )
    fraction = str(rng.randint(0, 10 ** rng.randint(0, 9)))
    form = rng.choice(
        (
            "{h:02d}:{m:02d}:{s:02d}",
            "{h:02d}:{m:02d}:{s:02d}",
            "{h:02d}:{m:02d}:{s:02d}.{f}",
            "{h:02d}:{m:02d}:{s:02d}.{f}",
            "{h}:{m}",
            "{h:02d}:{m:02d}",
            "{h:02d}{m:02d}{s:02d}",
            "{h:02d}{m:02d}{s:02d}.{f}",
            "{h:02d}{m:02d}",
            "T{h:02d}:{m:02d}:{s:02d}",
            "T{h:02d}{m:02d}{s:02d}",
            "{h12}:{m:02d} AM",
            "{h12}:{m:02d}:{s:02d}.{f} PM",
            "{h12} pm",
            "{m:02d}:{s:02d}.{f}",
            "{h}h{m}m{s}s",
            "h{h}mm{m}s{s}",
            "{h:02d}:{m:02d}:",
            "allballs",
            "{h:02d}:{m:02d}:{s:02d}.",
        )
    )
    return form.format(h=hour, m=minute, s=second, f=fraction, h12=hour % 12 or 12)


def _zone(rng: random.Random) -> str:
    return rng.choice(("", "", "", rng.choice((" ", "")) + rng.choice(_BOUNDARIES["zones"])))


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


def _amount(rng: random.Random) -> str:
    value = rng.choice(
        (
            str(rng.randint(0, 100)),
            str(rng.randint(0, 100)),
            f"{rng.randint(0, 50)}.{rng.randint(0, 99999)}",
            str(rng.getrandbits(rng.choice((8, 33, 64)))),
            f".{rng.randint(0, 99)}",
        )
    )
    return rng.choice(("", "", "", "-", "+")) + value


_UNITS = [
    "us",
    "usec",
    "microseconds",
    "ms",
    "msec",
    "milliseconds",
    "s",
    "sec",
    "secs",
    "seconds",
    "m",
    "min",
    "mins",
    "minutes",
    "h",
    "hr",
    "hours",
    "d",
    "day",
    "days",
    "w",
    "week",
    "weeks",
    "mon",
    "mons",
    "months",
    "y",
    "yr",
    "year",
    "years",
    "dec",
    "decades",
    "c",
    "cent",
    "centuries",
    "mil",
    "mils",
    "millennia",
    "qtr",
]


def _interval(rng: random.Random) -> str:
    kind = rng.randrange(7)
    if kind <= 2:
        text = " ".join(f"{_amount(rng)}{rng.choice((' ', ''))}{rng.choice(_UNITS)}" for _ in range(rng.randint(1, 4)))
        return text + rng.choice(("", "", "", " ago")) if rng.random() < 0.8 else "@ " + text
    if kind == 3:
        seconds = f":{rng.randint(0, 60):02d}"
        behind = rng.choice(("", seconds, f"{seconds}.{rng.randint(0, 9999999)}"))
        clock = f"{rng.choice(('', '-', '+'))}{rng.randint(0, 200)}:{rng.randint(0, 59):02d}{behind}"
        return (
            rng.choice(
                ("", f"{_amount(rng)} ", f"{rng.randint(-9, 9)} days ", f"{rng.randint(-9, 9)}-{rng.randint(0, 12)} ")
            )
            + clock
        )
    if kind == 4:
        return f"{rng.choice(('', '-', '+'))}{rng.randint(0, 300)}-{rng.randint(0, 12)}" + rng.choice(
            ("", f" {rng.choice(('-', '+', ''))}{rng.randint(0, 9)}", f" {rng.randint(0, 9)} {rng.randint(0, 9)}:00")
        )
    if kind == 5:
        date = "".join(f"{_amount(rng)}{unit}" for unit in rng.sample("YMWD", rng.randint(0, 4)))
        time = "".join(f"{_amount(rng)}{unit}" for unit in rng.sample("HMS", rng.randint(0, 3)))
        return f"P{date}{'T' + time if time or rng.random() < 0.1 else ''}"
    return rng.choice(
        (
            f"P{rng.randint(0, 9999):04d}-{rng.randint(0, 12):02d}-{rng.randint(0, 31):02d}"
            f"T{rng.randint(0, 30):02d}:{rng.randint(0, 70):02d}:{rng.randint(0, 70):02d}",
            f"P{rng.randint(0, 99999999):08d}T{rng.randint(0, 999999):06d}",
            f"P{rng.randint(0, 9999)}-{rng.randint(0, 20)}",
            f"PT{rng.randint(0, 99)}:{rng.randint(0, 99)}",
        )
    )


def _json_value(rng: random.Random, depth: int = 0) -> object:
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return rng.choice((None, True, False))
    if kind == 1:
        return rng.randint(-(10 ** rng.randint(0, 25)), 10 ** rng.randint(0, 25))
    if kind == 2:
        return rng.choice((1.5, 0.1, 1e300, 1e-20, -0.0, 2.50))
    if kind in (3, 4, 5):
        return _text(rng)
    if kind == 6:
        return [_json_value(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    return {
        rng.choice(("a", "b", "bb", "", "é", "ccc", "d.e", _text(rng))): _json_value(rng, depth + 1)
        for _ in range(rng.randint(0, 4))
    }


def _json(rng: random.Random) -> str:
    indent = rng.choice((None, None, 1))
    return json.dumps(_json_value(rng), ensure_ascii=rng.random() < 0.5, indent=indent)


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
            return rng.choice(
                ("NULL", "null", '"NULL"', '""', "a", " b ", "c d", '" "', '\\"x', "\\ ", "x\\ ", 'a"b"', '"a"b')
            )
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    items = ",".join(item() for _ in range(rng.randint(0, 4)))
    return rng.choice(("{%s}", "{%s}", " { %s } ", "{{%s}}", f"[2:{rng.randint(1, 6)}]={{%s}}")) % items


def _oid(rng: random.Random) -> str:
    return _spaced(
        rng.choice(("", "-", "+", "0", "0x")) + str(rng.getrandbits(rng.choice((4, 16, 31, 32, 33, 64, 70)))), rng
    )


def _vector(rng: random.Random) -> str:
    return " ".join(
        str(rng.choice((rng.randint(-9, 40000), rng.getrandbits(33))))
        if rng.random() < 0.2
        else str(rng.randint(0, 99))
        for _ in range(rng.randint(0, 5))
    )


def _numbers(generate: Callable[[random.Random], str]) -> Callable[[random.Random], str]:
    return lambda rng: "{" + ",".join(generate(rng).strip() for _ in range(rng.randint(0, 4))) + "}"


def _of(boundaries: str, generate: Callable[[random.Random], str], *names: str) -> None:
    for name in names or (boundaries,):
        GENERATORS[name] = tuple(_BOUNDARIES[boundaries]), generate


GENERATORS: dict[str, tuple[tuple[str, ...], Callable[[random.Random], str]]] = {}
_of("bool", _bool)
_of("integers", _integer, "int2", "int4", "int8", "oid", "xid", "xid8")
_of("floats", _float, "float4", "float8")
_of("numerics", _numeric, "numeric")
_of("text", _text, "text", "varchar", "bpchar", "name", "char")
_of("bytea", _bytea)
_of("uuid", _uuid)
_of("dates", lambda rng: _date(rng) if rng.random() < 0.8 else _timestamp(rng), "date")
_of("dates", _timestamp, "timestamp", "timestamptz")
_of("times", _time_zoned, "time", "timetz")
_of("intervals", _interval, "interval")
_of("jsons", _json, "json", "jsonb")
_of("arrays", _int_array, "_int4")
_of("arrays", _text_array, "_text", "_varchar", "_bpchar")
_of("_numeric", _numbers(_numeric))
_of("_float8", _numbers(_float))
_of("_bool", _numbers(_bool))
_of("_interval", _numbers(lambda rng: f'"{rng.randint(0, 90)} {rng.choice(("days", "mon", "h"))}"'))
_of("_jsonb", _numbers(lambda rng: str(rng.choice((1, "1.0", "null", "true", '"[1, 2]"')))))
_of("_timestamptz", _numbers(lambda rng: f'"{_date(rng)}"'))
_of("_bytea", _numbers(lambda rng: '"\\\\x' + rng.randbytes(rng.randint(0, 3)).hex() + '"'))
_of("oidvector", _vector)
_of("int2vector", _vector)
_of("tid", lambda rng: f"({rng.getrandbits(33)},{rng.getrandbits(17)})")
_of("mood", lambda rng: rng.choice(("sad", "ok", "happy")))
