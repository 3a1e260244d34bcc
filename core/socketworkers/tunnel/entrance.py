"""The entrance: a local port; each connection to it becomes a WebSocket to a gateway.

Speaks to our gateway, to wsproxy and to Cloudflare's Access. Redirects are not followed: who sends them could send us
anywhere, with our token.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from ..address import parse_address
from ..certificate_files import check_authorities
from ..errors import SocketError, StartupError, TLSError
from ..info import Timeouts, TlsOptions
from ..mistakes import command_with
from ..socket import Socket
from ..websocket import HALF_CLOSE, Refused
from ..worker.app import App
from ..worker.context import Context, Env
from .config import EntranceConfig
from .relay import Relay

__all__ = ["entrance"]

#: where Cloudflare sends those without a token
ACCESS_LOGIN = "/cdn-cgi/access/login"
GRACE = 0.8
#: what to try the local port with
_CLIENTS = {5432: "psql -h {host} -p {port}", 6379: "redis-cli -h {host} -p {port}", 3306: "mysql -h {host} -P {port}"}


def dial_gateway(config: EntranceConfig) -> Socket:
    """A pending WebSocket to the gateway."""
    headers = dict(config.header)
    if config.destination:
        headers["Cf-Access-Jump-Destination"] = config.destination
    if config.service_token_id is not None:
        headers["CF-Access-Client-Id"] = config.service_token_id
    if config.service_token_secret is not None:
        headers["CF-Access-Client-Secret"] = config.service_token_secret
    secure = parse_address(config.to).scheme == "wss"
    tls = TlsOptions(ca=config.ca, certificate=config.client_cert, key=config.client_key) if secure else None
    return Socket(
        remote=config.to,
        tls=tls,
        headers=headers,
        subprotocols=(HALF_CLOSE,) if config.half_close else (),
        text=True,
        allow_half_open=True,
        ping_interval=config.ws_ping,
        # the gateway answers once it has reached the target
        timeouts=Timeouts(config.connect_timeout, config.connect_timeout, None, config.write_timeout),
    )


def why_not(error: SocketError) -> str:
    """What went wrong at the gateway, and what helps, in one line."""
    refused = error.__cause__
    if isinstance(refused, Refused):
        location = next((value for name, value in refused.fields if name == "location"), "")
        if ACCESS_LOGIN in location:
            return "the gateway asks for a login (Cloudflare Access): give a service token, --service-token-id"
        if 300 <= refused.status < 400:
            return f"the gateway answers with a redirect ({refused.status}), which is not followed"
    if isinstance(error, TLSError) and error.reason == "CERTIFICATE_VERIFY_FAILED":
        return f"{error}: if its authority is your own, --ca FILE"
    return str(error)


async def carry(socket: Socket, env: Env, ctx: Context) -> None:
    """One local connection."""
    config: EntranceConfig = env.config
    outer = dial_gateway(config)
    # whoever leaves meanwhile takes the WebSocket along
    socket.closed.then(lambda: outer.info is None and outer.abort())
    try:
        info = await outer.ready
    except SocketError as error:
        ctx.log.warning("no tunnel: %s", why_not(error))
        socket.abort("no tunnel")
        return
    except asyncio.CancelledError:
        outer.abort()
        raise
    halves = info.websocket is not None and info.websocket.subprotocol == HALF_CLOSE
    relay = Relay(socket, outer, half_close=halves, idle=config.idle_timeout)
    loop = asyncio.get_running_loop()
    farewell: list[asyncio.TimerHandle] = []
    ctx.on_drain = lambda: farewell.append(
        loop.call_later(config.drain_timeout * GRACE, relay.end, "the entrance is stopping")
    )
    try:
        await relay.run()
    finally:
        for handle in farewell:
            handle.cancel()
        ctx.on_drain = None
        if relay.reason:
            ctx.log.info("the tunnel ended: %s", relay.reason)


def entrance() -> App:
    """The app behind ``socketworkers tunnel connect``; its settings are an ``EntranceConfig``."""
    app = App(
        "tunnel-connect",
        config=EntranceConfig,
        title="Local port",
        scheme="tcp",
        tls_listener=False,
        ws_listener=False,
    )
    app.listeners = (replace(app.listeners[0], tls="off"),)
    app.check = _check
    app.try_command = _try_command
    app.about = lambda config: [("Leads to", config.to + (f"  ({config.destination})" if config.destination else ""))]
    app.connect(carry)
    return app


def _check(config: EntranceConfig) -> None:
    if not config.to:
        raise StartupError(
            "where does the tunnel lead?",
            "no --to was given",
            f"for example: {command_with('--to', 'wss://host/v1?address=db:5432')}",
            exit_status=2,
        )
    if (config.service_token_id is None) != (config.service_token_secret is None):
        raise StartupError(
            "half a service token was given",
            "it has an id and a secret",
            "SOCKETWORKERS_TUNNEL_CONNECT_SERVICE_TOKEN_SECRET keeps the secret out of the process list",
            exit_status=2,
        )
    if config.ca is not None:
        check_authorities(config.ca)
    if config.client_key is not None and config.client_cert is None:
        raise StartupError("--client-key is given without --client-cert", "a key alone is of no use", exit_status=2)


def _try_command(config: Any, listeners: Any) -> str:
    for listener in listeners:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listener.host, listener.host)
        wanted = parse_address(config.to).resource.rpartition(":")[2]
        port = int(wanted) if wanted.isdigit() else listener.port
        return _CLIENTS.get(port, "nc {host} {port}").format(host=host, port=listener.port)
    return ""
