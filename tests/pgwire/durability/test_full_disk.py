"""D5 for the database: on a full disk writes are refused with 53100, everything else goes on, and writes are taken
again when there is room, with no restart.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.pgwire.differential.connection import Connection
from tests.support.pgserver.process import PgwireProcess

pytestmark = [pytest.mark.catalogue("D5"), pytest.mark.timeout(120)]


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a tmpfs")
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, timeout=30).returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, timeout=30, check=True)


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            pass


def test_writes_are_refused_until_there_is_room(tiny: Path) -> None:
    ballast = tiny / "ballast"
    with PgwireProcess(tiny) as server, Connection(server.address, "postgres", "postgres") as connection:
        assert connection.query("CREATE TABLE kept (n int, what text)").error is None
        kept = 20
        for number in range(kept):
            assert connection.query(f"INSERT INTO kept VALUES ({number}, 'x')").error is None
        fill(ballast)
        states = set()
        for number in range(kept, kept + 300):
            answer = connection.query(f"INSERT INTO kept VALUES ({number}, repeat('x', 10000))")
            assert not answer.lost
            if answer.error is None:
                kept += 1
            else:
                states.add(answer.error.sqlstate)
        assert states == {"53100"}
        assert connection.query("SELECT count(*) FROM kept").results[0].rows == ((b"%d" % kept,),), "reads go on"
        ballast.unlink()
        until = time.monotonic() + 5
        while (answer := connection.query("INSERT INTO kept VALUES (-1, 'after')")).error is not None:
            assert answer.error.sqlstate == "53100"
            assert time.monotonic() < until, "there is room again"
        assert connection.query("SELECT count(*) FROM kept").results[0].rows == ((b"%d" % (kept + 1),),)
        assert server.stop() == 0
