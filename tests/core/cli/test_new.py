"""``socketworkers new NAME`` writes a project that passes its own ``make check`` and runs."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.core.cli.support import environment, program, run_command
from tests.core.process.support import wait_until


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new")
    result = run_command("socketworkers", "new", "my-thing", cwd=folder)
    assert result.status == 0
    assert "  my-thing/my_thing/session.py\n" in result.out
    assert result.out.endswith("run it:    cd my-thing && run-app my_thing:app\n")
    return folder / "my-thing"


def test_nothing_is_left_of_the_template(project: Path) -> None:
    for path in project.rglob("*"):
        if path.is_file():
            assert "@" not in path.read_text().replace("@dataclass", "").replace("@app.", "").replace("@pytest.", "")
            assert path.suffix != ".tmpl"
    assert (project / ".gitignore").exists()


def test_it_passes_its_own_check(project: Path) -> None:
    tools = ("ruff", "mypy", "pytest_asyncio")
    missing = [tool for tool in tools if not _has(tool)]
    if missing or shutil.which("make") is None:
        pytest.skip(f"needs make and {', '.join(tools)}")
    done = subprocess.run(
        ["make", "check", f"PYTHON={sys.executable}"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=55,
        env=environment(PYTEST_ADDOPTS="", MAKEFLAGS=""),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.parametrize("name", ["x", "ab-" * 13 + "c"])
def test_names_of_any_length_fit_the_format(name: str, tmp_path: Path) -> None:
    if not _has("ruff"):
        pytest.skip("needs ruff")
    assert run_command("socketworkers", "new", name, cwd=tmp_path).status == 0
    for words in (["format", "--check"], ["check", "--no-cache"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "."], cwd=tmp_path / name, capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 0, done.stdout


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def test_it_runs(project: Path) -> None:
    ready = project / "r.json"
    with subprocess.Popen(
        [*program("run-app"), "my_thing:app", "--port", "0", "--greeting", "moin", "--ready-file", "r.json"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        try:
            wait_until(lambda: ready.exists() or process.poll() is not None)
            with socket.create_connection(("127.0.0.1", json.loads(ready.read_text())["port"]), 10) as connection:
                connection.sendall(b"HELLO alice\r\nSET a 1\r\nQUIT\r\n")
                answers = b""
                while data := connection.recv(4096):
                    answers += data
            assert answers == b"+moin alice\r\n+OK\r\n+bye\r\n"
        finally:
            process.terminate()
            process.communicate(timeout=15)
    assert process.returncode == 0
