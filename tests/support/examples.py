"""The files in ``examples/`` as modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

__all__ = ["EXAMPLES", "example"]

EXAMPLES = Path(__file__).parents[2] / "examples"
#: lines that an example may have
MOST_LINES = 60


def example(name: str) -> ModuleType:
    """A fresh import of an example, which must be short."""
    path = EXAMPLES / f"{name}.py"
    assert len(path.read_text().splitlines()) <= MOST_LINES
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    return module
