"""Children, pinning, rounds and tables: what all benchmarks share."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

SERVER_CORE, CLIENT_CORE = 0, 1


def pin(core: int) -> None:
    """Run this process on one core, where the system allows it."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setaffinity(0, {core})


def free_port() -> int:
    """A port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, seconds: float = 10.0) -> None:
    """Return once something accepts on the port."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.01)
    raise TimeoutError(f"nothing accepts on port {port}")


@contextlib.contextmanager
def child(*command: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A server process on the server's core."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
        preexec_fn=lambda: pin(SERVER_CORE),
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def python_server(module: str, *arguments: str) -> Sequence[str]:
    """The command of a server in this package."""
    return (sys.executable, "-m", f"bench.{module}", *arguments)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and its children that have ended."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Resident memory of a process in bytes."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@dataclass
class Row:
    """One measure of one table."""

    name: str
    ours: list[float]
    peer: list[float]
    unit: str
    goal: float
    peer_name: str
    higher_is_better: bool = True
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """Ours over the peer's, round by round."""
        pairs = zip(self.ours, self.peer, strict=True)
        return [(a / b if self.higher_is_better else b / a) if b else float("inf") for a, b in pairs]


@dataclass
class Table:
    """Rows under a heading."""

    title: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self) -> str:
        """As Markdown."""
        lines = [
            f"### {self.title}",
            "",
            "| measure | ours | peer | ratio (min–max) | to reach | |",
            "|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            ours, peer = statistics.median(row.ours), statistics.median(row.peer)
            ratio = statistics.median(row.ratios)
            spread = f"{min(row.ratios):.2f}–{max(row.ratios):.2f}"
            mark = "yes" if ratio >= row.goal else "**no**"
            lines.append(
                f"| {row.name} | {ours:,.4g} {row.unit} | {row.peer_name} {peer:,.4g} | {ratio:.2f} ({spread})"
                f" | ≥ {row.goal:g} | {mark} |"
            )
        lines += ["", *self.notes]
        return "\n".join(lines) + "\n"


def interleaved(rounds: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Each measure once per round, in turn."""
    results: list[list[float]] = [[] for _ in measures]
    for number in range(rounds):
        for index, measure in enumerate(measures):
            results[index].append(measure())
        print(
            f"  round {number + 1} of {rounds}: " + "  ".join(f"{result[-1]:,.4g}" for result in results),
            file=sys.stderr,
        )
    return results
