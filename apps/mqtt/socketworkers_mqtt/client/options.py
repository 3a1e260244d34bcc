"""What a client says of itself in CONNECT, and its own bounds. Sans-IO."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..codec import Connect, Properties
from .message import Message

__all__ = ["ConnectOptions"]

_NAMES = {3: "MQIsdp", 4: "MQTT", 5: "MQTT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectOptions:
    """Settings of one client."""

    client_id: str = ""
    """Client Identifier; empty = the server gives one (5.0), or none is needed (3.1.1 with a clean session)."""
    version: int = 5
    """5, 4 (3.1.1) or 3 (3.1)."""
    clean_start: bool = True
    """Clean Start; Clean Session before 5.0."""
    session_expiry: int = 0
    """Session Expiry Interval in seconds, 0xFFFFFFFF = for ever; 5.0 only (§3.1.2.11.2)."""
    keep_alive: int = 60
    """Longest silence in seconds; 0 = any (§3.1.2.10)."""
    username: str | None = None
    """User name."""
    password: bytes | None = field(default=None, repr=False)
    """Password."""
    scram: bool = False
    """Prove the password by SCRAM-SHA-256 in AUTH packets instead of sending it; 5.0 only (§4.12)."""
    will: Message | None = None
    """What the server publishes when the connection is lost."""
    will_delay: int = 0
    """How many seconds it waits before that; 5.0 only (§3.1.3.2.2)."""
    receive_maximum: int = 100
    """QoS 1 and 2 messages that the server may have under way to this client; 5.0 only (§3.1.2.11.3)."""
    max_packet: int = 16 * 1024 * 1024
    """Largest packet that is taken (§3.1.2.11.4)."""
    topic_alias_maximum: int = 100
    """Topic aliases that the server may use; 5.0 only (§3.1.2.11.5)."""
    user_properties: tuple[tuple[str, str], ...] = ()
    """User Properties of CONNECT; 5.0 only."""
    connect_timeout: float = 10.0
    """Seconds until CONNACK."""
    ping_timeout: float = 10.0
    """Seconds until PINGRESP; then the connection counts as lost (§3.1.2.10)."""
    max_queued: int = 1000
    """QoS 1 and 2 messages that may wait to be acknowledged."""

    def __post_init__(self) -> None:
        if self.version not in _NAMES:
            raise ValueError("the version of MQTT is 3 (3.1), 4 (3.1.1) or 5")
        if not 0 <= self.keep_alive <= 0xFFFF:
            raise ValueError("a keep alive is 0 to 65535 seconds")
        if not 1 <= self.receive_maximum <= 0xFFFF:
            raise ValueError("a receive maximum is 1 to 65535")
        if not 1 <= self.max_queued <= 30_000:
            raise ValueError("max_queued is 1 to 30000")
        if not 0 <= self.session_expiry <= 0xFFFF_FFFF:
            raise ValueError("a session expiry is 0 to 4294967295 seconds")
        if self.version == 4 and self.password is not None and self.username is None:
            raise ValueError("MQTT 3.1.1 has no password without a user name")  # [MQTT-3.1.2-22]
        if self.scram and (self.version < 5 or self.username is None or self.password is None):
            raise ValueError("SCRAM needs MQTT 5.0, a user name and a password")

    def packet(self, auth_data: bytes | None = None) -> Connect:
        """The CONNECT.

        Args:
            auth_data: Authentication Data, with ``scram``.

        Raises:
            ValueError: a will that cannot be encoded.
        """
        properties = Properties()
        if self.version == 5:
            properties = Properties(
                session_expiry_interval=self.session_expiry or None,
                receive_maximum=self.receive_maximum,
                maximum_packet_size=self.max_packet,
                topic_alias_maximum=self.topic_alias_maximum or None,
                authentication_method="SCRAM-SHA-256" if self.scram else None,
                authentication_data=auth_data,
                user_properties=self.user_properties,
            )
        return Connect(
            _NAMES[self.version],
            self.version,
            self.clean_start,
            self.keep_alive,
            self.client_id,
            self.will.will(self.will_delay) if self.will is not None else None,
            self.username,
            None if self.scram else self.password,
            properties,
        )
