"""An MQTT 3.1, 3.1.1 and 5.0 broker as a Socket Worker: what it acknowledged is on disk."""

from __future__ import annotations

from collections.abc import Awaitable

from socketworkers import App, Context, Env, ListenerSpec, Socket

from .admin import METHODS
from .config import MqttConfig, check, exposure_check, try_command
from .object import BrokerObject

__all__ = ["MqttConfig", "app"]

app = App(
    "mqtt",
    port=1883,
    objects={"BROKER": BrokerObject},
    config=MqttConfig,
    title="MQTT broker",
    listeners=(
        ListenerSpec("tls", "mqtts", "tls_port", "MQTT, TLS", "implicit", ("mqtt",)),
        # [MQTT-6.0.0-3]: the subprotocol is "mqtt"; clients of 3.1 say "mqttv3.1"
        ListenerSpec(
            "ws",
            "ws",
            "ws_port",
            "MQTT over WebSocket",
            subprotocols=("mqtt", "mqttv3.1"),
            subprotocol_required=True,
        ),
        # one client per stream, as over TCP; clients of EMQX's kind use the first one
        ListenerSpec("quic", "quic", "quic_port", "MQTT over QUIC", "implicit", ("mqtt",)),
    ),
)
app.check = check
app.exposure_check = exposure_check
app.try_command = try_command


@app.on_start
async def _start(env: Env) -> None:
    from .mqtt import BROKER, Mqtt

    env.mqtt = Mqtt(env)  # connections and the commands find it there
    await env.BROKER.get(BROKER).serve()
    env.mqtt.bridges.start()


@app.on_stop
async def _stop(env: Env) -> None:
    from .mqtt import BROKER

    await env.mqtt.bridges.stop()
    await env.BROKER.get(BROKER).stop()


@app.connect
def _connect(socket: Socket, env: Env, ctx: Context) -> Awaitable[object]:
    from .mqtt import BROKER

    env.mqtt.watch(ctx.draining)
    owner = env.mqtt.object
    if owner is not None and owner.broker.refusal is not None:
        # an object whose file has failed is not called any more: the broker in memory says so to each client
        refused: Awaitable[object] = owner.connect(socket)
        return refused
    connected: Awaitable[object] = env.BROKER.get(BROKER).connect(socket)
    return connected


for _name, _method in METHODS.items():
    app.control(_name)(_method)
