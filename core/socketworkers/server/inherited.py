"""Listening sockets that somebody else has bound, and which of an app's listeners each of them is for."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import StartupError
from ..settings import Settings
from ..worker.app import ListenerSpec

__all__ = ["InheritedSocket", "assign"]


@dataclass(frozen=True, slots=True)
class InheritedSocket:
    """A socket that listens already."""

    name: str
    """The name that it was given, of a listener or not."""
    socket: socket.socket


def assign(
    sockets: Iterable[InheritedSocket], specs: Sequence[ListenerSpec], settings: Settings
) -> dict[str, list[socket.socket]]:
    """Sockets by the name of their listener.

    By its name, else by its port; a Unix socket is for ``unix``; and the only listener gets what is left.

    Raises:
        StartupError: it cannot be told which listener a socket is for.
    """
    names = {*(spec.name for spec in specs), "unix", *(["metrics"] if settings.metrics is not None else [])}
    ports = {getattr(settings, spec.port_setting, None): spec.name for spec in reversed(specs)}
    found: dict[str, list[socket.socket]] = {}
    for each in sockets:
        if each.name in names:
            name = each.name
        elif each.socket.family == socket.AF_UNIX:
            name = "unix"
        elif (port := each.socket.getsockname()[1]) in ports:
            name = ports[port]
        elif len(specs) == 1:
            name = specs[0].name
        else:
            raise StartupError(
                f"the service manager's socket on port {port} is for no listener",
                f"it is named {each.name!r}; the listeners are {', '.join(spec.name for spec in specs)}",
                "in the .socket unit: FileDescriptorName=main, or the port of the listener's own setting",
                exit_status=2,
            )
        found.setdefault(name, []).append(each.socket)
    return found
