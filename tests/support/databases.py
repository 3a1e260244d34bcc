"""Real database servers of others, each with a folder of its own on a free port of this machine."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.interop.live import absent, need
from tests.pgwire.types.server import Client, find_binaries, running_server
from tests.support.process import ServerProcess

__all__ = ["PASSWORD", "Database", "Pgwire", "mariadb", "pgwire", "postgresql", "redis"]

PASSWORD = "correct horse"
#: seconds that a server may take to start
START = 60.0


class Database(NamedTuple):
    """A server that runs; its user ``app`` has ``PASSWORD`` and a database of its name."""

    kind: str
    host: str
    port: int

    @property
    def address(self) -> str:
        """For ``connect``."""
        return f"tcp://{self.host}:{self.port}"

    @property
    def target(self) -> str:
        """For a tunnel."""
        return f"{self.host}:{self.port}"


@contextlib.contextmanager
def postgresql() -> Iterator[Database]:
    """PostgreSQL that asks ``app`` for a password in clear text and ``scram`` for SCRAM."""
    binaries = find_binaries()
    if binaries is None:
        absent("no initdb of PostgreSQL (Debian: postgresql-15)")
    # not in the folder of all tests: the server runs as another user, who must get there
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        Path(folder).chmod(0o755)
        with running_server(Path(folder), binaries) as port:
            client = Client(port)
            for name, encryption in (("app", "md5"), ("scram", "scram-sha-256")):
                for statement in (
                    f"SET password_encryption = '{encryption}'",
                    f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'",
                    f"CREATE DATABASE {name} OWNER {name}",
                ):
                    assert [answer.sqlstate for answer in client.run(statement)] in ([], [""]), statement
            (Path(folder) / "data" / "pg_hba.conf").write_text(
                "host all postgres 127.0.0.1/32 trust\n"
                "host all app 127.0.0.1/32 password\n"
                "host all scram 127.0.0.1/32 scram-sha-256\n"
            )
            client.run("SELECT pg_reload_conf()")
            client.close()
            yield Database("postgresql", "127.0.0.1", port)


class _Pgwire(ServerProcess):
    app = "pgwire"


class Pgwire(NamedTuple):
    """Our own server for PostgreSQL's protocol, with the same users, databases and rules as ``postgresql``."""

    database: Database
    wss_port: int
    authority: Path


@contextlib.contextmanager
def pgwire() -> Iterator[Pgwire]:
    """``run-app pgwire``, with a port for WebSocket in TLS."""
    rules = ("all postgres 127.0.0.1/32 trust", "all app 127.0.0.1/32 password", "all scram 127.0.0.1/32 scram-sha-256")
    options = [word for rule in rules for word in ("--auth", f"host {rule}")]
    options += ["--tls", "auto", "--wss-port", "0"]
    with tempfile.TemporaryDirectory(prefix="pgwire-") as folder, _Pgwire(Path(folder), *options) as server:
        client = Client(server.port)
        for name in ("app", "scram"):
            for statement in (
                f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'",
                f"CREATE DATABASE {name} OWNER {name}",
            ):
                assert [answer.sqlstate for answer in client.run(statement)] in ([], [""]), statement
        client.close()
        database = Database("pgwire", "127.0.0.1", server.port)
        yield Pgwire(database, server.listener("wss"), server.data / "tls" / "ca.pem")


def free_port() -> int:
    """A port that is free at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _child(command: list[str], port: int, folder: Path) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
    try:
        until = time.monotonic() + START
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"{command[0]} did not start:\n{(folder / 'log').read_text(errors='replace')}")
                time.sleep(0.02)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def redis() -> Iterator[Database]:
    """Redis in memory; ``app`` has the password."""
    program = need("redis-server", "Debian: redis-server")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        acl = Path(folder) / "users.acl"
        secret = PASSWORD.replace(" ", "-")
        acl.write_text(f"user default on nopass ~* &* +@all\nuser app on >{secret} ~* &* +@all\n")
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--aclfile", str(acl)]
        with _child([program, *options], port, Path(folder)):
            yield Database("redis", "127.0.0.1", port)


@contextlib.contextmanager
def mariadb() -> Iterator[Database]:
    """MariaDB whose user ``app`` has the password."""
    program = need("mariadbd", "Debian: mariadb-server")
    install = need("mariadb-install-db", "Debian: mariadb-server")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="mariadb-") as name:
        folder = Path(name)
        user = pwd.getpwuid(os.getuid()).pw_name
        common = [f"--datadir={folder / 'data'}", f"--user={user}"]
        made = subprocess.run(
            [install, "--no-defaults", *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
            capture_output=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout.decode(errors="replace")
        start = folder / "start.sql"
        start.write_text(
            "CREATE DATABASE app;\n"
            f"CREATE USER app@localhost IDENTIFIED BY '{PASSWORD}';\n"  # before the one without a name there
            "GRANT ALL ON app.* TO app@localhost;\n"
        )
        options = [
            f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'own.sock'}", f"--init-file={start}",
            f"--pid-file={folder / 'pid'}", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0",
        ]  # fmt: skip
        with _child([program, "--no-defaults", *common, *options], port, folder):
            yield Database("mariadb", "127.0.0.1", port)
