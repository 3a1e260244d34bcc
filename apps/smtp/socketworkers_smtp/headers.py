"""Trace fields of a message that was taken over: `Received:` and `Return-Path:`, RFC 5321 §4.4. Pure.

Time, host name, ids and addresses are arguments. What came from a peer is escaped before it enters a field, so no
header can be injected (S2); every line is folded well below 998 characters (RFC 5322 §2.1.1).
"""

from __future__ import annotations

from .codec.address import Address
from .replies import escape
from .session.events import Envelope

__all__ = ["TLS_COMMENT_LIMIT", "format_date", "received", "return_path"]

TLS_COMMENT_LIMIT = 60
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def format_date(seconds: float) -> str:
    """A moment as RFC 5322 §3.3 writes it, in UTC.

    Args:
        seconds: since the epoch.
    """
    days, second = divmod(int(seconds // 1), 86400)
    year, month, day = _civil(days)
    hour, rest = divmod(second, 3600)
    clock = f"{hour:02d}:{rest // 60:02d}:{rest % 60:02d}"
    return f"{_DAYS[(days + 3) % 7]}, {day:02d} {_MONTHS[month - 1]} {year:04d} {clock} +0000"


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day number since 1970-01-01 (proleptic Gregorian, independent of the C library)."""
    era, of_era = divmod(days + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def return_path(sender: Address) -> bytes:
    """``Return-Path:`` for a final delivery, RFC 5321 §4.4; ``<>`` for the null sender."""
    return f"Return-Path: <{sender}>\r\n".encode()


def received(
    envelope: Envelope,
    *,
    peer: str,
    hostname: str,
    queue_id: str,
    seconds: float,
    peer_name: str = "",
    tls: str = "",
) -> bytes:
    """``Received:`` of RFC 5321 §4.4 with the protocol words of RFC 3848 and RFC 6531.

    Args:
        envelope: of the message.
        peer: address of the client, "" for a Unix socket.
        hostname: our name.
        queue_id: our id of the message.
        seconds: now, since the epoch.
        peer_name: name of the client by the DNS, if it was looked up and checked.
        tls: version and cipher of the connection, "" without TLS.
    """
    helo = envelope.helo or "unknown"
    address = f"[IPv6:{peer}]" if ":" in peer else f"[{peer}]"
    info = " ".join(word for word in (escape(peer_name), escape(address) if peer else "") if word)
    lines = [f"Received: from {helo} ({info})" if info else f"Received: from {helo}"]
    if tls:
        lines.append(f"(using {_comment(tls)})")
    lines.append(f"by {hostname} with {envelope.protocol} id {queue_id}")
    if len(envelope.recipients) == 1:  # with more, one recipient would learn of another (RFC 5321 §7.6)
        lines.append(f"for <{envelope.recipients[0].address}>")
    return ("\r\n\t".join(lines) + ";\r\n\t" + format_date(seconds) + "\r\n").encode()


def _comment(text: str) -> str:
    """Text that may stand within parentheses, RFC 5322 §3.2.2."""
    return escape(text, TLS_COMMENT_LIMIT).replace("(", "").replace(")", "").replace("\\", "")
