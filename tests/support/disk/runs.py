"""A server run again and again in forked children while its n-th disk call fails: what the drivers of D4 share.

A driver is started by its test as a program with the shim preloaded: ``driver.py FOLDER FIRST LAST ERRNO CONTROL``. For
each n a child works on a fresh data folder; what was promised goes to a journal ("ack ...") to which the shim also
writes its failures. A second child, on a healthy disk, starts on the same folder and compares. One line per n goes to
standard output: "n STATUS CALLS JUDGEMENT FAULTS PROMISES".
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from socketworkers.storage import Options
from socketworkers.storage.wal import WalFile

from .shim import ALL, Shim, forked

__all__ = ["run_all"]

#: what works on a folder, writes to a journal, and calls the third when the disk may begin to fail
Work = Callable[[Path, int, Callable[[], None]], Awaitable[int]]


class RetryingWal(WalFile):
    """The control: the mistake of trying a failed sync again."""

    __slots__ = ()

    def sync(self) -> None:
        try:
            super().sync()
        except OSError:
            super().sync()


def run_all(work: Work, compare: Callable[[Path], Awaitable[str]]) -> None:
    """Do what the arguments of the program say.

    Args:
        work: everything that touches the disk; returns an exit status.
        compare: says "ok", or what is wrong.
    """
    base, first, last, number, control = Path(sys.argv[1]), *map(int, sys.argv[2:5]), sys.argv[5] == "control"
    shim = Shim()
    shim.disarm()
    for n in [first] if first < 0 else range(first, last + 1):
        folder = base / f"{number}-{n}"
        (folder / "data").mkdir(parents=True)
        journal = os.open(folder / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

        def arm(n: int = n, folder: Path = folder, journal: int = journal) -> None:
            shim.arm(folder / "data", n, number, calls=ALL, journal=journal)

        def child(arm: Callable[[], None] = arm, folder: Path = folder, journal: int = journal) -> int:
            if control:
                from socketworkers.objects import runtime

                vars(runtime)["Options"] = lambda: Options(wal=RetryingWal)
            return asyncio.run(_bounded(work(folder, journal, arm), journal, shim))

        def second(folder: Path = folder) -> int:
            (folder / "judgement").write_text(asyncio.run(_plain(compare(folder))))
            return 0

        status = forked(child)
        os.close(journal)
        again = forked(second)
        lines = (folder / "journal").read_text().splitlines()
        judgement = (folder / "judgement").read_text() if again == 0 else f"restart-{again}"
        if status:
            judgement += f",status-{status}"
        calls = next((line.split()[1] for line in lines if line.startswith("calls ")), "-")
        faults = ",".join(line.split()[1] for line in lines if line.startswith("fault ")) or "-"
        promises = sum(line.startswith("ack ") for line in lines)
        sys.stdout.write(f"{n} {status} {calls} {judgement} {faults} {promises}\n")
        sys.stdout.flush()


async def _bounded(work: Awaitable[int], journal: int, shim: Shim) -> int:
    """No run takes longer than a few answers that are late; the child ends as if it were killed."""
    async with asyncio.timeout(40):
        status = await work
    os.write(journal, f"calls {shim.count}\n".encode())
    sys.stderr.flush()
    os._exit(status)


async def _plain(compare: Awaitable[str]) -> str:
    return await compare
