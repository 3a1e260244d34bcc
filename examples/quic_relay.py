"""A relay between TCP and QUIC: each TCP connection is a stream of one QUIC connection, and back.

Here:  run-app examples/quic_relay.py --port 5432 --to quic://db.example:4433
There: run-app examples/quic_relay.py --host 0.0.0.0 --insecure --quic-port 4433 --tls-cert C --tls-key K --to tcp://db:5432
"""

from dataclasses import dataclass
from typing import Any

from socketworkers import App, Context, Env, ListenerSpec, Socket, TlsOptions, connect
from socketworkers.settings import Settings, setting
from socketworkers.streams import pipe


@dataclass
class RelayConfig(Settings):
    to: str = setting("", help="where connections go: tcp://HOST:PORT or quic://HOST:PORT", metavar="URL")
    ca: str | None = setting(None, help="authorities that the other relay's certificate is of", metavar="FILE")


app = App(
    "relay",
    config=RelayConfig,
    listeners=(ListenerSpec("quic", "quic", "quic_port", "Relay over QUIC", tls="implicit", alpn=("relay",)),),
)


@app.connect
async def relay(socket: Socket, env: Env, ctx: Context) -> None:
    far = await onward(env)
    try:
        await pipe(socket, far)  # both ways, with back-pressure, half-close and resets passed on
    finally:
        await far.abort()


async def onward(env: Env) -> Socket:
    if not env.config.to.startswith("quic:"):
        return await connect(env.config.to, allow_half_open=True)
    known: Any = getattr(env, "trunk", None)  # a connection whose first stream stays open
    if known is None or known.signal.aborted or known.closed.settled:
        env.trunk = connect(env.config.to, tls=TlsOptions(alpn=("relay",), ca=env.config.ca))
    await env.trunk.ready
    stream: Socket = env.trunk.info.quic.session.open_stream()
    return stream


@app.on_stop
async def stop(env: Env) -> None:
    if getattr(env, "trunk", None) is not None:
        await env.trunk.abort()
