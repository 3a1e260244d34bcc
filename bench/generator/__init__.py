"""Load generators in C, compiled when a benchmark runs: one in Python would be the limit that is measured."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

__all__ = ["compiled"]


@functools.cache
def compiled(name: str) -> str:
    """The program made of ``name``.c, in a folder that goes when this process ends.

    Raises:
        SystemExit: there is no C compiler, or it refuses the source.
    """
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise SystemExit("this benchmark needs a C compiler for its generator: install gcc or clang, or set CC")
    folder = tempfile.mkdtemp(prefix="bench-generator-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source, program = Path(__file__).with_name(f"{name}.c"), f"{folder}/{name}"
    done = subprocess.run(
        [*compiler.split(), "-O2", "-o", program, str(source)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{compiler} could not compile {source.name}:\n{done.stderr}")
    return program
