"""Starts servers as processes, the way a test suite in another language does: port 0 and a ready file."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.core.cli.support import ECHO, environment, program

__all__ = ["Running", "echoes", "start", "wait_until"]


class Running:
    """A server process."""

    def __init__(self, process: subprocess.Popen[str], content: dict[str, Any]) -> None:
        self.process = process
        self.content = content
        self.connections: list[socket.socket] = []

    def connect(self) -> socket.socket:
        """A new connection to the first listener, seen by the server."""
        connection = socket.create_connection((self.content["host"], self.content["port"]), 10)
        self.connections.append(connection)
        assert echoes(connection)
        return connection

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page of the metrics address."""
        host, _, port = self.content["metrics"].removeprefix("http://").removesuffix("/metrics").rpartition(":")
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while data := connection.recv(65536):
                answer += data
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    def end(self, seconds: float = 15) -> tuple[int, str, str]:
        """Wait for the end: exit status, output, errors."""
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err


def echoes(connection: socket.socket) -> bool:
    """Whether the server answers on this connection."""
    try:
        connection.sendall(b"ping")
        return connection.recv(100) == b"ping"
    except OSError:
        return False


def wait_until(condition: Any, seconds: float = 10) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def _activated(sockets: Mapping[str, socket.socket]) -> list[str]:
    """A command in front of the program's that puts sockets where sd_listen_fds(3) says, in the same process."""
    if not sockets:
        return []
    code = (
        "import fcntl, os, sys; numbers = [int(word) for word in sys.argv[1].split()]\n"
        "kept = [fcntl.fcntl(number, fcntl.F_DUPFD, 100) for number in numbers]\n"
        "for place, number in enumerate(kept): os.dup2(number, 3 + place)\n"
        "os.closerange(3 + len(kept), 64)\n"
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=sys.argv[2])\n"
        "os.execv(sys.argv[3], sys.argv[3:])"
    )
    numbers = " ".join(str(each.fileno()) for each in sockets.values())
    return [sys.executable, "-c", code, numbers, ":".join(sockets)]


@contextmanager
def start(
    folder: Path,
    *options: str,
    code: str = ECHO,
    stdin: int | None = None,
    descriptors: int = 0,
    activation: Mapping[str, socket.socket] | None = None,
    **variables: str,
) -> Iterator[Running]:
    """A running ``run-app app.py``.

    Args:
        folder: where it runs.
        options: its options.
        code: the app.
        stdin: its standard input.
        descriptors: limits how many files it may have open.
        activation: listening sockets that it gets as from systemd, by their names.
        variables: more of its environment.
    """
    (folder / "app.py").write_text(code)
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    limit = ["prlimit", f"--nofile={descriptors}"] if descriptors else []
    with subprocess.Popen(
        [
            *limit,
            *_activated(activation or {}),
            *program("run-app"),
            "app.py",
            "--port",
            "0",
            "--ready-file",
            str(ready),
            *options,
        ],
        cwd=folder,
        stdin=stdin if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=[each.fileno() for each in (activation or {}).values()],
        env=environment(**variables),
    ) as process:
        running: Running | None = None
        try:
            deadline = time.monotonic() + 20
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    raise AssertionError(f"no start: {process.communicate()}")
                time.sleep(0.01)
            running = Running(process, json.loads(ready.read_text()))
            assert running.content["pid"] == process.pid or os.name != "posix"
            yield running
        finally:
            for connection in running.connections if running is not None else []:
                connection.close()
            if process.poll() is None:
                process.kill()
