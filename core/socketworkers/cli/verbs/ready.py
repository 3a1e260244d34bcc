"""``socketworkers ready``: exit status 0 when a server is ready, 1 when not. For health checks without curl."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command(short_help="Ask a server whether it is ready (for health checks).")
@click.option("--metrics", metavar="HOST:PORT", help="The server's --metrics address: asks /readyz.")
@click.option("--ready-file", metavar="FILE", help="The server's --ready-file: connects to what it names.")
@click.option("--port", metavar="[HOST:]PORT", help="Connects to a port.")
@click.option("--timeout", default=3.0, show_default=True, help="Seconds to wait.")
def command(metrics: str | None, ready_file: str | None, port: str | None, timeout: float) -> int:
    """Exit with 0 when a server is ready and with 1 when it is not.

    HEALTHCHECK CMD ["socketworkers", "ready", "--metrics", "127.0.0.1:9090"]
    """
    if sum(option is not None for option in (metrics, ready_file, port)) != 1:
        raise click.UsageError("give one of --metrics, --ready-file, --port", click.get_current_context())
    try:
        if metrics is not None:
            answer = _ask(*_address(metrics), timeout)
        elif ready_file is not None:
            answer = _connect_file(ready_file, timeout)
        else:
            answer = _connect(*_address(port or ""), timeout)
    except (OSError, ValueError) as error:
        click.echo(f"not ready: {error}", err=True)
        return 1
    click.echo(answer, err=not answer.startswith("ready"))
    return 0 if answer.startswith("ready") else 1


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit():
        raise click.UsageError(f"{text!r} is not HOST:PORT", click.get_current_context())
    return host.strip("[]") or "127.0.0.1", int(port)


def _ask(host: str, port: int, timeout: float) -> str:
    """What ``/readyz`` says."""
    import socket

    with socket.create_connection((host, port), timeout) as connection:
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b""
        while len(answer) < 65536 and (data := connection.recv(65536)):
            answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    text = " ".join(body.decode("utf-8", "replace").split())
    if len(words) > 1 and words[1] == b"200":
        return "ready"
    return f"not ready: {text or 'no answer in HTTP'}"


def _connect_file(path: str, timeout: float) -> str:
    import json
    import os

    with open(path, encoding="utf-8") as file:
        content = json.load(file)
    os.kill(int(content["pid"]), 0)
    if not content.get("port"):
        return "ready"
    return _connect(str(content["host"]), int(content["port"]), timeout)


def _connect(host: str, port: int, timeout: float) -> str:
    import socket

    socket.create_connection((host, port), timeout).close()
    return "ready"
