"""``socketworkers mqtt``: publish, subscribe, and look after a broker.

``pub`` and ``sub`` (in ``client.commands``) talk to any server. The others talk to the broker that works on the data
folder; when none runs, they open the files themselves under the folder's lock.
"""

from __future__ import annotations

import base64
import codecs
import importlib
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from socketworkers.commands import DataCommands, Method, offline_env, printable
from socketworkers.errors import StartupError

if TYPE_CHECKING:
    from socketworkers import Env

__all__ = ["mqtt"]

#: bytes of a payload that are listed
SHOWN = 60
#: ``-h`` is the host for people who know mosquitto_pub
_CONTEXT = {"help_option_names": ["--help"], "max_content_width": 80}


@asynccontextmanager
async def _open(folder: Path) -> AsyncIterator[Env]:
    from . import app
    from .config import MqttConfig
    from .mqtt import BROKER, Mqtt

    # no counters are published: nobody is connected
    async with offline_env(app, MqttConfig(data=str(folder), sys_interval=0), folder) as env:
        env.mqtt = Mqtt(env)
        broker = env.BROKER.get(BROKER)
        await broker.serve()
        try:
            yield env
        finally:
            await broker.stop()


def _methods() -> Mapping[str, Method]:
    from .admin import METHODS

    return METHODS


_commands = DataCommands(
    "mqtt", keeps="sessions and retained messages lie", methods=_methods, open=_open, server="broker"
)
_call, _data = _commands.call, _commands.option


class _Group(click.Group):
    """A group whose clients of the network are imported when they are called."""

    _LAZY = ("pub", "sub")

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._LAZY, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._LAZY and cmd_name not in self.commands:
            module = importlib.import_module(".client.commands", __package__)
            for name in self._LAZY:
                self.add_command(getattr(module, name), name)
        return super().get_command(ctx, cmd_name)


_json = click.option("--json", "as_json", is_flag=True, help="one JSON object per line")


@click.group(cls=_Group, context_settings=_CONTEXT, help="Publish, subscribe, and look after a broker.")
def mqtt() -> None:
    """The group."""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


@mqtt.command()
@_data
@_json
@click.argument("prefix", default="")
def sessions(data: str, as_json: bool, prefix: str) -> None:
    """List sessions, connected or not; with PREFIX, those whose names begin so."""
    found = _call(data, "mqtt.sessions", prefix=prefix)
    if as_json:
        for item in found:
            click.echo(json.dumps(item))
        return
    rows: list[tuple[str, ...]] = [
        (
            printable(item["client_id"]),
            item["peer"] if item["connected"] else "away",
            {3: "3.1", 4: "3.1.1", 5: "5.0"}.get(item["version"], "?"),
            printable(item["username"]) or "-",
            str(len(item["subscriptions"])),
            str(item["underway"]),
            str(item["queued"]),
            str(item["dropped"]),
        )
        for item in found
    ]
    if rows:
        _table(("CLIENT", "PEER", "MQTT", "USER", "FILTERS", "UNDERWAY", "QUEUED", "DROPPED"), rows)
    elif sys.stdout.isatty():
        click.echo("no sessions", err=True)


@mqtt.group()
def retained() -> None:
    """List or remove retained messages."""


@retained.command("list")
@_data
@_json
@click.argument("filter", default="#")
def retained_list(data: str, as_json: bool, filter: str) -> None:
    """List retained messages whose topics match FILTER [all]."""
    after = None
    while True:
        page = _call(data, "mqtt.retained.list", filter=filter, after=after, most=None if as_json else SHOWN)
        for item in page["messages"]:
            if as_json:
                click.echo(json.dumps(item))
                continue
            payload = base64.b64decode(item["payload"])
            click.echo(f"{printable(item['topic'])}  {_shown(payload, item['size'])}")
        after = page["after"]
        if after is None:
            return


def _shown(payload: bytes, size: int) -> str:
    """A payload for a person, of which there may be more: text if it is, else its size and first bytes."""
    try:
        # what was cut off may have been the rest of a character
        text = codecs.getincrementaldecoder("utf-8")().decode(payload, size == len(payload))
    except UnicodeDecodeError:
        return f"({size} bytes: {payload[:16].hex(' ')}{' ...' if size > 16 else ''})"
    text = printable(text)
    return text if size <= SHOWN else f"{text}... ({size} bytes)"


@retained.command("clear")
@_data
@click.argument("filter")
def retained_clear(data: str, filter: str) -> None:
    """Remove retained messages whose topics match FILTER ('#' = all)."""
    count = _call(data, "mqtt.retained.clear", filter=filter)
    click.echo(f"{count} removed")


@mqtt.command()
@_data
@click.option("--forget", is_flag=True, help="end the session, too: subscriptions and messages that wait are gone")
@click.argument("client")
def kick(data: str, forget: bool, client: str) -> None:
    """Disconnect CLIENT."""
    if not _call(data, "mqtt.kick", client_id=client, forget=forget):
        raise StartupError(f"there is no client {client}", "", "those there are: socketworkers mqtt sessions")
    click.echo(f"{client} disconnected{' and forgotten' if forget else ''}")


@mqtt.command()
@_data
@_json
def status(data: str, as_json: bool) -> None:
    """Show counters of the broker."""
    found = _call(data, "mqtt.status")
    if as_json:
        click.echo(json.dumps(found))
        return
    bridges = found.pop("bridges", {})
    rows = {name.replace("_", " "): value for name, value in found.items()}
    rows |= {f"bridge {name}": problem or "connected" for name, problem in bridges.items()}
    width = max(map(len, rows))
    for name, value in rows.items():
        click.echo(f"{name:<{width}}  {value}")


mqtt.add_command(_commands.users("mqtt", stays="sessions stay"), "user")
