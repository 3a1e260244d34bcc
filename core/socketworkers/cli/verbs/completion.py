"""``socketworkers completion SHELL``: the script that a shell reads to complete our commands."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of bash, zsh or fish.

    bash: eval "$(socketworkers completion bash)" in ~/.bashrc;
    zsh: the same in ~/.zshrc; fish: socketworkers completion fish | source
    """
    from click.shell_completion import get_completion_class

    from ..run import command as run_command
    from . import group

    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover - click knows all three
        raise click.ClickException(f"click does not know {shell}")
    programs: tuple[tuple[click.Command, str], ...] = ((group, "socketworkers"), (run_command, "run-app"))
    for cli, program in programs:
        variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
        completion = kind(cli, {}, program, variable)
        # Not .source(), which runs bash to ask for its version: the script is the same for all that click supports.
        click.echo(completion.source_template % completion.source_vars())
