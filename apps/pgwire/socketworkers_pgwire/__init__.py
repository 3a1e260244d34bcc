"""A PostgreSQL-compatible database as a Socket Worker: psql, drivers and ORMs connect; one SQLite file a database."""

from __future__ import annotations

from socketworkers import App, Context, Env, ListenerSpec, Socket

from .admin import METHODS
from .config import PgwireConfig, check, exposure_check, try_command
from .object import ClusterObject, DatabaseObject

__all__ = ["PgwireConfig", "app"]

#: what clients over the limit of connections are told: an ErrorResponse (PostgreSQL 15 documentation §55.7), as
#: ProcessStartupPacket gives it
_FULL = b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0"

app = App(
    "pgwire",
    port=5432,
    objects={"CLUSTER": ClusterObject, "DATABASE": DatabaseObject},
    config=PgwireConfig,
    title="PostgreSQL",
    scheme="postgresql",
    refusal=b"E" + (4 + len(_FULL)).to_bytes(4) + _FULL,
    alpn=("postgresql",),
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


for _name, _method in METHODS.items():
    app.control(_name)(_method)
