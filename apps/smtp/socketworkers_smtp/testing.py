"""A mail server for tests: what the pytest fixture ``smtp_server`` gives. Works from plain and from async tests.

::

    def test_signup(smtp_server):
        sign_up("bob@example.org", host=smtp_server.host, port=smtp_server.port)
        message = smtp_server.wait_for(to="bob@example.org")
        assert "Welcome" in message.subject
        visit(message.link())
"""

from __future__ import annotations

import collections
import email
import email.policy
import html
import re
import time
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cached_property
from typing import Any, overload

from socketworkers import Env
from socketworkers.sasl import GuessLimiter
from socketworkers.testing import AppFixture

from . import app
from .mail import Mail
from .records import Summary
from .replies import Reply

__all__ = ["Message", "TestServer"]

_LINK = re.compile(r"https?://[^\s<>\"']+")
_HREF = re.compile(r"""href\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_CODE = re.compile(r"(?<![\w.,/-])(\d{4,8})(?![\w/-]|[.,]\d)")
_VERBS = ("MAIL", "RCPT", "DATA", "AUTH")


@dataclass(frozen=True)
class Message:
    """One message as it was taken, with its envelope."""

    id: str
    """The name that the server answered with (``queued as ...``)."""
    sender: str
    """Of the envelope (MAIL FROM), "" for a bounce."""
    recipients: tuple[str, ...]
    """Of the envelope (RCPT TO), as they were written; in alphabetical order."""
    raw: bytes
    """The content with the server's trace fields in front."""
    summary: Summary
    """All else that the server knows: peer, user, parameters."""

    @cached_property
    def email(self) -> EmailMessage:
        """The message, parsed."""
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def subject(self) -> str:
        """The decoded subject."""
        return str(self.email["subject"] or "")

    @cached_property
    def text(self) -> str:
        """The plain text part, or else the HTML part."""
        return self._part("plain") or self._part("html")

    @cached_property
    def html(self) -> str:
        """The HTML part, "" without one."""
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.email.get_body((kind,))
        return str(part.get_content()).replace("\r\n", "\n") if part is not None else ""

    def link(self, pattern: str = "") -> str:
        """The first link, of those that ``pattern`` (a regular expression) is found in.

        Raises:
            AssertionError: there is none.
        """
        found = _LINK.findall(self._part("plain"))
        found += [html.unescape(link) for link in _HREF.findall(self.html) if link.startswith("http")]
        for link in found:
            link = link.rstrip(".,;:!?)")
            if re.search(pattern, link):
                return str(link)
        raise AssertionError(f"no link{f' with {pattern!r}' if pattern else ''} in {self.text!r}")

    def code(self, pattern: str = "") -> str:
        """The first number of four to eight digits (or the first group of ``pattern``), as in "your code is 123456".

        Raises:
            AssertionError: there is none.
        """
        text = self._part("plain") or re.sub(r"<[^>]+>", " ", self.html)
        found = re.search(pattern, text) if pattern else _CODE.search(text)
        if found is None:
            raise AssertionError(f"no code in {self.text!r}")
        return found[1] if found.re.groups else found[0]


class TestServer(AppFixture):
    """A mail server in a thread: catches all mail, keeps it in memory.

    Args:
        settings: of the app; ``tls="auto"`` for STARTTLS, ``tls_port=0`` for TLS from the first byte,
            ``pop3_port=0`` for POP3.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(app, **settings)
        self._mail: Mail
        self._dialogue: list[tuple[str, str, bytes]] = []

    def _started(self, env: Env) -> None:
        self._mail = env.mail
        self._mail.on_delivered.append(self._changed.set)
        self._mail.on_bytes = lambda connection, side, data: self._dialogue.append((connection, side, data))

    # -- mail --------------------------------------------------------------------------------------------------

    @property
    def messages(self) -> list[Message]:
        """All that was taken, oldest first. What was answered with 250 is there."""
        return self.server.run(self._messages())

    def inbox(self, address: str) -> list[Message]:
        """What was taken for an address (case and ``+tag`` as written do not matter)."""
        return [message for message in self.messages if _matches(message, address, None)]

    @overload
    def wait_for(self, *, to: str | None = ..., subject: str | None = ..., timeout: float = ...) -> Message: ...

    @overload
    def wait_for(
        self, *, to: str | None = ..., subject: str | None = ..., count: int, timeout: float = ...
    ) -> list[Message]: ...

    def wait_for(
        self, *, to: str | None = None, subject: str | None = None, count: int | None = None, timeout: float = 5.0
    ) -> Message | list[Message]:
        """Wait for mail.

        Args:
            to: for this address.
            subject: with a subject that contains this.
            count: wait for so many and return the list; without it, for one.
            timeout: seconds.

        Raises:
            AssertionError: it did not come; the message tells what came.
        """
        messages: list[Message] = []

        async def look() -> list[Message] | None:
            messages[:] = await self._messages()
            found = [message for message in messages if _matches(message, to, subject)]
            return found if len(found) >= (count or 1) else None

        def missing() -> str:
            came = ", ".join(f"{message.subject!r} to {', '.join(message.recipients)}" for message in messages)
            wanted = " ".join(part for part in (to and f"to {to}", subject and f"with subject {subject!r}") if part)
            number = sum(_matches(message, to, subject) for message in messages)
            return f"{number} of {count or 1} messages {wanted} came within {timeout:g} s; there are: {came or 'none'}"

        found = self._wait_until(look, missing, timeout)
        return found[0] if count is None else found

    async def _messages(self) -> list[Message]:
        store = self._mail.store
        copies: dict[str, list[Summary]] = {}
        for summary in await store.list():
            copies.setdefault(summary.id, []).append(summary)
        found = []
        for id, summaries in copies.items():
            raw = await store.whole(summaries[0].mailbox, id)
            found.append(
                Message(
                    id,
                    summaries[0].sender,
                    tuple(sorted(summary.recipient for summary in summaries)),
                    raw,
                    summaries[0],
                )
            )
        return found

    def clear(self) -> None:
        """Remove all mail and the transcript."""
        self.server.run(self._mail.store.remove_all())
        self._dialogue.clear()

    def reset(self) -> None:
        """As new: no mail, no transcript, no users, no failures."""

        async def renew() -> None:
            mail = self._mail
            await mail.store.remove_all()
            mail.scripted.clear()
            mail.limiter = GuessLimiter(time.monotonic)
            for name in list(mail.credentials):
                mail.remove_user(name)

        self.server.run(renew())
        self._dialogue.clear()

    # -- behaviour ---------------------------------------------------------------------------------------------

    def fail_next(self, code: int, *, verb: str = "RCPT", text: str = "", times: int = 1) -> None:
        """Refuse the next command.

        Args:
            code: the reply's code: 4xx for now, 5xx for good.
            verb: ``MAIL``, ``RCPT``, ``DATA`` (after the content) or ``AUTH``.
            text: what the reply says.
            times: how many times.
        """
        if verb not in _VERBS:
            raise ValueError(f"verb must be one of {', '.join(_VERBS)}")
        if not 400 <= code <= 599:
            raise ValueError("the code of a failure is 4xx or 5xx")
        reply = Reply(code, f"{code // 100}.0.0", text or "Refused by the test")
        self.server.call(lambda: self._mail.scripted.setdefault(verb, collections.deque()).extend([reply] * times))

    def credentials(self, username: str, password: str) -> tuple[str, str]:
        """Add a user; from now on logins are checked (before, any name and password will do)."""
        self.server.call(self._mail.set_password, username, password)
        return username, password

    def transcript(self) -> str:
        """What was said since the start of the test: ``C:`` and ``S:`` lines, connection by connection."""
        sides: dict[str, list[tuple[str, bytes]]] = {}
        for connection, side, data in list(self._dialogue):
            said = sides.setdefault(connection, [])
            if said and said[-1][0] == side:
                data = said.pop()[1] + data
            said.append((side, data))
        return "\n\n".join(
            "\n".join(
                f"{side}: {line.decode('utf-8', 'backslashreplace')}" for side, data in said for line in _lines(data)
            )
            for said in sides.values()
        )


def _lines(data: bytes) -> list[bytes]:
    return data.removesuffix(b"\n").removesuffix(b"\r").replace(b"\r\n", b"\n").split(b"\n") if data else []


def _matches(message: Message, to: str | None, subject: str | None) -> bool:
    if to is not None and _plain(to) not in map(_plain, message.recipients):
        return False
    return subject is None or subject in message.subject


def _plain(address: str) -> str:
    local, _, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
