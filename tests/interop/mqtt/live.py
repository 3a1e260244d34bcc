"""The real broker as a child process, and programs of others that talk to it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from tests.interop.live import TIMEOUT, bin_path, need, run

__all__ = ["BrokerServer", "Listening", "publish", "serve_broker"]


class BrokerServer:
    """A broker that runs, as its ready file describes it."""

    def __init__(self, ready: dict[str, Any], data: Path, log: Path) -> None:
        self.data = data
        self.log = log
        self.pid = int(ready["pid"])
        self.ca = str(data / "tls" / "ca.pem")
        self._ports = {row["name"]: int(row["port"]) for row in ready["listeners"]}

    @property
    def port(self) -> int:
        """MQTT over TCP."""
        return self._ports["main"]

    @property
    def tls_port(self) -> int:
        """MQTT over TLS."""
        return self._ports["tls"]

    @property
    def ws_port(self) -> int:
        """MQTT over WebSocket."""
        return self._ports["ws"]

    @property
    def tls(self) -> ssl.SSLContext:
        """A context that trusts the throwaway authority, and nothing else."""
        return ssl.create_default_context(cafile=self.ca)


@contextlib.contextmanager
def serve_broker(
    folder: Path, *arguments: str, users: tuple[str, ...] = (), password: str = "wonder land", stop: bool = True
) -> Iterator[BrokerServer]:
    """``run-app mqtt`` with all of its listeners, as a child, while the block lasts.

    Args:
        folder: where its files are; the data of an earlier one is found again.
        arguments: more arguments.
        users: added before the start, all with ``password``.
        password: of the users.
        stop: end it in order; else it is killed.
    """
    data, ready, log = folder / "data", folder / "ready.json", folder / "log"
    ready.unlink(missing_ok=True)
    for name in users:
        command = (bin_path("socketworkers"), "mqtt", "user", "add", name, "--data", str(data))
        run(*command, input=password.encode() + b"\n")
    ports = [word for name in ("--port", "--tls-port", "--ws-port") for word in (name, "0")]
    with log.open("ab") as output:
        child = subprocess.Popen(
            [
                *(bin_path("run-app"), "mqtt", *ports, "--tls", "auto", "--data", str(data)),
                *("--ready-file", str(ready), "--exit-with-parent", *arguments),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + TIMEOUT
        while not ready.exists():
            if child.poll() is not None or time.monotonic() > deadline:
                pytest.fail("the broker did not start:\n" + log.read_text())
            time.sleep(0.02)
        yield BrokerServer(json.loads(ready.read_text()), data, log)
        if stop:
            child.send_signal(signal.SIGTERM)
            assert child.wait(TIMEOUT) == 0, log.read_text()
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


class Listening:
    """``mosquitto_sub`` in a block that begins when it is subscribed.

    Args:
        port: of the broker.
        arguments: more arguments.
        format: of a line, as mosquitto_sub(1) tells.
    """

    def __init__(self, port: int, *arguments: str, format: str = "%t|%q|%r|%p") -> None:
        self._command = [
            *(need("stdbuf", "Debian: coreutils"), "-oL"),  # it writes line by line to a terminal only
            *(need("mosquitto_sub", "Debian: mosquitto-clients"), "-h", "127.0.0.1", "-p", str(port), "-d"),
            *("-F", f"message {format}", *arguments),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._left = b""
        self._early: list[str] = []

    def __enter__(self) -> Listening:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self.wait_for("Subscribed (mid")
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """End it at once: its connection breaks."""
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait(10)
        self._process.stdout.close()

    def _line(self, deadline: float, seen: list[str]) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._left:
            wait = deadline - time.monotonic()
            if wait <= 0 or not select.select([descriptor], [], [], wait)[0]:
                pytest.fail(f"nothing more came; until now: {seen}")
            data = os.read(descriptor, 1 << 16)
            if not data:
                pytest.fail(f"it ended; until now: {seen}")
            self._left += data
        line, _, self._left = self._left.partition(b"\n")
        return line.decode("utf-8", "backslashreplace")

    def wait_for(self, text: str) -> str:
        """Wait for a line of its log that contains a text."""
        deadline = time.monotonic() + TIMEOUT
        seen: list[str] = []
        while True:
            line = self._line(deadline, seen)
            seen.append(line)
            if text in line:
                return line
            if line.startswith("message "):
                self._early.append(line)

    def messages(self, count: int) -> list[str]:
        """The next messages, as ``format`` writes them."""
        lines, self._early = self._early, []
        lines += [self.wait_for("message ") for _ in range(count - len(lines))]
        return [line.removeprefix("message ") for line in lines]


def publish(port: int, *arguments: str, **options: Any) -> bytes:
    """``mosquitto_pub``."""
    command = (need("mosquitto_pub", "Debian: mosquitto-clients"), "-h", "127.0.0.1", "-p", str(port))
    return run(*command, *arguments, **options)
