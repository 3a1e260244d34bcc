"""A sync that waits for the end of the turn, so that it is one for all who come in it."""

from __future__ import annotations

import asyncio
import errno

import pytest
from tests.support.disk.crash import ManualExecutor

from socketworkers.errors import StorageError, StorageFailed
from socketworkers.storage.tickets import MOST_GATHERING, SyncPoint


class Disk:
    """Counts syncs."""

    def __init__(self) -> None:
        self.syncs = 0
        self.executor = ManualExecutor()
        self.point = SyncPoint(self.executor, self._sync, self._failed)
        self.broken = False

    def _sync(self) -> None:
        self.syncs += 1
        if self.broken:
            raise OSError(errno.EIO, "broken")

    def _failed(self, error: BaseException) -> StorageError:
        return StorageFailed(errno.EIO, str(error), "x")

    def work(self) -> None:
        self.executor.begin_work()
        self.executor.end_work()


def test_one_sync_for_all_of_a_turn() -> None:
    disk = Disk()
    tickets = [disk.point.demand(gather=True) for _ in range(5)]
    assert len({id(ticket) for ticket in tickets}) == 1
    assert disk.point.newest is tickets[0]
    disk.work()
    assert disk.syncs == 0
    disk.executor.settle()
    assert disk.syncs == 1
    assert all(ticket.done and ticket.error is None for ticket in tickets)
    assert disk.point.newest is None


def test_it_waits_on_while_others_come_but_not_for_ever() -> None:
    disk = Disk()
    ticket = disk.point.demand(gather=True)
    for turn in range(MOST_GATHERING):
        disk.work()
        assert disk.syncs == 0, turn
        assert disk.point.demand(gather=True) is ticket
        disk.executor.turn()
    disk.work()
    assert disk.syncs == 1
    assert ticket.done


def test_who_comes_while_it_flies_gets_the_next_one() -> None:
    disk = Disk()
    first = disk.point.demand(gather=True)
    disk.executor.turn()
    disk.executor.begin_work()
    second = disk.point.demand(gather=True)
    assert second is not first
    assert disk.point.demand() is second
    disk.executor.end_work()
    assert first.done
    assert not second.done
    disk.executor.settle()
    assert second.done
    assert disk.syncs == 2


def test_one_that_does_not_wait_begins_at_once() -> None:
    disk = Disk()
    ticket = disk.point.demand()
    disk.work()
    assert ticket.done


def test_a_failure_ends_what_gathers() -> None:
    disk = Disk()
    ticket = disk.point.demand(gather=True)
    disk.point.fail(StorageFailed(errno.EIO, "gone", "x"))
    assert isinstance(ticket.error, StorageFailed)
    disk.executor.settle()
    assert disk.syncs == 0
    late = disk.point.demand(gather=True)
    disk.executor.settle()
    assert isinstance(late.error, StorageFailed)


def test_a_sync_that_fails_ends_those_behind_it() -> None:
    disk = Disk()
    disk.broken = True
    first = disk.point.demand(gather=True)
    disk.executor.turn()
    disk.executor.begin_work()
    second = disk.point.demand(gather=True)
    disk.executor.end_work()
    disk.executor.settle()
    assert isinstance(first.error, StorageFailed)
    assert isinstance(second.error, StorageFailed)
    assert disk.syncs == 1


@pytest.mark.parametrize("fails", [False, True])
async def test_idle_waits_for_what_gathers(fails: bool) -> None:
    disk = Disk()
    ticket = disk.point.demand(gather=True)
    waiting = asyncio.ensure_future(disk.point.idle())
    await asyncio.sleep(0)
    assert not waiting.done()
    if fails:
        disk.point.fail(StorageFailed(errno.EIO, "gone", "x"))
    else:
        disk.executor.settle()
    await asyncio.wait_for(waiting, 1)
    assert ticket.done
