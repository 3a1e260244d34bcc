"""``run-app`` with WebSocket listeners: flags, start-up lines, ready file, TLS, one handler over all, a drain."""

from __future__ import annotations

import signal
import ssl
from pathlib import Path

import pytest
import websockets.sync.client
from tests.core.cli.support import run_command
from tests.core.process.support import start
from websockets.exceptions import ConnectionClosed, InvalidStatus

CODE = """
from socketworkers import App, ListenerSpec

app = App("echo", listeners=(ListenerSpec("ws", "ws", "ws_port", "Echo over WebSocket", path="/echo"),))

@app.connect
async def handle(socket, env, ctx):
    ctx.on_drain = lambda: socket.close()
    writer = socket.writable.get_writer()
    async for chunk in socket.readable:
        await writer.write(chunk)
"""


def test_both_ports(tmp_path: Path) -> None:
    options = (
        "--ws-port",
        "0",
        "--wss-port",
        "0",
        "--tls",
        "auto",
        "--ws-path",
        "/other",
        "--data",
        str(tmp_path / "d"),
    )
    with start(tmp_path, *options, code=CODE) as server:
        rows = {row["name"]: row for row in server.content["listeners"]}
        assert set(rows) == {"main", "ws", "wss"}
        context = ssl.create_default_context(cafile=server.content["ca"])
        for name, tls in (("ws", None), ("wss", context)):
            url = rows[name]["url"].replace("127.0.0.1", "localhost")
            assert url.endswith("/other")
            with websockets.sync.client.connect(url, ssl=tls, proxy=None) as client:
                client.send(b"over " + name.encode())
                assert client.recv() == b"over " + name.encode()
            with (
                pytest.raises(InvalidStatus, match="404"),
                websockets.sync.client.connect(url + "x", ssl=tls, proxy=None),
            ):
                pass
        with websockets.sync.client.connect(rows["ws"]["url"], proxy=None) as client:
            client.send(b"still here")
            assert client.recv() == b"still here"
            server.process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as caught:
                client.recv(10)
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1000
        status, out, _ = server.end()
        assert status == 0
        lines = out.splitlines()
        assert any(
            "Echo over WebSocket " in line and rows["ws"]["url"] in line and line.endswith("plain") for line in lines
        )
        assert any("Echo over WebSocket, TLS" in line and "throwaway certificate" in line for line in lines)


def test_without_a_listener_there_is_no_flag(tmp_path: Path) -> None:
    code = "from socketworkers import App\napp = App('plain', ws_listener=False)\n"
    (tmp_path / "app.py").write_text(code + "@app.connect\nasync def handle(socket, env, ctx): ...\n")
    done = run_command("run-app", "app.py", "--ws-port", "0", cwd=tmp_path)
    assert done.status == 2
    assert "--ws-port" in done.err
