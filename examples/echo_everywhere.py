"""Echo over TCP, TLS, WebSocket, UDP and QUIC, all from one handler.

Run: run-app examples/echo_everywhere.py --tls auto --tls-port 7778 --ws-port 7779 --udp-port 7777 --quic-port 7780
"""

from socketworkers import App, Context, Env, ListenerSpec, Socket

app = App(
    "echo",
    port=7777,
    listeners=(
        ListenerSpec("ws", "ws", "ws_port", "Echo over WebSocket"),
        ListenerSpec("udp", "udp", "udp_port", "Echo over UDP"),
        ListenerSpec("quic", "quic", "quic_port", "Echo over QUIC", tls="implicit", alpn=("echo",)),
    ),
)


@app.connect
async def connect(socket: Socket, env: Env, ctx: Context) -> None:
    writer = socket.writable.get_writer()
    async for chunk in socket.readable:  # over UDP: one datagram
        await writer.write(chunk)
