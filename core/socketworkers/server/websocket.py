"""The door of WebSocket listeners: what they ask of clients, and the opening handshake within its deadline.

The modules of WebSocket are loaded when there is such a listener.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import ProtocolError
from ..settings import Settings, is_loopback

if TYPE_CHECKING:
    from ..info import SocketInfo
    from ..socket import Socket
    from ..telemetry import Telemetry
    from ..transports.websocket_handshake import Terms
    from ..worker.app import Admit, ListenerSpec
    from ..worker.context import Context, Env

__all__ = ["WebSocketDoor"]


class WebSocketDoor:
    """Lets clients in, for one server.

    Args:
        settings: the server's.
        telemetry: hears of those that were refused.
    """

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._terms: dict[ListenerSpec, Terms] = {}

    def agreed(self, spec: ListenerSpec) -> ListenerSpec:
        """The listener with what the settings change of it; called when it is bound."""
        if not spec.websocket:
            return spec
        from .. import websocket  # noqa: F401  # now, not while the first client waits

        return replace(spec, path=self._settings.ws_path) if self._settings.ws_path is not None else spec

    def terms(self, spec: ListenerSpec) -> Terms:
        """What a listener asks of its clients."""
        from ..transports.websocket_handshake import Terms

        found = self._terms.get(spec)
        if found is None:
            found = self._terms[spec] = Terms(
                spec.path,
                spec.subprotocols,
                spec.subprotocol_required,
                self._settings.ws_origin,
                # a page of any site can reach this machine's loopback: its visitor's browser is on the inside
                is_loopback(self._settings.host),
            )
        return found

    def refusal(self, spec: ListenerSpec, of_app: bytes) -> bytes:
        """What a connection over the limits is told: the app's own words, or HTTP's; in TLS nothing can be told."""
        if not spec.websocket:
            return of_app
        from ..transports.websocket_handshake import http_reply

        return b"" if spec.tls == "implicit" else http_reply(503, "too many connections")

    async def enter(
        self,
        socket: Socket,
        spec: ListenerSpec,
        info: SocketInfo,
        hook: Admit | None,
        env: Env,
        ctx: Context,
    ) -> SocketInfo:
        """The opening handshake.

        Args:
            socket: connected, not open yet.
            spec: the listener.
            info: what is known of it.
            hook: the app's own say, before the answer.
            env: what the hook is given.
            ctx: the same.

        Raises:
            ProtocolError: refused; ``reply`` is the response.
            SocketError: the connection ended, or the deadline came.
        """
        from ..websocket import accept_websocket

        admit = None if hook is None else lambda info: hook(info, socket, env, ctx)
        try:
            return await accept_websocket(
                socket, info, self.terms(spec), text=spec.text, ping_interval=self._settings.ws_ping, admit=admit
            )
        except ProtocolError as error:
            self._telemetry.websocket_refused += 1
            self._telemetry.emit("websocket.refused", id=socket.id, error=error)
            raise
