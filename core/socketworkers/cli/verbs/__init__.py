"""The verbs of ``socketworkers``; each lives in a module that is imported when it is called.

An app's package adds verbs with the entry-point group ``socketworkers.commands``: ``mail = "package.commands:mail"``
names a click command or group. Its module, too, is imported only when the verb is used.
"""

from __future__ import annotations

import importlib
from typing import Any

import click

from ...errors import StartupError
from ...mistakes import nearest

__all__ = ["COMMANDS", "LazyGroup", "group"]

#: The entry-point group for verbs of apps.
COMMANDS = "socketworkers.commands"

#: Verb, where it is (relative to this package), and one line for help.
_VERBS: dict[str, tuple[str, str]] = {
    "run": ("..run:command", "Run a server (the same as run-app)."),
    "list": (".listing:command", "List the installed apps."),
    "check": (".check:command", "Check a configuration; nothing is bound."),
    "config": (".config:command", "Print the settings of an app and where they come from."),
    "new": (".new:command", "Write the package of a new app."),
    "tunnel": (".tunnel:command", "Carry TCP over WebSocket: serve, connect."),
    "objects": (".objects:command", "List and dump Durable Objects."),
    "ready": (".ready:command", "Ask a server whether it is ready (for health checks)."),
    "hash-password": (".hash_password:command", "Make a line for a password file."),
    "cert": (".cert:command", "Make a certificate of a local authority."),
    "completion": (".completion:command", "Print the completion script of a shell."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_VERBS, *sorted(_plugins())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _VERBS.get(cmd_name)
        if place is not None:
            module, _, attribute = place[0].partition(":")
            found = getattr(importlib.import_module(module, __name__), attribute)
        else:
            plugin = _plugins().get(cmd_name)
            if plugin is None:
                return None
            found = _load_plugin(cmd_name, plugin)
        if not isinstance(found, click.Command):
            raise click.ClickException(f"{cmd_name} is not a command")
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None and not ctx.resilient_parsing:
            meant = nearest(name, self.list_commands(ctx))
            raise StartupError(
                f"there is no command {name!r}",
                f"did you mean {meant}?" if meant else "",
                f"see {ctx.command_path} --help",
                exit_status=2,
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, text) for name, (_, text) in _VERBS.items()]
        rows += [(name, f"Commands of {point.module.partition('.')[0]}.") for name, point in sorted(_plugins().items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _plugins() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=COMMANDS) if point.name not in _VERBS}


def _load_plugin(name: str, point: Any) -> object:
    try:
        return point.load()
    except ImportError as error:
        raise StartupError(f"the commands {name} cannot be imported", str(error), "the traceback: --debug") from error


@click.group(
    cls=LazyGroup,
    help="Servers that are not HTTP.",
    invoke_without_command=True,
    context_settings={"max_content_width": 80, "help_option_names": ["--help", "-h"]},
)
@click.option("--debug", is_flag=True, help="Tracebacks for all errors.")
@click.option("--version", is_flag=True, help="Print the version.")
@click.pass_context
def group(ctx: click.Context, debug: bool, version: bool) -> None:
    """The command ``socketworkers``."""
    if version:
        from importlib.metadata import version as version_of

        click.echo(f"socketworkers {version_of('socketworkers')}")
        ctx.exit()
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
