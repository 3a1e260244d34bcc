"""``run-app APP``: finds the app, gives it its own options, and runs it.

APP may stand anywhere among the options that every app has. The options depend on it, so it is found first and the
rest is parsed by a command made for that app; ``check`` and ``config`` use the same :class:`TargetCommand`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ..settings import Settings, settings_of
from .helptext import Entry, entries_of, render
from .options import COMMON_ENTRIES, AppCommand, given, value_flags

if TYPE_CHECKING:
    from ..worker import App

__all__ = ["TargetCommand", "command", "load_settings", "run", "split_target"]


def split_target(args: Sequence[str]) -> tuple[str | None, list[str]]:
    """The app among the arguments, and the arguments without it."""
    takes_value = value_flags()
    skip = False
    for index, word in enumerate(args):
        if skip:
            skip = False
        elif word.startswith("-") and len(word) > 1:
            skip = word in takes_value
        else:
            return word, [*args[:index], *args[index + 1 :]]
    return None, list(args)


def load_settings(app: App, params: dict[str, Any]) -> Settings:
    """The app's settings from all layers.

    Raises:
        StartupError: an unknown key or a wrong value.
    """
    from ..config import load
    from .loading import installed_names
    from .options import app_settings

    file = params.get("config_file")
    return load(
        app.config,
        app.name,
        command_line=given(app_settings(app), params),
        file=Path(file) if file else None,
        defaults={"port": app.port},
        other_apps=[name for name in installed_names() if name != app.name],
    )


class TargetCommand(click.Command):
    """A command whose first argument is an app and whose options are that app's.

    Args:
        name: the verb.
        act: called as ``act(app, settings, params)``; its result is the exit status.
        title: one line for help.
        extra: options of the verb itself, made anew for each use.
        examples: lines at the end of help.
    """

    def __init__(
        self,
        name: str,
        act: Callable[[App, Settings, dict[str, Any]], int | None],
        *,
        title: str,
        extra: Callable[[], list[tuple[click.Option, Entry]]] = list,
        examples: Sequence[str] = (),
    ) -> None:
        super().__init__(
            name,
            params=[click.Argument(["words"], nargs=-1, type=click.UNPROCESSED, shell_complete=self._complete)],
            callback=self._call,
            context_settings={"ignore_unknown_options": True, "help_option_names": []},
            short_help=title,
        )
        self.act = act
        self.title = title
        self.extra = extra
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Nothing is parsed here: what the words mean depends on the app.
        ctx.params["words"] = tuple(args)
        return []

    def _call(self, words: tuple[str, ...]) -> Any:
        ctx = click.get_current_context()
        target, rest = split_target(words)
        if target is None:
            if not rest or "--help" in rest or "--help-all" in rest:
                click.echo(self.help_text(ctx.command_path, everything="--help-all" in rest))
                return 0 if rest else 2
            raise click.UsageError("which app? give its name, module:attr or path.py", ctx)
        from .loading import load_app

        inner = self.for_app(target, load_app(target))
        return inner.main(rest, prog_name=f"{ctx.command_path} {target}", standalone_mode=False)

    def for_app(self, target: str, app: App) -> AppCommand:
        """The command with the options of one app."""

        def callback(**params: Any) -> int | None:
            return self.act(app, load_settings(app, params), params)

        title = app.title if self.name == "run" else f"{app.title}. {self.title}"
        return AppCommand(target, app, callback, extra=self.extra(), title=title)

    def help_text(self, path: str, *, everything: bool) -> str:
        """Help without an app: the options that every app has."""
        items = [item for item in settings_of(Settings) if not item.name.endswith("_port") and item.name[:3] != "ws_"]
        entries = [*(entry for _, entry in self.extra()), *entries_of(items, {"port": -1}), *COMMON_ENTRIES]
        title = (
            f"{self.title} APP is a name from `socketworkers list`, module:attr or path.py; it adds options of its own."
        )
        return render(f"{path} APP [OPTIONS]", title, entries, everything=everything, examples=self.examples)

    def get_help(self, ctx: click.Context) -> str:
        return self.help_text(ctx.command_path, everything=False)

    def _complete(self, ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return self.shell_complete(ctx, incomplete)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from .loading import installed_names, load_app

        target, _ = split_target(ctx.params.get("words", ()))
        if target is None and not incomplete.startswith("-"):
            names = [CompletionItem(name) for name in installed_names() if name.startswith(incomplete)]
            return [*names, CompletionItem(incomplete, type="file")]
        entries: Sequence[Entry] = entries_of(settings_of(Settings), {})
        if target is not None:
            try:
                entries = self.for_app(target, load_app(target)).entries
            except Exception:
                return []
        return [CompletionItem(entry.flag, help=entry.text) for entry in entries if entry.flag.startswith(incomplete)]


def run(app: App, settings: Settings, params: dict[str, Any]) -> int:
    """Run a server with logs and metrics until a signal; its exit status."""
    from ..observe import setup
    from ..observe.access import log_events
    from ..process import Companion
    from ..process import run as run_app
    from ..telemetry import Telemetry

    telemetry = Telemetry()
    writer = setup(settings.log_level, settings.log_format)
    log_events(telemetry)
    try:
        companions: list[Companion] = []
        if settings.metrics is not None:
            from ..observe.endpoint import MetricsEndpoint

            companions.append(MetricsEndpoint(settings.metrics))
        return run_app(app, settings, telemetry=telemetry, companions=companions)
    finally:
        writer.close()


command = TargetCommand(
    "run",
    run,
    title="Run a server.",
    examples=["run-app smtp --port 2525", "run-app ./echo.py --port 7777"],
)
