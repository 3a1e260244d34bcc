"""The gateway: lets clients that speak WebSocket reach what is allowed, and nothing else.

The target is connected to *before* the client gets its ``101``: a refusal, an unknown name or a database that is down
is a status of HTTP, and an open WebSocket is an open connection.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from dataclasses import replace
from socket import SOCK_STREAM
from typing import TYPE_CHECKING, Any

from ..errors import AddressError, ConnectTimeout, SocketError, StartupError
from ..info import SocketInfo, Timeouts
from ..mistakes import command_with
from ..socket import Socket
from ..websocket import HALF_CLOSE, refusal
from ..worker.app import App, ListenerSpec
from ..worker.context import Context, Env
from .config import GatewayConfig
from .policy import Policy, Rule
from .relay import Relay
from .target import Target, parse_address, requested_target
from .tokens import TokenDoor, load_tokens

if TYPE_CHECKING:
    from ..errors import ProtocolError
    from ..telemetry import Telemetry

__all__ = ["Gateway", "gateway"]

#: part of the drain after which a tunnel is closed in order instead of being cut off at its end
GRACE = 0.8
#: seconds that a look at the allowed names may take at the start
LOOK = 2.0
_log = logging.getLogger("socketworkers")
REFUSALS = ("token", "target", "rule", "address", "unreachable", "timeout")


class Gateway:
    """What one server's tunnels share.

    Args:
        config: the settings.
        telemetry: where they are counted.
    """

    def __init__(self, config: GatewayConfig, telemetry: Telemetry) -> None:
        self.config = config
        self.policy = Policy(config.allow, config.allow_network)
        self.tokens = TokenDoor(load_tokens(config.service_tokens)) if config.service_tokens else None
        # the names that wsproxy has, so that its dashboards go on working
        self.opened = telemetry.counter("wsproxy_connections_total", "Tunnels opened.")
        self.active = telemetry.gauge("wsproxy_active_connections", "Tunnels open now.")
        moved = telemetry.counters("wsproxy_bytes_total", "Bytes carried, by where they came from.", "source", _SOURCES)
        self.counters = moved["ws"], moved["tcp"]
        self.refused = telemetry.counters(
            "socketworkers_tunnel_refused_total", "Tunnels refused, by the reason.", "reason", REFUSALS
        )

    async def admit(self, info: SocketInfo, socket: Socket, ctx: Context) -> None:
        """Judge a request and connect to its target; the connection is left in ``ctx.admitted``.

        Raises:
            ProtocolError: refused, with a status of HTTP.
        """
        request = info.websocket
        assert request is not None
        if self.tokens is not None and await self.tokens.check(request.headers, info.remote.host) is None:
            raise self._refusal("token", 403, "a valid service token is needed")
        try:
            target = requested_target(request.resource, request.headers) or self.policy.default
        except ValueError as error:
            raise self._refusal("target", 400, f"the address cannot be understood: {error}") from None
        if target is None:
            raise self._refusal("target", 400, "no address: add ?address=host:port to the URL")
        rules = self.policy.rules_for(target)
        if not rules:
            ctx.log.info("refused: no --allow covers %s", target)
            raise self._refusal("rule", 400, "this address is not allowed")
        ctx.admitted = target, await self._connect(target, rules, socket, ctx)

    async def _connect(self, target: Target, rules: tuple[Rule, ...], client: Socket, ctx: Context) -> Socket:
        config = self.config
        turned_down: list[str] = []

        def allowed(address: str) -> bool:
            if self.policy.allows_address(rules, parse_address(address)):
                return True
            turned_down.append(address)
            return False

        inner = Socket(
            remote=(target.host, target.port),
            allow_half_open=True,
            keep_alive=True,
            timeouts=Timeouts(connect=config.connect_timeout, write=config.write_timeout),
            allow_address=allowed,
        )
        # whoever leaves before the handler runs takes this connection along
        client.closed.then(lambda: inner.info is None and inner.abort())
        try:
            await inner.ready
        except AddressError as error:
            if error.errno == errno.EACCES:
                shown = ", ".join(turned_down)
                ctx.log.warning("refused: %s is %s, not a public address; --allow-network allows it", target, shown)
                raise self._refusal("address", 400, "this address is not allowed") from None
            ctx.log.info("cannot reach %s: %s", target, error)
            raise self._refusal("unreachable", 502, "the name is not known") from None
        except ConnectTimeout:
            ctx.log.info("cannot reach %s: no answer within %g s", target, config.connect_timeout)
            raise self._refusal("timeout", 504, "the address does not answer") from None
        except SocketError as error:
            ctx.log.info("cannot reach %s: %s", target, error)
            raise self._refusal("unreachable", 502, "the address cannot be reached") from None
        except asyncio.CancelledError:
            inner.abort()
            raise
        return inner

    def _refusal(self, reason: str, status: int, message: str) -> ProtocolError:
        self.refused[reason].value += 1
        return refusal(status, message)

    async def carry(self, socket: Socket, ctx: Context) -> None:
        """Carry a tunnel until its end."""
        target, inner = ctx.admitted
        info = socket.info
        halves = info is not None and info.websocket is not None and info.websocket.subprotocol == HALF_CLOSE
        relay = Relay(socket, inner, half_close=halves, idle=self.config.idle_timeout, counters=self.counters)
        loop = asyncio.get_running_loop()
        farewell: list[asyncio.TimerHandle] = []

        def drain() -> None:
            farewell.append(loop.call_later(self.config.drain_timeout * GRACE, relay.end, "the gateway is stopping"))

        ctx.on_drain = drain
        if ctx.draining.aborted:
            drain()
        self.opened.value += 1
        self.active.value += 1
        began = time.monotonic()
        try:
            await relay.run()
        finally:
            for handle in farewell:
                handle.cancel()
            ctx.on_drain = None
            self.active.value -= 1
            ctx.log.info(
                "tunnel to %s (%s): %d bytes there, %d back, %.3f s%s",
                target,
                inner.info.remote.host if inner.info is not None else "?",
                socket.bytes_in,
                inner.bytes_in,
                time.monotonic() - began,
                f": {relay.reason}" if relay.reason else "",
            )

    async def look(self) -> None:
        """Look once at where the allowed names lead: what will be refused is said at the start.

        Raises:
            StartupError: a name stands for private addresses only, and none of them is allowed.
        """
        named = [(rule, rule.exact) for rule in self.policy.rules]
        await asyncio.gather(
            *(self._look_at(rule, target) for rule, target in named if target is not None and target.address is None)
        )

    async def _look_at(self, rule: Rule, target: Target) -> None:
        try:
            async with asyncio.timeout(LOOK):
                loop = asyncio.get_running_loop()
                found = await loop.getaddrinfo(target.host, target.port, type=SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            _log.warning("%s is not known yet", target.host)
            return
        addresses = [parse_address(str(entry[4][0])) for entry in found]
        if not any(self.policy.allows_address((rule,), address) for address in addresses):
            raise StartupError(
                f"{target.host} is {addresses[0]}, an address of no public network",
                "such addresses are allowed by themselves only, lest somebody points the name at another one",
                f"if that is meant: {command_with('--allow-network', addresses[0])}",
            )


_SOURCES = ("ws", "tcp")


def gateway() -> App:
    """The app behind ``socketworkers tunnel serve``; its settings are a ``GatewayConfig``."""
    app = App("tunnel", port=8080, config=GatewayConfig, title="Tunnel", tls_listener=False, ws_listener=False)
    plain = ListenerSpec("ws", "ws", "ws_port", "Tunnel", subprotocols=(HALF_CLOSE,), text=True)
    secure = replace(plain, name="wss", scheme="wss", port_setting="wss_port", tls="implicit", alpn=("http/1.1",))
    app.listeners = (plain, secure)
    app.check = _check
    app.exposure_check = _closed_because
    app.try_command = _try_command
    app.about = lambda config: [("Allowed", ", ".join(rule.text for rule in config.allow))]

    @app.on_start
    async def start(env: Env) -> None:
        env.gateway = Gateway(env.config, env.telemetry)
        await env.gateway.look()

    @app.admit
    async def admit(info: SocketInfo, socket: Socket, env: Env, ctx: Context) -> None:
        await env.gateway.admit(info, socket, ctx)

    @app.connect
    async def carry(socket: Socket, env: Env, ctx: Context) -> None:
        await env.gateway.carry(socket, ctx)

    return app


def _check(config: GatewayConfig) -> None:
    if not config.allow:
        raise StartupError(
            "nothing could be reached through this tunnel",
            "nothing is allowed by default, and no --allow was given",
            f"for a database on this machine: {command_with('--allow', 'localhost:5432')}",
            exit_status=2,
        )
    if config.wss_port is not None and not config.tls_cert and not config.tls:
        raise StartupError(
            f"--listen {config.listen_on} needs a certificate",
            "neither --tls-cert nor --tls is given",
            f"for a throwaway certificate: {command_with('--tls', 'auto')}",
            exit_status=2,
        )
    if config.service_tokens:
        load_tokens(config.service_tokens)


def _closed_because(config: GatewayConfig) -> str | None:
    if config.service_tokens:
        return f"those with a token of {config.service_tokens}"
    if config.tls_client_ca is not None and config.wss_port is not None:
        return f"those with a certificate of {config.tls_client_ca}"
    if all(rule.exact is not None for rule in config.allow):
        return f"what they reach is {', '.join(rule.text for rule in config.allow)}, and nothing else"
    return None


def _try_command(config: Any, listeners: Any) -> str:
    target = next((rule.exact for rule in config.allow if rule.exact is not None), None) or "HOST:PORT"
    url = next((each.url for each in listeners if each.scheme in ("ws", "wss")), "")
    url = url.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:")
    port = target.port if isinstance(target, Target) else 0
    command = f"socketworkers tunnel connect --listen 127.0.0.1:{port} --to '{url}?address={target}'"
    folder = config.data_folder("tunnel")
    if url.startswith("wss") and config.tls == "auto" and folder is not None:
        command += f" --ca {folder / 'tls' / 'ca.pem'}"
    return command
