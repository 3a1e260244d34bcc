"""All bridges of a broker: started and stopped with its server."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..identity import BRIDGE
from .settings import BridgeSpec

if TYPE_CHECKING:
    from ..object import BrokerObject
    from .bridge import Bridge

__all__ = ["Bridges"]

#: where the random name of a broker is kept
_NAME = "bridge_name"


class Bridges:
    """See the module.

    Args:
        owner: the broker.
        specs: the settings.
    """

    def __init__(self, owner: BrokerObject, specs: Sequence[BridgeSpec]) -> None:
        self._owner = owner
        self._specs = specs
        self._tasks: list[asyncio.Task[None]] = []
        self.bridges: list[Bridge] = []

    def start(self) -> None:
        """Begin to connect; end the sessions of bridges that are not in the settings any more."""
        owner = self._owner
        names = {f"{BRIDGE}{spec.name}" for spec in self._specs}
        owner.now()
        for client_id, session in list(owner.broker.sessions.items()):
            if client_id.startswith(BRIDGE) and client_id not in names:
                owner.broker.end(session)
        if self._specs:
            from .bridge import Bridge

            name = owner.ctx.storage.get(_NAME)
            if not isinstance(name, str):
                name = secrets.token_hex(4)
                owner.ctx.storage.put(_NAME, name)
            self.bridges = [Bridge(owner, spec, name) for spec in self._specs]
            self._tasks = [
                asyncio.create_task(bridge.run(), name=f"bridge {bridge.spec.name}") for bridge in self.bridges
            ]
        owner.schedule()

    async def stop(self) -> None:
        """Disconnect all."""
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                self._owner.ctx.log.error("a bridge failed", exc_info=result)
        self._tasks.clear()
