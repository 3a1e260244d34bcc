"""Throughput of a QUIC stream beside a server on bare aioquic; the client is bare aioquic in both cases.

It is the limit as well, more or less, for it does the same work: so the server's CPU time per megabyte stands beside.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .harness import CLIENT_CORE, Row, Table, child, cpu_seconds, pin, python_server
from .udp import free_udp_port

#: bytes of one measure
SIZE = 8 * 1024 * 1024
KINDS = ("ours", "bare")


class Sample(NamedTuple):
    """What one measure of one server gave."""

    rate: float
    """Megabytes per second."""
    cpu: float
    """Milliseconds of the server's CPU time per megabyte."""


@contextlib.contextmanager
def certificate() -> Iterator[tuple[str, str]]:
    """Files of a certificate and its key that last as long as the block."""
    from socketworkers.certificates import default_names, local_authority, make_certificate, write_pair

    with tempfile.TemporaryDirectory(prefix="bench-quic-") as folder:
        paths = Path(folder) / "cert.pem", Path(folder) / "key.pem"
        write_pair(make_certificate(local_authority(Path(folder)), default_names()), *paths)
        yield str(paths[0]), str(paths[1])


async def _transfer(port: int, pid: int, download: bool) -> Sample:
    import ssl

    from aioquic.asyncio.client import connect
    from aioquic.asyncio.protocol import QuicConnectionProtocol
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.events import StreamDataReceived

    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    class Client(QuicConnectionProtocol):
        got = 0

        def quic_event_received(self, event: Any) -> None:
            if isinstance(event, StreamDataReceived):
                self.got += len(event.data)
                if event.end_stream and not done.done():
                    done.set_result(None)

    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=["bench"], verify_mode=ssl.CERT_NONE, congestion_control_algorithm="cubic"
    )
    async with connect("127.0.0.1", port, configuration=configuration, create_protocol=Client) as peer:
        assert isinstance(peer, Client)
        before, began = cpu_seconds(pid), time.perf_counter()
        head = (SIZE if download else 0).to_bytes(8, "big")
        peer._quic.send_stream_data(0, head if download else head + bytes(SIZE), end_stream=True)
        peer.transmit()
        await asyncio.wait_for(done, 60)
        took, cpu = time.perf_counter() - began, cpu_seconds(pid) - before
        if download and peer.got != SIZE:
            raise RuntimeError(f"{peer.got} bytes came")
    return Sample(SIZE / 1e6 / took, cpu * 1e3 / (SIZE / 1e6))


def _ready(port: int) -> None:
    deadline = time.monotonic() + 15
    while True:
        try:
            asyncio.run(asyncio.wait_for(_hello(port), 1))
            return
        except (OSError, TimeoutError):
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing answers on port {port}") from None


async def _hello(port: int) -> None:
    import ssl

    from aioquic.asyncio.client import connect
    from aioquic.quic.configuration import QuicConfiguration

    configuration = QuicConfiguration(is_client=True, alpn_protocols=["bench"], verify_mode=ssl.CERT_NONE)
    async with connect("127.0.0.1", port, configuration=configuration):
        pass


def run(rounds: int) -> list[Table]:
    """All of it."""
    rates = Table(f"A QUIC stream of {SIZE // 1024 // 1024} MiB")
    costs = Table("The same, the server's CPU time")
    pin(CLIENT_CORE)
    with certificate() as files:
        for loop in ("asyncio", "uvloop"):
            print(f"QUIC on {loop}")
            samples: dict[tuple[str, bool], list[Sample]] = {(kind, way): [] for kind in KINDS for way in (True, False)}
            with contextlib.ExitStack() as stack:
                servers = {}
                for kind in KINDS:
                    port = free_udp_port()
                    command = python_server("quic_server", kind, loop, str(port), *files)
                    servers[kind] = (port, stack.enter_context(child(*command)).pid)
                    _ready(port)
                for number in range(rounds):
                    for way in (True, False):
                        for kind, (port, pid) in servers.items():
                            samples[kind, way].append(asyncio.run(_transfer(port, pid, way)))
                    latest = "  ".join(
                        f"{kind} {'down' if way else 'up'} {each[-1].rate:.1f} MB/s {each[-1].cpu:.1f} ms/MB"
                        for (kind, way), each in samples.items()
                    )
                    print(f"  {number + 1} of {rounds}: {latest}", file=sys.stderr)
            for way, label in ((True, "from the server"), (False, "to the server")):
                pair = samples["ours", way], samples["bare", way]
                name = f"{label}, {loop}"
                rates.rows.append(Row(name, *([each.rate for each in one] for one in pair), "MB/s", 0.9, "aioquic"))
                costs.rows.append(
                    Row(name, *([each.cpu for each in one] for one in pair), "ms/MB", 0.9, "aioquic", False)
                )
    return [rates, costs]
