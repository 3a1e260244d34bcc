"""Bounds of a broker, as the state machine sees them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(slots=True)
class Limits:
    """All sizes in bytes, all times in seconds."""

    max_packet: int = 16 * 1024 * 1024
    """Maximum Packet Size that is announced and held (MQTT 5.0 §3.2.2.3.6)."""
    max_connect: int = 16_384 + 5
    """What a CONNECT may take, before anybody is known."""
    max_client_id: int = 1024
    """Characters of a client identifier."""
    receive_maximum: int = 1000
    """QoS 1 and 2 messages of a 5.0 client at a time (§3.2.2.3.3)."""
    max_inflight: int = 100
    """QoS 1 and 2 messages that are under way to a client, if it allows as many."""
    max_topic_alias: int = 100
    """Topic aliases, each way (§3.2.2.3.8)."""
    max_backlog: int = 4 * 1024 * 1024
    """Bytes that wait for a client that does not read; beyond them QoS 0 messages to it are dropped and counted."""
    max_backlog_total: int = 256 * 1024 * 1024
    """The same of all such clients."""
    max_queued: int = 10_000
    """Messages that wait for one session; what comes beyond is dropped and counted."""
    max_queued_bytes: int = 64 * 1024 * 1024
    """The same in bytes; also of large messages that are under way to one client."""
    max_queued_total: int = 1024**3
    """Bytes that wait for all sessions, and of large messages that are under way."""
    max_subscriptions: int = 10_000
    """Of one session."""
    max_subscription_bytes: int = 32 * 1024 * 1024
    """What the subscriptions of one session may take."""
    max_subscription_total: int = 1024**3
    """The same of all sessions."""
    max_sessions: int = 1_000_000
    """Sessions that last; a client that would need one more is refused."""
    max_retained: int = 2_000_000
    """Retained messages; beyond it only those that are there can be replaced."""
    max_session_expiry: int = 0xFFFFFFFF
    """Longest Session Expiry Interval; also how long sessions of 3.1.1 last (§3.2.2.3.2)."""
    max_keep_alive: int = 0
    """Longest keep alive (Server Keep Alive, §3.2.2.3.14); 0 = any."""
    response_topic: str = ""
    """Response Information; ``%c`` = the client's identifier (§3.2.2.3.15)."""
    server_reference: str = ""
    """Where clients are sent that are refused for it (§4.11)."""
