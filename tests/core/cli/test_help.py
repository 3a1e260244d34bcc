"""Help fits a screen, and asking for it loads nothing of the runtime."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import make_dataclass
from pathlib import Path

import pytest
from tests.core.cli.support import ECHO, run_command

from socketworkers.cli.helptext import SCREEN_LINES, SCREEN_WIDTH, Entry, entries_of, render
from socketworkers.cli.options import AppCommand
from socketworkers.settings import Settings, setting, settings_of
from socketworkers.worker import App

#: What must not be loaded to print help: it is slow, or it is the runtime.
HEAVY = (
    "asyncio",
    "ssl",
    "apsw",
    "cryptography",
    "prometheus_client",
    "uvloop",
    "wsproto",
    "pydantic",
    "rich",
    "importlib.metadata",
    "socketworkers.socket",
    "socketworkers.server",
    "socketworkers.worker",
)


@pytest.mark.parametrize("function", ["run_app(['--help'])", "run_app(['--help-all'])", "main(['run', '--help'])"])
def test_help_loads_nothing_heavy(function: str) -> None:
    code = (
        "import sys\nfrom socketworkers.cli import main, run_app\n"
        f"try:\n    {function}\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stderr.strip() == "[]"
    assert "--port" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        "run-app --help",
        "run-app echo.py --help",
        "run-app smtp --help",
        "run-app mqtt --help",
        "run-app pgwire --help",
        "socketworkers check --help",
        "socketworkers",
    ],
)
def test_help_fits_a_screen(words: str, tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(ECHO)
    result = run_command(*words.split(), cwd=tmp_path)
    lines = result.out.splitlines()
    assert result.status == 0
    assert 8 < len(lines) <= SCREEN_LINES
    assert max(map(len, lines)) <= SCREEN_WIDTH


def test_an_app_with_very_many_options_still_fits() -> None:
    fields = [(f"own_option_{number}", str, setting("x", help="an option of this app " * 4)) for number in range(30)]
    config = make_dataclass("Config", fields, bases=(Settings,))
    command = AppCommand("many", App("many", config=config, title="Many"), None)
    lines = command.help_text("run-app many", everything=False).splitlines()
    assert len(lines) <= SCREEN_LINES
    assert max(map(len, lines)) <= SCREEN_WIDTH
    assert "  --own-option-0 TEXT" in lines[4]
    everything = command.help_text("run-app many", everything=True)
    assert all(f"--own-option-{number} " in everything for number in range(30))
    assert "--drain-timeout" in everything


def test_the_apps_own_options_come_first() -> None:
    config = make_dataclass(
        "Config", [("domain", tuple[str, ...], setting((), help="take mail for"))], bases=(Settings,)
    )
    text = render("x", "", entries_of(settings_of(config), {}), everything=True)
    assert text.index("--domain") < text.index("--host")
    assert "take mail for (repeatable)" in text


def test_what_is_cut_is_named() -> None:
    entries = [Entry("--one", "", "text"), Entry("--two", "", "text", advanced=True)]
    assert render("x", "", entries, everything=False).splitlines()[-1] == "  more: --two"


def test_nothing_is_announced_that_does_not_work() -> None:
    text = run_command("run-app", "--help-all").out
    for flag in ("--workers", "--reload", "--ws-port"):
        assert flag not in text


def test_a_port_without_a_listener_is_not_announced(tmp_path: Path) -> None:
    command = AppCommand("plain", App("plain", tls_listener=False), None)
    assert "--tls-port" not in command.help_text("run-app plain", everything=True)
    command = AppCommand("tls", App("tls"), None)
    assert "--tls-port" in command.help_text("run-app tls", everything=True)


def test_run_app_without_an_app_prints_help() -> None:
    result = run_command("run-app")
    assert result.status == 2
    assert result.out.startswith("Usage: run-app APP [OPTIONS]\n")
