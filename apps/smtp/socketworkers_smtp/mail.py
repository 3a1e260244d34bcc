"""What all sessions of a mail server share: policy, users, store, names for messages, counters. Made at the start."""

from __future__ import annotations

import asyncio
import collections
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from socketworkers import Context, Env, TlsInfo
from socketworkers.errors import StartupError, StorageError
from socketworkers.sasl import Credentials, GuessLimiter
from socketworkers.settings import is_loopback

from . import replies
from .addresses import CATCH_ALL, Directory
from .codec.address import Address
from .codec.params import MailParameters, RcptParameters
from .config import SmtpConfig
from .headers import received, return_path
from .pop3 import Pop3Config
from .queue import MAILDIR
from .records import Delivery, MessageIds, Record
from .replies import Reply
from .session import Envelope, SessionConfig, SessionView, Timeouts
from .store import ObjectStore

__all__ = ["USERS_FILE", "Mail", "load_users"]

USERS_FILE = "users"
#: password checks at once: each costs milliseconds of a core on purpose
MAX_CHECKS = 2
#: seconds that the answer to a wrong password takes
GUESS_DELAY = 1.0


def load_users(data_dir: Path | None) -> Credentials:
    """The users of a data folder.

    Raises:
        StartupError: the file cannot be understood.
    """
    if data_dir is None:
        return Credentials()
    try:
        return Credentials.load(data_dir / USERS_FILE)
    except (ValueError, OSError) as error:
        raise StartupError(f"the users in {data_dir / USERS_FILE} cannot be read", str(error)) from None


