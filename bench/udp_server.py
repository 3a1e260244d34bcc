"""UDP echo servers in four ways: ``python -m bench.udp_server KIND LOOP PORT``."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from .echo_server import callback, iterate


class Raw(asyncio.DatagramProtocol):
    """As bare as asyncio allows."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


async def datagrams(socket: Any, env: Any, ctx: Any) -> None:
    writer = socket.writable.get_writer()
    async for message in socket.readable:
        await writer.write(message)


async def main(kind: str, port: int) -> None:
    if kind == "raw":
        await asyncio.get_running_loop().create_datagram_endpoint(Raw, local_addr=("127.0.0.1", port))
    else:
        from socketworkers import App, ListenerSpec, serve

        app = App("echo", listeners=(ListenerSpec("udp", "udp", "udp_port", datagrams=kind == "datagrams"),))
        app.connect({"iterate": iterate, "callback": callback, "datagrams": datagrams}[kind])
        await serve(app, f"udp://127.0.0.1:{port}")
    await asyncio.Event().wait()


if __name__ == "__main__":
    kind, loop_name, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if loop_name == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    else:
        factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(kind, port))
