"""SOCKS5 (RFC 1928) without a login: CONNECT to public addresses. Run: run-app examples/socks5.py --port 1080"""

from ipaddress import IPv4Address, IPv6Address

from socketworkers import AddressError, App, ByteReader, Context, Env, Socket, SocketError, Timeouts, connect, pipe
from socketworkers.tunnel import public_address

app = App("socks5", port=1080, title="SOCKS5 proxy", tls_listener=False, ws_listener=False)
#: RFC 1928 §6
OK, NOT_ALLOWED, UNREACHABLE, COMMAND, ADDRESS_TYPE = 0, 2, 4, 7, 8
#: whoever uses this proxy may not go to this machine, and to none of its networks
ALLOW = public_address


async def read_request(reader: ByteReader) -> tuple[int, int, str, int]:
    """Command, problem, host and port (§4)."""
    _, command, _, kind = await reader.read_exactly(4)
    if kind == 1:
        host = str(IPv4Address(await reader.read_exactly(4)))
    elif kind == 4:
        host = str(IPv6Address(await reader.read_exactly(16)))
    elif kind == 3:
        host = (await reader.read_exactly((await reader.read_exactly(1))[0])).decode("ascii", "replace")
    else:
        return command, ADDRESS_TYPE, "", 0
    return command, OK, host, int.from_bytes(await reader.read_exactly(2), "big")


@app.connect
async def proxy(socket: Socket, env: Env, ctx: Context) -> None:
    reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
    socket.set_deadline(10)
    version, count = await reader.read_exactly(2)
    methods = await reader.read_exactly(count)
    if version != 5 or 0 not in methods:
        await writer.write(b"\x05\xff")  # §3: no method that is acceptable
        return
    await writer.write(b"\x05\x00")
    command, problem, host, port = await read_request(reader)
    socket.set_deadline(None)
    if not problem and command != 1:
        problem = COMMAND
    if not problem:
        try:
            other = await connect((host, port), allow_half_open=True, allow_address=ALLOW, timeouts=Timeouts(10))
        except AddressError:
            problem = NOT_ALLOWED
        except SocketError:
            problem = UNREACHABLE
    await writer.write(bytes((5, problem, 0, 1)) + bytes(6))
    reader.release_lock()
    writer.release_lock()
    if not problem:
        await pipe(socket, other)