class Mail:
    """The shared part; ``env.mail``. Also the ``Policy`` of sessions."""

    def __init__(self, env: Env) -> None:
        config: SmtpConfig = env.config
        self.config = config
        self.env = env
        self.data_dir: Path | None = env.data_dir
        self.credentials = load_users(env.data_dir)
        self.directory = Directory(config.domain, config.mailbox, self.credentials)
        self.store: ObjectStore
        self.ids = MessageIds()
        self.limiter = GuessLimiter(time.monotonic)
        self.checks = asyncio.Semaphore(MAX_CHECKS)
        #: how a guesser is made to wait; replaced by tests
        self.sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
        self.catch_all_bytes = 0
        self.catch_all_messages = 0
        #: mailboxes that a POP3 session holds (RFC 1939 §8: an exclusive lock)
        self.locked: set[str] = set()
        #: for tests: replies to give instead of the usual one, by verb (``MAIL``, ``RCPT``, ``DATA``, ``AUTH``)
        self.scripted: dict[str, collections.deque[Reply]] = {}
        #: for tests: called with the connection's id, ``C`` or ``S``, and what was said
        self.on_bytes: Callable[[str, str, bytes], None] | None = None
        #: called after messages have reached their mailboxes
        self.on_delivered: list[Callable[[], None]] = []
        self._configs: dict[tuple[bool, bool], SessionConfig] = {}
        telemetry = env.telemetry
        self._outcomes = telemetry.counters(
            "smtp_messages_total", "Messages by outcome.", "outcome", ("accepted", "refused", "failed", "abandoned")
        )
        self._auth = telemetry.counters("smtp_auth_total", "Authentications.", "outcome", ("ok", "failed", "limited"))
        telemetry.gauge("smtp_catch_all_bytes", "Bytes held by the catch-all.", lambda: float(self.catch_all_bytes))

    async def start(self) -> None:
        """Open the queue (which goes on delivering) and learn what there is."""
        queue = self.env.QUEUE.get("queue")
        self.store = ObjectStore(self.env, await queue.bodies())
        await queue.recover()
        self.ids = MessageIds(await self.store.newest_id())
        if CATCH_ALL in self.store.mailboxes():
            try:
                self.catch_all_bytes, self.catch_all_messages = await self.env.MAILBOX.get(CATCH_ALL).totals()
            except StorageError as error:
                # the server is not ready and says so; mail waits in the queue, and the other mailboxes can be read
                logging.getLogger("socketworkers.smtp").error("the catch-all cannot be opened: %s", error)

    def count(self, outcome: str) -> None:
        """Count a message."""
        self._outcomes[outcome].value += 1

    def count_auth(self, outcome: str) -> None:
        """Count an authentication."""
        self._auth[outcome].value += 1

    def delivered(self, messages: int) -> None:
        """The queue has filled mailboxes."""
        for callback in tuple(self.on_delivered):
            callback()

    def session_config(self, ctx: Context, *, lmtp: bool) -> SessionConfig:
        """The settings of a listener's sessions."""
        starttls = ctx.tls_context is not None and ctx.listener.tls == "starttls"
        found = self._configs.get((starttls, lmtp))
        if found is None or found.mechanisms != self.mechanisms:
            config = self.config
            found = self._configs[starttls, lmtp] = SessionConfig(
                hostname=config.name,
                lmtp=lmtp,
                max_size=config.max_size,
                max_recipients=config.max_recipients,
                max_messages=config.max_messages,
                starttls=starttls,
                require_tls=config.require_tls,
                require_auth=config.require_auth,
                mechanisms=self.mechanisms,
                cleartext_auth=config.cleartext_auth,
                timeouts=_timeouts(config.idle_timeout),
            )
        return found

    def pop3_config(self, ctx: Context) -> Pop3Config:
        """The settings of a POP3 listener's sessions."""
        return Pop3Config(
            starttls=ctx.tls_context is not None and ctx.listener.tls == "starttls",
            mechanisms=(*self._proofs, "PLAIN"),
            cleartext_auth=self.config.cleartext_auth,
            idle_timeout=max(600.0, self.config.idle_timeout or 0.0),
        )

    @property
    def any_login(self) -> bool:
        """Whether any name and password will do: a catcher on loopback without users."""
        return not len(self.credentials) and is_loopback(self.config.host)

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """SASL mechanisms to offer."""
        if proofs := self._proofs:
            return (*proofs, "PLAIN", "LOGIN")
        return ("PLAIN", "LOGIN") if self.any_login or self.config.require_auth else ()

    @property
    def _proofs(self) -> tuple[str, ...]:
        if not len(self.credentials):
            return ()
        return ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256") if self.config.channel_binding else ("SCRAM-SHA-256",)

    def bindings(self, tls: TlsInfo | None) -> Mapping[str, bytes]:
        """What a login may be bound to. Nothing unless it is offered: a client that says it saw no offer is right."""
        return tls.channel_bindings if tls is not None and self.config.channel_binding else {}

    async def check_password(self, username: str, password: str, peer: str) -> tuple[str | None, bool]:
        """Compare a password off the loop.

        Returns:
            Who it is (None if wrong), and whether the answer is only for now (too many guesses).
        """
        if scripted := self.scripted_reply("AUTH"):
            return None, scripted.code < 500
        if self.any_login:
            self.count_auth("ok")
            return username, False
        keys = (f"address {peer}", f"account {username}")
        if self.limiter.blocked(*keys):
            self.count_auth("limited")
            await self.sleep(GUESS_DELAY)
            return None, True
        async with self.checks:
            right = await asyncio.to_thread(self.credentials.check_password, username, password)
        if right:
            self.count_auth("ok")
            return username, False
        await self.guessed(username, peer)
        return None, False

    async def guessed(self, username: str, peer: str) -> None:
        """A wrong password: count it, and let the guesser wait."""
        self.count_auth("failed")
        self.limiter.failed(f"address {peer}", f"account {username}")
        await self.sleep(GUESS_DELAY)

    def scripted_reply(self, verb: str) -> Reply | None:
        """The next scripted reply for a verb, if a test put one there."""
        waiting = self.scripted.get(verb)
        return waiting.popleft() if waiting else None

    # -- Policy ------------------------------------------------------------------------------------------------

    def check_sender(self, sender: Address, parameters: MailParameters, view: SessionView) -> Reply | None:
        """Any sender, unless a test says otherwise."""
        return self.scripted_reply("MAIL") if self.scripted else None

    def check_recipient(self, recipient: Address, parameters: RcptParameters, view: SessionView) -> Reply | None:
        """Local recipients only: this server relays nothing."""
        if self.scripted and (reply := self.scripted_reply("RCPT")):
            return reply
        directory = self.directory
        if not directory.is_local(recipient):
            return replies.RELAY_DENIED
        mailbox = directory.mailbox(recipient)
        if mailbox is None:
            return replies.NO_SUCH_USER
        if mailbox == CATCH_ALL and directory.domains and self.catch_all_bytes >= self.config.catch_all_limit:
            return replies.MAILBOX_FULL
        return None

    def verify(self, text: str, view: SessionView) -> Reply:
        """No answer, politely: RFC 5321 §7.3."""
        return replies.CANNOT_VERIFY

    # -- messages ----------------------------------------------------------------------------------------------

    def record(
        self, id: str, envelope: Envelope, view: SessionView, tls: str, body: bytes | None, size: int
    ) -> tuple[Record, list[Delivery]]:
        """What to store of a message.

        Args:
            id: its name.
            envelope: what was said about it.
            view: its session.
            tls: version and cipher, "" without TLS.
            body: its content, None if that lies in the file of the same name.
            size: bytes of the content.
        """
        now = time.time()
        head = return_path(envelope.sender) + received(
            envelope, peer=view.peer, hostname=self.config.name, queue_id=id, seconds=now, tls=tls
        )
        record = Record(
            id=id,
            received=now,
            sender=str(envelope.sender),
            helo=envelope.helo,
            peer=view.peer,
            user=envelope.user or "",
            details=_details(envelope),
            head=head,
            body=body,
            file=None if body is not None else id,
            size=len(head) + size,
        )
        directory = self.directory
        deliveries = [
            Delivery(
                directory.mailbox(each.address) or CATCH_ALL, directory.address_of(each.address), str(each.address)
            )
            for each in envelope.recipients
        ]
        if self.config.maildir is not None:
            deliveries.append(Delivery(MAILDIR, os.path.abspath(self.config.maildir), ""))
        return record, deliveries

    def set_password(self, name: str, password: str) -> bool:
        """Add a user or change a password, on disk as well.

        Returns:
            Whether the user is new.

        Raises:
            ValueError: a name or password that cannot be used.
        """
        new = name not in self.credentials
        self.credentials.set_password(name, password)
        self._save_users()
        self.directory.refresh()
        return new

    def remove_user(self, name: str) -> None:
        """Take a user away.

        Raises:
            KeyError: no such user.
        """
        self.credentials.remove(name)
        self._save_users()
        self.directory.refresh()

    def user_names(self) -> list[str]:
        """All users, sorted."""
        return sorted(self.credentials)

    def _save_users(self) -> None:
        if self.data_dir is not None:
            self.credentials.save(self.data_dir / USERS_FILE)


