"""Runs our commands as a user does: as processes, with what they print."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ECHO", "Result", "environment", "program", "run_command"]

ECHO = """\
async def connect(socket, env, ctx):
    writer = socket.writable.get_writer()
    async for chunk in socket.readable:
        await writer.write(chunk)
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command did."""

    status: int
    out: str
    err: str


def environment(**variables: str) -> dict[str, str]:
    """The environment without what could change our commands."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SOCKETWORKERS_", "COLUMNS"))}
    return {**kept, **variables}


def program(name: str) -> list[str]:
    """The command line that starts one of our two commands, whatever is on the path."""
    function = {"run-app": "run_app", "socketworkers": "main"}[name]
    return [sys.executable, "-c", f"from socketworkers.cli import {function}; {function}()"]


def run_command(*words: str, cwd: Path | None = None, text: str = "", **variables: str) -> Result:
    """Run ``run-app`` or ``socketworkers`` to its end."""
    done = subprocess.run(
        [*program(words[0]), *words[1:]],
        cwd=cwd,
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
        env=environment(**variables),
    )
    return Result(done.returncode, done.stdout, done.stderr)
