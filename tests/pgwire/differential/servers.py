"""The two servers: PostgreSQL 15 with a cluster of its own, and ours."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.pgwire.types.server import find_binaries, running_server

__all__ = ["Address", "Unavailable", "ours", "parse_address", "postgresql"]

Address = tuple[str, int]
_START = "import sys; from socketworkers.cli import run_app; sys.exit(run_app())"


class Unavailable(Exception):
    """There is no such server on this machine."""


def parse_address(text: str) -> Address:
    """``HOST:PORT`` or ``PORT``."""
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


@contextlib.contextmanager
def postgresql() -> Iterator[Address]:
    """PostgreSQL 15 with a new cluster, locale C and UTC.

    Raises:
        Unavailable: it is not installed.
    """
    binaries = find_binaries()
    if binaries is None:
        raise Unavailable("no initdb of PostgreSQL (package postgresql-15)")
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        Path(folder).chmod(0o755)  # the server runs as another user
        with running_server(Path(folder), binaries) as port:
            yield "127.0.0.1", port


@contextlib.contextmanager
def ours(*options: str) -> Iterator[Address]:
    """``run-app pgwire`` with a new data folder.

    Raises:
        Unavailable: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="ours-") as folder:
        ready = Path(folder) / "ready"
        log = Path(folder) / "log"
        command = [
            sys.executable, "-c", _START, "pgwire", "--port", "0", "--data", f"{folder}/data",
            "--ready-file", str(ready), "--log-level", "warning", *options,
        ]  # fmt: skip
        with (
            log.open("wb") as out,
            subprocess.Popen(
                command, stdout=out, stderr=out, env={**os.environ, "TZ": "UTC", "USER": "postgres"}
            ) as process,
        ):
            try:
                yield "127.0.0.1", _port(process, ready, log)
            finally:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()


def _port(process: subprocess.Popen[bytes], ready: Path, log: Path) -> int:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            return int(ready.read_text().strip().rpartition(":")[2])
        time.sleep(0.01)
    raise Unavailable(f"run-app pgwire does not start: {log.read_text(errors='replace')[-500:]}")
