"""``socketworkers objects``: what is in a data folder, with and without a server on it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest
from tests.core.cli.support import Result, run_command

from socketworkers import DurableObject
from socketworkers.objects import ObjectRuntime

LONG = "A very long id " * 40


class Keys(DurableObject):
    async def fill(self) -> None:
        self.ctx.storage.put("colour", "blue")
        self.ctx.storage.put("list", [1, 2])
        self.ctx.storage.sql.execute('create table "odd name" (a, b generated always as (a + 1), c blob)')
        self.ctx.storage.sql.execute('insert into "odd name" (a, c) values (?, ?)', (1, b"\0it''s"))
        self.ctx.storage.sql.execute('create index i on "odd name" (a)')


def objects(*words: str) -> Result:
    return run_command("socketworkers", "objects", *words, "--data", "data")


@pytest.fixture
async def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectRuntime:
    monkeypatch.chdir(tmp_path)
    runtime = ObjectRuntime(Path("data"), {"KEYS": Keys}, SimpleNamespace())
    await runtime.start()
    await runtime.namespace("KEYS").get("Default").fill()
    await runtime.namespace("KEYS").get(LONG).fill()
    return runtime


async def test_list_and_dump_beside_a_running_server_and_after_it(runtime: ObjectRuntime) -> None:
    for running in (True, False):
        if not running:
            await runtime.close()
        before = {path: path.read_bytes() for path in Path("data").rglob("*.sqlite")}
        listed = objects("list")
        assert listed.status == 0
        ids = sorted(line.split("  ")[-1] for line in listed.out.splitlines())
        assert ids == [LONG, "Default"]
        dumped = objects("dump", "KEYS", "Default")
        assert dumped.status == 0
        copy = apsw.Connection(":memory:")
        copy.execute(dumped.out)
        assert copy.execute("select key, value from _kv").fetchall() == [("colour", "blue"), ("list", "[1,2]")]
        assert copy.execute('select a, b, c from "odd name"').fetchall() == [(1, 2, b"\0it''s")]
        assert copy.execute("select name from sqlite_schema where type = 'index' and sql is not null").get == "i"
        copy.close()
        assert {path: path.read_bytes() for path in Path("data").rglob("*.sqlite")} == before


async def test_what_is_not_there(runtime: ObjectRuntime) -> None:
    await runtime.close()
    assert objects("dump", "KEYS", "Defualt").err == (
        "error: there is no object 'Defualt' in KEYS\n       did you mean 'Default'?\n"
        "       socketworkers objects list KEYS --data data\n"
    )
    assert objects("list", "NONE").err == "error: there is no namespace 'NONE' in data\n       there are: KEYS\n"
    assert run_command("socketworkers", "objects", "list", "--data", "x").err == (
        "error: x is no data folder\n       no such folder\n       give the --data of the server\n"
    )
    result = run_command("socketworkers", "objects", "list")
    assert result.err.splitlines()[1] == "       there is none in ./.socketworkers"
