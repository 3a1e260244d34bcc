"""The database server as a process."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import ClassVar

from tests.support.process import ServerProcess

__all__ = ["PgwireProcess", "installed"]


class PgwireProcess(ServerProcess):
    """One run of ``run-app pgwire``."""

    app: ClassVar[str] = "pgwire"

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.port


def installed() -> bool:
    """Whether ``run-app`` knows the app."""
    return any(each.name == "pgwire" for each in entry_points(group="socketworkers.apps"))
