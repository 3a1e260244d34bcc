"""A worker with a protocol of its own that answers with rows of a remote PostgreSQL, by an unmodified asyncpg.

A request is a line with a city's name, the answer a line with its people. The database is reached directly, or through
a tunnel beside it: the code is the same, ``--database`` is tcp://db:5432 or wss://tunnel.example.org/v1?address=db:5432
"""

from dataclasses import dataclass

import asyncpg

from socketworkers import App, Context, Env, Socket
from socketworkers.connectors import Connector
from socketworkers.settings import Settings, setting


@dataclass
class CityConfig(Settings):
    database: str = setting("tcp://127.0.0.1:5432", help="where PostgreSQL is", metavar="URL")
    user: str = setting("app", help="its user, and the name of the database", metavar="NAME")
    password: str = setting("", help="the user's; better in the environment", metavar="TEXT", secret=True)


app = App("cities", port=7100, title="Cities", config=CityConfig)


@app.on_start
async def start(env: Env) -> None:
    config = env.config
    env.connector = Connector(config.database)
    env.pool = await asyncpg.create_pool(
        user=config.user, password=config.password, database=config.user, min_size=0, **env.connector.asyncpg()
    )


@app.on_stop
async def stop(env: Env) -> None:
    await env.pool.close()
    await env.connector.close()


@app.connect
async def cities(socket: Socket, env: Env, ctx: Context) -> None:
    reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
    while line := await reader.read_line(limit=200):
        name = line.decode("utf-8", "replace").strip()
        try:
            people = await env.pool.fetchval("SELECT people FROM city WHERE name = $1", name)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            ctx.log.warning("the database: %s", error)
            await writer.write(b"! the database cannot be asked now\n")
        else:
            await writer.write(b"? unknown\n" if people is None else f"{name}: {people:,} people\n".encode())
