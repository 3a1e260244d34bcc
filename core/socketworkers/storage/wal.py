"""Our own descriptor of a database's ``-wal`` file: the one thing that is synced outside of SQLite.

Only the ``-wal``: it carries no locks. Opening and closing the database itself or its ``-shm`` would drop the POSIX
locks that SQLite holds in this process (``reference/reliability.md`` §1, condition 5). Used by ``database``.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from .. import faults
from .engine import sync_file

__all__ = ["WalFile"]


class WalFile:
    """One descriptor, opened once and kept until the database is closed.

    Args:
        database: path of the database file; its ``-wal`` must exist.

    Raises:
        OSError: it cannot be opened, or it is not the file that has this name now.
    """

    __slots__ = ("_descriptor", "path")

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + "-wal")
        self._descriptor = os.open(self.path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0))
        try:
            mine, named = os.fstat(self._descriptor), os.stat(self.path)
            if (mine.st_ino, mine.st_dev) != (named.st_ino, named.st_dev):
                raise OSError(errno.ESTALE, "the WAL was replaced while it was opened", str(self.path))
        except BaseException:
            self.close()
            raise

    def sync(self) -> None:
        """Make all frames written so far durable. Blocks; called in a thread.

        Raises:
            OSError: it failed: final.
        """
        faults.point("storage.sync")
        # A sync of a deleted file succeeds and means nothing.
        if os.fstat(self._descriptor).st_nlink == 0:
            raise OSError(errno.ESTALE, "the WAL was deleted under the server", str(self.path))
        sync_file(self._descriptor)

    def size(self) -> int:
        """Bytes of the file."""
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Give the descriptor back; before SQLite's own connections are closed."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)
