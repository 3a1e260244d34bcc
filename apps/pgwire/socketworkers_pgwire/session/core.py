"""What every part of a session stands on: its fields, its output, what it waits for, and how an error ends. Sans-IO.

The session is one object in layers, each a file: `SessionCore`, `Execution` (portals, COPY, transactions), `Simple`,
`Extended`, `Login`, and `Session`, which has the loop and what a worker calls.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from socketworkers.errors import StateError
from socketworkers.sasl import CredentialSource, ScramServer

from ..codec import (
    READY,
    Decoder,
    Message,
    Report,
    encode_command_complete,
    encode_notification,
    encode_parameter_status,
    encode_report,
)
from . import errors
from .block import Block, BlockState
from .config import TRUST_ALL, Policy, SessionConfig, Timeouts
from .encodings import SERVER_ENCODING, decode_text, known_encoding
from .engine import Answer, Hole, Open, Ran, Repeat, Request, Statement, Transact, TransactKind
from .events import Close, Event, Release
from .names import Names, Portal
from .repetition import Noted, NotedText, Repetition, Texts
from .table import State
from .tally import Tally

__all__ = ["SessionCore", "Timeout", "command_complete"]

MOST_UNSENT = 1 << 18
"""Bytes of rows that wait for `Session.take_output` while an engine answers inline."""
_UNCOUNTED = Tally()
_RAISED = frozenset(("FATAL", "PANIC"))


class Timeout(NamedTuple):
    """How long the present state may last."""

    kind: str
    """``login``, ``idle``, ``idle in transaction``, ``statement``, ``message``, ``pipeline`` or ``copy``."""
    seconds: float
    """From the moment when `token` changed; bytes that change nothing do not prolong it (C5)."""
    token: int
    """Another number means another state: arm the timer anew."""


class SessionCore:
    """Fields and what all layers use; see `Session` for the arguments."""

    __slots__ = (
        "_after",
        "_block",
        "_changed",
        "_decoder",
        "_described",
        "_direct",
        "_eof",
        "_events",
        "_exchange",
        "_extended",
        "_gss_done",
        "_held",
        "_limit",
        "_messages",
        "_method",
        "_next",
        "_nonce",
        "_noted",
        "_notification_bytes",
        "_notifications",
        "_output",
        "_parse_name",
        "_paused",
        "_place",
        "_portal",
        "_progress",
        "_repetitions",
        "_request",
        "_sent",
        "_settings",
        "_ssl_done",
        "_statements",
        "_tag",
        "_tally",
        "_texts",
        "_then",
        "_touched",
        "_unsent",
        "alpn",
        "binding",
        "certificate_user",
        "config",
        "credentials",
        "database",
        "encoding",
        "inline",
        "names",
        "peer",
        "policy",
        "repeatable",
        "repeatable_text",
        "secure",
        "shortcut",
        "state",
        "timeouts",
        "user",
        "version",
        "whole",
    )

    def __init__(
        self,
        config: SessionConfig,
        *,
        policy: Policy = TRUST_ALL,
        credentials: CredentialSource | None = None,
        peer: str = "",
        secure: bool = False,
        direct: bool = False,
        alpn: str | None = None,
        binding: bytes | None = None,
        certificate_user: str | None = None,
        nonce: Callable[[], str] = secrets.token_urlsafe,
        tally: Tally = _UNCOUNTED,
        inline: Callable[[Request], Answer | None] | None = None,
    ) -> None:
        self.config = config
        self.policy = policy
        self.credentials = credentials
        self.peer = peer
        self.secure = secure
        self.alpn = alpn
        self.binding = binding
        self.certificate_user = certificate_user
        self.timeouts: Timeouts = config.timeouts
        """May be changed at any time, as SET does."""
        self.state = State.STARTUP
        self.user = ""
        self.database = ""
        self.version = 0
        """Protocol version that is spoken; 0 until the startup message."""
        self.encoding = SERVER_ENCODING
        """Python's name of the client's encoding."""
        self.names = Names(config)
        self._direct = direct
        self._nonce = nonce
        self._tally = tally
        self.inline = inline
        self.whole = False
        """Whether the transaction block that is open has come as a whole, to its end: nobody's turn has to wait for the
        client in between."""
        self.shortcut: Callable[[Open, bool], Ran | None] | None = None
        """Asked where a statement is to be bound and run to its end, and whether its transaction ends with it: what it
        has come to, if that could be had at once; None when nothing was done. May be changed at any time."""
        self.repeatable: Callable[[Open], Repeat | None] | None = None
        """Asked for what runs the statement once more that `shortcut` has just run. May be changed at any time."""
        self.repeatable_text: Callable[[Open], tuple[tuple[Hole, ...], Repeat] | None] | None = None
        """The same for a query string of one statement, and where the literals are that may be other ones."""
        self._decoder = Decoder(max_message=config.max_message)
        self._block = Block(config.max_savepoints)
        self._events: list[Event] = []
        self._output: list[bytes] = []
        self._unsent = 0
        self._messages: list[Message] = []
        self._next = 0
        self._held: bytearray | None = None
        self._eof = False
        self._paused = ""
        self._request: Request | None = None
        self._then: Callable[[Answer], None] = _nothing
        self._after: Callable[[], None] = _nothing_more
        self._progress = 0
        self._gss_done = False
        self._ssl_done = False
        self._method = ""
        self._exchange: ScramServer | None = None
        self._settings: dict[str, str] = {}
        self._changed: dict[str, str] | None = None
        self._notifications: list[bytes] | None = None
        self._notification_bytes = 0
        self._extended = False
        self._described: tuple[object, tuple[int, ...], str, bytes] = (None, (), "", b"")
        self._touched = False
        self._statements: list[Statement] | None = None
        self._place = 0
        self._parse_name = ("", 0)
        self._portal: Portal | None = None
        self._limit = 0
        self._sent = 0
        self._tag = ""
        self._repetitions: dict[bytes, Repetition] | None = None
        self._texts: Texts | None = None
        self._noted: list[Noted] | NotedText | None = None

    # What a worker, a policy and an engine may ask

    @property
    def paused(self) -> bool:
        """Whether an event waits for its answer. Read no more from the peer meanwhile."""
        return bool(self._paused)

    @property
    def closed(self) -> bool:
        """Whether the session is over."""
        return self.state is State.CLOSED

    @property
    def status(self) -> str:
        """Transaction status as ReadyForQuery tells it: ``I``, ``T`` or ``E``."""
        return self._block.status

    @property
    def extended(self) -> bool:
        """Whether what is carried out came by the extended query protocol."""
        return self._extended

    @property
    def held(self) -> int:
        """Bytes of input that are kept at this moment."""
        return self._decoder.buffered + (0 if self._held is None else len(self._held))

    def take_output(self) -> bytes:
        """What must be written now; every call empties it. Call it after every other call."""
        output = self._output
        self._unsent = 0
        if not output:
            return b""
        data = output[0] if len(output) == 1 else b"".join(output)
        output.clear()
        return data

    # Output

    def _take_events(self) -> list[Event]:
        events = self._events
        released = self.names.released
        if released:
            place = len(events) - 1 if self._paused and events else len(events)
            events.insert(place, Release(tuple(released)))
            released.clear()
        self._events = []
        return events

    def _say(self, report: Report, *, notice: bool = False) -> None:
        if not notice:
            self._tally.failed(report.sqlstate)
        self._output.append(encode_report(report, notice=notice, encoding=self.encoding))

    def _close(self, reason: str) -> None:
        self.state = State.CLOSED
        if self._block.state is not BlockState.IDLE and type(self._request) is not Transact:
            self._tally.rolled_back()
        self._paused = ""
        self._request = None
        self._then = _nothing
        self._after = _nothing_more
        self._messages = []
        self._next = 0
        self._held = None
        self._statements = None
        self._portal = None
        self._exchange = None
        self._decoder = Decoder()
        self._events.append(Close(reason))

    def _die(self, report: Report, reason: str) -> None:
        """Say an error that ends the connection."""
        self._say(report.fatal() if report.severity not in _RAISED else report)
        self._close(reason)

    def _text(self, data: bytes) -> str:
        return decode_text(data, self.encoding)

    # Requests and answers

    def _ask(self, request: Request, then: Callable[[Answer], None]) -> None:
        self._request = request
        self._then = then
        self._paused = "engine"  # the loop tells it
        self._touched = True

    def _pause(self, reason: str, event: Event) -> None:
        self._paused = reason
        self._events.append(event)

    def _answering(self, reason: str) -> None:
        if self._paused != reason:
            raise StateError("nothing waits for this answer")
        self._paused = ""

    def _take_parameters(self, answer: Answer) -> None:
        assert answer.parameters is not None
        if self._changed is None:
            self._changed = {}
        self._changed.update(answer.parameters)
        encoding = answer.parameters.get("client_encoding")
        if encoding is not None:
            self.encoding = known_encoding(encoding)

    # Ends of commands

    def _complete(self, tag: str) -> None:
        """CommandComplete."""
        self._tally.completed(tag)
        self._output.append(command_complete(tag))

    def _ready(self) -> None:
        """ReadyForQuery, with what waits for it."""
        self.state = State.READY
        self._extended = False
        self._statements = None
        self._portal = None
        self._progress += 1
        status = self._block.status
        if status == "I" and self._notifications:
            self._output += self._notifications
            self._notifications = None
            self._notification_bytes = 0
        if self._changed:
            for name, value in self._changed.items():
                self._output.append(encode_parameter_status(name.encode(), value.encode(self.encoding, "replace")))
            self._changed = None
        self._output.append(READY[status])

    def _finish(self, after: Callable[[], None]) -> None:
        """Commit, if the transaction is one that ends by itself; then go on with `after`."""
        block = self._block
        block.end_implicit()
        if block.status != "I":
            after()
        elif self._touched:
            self._after = after
            self._ask(Transact(TransactKind.COMMIT), self._committed)
        else:
            if block.state is not BlockState.IDLE:
                self._tally.committed()
            block.ended()
            self.names.committed()
            after()

    def _take_shortcut(self, request: Open, commits: bool) -> Ran | None:
        """Have a statement run, and with `commits` its transaction end, if that can be done in one step."""
        shortcut = self.shortcut
        if shortcut is None or self._unsent >= MOST_UNSENT or (commits and self.names.portals):
            return None
        answer = shortcut(request, commits)
        if answer is None:
            return None
        if commits:
            self._touched = False
            self._block.ended()
        else:
            self._touched = True
        return answer

    def _take_rows(self, answer: Ran) -> None:
        """What a shortcut has brought, behind the description of its columns."""
        if answer.notices:
            for report in answer.notices:
                self._say(report, notice=True)
        if answer.parameters:
            self._take_parameters(answer)
        if answer.data:
            self._output.append(answer.data)
            self._unsent += len(answer.data)
        if answer.count:
            self._tally.sent(answer.count)

    def _ran(self, answer: Ran) -> None:
        """A statement has run and was committed: go on until ReadyForQuery or an error."""
        self._take_rows(answer)
        if answer.failure is None:
            self._tally.committed()
            self._complete(answer.tag)
            self._ready()
            return
        if answer.tag and self._extended:
            # the statement had ended well before Sync was to commit it
            self._complete(answer.tag)
            self._extended = False
            self.state = State.READY
        self._block.start()
        self._fail(answer.failure)

    def _committed(self, answer: Answer) -> None:
        self._tally.committed()
        self._touched = False
        self._block.ended()
        self.names.committed()
        self._after()

    def _fail(self, report: Report) -> None:
        """Say an error, undo what it undoes, and go on behind it."""
        if report.severity in _RAISED:
            self._die(report, "fatal")
            return
        self._say(report)
        self._statements = None
        portal = self._portal
        if portal is not None:
            portal.done = True
            portal.tag = ""
            if self.names.portals.get(portal.name) is not portal and portal.handle is not None:
                self.names.released.append(portal.handle)
            self._portal = None
        kind = self._block.fail()
        if kind is TransactKind.ABORT and self.names.portals:
            self.names.failed(len(self._block.savepoints))
        if kind is None:
            self._go_on()
        elif kind is TransactKind.ROLLBACK and not self._touched:
            self._tally.rolled_back()
            self._block.ended()
            self.names.rolled_back()
            self._go_on()
        else:
            self._ask(Transact(kind), self._undone)

    def _undone(self, answer: Answer) -> None:
        if not self._block.failed:
            self._tally.rolled_back()
            self._touched = False
            self._block.ended()
            self.names.rolled_back()
        self._go_on()

    def _go_on(self) -> None:
        if self._extended:
            self.state = State.SKIPPING
        else:
            self._ready()

    def _notify(self, process_id: int, channel: str, payload: str) -> None:
        encoding = self.encoding
        data = encode_notification(process_id, channel.encode(encoding, "replace"), payload.encode(encoding, "replace"))
        if self.state is State.READY and not self._paused and self._block.status == "I":
            self._output.append(data)
            return
        if self._notification_bytes + len(data) > self.config.max_notification_bytes:
            self._die(errors.TOO_MANY_NOTIFICATIONS, "notifications")
            return
        if self._notifications is None:
            self._notifications = []
        self._notifications.append(data)
        self._notification_bytes += len(data)


@lru_cache(maxsize=256)
def command_complete(tag: str) -> bytes:
    return encode_command_complete(tag.encode())


def _nothing(answer: Answer) -> None:
    """Nothing waits for an answer."""


def _nothing_more() -> None:
    """Nothing waits for a commit."""
