"""A port of this machine that leads through a tunnel, as ``socketworkers tunnel connect`` does, in one handler.

Run: socketworkers tunnel serve --allow localhost:5432, and: run-app examples/forward.py --port 5433
"""

from dataclasses import dataclass

from socketworkers import App, Context, Env, Socket, connect, pipe
from socketworkers.settings import Settings, setting


@dataclass
class ForwardConfig(Settings):
    to: str = setting("ws://127.0.0.1:8080/v1?address=localhost:5432", help="where to", metavar="URL")


app = App("forward", port=5433, config=ForwardConfig, tls_listener=False, ws_listener=False)


@app.connect
async def forward(socket: Socket, env: Env, ctx: Context) -> None:
    async with connect(env.config.to, allow_half_open=True, subprotocols=("tcp-halfclose.v1",)) as other:
        await pipe(socket, other)
