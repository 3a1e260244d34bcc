"""Round-trip time and retransmissions from the kernel (Linux ``TCP_INFO``, tcp(7))."""

from __future__ import annotations

import socket
import struct
import sys
from typing import NamedTuple

__all__ = ["TcpInfo", "tcp_info"]

# struct tcp_info of linux/tcp.h: 8 bytes of small fields, then u32 fields; tcpi_rtt is the 16th of them,
# tcpi_rttvar the 17th, tcpi_total_retrans the 24th (counted from 0: 15, 16, 23).
_HEAD = 8
_FIELDS = struct.Struct("=24I")


class TcpInfo(NamedTuple):
    """Figures of one TCP connection; times in seconds."""

    rtt: float
    rtt_var: float
    retransmits: int


def tcp_info(sock: socket.socket | None) -> TcpInfo | None:
    """What the kernel knows; None where it does not tell."""
    if sock is None or not sys.platform.startswith("linux") or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _HEAD + _FIELDS.size)
    except OSError:
        return None
    if len(raw) < _HEAD + _FIELDS.size:
        return None
    fields = _FIELDS.unpack_from(raw, _HEAD)
    return TcpInfo(fields[15] / 1e6, fields[16] / 1e6, fields[23])
