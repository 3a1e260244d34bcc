"""Servers of QUIC streams: ``python -m bench.quic_server KIND LOOP PORT CERT KEY``.

A client sends 8 bytes: how many it wants to be sent, or 0 for having its own counted.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

BLOCK = bytes(65536)


async def stream(socket: Any, env: Any, ctx: Any) -> None:
    reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
    left = int.from_bytes(await reader.read_exactly(8), "big")
    if left:
        while left > 0:
            await writer.write(BLOCK[: min(left, len(BLOCK))])
            left -= len(BLOCK)
    else:
        total = 0
        while chunk := await reader.read():
            total += len(chunk)
        await writer.write(total.to_bytes(8, "big"))


def bare() -> type:
    """The same on aioquic and nothing else."""
    from aioquic.asyncio.protocol import QuicConnectionProtocol
    from aioquic.quic.events import StreamDataReceived

    class Bare(QuicConnectionProtocol):
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self.totals: dict[int, int] = {}

        def quic_event_received(self, event: Any) -> None:
            if not isinstance(event, StreamDataReceived):
                return
            data, number = event.data, event.stream_id
            if number not in self.totals:
                self.totals[number] = 0
                wanted, data = int.from_bytes(data[:8], "big"), data[8:]
                if wanted:
                    self._quic.send_stream_data(number, bytes(wanted), end_stream=True)
                    return
            self.totals[number] += len(data)
            if event.end_stream and self.totals[number]:
                self._quic.send_stream_data(number, self.totals[number].to_bytes(8, "big"), end_stream=True)

    return Bare


async def main(kind: str, port: int, certificate: str, key: str) -> None:
    if kind == "bare":
        from aioquic.asyncio.server import serve as aioquic_serve
        from aioquic.quic.configuration import QuicConfiguration

        configuration = QuicConfiguration(
            is_client=False, alpn_protocols=["bench"], congestion_control_algorithm="cubic"
        )
        configuration.load_cert_chain(certificate, key)
        await aioquic_serve("127.0.0.1", port, configuration=configuration, create_protocol=bare())
    else:
        from socketworkers import App, ListenerSpec, serve

        app = App("bench", listeners=(ListenerSpec("quic", "quic", "quic_port", tls="implicit", alpn=("bench",)),))
        app.connect(stream)
        await serve(app, f"quic://127.0.0.1:{port}", tls_cert=certificate, tls_key=key)
    await asyncio.Event().wait()


if __name__ == "__main__":
    kind, loop_name, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if loop_name == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    else:
        factory = asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(kind, port, sys.argv[4], sys.argv[5]))
