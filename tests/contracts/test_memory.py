"""What an idle connection costs: resident memory of a server process, handler waiting in ``async for``."""

from __future__ import annotations

import socket as kernel
import subprocess
import sys

import pytest

COUNT = 1000
BUDGET = 4.5 * 1024
SERVER = """
import asyncio, os, sys
from socketworkers import App
from socketworkers.testing import serve_ephemeral

app = App("idle")

@app.connect
async def handle(socket, env, ctx):
    async for chunk in socket.readable:
        await socket.writable.get_writer().write(chunk)

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

async def main():
    async with serve_ephemeral(app) as server:
        loop = asyncio.get_running_loop()
        asked = asyncio.Queue()
        loop.add_reader(0, lambda: asked.put_nowait(os.read(0, 1)))
        print(server.listeners[0].port, flush=True)
        while await asked.get():
            await asyncio.sleep(0.2)
            print(server.connections, resident(), flush=True)

if sys.argv[1] == "uvloop":
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_bytes_per_idle_connection(loop: str) -> None:
    pytest.importorskip(loop)
    child = subprocess.Popen([sys.executable, "-c", SERVER, loop], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    sockets: list[kernel.socket] = []

    def state() -> tuple[int, int]:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"?")
        child.stdin.flush()
        connections, size = child.stdout.readline().split()
        return int(connections), int(size)

    try:
        where = ("127.0.0.1", int(child.stdout.readline()))
        sockets += [kernel.create_connection(where) for _ in range(200)]  # pools and caches are filled
        before = state()
        assert before[0] == 200
        sockets += [kernel.create_connection(where) for _ in range(COUNT)]
        after = state()
        assert after[0] == 200 + COUNT
        each = (after[1] - before[1]) / COUNT
        assert each <= BUDGET * 1.05, f"{each:.0f} bytes"  # the bench measures 10,000; pages are coarse here
    finally:
        for sock in sockets:
            sock.close()
        child.stdin.close()
        child.stdout.close()
        child.wait(10)
