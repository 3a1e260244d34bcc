"""``python -m tests.pgwire.differential.record [CLIENT...]``: all clients by default."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from tests.pgwire.types.server import find_binaries, running_server

from ..source import CORPUS
from .clients import CLIENTS, Place
from .proxy import FIRST_OID, Proxy


def record(name: str) -> int:
    """Capture one client; how many requests it sent."""
    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("no initdb of PostgreSQL (package postgresql-15)")
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        Path(folder).chmod(0o755)
        with running_server(Path(folder), binaries, first_oid=FIRST_OID, locale="C.UTF-8") as port:
            proxy = Proxy(port)
            direct = Place("127.0.0.1", port)
            direct.psql("postgres", 'CREATE DATABASE "client"')
            with tempfile.TemporaryDirectory(prefix="client-") as work:
                CLIENTS[name](Place("127.0.0.1", proxy.port), direct, Path(work))
            proxy.close()
            return proxy.write(CORPUS / "client" / f"{name}.jsonl")


def main() -> None:
    """Capture those that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.pgwire.differential.record")
    parser.add_argument("clients", nargs="*", choices=[*CLIENTS, []], help="all by default")
    os.environ["TZ"] = "UTC"
    for name in parser.parse_args().clients or CLIENTS:
        print(f"{record(name):6} {name}", flush=True)


if __name__ == "__main__":
    main()
