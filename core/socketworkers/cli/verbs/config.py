"""``socketworkers config APP``: the settings that are in force, as TOML, with where each came from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ...settings import Setting, format_value
from ..helptext import Entry
from ..options import app_settings
from ..run import TargetCommand

if TYPE_CHECKING:
    from ...settings import Settings
    from ...worker import App

__all__ = ["command"]


def toml_value(item: Setting, value: Any) -> str:
    """A value as TOML that reads back as the same value."""
    if item.secret:
        return '"********"'
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(item, part) for part in value) + "]"
    if isinstance(value, (bool, int, float)) and item.kind not in ("size", "duration"):
        return format_value(item, value)
    # JSON's strings are TOML's, but for DEL.
    return json.dumps(format_value(item, value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _config(app: App, settings: Settings, params: dict[str, Any]) -> int:
    click.echo(f"[{app.name}]")
    lines = []
    for item in app_settings(app):
        value = getattr(settings, item.name)
        if item.kind == "table":
            count = len(value) if isinstance(value, tuple) else int(value is not None)
            text = f"# {item.flag}: {count}"
        elif value is None:
            text = f"# {item.name} ="
        else:
            text = f"{item.name} = {toml_value(item, value)}"
        lines.append((text, str(settings.source_of(item.name))))
    width = min(max(len(text) for text, _ in lines), 44)
    for text, source in lines:
        click.echo(f"{text:<{width}}  # {source}" if params["sources"] else text)
    return 0


def _extra() -> list[tuple[click.Option, Entry]]:
    option = click.Option(["--sources"], is_flag=True)
    return [(option, Entry("--sources", "", "where each value comes from", own=True))]


command = TargetCommand("config", _config, title="Print the settings that are in force.", extra=_extra)
