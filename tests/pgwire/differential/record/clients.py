"""The clients that are captured, and what they do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.interop.live import need, node_modules

__all__ = ["CLIENTS", "Place"]

_HERE = Path(__file__).parent
_TOURS = _HERE.parents[1] / "clients"
_ROOT = _HERE.parents[3]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server, or the proxy, listens."""

    host: str
    port: int

    def environment(self, database: str = "client") -> dict[str, str]:
        """For libpq and its like."""
        return {
            **os.environ,
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGDATABASE": database,
            "PGCLIENTENCODING": "UTF8",
            "PAGER": "cat",
            "TZ": "UTC",
            "PYTHONPATH": str(_ROOT),
        }

    def run(self, *command: str, database: str = "client", input: str | None = None, check: bool = True) -> str:
        """Run a client to its end; what it printed."""
        done = subprocess.run(
            command,
            env=self.environment(database),
            input=input,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"[-4000:])
        return done.stdout + done.stderr

    def psql(self, database: str, script: str) -> str:
        """Run a script of psql, which goes on after errors."""
        return self.run("psql", "-X", "-q", "-f", "-", database=database, input=script)


Client = Callable[[Place, Place, Path], None]


def _tour(name: str, *arguments: str) -> Client:
    def run(place: Place, direct: Place, work: Path) -> None:
        place.run(sys.executable, "-m", f"tests.pgwire.clients.{name}", *arguments)

    return run


def _psql(place: Place, direct: Place, work: Path) -> None:
    """The schema, then all backslash commands in one session each."""
    place.psql("client", (_TOURS / "objects.sql").read_text(encoding="utf-8"))
    place.psql("client", (_TOURS / "psql_commands.txt").read_text(encoding="utf-8"))


def _pgbench(place: Place, direct: Place, work: Path) -> None:
    """Initialisation, and each standard script in each mode of the protocol."""
    place.run("pgbench", "-i", "-s", "1", "-q", "-I", "dtpvf")
    place.run("pgbench", "-i", "-s", "1", "-q", "-I", "dtGvp")
    for script in ("tpcb-like", "simple-update", "select-only"):
        for mode in ("simple", "extended", "prepared"):
            place.run("pgbench", "-b", script, "-M", mode, "-c", "1", "-t", "3", "-n", "--random-seed=7")


def _node(place: Place, direct: Place, work: Path) -> None:
    modules = node_modules("pg", "8")
    node = need("node", "Debian: nodejs")
    place_with_modules = place.environment() | {"NODE_PATH": modules}
    subprocess.run([node, str(_TOURS / "node_tour.js")], env=place_with_modules, check=True, timeout=60)


def _pgcli(place: Place, direct: Place, work: Path) -> None:
    """It reads the whole catalogue for its completion when it starts."""
    direct.psql("client", (_TOURS / "objects.sql").read_text(encoding="utf-8"))
    place.run(sys.executable, "-m", "tests.pgwire.clients.pgcli_tour")


CLIENTS: dict[str, Client] = {
    "psql": _psql,
    "pgbench": _pgbench,
    "psycopg": _tour("psycopg_tour"),
    "asyncpg": _tour("asyncpg_tour"),
    "sqlalchemy-psycopg": _tour("sqlalchemy_tour", "psycopg"),
    "sqlalchemy-asyncpg": _tour("sqlalchemy_tour", "asyncpg"),
    "alembic": _tour("alembic_tour"),
    "django": _tour("django_tour"),
    "node-postgres": _node,
    "pgcli": _pgcli,
}
