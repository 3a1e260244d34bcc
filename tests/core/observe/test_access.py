"""Events become log lines; floods of trouble become one line a minute."""

from __future__ import annotations

import logging

import pytest

from socketworkers.observe.access import log_events
from socketworkers.telemetry import Telemetry


def test_the_line_of_a_connection(caplog: pytest.LogCaptureFixture) -> None:
    telemetry = Telemetry()
    with caplog.at_level(logging.DEBUG, "socketworkers"):
        end = log_events(telemetry)
        telemetry.emit("conn.open", id="c1", listener="main", remote="192.0.2.1:5")
        telemetry.emit("tls.done", id="c1", version="TLSv1.3", cipher="X", seconds=0.1)
        telemetry.emit(
            "conn.close",
            id="c1",
            listener="main",
            remote="192.0.2.1:5",
            seconds=1.5,
            bytes_in=3,
            bytes_out=4,
            reason="",
        )
        telemetry.emit(
            "conn.close", id="c2", listener="main", remote="r", seconds=0, bytes_in=0, bytes_out=0, reason="idle"
        )
        telemetry.emit("tls.failed", id="c1", error="no shared cipher")
        telemetry.emit("tls.reloaded", certificate="c.pem")
        telemetry.emit("storage.failed", path="q.sqlite", error="EIO")
        telemetry.emit("accept.resumed", listener="main")
        telemetry.emit("conn.failed", id="c1", error="the server logs this itself")
        telemetry.emit("smtp.queued", id="c1", message="m")
    assert [(line.levelname, line.getMessage()) for line in caplog.records] == [
        ("DEBUG", "open main from 192.0.2.1:5"),
        ("DEBUG", "TLSv1.3 X"),
        ("INFO", "main from 192.0.2.1:5 closed after 1.500 s, 3 bytes in, 4 out"),
        ("INFO", "main from r closed after 0.000 s, 0 bytes in, 0 out: idle"),
        ("INFO", "TLS failed: no shared cipher"),
        ("INFO", "certificate reloaded: c.pem"),
        ("ERROR", "storage failed for good: q.sqlite: EIO"),
        ("INFO", "main accepts again"),
        ("DEBUG", "smtp.queued {'id': 'c1', 'message': 'm'}"),
    ]
    assert caplog.records[0].__dict__["connection"] == "c1"
    end()
    caplog.clear()
    telemetry.emit("storage.failed", path="q.sqlite", error="EIO")
    assert not caplog.records


def test_events_that_no_line_is_made_of_are_not_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    for level, open_, close, failed in (("DEBUG", 1, 1, 1), ("INFO", 0, 1, 1), ("ERROR", 0, 0, 1)):
        telemetry = Telemetry()
        with caplog.at_level(level, "socketworkers"):
            log_events(telemetry)
        assert telemetry.wants("conn.open") == bool(open_)
        assert telemetry.wants("conn.close") == bool(close)
        assert telemetry.wants("storage.failed") == bool(failed)


def test_one_line_a_minute_about_descriptors(caplog: pytest.LogCaptureFixture) -> None:
    telemetry, now = Telemetry(), [0.0]
    log_events(telemetry, clock=lambda: now[0])
    for _ in range(1000):
        telemetry.emit("accept.error", listener="main", error="too many open files")
        now[0] += 0.05
    now[0] = 61.0
    telemetry.emit("accept.error", listener="main", error="too many open files")
    assert [line.getMessage() for line in caplog.records] == [
        "cannot accept: too many open files",
        "cannot accept: too many open files (999 more since the last line)",
    ]
