"""The home of all Durable Objects of one server: the data folder, its lock, the threads, the namespaces.

Made by the server (and by commands that work on the files when no server runs). All calls come from one loop.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import StateError
from ..mistakes import data_folder_refused
from ..storage import BodyFiles, Migration, Options, Reserve, Storage, ThreadExecutor, check_library
from ..storage.engine import sync_folder
from .base import DurableObject
from .lock import FolderLock
from .namespace import Namespace
from .router import LocalRouter, Router

__all__ = ["ObjectRuntime"]

log = logging.getLogger("socketworkers.objects")


class ObjectRuntime:
    """See the module.

    Args:
        data_dir: the data folder; None keeps everything in memory.
        namespaces: names (``MAILBOX``) with the classes bound to them.
        env: given to every object as ``env``.
        idle_timeout: seconds after its last call at which an object is closed.
        notify: told about events, ``notify("storage.failed", path=..., error=...)``; ``Telemetry.emit`` fits.
        options: of all databases.
        reserve_bytes: free space that new work may not use (small file systems: 2 % of them, if that is less).
        router: who owns which id; all of them this process by default.
        clock: seconds since the epoch, for alarms.
        threads: how many threads may wait for the disk.

    Attributes:
        failed: whether the file of any object has failed; not ready any more, in the words of ``/readyz``.
    """

    #: a disk that needs longer for one piece of work is taken to hang, in seconds
    STALLED = 10.0

    __slots__ = (
        "_bodies",
        "_evictor",
        "_executor",
        "_idle",
        "_lock",
        "_loop",
        "_namespaces",
        "_notify",
        "_reserve_bytes",
        "_threads",
        "clock",
        "data_dir",
        "env",
        "failed",
        "now",
        "options",
        "reserve",
        "router",
    )

    def __init__(
        self,
        data_dir: Path | None,
        namespaces: Mapping[str, type[DurableObject]],
        env: Any,
        *,
        idle_timeout: float = 10.0,
        notify: Callable[..., None] | None = None,
        options: Options | None = None,
        reserve_bytes: int = 64 << 20,
        router: Router | None = None,
        clock: Callable[[], float] = time.time,
        threads: int = 16,
    ) -> None:
        self.data_dir = data_dir
        self.env = env
        self.failed = False
        self.options = options or Options()
        self.router: Router = router or LocalRouter()
        self.clock = clock
        self.now: Callable[[], float] = time.monotonic
        self.reserve: Reserve | None = None
        self._idle = idle_timeout
        self._notify = notify
        self._reserve_bytes = reserve_bytes
        self._threads = threads
        self._executor: ThreadExecutor | None = None
        self._lock: FolderLock | None = None
        self._evictor: asyncio.TimerHandle | None = None
        self._bodies: dict[str, BodyFiles] = {}
        self._namespaces = {
            name: Namespace(self, name, cls, None if data_dir is None else data_dir / "objects" / name)
            for name, cls in namespaces.items()
        }

    @property
    def executor(self) -> ThreadExecutor:
        """The threads that wait for the disk.

        Raises:
            StateError: the runtime is not running.
        """
        if self._executor is None:
            raise StateError("the object runtime is not running")
        return self._executor

    async def start(self) -> None:
        """Lock the data folder, open the namespaces, wake objects whose alarm may be due.

        Raises:
            StartupError: the folder is in use (the other process is named) or cannot be used, or was written by a
                newer version; or SQLite is too old.
        """
        check_library()
        if self.data_dir is not None:
            self._lock = FolderLock(self.data_dir)
        self._executor = ThreadExecutor(self._threads)
        try:
            if self.data_dir is not None:
                self.reserve = Reserve(self.data_dir, least=self._reserve_bytes)
                await self._executor.call(self._make_folders)
            for namespace in self._namespaces.values():
                await namespace.open()
        except OSError as error:
            await self.close()
            raise data_folder_refused(self.data_dir or ":memory:", error) from error
        except BaseException:
            await self.close()
            raise
        self._evict()

    def _make_folders(self) -> None:
        """Make the folders, and their names durable: also those that a killed process made and did not sync."""
        assert self.data_dir is not None
        objects = self.data_dir / "objects"
        folders = [objects / name for name in self._namespaces]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for leftover in folder.glob("*.new"):
                leftover.unlink(missing_ok=True)
        objects.mkdir(exist_ok=True, mode=0o700)
        for folder in (self.data_dir, objects, *folders):
            sync_folder(folder)
        if os.access(self.data_dir.parent, os.R_OK):
            sync_folder(self.data_dir.parent)

    def namespace(self, name: str) -> Namespace:
        """The objects of one class.

        Raises:
            KeyError: no class is bound to that name.
        """
        return self._namespaces[name]

    @property
    def namespaces(self) -> Mapping[str, Namespace]:
        """All namespaces by name."""
        return self._namespaces

    @property
    def live(self) -> int:
        """How many objects are alive."""
        return sum(namespace.live for namespace in self._namespaces.values())

    @property
    def stalled(self) -> float:
        """Seconds for which the disk has not answered; 0 while it does. What waits for it is not acknowledged."""
        longest = self._executor.longest if self._executor is not None else 0.0
        return longest if longest > self.STALLED else 0.0

    def body_files(self, name: str) -> BodyFiles:
        """Large bodies under a name, in ``files/<name>`` of the data folder; the same object for the same name.

        Raises:
            StorageError: the folder cannot be made.
            StateError: the runtime is not running.
        """
        bodies = self._bodies.get(name)
        if bodies is None:
            folder = None if self.data_dir is None else self.data_dir / "files" / name
            bodies = self._bodies[name] = BodyFiles(
                folder, self.executor, reserve=self.reserve, notify=self._body_event
            )
        return bodies

    def _body_event(self, event: str, /, **fields: object) -> None:
        if event == "storage.failed":
            self.failed = True
        if self._notify is not None:
            self._notify(event, **fields)

    async def open_storage(
        self, path: Path | None, migrations: Sequence[Migration] = (), *, reserve: bool = True
    ) -> Storage:
        """Open a database in a thread, with the runtime's settings (``Storage.open``).

        Args:
            path: the file; None in memory.
            migrations: the steps of its tables.
            reserve: False lets it use the last free space too.
        """

        def open_file() -> Storage:
            return Storage.open(
                path,
                self.executor,
                migrations=migrations,
                reserve=self.reserve if reserve else None,
                notify=notify,
                options=self.options,
            )

        loop = asyncio.get_running_loop()
        told = self._notify

        def notify(event: str, /, **fields: object) -> None:
            # Opening happens in a thread; subscribers run on the loop.
            if told is not None:
                loop.call_soon_threadsafe(partial_call, told, event, fields)

        return await self.executor.call(open_file)

    def _evict(self) -> None:
        now = self.now()
        for namespace in self._namespaces.values():
            namespace.evict(now, self._idle)
        delay = min(max(self._idle / 4, 0.01), 5.0)
        self._evictor = asyncio.get_running_loop().call_later(delay, self._evict)

    async def close(self) -> None:
        """Close all objects, durably, and give the folder back. May be called twice."""
        if self._evictor is not None:
            self._evictor.cancel()
            self._evictor = None
        for namespace in self._namespaces.values():
            await namespace.close()
        for bodies in self._bodies.values():
            await bodies.close()
        self._bodies.clear()
        if self._executor is not None:
            executor, self._executor = self._executor, None
            await executor.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def partial_call(notify: Callable[..., None], event: str, fields: dict[str, object]) -> None:
    """Call a subscriber with fields that were collected in a thread."""
    notify(event, **fields)
