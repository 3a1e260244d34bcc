"""Delivery to a Maildir: durable, by names made from the message id.

A name that is in ``new`` or ``cur`` already is passed over, so that a repeated delivery makes no second file unless a
reader took the first one away in between. Runs in a thread.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Maildir"]


class Maildir:
    """One folder with ``tmp``, ``new`` and ``cur``.

    Args:
        folder: made if it is missing.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def name(self, id: str, received: float) -> str:
        """The file's name: seconds, our id, host name."""
        host = socket.gethostname().replace("/", r"\057").replace(":", r"\072") or "localhost"
        return f"{int(received)}.{id}.{host}"

    def deliver(self, items: Iterable[tuple[str, float, bytes, bytes | Path | None]]) -> int:
        """Write messages; returns once they and their names are on disk.

        Args:
            items: id, time, trace fields, and the body (or the file it lies in).

        Returns:
            How many were new.

        Raises:
            OSError: the disk refused; what was written before stays and is passed over the next time.
        """
        for part in ("tmp", "new", "cur"):
            if not (self.folder / part).is_dir():
                (self.folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
                _sync_folder(self.folder)
                _sync_folder(self.folder.parent)
        taken = {entry.name.partition(":")[0] for entry in os.scandir(self.folder / "cur")}
        written = 0
        for id, received, head, body in items:
            name = self.name(id, received)
            target = self.folder / "new" / name
            if name in taken or target.exists():
                continue
            temporary = self.folder / "tmp" / name
            with open(temporary, "wb") as file:
                file.write(head)
                if isinstance(body, Path):
                    with open(body, "rb") as source:
                        while chunk := source.read(1 << 20):
                            file.write(chunk)
                elif body:
                    file.write(body)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, target)
            written += 1
        # also when all names were there: an earlier try may have ended before this
        _sync_folder(self.folder / "new")
        return written


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
