"""The README's session, as a person would type it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.interop.live import absent

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire import app

README = Path(__file__).resolve().parents[3] / "apps" / "pgwire" / "README.md"


@pytest.mark.timeout(120)
def test_the_session_of_the_readme() -> None:
    if shutil.which("psql") is None:
        absent("psql is not installed")
    (block,) = re.findall(r"```console\n(.*?)```", README.read_text(), re.DOTALL)
    steps = [step.partition("\n") for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    assert len(steps) == 5
    with ThreadedServer(app) as server:
        there = {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": "postgres", "PGDATABASE": "postgres"}
        for command, _, expected in steps:
            done = subprocess.run(
                command, shell=True, env={**os.environ, **there}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, timeout=60,
            )  # fmt: skip
            assert done.stdout == expected, command
