"""What all connections of a broker's server share: users, permissions, limits, counters. Made at the start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from socketworkers import AbortSignal, Env, Timeouts
from socketworkers.errors import StartupError
from socketworkers.sasl import GuessLimiter

from .access import AccessControl
from .bridge import Bridges
from .config import USERS_FILE, MqttConfig
from .passwords import Users, load_users

if TYPE_CHECKING:
    from .object import BrokerObject

__all__ = ["BROKER", "USERS_FILE", "Mqtt", "read_users"]

#: id of the object of the one tenant that there is
BROKER = "broker"
#: password checks at once: each costs milliseconds of a core on purpose
MAX_CHECKS = 2
#: seconds that the answer to a wrong password takes
GUESS_DELAY = 1.0


def read_users(data_dir: Path | None, password_file: str) -> Users:
    """The users of a data folder and of Mosquitto's file.

    Raises:
        StartupError: a file cannot be read or understood.
    """
    try:
        return load_users(data_dir / USERS_FILE if data_dir is not None else None, password_file)
    except (ValueError, OSError) as error:
        raise StartupError("the users cannot be read", str(error), "see socketworkers mqtt user --help") from None


class Mqtt:
    """The shared part; ``env.mqtt``."""

    def __init__(self, env: Env) -> None:
        config: MqttConfig = env.config
        self.env = env
        self.config = config
        self.limits = config.limits()
        self.users = read_users(env.data_dir, config.password_file)
        anonymous = {"on": True, "off": False}.get(config.anonymous)
        try:
            self.access = AccessControl.load(self.users, config.acl_file, anonymous, everywhere=config.insecure)
        except (ValueError, OSError) as error:
            raise StartupError(f"{config.acl_file} cannot be used", str(error), "see mosquitto.conf(5)") from None
        self.identity_from_certificate = config.certificate_names
        self.message_rate = config.message_rate
        self.limiter = GuessLimiter(time.monotonic)
        self.checks = asyncio.Semaphore(MAX_CHECKS)
        #: how a guesser is made to wait; replaced by tests
        self.sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
        self.object: BrokerObject | None = None
        #: made with the object, started by the server only
        self.bridges: Bridges
        self._draining: AbortSignal | None = None
        self._timeouts: dict[int, Timeouts] = {}
        self._auth = env.telemetry.counters(
            "mqtt_auth_total", "Password checks.", "outcome", ("ok", "failed", "limited")
        )

    def started(self, owner: BrokerObject) -> None:
        """The broker's object is alive: tell its numbers to the metrics."""
        self.object = owner
        self.bridges = Bridges(owner, self.config.bridge)
        broker, telemetry = owner.broker, self.env.telemetry
        stats = broker.stats
        for name, help in (
            ("messages_received", "Control packets received."),
            ("messages_sent", "Control packets sent."),
            ("publish_received", "PUBLISH packets received."),
            ("publish_sent", "PUBLISH packets sent."),
            ("publish_dropped", "Messages that were not delivered: a queue was full or a client did not read."),
            ("publish_refused", "Messages that were not taken: no permission or no room."),
            ("takeovers", "Sessions that were taken over by another connection."),
            ("expired", "Sessions that ended because their client stayed away."),
        ):
            telemetry.gauge(f"mqtt_{name}", help, lambda name=name: float(getattr(stats, name)))
        telemetry.gauge("mqtt_clients_connected", "Connected clients.", lambda: float(broker.connected))
        telemetry.gauge("mqtt_sessions", "Sessions, connected or not.", lambda: float(len(broker.sessions)))
        telemetry.gauge("mqtt_subscriptions", "Subscriptions.", lambda: float(broker.router.tree.count))
        telemetry.gauge("mqtt_retained", "Retained messages.", lambda: float(broker.retained.count))
        telemetry.gauge(
            "mqtt_bridges_connected",
            "Bridges that have a connection.",
            lambda: float(sum(bridge.connected for bridge in self.bridges.bridges)),
        )
        telemetry.gauge("mqtt_queued_bytes", "Bytes that wait for sessions.", lambda: float(broker.queued_bytes))

    def timeouts(self, keep_alive: int) -> Timeouts:
        """Deadlines of a connected client: one and a half times its keep alive ([MQTT-3.1.2-22]).

        The same object for all clients that are alike.
        """
        found = self._timeouts.get(keep_alive)
        if found is None:
            idle = keep_alive * 1.5 if keep_alive else self.config.idle_timeout
            found = self._timeouts[keep_alive] = Timeouts(idle=idle, write=self.config.write_timeout)
        return found

    def watch(self, draining: AbortSignal) -> None:
        """Tell all clients when the server begins to drain."""
        if self._draining is not draining and self.object is not None:
            self._draining = draining
            owner = self.object
            draining.add_event_listener("abort", lambda _event: owner.say_goodbye())

    async def check_password(self, username: str, password: bytes, peer: str) -> tuple[str | None, bool]:
        """Compare a password off the loop.

        Returns:
            Who it is (None if wrong), and whether the answer is only for now (too many guesses).
        """
        keys = (f"address {peer}", f"account {username}")
        if self.limiter.blocked(*keys):
            self._auth["limited"].value += 1
            await self.sleep(GUESS_DELAY)
            return None, True
        async with self.checks:
            right = await asyncio.to_thread(self.users.check_password, username, password)
        if right:
            self._auth["ok"].value += 1
            return username, False
        self._auth["failed"].value += 1
        self.limiter.failed(*keys)
        await self.sleep(GUESS_DELAY)
        return None, False

    def set_password(self, name: str, password: str) -> bool:
        """Add a user or change a password, on disk as well; whether the user is new.

        Raises:
            ValueError: a name or password that cannot be used.
        """
        credentials = self.users.credentials
        new = name not in credentials
        credentials.set_password(name, password)
        self._save()
        return new

    def remove_user(self, name: str) -> None:
        """Take a user away.

        Raises:
            KeyError: no such user of our own.
        """
        self.users.credentials.remove(name)
        self._save()

    def user_names(self) -> list[str]:
        """All users, those of Mosquitto's file, too, sorted."""
        return self.users.names()

    def _save(self) -> None:
        if self.env.data_dir is not None:
            self.users.credentials.save(self.env.data_dir / USERS_FILE)
