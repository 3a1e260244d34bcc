"""Named points at which a test may kill or fail the process; free when off.

A point is placed as ``faults.point("smtp.after_commit")``. With nothing armed, ``point`` is a function that does
nothing. ``arm`` (or the environment variable ``SOCKETWORKERS_FAULTS``, read once by ``arm_from_environment`` when a
server starts) replaces it: ``smtp.after_commit:kill:3`` kills the process with SIGKILL at the third pass,
``storage.sync:eio`` raises ``OSError(EIO)`` at every pass, ``storage.write:enospc:2`` at the second only.
"""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable

__all__ = ["arm", "arm_from_environment", "disarm", "point"]


def _off(name: str) -> None:
    return None


#: The hook itself. Call it as ``faults.point(name)`` (through the module, so that arming takes effect).
point: Callable[[str], None] = _off

_armed: dict[str, tuple[str, int]] = {}
_passes: dict[str, int] = {}


def _on(name: str) -> None:
    plan = _armed.get(name)
    if plan is None:
        return
    action, when = plan
    _passes[name] = passes = _passes.get(name, 0) + 1
    if when and passes != when:
        return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    number = getattr(errno, action.upper())
    raise OSError(number, f"{os.strerror(number)} (injected at {name})")


def arm(name: str, action: str, when: int = 0) -> None:
    """Arm one point.

    Args:
        name: the point's name.
        action: ``kill`` or an errno's name in lower case (``eio``, ``enospc``).
        when: which pass, from 1; 0 = every pass.

    Raises:
        ValueError: the action is unknown.
    """
    global point
    if action != "kill" and not hasattr(errno, action.upper()):
        raise ValueError(f"unknown fault action {action!r}: use kill or an errno such as eio")
    _armed[name] = (action, when)
    _passes.pop(name, None)
    point = _on


def disarm() -> None:
    """Switch all points off again."""
    global point
    _armed.clear()
    _passes.clear()
    point = _off


def arm_from_environment(value: str | None = None) -> None:
    """Arm what ``SOCKETWORKERS_FAULTS`` names (comma separated ``name:action[:when]``)."""
    for part in filter(None, (os.environ.get("SOCKETWORKERS_FAULTS", "") if value is None else value).split(",")):
        name, action, *rest = part.split(":")
        arm(name, action, int(rest[0]) if rest else 0)
