"""Where the suites come from: source distributions of what is installed, or a folder that the caller has."""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

__all__ = ["python_source"]


def python_source(package: str) -> Path:
    """The source tree of the installed version of a package, kept outside the checkout between runs."""
    release = version(package)
    folder = Path(tempfile.gettempdir()) / f"socketworkers-suites-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    assert folder.stat().st_uid == os.getuid()
    tree = folder / f"{package}-{release}"
    if not tree.exists():
        tools = [word for name in ("pip", "setuptools>=80", "wheel", "cython") for word in ("--with", name)]
        download = ["--no-deps", "--no-binary=:all:", "--no-build-isolation", "-d", str(folder)]
        command = ["uv", "run", "-q", "--no-project", *tools, "python", "-m", "pip", "download", "-q", *download]
        subprocess.run([*command, f"{package}=={release}"], check=True, timeout=600, cwd=folder)
        with tarfile.open(folder / f"{package}-{release}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return tree
