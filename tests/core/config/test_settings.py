"""Typed settings: kinds, how text becomes values and values become text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketworkers.settings import (
    Setting,
    Settings,
    format_duration,
    format_size,
    format_value,
    is_loopback,
    parse_duration,
    parse_size,
    parse_value,
    setting,
    settings_of,
)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def parse_keep(text: str) -> tuple[str, str]:
    if text[-1:] not in "dM":
        raise ValueError("a number of messages, an age or a size")
    return text[:-1], text[-1]


@dataclass
class Config(Settings):
    domain: tuple[str, ...] = setting((), help="take mail for this domain", metavar="NAME")
    max_size: int = setting(35_000_000, help="largest message", kind="size")
    retry: float = setting(300.0, help="wait", kind="duration", advanced=True)
    colour: Colour = setting(Colour.RED, help="a colour")  # noqa: RUF009 - an enumeration's member does not change
    level: Literal["low", "high"] = setting("low", help="a level")
    secret: str | None = setting(None, help="a secret", secret=True)
    keep: tuple[str, str] | None = setting(None, help="what is kept", parse=parse_keep)
    pop3_port: int | None = setting(None, help="a port", metavar="PORT")
    quiet: bool = setting(False, help="say less")


def item(name: str) -> Setting:
    return next(found for found in settings_of(Config) if found.name == name)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("10MB", 10_000_000),
        ("10MiB", 10 << 20),
        ("10M", 10 << 20),
        ("1.5k", 1536),
        ("2 gb", 2 * 10**9),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "10 apples", "-1", "1e3", "10MBx"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="a size such as"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("7d", 604800), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("2w", 1209600)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "7 days", "-3s", "1h30", "h1"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**15))
def test_a_size_reads_back(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(min_value=0, max_value=10**6))
def test_a_duration_reads_back(seconds: int) -> None:
    assert parse_duration(format_duration(float(seconds))) == seconds


def test_what_a_class_declares() -> None:
    domain = item("domain")
    assert (domain.flag, domain.kind, domain.multiple, domain.common) == ("--domain", "str", True, False)
    assert item("max_size").metavar == "SIZE"
    assert item("retry").advanced
    assert item("colour").choices == ("red", "blue")
    assert item("pop3_port").optional
    assert item("port").common
    assert item("pop3_port").flag == "--pop3-port"


def test_text_becomes_values() -> None:
    assert parse_value(item("colour"), "blue") is Colour.BLUE
    assert parse_value(item("level"), "high") == "high"
    assert parse_value(item("keep"), "7d") == ("7", "d")
    assert parse_value(item("pop3_port"), "off") is None
    assert parse_value(item("pop3_port"), "110") == 110
    assert parse_value(item("quiet"), "yes") is True
    assert parse_value(item("quiet"), "0") is False
    assert parse_value(item("proxy_from"), "10.0.0.0/8") == "10.0.0.0/8"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("port", "abc", "a whole number"),
        ("port", "70000", "a port from 0 (any) to 65535"),
        ("colour", "green", "one of red, blue"),
        ("keep", "7", "a number of messages, an age or a size"),
        ("quiet", "maybe", "true or false"),
        ("proxy_from", "10.0.0.0/99", "an address or a network such as 10.0.0.0/8"),
        ("tls", "always", "one of auto"),
    ],
)
def test_wrong_texts_say_what_is_expected(name: str, text: str, expected: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_value(item(name), text)
    assert str(caught.value) == expected


def test_secrets_are_not_shown() -> None:
    assert format_value(item("secret"), "hunter2") == "********"
    assert format_value(item("max_size"), 35_000_000) == "35MB"
    assert format_value(item("retry"), 300.0) == "5m"
    assert format_value(item("domain"), ("a", "b")) == "a, b"
    assert format_value(item("colour"), Colour.BLUE) == "blue"


def test_a_setting_of_an_unknown_type_is_refused() -> None:
    @dataclass
    class Bad(Settings):
        when: complex = setting(0j, help="no")

    Bad.__annotations__["when"] = complex
    with pytest.raises(TypeError, match=r"Bad\.when: a setting cannot be of type"):
        settings_of(Bad)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("mail.example.org", False),
        ("192.0.2.1", False),
        ("*", False),
        ("", False),
    ],
)
def test_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_the_data_folder() -> None:
    assert Config().data_folder("smtp") == Path(".socketworkers/smtp")
    assert Config(data="/srv/mail").data_folder("smtp") == Path("/srv/mail")
    assert Config(data=":memory:").data_folder("smtp") is None


def test_the_limit_per_address_depends_on_who_can_connect() -> None:
    assert Config().max_connections_per_address == 0
    assert Config(host="0.0.0.0").max_connections_per_address == 100
    assert Config(host="0.0.0.0", max_connections_per_address=7).max_connections_per_address == 7
