"""Mosquitto as a child process, for the tests of this folder."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.live import TIMEOUT, need

__all__ = ["Mosquitto", "free_port", "serve_mosquitto"]


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A Mosquitto that can be stopped and started again on the same port.

    Args:
        folder: for its configuration, log and data.
        lines: more lines of its configuration.
    """

    def __init__(self, folder: Path, *lines: str) -> None:
        self._program = need("mosquitto", "Debian: mosquitto")
        self.folder = folder
        self.port = free_port()
        self._lines = lines
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once it accepts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        os.chmod(self.folder, 0o777)  # as root it becomes another user
        configuration = self.folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", *self._lines]
        if os.geteuid() == 0:
            lines.append("user root")
        configuration.write_text("\n".join(lines) + "\n")
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
                [self._program, "-v", "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + TIMEOUT
        while True:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)):
                    return
            if self._child.poll() is not None or time.monotonic() > deadline:
                pytest.fail("mosquitto did not start:\n" + (self.folder / "log").read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in order: it writes its persistence file. Idempotent."""
        child, self._child = self._child, None
        if child is not None:
            child.send_signal(signal.SIGTERM)
            child.wait(TIMEOUT)

    @property
    def url(self) -> str:
        """Its address."""
        return f"mqtt://127.0.0.1:{self.port}"


@contextlib.contextmanager
def serve_mosquitto(folder: Path, *lines: str) -> Iterator[Mosquitto]:
    """Mosquitto while the block lasts."""
    running = Mosquitto(folder, *lines)
    running.start()
    try:
        yield running
    finally:
        running.stop()
