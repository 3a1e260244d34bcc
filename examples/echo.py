from socketworkers import App, Context, Env, Socket

app = App("echo", port=7777)


@app.connect
async def connect(socket: Socket, env: Env, ctx: Context) -> None:
    await socket.readable.pipe_to(socket.writable)
