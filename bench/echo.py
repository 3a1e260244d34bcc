"""Echo through a ``Socket`` beside asyncio streams and a raw ``BufferedProtocol``; memory of an idle connection.

The servers of one table run side by side and are measured in turn, for a short while each and many times: where the
speed of a machine drifts, only neighbours can be compared. Beside the rate stands the server's CPU time per round trip,
which does not depend on how fast the generator is.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
import time
from typing import NamedTuple

from .generator import compiled
from .harness import CLIENT_CORE, Row, Table, child, free_port, pin, python_server, resident, wait_for_port

CONNECTIONS = 64
#: seconds before and of each measure
WARM, SECONDS = 0.1, 0.4
#: measures of each server per round of the command line
REPEATS = 3
KINDS = ("iterate", "callback", "streams", "raw")


class Sample(NamedTuple):
    """What one measure of one server gave."""

    rate: float
    """Round trips per second."""
    cpu: float
    """Microseconds of the server's CPU time per round trip."""


def round_trips(port: int, pid: int, connections: int, size: int, seconds: float = SECONDS) -> Sample:
    """Ping-pong over connections that each have one message under way."""
    done = subprocess.run(
        [compiled("echo"), *map(str, (port, connections, size, WARM, seconds, pid))],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: pin(CLIENT_CORE),
    )
    if done.returncode:
        raise RuntimeError(f"the generator failed: {done.stderr.strip()}")
    trips, took, cpu = done.stdout.split()
    return Sample(int(trips) / float(took), float(cpu) / int(trips) * 1e6)


def echo(loop: str, size: int, rounds: int) -> dict[str, list[Sample]]:
    """All kinds of server on one loop, measured in turn."""
    samples: dict[str, list[Sample]] = {kind: [] for kind in KINDS}
    with contextlib.ExitStack() as stack:
        servers = {}
        for kind in KINDS:
            port = free_port()
            process = stack.enter_context(child(*python_server("echo_server", kind, loop, str(port))))
            wait_for_port(port)
            servers[kind] = (port, process.pid)
        for number in range(rounds * REPEATS):
            for kind, (port, pid) in servers.items():
                samples[kind].append(round_trips(port, pid, CONNECTIONS, size))
            latest = "  ".join(f"{kind} {each[-1].rate:,.0f}/s {each[-1].cpu:.1f} µs" for kind, each in samples.items())
            print(f"  {number + 1} of {rounds * REPEATS}: {latest}", file=sys.stderr)
    return samples


def idle(connections: int = 10_000) -> float:
    """Resident bytes per idle connection whose handler waits."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port = free_port()
    with child(*python_server("echo_server", "idle", "uvloop", str(port))) as process:
        wait_for_port(port)
        time.sleep(0.3)
        before = resident(process.pid)
        socks = []
        for number in range(connections):
            # several source addresses: one has no more than some 28,000 ports
            socks.append(socket.create_connection(("127.0.0.1", port), source_address=(f"127.0.0.{1 + number % 8}", 0)))
            if number % 500 == 499:
                time.sleep(0.02)
        time.sleep(2.0)
        after = resident(process.pid)
        for sock in socks:
            sock.close()
    return (after - before) / connections


def run(rounds: int) -> list[Table]:
    """All of it."""
    rates = Table("Echo through `Socket`, round trips per second over 64 connections")
    costs = Table("The same, the server's CPU time per round trip")
    for size, label in ((64, "64 B"), (16384, "16 KB")):
        for loop, streams_goal in (("asyncio", 1.3), ("uvloop", 1.1)):
            print(f"echo {label} on {loop}")
            samples = echo(loop, size, rounds)
            for ours, peer, goal in (
                ("iterate", "streams", streams_goal),
                ("iterate", "raw", 0.6),
                ("callback", "raw", 0.85),
            ):
                name = f"{label}, {loop}, " + ("`async for`" if ours == "iterate" else "`on_data`")
                against = "asyncio streams" if peer == "streams" else "raw protocol"
                pair = samples[ours], samples[peer]
                rates.rows.append(Row(name, *([each.rate for each in kind] for kind in pair), "/s", goal, against))
                costs.rows.append(
                    Row(name, *([each.cpu for each in kind] for kind in pair), "µs", goal, against, False)
                )
    rates.notes.append(
        "Rate times CPU time per round trip is how busy a server was. One that was not busy all the time waited for "
        "the generator, or for other work on its core; then the ratios of the rates say less than those of the CPU "
        "time."
    )
    memory = Table("An idle connection with its handler waiting, plain, 10,000 of them (uvloop)")
    sizes = [idle() / 1024 for _ in range(min(rounds, 3))]
    memory.rows.append(Row("resident", sizes, [4.5] * len(sizes), "KB", 1.0, "limit", higher_is_better=False))
    return [rates, costs, memory]
