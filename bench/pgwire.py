"""The database beside PostgreSQL 15: pgbench's loads, large results, COPY, connects, memory of an idle session, start.

``SOCKETWORKERS_BENCH_OURS=postgresql`` puts a second PostgreSQL in the place of ours: how far its ratios are from 1 is
the noise of the machine.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from socketworkers_pgwire.codec import COPY_DONE, encode_copy_data

from .databases import Client, Database, ours, postgresql, postgresql_version
from .harness import CLIENT_CORE, Row, Table, free_port, interleaved, pin

SECONDS = 1
ROWS, COPIED = 100_000, 100_000

_TPCB = (
    "UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid",
    "SELECT abalance FROM pgbench_accounts WHERE aid = :aid",
    "UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid",
    "UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid",
    "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP)",
)
_VARIABLES = (
    "\\set aid random(1, 100000)\n\\set bid 1\n\\set tid random(1, 10)\n\\set delta random(-5000, 5000)\n"
    "\\set id random(1, 10000)\n"
)
SCRIPTS = {
    "select": _VARIABLES + "SELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n",
    "update": _VARIABLES + "UPDATE bench_rows SET n = n + 1 WHERE id = :id;\n",
    "insert": _VARIABLES + "INSERT INTO bench_log (n, what) VALUES (:delta, 'something that happened');\n",
    "interactive": _VARIABLES + "".join(f"{sql};\n" for sql in ("BEGIN", *_TPCB, "END")),
    "pipeline": _VARIABLES
    + "\\startpipeline\n"
    + "".join(f"{sql};\n" for sql in ("BEGIN", *_TPCB, "END"))
    + "\\endpipeline\n",
    "query": _VARIABLES + " \\;\n".join(("BEGIN", *_TPCB, "END")) + ";\n",
    "narrow": "SELECT a FROM bench_wide;\n",
    "wide": "SELECT a, b, c, d FROM bench_wide;\n",
    "one": "SELECT 1;\n",
}


@dataclass(frozen=True, slots=True)
class Load:
    """One load of pgbench."""

    name: str
    script: str
    mode: str
    clients: int
    goal: float
    factor: float = 1.0
    options: tuple[str, ...] = ()
    unit: str = "/s"


LOADS = (
    Load("select-only, prepared, 8 clients", "select", "prepared", 8, 1.0),
    Load("select-only, prepared, 64 clients", "select", "prepared", 64, 1.2),
    Load("select-only, simple protocol, 8 clients", "select", "simple", 8, 1.0),
    Load("durable UPDATE by key, 8 clients", "update", "prepared", 8, 0.8),
    Load("durable UPDATE by key, 64 clients", "update", "prepared", 64, 1.3),
    Load("durable INSERT, 64 clients", "insert", "prepared", 64, 1.0),
    Load("TPC-B as one pipeline, 8 clients", "pipeline", "prepared", 8, 1.0),
    Load("TPC-B as one pipeline, 64 clients", "pipeline", "prepared", 64, 2.0),
    Load("TPC-B as one query, 8 clients", "query", "simple", 8, 1.0),
    Load("TPC-B as one query, 64 clients", "query", "simple", 64, 2.0),
    Load("TPC-B interactive, 8 clients", "interactive", "prepared", 8, 0.6),
    Load("TPC-B interactive, 64 clients", "interactive", "prepared", 64, 2.0),
    Load("SELECT of 100,000 rows, one int", "narrow", "simple", 1, 0.5, ROWS, unit="rows/s"),
    Load("SELECT of 100,000 rows, four columns", "wide", "simple", 1, 0.4, ROWS, unit="rows/s"),
    Load("connects, 8 at a time", "one", "simple", 8, 2.0, 1.0, ("-C",)),
)


def pgbench(database: Database, *arguments: str) -> str:
    """Run pgbench on the generator's core; what it printed."""
    done = subprocess.run(
        ["pgbench", *arguments],
        env=database.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=lambda: pin(CLIENT_CORE),
    )
    if done.returncode:
        raise RuntimeError(f"pgbench {' '.join(arguments)}: {done.stderr[-1000:]}")
    return done.stdout


def run_load(database: Database, folder: Path, load: Load) -> float:
    """Transactions, or rows, per second."""
    out = pgbench(
        database, "-n", "-M", load.mode, "-c", str(load.clients), "-j", "1", "-T", str(SECONDS),
        "-f", str(folder / load.script), *load.options,
    )  # fmt: skip
    failed = re.search(r"number of failed transactions: (\d+)", out)
    if failed and int(failed[1]):
        raise RuntimeError(f"{load.name}: {failed[1]} transactions failed")
    found = re.search(r"^tps = ([\d.]+)", out, re.MULTILINE)
    assert found is not None, out
    return float(found[1]) * load.factor


