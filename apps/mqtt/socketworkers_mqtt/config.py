"""The broker's settings: one typed class."""

from __future__ import annotations

from dataclasses import dataclass

from socketworkers.errors import StartupError
from socketworkers.settings import Settings, is_loopback, setting

from .bridge import BridgeSpec, parse_bridge
from .limits import Limits

__all__ = ["USERS_FILE", "MqttConfig", "check", "exposure_check", "try_command"]

#: in the data folder: users with verifiers of our own
USERS_FILE = "users"


@dataclass
class MqttConfig(Settings):
    """Settings of ``run-app mqtt``."""

    port: int = setting(1883, help="MQTT over TCP; 0 = any free port", metavar="PORT")
    idle_timeout: float | None = setting(
        None, help="for clients that have no keep alive", kind="duration", metavar="SECONDS"
    )
    password_file: str = setting("", help="further users: a file of mosquitto_passwd", metavar="FILE")
    acl_file: str = setting("", help="who may use which topics, as Mosquitto's acl_file", metavar="FILE")
    anonymous: str = setting(
        "auto",
        help="clients without a name: on, off; auto: from this machine, while there are no users",
        choices=("auto", "on", "off"),
        metavar="WHEN",
    )
    certificate_names: bool = setting(False, help="the user is the common name of the client certificate")
    bridge: tuple[BridgeSpec, ...] = setting(
        (), help="a bridge to another broker", flag="[[mqtt.bridge]]", kind="table", parse=parse_bridge
    )
    max_packet: int = setting(16 * 1024 * 1024, help="largest packet", kind="size", advanced=True)
    max_connect: int = setting(16_389, help="largest CONNECT", kind="size", advanced=True)
    max_keep_alive: int = setting(0, help="longest keep alive in seconds; 0 = any", advanced=True)
    max_inflight: int = setting(100, help="unacknowledged messages to one client", advanced=True)
    receive_maximum: int = setting(1000, help="unacknowledged messages from one 5.0 client", advanced=True)
    max_topic_alias: int = setting(100, help="topic aliases each way", advanced=True)
    max_queued: int = setting(10_000, help="messages that wait for one session; then they are dropped", advanced=True)
    max_queued_bytes: int = setting(64 * 1024**2, help="the same in bytes", kind="size", advanced=True)
    max_queued_total: int = setting(1024**3, help="bytes that wait for all sessions", kind="size", advanced=True)
    max_backlog: int = setting(
        4 * 1024**2, help="bytes for a client that does not read; then QoS 0 is dropped", kind="size", advanced=True
    )
    max_backlog_total: int = setting(256 * 1024**2, help="the same for all such clients", kind="size", advanced=True)
    max_subscriptions: int = setting(10_000, help="subscriptions of one session", advanced=True)
    max_subscription_bytes: int = setting(
        32 * 1024**2, help="memory for the subscriptions of one session", kind="size", advanced=True
    )
    max_subscription_total: int = setting(1024**3, help="the same for all sessions", kind="size", advanced=True)
    max_sessions: int = setting(1_000_000, help="sessions that last", advanced=True)
    max_retained: int = setting(2_000_000, help="retained messages", advanced=True)
    session_expiry: float = setting(
        0xFFFFFFFF, help="longest life of a session without its client", kind="duration", advanced=True
    )
    message_rate: float = setting(0.0, help="packets per second of one client; 0 = any", advanced=True)
    connect_timeout: float = setting(10.0, help="time for CONNECT and a login", kind="duration", advanced=True)
    packet_timeout: float = setting(60.0, help="time for the rest of a packet", kind="duration", advanced=True)
    sys_interval: float = setting(10.0, help="between updates of $SYS; 0 = none", kind="duration", advanced=True)
    response_topic: str = setting(
        "", help="response information for clients; %c = their identifier", metavar="TOPIC", advanced=True
    )
    server_reference: str = setting(
        "", help="where clients are sent that are refused for it", metavar="HOST:PORT", advanced=True
    )

    def limits(self) -> Limits:
        """The bounds as the broker takes them."""
        return Limits(
            max_packet=self.max_packet,
            max_connect=self.max_connect,
            receive_maximum=self.receive_maximum,
            max_inflight=self.max_inflight,
            max_topic_alias=self.max_topic_alias,
            max_backlog=self.max_backlog,
            max_queued=self.max_queued,
            max_queued_bytes=self.max_queued_bytes,
            max_queued_total=self.max_queued_total,
            max_backlog_total=self.max_backlog_total,
            max_subscriptions=self.max_subscriptions,
            max_subscription_bytes=self.max_subscription_bytes,
            max_subscription_total=self.max_subscription_total,
            max_sessions=self.max_sessions,
            max_retained=self.max_retained,
            max_session_expiry=min(0xFFFFFFFF, int(self.session_expiry)),
            max_keep_alive=self.max_keep_alive,
            response_topic=self.response_topic,
            server_reference=self.server_reference,
        )


def check(config: MqttConfig) -> None:
    """Settings that cannot be.

    Raises:
        StartupError: with the remedy.
    """
    names = [spec.name for spec in config.bridge]
    for spec in config.bridge:
        if names.count(spec.name) > 1:
            raise StartupError(
                f"two bridges have the name {spec.name}",
                "a bridge's session is known by its name",
                'give each [[mqtt.bridge]] a name = "..." of its own',
                exit_status=2,
            )
    for name, value, least, most in (
        ("--max-packet", config.max_packet, 1024, 268_435_460),
        ("--receive-maximum", config.receive_maximum, 1, 65_535),
        ("--max-inflight", config.max_inflight, 1, 30_000),
        ("--max-topic-alias", config.max_topic_alias, 0, 65_535),
        ("--max-keep-alive", config.max_keep_alive, 0, 65_535),
        ("--max-connect", config.max_connect, 64, 268_435_460),
    ):
        if not least <= value <= most:
            raise StartupError(
                f"{name} {value} is out of range",
                f"it can be {least} to {most}",
                f"for one: {name} {least}",
                exit_status=2,
            )


def exposure_check(config: MqttConfig) -> str | None:
    """Why other machines may connect."""
    if config.anonymous == "on":
        return None
    folder = config.data_folder("mqtt")
    if config.password_file or (folder is not None and (folder / USERS_FILE).exists()) or config.anonymous == "off":
        return "clients log in"
    return None


def try_command(config: MqttConfig, listeners: object) -> str:
    """A command that works when pasted."""
    for listener in listeners:  # type: ignore[attr-defined]
        if listener.name == "main" and listener.path is None:
            host = "127.0.0.1" if listener.host in ("0.0.0.0", "::") or is_loopback(listener.host) else listener.host
            return f"mosquitto_sub -h {host} -p {listener.port} -t '#' -v"
    return ""
