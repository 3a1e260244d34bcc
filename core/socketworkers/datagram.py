"""UDP sockets of their own: connected to one peer, or bound and open to all."""

from __future__ import annotations

import asyncio
import errno
import os
import socket as _socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import Aborted, AddressError, ConnectError, ConnectTimeout, SocketError
from .info import SocketAddress, SocketInfo, UdpOptions
from .transports.udp import UdpChannel
from .transports.udp_socket import new_udp_socket, set_options

if TYPE_CHECKING:
    from .address import Address
    from .dial import Target
    from .socket import Socket

__all__ = ["open_udp", "resolved", "udp_socket"]


async def open_udp(sock: Socket, target: Target) -> None:
    """Make ``sock`` a UDP socket. Never raises: the socket carries the outcome."""
    try:
        async with asyncio.timeout(sock._timeouts.connect):
            raw = await _made(target)
    except TimeoutError:
        sock._abort(ConnectTimeout(f"{target.address.host} was not resolved within {sock._timeouts.connect:g} s"))
        return
    except SocketError as error:
        sock._abort(error)
        return
    except asyncio.CancelledError:
        sock._abort(Aborted("cancelled while connecting"))
        raise
    connected = bool(target.address.host)
    loop = asyncio.get_running_loop()
    channel = UdpChannel(loop, raw, sock, connected=connected)
    remote = SocketAddress(*raw.getpeername()[:2]) if connected else SocketAddress("", 0)
    info = SocketInfo("udp", SocketAddress(*raw.getsockname()[:2]), remote, opened_at=time.time())
    sock._owner = None
    sock._attach(channel, channel, "udp")
    sock._opened(info)


async def resolved(
    address: Address, allow_address: Callable[[str], bool] | None = None
) -> list[tuple[int, tuple[str, int]]]:
    """Families and addresses of a name, for datagrams, the resolver's first choice first.

    Args:
        address: the name and the port.
        allow_address: asked for each address that the name stands for; the refused ones are left out.

    Raises:
        AddressError: the name is not known, or none of its addresses is allowed.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=_socket.SOCK_DGRAM)
    except _socket.gaierror as error:
        raise AddressError(error.errno, f"{address.host} is not known: {error.strerror}") from error
    except UnicodeError as error:
        raise AddressError(f"{address.host!r} is not a host name") from error
    candidates: dict[tuple[int, Any], None] = dict.fromkeys((int(entry[0]), entry[4]) for entry in found)
    allowed = [each for each in candidates if allow_address is None or allow_address(each[1][0])]
    if not allowed:
        raise AddressError(errno.EACCES, f"{address.host} has no address that is allowed")
    return allowed


async def _made(target: Target) -> _socket.socket:
    from .address import Address

    options = target.udp or UdpOptions()
    if not target.address.host:
        assert target.local is not None
        host, port = target.local
        bound = Address("udp", host if host != "*" else "0.0.0.0", port)
        family, name = (await resolved(bound))[0]
        try:
            return udp_socket(family, name, None, options)
        except SocketError:
            raise
        except OSError as error:
            raise _problem(f"cannot bind {bound}", error) from error
    last: OSError | None = None
    for family, where in await resolved(target.address, target.allow_address):
        try:
            return udp_socket(family, target.local, where, options)
        except SocketError:
            raise
        except OSError as error:
            last = error
    assert last is not None
    raise _problem(f"cannot connect to {target.address}", last) from last


def udp_socket(
    family: int, local: tuple[str, int] | None, remote: tuple[str, int] | None, options: UdpOptions
) -> _socket.socket:
    """A kernel socket, bound and connected as far as addresses are given.

    Raises:
        AddressError: a group or an interface that cannot be.
        OSError: the kernel refuses.
    """
    sock = new_udp_socket(family, options)
    try:
        if local is not None:
            sock.bind(local)
        set_options(sock, options)
        if remote is not None:
            sock.connect(remote)
    except BaseException:
        sock.close()
        raise
    return sock


def _problem(what: str, error: OSError) -> ConnectError:
    if isinstance(error, ConnectError):
        return error
    number = error.errno or errno.EIO
    result = ConnectError(number, f"{what}: {os.strerror(number)}")
    result.__cause__ = error
    return result
