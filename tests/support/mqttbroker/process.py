"""The broker as a process."""

from __future__ import annotations

from tests.support.process import ServerProcess

__all__ = ["BrokerProcess"]


class BrokerProcess(ServerProcess):
    """One run of ``run-app mqtt``; it tells ``$SYS`` only if asked to."""

    app = "mqtt"
    fixed = ("--sys-interval", "0")
