"""Making outbound connections: names to addresses, happy eyeballs (RFC 8305), TLS, errors with the system's cause."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket as _socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .address import Address, parse_address
from .errors import Aborted, AddressError, ConnectError, ConnectTimeout, SocketError
from .info import QuicOptions, SocketAddress, SocketInfo, TlsOptions, UdpOptions
from .transports.adopt import adopt
from .transports.tls import TlsLayer

if TYPE_CHECKING:
    from .socket import Socket

__all__ = ["address_of", "client_context", "dial", "open_socket", "plan"]

#: RFC 8305 §5: delay before the next address is tried as well
ATTEMPT_DELAY = 0.25
_TYPES = {
    "tcp": "tcp",
    "tls": "tcp",
    "unix": "unix",
    "ws": "websocket",
    "wss": "websocket",
    "udp": "udp",
    "quic": "quic",
}
#: schemes of the types that have another than their own name
_SCHEMES = {"websocket": "ws"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how to connect."""

    address: Address
    local: tuple[str, int] | None
    tls: TlsOptions | None
    subprotocols: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    text: bool = False
    ping_interval: float | None = None
    allow_address: Callable[[str], bool] | None = None
    udp: UdpOptions | None = None
    quic: QuicOptions | None = None


def plan(
    remote: object,
    type: str | None,
    local: object | None,
    tls: bool | TlsOptions | None,
    subprotocols: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
    *,
    text: bool = False,
    ping_interval: float | None = None,
    allow_address: Callable[[str], bool] | None = None,
    udp: UdpOptions | None = None,
    quic: QuicOptions | None = None,
) -> Target:
    """Check a socket's arguments before anything is done.

    Raises:
        AddressError: the address cannot be used, or ``type`` contradicts it.
        ValueError: a subprotocol or header that cannot be sent, or that the transport does not have.
        StartupError: QUIC without the package that it needs.
    """
    if type is not None and type not in _TYPES.values():
        raise AddressError(f"there is no type {type!r}; {', '.join(sorted(set(_TYPES.values())))} are")
    if type == "unix" and isinstance(remote, str) and not remote.startswith("unix:"):
        remote = f"unix:{remote}"
    if remote is None and type == "udp" and local is not None:
        if allow_address is not None:
            raise ValueError("allow_address is for sockets that have a peer")
        bound = parse_address(local, default_scheme="udp", port_required=False)
        return Target(Address("udp", "", 0), (bound.host, bound.port), None, udp=udp or UdpOptions())
    if remote is None:
        raise AddressError("where to? a socket needs a remote address, or type='udp' and a local one")
    address = parse_address(remote, default_scheme=_SCHEMES.get(type or "", type or "tcp"))
    if type is not None and _TYPES[address.scheme] != type:
        raise AddressError(f"type {type!r} does not fit {address}")
    secure = address.scheme in ("tls", "wss", "quic")
    options = tls if isinstance(tls, TlsOptions) else TlsOptions() if tls or secure else None
    if tls is False and secure:
        raise AddressError(f"tls=False does not fit {address}")
    if _TYPES[address.scheme] == "websocket":
        from .transports.websocket_handshake import check_fields

        check_fields(subprotocols, headers or {})
        if options is not None and options.context is None and not options.alpn:
            options = replace(options, alpn=("http/1.1",))
    elif subprotocols or headers:
        raise ValueError(f"subprotocols and headers are for ws:// and wss://, not for {address}")
    if udp is not None and address.scheme != "udp":
        raise ValueError(f"udp= is for udp://, not for {address}")
    if address.scheme == "quic":
        from .quic import check_available

        check_available()
    if quic is not None and address.scheme != "quic":
        raise ValueError(f"quic= is for quic://, not for {address}")
    if address.scheme == "udp" and options is not None:
        raise AddressError(f"there is no TLS over UDP here (DTLS); use quic:// instead of {address}")
    bind = None
    if local is not None:
        parsed = parse_address(local, port_required=False)
        bind = (parsed.host, parsed.port)
    return Target(
        address,
        bind,
        options,
        tuple(subprotocols),
        dict(headers or {}),
        text,
        ping_interval,
        allow_address,
        udp,
        quic,
    )


