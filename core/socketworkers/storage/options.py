"""How databases behave, and who is told about what happens to them. Shared by the modules of ``storage``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .wal import WalFile

__all__ = ["DEFAULTS", "Notify", "Options", "silent"]

#: Told about ``storage.failed`` (path, error), ``storage.full`` (path), ``storage.wal`` (path, bytes),
#: ``storage.recovered`` (path) and ``storage.synced`` (path, seconds); ``Telemetry.emit`` fits.
Notify = Callable[..., None]


def silent(name: str, /, **fields: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Options:
    """How databases behave; the defaults are meant for production."""

    checkpoint_pages: int = 1000
    """Pages in the WAL from which a checkpoint runs beside the loop."""
    finish_pages: int = 4096
    """Pages in the WAL from which the rest that a checkpoint left is copied on the loop. Under load there is always
    a rest, and only a WAL that was copied to its end can start over."""
    warn_bytes: int = 64 << 20
    """Size of the WAL from which it is reported (a reader that never ends keeps it from starting over)."""
    keep_bytes: int = 32 << 20
    """What a WAL is cut to after a burst. Below that it keeps its length: overwriting syncs twice as fast."""
    cache_kib: int = 2048
    """Page cache of one database."""
    vfs: str | None = None
    """SQLite VFS to use (tests record through one what is written)."""
    wal: Callable[[Path], WalFile] = WalFile
    """What syncs the WAL (tests)."""


DEFAULTS: Final = Options()
