"""The mail server's settings: one typed class."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from socketworkers.errors import StartupError
from socketworkers.settings import Settings, is_loopback, parse_duration, parse_size, setting

__all__ = ["Keep", "SmtpConfig", "check", "exposure_check", "parse_keep", "try_command"]


class Keep(NamedTuple):
    """One bound of what a mailbox holds; the oldest messages beyond it are removed."""

    kind: str
    """``count``, ``age`` (seconds) or ``size`` (bytes)."""
    amount: float


def parse_keep(text: str) -> str:
    """Check ``500`` (messages), ``7d`` (age) or ``100MB`` (size).

    Raises:
        ValueError: it is none of them.
    """
    keep(text)
    return text


def keep(text: str) -> Keep:
    """Understand one ``--keep``."""
    text = text.strip()
    if text.isdigit() and int(text) > 0:
        return Keep("count", int(text))
    if re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h|d|w))+", text):
        return Keep("age", parse_duration(text))
    if re.fullmatch(r"\d+(\.\d+)?\s*([kmgtKMGT]i?[bB]|[kmgtKMGTbB])", text) and parse_size(text) > 0:
        return Keep("size", parse_size(text))
    raise ValueError("a number of messages (500), an age (7d) or a size (100MB)")


def _parse_deliver(text: str) -> str:
    kind, _, folder = text.partition(":")
    if kind != "maildir" or not folder:
        raise ValueError("maildir:DIR")
    return text


@dataclass
class SmtpConfig(Settings):
    """Settings of ``run-app smtp``."""

    port: int = setting(2525, help="SMTP, with STARTTLS; 0 = any free port", metavar="PORT")
    idle_timeout: float | None = setting(
        300.0, help="time for one command (RFC 5321 §4.5.3.2)", kind="duration", metavar="SECONDS"
    )
    domain: tuple[str, ...] = setting((), help="take mail for this domain only (repeatable)", metavar="NAME")
    mailbox: tuple[str, ...] = setting((), help="this mailbox exists, others do not (repeatable)", metavar="NAME")
    keep: tuple[str, ...] = setting(
        (), help="per mailbox: N messages, an AGE (7d), a SIZE (100MB)", metavar="BOUND", parse=parse_keep
    )
    deliver: str = setting("", help="maildir:DIR = a copy of each message there", metavar="WHERE", parse=_parse_deliver)
    pop3_port: int | None = setting(None, help="POP3, with STLS", metavar="PORT")
    pop3s_port: int | None = setting(None, help="POP3 over TLS", metavar="PORT")
    lmtp_port: int | None = setting(None, help="LMTP (RFC 2033)", metavar="PORT")
    require_auth: bool = setting(False, help="take no mail without a login")
    require_tls: bool = setting(False, help="take no mail without TLS", advanced=True)
    cleartext_auth: bool = setting(False, help="allow passwords without TLS off loopback", advanced=True)
    channel_binding: bool = setting(
        False,
        help="offer SCRAM-SHA-256-PLUS, bound to the certificate (tls-server-end-point only)",
        advanced=True,
    )
    hostname: str = setting("", help="our name in greeting and Received", metavar="NAME", advanced=True)
    max_size: int = setting(26_214_400, help="largest message", kind="size", advanced=True)
    max_recipients: int = setting(1000, help="recipients of a message", advanced=True)
    max_messages: int = setting(0, help="messages of a session; 0 = no limit", advanced=True)
    catch_all_limit: int = setting(
        1024**3, help="bytes that mail for unlisted mailboxes may take", kind="size", advanced=True
    )
    delivery_delay: float = setting(
        0.25, help="let messages gather before mailboxes are filled", kind="duration", advanced=True
    )
    greet_delay: float = setting(
        0.0, help="wait this long before the greeting: who talks first is refused", kind="duration", advanced=True
    )

    @property
    def name(self) -> str:
        """The host name that is used."""
        if self.hostname:
            return self.hostname
        return self.domain[0] if self.domain else "localhost"

    @property
    def bounds(self) -> tuple[Keep, ...]:
        """What ``keep`` says."""
        return tuple(keep(text) for text in self.keep)

    @property
    def maildir(self) -> str | None:
        """Folder of ``deliver``."""
        return self.deliver.partition(":")[2] or None


def check(config: SmtpConfig) -> None:
    """Settings that contradict each other.

    Raises:
        StartupError: with the remedy.
    """
    if config.mailbox and not config.domain:
        raise StartupError(
            "--mailbox needs --domain",
            "without a domain the server catches all mail of this machine",
            f"for one: --domain example.org --mailbox {config.mailbox[0]}",
            exit_status=2,
        )
    for name in config.mailbox:
        local, at, domain = name.rpartition("@")
        if at and domain.lower() not in {each.lower() for each in config.domain}:
            raise StartupError(
                f"--mailbox {name} is in no domain of ours",
                f"the domains are {', '.join(config.domain)}",
                f"add --domain {domain}, or name just {local}",
                exit_status=2,
            )


def exposure_check(config: SmtpConfig) -> str | None:
    """Why other machines may connect."""
    if config.domain:
        return f"it takes mail for {', '.join(config.domain)} and relays none"
    if config.require_auth:
        return "it takes mail after a login only"
    return None


def try_command(config: SmtpConfig, listeners: object) -> str:
    """A command that works when pasted."""
    for listener in listeners:  # type: ignore[attr-defined]
        if listener.name == "main" and listener.path is None:
            domain = config.domain[0] if config.domain else "example.org"
            user = config.mailbox[0].partition("@")[0] if config.mailbox else "you"
            host = "127.0.0.1" if listener.host in ("0.0.0.0", "::") or is_loopback(listener.host) else listener.host
            return f"swaks --server {host}:{listener.port} --to {user}@{domain}"
    return ""
