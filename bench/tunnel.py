"""The tunnel's gateway beside a plain proxy by ``websockets``, and websockify where it is installed.

The client of the generator sends frames that were made before, and takes what comes without looking into it; it and
what is behind the proxy run in threads of this process, whose sockets wait outside of the interpreter's lock.
"""

from __future__ import annotations

import base64
import contextlib
import os
import resource
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from .harness import CLIENT_CORE, Row, Table, child, cpu_seconds, free_port, pin, python_server, resident, wait_for_port

WARM, SECONDS = 0.2, 0.8
#: measures of each proxy per round of the command line
REPEATS = 2
GOAL = 1.5


class Sample(NamedTuple):
    """What one measure of one proxy gave."""

    rate: float
    """Per second: megabytes, or round trips."""
    cpu: float
    """The proxy's CPU time in microseconds, for each megabyte or round trip."""


class Proxy(NamedTuple):
    """A proxy that runs."""

    port: int
    pid: int
    target: int


Start = Callable[[int], AbstractContextManager[Proxy]]


@contextlib.contextmanager
def _running(port: int, target: int, *command: str) -> Iterator[Proxy]:
    with child(*command) as process:
        wait_for_port(port)
        yield Proxy(port, process.pid, target)


def ours(target: int) -> AbstractContextManager[Proxy]:
    """``socketworkers tunnel serve``, its defaults otherwise."""
    port = free_port()
    main = "import sys; from socketworkers.cli import main; sys.exit(main())"
    options = ("--listen", f"ws://127.0.0.1:{port}/v1", "--allow", f"127.0.0.1:{target}", "--log-level", "error")
    return _running(port, target, sys.executable, "-c", main, "tunnel", "serve", *options)


def plain(target: int) -> AbstractContextManager[Proxy]:
    """The proxy by ``websockets``, on uvloop as ours."""
    port = free_port()
    return _running(port, target, *python_server("websockets_proxy", str(port)))


def websockify(target: int) -> AbstractContextManager[Proxy]:
    """websockify: a process for each connection, numpy for the masks if it is there."""
    port = free_port()
    program = shutil.which("websockify") or "websockify"
    return _running(port, target, program, f"127.0.0.1:{port}", f"127.0.0.1:{target}")


