"""Where every command ends: errors become at most three lines on stderr and an honest exit status.

Status 0: done. 1: it failed. 2: the command line or the configuration is wrong. 130: interrupted.
A traceback is printed with ``--debug`` (or ``SOCKETWORKERS_DEBUG=1``), or when the error is a fault of ours and no
everyday mistake.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from .. import mistakes
from ..errors import StartupError

__all__ = ["INTERRUPTED", "debugging", "execute", "print_error"]

#: What a shell shows for a program that SIGINT ended.
INTERRUPTED = 130


def debugging(args: Sequence[str]) -> bool:
    """Whether the user asked for tracebacks."""
    return "--debug" in args or bool(os.environ.get("SOCKETWORKERS_DEBUG"))


def execute(command: click.Command, program: str, args: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process with its status."""
    words = list(sys.argv[1:] if args is None else args)
    mistakes.invocation = [program, *words]
    debug = debugging(words)
    status = 0
    try:
        result = command.main(words, prog_name=program, standalone_mode=False)
        if isinstance(result, int):
            status = result
    except StartupError as error:
        if debug:
            traceback.print_exc()
        print_error(error.lines())
        status = error.exit_status
    except click.UsageError as error:
        print_error(_usage_lines(error))
        status = 2
    except click.ClickException as error:
        print_error([error.format_message()])
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        status = INTERRUPTED
    except BrokenPipeError:
        # `socketworkers list | head`: the reader has enough. Keep the interpreter from trying to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    if status == INTERRUPTED:
        # End by the signal itself: a shell then stops its script, as it does for other programs.
        _flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(status)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue


def _usage_lines(error: click.UsageError) -> list[str]:
    message = error.format_message().strip()
    lines = [message[:1].lower() + message[1:].rstrip(".")]
    if isinstance(error, click.NoSuchOption):
        lines = [f"no such option: {error.option_name}"]
        params = error.ctx.command.params if error.ctx is not None else []
        meant = mistakes.nearest(error.option_name, [flag for param in params for flag in param.opts])
        if meant:
            lines.append(f"did you mean {meant}?")
    if error.ctx is not None:
        lines.append(f"see {error.ctx.command_path} --help")
    return lines


def print_error(lines: Sequence[str]) -> None:
    """Print an error of one to three lines to stderr."""
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    label = "\x1b[1;31merror:\x1b[0m" if color else "error:"
    for number, line in enumerate(lines[:3]):
        print(f"{label if not number else '      '} {line}", file=sys.stderr)
