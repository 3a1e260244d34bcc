"""Traces of system calls, as ``strace -f`` writes them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

__all__ = ["Call", "calls_of", "can_trace"]

_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)", re.DOTALL)


def can_trace() -> bool:
    """Whether there is strace, and the right to trace."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, timeout=20).returncode == 0


@dataclass
class Call:
    """One system call: where in the trace it began and ended."""

    name: str
    text: str
    began: int
    ended: int
    ok: bool


def calls_of(trace: str) -> list[Call]:
    """The calls of a trace of several threads, in the order of their ends."""
    running: dict[str, Call] = {}
    found: list[Call] = []
    for number, line in enumerate(trace.splitlines()):
        match = _LINE.match(line)
        if match is None:
            continue
        thread, resumed, name, rest = match.groups()
        ok = re.search(r"\) += -1 ", rest) is None
        if resumed:
            call = running.pop(thread)
            call.ended, call.ok = number, ok
            call.text += rest
            found.append(call)
        elif rest.endswith("<unfinished ...>"):
            running[thread] = Call(name, rest, number, 1 << 60, False)
        else:
            found.append(Call(name, rest, number, number, ok))
    return found
