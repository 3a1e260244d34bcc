"""An echo server in a process with few descriptors; answers ``?`` on its standard input with its state as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys

from socketworkers import App, Context, Env, Socket
from socketworkers.testing import serve_ephemeral

app = App("echo")


@app.connect
async def echo(socket: Socket, env: Env, ctx: Context) -> None:
    writer = socket.writable.get_writer()
    async for chunk in socket.readable:
        await writer.write(chunk)


async def main() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    events: list[str] = []
    async with serve_ephemeral(app) as server:
        server.telemetry.subscribe(lambda name, fields: events.append(name) if name.startswith("accept.") else None)
        loop = asyncio.get_running_loop()
        asked: asyncio.Queue[bytes] = asyncio.Queue()
        loop.add_reader(0, lambda: asked.put_nowait(os.read(0, 1)))
        sys.stdout.write(f"{server.listeners[0].port}\n")
        sys.stdout.flush()
        while await asked.get():
            usage = resource.getrusage(resource.RUSAGE_SELF)
            state = {
                "not_ready": server.not_ready(),
                "events": events,
                "connections": server.connections,
                "cpu": usage.ru_utime + usage.ru_stime,
            }
            sys.stdout.write(json.dumps(state) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
