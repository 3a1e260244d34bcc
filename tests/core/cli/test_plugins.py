"""Packages of other people: apps and verbs by entry points, with exactly the rules of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.core.cli.support import ECHO, Result, run_command

COMMANDS = """\
import click

@click.group()
def things():
    '''Commands about things.'''

@things.command()
@click.argument("name")
def show(name):
    '''Show one.'''
    click.echo(f"thing {name}")
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder like site-packages with a package that was installed into it."""
    info = tmp_path / "socketworkers_things-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: socketworkers-things\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[socketworkers.apps]\nthings = things\nlacking = lacking:app\nbroken = broken:app\nthings-relay = things\n"
        "[socketworkers.commands]\nthings = things_commands:things\nlost = nowhere:command\n"
        "list = things_commands:things\n"
    )
    (tmp_path / "things.py").write_text(f"port = 4711\n{ECHO}")
    (tmp_path / "things_commands.py").write_text(COMMANDS)
    (tmp_path / "lacking.py").write_text("import a_driver_that_is_missing\n")
    (tmp_path / "broken.py").write_text("raise RuntimeError('out of order')\n")
    return tmp_path


def run(site: Path, *words: str) -> Result:
    return run_command(*words, PYTHONPATH=str(site))


def test_apps_are_listed(site: Path) -> None:
    rows = {line.split()[0]: line.split() for line in run(site, "socketworkers", "list").out.splitlines()}
    assert rows["things"] == ["things", "4711", "socketworkers-things", "things"]
    assert " ".join(rows["broken"][3:]).startswith("cannot be loaded: RuntimeError: out of order (")


def test_an_app_can_be_checked(site: Path) -> None:
    assert run(site, "socketworkers", "check", "things").out == "ok: things can start\n"
    words, path = ("socketworkers", "check", "things"), str(site)
    assert run_command(*words, PYTHONPATH=path, SOCKETWORKERS_THINGS_RELAY_PORT="1").status == 0
    assert run_command(*words, PYTHONPATH=path, SOCKETWORKERS_THINGS_RELOY_PORT="1").status == 2


def test_an_app_whose_import_fails(site: Path) -> None:
    result = run(site, "run-app", "broken")
    assert result.err.splitlines()[0] == "error: broken cannot be imported"
    result = run(site, "run-app", "lacking")
    assert "ModuleNotFoundError: No module named 'a_driver_that_is_missing'" in result.err


def test_verbs(site: Path) -> None:
    assert "  things         Commands of things_commands.\n" in run(site, "socketworkers", "--help").out
    assert run(site, "socketworkers", "things", "show", "x").out == "thing x\n"
    assert "Show one." in run(site, "socketworkers", "things", "--help").out


def test_a_verb_that_cannot_be_imported(site: Path) -> None:
    result = run(site, "socketworkers", "lost")
    assert result.err.splitlines() == [
        "error: the commands lost cannot be imported",
        "       No module named 'nowhere'",
        "       the traceback: --debug",
    ]
    assert result.status == 1


def test_nobody_replaces_our_own_verbs(site: Path) -> None:
    assert run(site, "socketworkers", "list").out.startswith("NAME")
