"""``--ready-file``: tells a program that started the server where it listens, once it does.

The file is complete as soon as it exists: it is written beside its place and renamed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import StartupError

if TYPE_CHECKING:
    from ..server import BoundListener

__all__ = ["discard_ready_file", "ready_content", "remove_ready_file", "write_ready_file"]


def ready_content(app: str, listeners: Sequence[BoundListener], *, metrics: str = "", ca: str = "") -> dict[str, Any]:
    """What the file holds: host, port and url of the first listener, all listeners, and the process's id."""
    rows = [
        {
            "name": listener.name,
            "scheme": listener.scheme,
            "host": listener.host,
            "port": listener.port,
            "path": listener.path,
            "tls": listener.tls,
            "url": listener.url,
        }
        for listener in listeners
    ]
    first = rows[0] if rows else {"host": "", "port": 0, "url": ""}
    return {
        "app": app,
        "pid": os.getpid(),
        "host": first["host"],
        "port": first["port"],
        "url": first["url"],
        "listeners": rows,
        "metrics": metrics or None,
        "ca": ca or None,
    }


def write_ready_file(path: str, content: dict[str, Any]) -> None:
    """Write the file.

    Raises:
        StartupError: it cannot be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        raise _refused(path, error) from None


def _refused(path: str, error: OSError) -> StartupError:
    return StartupError(f"cannot write the ready file {path}", (error.strerror or str(error)).lower())


def discard_ready_file(path: str) -> None:
    """Remove what a killed server left: who waits for the file must not take that one for ours.

    Raises:
        StartupError: it cannot be removed.
    """
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise _refused(path, error) from None


def remove_ready_file(path: str) -> None:
    """Remove the file if it is still this process's."""
    target = Path(path)
    try:
        if json.loads(target.read_text(encoding="utf-8")).get("pid") == os.getpid():
            target.unlink()
    except (OSError, ValueError):
        return
