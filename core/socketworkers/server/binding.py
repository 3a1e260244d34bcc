"""From settings to bound sockets: an app's own listeners, and those that ``--listen`` adds."""

from __future__ import annotations

import socket as _socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..address import Address, parse_address
from ..errors import AddressError, StartupError
from ..info import SocketAddress, UdpOptions
from ..quic import check_available
from ..settings import Settings
from ..worker.app import App, ListenerSpec
from .flows import UdpListener, bind_udp
from .listener import Acceptor, bind_tcp, bind_unix

if TYPE_CHECKING:
    from ..quic.listener import QuicListener
    from ..transports.arrival import Arrival
    from .server import Server

__all__ = ["AnyAcceptor", "Bound", "bind_listeners", "datagram_listener", "extra_listeners"]

AnyAcceptor: TypeAlias = "Acceptor | UdpListener | QuicListener"
Bound = tuple[_socket.socket, ListenerSpec]
_WHERE = {"udp": "udp", "quic": "quic", "ws": "websocket", "wss": "websocket"}


def extra_listeners(app: App, settings: Settings) -> list[tuple[ListenerSpec, Address]]:
    """What ``--listen`` asks for: the app's listener for that transport, or its main one carried by it.

    Raises:
        StartupError: an address that cannot be understood, or a transport that the app does not speak.
    """
    found = []
    for number, text in enumerate(settings.listen, 1):
        try:
            address = parse_address(text, port_required=False)
        except AddressError as error:
            raise StartupError(
                f"--listen {text} cannot be used", str(error), "for one: udp://127.0.0.1:5300", exit_status=2
            ) from None
        found.append((_spec_for(app, address, f"listen-{number}"), address))
    return found


def _spec_for(app: App, address: Address, name: str) -> ListenerSpec:
    kind = _WHERE.get(address.scheme, "stream")
    own: ListenerSpec | None = next((spec for spec in app.listeners if _WHERE.get(spec.scheme, "stream") == kind), None)
    if kind == "udp":
        if own is None:
            raise StartupError(
                f"{app.name} does not speak UDP",
                "its handler reads a stream of bytes, and a datagram has borders",
                "an app that does has ListenerSpec('udp', 'udp', ...)",
                exit_status=2,
            )
        return replace(own, name=name)
    own = own or app.listeners[0]
    secure = address.scheme in ("tls", "wss", "quic")
    scheme = own.scheme if kind == "stream" else address.scheme
    alpn = own.alpn
    if kind == "quic" and not alpn:
        alpn = (app.name,)
    elif address.scheme == "wss" and not alpn:
        alpn = ("http/1.1",)
    path = address.resource.partition("?")[0] or own.path if kind == "websocket" else own.path
    tls = "implicit" if secure else "off" if kind == "websocket" else own.tls
    return replace(own, name=name, scheme=scheme, tls=tls, alpn=alpn, path=path)


def bind_listeners(
    app: App,
    settings: Settings,
    specs: Sequence[ListenerSpec],
    inherited: dict[str, list[_socket.socket]],
    agreed: Callable[[ListenerSpec], ListenerSpec],
    unlink: list[Path],
) -> list[Bound]:
    """Bind what the settings ask for.

    Args:
        app: whose listeners they are.
        settings: ports and addresses.
        specs: the listeners.
        inherited: sockets that listen already, by the listener's name; they are taken out.
        agreed: what the settings change of a listener.
        unlink: gets the files to remove at the end.

    Raises:
        StartupError: one cannot be bound; then none is.
    """
    extra = extra_listeners(app, settings)
    if settings.tls_client_ca is not None and _opens_quic(settings, [*specs, *(spec for spec, _ in extra)]):
        raise StartupError(
            "client certificates cannot be asked for over QUIC",
            "--tls-client-ca says that clients need one, and aioquic does not ask",
            "leave the QUIC listener or --tls-client-ca out",
            exit_status=2,
        )
    bound: list[Bound] = []
    ports: dict[str, int] = {}
    shared: set[str] = set()
    try:
        for spec in specs:
            port = getattr(settings, spec.port_setting, None)
            handed = inherited.pop(spec.name, None)
            if (port is None and handed is None) or spec.port_setting in shared:
                continue
            if spec.scheme == "quic":
                shared.add(spec.port_setting)  # ALPN chooses among several
            # TCP and UDP of one setting have the same port, whichever the system chose
            port = port or ports.get(spec.port_setting, 0)
            flag = getattr(settings, "port_flag", "") or "--" + spec.port_setting.replace("_", "-")
            for sock in handed or _bind(agreed(spec), settings.host, port, flag):
                bound.append((sock, agreed(spec)))
                ports.setdefault(spec.port_setting, sock.getsockname()[1])
        for spec, address in extra:
            if address.scheme == "unix":
                bound.append(
                    (_unix(address.host.replace("\0", "@"), unlink), agreed(replace(spec, scheme=spec.scheme)))
                )
                continue
            bound += [(sock, agreed(spec)) for sock in _bind(agreed(spec), address.host, address.port, "--listen")]
        unix = replace(specs[0], name="unix")
        if settings.unix:
            bound.append((_unix(settings.unix, unlink), unix))
        bound += [(sock, unix) for sock in inherited.pop("unix", ())]
    except BaseException:
        for sock, _ in bound:
            sock.close()
        raise
    return bound


def datagram_listener(
    sock: _socket.socket,
    spec: ListenerSpec,
    server: Server,
    arrived: Callable[[Arrival, ListenerSpec, SocketAddress], None],
) -> UdpListener | QuicListener:
    """What serves a bound UDP socket.

    Args:
        sock: the socket.
        spec: the listener; of several for QUIC on one port, the first.
        server: whose it is.
        arrived: gets flows or streams.
    """
    if spec.scheme == "udp":
        return UdpListener(sock, spec, arrived, server.settings)
    from ..quic.listener import QuicListener

    beside = [each for each in server.specs if each.scheme == "quic" and each.port_setting == spec.port_setting]
    return QuicListener(sock, beside if spec in beside else [spec], arrived, server)


def _opens_quic(settings: Settings, specs: Sequence[ListenerSpec]) -> bool:
    return any(spec.scheme == "quic" and getattr(settings, spec.port_setting, 0) is not None for spec in specs)


def _bind(spec: ListenerSpec, host: str, port: int, flag: str) -> list[_socket.socket]:
    if spec.scheme == "quic":
        check_available()
    if spec.scheme in ("udp", "quic"):
        try:
            return bind_udp(host, port, spec.udp or UdpOptions(), flag=flag)
        except AddressError as error:
            raise StartupError(f"cannot listen on {host}", str(error)) from None
    return bind_tcp(host, port, flag=flag)


def _unix(path: str, unlink: list[Path]) -> _socket.socket:
    try:
        sock = bind_unix(path, 0o660)
    except OSError as error:
        raise StartupError(
            f"cannot listen on unix:{path}", (error.strerror or str(error)).lower(), "choose another --unix"
        ) from None
    if not path.startswith("@"):
        unlink.append(Path(path))
    return sock
