"""``socketworkers mail``: look at mail, export it, remove it, and keep users.

Talks to the server that works on the data folder; when none runs, opens the files itself under the folder's lock.
"""

from __future__ import annotations

import base64
import mailbox as mailboxes
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from socketworkers.commands import DataCommands, Method, offline_env, printable

if TYPE_CHECKING:
    from socketworkers import Env

__all__ = ["mail"]


@asynccontextmanager
async def _open(folder: Path) -> AsyncIterator[Env]:
    from . import app
    from .config import SmtpConfig
    from .mail import Mail

    # what is still on its way is delivered; bounds are the server's affair, so none applies here
    async with offline_env(app, SmtpConfig(data=str(folder), catch_all_limit=1 << 62), folder) as env:
        env.mail = Mail(env)
        await env.mail.start()
        yield env


def _methods() -> Mapping[str, Method]:
    from .admin import METHODS

    return METHODS


_commands = DataCommands("smtp", keeps="mail lies", methods=_methods, open=_open)
_call, _data = _commands.call, _commands.option


@click.group(help="Look at mail, export it, remove it, and keep users.")
def mail() -> None:
    """The group."""


@mail.command("list")
@_data
@click.option("--json", "as_json", is_flag=True, help="one JSON object per line")
@click.argument("address", required=False)
def list_(data: str, as_json: bool, address: str | None) -> None:
    """List messages, oldest first; of one ADDRESS if it is given."""
    found = _call(data, "mail.list", address=address)
    if as_json:
        import json

        for item in found:
            click.echo(json.dumps(item))
        return
    for item in found:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item["received"]))
        sender = printable(item["sender"] or "<>")
        click.echo(f"{item['id']}  {when}  {item['size']:>9}  {sender} -> {printable(item['recipient'])}")
    if not found and sys.stdout.isatty():
        click.echo("no messages", err=True)


@mail.command()
@_data
@click.argument("id")
def show(data: str, id: str) -> None:
    """Write a message to standard output, byte for byte."""
    content = base64.b64decode(_call(data, "mail.show", id=id)["content"])
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


@mail.command()
@_data
@click.option(
    "--format", "kind", type=click.Choice(["eml", "mbox", "maildir"]), default="eml", show_default=True, help="form"
)
@click.option("--address", metavar="ADDRESS", help="only mail for this address")
@click.argument("target", type=click.Path())
def export(data: str, kind: str, address: str | None, target: str) -> None:
    """Copy messages to TARGET: a folder (eml, maildir) or a file (mbox)."""
    found = _call(data, "mail.list", address=address)
    ids = list({item["id"]: item["mailbox"] for item in found}.items())

    def contents() -> Iterable[tuple[str, float, bytes, str]]:
        for number, (id, mailbox) in enumerate(ids, 1):
            item = _call(data, "mail.show", id=id, mailbox=mailbox)
            yield id, item["received"], base64.b64decode(item["content"]), item["sender"]
            if sys.stderr.isatty() and (number % 50 == 0 or number == len(ids)):
                click.echo(f"\r{number} of {len(ids)}", nl=number == len(ids), err=True)

    count = _EXPORTS[kind](contents(), Path(target))
    click.echo(f"{count} messages written to {target}")


def _to_eml(contents: Iterable[tuple[str, float, bytes, str]], target: Path) -> int:
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    for id, _, content, _ in contents:
        (target / f"{id}.eml").write_bytes(content)
        count += 1
    return count


def _to_mbox(contents: Iterable[tuple[str, float, bytes, str]], target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    box = mailboxes.mbox(target)
    try:
        for _, received, content, sender in contents:
            # as bytes: a parsed message would not come out as it went in
            who = "".join(sender.split()).encode("utf-8", "replace") or b"MAILER-DAEMON"
            when = time.asctime(time.gmtime(received)).encode("ascii")
            box.add(b"From " + who + b" " + when + b"\n" + content.replace(b"\r\n", b"\n"))
            count += 1
        box.flush()
    finally:
        box.close()
    return count


def _to_maildir(contents: Iterable[tuple[str, float, bytes, str]], target: Path) -> int:
    from .maildir import Maildir

    return Maildir(target).deliver((id, received, content, b"") for id, received, content, _ in contents)


_EXPORTS: dict[str, Callable[[Iterable[tuple[str, float, bytes, str]], Path], int]] = {
    "eml": _to_eml,
    "mbox": _to_mbox,
    "maildir": _to_maildir,
}


@mail.command()
@_data
@click.option("--all", "everything", is_flag=True, help="every message")
@click.argument("ids", nargs=-1)
def rm(data: str, everything: bool, ids: tuple[str, ...]) -> None:
    """Remove messages for good."""
    if not everything and not ids:
        raise click.UsageError("which messages? name their ids, or --all")
    count = _call(data, "mail.rm", ids=list(ids), all=everything)
    click.echo(f"{count} removed")


mail.add_command(_commands.users("mail", stays="the mail stays"), "user")
