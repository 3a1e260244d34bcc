"""A disk that does not answer: others are served, nothing that waits for it is acknowledged, ``/readyz`` says so."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from socketworkers import App, Context, DurableObject, Env, Socket, connect, faults
from socketworkers.objects import ObjectRuntime
from socketworkers.observe.endpoint import MetricsEndpoint
from socketworkers.testing import serve_ephemeral

pytestmark = pytest.mark.usefixtures("any_loop")


class Notes(DurableObject):
    async def keep(self, note: bytes) -> None:
        self.ctx.storage.put("note", note)


app = App("notes", port=0, objects={"NOTES": Notes})


@app.connect
async def handle(socket: Socket, env: Env, ctx: Context) -> None:
    writer = socket.writable.get_writer()
    async for data in socket.readable:
        if data.startswith(b"keep"):
            await env.NOTES.get("a").keep(data)
        writer.write(b"ok")


async def get(port: int, path: str) -> bytes:
    async with connect(("127.0.0.1", port)) as socket:
        socket.writable.get_writer().write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return b"".join([chunk async for chunk in socket.readable])


@pytest.mark.catalogue("R7")
async def test_a_sync_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ObjectRuntime, "STALLED", 0.0)
    loop = asyncio.get_running_loop()
    hanging, answers = asyncio.Event(), threading.Event()

    def point(name: str) -> None:
        if name == "storage.sync":
            loop.call_soon_threadsafe(hanging.set)
            answers.wait(10)

    async with serve_ephemeral(app, data=str(tmp_path)) as server:
        endpoint = MetricsEndpoint("127.0.0.1:0")
        await endpoint.start(server, server.not_ready)
        port = int(endpoint.url.rpartition(":")[2].partition("/")[0])
        where = ("127.0.0.1", server.listeners[0].port)
        async with connect(where) as first, connect(where) as second:
            assert (await get(port, "/readyz")).startswith(b"HTTP/1.1 200")
            monkeypatch.setattr(faults, "point", point)
            first.writable.get_writer().write(b"keep this")
            await hanging.wait()
            second.writable.get_writer().write(b"hello")
            reader = second.readable.get_reader()
            assert await reader.read() == b"ok", "who does not need the disk is served"
            answer = await get(port, "/readyz")
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"the disk has not answered for" in answer
            assert (await get(port, "/healthz")).startswith(b"HTTP/1.1 200")
            assert first.stats.bytes_in == 0, "acknowledged before it is on disk"
            answers.set()
            assert await first.readable.get_reader().read() == b"ok"
            assert (await get(port, "/readyz")).startswith(b"HTTP/1.1 200")
        await endpoint.stop()
