"""Echo through a ``Socket`` beside asyncio streams and a raw ``BufferedProtocol``; memory of an idle connection."""

from __future__ import annotations

import contextlib
import functools
import resource
import select
import socket
import time

from .harness import CLIENT_CORE, Row, Table, child, free_port, interleaved, pin, python_server, resident, wait_for_port


def round_trips(port: int, connections: int, size: int, seconds: float) -> float:
    """Round trips per second over connections that each have one message under way."""
    pin(CLIENT_CORE)
    poll = select.epoll()
    socks: dict[int, socket.socket] = {}
    missing: dict[int, int] = {}
    message = b"x" * size
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        socks[sock.fileno()] = sock
        missing[sock.fileno()] = size
        poll.register(sock.fileno(), select.EPOLLIN)
    for sock in socks.values():
        sock.send(message)
    count = 0
    began = time.perf_counter()
    warm = began + 0.2
    measured = 0.0
    while True:
        now = time.perf_counter()
        if not measured and now >= warm:
            count, measured = 0, now
        if measured and now - measured >= seconds:
            break
        for fd, _ in poll.poll(1.0):
            sock = socks[fd]
            with contextlib.suppress(BlockingIOError):
                missing[fd] -= len(sock.recv(262144))
            if missing[fd] <= 0:
                count += 1
                missing[fd] = size
                sock.send(message)
    for sock in socks.values():
        sock.close()
    poll.close()
    return count / (now - measured)


def echo(kind: str, loop: str, connections: int, size: int, seconds: float = 0.6) -> float:
    """Round trips per second of one kind of server."""
    port = free_port()
    with child(*python_server("echo_server", kind, loop, str(port))):
        wait_for_port(port)
        return round_trips(port, connections, size, seconds)


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
    table = Table("Echo through `Socket`, round trips per second")
    for size, label in ((64, "64 B"), (16384, "16 KB")):
        for loop, streams_goal in (("asyncio", 1.3), ("uvloop", 1.1)):
            kinds = ("iterate", "callback", "streams", "raw")
            print(f"echo {label} on {loop}: {', '.join(kinds)}")
            found = interleaved(rounds, *(functools.partial(echo, kind, loop, 64, size) for kind in kinds))
            values = dict(zip(kinds, found, strict=True))
            for ours, peer, goal in (
                ("iterate", "streams", streams_goal),
                ("iterate", "raw", 0.6),
                ("callback", "raw", 0.85),
            ):
                name = f"{label}, {loop}, " + ("`async for`" if ours == "iterate" else "`on_data`")
                table.rows.append(
                    Row(
                        name,
                        values[ours],
                        values[peer],
                        "/s",
                        goal,
                        "asyncio streams" if peer == "streams" else "raw protocol",
                    )
                )
    memory = Table("An idle connection with its handler waiting, plain, 10,000 of them (uvloop)")
    sizes = [idle() / 1024 for _ in range(min(rounds, 3))]
    memory.rows.append(Row("resident", sizes, [4.5] * len(sizes), "KB", 1.0, "limit", higher_is_better=False))
    return [table, memory]
