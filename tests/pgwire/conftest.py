"""Tests of the database that are known not to pass yet.

``gaps.txt`` names them, one a line; they are expected to fail. One that passes is told at the end of a run: its line
can go. ``SOCKETWORKERS_GAPS=off`` runs them as any other test, ``SOCKETWORKERS_GAPS=write`` brings the file up to date
with the tests that were run.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_FILE = Path(__file__).with_name("gaps.txt")
_MODE = os.environ.get("SOCKETWORKERS_GAPS", "")
_HEAD = "# Tests that do not pass yet; see conftest.py\n"
_passed: set[str] = set()
_failed: set[str] = set()


def _name(item_id: str) -> str:
    return item_id.rpartition("tests/pgwire/")[2]


def _gaps() -> set[str]:
    if not _FILE.exists():
        return set()
    return {line for line in _FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    gaps = set() if _MODE else _gaps()
    for item in items:
        if _name(item.nodeid) in gaps:
            item.add_marker(pytest.mark.xfail(reason="gaps.txt", strict=False))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what came of each."""
    name = _name(report.nodeid)
    if report.failed:
        _failed.add(name)
    elif report.when == "call" and report.passed:
        _passed.add(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell of those that pass, or write the file."""
    gaps = _gaps()
    if _MODE == "write":
        _FILE.write_text(_HEAD + "".join(f"{name}\n" for name in sorted((gaps - _passed) | _failed)), encoding="utf-8")
    elif not _MODE and (over := sorted(gaps & _passed)):
        terminalreporter.section("no gaps any more: take their lines out of tests/pgwire/gaps.txt")
        for name in over:
            terminalreporter.line(name)
