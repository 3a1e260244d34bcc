"""From exec to the first accepted connection."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time

from .harness import Row, Table, free_port


def once() -> float:
    """Seconds until ``run-app smtp`` accepts, with a fresh data folder."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-start-") as folder:
        began = time.perf_counter()
        process = subprocess.Popen(
            [
                sys.executable, "-c", "import sys; from socketworkers.cli import run_app; sys.exit(run_app())",
                "smtp", "--port", str(port), "--data", folder,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    return time.perf_counter() - began
                except OSError:
                    if time.perf_counter() - began > 20:
                        raise TimeoutError("the server does not accept") from None
                    time.sleep(0.002)
        finally:
            process.terminate()
            process.wait(20)


def run(rounds: int) -> list[Table]:
    """All of it."""
    once()  # compiles what was not compiled yet
    table = Table("Start of `run-app smtp` until it accepts")
    times = [once() for _ in range(max(rounds, 5))]
    table.rows.append(Row("exec to accept", times, [0.6] * len(times), "s", 1.0, "limit", higher_is_better=False))
    return [table]
