"""All objects of one class: who is alive, how calls reach them, and how they come and go.

``namespace.get(id)`` makes a :class:`Stub`; a call on it finds the live instance or starts one. At most one instance
per id is alive: starting, living and closing exclude each other, also while many callers ask at once.

A call runs in its caller's task: no task is made, ``asyncio.timeout`` works across it, and cancelling the caller
cancels the call at its next ``await``. Its result, or its error, leaves only after everything the object wrote or
could have read is durable (the output gate).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from ..errors import StateError, StorageError, StorageFailed
from ..storage import Storage
from .alarms import RETRIES, AlarmClock, retry_delay
from .base import HOOKS, AlarmInfo, DurableObject
from .index import LIVE, NamespaceIndex
from .instance import Instance
from .names import check_id, file_name, id_of, is_cut

if TYPE_CHECKING:
    from .runtime import ObjectRuntime

__all__ = ["Namespace", "Stub"]

log = logging.getLogger("socketworkers.objects")

#: How many objects are opened at once to look at their alarms after a crash.
_LOOKS = 8


class Stub:
    """A handle on one object: ``await stub.method(...)``. Making one starts nothing and costs nothing."""

    __slots__ = ("_allow_unconfirmed", "_id", "_namespace")

    def __init__(self, namespace: Namespace, id: str, allow_unconfirmed: bool) -> None:
        self._namespace = namespace
        self._id = id
        self._allow_unconfirmed = allow_unconfirmed

    @property
    def id(self) -> str:
        """The object's id."""
        return self._id

    def __getattr__(self, name: str) -> Callable[..., Any]:
        namespace = self._namespace
        gated = namespace.methods.get(name)
        if gated is None:
            gated = namespace.look_up(name)
        return partial(namespace.call, self._id, name, gated and not self._allow_unconfirmed)

    def connect(self, socket: Any) -> Coroutine[Any, Any, Any]:
        """Hand a socket to the object: its ``connect(socket)`` runs, and owns the socket until it returns.

        What it writes to the socket leaves only after what it wrote to its storage before is durable.

        Returns:
            What ``connect`` returned.

        Raises:
            Exception: whatever ``connect`` raised.
        """
        # no coroutine of its own: every open connection would keep its frame
        return self._namespace.connect(self._id, socket)

    def __repr__(self) -> str:
        return f"<Stub {self._namespace.name}/{self._id}>"


