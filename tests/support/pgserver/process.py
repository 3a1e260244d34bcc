"""The database server as a process."""

from __future__ import annotations

from typing import ClassVar

from tests.support.process import ServerProcess

__all__ = ["PgwireProcess"]


class PgwireProcess(ServerProcess):
    """One run of ``run-app pgwire``."""

    app: ClassVar[str] = "pgwire"

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.port
