"""The examples run as the tutorial tells: with ``run-app FILE``, and in memory."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interop.live import bin_path, run, serve_mail

from socketworkers import App
from socketworkers.testing import AppClient

EXAMPLES = Path(__file__).parents[2] / "examples"


def _app(name: str) -> App:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.app
    assert isinstance(found, App)
    return found


@contextlib.contextmanager
def _running(name: str, folder: Path) -> Iterator[int]:
    """``run-app`` of a file; yields its port."""
    ready = folder / "ready.json"
    with (folder / "log").open("ab") as log:
        child = subprocess.Popen(
            [
                *(bin_path("run-app"), str(EXAMPLES / f"{name}.py"), "--port", "0", "--data", str(folder / "data")),
                *("--ready-file", str(ready), "--exit-with-parent"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 30
        while not ready.exists():
            if child.poll() is not None or time.monotonic() > deadline:
                pytest.fail((folder / "log").read_text())
            time.sleep(0.02)
        yield int(json.loads(ready.read_text())["port"])
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def _ask(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


def test_echo_is_eight_lines() -> None:
    assert len((EXAMPLES / "echo.py").read_text().splitlines()) == 8


async def test_echo_in_memory() -> None:
    async with AppClient(_app("echo")) as client:
        await client.send(b"hello")
        assert await client.read_exactly(5) == b"hello"


def test_echo_as_a_process(tmp_path: Path) -> None:
    with _running("echo", tmp_path) as port:
        data = os.urandom(300_000)
        assert _ask(port, data) == data


def _command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


async def test_redis_lite_in_memory() -> None:
    async with AppClient(_app("redis_lite")) as client:
        await client.send(_command(b"PING") + _command(b"set", b"k\r\n", b"v\0\r\n") + _command(b"GET", b"k\r\n"))
        assert await client.read_exactly(7) == b"+PONG\r\n"
        assert await client.read_line() == b"+OK\r\n"
        assert await client.read_exactly(10) == b"$4\r\nv\0\r\n\r\n"
        await client.send(_command(b"GET", b"other") + _command(b"FLUSHALL"))
        assert await client.read_line() == b"$-1\r\n"
        assert await client.read_line() == b"-ERR unknown command\r\n"


async def test_redis_lite_ends_a_connection_that_asks_for_too_much() -> None:
    async with AppClient(_app("redis_lite")) as client:
        await client.send(b"*65\r\n")
        with contextlib.suppress(OSError):  # an end or a reset
            assert await client.read_to_end() == b""
        # of that connection only
        other = client.connect()
        await other.send(_command(b"PING"))
        assert await other.read_line() == b"+PONG\r\n"
        await other.close()


def test_redis_lite_keeps_what_it_has_answered(tmp_path: Path) -> None:
    with _running("redis_lite", tmp_path) as port:
        assert _ask(port, _command(b"SET", b"key", b"value")) == b"+OK\r\n"
    with _running("redis_lite", tmp_path) as port:
        assert _ask(port, _command(b"GET", b"key")) == b"$5\r\nvalue\r\n"


def test_the_client_of_the_compose_file(tmp_path: Path) -> None:
    with serve_mail(tmp_path, "--domain", "example.org", users=("you",), password="by heart") as server:
        ports = (str(server.smtp), str(server.smtps), str(server.pop3))
        environment = {**os.environ, "MAIL_PASSWORD": "by heart"}
        output = run(
            *(sys.executable, str(EXAMPLES / "mail_client.py"), "127.0.0.1", *ports, server.ca), env=environment
        )
        assert output.count(b"sent and read back unchanged") == 3
        assert server.command("list") == b""