def prepare(database: Database) -> None:
    """The tables of all loads."""
    pgbench(database, "-i", "-q", "-s", "1")
    client = Client(database.port)
    for sql in (
        "CREATE TABLE bench_rows (id int PRIMARY KEY, n int NOT NULL)",
        "INSERT INTO bench_rows SELECT g, 0 FROM generate_series(1, 10000) g",
        "CREATE TABLE bench_log (id bigserial PRIMARY KEY, n int NOT NULL, what text)",
        "CREATE TABLE bench_wide (a int NOT NULL, b int NOT NULL, c text NOT NULL, d numeric(12, 2) NOT NULL)",
        f"INSERT INTO bench_wide SELECT g, g % 1000, 'name ' || g, g / 100.0 FROM generate_series(1, {ROWS}) g",
        "CREATE TABLE bench_copy (a int, b text, c numeric, d timestamptz)",
    ):
        client.query(sql)
    client.close()


def copy_data() -> bytes:
    """The messages of a COPY."""
    lines = [b"%d\tline number %d\t%d.25\t2024-02-29 12:00:%02d+00\n" % (n, n, n, n % 60) for n in range(COPIED)]
    pieces = [encode_copy_data(b"".join(lines[start : start + 500])) for start in range(0, COPIED, 500)]
    return b"".join(pieces) + COPY_DONE


def copy_in(database: Database, data: bytes) -> float:
    """Rows per second that come in, synced at the end."""
    client = Client(database.port)
    client.query("TRUNCATE bench_copy")
    seconds = client.copy("COPY bench_copy FROM STDIN", data)
    client.close()
    return COPIED / seconds


def idle(database: Database, count: int) -> float:
    """Bytes of memory of an idle session that has run one query."""
    time.sleep(0.5)
    before = database.memory
    clients = [Client(database.port) for _ in range(count)]
    for client in clients:
        client.query("SELECT abalance FROM pgbench_accounts WHERE aid = 1")
    time.sleep(0.3)
    after = database.memory
    for client in clients:
        client.close()
    time.sleep(0.3)
    return (after - before) / count


def start() -> float:
    """Seconds from exec of ``run-app pgwire`` with an empty folder to the first login."""
    import sys

    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-start-") as folder:
        began = time.perf_counter()
        command = [
            sys.executable, "-c", "import sys; from socketworkers.cli import run_app; sys.exit(run_app())",
            "pgwire", "--port", str(port), "--data", folder, "--log-level", "error",
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                while True:
                    with contextlib.suppress(OSError):
                        Client(port, "postgres").close()
                        return time.perf_counter() - began
                    if time.perf_counter() - began > 20:
                        raise TimeoutError("the server does not accept")
                    time.sleep(0.002)
            finally:
                process.terminate()
                process.wait(20)


def run(rounds: int) -> list[Table]:
    """All of it."""
    release = postgresql_version()
    if not release:
        raise SystemExit("the database's benchmark needs PostgreSQL beside it: apt install postgresql-15")
    peer = f"PostgreSQL {release}"
    both = os.environ.get("SOCKETWORKERS_BENCH_OURS") == "postgresql"
    beside = Table(f"The database beside {peer}, its default configuration")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-scripts-")))
        for name, text in SCRIPTS.items():
            (folder / name).write_text(text)
        servers = [stack.enter_context(postgresql() if both else ours()), stack.enter_context(postgresql())]
        for server in servers:
            prepare(server)
        data = copy_data()
        measures: list[tuple[str, Callable[[Database], float], float, str]] = [
            (load.name, functools.partial(run_load, folder=folder, load=load), load.goal, load.unit) for load in LOADS
        ]
        measures.append(("COPY in, four columns", functools.partial(copy_in, data=data), 0.25, "rows/s"))
        for name, measure, goal, unit in measures:
            print(f"pgwire {name}: ours, {peer}")
            found = interleaved(rounds, *(functools.partial(measure, server) for server in servers))
            beside.rows.append(Row(name, found[0], found[1], unit, goal, peer))
        # PostgreSQL allows 100 connections; ours has memory to spare from the loads before, which 80 would fit in
        counts = (80 if both else 900, 80)
        sizes = interleaved(
            min(rounds, 3), *(functools.partial(idle, *each) for each in zip(servers, counts, strict=True))
        )
    beside.rows.append(
        Row("memory of an idle session", *[[size / 1024 for size in each] for each in sizes], "KB", 10.0, peer, False)
    )
    beside.notes.append(
        "Ours: `run-app pgwire --data DIR` on uvloop; every commit is synced before it is acknowledged. PostgreSQL: a"
        " new cluster, fsync on, locale C.UTF-8. pgbench at scale 1, one thread. Memory: the proportional share of"
        " all processes of a server."
    )
    if both:
        beside.notes.append("**In the place of ours stands a second PostgreSQL.**")
        return [beside]
    table = Table("Start of `run-app pgwire` with a new database until it lets somebody in")
    start()  # compiles what was not compiled yet
    times = [start() for _ in range(max(rounds, 5))]
    table.rows.append(Row("exec to login", times, [1.0] * len(times), "s", 1.0, "limit", higher_is_better=False))
    return [beside, table]
