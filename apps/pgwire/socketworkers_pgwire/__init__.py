"""A PostgreSQL-compatible database as a Socket Worker: psql, drivers and ORMs connect; one SQLite file a database."""

from __future__ import annotations

from socketworkers import App, Context, Env, ListenerSpec, Socket

from .config import PgwireConfig, check, exposure_check, try_command
from .object import ClusterObject, DatabaseObject

__all__ = ["PgwireConfig", "app"]

app = App(
    "pgwire",
    port=5432,
    objects={"CLUSTER": ClusterObject, "DATABASE": DatabaseObject},
    config=PgwireConfig,
    title="PostgreSQL",
    scheme="postgresql",
    listeners=(ListenerSpec("ws", "ws", "ws_port", "PostgreSQL over WebSocket"),),
)
app.check = check
app.exposure_check = exposure_check
app.try_command = try_command


@app.on_start
async def _start(env: Env) -> None:
    from .server import Server

    env.pgwire = Server(env)
    await env.pgwire.start()


@app.on_stop
async def _stop(env: Env) -> None:
    await env.pgwire.stop()


@app.connect
async def _connect(socket: Socket, env: Env, ctx: Context) -> None:
    from .worker import Link

    await Link(env.pgwire, socket, ctx).run()
