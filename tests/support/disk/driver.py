"""A small server's worth of storage, run again and again on a disk that fails: the other side of the D4 test.

Started by the test as a program with the shim preloaded: ``driver.py FOLDER FIRST LAST ERRNO CONTROL``. For each n it
forks a child that works on a fresh data folder while its n-th disk call fails, and writes down what it was promised
("ack OBJECT VALUE") in a journal that the shim also writes to. Then a second child, on a healthy disk, starts on the
same folder and compares. One line per n goes to standard output: "n STATUS CALLS JUDGEMENT".
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.support.disk.shim import ALL, SHORT, WRITE, Shim, forked

from socketworkers.errors import StartupError, StorageError
from socketworkers.objects import AlarmInfo, DurableObject, ObjectRuntime
from socketworkers.storage import Migration, Options
from socketworkers.storage.wal import WalFile

HANG = 5.0


class Box(DurableObject):
    """Keeps what it is given."""

    migrations: ClassVar[Sequence[Migration]] = ("create table item (value integer primary key, pad blob)",)

    async def add(self, value: int) -> None:
        self.ctx.storage.sql.execute("insert or ignore into item values (?, ?)", (value, bytes(1500)))

    async def values(self) -> set[int]:
        return {value for (value,) in self.ctx.storage.sql.execute("select value from item")}

    async def remind(self) -> None:
        self.ctx.storage.set_alarm(4e9)

    async def reminder(self) -> float | None:
        return self.ctx.storage.get_alarm()

    async def alarm(self, info: AlarmInfo) -> None: ...


class RetryingWal(WalFile):
    """The control: the mistake of trying a failed sync again."""

    __slots__ = ()

    def sync(self) -> None:
        try:
            super().sync()
        except OSError:
            super().sync()


def options(control: bool) -> Options:
    return Options(checkpoint_pages=8, finish_pages=16, keep_bytes=0, wal=RetryingWal if control else WalFile)


async def serve(data: Path, journal: int, control: bool) -> int:
    """Work until the end whatever the disk does; write down each promise."""

    def note(text: str) -> None:
        os.write(journal, text.encode() + b"\n")

    runtime = ObjectRuntime(data, {"BOX": Box}, SimpleNamespace(), options=options(control))
    try:
        await runtime.start()
    except StartupError:
        return 1
    boxes = runtime.namespace("BOX")

    async def add(id: str, value: int) -> None:
        try:
            await boxes.get(id).add(value)
            note(f"ack {id} {value}")
        except StorageError:
            note(f"refused {id} {value}")

    async def body(name: str) -> None:
        try:
            await runtime.body_files("bodies").write(name, name.encode() * 1000)
            note(f"ack body {name}")
        except StorageError:
            note(f"refused body {name}")

    try:
        for round in range(6):
            note(f"round {round}")
            await asyncio.gather(*[add(id, round * 10 + n) for id in ("a", "b") for n in range(3)], body(f"f{round}"))
            if round == 2:
                try:
                    await boxes.get("a").remind()
                    note("ack alarm a")
                except StorageError:
                    note("refused alarm a")
            if round == 3:
                boxes.evict(runtime.now() + 1, 0)
    finally:
        await runtime.close()
    return 0


async def inspect(data: Path, lines: list[str]) -> str:
    """Start on a healthy disk and compare with the promises; "ok" or what is wrong."""
    runtime = ObjectRuntime(data, {"BOX": Box}, SimpleNamespace())
    await runtime.start()
    try:
        boxes = runtime.namespace("BOX")
        found: dict[str, set[int]] = {id: await boxes.get(id).values() for id in ("a", "b")}
        for line in lines:
            match line.split():
                case ["ack", "body", name]:
                    if await runtime.body_files("bodies").read(name) != name.encode() * 1000:
                        return f"body-{name}-wrong"
                case ["ack", "alarm", id]:
                    if await boxes.get(id).reminder() != 4e9:
                        return "alarm-lost"
                case ["ack", id, value]:
                    if int(value) not in found[id]:
                        return f"lost-{id}-{value}"
        await boxes.get("a").add(1000)
        await runtime.body_files("bodies").write("again", b"x")
        if 1000 not in await boxes.get("a").values():
            return "serves-no-more"
    finally:
        await runtime.close()
    return "ok"


def acknowledged_after_failed_sync(lines: list[str]) -> str:
    """The object that acknowledged two rounds after a sync of its file had failed; "" when none.

    (An acknowledgement of the same moment may belong to an earlier sync, which went well.)
    """
    failed: dict[str, int] = {}
    round = 0
    for line in lines:
        match line.split():
            case ["round", number]:
                round = int(number)
            case ["fault", "fsync" | "fdatasync", path] if "/BOX/" in path and not path.endswith(".new"):
                # A file that is still being made (.new) is thrown away when its sync fails.
                failed.setdefault(Path(path).name.split(".")[0], round)
            case ["ack", id, _] if round >= failed.get(id, 1000) + 2:
                return id
    return ""


def run(main: Any) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(HANG):
            return await main

    return asyncio.run(limited())


def one(shim: Shim, folder: Path, n: int, number: int, control: bool) -> str:
    """One n: serve on the failing disk, look on the healthy one."""
    data, notes = folder / f"data-{n}", folder / f"journal-{n}"
    descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def work() -> int:
        shim.arm(data, n, number, calls=WRITE if number == SHORT else ALL, journal=descriptor)
        try:
            return int(run(serve(data, descriptor, control)))
        finally:
            os.write(descriptor, f"calls {shim.count}\n".encode())

    status = forked(work)
    os.close(descriptor)
    lines = notes.read_text().splitlines()
    calls = next((line.split()[1] for line in lines if line.startswith("calls")), "0")
    judgement = "ok" if status in (0, 1) else f"status-{status}"
    if late := acknowledged_after_failed_sync(lines):
        judgement = f"acknowledged-after-failed-sync-of-{late}"
    if judgement == "ok":
        result = folder / f"result-{n}"
        code = forked(lambda: result.write_text(run(inspect(data, lines))) * 0)
        judgement = result.read_text() if code == 0 else f"restart-{code}"
    faults = ",".join(line.split()[1] for line in lines if line.startswith("fault")) or "-"
    return f"{n} {status} {calls} {judgement} {faults} {sum(line.startswith('ack') for line in lines)}"


def main(arguments: list[str]) -> None:
    folder, first, last, number, control = Path(arguments[0]), *map(int, arguments[1:4]), arguments[4] == "control"
    logging.disable()
    shim = Shim()
    for n in range(first, last + 1):
        os.write(1, one(shim, folder, n, number, control).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1:])
