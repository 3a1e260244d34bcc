"""PostgreSQL 15 as a process that is crashed and started again on its folder, or runs under strace."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import time
from pathlib import Path

from tests.pgwire.types.server import find_binaries

__all__ = ["PostgresProcess"]


class PostgresProcess:
    """One cluster.

    Args:
        folder: for its files; made here, and open to the user that the server runs as.
        wrapper: words in front of the command.
    """

    def __init__(self, folder: Path, *, wrapper: tuple[str, ...] = ()) -> None:
        binaries = find_binaries()
        if binaries is None:
            raise FileNotFoundError("no initdb of PostgreSQL (package postgresql-15)")
        self._binaries = binaries
        self._wrapper = wrapper
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        folder.mkdir(exist_ok=True)
        owner = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        self._user = (owner.pw_uid, owner.pw_gid) if owner else None
        if self._user:
            os.chown(folder, *self._user)
        make = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        self._run([*make, "--locale=C.UTF-8"]).wait()

    def _run(self, command: list[str], *, as_root: bool = False) -> subprocess.Popen[bytes]:
        user: dict[str, object] = {}
        if self._user and not as_root:
            user = {"user": self._user[0], "group": self._user[1], "extra_groups": ()}
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, cwd=self._folder, **user)  # type: ignore[call-overload, no-any-return]

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.port

    def start(self) -> bool:
        """Start it, with a recovery if it was killed."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        program = [str(self._binaries / "postgres"), "-D", str(self._folder / "data"), "-p", str(self.port)]
        options = ["-k", str(self._folder), "-c", "listen_addresses=127.0.0.1"]
        self._process = self._run([*self._wrapper, *program, *options], as_root=bool(self._wrapper))
        ready = [str(self._binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + 60
        while self._run(ready).wait():
            assert self._process.poll() is None, "the server has ended"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return True

    def kill(self) -> None:
        """Crash it: all processes end at once, nothing is written."""
        self._stop("immediate")

    def stop(self) -> int:
        """End it in order; its exit status."""
        self._stop("fast")
        assert self._process is not None
        return self._process.returncode

    def _stop(self, mode: str) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        control = [str(self._binaries / "pg_ctl"), "-D", str(self._folder / "data"), "-m", mode, "stop"]
        self._run(control).wait()
        self._process.wait(60)
