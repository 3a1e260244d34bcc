"""``socketworkers check APP``: does everything that a start does short of binding, and says what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..run import TargetCommand

if TYPE_CHECKING:
    from ...settings import Settings
    from ...worker import App

__all__ = ["command"]


def _check(app: App, settings: Settings, params: dict[str, Any]) -> int:
    from ...process.provision import provision

    provision(app, settings)
    used = sorted({source.where.rpartition(":")[0] for source in settings.sources() if source.kind == "file"})
    click.echo(f"ok: {app.name} can start" + (f" ({', '.join(used)})" if used else ""))
    return 0


command = TargetCommand("check", _check, title="Check the settings of an app; nothing is bound or written.")
