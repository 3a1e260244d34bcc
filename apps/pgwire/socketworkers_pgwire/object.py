"""``DatabaseObject`` and ``ClusterObject``: each database, and what all share, as a Durable Object with a file."""

from __future__ import annotations

from typing import Any

import apsw

from socketworkers import DurableObject

from .cluster import MIGRATIONS, Cluster

__all__ = ["CLUSTER", "ClusterObject", "DatabaseObject"]

#: id of the one cluster
CLUSTER = "cluster"


class ClusterObject(DurableObject):
    """Roles and databases."""

    migrations = MIGRATIONS

    cluster: Cluster

    async def start(self) -> None:
        """Read what there is."""
        self.cluster = Cluster(self.ctx.storage, self.env.pgwire.owner)

    async def serve(self) -> Cluster:
        """The shared state, which stays in memory as long as the server runs."""
        self.ctx.wait_until(self.env.pgwire.stopped())
        return self.cluster


def _install(connection: apsw.Connection) -> None:
    from .engine.opening import install_catalogue

    if connection.db_filename("main"):  # a database in memory has a file of its own, which begins as a copy
        install_catalogue(connection)


class DatabaseObject(DurableObject):
    """One database."""

    migrations = (_install,)

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self._kept = False

    async def start(self) -> None:
        """Open the connections."""
        self.database = await self.env.pgwire.open_database(self.ctx.id, self.ctx.storage)

    async def serve(self, link: Any, login: Any) -> None:
        """Serve one session until it is over."""
        if not self._kept:  # counters and caches live in memory: it stays until the server ends or it is dropped
            self._kept = True
            self.ctx.wait_until(self._keep())
        await self.env.pgwire.serve_session(self.database, link, login)

    async def _keep(self) -> None:
        try:
            await self.database.closed.wait()
        finally:
            self.database.close()
