"""``socketworkers tunnel serve|connect``: TCP over WebSocket, the gateway and the entrance.

Both are apps like any other: their options are their settings, and so are the file's tables ``[tunnel]`` and
``[tunnel-connect]`` and the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...errors import StartupError

if TYPE_CHECKING:
    from ...worker import App

__all__ = ["command", "hidden"]

#: what ``--listen`` sets, and what no tunnel has
_HIDDEN = frozenset(
    ("host", "listen", "port", "ws_port", "wss_port", "ws_path", "tls_port", "unix", "handshake_timeout", "ws_origin")
)
_SERVER_ONLY = frozenset(("data", "tls", "tls_cert", "tls_key", "tls_client_ca"))
_PARTS: dict[str, tuple[str, str, frozenset[str], tuple[str, ...]]] = {
    "serve": (
        "gateway",
        "Let clients that speak WebSocket reach what is allowed: the daemon beside a database.",
        _HIDDEN - {"handshake_timeout", "ws_origin"},
        (
            "socketworkers tunnel serve --listen ws://:8080/v1 --allow localhost:5432",
            "socketworkers tunnel serve --allow '*.db.example.org:5432'",
        ),
    ),
    "connect": (
        "entrance",
        "Open a local port that leads through a gateway (ours, Neon's wsproxy, Cloudflare Access).",
        _HIDDEN | _SERVER_ONLY,
        (
            "socketworkers tunnel connect --listen 127.0.0.1:5432 \\",
            "    --to 'wss://host/v1?address=db:5432'",
        ),
    ),
}


def hidden(verb: str) -> frozenset[str]:
    """The settings that a verb has no option for."""
    return _PARTS[verb][2]


class _Tunnel(click.Group):
    """Makes the two commands when they are asked for: their options need the apps."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        part = _PARTS.get(cmd_name)
        if part is None:
            return None
        from ... import tunnel
        from ..options import AppCommand

        name, title, without, examples = part
        make: Callable[[], App] = getattr(tunnel, name)
        app = make()
        made = AppCommand(cmd_name, app, _runner(cmd_name, app), title=title, hidden=without)
        made.examples = examples
        made.short_help = title
        return made


def _runner(verb: str, app: App) -> Callable[..., int]:
    def call(**params: Any) -> int:
        return _run(verb, app, params)

    return call


def _run(verb: str, app: App, params: dict[str, Any]) -> int:
    from ...config import load
    from ..options import app_settings, given
    from ..run import run

    file = params.get("config_file")
    others: Sequence[str] = ("tunnel", "tunnel-connect")
    try:
        settings = load(
            app.config,
            app.name,
            command_line=given(app_settings(app), params),
            file=Path(file) if file else None,
            other_apps=[name for name in others if name != app.name],
        )
    except StartupError as error:
        if error.remedy.startswith("all keys: "):  # of an app that `socketworkers config` knows
            error.remedy = f"all of them: socketworkers tunnel {verb} --help-all"
        raise
    return run(app, settings, params)


command = _Tunnel("tunnel", help="Carry TCP over WebSocket.", short_help="Carry TCP over WebSocket: serve, connect.")
