"""A server as a process that tests start, kill, starve and look into."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ClassVar, Self

from tests.core.cli.support import environment, program

from socketworkers.server import control_call

__all__ = ["ServerProcess"]

START = 30.0


class ServerProcess:
    """One run of ``run-app``.

    Args:
        folder: where its files are: ``data``, ``log``, ``ready.json``.
        options: further options of ``run-app``.
        faults: for ``SOCKETWORKERS_FAULTS``.
        wrapper: words in front of the command (``strace``, ``prlimit``).
        script: a Python program that is run in place of ``run-app``.
        variables: of the environment.
        data: value of ``--data``.
    """

    #: name of the app, and options that each run has
    app: ClassVar[str]
    fixed: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        folder: Path,
        *options: str,
        faults: str = "",
        wrapper: tuple[str, ...] = (),
        script: Path | None = None,
        variables: Mapping[str, str] | None = None,
        data: str | None = None,
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self._options = options
        self._faults = faults
        self._wrapper = wrapper
        self._script = script
        self._variables = dict(variables or {})
        self._data = data or str(self.data)
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        self.content: dict[str, Any] = {}
        self.start_seconds = 0.0

    def start(self) -> bool:
        """Start it; whether it came up (a fault may have killed it)."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, str(self._script)] if self._script else program("run-app")
        began = time.monotonic()
        self._output = self.log.open("ab")
        variables = environment(SOCKETWORKERS_FAULTS=self._faults) | self._variables
        variables["PYTHONPATH"] = str(Path(__file__).parents[2])
        self._process = subprocess.Popen(
            [
                *self._wrapper, *command, self.app, "--port", "0", "--data", self._data, "--ready-file", str(ready),
                *self.fixed, *self._options,
            ],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output, env=variables,
        )  # fmt: skip
        while not ready.exists():
            if self._process.poll() is not None:
                self._close()
                return False
            assert time.monotonic() < began + START, self.text()
            time.sleep(0.01)
        self.start_seconds = time.monotonic() - began
        self.content = json.loads(ready.read_text())
        return True

    def text(self) -> str:
        """What it has printed and logged."""
        return self.log.read_text(errors="replace")

    def logged(self, words: str) -> int:
        """How often it has logged ``words``, once it has; log lines are written by a thread, a little later."""
        until = time.monotonic() + START
        while words not in self.text() and time.monotonic() < until:
            time.sleep(0.01)
        return self.text().count(words)

    @property
    def pid(self) -> int:
        """The server's process id (not that of a wrapper)."""
        return int(self.content["pid"])

    @property
    def port(self) -> int:
        """Of the main listener."""
        return int(self.content["port"])

    def listener(self, name: str) -> int:
        """Port of another listener."""
        return next(int(row["port"]) for row in self.content["listeners"] if row["name"] == name)

    @property
    def resident(self) -> int:
        """Bytes of memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    @property
    def descriptors(self) -> int:
        """How many are open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def cpu_seconds(self) -> float:
        """Processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def get(self, path: str) -> int:
        """Status of a page of the metrics address."""
        import http.client

        host, _, port = self.content["metrics"].removeprefix("http://").removesuffix("/metrics").rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def call(self, method: str, **arguments: Any) -> Any:
        """Ask the server over its control socket."""
        return control_call(self.data, method, **arguments)

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def status(self) -> int | None:
        """Exit status; None while it runs."""
        return None if self._process is None else self._process.poll()

    def kill(self) -> None:
        """SIGKILL, and wait."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait(10)
        self._close()

    def stop(self, seconds: float = 20.0) -> int:
        """SIGTERM, and wait; returns the exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            if self._wrapper and self.content:
                os.kill(self.pid, signal.SIGTERM)
            else:
                self._process.terminate()
        status = self._process.wait(seconds)
        self._close()
        return status

    def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it ended."""
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _close(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None

    def __enter__(self) -> Self:
        assert self.start(), self.text()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
