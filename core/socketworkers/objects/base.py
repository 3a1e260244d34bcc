"""What an app derives its objects from, and what such an object is given.

A Durable Object is a class with state that lasts: one live instance per id, one database file each, calls that
interleave only at ``await``. This module has the classes the app sees; the machinery is in ``instance``,
``namespace`` and ``runtime``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ..storage import BodyFiles, Migration, Storage

if TYPE_CHECKING:
    from .instance import Instance

__all__ = ["AlarmInfo", "DurableObject", "ObjectContext", "allow_unconfirmed"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def allow_unconfirmed(method: F) -> F:
    """Mark a method whose result may leave before what it wrote is durable (MQTT QoS 0)."""
    method._allow_unconfirmed = True  # type: ignore[attr-defined]
    return method


@dataclass(frozen=True, slots=True)
class AlarmInfo:
    """What ``alarm`` is told."""

    scheduled: float
    """When it was due, in seconds since the epoch."""
    retry_count: int
    """How many times it has failed since it was set."""

    @property
    def is_retry(self) -> bool:
        """Whether an earlier run failed, or was cut off by a crash that is not counted here."""
        return self.retry_count > 0


class ObjectContext:
    """``self.ctx`` of an object.

    Attributes:
        id: the object's id.
        namespace: the name under which its class is bound (``MAILBOX``).
        storage: its database.
        log: a logger that names the object.
    """

    __slots__ = ("_instance", "id", "log", "namespace", "storage")

    def __init__(self, instance: Instance, storage: Storage) -> None:
        self._instance = instance
        self.id = instance.id
        self.namespace = instance.namespace.name
        self.storage = storage
        self.log = logging.LoggerAdapter(
            logging.getLogger("socketworkers.objects"), {"object": f"{self.namespace}/{self.id}"}
        )

    async def block_concurrency_while(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run ``work`` and let no new call begin until it has ended. (Calls that have begun go on.)

        ``work`` must not call its own object through a stub: that call would wait for ``work``.

        Raises:
            Exception: whatever ``work`` raised. The object is then reset: this instance gets no more calls and its
                storage is closed, and the next call makes a new instance.
        """
        return await self._instance.block(work)

    def wait_until(self, awaitable: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside the calls; the object is not evicted before it has ended. An error is logged."""
        return self._instance.beside(awaitable)

    def body_files(self, name: str) -> BodyFiles:
        """The runtime's large bodies under a name (shared by all objects that ask for it)."""
        return self._instance.namespace.runtime.body_files(name)


class DurableObject:
    """Base of an app's objects. Methods not beginning with ``_`` can be called through a stub.

    A subclass that overrides ``__init__`` must call this one; reading and writing the storage there is allowed.
    """

    migrations: ClassVar[Sequence[Migration]] = ()
    """Steps of the object's tables, oldest first: SQL or ``function(connection)``. Only ever append."""

    ctx: ObjectContext
    env: Any

    def __init__(self, ctx: ObjectContext, env: Any) -> None:
        self.ctx = ctx
        self.env = env

    async def start(self) -> None:
        """Called once before the first call of a new instance; calls wait for it."""

    async def alarm(self, info: AlarmInfo) -> None:
        """Called when the alarm is due: at least once, and again after errors (2 s, 4 s, ... six times)."""

    async def connect(self, socket: Any) -> Any:
        """Called with a socket that ``await stub.connect(socket)`` hands over."""


#: Methods of the base that a stub does not call by name.
HOOKS = frozenset(("alarm", "connect", "start"))