class Namespace:
    """See the module. Made by the runtime.

    Attributes:
        name: what the class is bound to in ``env``.
        cls: the app's class.
        folder: where its files lie; None in memory.
        methods: names that stubs may call, with whether their results are gated.
    """

    __slots__ = (
        "_clock",
        "_closing",
        "_failed",
        "_has_alarms",
        "_index",
        "_kept",
        "_live",
        "_looking",
        "_open",
        "_starting",
        "_tasks",
        "cls",
        "folder",
        "methods",
        "name",
        "runtime",
    )

    def __init__(self, runtime: ObjectRuntime, name: str, cls: type[DurableObject], folder: Path | None) -> None:
        self.runtime = runtime
        self.name = name
        self.cls = cls
        self.folder = folder
        self.methods: dict[str, bool] = {}
        self._has_alarms = cls.alarm is not DurableObject.alarm
        self._index: NamespaceIndex | None = None
        self._clock = AlarmClock(runtime.clock, self._alarm_due)
        self._live: dict[str, Instance] = {}
        self._starting: dict[str, asyncio.Task[Instance]] = {}
        self._closing: dict[str, asyncio.Task[None]] = {}
        self._failed: dict[str, StorageFailed] = {}
        self._kept: dict[str, Storage] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking = asyncio.Semaphore(_LOOKS)
        self._open = False

    # What apps use

    def get(self, id: str, *, allow_unconfirmed: bool = False) -> Stub:
        """A stub of an object; the object need not exist.

        Args:
            id: 1 to 1,024 bytes of text.
            allow_unconfirmed: results of calls through this stub do not wait for the disk.

        Raises:
            TypeError, ValueError: this cannot be an id.
        """
        return Stub(self, check_id(id), allow_unconfirmed)

    def exists(self, id: str) -> bool:
        """Whether the object has been started at some time (only then it has a file)."""
        if self.folder is None:
            return id in self._live or id in self._kept
        return (self.folder / file_name(check_id(id))).exists()

    def list_ids(self) -> list[str]:
        """The ids of all objects that exist, sorted."""
        if self.folder is None:
            return sorted(self._live.keys() | self._kept.keys())
        ids: list[str] = []
        for name in (entry.name for entry in self.folder.iterdir()):
            if not name.endswith(".sqlite"):
                continue
            id = self._index.id_of(name) if is_cut(name) and self._index is not None else id_of(name)
            if id is not None:
                ids.append(id)
        return sorted(ids)

    def path(self, id: str) -> Path | None:
        """Where the database of an object lies, or would lie; None when nothing is kept on disk."""
        return None if self.folder is None else self.folder / file_name(check_id(id))

    async def delete(self, id: str) -> bool:
        """Close an object and remove its file and alarm; whether there was one. Calls in it must have ended.

        Raises:
            StateError: calls or sockets are in it.
        """
        if not self.exists(id):
            return False
        instance = await self._acquire(id)
        if instance.calls:
            raise StateError(f"{self.name}/{id} is in use")
        self._close(instance, removes=True)
        await asyncio.shield(self._closing[id])
        return True

    @property
    def live(self) -> int:
        """How many objects are alive."""
        return len(self._live)

    @property
    def failed(self) -> dict[str, StorageFailed]:
        """Objects whose file has failed, by id."""
        return self._failed

    # Calls

    def look_up(self, name: str) -> bool:
        """Whether results of a method are gated; remembered in :attr:`methods`.

        Raises:
            AttributeError: the class has no such method, or it is not for stubs.
        """
        method = getattr(self.cls, name, None)
        if name.startswith("_") or name in HOOKS or not callable(method):
            raise AttributeError(f"{self.cls.__name__} has no method {name!r} for callers")
        gated = self.methods[name] = not getattr(method, "_allow_unconfirmed", False)
        return gated

    async def call(self, id: str, name: str, gated: bool, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method of an object in this process or elsewhere (``Stub`` is the way to come here)."""
        instance = self._live.get(id)
        if instance is None or instance.blocked is not None:
            owner = self.runtime.router.owner(self.name, id)
            if owner is not None:
                return await owner.call(self.name, id, name, args, kwargs)
            instance = await self._enter(id)
        instance.calls += 1
        try:
            try:
                result = getattr(instance.object, name)(*args, **kwargs)
                if type(result) is CoroutineType or hasattr(result, "__await__"):
                    result = await result
            except Exception as error:
                if gated and (ticket := instance.storage.hold()) is not None and not isinstance(error, StorageError):
                    await ticket.wait()
                raise
            if gated:
                ticket = instance.storage.hold()
                if ticket is not None:
                    await ticket.wait()
            return result
        finally:
            instance.calls -= 1
            instance.last_used = self.runtime.now()

    async def connect(self, id: str, socket: Any) -> Any:
        """Hand a socket to an object (``Stub.connect``)."""
        owner = self.runtime.router.owner(self.name, id)
        if owner is not None:
            return await owner.connect(self.name, id, socket)
        instance = await self._enter(id)
        instance.calls += 1
        try:
            socket.set_output_gate(instance.storage)
            return await instance.object.connect(socket)
        finally:
            socket.set_output_gate(None)
            instance.calls -= 1
            instance.last_used = self.runtime.now()

    async def _enter(self, id: str) -> Instance:
        """The live instance, once calls may begin in it."""
        while True:
            instance = await self._acquire(id)
            blocked = instance.blocked
            if blocked is None:
                return instance
            await asyncio.shield(blocked)
            if not instance.gone and instance.blocked is None:
                return instance

    async def _acquire(self, id: str) -> Instance:
        """The live instance; started if there is none."""
        while True:
            instance = self._live.get(id)
            if instance is not None:
                return instance
            failed = self._failed.get(id)
            if failed is not None:
                raise StorageFailed(failed.errno, failed.strerror, failed.filename)
            closing = self._closing.get(id)
            if closing is not None:
                await asyncio.shield(closing)
                continue
            if not self._open:
                raise StateError("the object runtime is not running")
            task = self._starting.get(id)
            if task is None:
                # A task of its own: a caller that goes away must not stop the start for the others.
                task = self._starting[id] = asyncio.get_running_loop().create_task(self._start(id))
                task.add_done_callback(partial(self._started, id))
            await asyncio.shield(task)

    # Coming and going

    async def open(self) -> None:
        """Begin: read the index and wake what has to be woken. The folder exists and its name is durable."""
        index = None if self.folder is None else self.folder / "index.db"
        if self._has_alarms or (index is not None and index.exists()):
            self._index = await NamespaceIndex.open(index, self.runtime)
        self._open = True
        if self._index is not None and self._has_alarms:
            for id, due in self._index.alarms():
                if due == LIVE:
                    self._spawn(self._look(id))
                else:
                    self._clock.set(id, due)

    async def _start(self, id: str) -> Instance:
        runtime = self.runtime
        name = file_name(id)
        path = None if self.folder is None else self.folder / name
        token = await runtime.router.claim(self.name, id)
        storage: Storage | None = None
        try:
            if is_cut(name) and self.folder is not None:
                if self._index is None:
                    self._index = await NamespaceIndex.open(self.folder / "index.db", runtime)
                await self._index.keep_name(name, id)
            if self._has_alarms and self._index is not None:
                await self._index.mark_live(id)
            storage = self._kept.pop(id, None) or await runtime.open_storage(path, self.cls.migrations)
            storage.on_failed = partial(self._storage_failed, id)
            storage.alarm_changed = partial(self._clock.set, id)
            instance = Instance(self, id, storage, token, runtime.now())
            instance.calls += 1
            try:
                await instance.object.start()
            finally:
                instance.calls -= 1
            if self._has_alarms:
                self._clock.set(id, storage.get_alarm())
            instance.last_used = runtime.now()
            self._live[id] = instance
            return instance
        except BaseException as error:
            if isinstance(error, StorageFailed):
                self._storage_failed(id, error)
            if storage is not None:
                self._leave(storage)
                if path is None:
                    self._kept[id] = storage
                else:
                    await storage.close()
            await runtime.router.release(self.name, id, token)
            raise

    def _started(self, id: str, task: asyncio.Task[Instance]) -> None:
        self._starting.pop(id, None)
        if not task.cancelled():
            task.exception()  # whoever waited has got it; nobody may be left

    def _storage_failed(self, id: str, error: StorageFailed) -> None:
        self._failed[id] = error
        self.runtime.failed = True
        instance = self._live.pop(id, None)
        if instance is not None:
            instance.gone = True
            self._closing_task(instance, removes=False)

    def reset(self, instance: Instance) -> None:
        """Take an instance out of service; the next call makes a new one."""
        if self._live.get(instance.id) is instance:
            self._close(instance)

    def evict(self, now: float, idle: float) -> None:
        """Close the objects that nobody has used for ``idle`` seconds."""
        for instance in [i for i in self._live.values() if i.calls == 0 and now - i.last_used >= idle]:
            self._close(instance)

    def _close(self, instance: Instance, *, removes: bool = False) -> None:
        del self._live[instance.id]
        instance.gone = True
        self._closing_task(instance, removes=removes)

    def _closing_task(self, instance: Instance, *, removes: bool) -> None:
        id = instance.id
        task = asyncio.get_running_loop().create_task(self._shut(instance, removes))
        self._closing[id] = task

        def closed(_task: asyncio.Task[None]) -> None:
            if self._closing.get(id) is task:
                del self._closing[id]

        task.add_done_callback(closed)

    @staticmethod
    def _leave(storage: Storage) -> None:
        storage.on_failed = None
        storage.alarm_changed = None

    async def _shut(self, instance: Instance, removes: bool) -> None:
        storage, id = instance.storage, instance.id
        await instance.stop()
        try:
            if self._index is not None and self._has_alarms and storage.failed is None and not removes:
                await storage.synced()
                self._index.mark_closed(id, storage.get_alarm())
        except StorageError as error:
            log.warning("%s/%s: its alarm will be looked at after the next start: %s", self.name, id, error)
        storage.alarm_changed = None
        if self.folder is None:
            storage.on_failed = None
            if not removes:
                self._kept[id] = storage
        else:
            await storage.close()  # its last checkpoint may fail, which is as final as any failure
            storage.on_failed = None
        if removes:
            self._clock.set(id, None)
            path = None if self.folder is None else self.folder / file_name(id)
            if path is not None:
                for suffix in ("", "-wal", "-shm"):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
                if self._index is not None:
                    self._index.forget(path.name, id)
        await self.runtime.router.release(self.name, id, instance.token)

    async def close(self) -> None:
        """End: let alarms be, close all objects."""
        self._open = False
        self._clock.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        if self._starting:
            await asyncio.wait(list(self._starting.values()))
        for instance in list(self._live.values()):
            self._close(instance)
        if self._closing:
            await asyncio.wait(list(self._closing.values()))
        for storage in self._kept.values():
            await storage.close()
        self._kept.clear()
        if self._index is not None:
            await self._index.storage.close()
            self._index = None

    # Alarms

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _alarm_due(self, id: str) -> None:
        if self._open:
            self._spawn(self._run_alarm(id))

    async def _look(self, id: str) -> None:
        """Open an object that was alive at a crash; its start reads its alarm."""
        async with self._looking:
            if not self.exists(id):
                if self._index is not None:
                    self._index.mark_closed(id, None)
                return
            try:
                await self._acquire(id)
            except Exception as error:
                log.error("%s/%s could not be opened to look at its alarm: %s", self.name, id, error)

    async def _run_alarm(self, id: str) -> None:
        """Run one due alarm: at least once, retried when it fails."""
        now = self.runtime.clock
        try:
            instance = await self._enter(id)
        except StorageFailed:
            return
        except Exception as error:
            log.error("the alarm of %s/%s is late: %s", self.name, id, error)
            self._clock.set(id, now() + retry_delay(3, random.random()))
            return
        storage = instance.storage
        if instance.alarm_runs:
            return  # it looks again when it ends
        instance.calls += 1
        instance.alarm_runs = True
        try:
            due = storage.get_alarm()
            if due is None or due > now():
                self._clock.set(id, due)
                return
            row = storage.alarm_begins()
            tries = row[1] if row is not None else 0
            try:
                await instance.object.alarm(AlarmInfo(due, tries))
                storage.alarm_ends()
                await storage.synced()
            except asyncio.CancelledError:
                storage.alarm_running = False
                raise
            except Exception as error:
                self._alarm_failed(instance, due, tries, error)
            else:
                self._clock.set(id, storage.get_alarm())
        except StorageFailed:
            pass  # the object has failed: told elsewhere, once
        except StorageError as error:
            log.error("the alarm of %s/%s is late: %s", self.name, id, error)
            self._clock.set(id, now() + retry_delay(0, random.random()))
        finally:
            storage.alarm_running = False
            instance.alarm_runs = False
            instance.calls -= 1
            instance.last_used = self.runtime.now()

    def _alarm_failed(self, instance: Instance, due: float, tries: int, error: Exception) -> None:
        storage = instance.storage
        if storage.failed is not None:
            return
        if tries >= RETRIES:
            log.error("the alarm of %s/%s failed %d times: given up", self.name, instance.id, tries + 1, exc_info=error)
            storage.alarm_ends()
        else:
            again = self.runtime.clock() + retry_delay(tries, random.random())
            log.warning("the alarm of %s/%s failed: %s", self.name, instance.id, error, exc_info=error)
            storage.alarm_ends(again)
        self._clock.set(instance.id, storage.get_alarm())
