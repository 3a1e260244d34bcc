"""Click options made from an app's settings, and back: what was given on the command line, by setting.

Values stay text here; the loader converts them, so that a wrong value reads the same wherever it was given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..settings import Setting, Settings, settings_of
from .helptext import Entry, entries_of, render

if TYPE_CHECKING:
    from ..worker import App

__all__ = ["COMMON_ENTRIES", "AppCommand", "app_settings", "given"]

#: Options that are no settings.
COMMON_ENTRIES = (
    Entry("--config", "FILE", "configuration [socketworkers.toml, if there is one]"),
    Entry("--debug", "", "tracebacks for all errors", advanced=True),
)


def app_settings(app: App) -> list[Setting]:
    """The settings that this app really has: a port without a listener, or WebSocket without one, is not announced."""
    ports = {listener.port_setting for listener in app.listeners} | {"port"}
    websocket = any(listener.websocket for listener in app.listeners)
    udp = any(listener.scheme == "udp" for listener in app.listeners)
    return [
        item
        for item in settings_of(app.config)
        if (udp or item.name not in ("flow_timeout", "max_flows"))
        and (
            item.name in ports
            or not item.common
            or not (item.name.endswith("_port") or item.name.startswith("ws_"))
            or (websocket and not item.name.endswith("_port"))
        )
    ]


def _option(item: Setting) -> click.Option:
    if item.kind == "bool":
        return click.Option([item.name, f"{item.flag}/--no-{item.flag.removeprefix('--')}"], default=None)
    return click.Option(
        [item.name, item.flag], default=None, multiple=item.multiple, metavar=item.metavar, type=click.STRING
    )


class AppCommand(click.Command):
    """A command about one app: it takes all of the app's options.

    Args:
        name: the app as the user named it.
        app: the app.
        callback: called with (app, texts by setting, file or None, the command's own parameters).
        extra: further options of the command itself, with their help.
        hidden: settings that the command has no option for.
    """

    def __init__(
        self,
        name: str,
        app: App,
        callback: Any,
        *,
        extra: Sequence[tuple[click.Option, Entry]] = (),
        title: str = "",
        hidden: Collection[str] = (),
    ) -> None:
        self.app = app
        self.items = [item for item in app_settings(app) if item.name not in hidden]
        self.title = title or app.title
        #: lines at the end of help
        self.examples: Sequence[str] = ()
        self.entries = [*(entry for _, entry in extra), *entries_of(self.items, {"port": app.port}), *COMMON_ENTRIES]
        params: list[click.Parameter] = [
            *(option for option, _ in extra),
            *(_option(item) for item in self.items if item.kind != "table"),
            click.Option(["config_file", "--config"], type=click.STRING),
            click.Option(["--debug"], is_flag=True, expose_value=False),
            click.Option(["--help-all"], is_flag=True, is_eager=True, expose_value=False, callback=_help_all),
        ]
        super().__init__(name, params=params, callback=callback)

    def get_help(self, ctx: click.Context) -> str:
        return self.help_text(ctx.command_path, everything=False)

    def help_text(self, path: str, *, everything: bool) -> str:
        """The short or the whole help."""
        return render(f"{path} [OPTIONS]", self.title, self.entries, everything=everything, examples=self.examples)


def _help_all(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing and isinstance(ctx.command, AppCommand):
        click.echo(ctx.command.help_text(ctx.command_path, everything=True))
        ctx.exit()


def given(items: Sequence[Setting], params: Mapping[str, Any]) -> dict[str, str | Sequence[str]]:
    """What the command line says, by setting; settings that were not given are absent."""
    found: dict[str, str | Sequence[str]] = {}
    for item in items:
        value = params.get(item.name)
        if value is None or value == ():
            continue
        found[item.name] = ("true" if value else "false") if isinstance(value, bool) else value
    return found


def value_flags(cls: type[Settings] = Settings) -> frozenset[str]:
    """The options that take a value, of every app: needed to find APP behind them."""
    return frozenset({"--config", *(item.flag for item in settings_of(cls) if item.kind != "bool")})
