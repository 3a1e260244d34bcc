"""The MQTT brokers that are measured: ours, Mosquitto, amqtt. Each is a context manager that gives port and pid."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from .harness import child, free_port, python_server, wait_for_port

__all__ = ["amqtt", "amqtt_version", "mosquitto", "mosquitto_version", "ours"]


@contextlib.contextmanager
def ours() -> Iterator[tuple[int, int]]:
    """``run-app mqtt`` with a data folder on disk and its defaults."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-mqtt-") as folder:
        command = [
            sys.executable, "-c", "import sys; from socketworkers.cli import run_app; sys.exit(run_app())",
            "mqtt", "--port", str(port), "--data", folder, "--log-level", "error", "--max-connections", "50000",
        ]  # fmt: skip
        with child(*command) as process:
            wait_for_port(port)
            yield port, process.pid


def mosquitto_version() -> str:
    """Its version, "" if it is not installed."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        return ""
    text = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\S+)", text)
    return found[1] if found else "?"


@contextlib.contextmanager
def mosquitto() -> Iterator[tuple[int, int]]:
    """Mosquitto with its defaults, but with TCP_NODELAY: else small windows wait for Nagle's timer."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-mosquitto-") as folder:
        Path(folder).chmod(0o755)
        config = Path(folder) / "mosquitto.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
            "persistence false\nlog_type error\n"
        )
        config.chmod(0o644)
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
        assert program is not None
        with child(program, "-c", str(config)) as process:
            wait_for_port(port)
            yield port, process.pid


def amqtt_version() -> str:
    """Its version, "" if it is not installed."""
    try:
        return version("amqtt")
    except ImportError:
        return ""


@contextlib.contextmanager
def amqtt() -> Iterator[tuple[int, int]]:
    """amqtt's broker with anonymous clients, otherwise its defaults."""
    port = free_port()
    with child(*python_server("amqtt_server", str(port))) as process:
        wait_for_port(port)
        yield port, process.pid
