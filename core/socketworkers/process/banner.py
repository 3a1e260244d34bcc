"""The lines that a start prints: what listens where, where data lies, a command to try, who can connect.

Pure text; ``runner`` prints it to standard output. An app adds a command that works when pasted with its hook
``try_command(settings, listeners)``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..settings import Settings, is_loopback
from .provision import closed_because

if TYPE_CHECKING:
    from ..server import BoundListener
    from ..worker import App

__all__ = ["start_lines", "uptime"]

_WIDTH = 18


def start_lines(
    app: App, settings: Settings, listeners: Sequence[BoundListener], *, metrics: str = "", ca: str = ""
) -> list[str]:
    """The lines before "ready".

    Args:
        app: the app.
        settings: its settings.
        listeners: what was bound.
        metrics: URL of the metrics, if served.
        ca: the file of a throwaway certificate's authority, if there is one.
    """
    rows = [(listener.title or listener.name, listener.url, _tls_words(settings, listener)) for listener in listeners]
    addresses = max(len(url) for _, url, _ in rows) if rows else 0
    lines = [_line(title, f"{url:<{addresses}}   {words}") for title, url, words in rows]
    if app.about is not None:
        lines += [_line(title, text) for title, text in app.about(settings)]
    if app.objects:
        lines.append(_line("Data", _data_words(app, settings)))
    if ca:
        lines.append(_line("Clients trust", ca))
    if metrics:
        lines.append(_line("Metrics", metrics))
    command = app.try_command(settings, listeners) if app.try_command is not None else _try_command(listeners)
    if command:
        lines.append(_line("Try it", command))
    lines.append("  " + _who(app, settings, listeners))
    if settings.tls_client_ca is not None and (without := _without_tls(settings, listeners)):
        lines.append(f"  WARNING: without TLS nobody shows a certificate (--tls-client-ca): {', '.join(without)}")
    return lines


def _line(title: str, text: str) -> str:
    return f"  {title:<{_WIDTH}}  {text}".rstrip()


def _tls_words(settings: Settings, listener: BoundListener) -> str:
    paths = settings.tls_cert
    if settings.tls == "auto":
        certificate = "throwaway certificate"
    else:
        certificate = (
            f"certificates {paths[0]} and {len(paths) - 1} more" if paths[1:] else "certificate " + "".join(paths)
        )
    if settings.tls_client_ca is not None:
        certificate += ", clients need one too"
    if listener.tls == "implicit":
        return f"TLS ({certificate})"
    # Without a certificate STARTTLS is not announced: clients that try it would fail to verify.
    if listener.tls == "starttls" and (settings.tls or settings.tls_cert):
        return f"plain, STARTTLS ({certificate})"
    return "plain"


def _data_words(app: App, settings: Settings) -> str:
    folder = settings.data_folder(app.name)
    if folder is None:
        return "in memory, gone at exit"
    text = str(folder) if folder.is_absolute() else f"./{folder}"
    return f"{text}   (kept between runs)"


def _try_command(listeners: Sequence[BoundListener]) -> str:
    for listener in listeners:
        if listener.path or listener.tls == "implicit" or listener.scheme == "ws":
            continue
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listener.host, listener.host)
        return f"nc {'-u ' if listener.scheme == 'udp' else ''}{host} {listener.port}"
    return ""


def _who(app: App, settings: Settings, listeners: Sequence[BoundListener]) -> str:
    closed = closed_because(app, settings)
    if all(listener.path or is_loopback(listener.host) for listener in listeners):
        return "Only this machine can connect. To open it: --host 0.0.0.0" + ("" if closed else " --insecure")
    if not closed:
        return "WARNING: anybody who can reach this machine can use this server (--insecure)"
    return f"Other machines can connect: {closed}"


def _without_tls(settings: Settings, listeners: Sequence[BoundListener]) -> list[str]:
    """The doors beside the one that asks for certificates. A Unix socket has its file's permissions instead."""
    # how apps whose protocol starts TLS on the way call the setting that takes nothing before it
    started_first = getattr(settings, "require_tls", False)
    return [
        listener.url
        for listener in listeners
        if listener.path is None and listener.tls != "implicit" and not (listener.tls == "starttls" and started_first)
    ]


_IMPORTED = time.monotonic()


def uptime() -> float:
    """Seconds since this process began: what a person at the terminal waited for."""
    try:
        # Field 22 of /proc/self/stat is the start in clock ticks since boot; the name before it may hold spaces.
        fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        seconds = 0.0
    # Some containers have a boot time of their own; then what is known is how long ago this module was loaded.
    return seconds if 0 < seconds < 365 * 86400 else time.monotonic() - _IMPORTED
