"""D4: every disk call fails once; no wrong acknowledgement, no hang, no crash, and service again after a restart.

The work is done by ``tests/support/disk/driver.py`` under the preloaded shim; here its judgements are read.
``SOCKETWORKERS_D4_CALLS`` sets how many calls are failed, one after the other.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from pathlib import Path

import pytest
from tests.support.disk import driver, shim

CALLS = int(os.environ.get("SOCKETWORKERS_D4_CALLS", "60"))

pytestmark = [
    pytest.mark.catalogue("D4"),
    pytest.mark.skipif(bool(shim.missing()), reason=shim.missing() or "available"),
    pytest.mark.timeout(120 + 2 * CALLS),
]


async def drive(folder: Path, first: int, last: int, number: int, mode: str = "ours") -> list[list[str]]:
    """Run the driver for n = first..last; its lines, as words: n, status, calls, judgement, faults, promises."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(driver.__file__)),
        str(folder),
        str(first),
        str(last),
        str(number),
        mode,
        env=shim.environment(shim.compile_shim()),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    lines = [line.split() for line in output.decode().splitlines()]
    assert len(lines) == last - first + 1
    wrong = [line for line in lines if line[3] != "ok"]
    assert mode != "ours" or not wrong, f"{wrong}\n{errors.decode()}"
    return lines


async def test_without_faults_there_are_calls_to_fail(tmp_path: Path) -> None:
    ((_, status, calls, _, faults, promises),) = await drive(tmp_path, -1, -1, errno.EIO)
    assert (status, faults, promises) == ("0", "-", "43")
    assert int(calls) > 60


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
async def test_every_call_fails_once(tmp_path: Path, number: int) -> None:
    half = CALLS // 2
    parts = await asyncio.gather(
        drive(tmp_path, 1, half, number),
        drive(tmp_path, half + 1, CALLS, number),
    )
    lines = parts[0] + parts[1]
    assert all(line[4] != "-" for line in lines if int(line[0]) <= 60), "the call was not reached"
    assert {call for line in lines for call in line[4].split(",")} >= {"open", "write", "fsync", "fdatasync", "rename"}


async def test_short_writes(tmp_path: Path) -> None:
    lines = await drive(tmp_path, 1, 30, shim.SHORT)
    assert all(line[5] == "43" for line in lines), "a short write is no error: the rest is to be written"


async def test_control_retrying_a_sync_is_noticed(tmp_path: Path) -> None:
    lines = await drive(tmp_path, 90, 130, errno.EIO, "control")
    assert any("acknowledged-after-failed-sync" in line[3] for line in lines)
