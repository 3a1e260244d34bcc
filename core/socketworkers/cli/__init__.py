"""The command line: ``run-app APP`` and ``socketworkers VERB``.

Everything is imported when it is used: ``--help`` loads click, the common settings and nothing of the runtime (a test
holds that). The two functions here are the installed commands.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main", "run_app"]


def main(args: Sequence[str] | None = None) -> None:
    """``socketworkers VERB ...``; ends the process."""
    from .boundary import execute
    from .verbs import group

    execute(group, "socketworkers", args)


def run_app(args: Sequence[str] | None = None) -> None:
    """``run-app APP [OPTIONS]``, which is ``socketworkers run``; ends the process."""
    from .boundary import execute
    from .run import command

    execute(command, "run-app", args)
