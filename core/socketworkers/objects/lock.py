"""One server per data folder: a lock on a file in it, held by the descriptor and freed by any end of the process.

Taken by the object runtime at start, and by commands that open the files when no server runs.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..mistakes import data_folder_in_use, data_folder_refused

__all__ = ["FolderLock", "owner_of"]

_NAME = "lock"


class FolderLock:
    """The lock of one data folder; made when it is taken.

    Args:
        folder: the data folder; made (mode 0700) if it is missing.

    Raises:
        StartupError: another process has it (its pid is named), or the folder cannot be used.
    """

    __slots__ = ("_descriptor", "folder")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor = -1
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            raise data_folder_refused(folder, error) from error
        try:
            _lock(descriptor)
        except OSError as error:
            pid = _pid_in(descriptor)
            os.close(descriptor)
            raise data_folder_in_use(folder, pid) from error
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        except OSError:
            pass  # a full disk: the lock holds, only its owner has no name
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the folder back. The file stays: removing it could take another process's fresh lock away."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            try:
                os.ftruncate(descriptor, 0)
            except OSError:
                pass
            os.close(descriptor)


def owner_of(folder: Path) -> int | None:
    """The pid of the server that works on a data folder; 0 when it has one without a name, None when none."""
    try:
        descriptor = os.open(folder / _NAME, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return None
    try:
        _lock(descriptor)
        return None
    except OSError:
        return _pid_in(descriptor) or 0
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        getattr(msvcrt, "locking")(descriptor, getattr(msvcrt, "LK_NBLCK"), 1)  # noqa: B009
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _pid_in(descriptor: int) -> int | None:
    try:
        return int(os.pread(descriptor, 32, 0))
    except (OSError, ValueError):
        return None
