"""Sockets whose bytes go to a callback: who is told of deadlines and of the end."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.pairs import TRANSPORTS, eventually, pairs

from socketworkers import Aborted, IdleTimeout, Timeouts


class Watch:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.timeouts: list[IdleTimeout] = []
        self.ends: list[BaseException | None] = []

    def timed_out(self, error: IdleTimeout) -> None:
        self.timeouts.append(error)

    def closed(self, error: BaseException | None) -> None:
        self.ends.append(error)


on_all = pytest.mark.parametrize("transport", TRANSPORTS)


@on_all
async def test_a_deadline_is_told_and_ends_nothing(transport: str) -> None:
    async with pairs(transport) as make:
        here, there = await make()
        watch = Watch()
        there.on_data(watch.data.append, watch)
        there.set_deadline(0.05)
        await eventually(lambda: len(watch.timeouts) == 1)
        there.writable.get_writer().write(b"late")
        assert await here.readable.get_reader().read_exactly(4) == b"late"
        assert watch.ends == []


@on_all
async def test_new_timeouts_hold_at_once(transport: str) -> None:
    async with pairs(transport) as make:
        _, there = await make()
        watch = Watch()
        there.on_data(watch.data.append, watch)
        there.set_timeouts(Timeouts(idle=0.1))
        await eventually(lambda: len(watch.timeouts) >= 2)  # again and again, until somebody ends it


@on_all
async def test_the_end_is_told_once(transport: str) -> None:
    async with pairs(transport) as make:
        here, there = await make()
        watch = Watch()
        there.on_data(watch.data.append, watch)
        here.writable.get_writer().write(b"bye")
        here.close()
        await eventually(lambda: watch.data[-1:] == [b""])
        assert b"".join(watch.data) == b"bye"
        there.close()
        await there.closed
        assert watch.ends == [None]


@on_all
async def test_what_broke_it_is_told(transport: str) -> None:
    async with pairs(transport) as make:
        _, there = await make()
        watch = Watch()
        there.on_data(watch.data.append, watch)
        there.abort("enough")
        await asyncio.sleep(0)
        (error,) = watch.ends
        assert isinstance(error, Aborted)
        assert error.reason == "enough"


@on_all
async def test_congestion_comes_and_goes(transport: str) -> None:
    async with pairs(transport) as make:
        here, there = await make()
        writer = there.writable.get_writer()
        assert not there.congested
        while not there.congested:
            writer.write(bytes(16384))
            await asyncio.sleep(0)
        there.close()
        async for _ in here.readable:
            pass
        await there.closed
        assert not there.congested
