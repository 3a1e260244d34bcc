"""``socketworkers pg``: keep the users and databases of a server.

They talk to the server that works on the data folder; when none runs, they open the files themselves under the folder's
lock.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from socketworkers.commands import DataCommands, Method, offline_env, printable

if TYPE_CHECKING:
    from socketworkers import Env

__all__ = ["pg"]


@asynccontextmanager
async def _open(folder: Path) -> AsyncIterator[Env]:
    from . import app
    from .config import PgwireConfig
    from .object import CLUSTER
    from .server import Server

    async with offline_env(app, PgwireConfig(data=str(folder)), folder) as env:
        env.pgwire = server = Server(env)
        server.cluster = await env.CLUSTER.get(CLUSTER).serve()
        try:
            yield env
        finally:
            await server.stop()


def _methods() -> Mapping[str, Method]:
    from .admin import METHODS

    return METHODS


_commands = DataCommands("pgwire", keeps="databases lie", methods=_methods, open=_open)
_call, _data = _commands.call, _commands.option


@click.group(context_settings={"max_content_width": 80})
def pg() -> None:
    """Keep the users and databases of a PostgreSQL server of ours."""


@pg.group()
def database() -> None:
    """List, create and drop databases."""


@database.command("list")
@_data
@click.option("--json", "as_json", is_flag=True, help="one JSON object per line")
def database_list(data: str, as_json: bool) -> None:
    """List the databases with their owners, sizes, sessions and files."""
    found = _call(data, "pg.database.list")
    if as_json:
        for item in found:
            click.echo(json.dumps(item))
        return
    head = ("NAME", "OWNER", "BYTES", "SESSIONS", "FILE")
    rows = [
        head,
        *(
            (printable(item["name"]), printable(item["owner"]), str(item["size"]), str(item["sessions"]), item["file"])
            for item in found
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@database.command("create")
@_data
@click.option("--owner", default="postgres", show_default=True, help="who owns it")
@click.argument("name")
def database_create(data: str, owner: str, name: str) -> None:
    """Create a database."""
    Path(data).mkdir(parents=True, exist_ok=True, mode=0o700)
    _call(data, "pg.database.create", name=name, owner=owner)
    click.echo(f"database {name} created")


@database.command("drop")
@_data
@click.option("--force", is_flag=True, help="end the sessions that use it")
@click.argument("name")
def database_drop(data: str, force: bool, name: str) -> None:
    """Delete a database and all that is in it."""
    _call(data, "pg.database.drop", name=name, force=force)
    click.echo(f"database {name} dropped")


pg.add_command(_commands.users("pg", stays="users that own something cannot go"), "user")
