"""The database servers that are measured: ours and PostgreSQL. Each is a context manager that gives a `Database`."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from socketworkers_pgwire.codec import (
    CommandComplete,
    CopyInResponse,
    Decoder,
    ErrorResponse,
    ReadyForQuery,
    encode_query,
    encode_startup,
)

from .harness import SERVER_CORE, child, free_port, pin, wait_for_port

__all__ = ["Client", "Database", "ours", "postgresql", "postgresql_version"]

DATABASE, USER = "bench", "postgres"
_FOLDER = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True, slots=True)
class Database:
    """A server that runs."""

    port: int
    pid: int

    @property
    def environment(self) -> dict[str, str]:
        """For libpq."""
        named = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": USER, "PGDATABASE": DATABASE}
        return {**os.environ, **named, "PGSSLMODE": "disable", "PGGSSENCMODE": "disable"}

    @property
    def memory(self) -> int:
        """Proportional share of memory of the server and all of its processes, in bytes."""
        return sum(_proportional(pid) for pid in (self.pid, *_children(self.pid)))


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _proportional(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


class Client:
    """A connection that does one thing after the other."""

    def __init__(self, port: int, database: str = DATABASE) -> None:
        import socket

        self._socket = socket.create_connection(("127.0.0.1", port), 30)
        self._decoder = Decoder(role="frontend")
        self._socket.sendall(encode_startup({b"user": USER.encode(), b"database": database.encode()}))
        self._until(ReadyForQuery)

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def query(self, sql: str) -> bytes:
        """Run one statement; its tag."""
        self._socket.sendall(encode_query(sql.encode()))
        return self._until(ReadyForQuery)

    def copy(self, sql: str, data: bytes) -> float:
        """Seconds that a COPY FROM STDIN takes; `data` are its messages, with CopyDone."""
        self._socket.sendall(encode_query(sql.encode()))
        self._until(CopyInResponse)
        began = time.perf_counter()
        self._socket.sendall(data)
        self._until(ReadyForQuery)
        return time.perf_counter() - began

    def _until(self, kind: type) -> bytes:
        tag = b""
        while True:
            data = self._socket.recv(1 << 18)
            if not data:
                raise ConnectionError("the server closed the connection")
            for message in self._decoder.receive(data):
                if isinstance(message, ErrorResponse):
                    raise RuntimeError(f"{message.report.sqlstate} {message.report.message}")
                if isinstance(message, CommandComplete):
                    tag = message.tag
                if isinstance(message, kind):
                    return tag


@contextlib.contextmanager
def ours() -> Iterator[Database]:
    """``run-app pgwire`` with a data folder on disk and its defaults."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-pgwire-") as folder:
        command = [
            sys.executable, "-c", "import sys; from socketworkers.cli import run_app; sys.exit(run_app())",
            "pgwire", "--port", str(port), "--data", folder, "--log-level", "error",
        ]  # fmt: skip
        with child(*command, env={"USER": USER}) as process:
            wait_for_port(port)
            _create(port)
            yield Database(port, process.pid)


def postgresql_version() -> str:
    """Its version, "" if PostgreSQL 15 is not installed."""
    program = _FOLDER / "postgres"
    if not program.exists() or shutil.which("pgbench") is None:
        return ""
    return subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stdout.split()[2]


@contextlib.contextmanager
def postgresql() -> Iterator[Database]:
    """PostgreSQL 15 with a new cluster and its default configuration: fsync is on."""
    port = free_port()
    owner = pwd.getpwnam("postgres") if os.getuid() == 0 else None  # it refuses to run as root
    user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": ()} if owner else {}
    with tempfile.TemporaryDirectory(prefix="bench-postgresql-") as folder:
        if owner:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = f"{folder}/data"
        make = [_FOLDER / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **user)  # type: ignore[call-overload]
        run = [_FOLDER / "postgres", "-D", data, "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1"]
        with subprocess.Popen(
            run,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            preexec_fn=lambda: pin(SERVER_CORE),
            **user,  # type: ignore[call-overload]
        ) as process:
            try:
                wait_for_port(port)
                _create(port)
                yield Database(port, process.pid)
            finally:
                process.terminate()
                process.wait(30)


def _create(port: int) -> None:
    """The database, as soon as the server lets somebody in."""
    deadline = time.monotonic() + 20
    while True:
        try:
            client = Client(port, "postgres")
            break
        except RuntimeError:  # 57P03: it starts
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    client.query(f"CREATE DATABASE {DATABASE}")
    client.close()
