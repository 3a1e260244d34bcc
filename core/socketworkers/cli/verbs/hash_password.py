"""``socketworkers hash-password``: the line of a credentials file, in the one format of all apps."""

from __future__ import annotations

import sys

import click

__all__ = ["command", "read_password"]


def read_password(prompt: str = "Password") -> str:
    """A password: asked for twice on a terminal, else the first line of standard input.

    Raises:
        click.UsageError: it is empty.
    """
    if sys.stdin.isatty():
        password: str = click.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("the password is empty")
    return password


@click.command(short_help="Make a line for a password file.")
@click.argument("name")
def command(name: str) -> None:
    """Make the line of user NAME for a password file.

    The password is asked for, or read from standard input; it is never an argument, which other users could see.
    """
    from ...errors import StartupError
    from ...sasl import Credentials

    users = Credentials()
    try:
        users.set_password(name, read_password())
    except ValueError as error:
        raise StartupError(f"no credentials for {name!r}", str(error), exit_status=2) from error
    for user in users:
        verifier, _ = users.lookup(user)
        click.echo(f"{user}:{verifier}")
