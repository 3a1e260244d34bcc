"""``socketworkers mqtt``: publish, subscribe, and look after a broker.

``pub`` and ``sub`` (in ``client.commands``) talk to any server. The others talk to the broker that works on the data
folder; when none runs, they open the files themselves under the folder's lock.
"""

from __future__ import annotations

import asyncio
import base64
import codecs
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import click

from socketworkers.errors import ProtocolError, StartupError

__all__ = ["mqtt"]

#: bytes of a payload that are listed
SHOWN = 60
#: ``-h`` is the host for people who know mosquitto_pub
_CONTEXT = {"help_option_names": ["--help"], "max_content_width": 80}


def _call(data: str, method: str, **arguments: Any) -> Any:
    """Run one method of ``admin`` in the server, or here."""
    from socketworkers.server import ControlError, control_call

    folder = Path(data)
    if not folder.is_dir():
        raise StartupError(
            f"there is no data folder {folder}",
            "sessions and retained messages lie where `run-app mqtt` was told with --data",
            "the default is ./.socketworkers/mqtt, relative to where it was started",
        )
    try:
        return control_call(folder, method, **arguments)
    except ControlError as error:
        raise StartupError(str(error)) from None
    except OSError:
        pass  # no server runs there
    try:
        return asyncio.run(_offline(folder, method, arguments))
    except (LookupError, ValueError, ProtocolError) as error:
        raise StartupError(str(error).strip("'\"")) from None


async def _offline(folder: Path, method: str, arguments: dict[str, Any]) -> Any:
    from socketworkers import Env
    from socketworkers.objects import ObjectRuntime
    from socketworkers.telemetry import Telemetry

    from . import app
    from .admin import METHODS
    from .config import MqttConfig
    from .mqtt import BROKER, Mqtt

    # no counters are published: nobody is connected
    env = Env(config=MqttConfig(data=str(folder), sys_interval=0), data_dir=folder, telemetry=Telemetry())
    runtime = ObjectRuntime(folder, app.objects, env)
    for name in app.objects:
        setattr(env, name, runtime.namespace(name))
    await runtime.start()
    try:
        env.mqtt = Mqtt(env)
        broker = env.BROKER.get(BROKER)
        await broker.serve()
        try:
            return await METHODS[method](env, **arguments)
        finally:
            await broker.stop()
    finally:
        await runtime.close()


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


_data = click.option(
    "--data", default=".socketworkers/mqtt", metavar="DIR", show_default=True, help="the broker's data folder"
)
_json = click.option("--json", "as_json", is_flag=True, help="one JSON object per line")


@click.group(cls=_Group, context_settings=_CONTEXT, help="Publish, subscribe, and look after a broker.")
def mqtt() -> None:
    """The group."""


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


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
            _printable(item["client_id"]),
            item["peer"] if item["connected"] else "away",
            {3: "3.1", 4: "3.1.1", 5: "5.0"}.get(item["version"], "?"),
            _printable(item["username"]) or "-",
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
            click.echo(f"{_printable(item['topic'])}  {_shown(payload, item['size'])}")
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
    text = _printable(text)
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


@mqtt.group()
def user() -> None:
    """Keep the users who may log in."""


@user.command("add")
@_data
@click.argument("name")
def user_add(data: str, name: str) -> None:
    """Add a user or change a password (asked for, or the first line of standard input)."""
    password = (
        click.prompt("Password", hide_input=True, confirmation_prompt=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\r\n")
    )
    if not password:
        raise StartupError("the password is empty", "", "give it on standard input, or type it on a terminal")
    Path(data).mkdir(parents=True, exist_ok=True, mode=0o700)
    new = _call(data, "mqtt.user.add", name=name, password=password)
    click.echo(f"user {name} {'added' if new else 'has a new password'}")


@user.command("rm")
@_data
@click.argument("name")
def user_rm(data: str, name: str) -> None:
    """Take a user away; sessions stay."""
    _call(data, "mqtt.user.rm", name=name)
    click.echo(f"user {name} removed")


@user.command("list")
@_data
def user_list(data: str) -> None:
    """List the users."""
    for name in _call(data, "mqtt.user.list"):
        click.echo(name)