def _open(proxy: Proxy) -> socket.socket:
    """A WebSocket through the proxy."""
    client = socket.create_connection(("127.0.0.1", proxy.port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET /v1?address=127.0.0.1:{proxy.target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    if not head.startswith(b"HTTP/1.1 101 "):
        raise RuntimeError(head.decode())
    return client


def _frames(size: int, count: int) -> bytes:
    """Masked frames of ``size`` bytes."""
    length = bytes((0x80 | size,)) if size < 126 else bytes((0xFE,)) + size.to_bytes(2, "big")
    return (b"\x82" + length + b"\x37\xfa\x21\x3d" + bytes(size)) * count


def _measured(proxy: Proxy, counted: Callable[[], int], unit: float) -> Sample:
    """Let it warm up, then look at a counter for a while."""
    time.sleep(WARM)
    began, before, cpu = time.perf_counter(), counted(), _cpu(proxy.pid)
    time.sleep(SECONDS)
    moved = (counted() - before) / unit
    return Sample(moved / (time.perf_counter() - began), (_cpu(proxy.pid) - cpu) / max(moved, 1e-9) * 1e6)


def _cpu(pid: int) -> float:
    """CPU time of a process and of the children that it has now."""
    total = cpu_seconds(pid)
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as file:
        total += sum(cpu_seconds(int(each)) for each in file.read().split())
    return total


def _thread(work: Callable[[], None]) -> threading.Thread:
    def quietly() -> None:
        with contextlib.suppress(OSError):
            work()

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    return thread


def measure(proxy: Proxy, listener: socket.socket, kind: str, size: int) -> Sample:
    """One connection: ``up`` (to what is behind), ``down``, or ``trips`` (back and forth)."""
    client = _open(proxy)
    behind, _ = listener.accept()
    behind.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    count = [0]
    buffer = bytearray(1 << 20)

    def take(sock: socket.socket) -> Callable[[], None]:
        def work() -> None:
            while got := sock.recv_into(buffer):
                count[0] += got

        return work

    def give(sock: socket.socket, data: bytes) -> Callable[[], None]:
        def work() -> None:
            while True:
                sock.sendall(data)

        return work

    def ping() -> None:
        frame = _frames(size, 1)
        answer = size + (2 if size < 126 else 4)
        while True:
            client.sendall(frame)
            missing = answer
            while missing:
                missing -= len(client.recv(missing)) or missing
            count[0] += 1

    def echo() -> None:
        while data := behind.recv(65536):
            behind.sendall(data)

    if kind == "up":
        works: tuple[Callable[[], None], ...] = (take(behind), give(client, _frames(size, (1 << 19) // size)))
    elif kind == "down":
        works = (take(client), give(behind, bytes(size)))
    else:
        works = (echo, ping)
    threads = [_thread(work) for work in works]
    try:
        return _measured(proxy, lambda: count[0], 1.0 if kind == "trips" else 1e6)
    finally:
        for sock in (client, behind):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)
        client.close()
        behind.close()


def idle(count: int = 2000) -> float:
    """Resident bytes per open tunnel without traffic."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=count))
        proxy = stack.enter_context(ours(listener.getsockname()[1]))

        def more(number: int) -> None:
            for _ in range(number):
                stack.enter_context(_open(proxy))
                stack.enter_context(listener.accept()[0])

        more(count // 10)
        time.sleep(0.5)
        before = resident(proxy.pid)
        more(count)
        time.sleep(0.5)
        return (resident(proxy.pid) - before) / count


CASES = (
    ("to the database, frames of 64 KB", "up", 65000),
    ("to the database, frames of 16 KB", "up", 16384),
    ("to the database, frames of 4 KB", "up", 4096),
    ("to the database, frames of 256 B", "up", 256),
    ("from the database", "down", 1 << 19),
    ("back and forth, 100 B", "trips", 100),
)


def run(rounds: int) -> list[Table]:
    """All of it."""
    pin(CLIENT_CORE)
    peers: dict[str, Start] = {"ours": ours, "`websockets`": plain}
    if shutil.which("websockify"):
        peers["websockify"] = websockify
    rates = Table("One connection through the tunnel's gateway: MB/s, and round trips per second")
    costs = Table("The same, the proxy's CPU time for each MB or round trip")
    with contextlib.ExitStack() as stack:
        listeners, proxies = {}, {}
        for name, start in peers.items():
            listeners[name] = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            proxies[name] = stack.enter_context(start(listeners[name].getsockname()[1]))
        for title, kind, size in CASES:
            print(title)
            samples: dict[str, list[Sample]] = {name: [] for name in peers}
            for number in range(rounds * REPEATS):
                for name, proxy in proxies.items():
                    samples[name].append(measure(proxy, listeners[name], kind, size))
                latest = "  ".join(
                    f"{name} {each[-1].rate:,.0f} {each[-1].cpu:,.0f} µs" for name, each in samples.items()
                )
                print(f"  {number + 1} of {rounds * REPEATS}: {latest}", file=sys.stderr)
            unit = "/s" if kind == "trips" else "MB/s"
            for name in list(peers)[1:]:
                pair = samples["ours"], samples[name]
                rates.rows.append(Row(title, *([each.rate for each in one] for one in pair), unit, GOAL, name))
                costs.rows.append(Row(title, *([each.cpu for each in one] for one in pair), "µs", GOAL, name, False))
    memory = Table("An open tunnel without traffic, 2,000 of them")
    sizes = [idle() / 1024 for _ in range(min(rounds, 3))]
    memory.rows.append(Row("resident", sizes, [16.0] * len(sizes), "KB", 1.0, "limit", higher_is_better=False))
    return [rates, costs, memory]
