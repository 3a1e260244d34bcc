"""A plain proxy from WebSocket to TCP by ``websockets``: ``python -m bench.websockets_proxy PORT``."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from urllib.parse import parse_qs, urlsplit

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


async def proxy(connection: ServerConnection) -> None:
    """As its documentation would have one write it: a task each way, ``drain`` and ``send`` are the back-pressure."""
    assert connection.request is not None
    host, _, port = parse_qs(urlsplit(connection.request.path).query)["address"][0].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))

    async def down() -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            while data := await reader.read(65536):
                await connection.send(data)
        await connection.close()

    task = asyncio.ensure_future(down())
    try:
        async for message in connection:
            writer.write(message if isinstance(message, bytes) else message.encode())
            await writer.drain()
    except (ConnectionClosed, OSError):
        pass
    finally:
        writer.close()
        task.cancel()


async def main(port: int) -> None:
    """Serve until the end."""
    async with serve(proxy, "127.0.0.1", port, compression=None, max_size=None, ping_interval=None):
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1])))
