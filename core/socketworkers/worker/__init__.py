"""Socket Workers: an app is a handler for ``connect`` events."""

from __future__ import annotations

from .app import App, ConnectEvent, Handler, ListenerSpec
from .context import Context, Env
from .entrypoint import WorkerEntrypoint

__all__ = ["App", "ConnectEvent", "Context", "Env", "Handler", "ListenerSpec", "WorkerEntrypoint"]
