"""Sends back what it gets: run-app examples/echo.py --port 7777."""

port = 7777


async def connect(socket, env, ctx):  # type: ignore[no-untyped-def]
    writer = socket.writable.get_writer()
    async for chunk in socket.readable:
        await writer.write(chunk)
