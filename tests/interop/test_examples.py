"""The examples run as the README says."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def talk(port: int, data: bytes) -> bytes:
    """Send, finish, and read to the end."""
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while part := sock.recv(65536):
            answer += part
        return answer


@pytest.mark.parametrize(
    ("example", "said", "heard"),
    [
        ("echo.py", b"hello\r\n" * 1000, b"hello\r\n" * 1000),
        (
            "redis_lite.py",
            b"*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
            b"+PONG\r\n+OK\r\n$1\r\nv\r\n",
        ),
    ],
)
def test_example(example: str, said: bytes, heard: bytes, tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = "import sys; from socketworkers.cli import run_app; sys.exit(run_app())"
    process = subprocess.Popen(
        [sys.executable, "-c", command, str(ROOT / "examples" / example), "--port", "0", "--ready-file", str(ready)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while not ready.exists():
            assert process.poll() is None, "it did not start"
            assert time.monotonic() < deadline, "it is not ready"
            time.sleep(0.02)
        content = json.loads(ready.read_text())
        port = content["port"] if "port" in content else content["listeners"][0]["port"]
        assert talk(port, said) == heard
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_echo_is_short() -> None:
    lines = [line for line in (ROOT / "examples" / "echo.py").read_text().splitlines() if line.strip()]
    assert len(lines) <= 8
