"""Free space that new work may not use, so that checkpoints and deletions still fit when the disk is nearly full.

Asked by ``database`` and ``files`` before each write; it looks at the file system at most ten times a second.
"""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from ..errors import StorageFull

__all__ = ["Reserve"]

_MIB = 1 << 20


class Reserve:
    """The rule when to refuse writes.

    Args:
        folder: any folder on the file system in question.
        least: bytes to keep free. Small file systems keep ``share`` of their size instead where that is less.
        share: part of the file system, 0..1.
        interval: seconds for which a look at the file system is good.
    """

    __slots__ = ("_folder", "_interval", "_least", "_low", "_next", "_share")

    def __init__(self, folder: Path, *, least: int = 64 * _MIB, share: float = 0.02, interval: float = 0.1) -> None:
        self._folder = folder
        self._least = least
        self._share = share
        self._interval = interval
        self._next = 0.0
        self._low = False

    def low(self) -> bool:
        """Whether new work has to be refused now."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._interval
            try:
                state = os.statvfs(self._folder)
            except OSError:
                return self._low  # the write itself will tell what is wrong
            self._low = state.f_bavail * state.f_frsize < min(
                self._least, self._share * state.f_blocks * state.f_frsize
            )
        return self._low

    def check(self) -> None:
        """Refuse new work when space is short.

        Raises:
            StorageFull: less is free than has to be kept.
        """
        if self.low():
            raise StorageFull(errno.ENOSPC, "too little space is left on the disk", str(self._folder))
