"""A DNS forwarder with a cache, over UDP and TCP. Run: run-app examples/dns_forwarder.py --upstream 9.9.9.9:53"""

import asyncio
import os
import struct
import time
from dataclasses import dataclass

from socketworkers import App, Context, Env, ListenerSpec, ProtocolError, Socket, connect
from socketworkers.settings import Settings, setting


@dataclass
class DnsConfig(Settings):
    upstream: str = setting("127.0.0.53:53", help="the resolver to ask", metavar="HOST:PORT")


app = App("dns", port=5300, config=DnsConfig, listeners=(ListenerSpec("udp", "udp", "port", "DNS over UDP"),))
cache: dict[tuple[str, bytes], tuple[float, bytes]] = {}


@app.connect
async def serve(socket: Socket, env: Env, ctx: Context) -> None:
    reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
    if ctx.listener.scheme == "udp":  # a flow for each query: clients take another port for the next one
        await writer.write(await answer(await reader.read(), env.config.upstream, "udp"))
        return
    while await reader.peek():  # RFC 1035 §4.2.2: messages behind their length
        query = await reader.read_exactly(*struct.unpack("!H", await reader.read_exactly(2)))
        await writer.write(framed(await answer(query, env.config.upstream, "tcp")))


async def answer(query: bytes, upstream: str, scheme: str) -> bytes:
    if not 12 < len(query) < 1024 or query[2] & 0x80:
        raise ProtocolError("not a query")
    expires, kept = cache.get((scheme, query[2:]), (0.0, b""))
    if expires > time.monotonic():
        return query[:2] + kept
    asked = os.urandom(2) + query[2:]  # RFC 5452 §9: an identifier that nobody can guess
    try:
        async with asyncio.timeout(5), connect(f"{scheme}://{upstream}") as resolver:
            reader, writer = resolver.readable.get_reader(), resolver.writable.get_writer()
            await writer.write(asked if scheme == "udp" else framed(asked))
            size = -1 if scheme == "udp" else struct.unpack("!H", await reader.read_exactly(2))[0]
            while (reply := await (reader.read() if size < 0 else reader.read_exactly(size)))[:2] != asked[:2]:
                pass
    except (OSError, EOFError):
        return query[:2] + b"\x80\x02" + query[4:]  # SERVFAIL
    if len(cache) >= 10_000:
        cache.clear()
    cache[scheme, query[2:]] = (time.monotonic() + 5, reply[2:])  # less than any sensible TTL
    return query[:2] + reply[2:]


def framed(message: bytes) -> bytes:
    return struct.pack("!H", len(message)) + message