def client_context(options: TlsOptions) -> ssl.SSLContext:
    """A client's TLS context: TLS 1.2 or later, verification on unless switched off."""
    if options.context is not None:
        context = options.context
    else:
        context = ssl.create_default_context(cafile=options.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        if options.certificate is not None:
            context.load_cert_chain(options.certificate, options.key)
        if not options.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    if options.alpn:
        context.set_alpn_protocols(list(options.alpn))
    return context


def address_of(value: Any) -> SocketAddress:
    """A kernel's address as ours."""
    if isinstance(value, tuple) and len(value) >= 2:
        host = str(value[0])
        # a v4 peer on a dual-stack listener
        if host.startswith("::ffff:") and "." in host:
            host = host[7:]
        return SocketAddress(host, int(value[1]))
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return SocketAddress(str(value or "").replace("\0", "@"), 0)


async def open_socket(sock: Socket, target: Target, no_delay: bool) -> None:
    """Connect ``sock``. Never raises: the socket carries the outcome."""
    if target.address.scheme == "udp":
        from .datagram import open_udp

        await open_udp(sock, target)
        return
    if target.address.scheme == "quic":
        from .quic.client import open_quic

        await open_quic(sock, target)
        return
    try:
        async with asyncio.timeout(sock._timeouts.connect):
            raw = await dial(target.address, target.local, target.allow_address)
    except TimeoutError:
        sock._abort(ConnectTimeout(f"no connection to {target.address} within {sock._timeouts.connect:g} s"))
        return
    except SocketError as error:
        sock._abort(error)
        return
    except asyncio.CancelledError:
        sock._abort(Aborted("cancelled while connecting"))
        raise
    loop = asyncio.get_running_loop()
    try:
        channel, lower = await adopt(loop, raw, sock)
    except OSError as error:
        raw.close()
        sock._abort(connect_error(target.address, error))
        return
    kind = "unix" if target.address.scheme == "unix" else "tcp"
    sock._attach(channel, lower, kind)
    sock._set_options(no_delay, sock._keep_alive or None)
    info = SocketInfo(
        kind,
        address_of(channel.get_extra_info("sockname")),
        address_of(channel.get_extra_info("peername") or target.address.host),
        opened_at=time.time(),
    )
    if target.tls is not None:
        try:
            context = client_context(target.tls)
            name = target.tls.sni or target.address.host
            await sock._handshake(context, False, name, (), b"")
        except SocketError as error:
            sock._abort(error)
            return
        except OSError as error:  # a certificate file that cannot be read
            sock._abort(connect_error(target.address, error))
            return
        layer = sock._channel
        if isinstance(layer, TlsLayer):
            info = replace(info, secure=True, tls=layer.info())
    if _TYPES[target.address.scheme] == "websocket":
        from .websocket import request_websocket

        try:
            info = await request_websocket(sock, info, target)
        except SocketError as error:
            sock._abort(error)
            return
    sock._owner = None
    sock._opened(info)


async def dial(
    address: Address, local: tuple[str, int] | None, allow_address: Callable[[str], bool] | None = None
) -> _socket.socket:
    """A connected kernel socket. A name is resolved once; what is checked is what is connected to.

    Args:
        address: where to.
        local: where from.
        allow_address: asked for each address that a name stands for; the refused ones are not tried.

    Raises:
        AddressError: the name is not known, or none of its addresses is allowed.
        ConnectError: nobody answered; ``errno`` and ``__cause__`` tell of the last attempt.
    """
    loop = asyncio.get_running_loop()
    if address.scheme == "unix":
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address.host)
        except OSError as error:
            sock.close()
            raise connect_error(address, error) from error
        except BaseException:
            sock.close()
            raise
        return sock
    try:
        found = await loop.getaddrinfo(address.host, address.port, type=_socket.SOCK_STREAM)
    except _socket.gaierror as error:
        raise AddressError(error.errno, f"{address.host} is not known: {error.strerror}") from error
    except UnicodeError as error:
        raise AddressError(f"{address.host!r} is not a host name") from error
    candidates = _interleave(found)
    if allow_address is not None:
        candidates = [candidate for candidate in candidates if allow_address(candidate[4][0])]
        if not candidates:
            raise AddressError(errno.EACCES, f"{address.host} has no address that is allowed")
    return await _race(address, candidates, local)


def _interleave(found: list[Any]) -> list[Any]:
    """Families in turn, the resolver's first choice first (RFC 8305 §4)."""
    families: dict[int, list[Any]] = {}
    for entry in dict.fromkeys(found):
        families.setdefault(entry[0], []).append(entry)
    result = []
    queues = list(families.values())
    while any(queues):
        result += [queue.pop(0) for queue in queues if queue]
    return result


async def _race(address: Address, candidates: list[Any], local: tuple[str, int] | None) -> _socket.socket:
    loop = asyncio.get_running_loop()
    attempts: set[asyncio.Task[_socket.socket]] = set()
    waiting = list(candidates)
    last: OSError | None = None
    try:
        while waiting or attempts:
            if waiting:
                attempts.add(loop.create_task(_attempt(waiting.pop(0), local)))
            done, attempts = await asyncio.wait(
                attempts, timeout=ATTEMPT_DELAY if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            winner: _socket.socket | None = None
            for task in done:
                problem = task.exception()
                if problem is None and winner is None:
                    winner = task.result()
                elif problem is None:
                    task.result().close()
                elif isinstance(problem, OSError):
                    last = problem
                else:
                    raise problem
            if winner is not None:
                return winner
    finally:
        for task in attempts:
            task.cancel()
        for result in await asyncio.gather(*attempts, return_exceptions=True):
            if isinstance(result, _socket.socket):
                result.close()
    last = last or OSError(errno.EHOSTUNREACH, "no address to try")
    raise connect_error(address, last) from last


async def _attempt(candidate: Any, local: tuple[str, int] | None) -> _socket.socket:
    family, kind, protocol, _, where = candidate
    sock = _socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        if local is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            sock.bind(local)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


def connect_error(address: Address, error: OSError) -> ConnectError:
    """The system's error with what was tried."""
    number = error.errno or errno.EIO
    result = ConnectError(number, f"cannot connect to {address}: {os.strerror(number)}")
    result.__cause__ = error
    return result
