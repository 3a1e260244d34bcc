"""The disk that fails at the n-th call: compiles ``shim.c``, and runs things under it.

Two ways to use it:

* ``environment(library, root=..., at=7, number=errno.EIO, journal=...)`` gives the variables with which any program
  (a whole server) runs under the shim;
* a Python process that was started with ``LD_PRELOAD`` can arm it again and again with :class:`Shim`, in forked
  children (``forked``): a run then costs a fork instead of an interpreter start.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

OPEN, WRITE, FSYNC, FDATASYNC, RENAME, UNLINK, TRUNCATE, MKDIR = (1 << bit for bit in range(8))
SYNCS = FSYNC | FDATASYNC
#: The calls of the catalogue's entry D4.
ALL = OPEN | WRITE | SYNCS | RENAME
#: Instead of an error: a write that takes half of what it was given.
SHORT = -1


def missing() -> str:
    """Why the shim cannot be used here; "" when it can."""
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return "the disk shim needs Linux with glibc (LD_PRELOAD)"
    if shutil.which("gcc") is None and shutil.which("cc") is None:
        return "the disk shim needs a C compiler (gcc or cc)"
    return ""


@functools.cache
def compile_shim() -> Path:
    """The shared library; compiled once per process.

    Raises:
        subprocess.CalledProcessError: the compiler refused.
    """
    library = Path(tempfile.mkdtemp(prefix="disk-shim-")) / "shim.so"
    compiler = shutil.which("gcc") or shutil.which("cc") or "cc"
    source = Path(__file__).with_name("shim.c")
    subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True, timeout=60
    )
    return library


def environment(
    library: Path,
    *,
    root: Path | None = None,
    at: int = 0,
    number: int = errno.EIO,
    calls: int = ALL,
    repeat: int = 1,
    journal: Path | None = None,
) -> dict[str, str]:
    """The environment of a process that runs under the shim.

    Args:
        library: of :func:`compile_shim`.
        root: only calls on files below it count; None: nothing fails until the process arms it itself.
        at: which call fails, from 1; -1 only counts.
        number: the errno, or :data:`SHORT`.
        calls: which calls count (``OPEN | WRITE | ...``).
        repeat: how many calls fail from there on; 0 = all.
        journal: file to which failures are appended.
    """
    variables = {**os.environ, "LD_PRELOAD": str(library)}
    if root is not None:
        variables |= {
            "DISK_SHIM_ROOT": str(root),
            "DISK_SHIM_AT": str(at),
            "DISK_SHIM_ERRNO": str(number),
            "DISK_SHIM_CALLS": str(calls),
            "DISK_SHIM_REPEAT": str(repeat),
        }
        if journal is not None:
            variables["DISK_SHIM_JOURNAL"] = str(journal)
    return variables


class Shim:
    """The shim of this process, which was started with it preloaded."""

    def __init__(self) -> None:
        library = ctypes.CDLL(None)
        self._arm = library.disk_shim_arm
        self._arm.argtypes = [
            ctypes.c_char_p,
            ctypes.c_long,
            ctypes.c_long,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_int,
        ]
        self._arm.restype = None
        self._count = library.disk_shim_count
        self._count.restype = ctypes.c_long

    def arm(self, root: Path, at: int, number: int, *, calls: int = ALL, repeat: int = 1, journal: int = -1) -> None:
        """Begin to count, and fail from call ``at`` on (-1: only count); ``journal`` is a descriptor."""
        self._arm(str(root).encode(), at, repeat, number, calls, journal)

    def disarm(self) -> None:
        """Let everything through."""
        self._arm(b"/", 0, 1, errno.EIO, 0, -1)

    @property
    def count(self) -> int:
        """Calls since :meth:`arm`."""
        return int(self._count())


def forked(work: Callable[[], int]) -> int:
    """Run ``work`` in a forked child; returns its exit status (its own, 70 for an exception, or -signal)."""
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            status = work()
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
