"""The two formatters, and the thread that writes so that the loop never waits for a disk."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from socketworkers.observe import JsonFormatter, TextFormatter, setup
from socketworkers.observe.logs import MAX_TRACEBACK
from socketworkers.worker.context import ConnectionLog


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": message, "args": args, "name": "socketworkers", "levelname": "INFO", **extra})
    made.created, made.msecs = 0.0, 7.0
    return made


@contextmanager
def logging_to(stream: io.StringIO, level: str = "info", kind: str = "text") -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before = root.level
    writer = setup(level, kind, stream)
    try:
        yield logging.getLogger("socketworkers")
    finally:
        writer.close()
        root.setLevel(before)


def test_text() -> None:
    line = TextFormatter().format(record("%s bytes", 5, connection="c7", listener="main"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.007[+-]\d{4} info    \[c7\] 5 bytes listener=main", line)


def test_text_for_a_terminal() -> None:
    line = TextFormatter(color=True, dates=False).format(record("slow", levelname="WARNING"))
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.007 \x1b\[33mwarning\x1b\[0m slow", line)


def test_json() -> None:
    content = json.loads(JsonFormatter().format(record("%s bytes", 5, connection="c7", size=5)))
    assert content == {
        "time": "1970-01-01T00:00:00.007Z",
        "level": "info",
        "logger": "socketworkers",
        "message": "5 bytes",
        "connection": "c7",
        "size": 5,
    }


@pytest.mark.attack("C10")
@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_peer_cannot_forge_a_line(formatter: logging.Formatter) -> None:
    evil = "x\r\n2026-01-01T00:00:00 error    root logged in\x1b[1A\x00"
    line = formatter.format(record("HELO %s", evil, connection=evil, name="socketworkers", peer=evil))
    assert "\n" not in line
    assert "\r" not in line
    assert "\x1b" not in line
    assert "\x00" not in line


@pytest.mark.attack("C10")
def test_a_peer_cannot_flood_a_line() -> None:
    stream = io.StringIO()
    with logging_to(stream) as log:
        log.info("HELO %s from %s", "a" * 65536, "192.0.2.1")
        log.info("b" * 65536)
    first, second = stream.getvalue().splitlines()
    assert first.endswith("… (+64512 characters) from 192.0.2.1")
    assert len(second) < 9000


def test_a_traceback_is_indented_and_bounded() -> None:
    stream = io.StringIO()
    with logging_to(stream) as log:
        try:
            raise ValueError("boom\n2026-01-01T00:00:00 error forged" + "x" * 100_000)
        except ValueError:
            log.exception("it failed")
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith("it failed")
    assert all(line.startswith("    | ") for line in lines[1:])
    assert any("boom" in line for line in lines)
    assert len(stream.getvalue()) < MAX_TRACEBACK + 2000


def test_json_keeps_the_traceback_in_its_line() -> None:
    stream = io.StringIO()
    with logging_to(stream, kind="auto") as log:
        try:
            raise ValueError("boom")
        except ValueError:
            log.exception("it failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: boom" in json.loads(line)["traceback"]


def test_the_connection_of_a_context_is_in_its_lines() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        ConnectionLog(logging.getLogger("socketworkers"), {"connection": "c42"}).warning("odd")
    assert " [c42] odd\n" in stream.getvalue()


def test_a_wrong_log_call_is_told_and_harms_nobody() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        # Straight to our handler: pytest's own raises at such a call.
        logging.getLogger().handlers[-1].emit(record("%d apples", "many"))
    assert "unprintable log call at " in stream.getvalue()


def test_levels() -> None:
    stream = io.StringIO()
    with logging_to(stream, "warning") as log:
        log.info("not this")
        log.warning("this")
    assert "not this" not in stream.getvalue()
    assert "this" in stream.getvalue()


def test_a_stream_that_hangs_stops_nobody_and_losses_are_told() -> None:
    class Slow(io.StringIO):
        gate = threading.Event()

        def write(self, text: str) -> int:
            self.gate.wait(10)
            return super().write(text)

    stream = Slow()
    with logging_to(stream) as log:
        began = time.monotonic()
        for number in range(12_000):
            log.info("line %d", number)
        assert time.monotonic() - began < 5
        stream.gate.set()
        deadline = time.monotonic() + 10
        while "line 9999" not in stream.getvalue() and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        log.info("last")
    assert re.search(r"\(\d+ log lines were dropped: the log is too slow\)", stream.getvalue())
    assert "last" in stream.getvalue()


def test_a_stream_that_is_gone_stops_nobody() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with logging_to(Gone()) as log:
        log.info("nobody reads this")


@pytest.mark.parametrize(("no_color", "colored"), [("", True), ("1", False)])
def test_colours_only_on_a_terminal_that_wants_them(
    monkeypatch: pytest.MonkeyPatch, no_color: str, colored: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    master, slave = pty.openpty()
    root = logging.getLogger()
    before = root.level
    try:
        with os.fdopen(slave, "w") as terminal:
            writer = setup("info", "auto", terminal)
            logging.getLogger("socketworkers").warning("look")
            writer.close()
        shown = os.read(master, 4096).decode()
    finally:
        os.close(master)
        root.setLevel(before)
    assert ("\x1b[33m" in shown) is colored
    assert "look" in shown
