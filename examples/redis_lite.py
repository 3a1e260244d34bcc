"""redis_lite: PING, SET, GET over RESP. Run: run-app examples/redis_lite.py --port 6380"""

from __future__ import annotations

from socketworkers import App, ByteReader, Context, DurableObject, Env, LimitExceeded, Socket


class Keys(DurableObject):
    """One live instance per name; what it returns waits for what it wrote."""

    async def get(self, key: bytes) -> bytes | None:
        """The value, None if there is none."""
        value: bytes | None = self.ctx.storage.get(key)
        return value

    async def set(self, key: bytes, value: bytes) -> None:
        """Keep a value; on disk once this has returned."""
        self.ctx.storage.put(key, value)


app = App("redis-lite", port=6380, objects={"KEYS": Keys})


@app.connect
async def connect(socket: Socket, env: Env, ctx: Context) -> None:
    """One client."""
    reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
    keys = env.KEYS.get("default")
    while (args := await read_command(reader)) is not None:
        match [args[0].upper(), *args[1:]]:
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
        await writer.write(reply)


async def read_command(reader: ByteReader) -> list[bytes] | None:
    """The words of the next command; None at the end."""
    line = await reader.read_line(limit=64)
    if not line:
        return None
    count = int(line[1:])
    if not 1 <= count <= 64:
        raise LimitExceeded("a command has 1 to 64 words")
    args = []
    for _ in range(count):
        size = int((await reader.read_line(limit=64))[1:])
        if not 0 <= size <= 1 << 20:
            raise LimitExceeded("a word has 1 MiB at most")
        args.append((await reader.read_exactly(size + 2))[:-2])
    return args
