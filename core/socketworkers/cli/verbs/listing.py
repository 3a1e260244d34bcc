"""``socketworkers list``: the installed apps with name, port, package and one line."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("list", short_help="List the installed apps.")
def command() -> None:
    """List the installed apps: name, default port, package, what it is."""
    from ...errors import StartupError
    from ..loading import installed_apps, load_app

    rows = []
    for name, point in installed_apps().items():
        package = point.dist.name if point.dist else point.module.partition(".")[0]
        try:
            app = load_app(name)
            rows.append((name, str(app.port or "-"), package, app.title))
        except StartupError as error:
            rows.append((name, "-", package, f"cannot be loaded: {error.why or error.what}"))
    if not rows:
        click.echo("no app is installed; socketworkers new NAME writes one")
        return
    rows.insert(0, ("NAME", "PORT", "PACKAGE", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False))
        click.echo(f"{line}  {row[3]}".rstrip())
