"""Echo servers in four ways: ``python -m bench.echo_server KIND LOOP PORT``."""

from __future__ import annotations

import asyncio
import sys
from typing import Any


class Raw(asyncio.BufferedProtocol):
    """As bare as asyncio allows."""

    buffer = memoryview(bytearray(256 * 1024))

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(bytes(self.buffer[:nbytes]))


async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def iterate(socket: Any, env: Any, ctx: Any) -> None:
    writer = socket.writable.get_writer()
    async for chunk in socket.readable:
        await writer.write(chunk)


async def callback(socket: Any, env: Any, ctx: Any) -> None:
    writer = socket.writable.get_writer()
    ended = asyncio.get_running_loop().create_future()

    def data(chunk: bytes) -> None:
        if chunk:
            writer.write(chunk)
        elif not ended.done():
            ended.set_result(None)

    socket.on_data(data)
    await ended


async def idle(socket: Any, env: Any, ctx: Any) -> None:
    await socket.readable.get_reader().read()


async def main(kind: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    if kind == "raw":
        server = await loop.create_server(Raw, "127.0.0.1", port, backlog=4096)
        await server.serve_forever()
    elif kind == "streams":
        streams = await asyncio.start_server(stream, "127.0.0.1", port, backlog=4096)
        await streams.serve_forever()
    else:
        from socketworkers import serve

        handler = {"iterate": iterate, "callback": callback, "idle": idle}[kind]
        await serve(handler, f"127.0.0.1:{port}", max_connections=50_000)
        await asyncio.Event().wait()


if __name__ == "__main__":
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kind, loop_name, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if loop_name == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    else:
        factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(kind, port))
