"""The two servers: PostgreSQL 15 with a cluster of its own, and ours."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.pgwire.types.server import find_binaries, running_server
from tests.support.pgserver.process import PgwireProcess

__all__ = ["Address", "Unavailable", "ours", "parse_address", "postgresql"]

Address = tuple[str, int]


class Unavailable(Exception):
    """There is no such server on this machine."""


def parse_address(text: str) -> Address:
    """``HOST:PORT`` or ``PORT``."""
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


@contextlib.contextmanager
def postgresql() -> Iterator[Address]:
    """PostgreSQL 15 with a new cluster, locale C.UTF-8 and UTC, as ours has.

    Raises:
        Unavailable: it is not installed.
    """
    binaries = find_binaries()
    if binaries is None:
        raise Unavailable("no initdb of PostgreSQL (package postgresql-15)")
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        Path(folder).chmod(0o755)  # the server runs as another user
        with running_server(Path(folder), binaries, locale="C.UTF-8") as port:
            yield "127.0.0.1", port


@contextlib.contextmanager
def ours(*options: str) -> Iterator[Address]:
    """``run-app pgwire`` with a new data folder.

    Raises:
        Unavailable: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="ours-") as folder:
        variables = {"TZ": "UTC", "USER": "postgres"}
        server = PgwireProcess(Path(folder), "--log-level", "warning", *options, variables=variables)
        try:
            if not server.start():
                raise Unavailable(f"run-app pgwire does not start: {server.text()[-500:]}")
            yield server.address
        finally:
            server.kill()
