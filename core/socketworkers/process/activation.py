"""Socket activation: listening sockets that the service manager has bound and hands over (sd_listen_fds(3)).

A socket goes to the listener that its ``FileDescriptorName=`` names (``main``, ``tls``, ``metrics``, ...), else to the
one whose port it has; ``server.inherited`` does that. Here they are taken from the environment.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from ..errors import StartupError
from ..server.inherited import InheritedSocket
from ..settings import Settings, is_loopback

__all__ = ["activated_sockets", "listen_as_activated"]

#: SD_LISTEN_FDS_START
_FIRST = 3


def activated_sockets() -> list[InheritedSocket]:
    """The sockets that were handed to this process; none without activation.

    The variables are taken out of the environment: processes that we start must not think they are meant.

    Raises:
        StartupError: one is no listening socket.
    """
    pid, count, names = (os.environ.pop(f"LISTEN_{name}", "") for name in ("PID", "FDS", "FDNAMES"))
    os.environ.pop("LISTEN_PIDFDID", None)
    if pid != str(os.getpid()) or not count.isdigit():
        return []
    titles = names.split(":")
    found: list[InheritedSocket] = []
    for index in range(int(count)):
        name = titles[index] if index < len(titles) else ""
        found.append(InheritedSocket(name, _opened(_FIRST + index, name)))
    return found


def _opened(descriptor: int, name: str) -> socket.socket:
    try:
        opened = socket.socket(fileno=descriptor)
    except OSError:
        opened = None
    if opened is not None:
        if opened.type == socket.SOCK_STREAM and opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            opened.set_inheritable(False)
            opened.setblocking(False)
            return opened
        opened.close()
    raise StartupError(
        f"descriptor {descriptor} of the service manager ({name or 'without a name'}) cannot be used",
        "it is no socket that listens for streams",
        "in the .socket unit: ListenStream=, and Accept=no",
    )


def listen_as_activated(settings: Settings, sockets: Sequence[InheritedSocket]) -> None:
    """Have the settings say where the server really listens: who may use it is judged by that.

    Raises:
        StartupError: ``--host`` says that only this machine can connect.
    """
    hosts = [str(each.socket.getsockname()[0]) for each in sockets if each.socket.family != socket.AF_UNIX]
    wide = next((host for host in hosts if not is_loopback(host)), None)
    if wide is None or not is_loopback(settings.host):
        return
    if settings.source_of("host").kind != "default":
        raise StartupError(
            f"--host is {settings.host}, and the service manager listens on {wide}",
            "whether strangers can connect must be said once",
            "leave --host out, or bind ListenStream= to the same address",
            exit_status=2,
        )
    settings.host = wide
    if settings.source_of("max_connections_per_address").kind == "default":
        settings.max_connections_per_address = type(settings)(host=wide).max_connections_per_address
