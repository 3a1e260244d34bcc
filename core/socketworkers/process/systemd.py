"""systemd: readiness notification (sd_notify(3)) and sockets handed over (sd_listen_fds(3)); silent elsewhere."""

from __future__ import annotations

import os
import socket

__all__ = ["notify", "take_sockets", "watchdog_seconds"]

_FIRST_FD = 3


def notify(state: str) -> bool:
    """Tell the service manager something: ``READY=1``, ``STOPPING=1``, ``STATUS=...``.

    Returns:
        Whether there is a manager that was told.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
        try:
            connection.sendto(state.encode(), address)
        except OSError:
            # The manager is not there any more; that must not end the service.
            return False
    return True


def watchdog_seconds() -> float | None:
    """How often the manager wants ``WATCHDOG=1`` (half of its limit); None when it does not."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    limit = os.environ.get("WATCHDOG_USEC", "")
    return int(limit) / 2_000_000 if limit.isdigit() and int(limit) else None


def take_sockets() -> dict[str, list[socket.socket]]:
    """The listening sockets that were handed over, by name (``FileDescriptorName=``, "" when it has none).

    The variables are removed, so that children do not take the sockets for theirs.
    """
    pid = os.environ.pop("LISTEN_PID", "")
    count = os.environ.pop("LISTEN_FDS", "")
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdigit():
        return {}
    found: dict[str, list[socket.socket]] = {}
    for index in range(int(count)):
        name = names[index] if index < len(names) else ""
        fd = _FIRST_FD + index
        os.set_inheritable(fd, False)
        connection = socket.socket(fileno=fd)
        connection.setblocking(False)
        # systemd's word for "no name was given" is the unit's own name or "unknown".
        found.setdefault("" if name == "unknown" or name.endswith(".socket") else name, []).append(connection)
    return found
