"""UDP echo beside a raw ``DatagramProtocol`` on uvloop, which does its system calls in C."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time

from .echo import Sample
from .generator import compiled
from .harness import CLIENT_CORE, Row, Table, child, pin, python_server

PEERS, WINDOW = 32, 4
#: seconds before and of each measure
WARM, SECONDS = 0.1, 0.4
#: measures of each server per round of the command line
REPEATS = 3
KINDS = ("iterate", "callback", "datagrams", "raw")


def free_udp_port() -> int:
    """A port that is free at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_echo(port: int, seconds: float = 10.0) -> None:
    """Return once something sends back what it is sent."""
    deadline = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("127.0.0.1", port))
        probe.settimeout(0.05)
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                probe.send(b"?")
                probe.recv(10)
                return
            time.sleep(0.02)
    raise TimeoutError(f"nothing answers on port {port}")


def packets(port: int, pid: int, size: int) -> Sample:
    """Ping-pong of peers that each have some datagrams under way."""
    done = subprocess.run(
        [compiled("udp"), *map(str, (port, PEERS, WINDOW, size, WARM, SECONDS, pid))],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: pin(CLIENT_CORE),
    )
    if done.returncode:
        raise RuntimeError(f"the generator failed: {done.stderr.strip()}")
    trips, took, cpu = done.stdout.split()
    return Sample(int(trips) / float(took), float(cpu) / max(1, int(trips)) * 1e6)


def run(rounds: int) -> list[Table]:
    """All of it."""
    rates = Table(f"UDP echo on uvloop, datagrams per second from {PEERS} peers")
    costs = Table("The same, the server's CPU time per datagram")
    for size in (64, 1200):
        print(f"UDP echo {size} B")
        samples: dict[str, list[Sample]] = {kind: [] for kind in KINDS}
        with contextlib.ExitStack() as stack:
            servers = {}
            for kind in KINDS:
                port = free_udp_port()
                process = stack.enter_context(child(*python_server("udp_server", kind, "uvloop", str(port))))
                wait_for_echo(port)
                servers[kind] = (port, process.pid)
            for number in range(rounds * REPEATS):
                for kind, (port, pid) in servers.items():
                    samples[kind].append(packets(port, pid, size))
                latest = "  ".join(
                    f"{kind} {each[-1].rate:,.0f}/s {each[-1].cpu:.1f} µs" for kind, each in samples.items()
                )
                print(f"  {number + 1} of {rounds * REPEATS}: {latest}", file=sys.stderr)
        for kind, label in (
            ("iterate", "a socket per peer, `async for`"),
            ("callback", "a socket per peer, `on_data`"),
            ("datagrams", "one socket for all, `async for`"),
        ):
            pair = samples[kind], samples["raw"]
            name = f"{size} B, {label}"
            rates.rows.append(Row(name, *([each.rate for each in one] for one in pair), "/s", 0.7, "raw protocol"))
            costs.rows.append(
                Row(name, *([each.cpu for each in one] for one in pair), "µs", 0.7, "raw protocol", False)
            )
    return [rates, costs]
