"""Kernel UDP sockets: made, bound, joined to groups, and asked for the address that each datagram was sent to."""

from __future__ import annotations

import ipaddress
import socket as _socket
import struct
import sys
from typing import Any

from ..errors import AddressError
from ..info import SocketAddress, UdpOptions

__all__ = ["PACKET_INFO_SPACE", "destination", "is_wildcard", "new_udp_socket", "set_options", "source_control"]

_LINUX = sys.platform == "linux"
#: ip(7); Python names it from 3.14 on
_IP_PKTINFO: int = getattr(_socket, "IP_PKTINFO", 8)
_IPV6_RECVPKTINFO: int = getattr(_socket, "IPV6_RECVPKTINFO", 49)
_IPV6_PKTINFO: int = getattr(_socket, "IPV6_PKTINFO", 50)
_IN_PKTINFO = struct.Struct("=I4s4s")
_IN6_PKTINFO = struct.Struct("=16sI")
#: room for one of the two, in recvmsg
PACKET_INFO_SPACE = _socket.CMSG_SPACE(_IN6_PKTINFO.size) if hasattr(_socket, "CMSG_SPACE") else 0


def new_udp_socket(family: int, options: UdpOptions) -> _socket.socket:
    """A non-blocking UDP socket with what has to be set before it is bound.

    Raises:
        OSError: the family is not there, or an option is refused.
    """
    sock = _socket.socket(family, _socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == _socket.AF_INET6:
            sock.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        if options.reuse_address or options.groups:
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if options.broadcast:
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_BROADCAST, 1)
        for size, option in (
            (options.receive_buffer_size, _socket.SO_RCVBUF),
            (options.send_buffer_size, _socket.SO_SNDBUF),
        ):
            if size is not None:
                sock.setsockopt(_socket.SOL_SOCKET, option, size)
    except BaseException:
        sock.close()
        raise
    return sock


def set_options(sock: _socket.socket, options: UdpOptions) -> None:
    """Join the groups and set what concerns sending to one.

    Raises:
        AddressError: a group is no multicast address, or its interface is not there.
        OSError: the kernel refuses.
    """
    v6 = sock.family == _socket.AF_INET6
    level = _socket.IPPROTO_IPV6 if v6 else _socket.IPPROTO_IP
    for value, option in (
        (options.ttl, _socket.IPV6_UNICAST_HOPS if v6 else _socket.IP_TTL),
        (options.multicast_ttl, _socket.IPV6_MULTICAST_HOPS if v6 else _socket.IP_MULTICAST_TTL),
        (options.multicast_loop, _socket.IPV6_MULTICAST_LOOP if v6 else _socket.IP_MULTICAST_LOOP),
    ):
        if value is not None:
            sock.setsockopt(level, option, int(value))
    if options.interface:
        index = _interface(options.interface)
        if v6:
            sock.setsockopt(level, _socket.IPV6_MULTICAST_IF, index)
        else:  # struct ip_mreqn, ip(7)
            sock.setsockopt(level, _socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"", b"", index))
    for text in options.groups:
        group, _, zone = text.partition("%")
        try:
            address = ipaddress.ip_address(group)
        except ValueError:
            raise AddressError(f"{text!r} is not an address of a group") from None
        if not address.is_multicast:
            raise AddressError(f"{text} is not a multicast address")
        if address.version != (6 if v6 else 4):
            raise AddressError(f"{text} does not fit a socket of IPv{6 if v6 else 4}")
        index = _interface(zone or options.interface) if zone or options.interface else 0
        if v6:
            sock.setsockopt(level, _socket.IPV6_JOIN_GROUP, address.packed + struct.pack("=I", index))
        else:
            sock.setsockopt(level, _socket.IP_ADD_MEMBERSHIP, struct.pack("=4s4si", address.packed, b"", index))


def _interface(name: str) -> int:
    try:
        return _socket.if_nametoindex(name)
    except OSError:
        raise AddressError(f"there is no interface {name!r}") from None


def is_wildcard(sock: _socket.socket) -> bool:
    """Whether the socket takes datagrams for any address of this machine; ``destination`` tells which it was."""
    return sock.getsockname()[0] in ("0.0.0.0", "::")


def ask_for_destination(sock: _socket.socket) -> bool:
    """Have the kernel tell where each datagram was sent to; False if it does not."""
    if not _LINUX:
        return False
    if sock.family == _socket.AF_INET6:
        sock.setsockopt(_socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(_socket.IPPROTO_IP, _IP_PKTINFO, 1)
    return True


def destination(ancillary: list[tuple[int, int, bytes]], port: int) -> SocketAddress | None:
    """Where a datagram was sent to (ip(7), ipv6(7)); None if that was not told."""
    for level, kind, data in ancillary:
        if level == _socket.IPPROTO_IP and kind == _IP_PKTINFO and len(data) >= _IN_PKTINFO.size:
            # ipi_addr is the destination in the header; ipi_spec_dst, with which to answer, is ours for a broadcast
            _, ours, there = _IN_PKTINFO.unpack_from(data)
            where = there if not ipaddress.IPv4Address(there).is_multicast else ours
            return SocketAddress(_socket.inet_ntop(_socket.AF_INET, where), port)
        if level == _socket.IPPROTO_IPV6 and kind == _IPV6_PKTINFO and len(data) >= _IN6_PKTINFO.size:
            return SocketAddress(_socket.inet_ntop(_socket.AF_INET6, data[:16]), port)
    return None


def source_control(family: int, local: SocketAddress) -> list[tuple[int, int, Any]]:
    """The control message that makes a datagram leave from ``local``; none for a group or an unknown address."""
    try:
        packed = _socket.inet_pton(family, local.host)
    except OSError:
        return []
    if family == _socket.AF_INET6:
        if packed[0] == 0xFF:
            return []
        return [(_socket.IPPROTO_IPV6, _IPV6_PKTINFO, _IN6_PKTINFO.pack(packed, 0))]
    if packed[0] >= 224:
        return []
    return [(_socket.IPPROTO_IP, _IP_PKTINFO, _IN_PKTINFO.pack(0, packed, bytes(4)))]
