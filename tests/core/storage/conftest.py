"""Fixtures for the storage's tests: an executor on the test's loop, and storages that are closed afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from socketworkers import faults
from socketworkers.storage import BodyFiles, Storage, ThreadExecutor

Opener = Callable[..., Awaitable[Storage]]


@pytest.fixture
async def executor() -> AsyncIterator[ThreadExecutor]:
    executor = ThreadExecutor()
    yield executor
    faults.disarm()
    await executor.close()


@pytest.fixture(autouse=True)
async def _bodies_closed(executor: ThreadExecutor, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Every folder of bodies that a test made is closed behind it."""
    made: list[BodyFiles] = []
    init: Callable[..., None] = BodyFiles.__init__

    def remembered(bodies: BodyFiles, *args: Any, **options: Any) -> None:
        made.append(bodies)
        init(bodies, *args, **options)

    monkeypatch.setattr(BodyFiles, "__init__", remembered)
    yield
    for bodies in made:
        await bodies.close()


@pytest.fixture
async def opened(executor: ThreadExecutor, tmp_path: Path) -> AsyncIterator[Opener]:
    """``await opened()`` opens a storage (the same file each time unless told otherwise)."""
    storages: list[Storage] = []

    async def opener(path: Path | None = tmp_path / "a.sqlite", **options: Any) -> Storage:
        storage = await executor.call(lambda: Storage.open(path, executor, **options))
        storages.append(storage)
        return storage

    yield opener
    faults.disarm()
    for storage in storages:
        if storage.failed is None or "closed" not in str(storage.failed):
            await storage.close()


@pytest.fixture(params=["file", "memory"])
async def storage(request: pytest.FixtureRequest, opened: Opener, tmp_path: Path) -> Storage:
    """A storage of each kind: there is one implementation, and it must behave the same."""
    return await opened(tmp_path / "a.sqlite" if request.param == "file" else None)
