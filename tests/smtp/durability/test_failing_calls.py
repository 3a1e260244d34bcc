"""D4 on the whole server: each of the first disk calls of a running server fails once. No crash, no wrong
acknowledgement, no answer later than five seconds, and all that was promised is there after a restart.

The work is done by ``tests/support/mailserver/driver.py`` under the preloaded shim; here its judgements are read.
``SOCKETWORKERS_D4_CALLS`` sets how many calls are failed, one after the other.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from pathlib import Path

import pytest
from tests.support.disk import shim

CALLS = int(os.environ.get("SOCKETWORKERS_D4_CALLS", "60"))
DRIVER = Path(__file__).parents[2] / "support" / "mailserver" / "driver.py"

pytestmark = [
    pytest.mark.catalogue("D4"),
    pytest.mark.skipif(bool(shim.missing()), reason=shim.missing() or "available"),
    pytest.mark.timeout(180 + 4 * CALLS),
]


async def drive(folder: Path, first: int, last: int, number: int, mode: str = "ours") -> list[list[str]]:
    """Run the driver for n = first..last; its lines, as words: n, status, calls, judgement, faults, promises."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(DRIVER), str(folder), str(first), str(last), str(number), mode,
        env=shim.environment(shim.compile_shim()), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    lines = [line.split() for line in output.decode().splitlines()]
    assert len(lines) == last - first + 1
    wrong = [line for line in lines if line[3] != "ok"]
    assert mode != "ours" or not wrong, f"{wrong}\n{errors.decode()[-4000:]}"
    return lines


async def test_without_faults_there_are_calls_to_fail(tmp_path: Path) -> None:
    ((_, status, calls, _, faults, promises),) = await drive(tmp_path, -1, -1, errno.EIO)
    assert (status, faults, promises) == ("0", "-", "12")
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


async def test_control_retrying_a_sync_is_noticed(tmp_path: Path) -> None:
    lines = await drive(tmp_path, 1, 30, errno.EIO, "control")
    assert any("acknowledged-after-failed-sync" in line[3] for line in lines)