def _timeouts(idle: float | None) -> Timeouts:
    """The standard's, or shorter ones if ``--idle-timeout`` is shorter; without it, none ends a command."""
    if not idle:
        return Timeouts(command=86400.0)
    least = Timeouts()
    return Timeouts(
        command=idle,
        data_start=min(least.data_start, idle),
        data_block=min(least.data_block, idle),
        auth=min(least.auth, idle),
    )


def _details(envelope: Envelope) -> str:
    parameters = envelope.parameters
    values: dict[str, Any] = {"protocol": envelope.protocol}
    if envelope.body != "7BIT":
        values["body"] = envelope.body
    if parameters.smtputf8:
        values["smtputf8"] = True
    if parameters.ret:
        values["ret"] = parameters.ret
    if parameters.envid:
        values["envid"] = parameters.envid
    if parameters.auth is not None:
        values["auth"] = str(parameters.auth)
    dsn: Sequence[dict[str, Any]] = [
        {
            "recipient": str(each.address),
            "notify": list(each.parameters.notify),
            "orcpt": f"{each.parameters.orcpt.type};{each.parameters.orcpt.address}" if each.parameters.orcpt else None,
        }
        for each in envelope.recipients
        if each.parameters.notify or each.parameters.orcpt
    ]
    if dsn:
        values["dsn"] = dsn
    return json.dumps(values)
