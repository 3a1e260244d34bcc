"""The control socket: commands of the same user talk to a running server through a Unix socket of mode 0600.

One JSON object per line each way: ``{"method": ..., "arguments": {...}}`` is answered by ``{"result": ...}`` or
``{"error": ...}``. The methods are the app's (``@app.control``) and ``ping``, ``status``, ``reload``.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket as _socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..worker.app import ListenerSpec

if TYPE_CHECKING:
    from ..socket import Socket
    from ..worker.context import Context, Env
    from .server import Server

__all__ = ["CONTROL", "SOCKET_NAME", "ControlError", "ControlWorker", "control_call", "reachable"]

SOCKET_NAME = "control.sock"
CONTROL = ListenerSpec("control", "control", "", "control socket")
MAX_LINE = 1024 * 1024
#: sun_path holds 108 bytes on Linux and 104 elsewhere, the NUL counted
_MAX_PATH = 100


class ControlError(Exception):
    """The server refused the call; the text says why."""


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A name for a Unix socket that fits, however deep its folder lies."""
    text = str(path)
    if len(os.fsencode(text)) <= _MAX_PATH:
        yield text
        return
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)


def control_call(data_dir: Path, method: str, **arguments: Any) -> Any:
    """Call a method of the server that works on ``data_dir``.

    Returns:
        The method's result.

    Raises:
        ConnectionError: no server runs there (or the socket is left over from one).
        ControlError: the server refused.
    """
    path = data_dir / SOCKET_NAME
    if not path.exists():
        raise ConnectionRefusedError(f"no server runs on {data_dir}")
    with reachable(path) as name, _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM) as sock:
        sock.settimeout(60)
        sock.connect(name)
        sock.sendall(json.dumps({"method": method, "arguments": arguments}).encode() + b"\n")
        with sock.makefile("rb") as stream:
            answer = stream.readline()
    if not answer:
        raise ConnectionResetError("the server ended the call")
    reply = json.loads(answer)
    if "error" in reply:
        raise ControlError(str(reply["error"]))
    return reply.get("result")


class ControlWorker:
    """The connect handler of the control socket."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def connect(self, socket: Socket, env: Env, ctx: Context) -> None:
        """Answer calls until the peer goes away."""
        reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
        while line := await reader.read_line(limit=MAX_LINE):
            try:
                request = json.loads(line)
                method, arguments = request["method"], request.get("arguments") or {}
                if not isinstance(method, str) or not isinstance(arguments, dict):
                    raise TypeError
            except (ValueError, TypeError, KeyError):
                await writer.write(b'{"error": "a call is {\\"method\\": name, \\"arguments\\": {}}"}\n')
                return
            reply = await self._answer(method, arguments, env, ctx)
            await writer.write(json.dumps(reply, default=str).encode() + b"\n")

    async def _answer(self, method: str, arguments: dict[str, Any], env: Env, ctx: Context) -> dict[str, Any]:
        server = self._server
        if method == "ping":
            return {"result": os.getpid()}
        if method == "status":
            return {"result": server.status()}
        try:
            if method == "reload":
                server.reload_tls()
                return {"result": True}
            handler = server.app.control_methods.get(method)
            if handler is None:
                return {"error": f"{server.app.name} has no control method {method!r}"}
            return {"result": await handler(env, **arguments)}
        except Exception as error:
            ctx.log.debug("control %s failed", method, exc_info=error)
            return {"error": str(error) or type(error).__name__}
