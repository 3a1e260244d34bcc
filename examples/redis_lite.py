"""redis_lite: PING, SET, GET over RESP. Run: run-app examples/redis_lite.py --port 6380"""

from __future__ import annotations

from socketworkers import App, ByteReader, Context, DurableObject, Env, LimitExceeded, Socket

MAX_ARGUMENTS = 64
MAX_ARGUMENT = 1 << 20


class Keys(DurableObject):  # one live instance for each name
    async def get(self, key: bytes) -> bytes | None:
        value: bytes | None = self.ctx.storage.get(key)
        return value

    async def set(self, key: bytes, value: bytes) -> None:
        self.ctx.storage.put(key, value)  # the caller goes on once this is on disk: the output gate


app = App("redis-lite", port=6380, objects={"KEYS": Keys})


@app.connect
async def connect(socket: Socket, env: Env, ctx: Context) -> None:
    reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
    keys = env.KEYS.get("default")
    while (arguments := await read_command(reader)) is not None:
        match [arguments[0].upper(), *arguments[1:]]:
            case [b"PING"]:
                reply = b"+PONG\r\n"
            case [b"SET", key, value]:
                await keys.set(key, value)
                reply = b"+OK\r\n"
            case [b"GET", key]:
                found = await keys.get(key)
                reply = b"$-1\r\n" if found is None else b"$%d\r\n%s\r\n" % (len(found), found)
            case _:
                reply = b"-ERR unknown command\r\n"
        await writer.write(reply)  # waits only while the peer is slow


async def read_command(reader: ByteReader) -> list[bytes] | None:
    """One command, an array of strings; None at the end of the connection."""
    line = await reader.read_line(limit=64)
    if not line:
        return None
    count = int(line[1:])
    if not 0 < count <= MAX_ARGUMENTS:
        raise LimitExceeded(f"more than {MAX_ARGUMENTS} arguments")
    arguments = []
    for _ in range(count):
        size = int((await reader.read_line(limit=64))[1:])
        if not 0 <= size <= MAX_ARGUMENT:
            raise LimitExceeded("an argument larger than 1 MiB")
        arguments.append((await reader.read_exactly(size + 2))[:-2])
    return arguments
