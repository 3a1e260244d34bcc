"""One session of PostgreSQL's protocol, the server's side, without I/O: bytes in, events and bytes out.

The worker gives what it reads to `receive`, writes what `take_output` returns, and answers the events that pause; what
it asks of the database goes to an engine, whose answer goes to `answer`. Nothing here waits, reads a clock, logs or
touches a socket. The order of messages is in `table`, the limits are in `SessionConfig`.

"Frontend/Backend Protocol" of the PostgreSQL documentation, protocol 3.0 and 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..codec import READY, SYNC, SYNCHRONIZE, Report, encode_report
from . import errors
from .block import BlockState
from .core import MOST_UNSENT, Timeout, command_complete
from .encodings import SERVER_ENCODING
from .engine import Answer, ControlKind, Done, Failure, Open, Ran, Repeated, Transact, TransactKind
from .errors import SqlError
from .events import Event, Interrupt
from .execution import ENDS
from .login import ALPN, Login
from .repetition import MOST as MOST_KNOWN
from .repetition import NotedText, Repetition, TextRepetition, Texts, pieces_of
from .table import ALLOWED, State

__all__ = ["Session", "Timeout"]

IDLE: Final = READY["I"]
WITHIN: Final = READY["T"]
#: bytes of the longest chunk that is looked at for what may come again
_KNOWABLE: Final = 1 << 16
_BLOCK = 16
"""Bits of 64 KiB: so much of a message must come within `Timeouts.message`."""
_BLOCKS = 1 << 20
_BEGIN: Final = Transact(TransactKind.BEGIN)
_NO_EVENTS: Final[list[Event]] = []
_LOGIN = frozenset((State.STARTUP, State.TLS, State.LOGIN, State.STARTING))


class Session(Login):
    """One session. Not thread-safe; one worker drives it.

    Args:
        config: the listener's settings.
        policy: who may log in how.
        credentials: verifiers for SCRAM.
        peer: address of the client without port.
        secure: whether the connection is encrypted already (direct TLS, or a WebSocket over TLS).
        direct: whether TLS was begun without SSLRequest; ALPN must have named ``postgresql`` then.
        alpn: what ALPN agreed on.
        binding: ``tls-server-end-point`` of the TLS in use, for SCRAM-SHA-256-PLUS.
        certificate_user: the user that the client's certificate names.
        nonce: makes the server's nonce of a SCRAM exchange.
        tally: told what is worth counting.
        inline: answers at once what it can of the requests; for None the request becomes an event as usual. May be
            changed at any time.
    """

    __slots__ = ()

    @property
    def implicit(self) -> bool:
        """Whether several statements of one query or pipeline share a transaction that ends by itself."""
        return self._block.state is BlockState.IMPLICIT

    # What a worker does

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes of the peer; ``b""`` is the end of its stream. Never raises for what a peer sends."""
        if self.state is State.CLOSED:
            return []
        if self._direct and self.alpn != ALPN:
            self._close("alpn")
        elif not data:
            self._eof = True
            if self.state is State.TLS:
                self._close("eof")
            elif not self._paused:
                self._run()
        elif self.state is State.TLS:
            self._close("injection")  # C1: only the handshake may come here, and that is not given to us
        elif self._paused:
            self._hold(data)
        else:
            self._messages = messages = self._decoder.receive(data)
            self._next = 0
            self._noted = [] if data[:1] == b"B" and len(data) < _KNOWABLE else None
            self._run()
            if self._noted:
                self._know(data, len(messages))
        return self._take_events()

    def repeat(self, data: bytes) -> list[Event] | None:
        """As `receive`, for a chunk that is an earlier one with other parameters, when all that it asks for can be done
        at once. None: nothing was done."""
        first = data[:1]
        if first == b"B":
            known = self._repetitions
            if known is None or data[5:6] != b"\0":  # perhaps a part of a message only
                return None
            found = known.get(data[6 : data.find(0, 6)])
            if found is None or self.names.statements.get(found.prepared.name) is not found.prepared:
                return None
            parameters = found.parameters(data)
            if parameters is None:
                return self._repeat_pieces(data, known)
            if self._resting:
                if found.run is None:
                    return self._repeat_control(found)
                return self._repeated(found, found.run(parameters, b""))
            if self._within_block:
                return self._repeat_within(found, parameters)
        elif first == b"Q" and self._texts is not None and self._resting and "" not in self.names.statements:
            text = self._texts.find(data)
            if text is not None:
                return self._repeated(text[0], text[0].run(text[1], data[5:-1]))
        return None

    def _repeated(self, found: Repetition | TextRepetition, answer: Repeated | Ran | None) -> list[Event] | None:
        """A statement has run as a transaction by itself."""
        if answer is None:
            return None
        self._progress += 1
        if type(answer) is tuple:
            rows, count, tag = answer
            tally = self._tally
            tally.committed()
            tally.completed(tag)
            if count:
                tally.sent(count)
            self._output.append(b"".join((found.before, rows, command_complete(tag), IDLE)))
            return _NO_EVENTS
        assert isinstance(answer, Ran)
        extended = type(found) is Repetition
        if extended or answer.tag:
            self._output.append(found.before)
        self._touched = False
        if extended and answer.failure is not None and not answer.tag:
            self._to_sync()  # an error skips all up to there
        self._ran(answer)
        self._run()
        return self._take_events()

    def _repeat_within(self, found: Repetition, parameters: list[bytes | None]) -> list[Event] | None:
        """The same in a block that goes on."""
        prepared = found.prepared
        statement = prepared.statement
        assert statement is not None
        if statement.control is not None:
            return self._repeat_control(found)
        brief = None if found.run is None or self._unsent >= MOST_UNSENT else found.run.within(parameters)
        if brief is not None:
            rows, count, tag = brief
            self._touched = self._block.pipelining = True
            self.names.put_done(found.portal(tag, len(self._block.savepoints)))
            tally = self._tally
            tally.completed(tag)
            if count:
                tally.sent(count)
            self._progress += 1
            self._output.append(b"".join((found.before, rows, command_complete(tag), WITHIN)))
            return _NO_EVENTS
        answer = self._take_shortcut(
            Open(statement.handle, parameters, found.formats, found.result_formats), commits=False
        )
        if answer is None:
            return None
        self._progress += 1
        self._output.append(found.before)
        if answer.failure is not None:
            self._to_sync()
            self._ran_within(prepared, answer, found.result_formats)
            self._run()
            return self._take_events()
        self._ran_within(prepared, answer, found.result_formats)
        self._block.pipelining = True
        self._complete(answer.tag)
        self._ready()
        return self._take_events()

    def _repeat_control(self, found: Repetition) -> list[Event] | None:
        """The same of a statement about transactions."""
        statement = found.prepared.statement
        if statement is None or statement.control is None:
            return None
        control = statement.control
        if control.kind is ControlKind.BEGIN and control.options is None and self._block.state is BlockState.IDLE:
            self.whole = False
            self._extended = True  # it has come long after it was parsed
            answer = None if self.inline is None else self.inline(_BEGIN)
            self._extended = False
            if answer is not None and type(answer) is Done and not answer.notices and not answer.parameters:
                self._block.state = BlockState.BLOCK
                self._touched = True
                self.names.put_done(found.portal("", 0))
                self._tally.completed(control.tag)
                self._progress += 1
                self._output.append(b"".join((found.before, command_complete(control.tag), WITHIN)))
                return _NO_EVENTS
        self._to_sync()
        self._block.start()
        self._progress += 1
        self._begin_control(found)
        self._run()
        return self._take_events()

    def _repeat_pieces(self, data: bytes, known: Mapping[bytes, Repetition]) -> list[Event] | None:
        """The same of a pipeline of such statements up to one Sync."""
        if self._paused or self.state is not State.READY or self._decoder.buffered or self.encoding != SERVER_ENCODING:
            return None
        if self._block.failed:
            return None
        pieces: list[tuple[Repetition, list[bytes | None], int]] = []
        statements = self.names.statements
        position, stop = 0, len(data) - len(SYNC)
        while position < stop and data.startswith(b"B", position) and not data[position + 5]:
            name = position + 6
            found = known.get(data[name : data.find(0, name)])
            if found is None or statements.get(found.prepared.name) is not found.prepared:
                return None
            read = found.piece(data, position)
            if read is None:
                return None
            pieces.append((found, read[0], position))
            position = read[1]
        if position != stop or not data.endswith(SYNC):
            return None
        self._extended = True
        self.state = State.PIPELINE
        self._messages = []
        self._next = 0
        for number, (found, parameters, begins) in enumerate(pieces):
            ends = pieces[number + 1][2] if number + 1 < len(pieces) else stop
            self._progress += 1
            statement = found.prepared.statement
            assert statement is not None
            self._block.start()
            if statement.control is not None:
                self._begin_control(found)
                self.whole = self.whole or (
                    statement.control.kind is ControlKind.BEGIN
                    and any([_ends_block(each) for each, _, _ in pieces[number + 1 :]])
                )
                self._run()
                if self._paused:
                    self._hold(data[ends:])
                    return self._take_events()
                if self.state is not State.PIPELINE:
                    return self._go_on_with(data[ends:])
                continue
            answer = self._take_shortcut(
                Open(statement.handle, parameters, found.formats, found.result_formats), commits=False
            )
            if answer is None:
                return self._go_on_with(data[begins:])
            self._output.append(found.before)
            if not self._ran_within(found.prepared, answer, found.result_formats):
                return self._go_on_with(data[ends:])
            self._executed(answer.tag)
        self._messages = [SYNCHRONIZE]
        self._run()
        return self._take_events()

    def _go_on_with(self, data: bytes) -> list[Event]:
        """Take the rest of a chunk the usual way."""
        self._messages = self._decoder.receive(data)
        self._next = 0
        self._run()
        return self._take_events()

    def _begin_control(self, found: Repetition) -> None:
        """Bind and begin to execute a statement about transactions."""
        prepared = found.prepared
        statement = prepared.statement
        assert statement is not None
        assert statement.control is not None
        self._output.append(found.before)
        self.names.put_done(found.portal("", len(self._block.savepoints)))
        try:
            self._control(statement.control, self._executed_control)
        except SqlError as wrong:
            self._fail(wrong.report)

    def _to_sync(self) -> None:
        """The chunk has been read up to its Sync."""
        self._extended = True
        self.state = State.PIPELINE
        self._messages = [SYNCHRONIZE]
        self._next = 0

    @property
    def _resting(self) -> bool:
        """Whether all that has come is answered, and no transaction is open."""
        return (
            self.state is State.READY
            and not self._paused
            and self._block.state is BlockState.IDLE
            and not self._decoder.buffered
            and not self.names.portals
            and self.encoding == SERVER_ENCODING
        )

    @property
    def _within_block(self) -> bool:
        """Whether all that has come is answered, and a block is open, with no portal but the unnamed."""
        portals, block = self.names.portals, self._block
        return (
            self.state is State.READY
            and not self._paused
            and block.state is BlockState.BLOCK
            and not self._decoder.buffered
            and (not portals or (len(portals) == 1 and "" in portals and portals[""].done))
            and self.encoding == SERVER_ENCODING
        )

    def _know(self, data: bytes, messages: int) -> None:
        """Prepare for a chunk like this one."""
        noted, self._noted = self._noted, None
        if self._paused or self.state is not State.READY or self._decoder.buffered or self.encoding != SERVER_ENCODING:
            return
        longest = self.config.max_message
        if isinstance(noted, NotedText):
            if self.repeatable_text is None or data[:1] != b"Q" or messages != 1:
                return
            text = self.repeatable_text(noted.request)
            if text is not None:
                if self._texts is None:
                    self._texts = Texts(longest)
                self._texts.add(data, *text, noted.description)
            return
        assert noted is not None
        if self.repeatable is None or messages != 1 + sum([3 if each.description else 2 for each in noted]):
            return
        pieces = pieces_of(data, noted)
        if pieces is None:
            return
        known = self._repetitions
        if known is None:
            known = self._repetitions = {}
        for each, piece in zip(noted, pieces, strict=True):
            if len(known) >= MOST_KNOWN:
                known.clear()
            run = None if each.request is None else self.repeatable(each.request)
            known[each.bind.statement] = Repetition(each, piece, run, longest)

    def answer(self, answer: Answer) -> list[Event]:
        """The answer to the request that came last; go on with it, and with what was pipelined behind.

        Raises:
            StateError: no request waits for an answer.
        """
        if self.state is State.CLOSED:
            return []
        self._answering("engine")
        self._accept(answer)
        self._run()
        return self._take_events()

    def tls_started(
        self, *, alpn: str | None = None, binding: bytes | None = None, certificate_user: str | None = None
    ) -> list[Event]:
        """TLS is in use: the answer to `StartTls`. See the class for the arguments.

        Raises:
            StateError: nobody asked for it.
        """
        if self.state is State.CLOSED:
            return []
        self._answering("tls")
        self._tls_started(alpn, binding, certificate_user)
        self._run()
        return self._take_events()

    def auth_result(self, success: bool) -> list[Event]:
        """The answer to `Authenticate` and `AuthFailed`; of the latter it is a failure in any case.

        Raises:
            StateError: nothing was asked.
        """
        if self.state is State.CLOSED:
            return []
        self._answering("auth")
        self._auth_result(success)
        self._run()
        return self._take_events()

    def started(self, process_id: int, key: bytes, parameters: Mapping[str, str]) -> list[Event]:
        """The answer to `Startup`: the database is open.

        Args:
            process_id: names this session in a CancelRequest.
            key: proves that a CancelRequest may; as long as `key_size` says.
            parameters: settings that clients want to know, as ParameterStatus.

        Raises:
            StateError: nothing was asked.
            ValueError: a key of another length.
        """
        if self.state is State.CLOSED:
            return []
        self._answering("starting")
        self._started(process_id, key, parameters)
        self._run()
        return self._take_events()

    def refused(self, report: Report) -> list[Event]:
        """The answer to `Startup`: no such database, no such user, too many connections...

        Raises:
            StateError: nothing was asked.
        """
        if self.state is State.CLOSED:
            return []
        self._answering("starting")
        self._die(report, "refused")
        return self._take_events()

    def cancel(self, reason: str = "user request") -> list[Event]:
        """A CancelRequest named this session: stop what it does. Without effect when it does nothing, or commits."""
        request = self._request
        if request is not None:
            if type(request) is not Transact:
                self._events.append(Interrupt(reason))
        elif self.state is State.COPY_IN and not self._paused:
            self._leave_copy()
            self._fail(errors.BY_USER if reason == "user request" else errors.BY_TIMEOUT)
            self._run()
        return self._take_events()

    def notify(self, process_id: int, channel: str, payload: str = "") -> list[Event]:
        """A NOTIFY of another session, or its own: sent when no transaction is open ("Asynchronous Operations")."""
        if self.state in _LOGIN or self.state is State.CLOSED:
            return []
        self._notify(process_id, channel, payload)
        return self._take_events()

    def notice(self, report: Report) -> None:
        """Send a NoticeResponse now."""
        if self.state not in _LOGIN and self.state is not State.CLOSED:
            self._output.append(encode_report(report, notice=True, encoding=self.encoding))

    def terminate(self, report: Report = errors.SHUTDOWN, reason: str = "shutdown") -> list[Event]:
        """End the session with this error, whatever it does."""
        if self.state is State.CLOSED:
            return []
        self._events.clear()
        self._die(report, reason)
        return self._take_events()

    def next_timeout(self) -> Timeout | None:
        """How long the present state may last; None when there is no limit."""
        state, timeouts = self.state, self.timeouts
        if state is State.CLOSED:
            return None
        if state in _LOGIN:
            return _timeout("login", timeouts.login, 0)
        token = (self._progress + 1) * _BLOCKS
        if self._paused:
            return _timeout("statement", timeouts.statement, token)
        buffered = self._decoder.buffered
        if buffered:
            return _timeout("message", timeouts.message, token + 1 + min(buffered >> _BLOCK, _BLOCKS - 2))
        if state is State.COPY_IN:
            return _timeout("copy", timeouts.copy, token)
        if state is not State.READY:
            return _timeout("pipeline", timeouts.pipeline, token)
        if self._block.status == "I":
            return _timeout("idle", timeouts.idle, token)
        return _timeout("idle in transaction", timeouts.idle_in_transaction, token)

    def timed_out(self, timeout: Timeout) -> list[Event]:
        """What `next_timeout` gave has passed. Without effect when the state is another one by now."""
        now = self.next_timeout()
        if now is None or now.token != timeout.token or now.kind != timeout.kind:
            return []
        if timeout.kind == "statement":
            return self.cancel("statement timeout")
        if timeout.kind == "login":
            if self.state in (State.STARTUP, State.TLS):
                self._close("timeout")  # nothing is known of what the peer understands
            else:
                self._die(errors.LOGIN_TIMEOUT, "timeout")
        elif timeout.kind == "idle":
            self._die(errors.IDLE, "timeout")
        elif timeout.kind == "idle in transaction":
            self._die(errors.IDLE_IN_TRANSACTION, "timeout")
        else:
            self._die(errors.UNFINISHED, "timeout")
        return self._take_events()

    # The loop

    def _run(self) -> None:
        """Carry on until something has to be waited for. Never called while something is."""
        while True:
            if self._paused:
                request = self._request
                if request is None:
                    return
                # rows that nobody takes must not pile up: with enough of them it is the worker's turn
                inline = self.inline if self._unsent < MOST_UNSENT else None
                answer = None if inline is None else inline(request)
                if answer is None:
                    self._events.append(request)
                    return
                self._paused = ""
                self._accept(answer)
                continue
            try:
                if self._statements is not None and self.state is not State.COPY_IN:
                    self._next_statement()
                elif self._next < len(self._messages):
                    message = self._messages[self._next]
                    self._next += 1
                    action = _ACTIONS[self.state].get(type(message))
                    if action is None:
                        self._refuse(message)
                    else:
                        self._progress += 1
                        action(self, message)
                elif not self._more():
                    return
            except SqlError as wrong:
                if self.state in _LOGIN:
                    self._die(wrong.report, "login")
                else:
                    self._fail(wrong.report)

    def _accept(self, answer: Answer) -> None:
        """Go on with the answer to the request that came last."""
        request, then = self._request, self._then
        self._request = None
        try:
            if answer.notices:
                for report in answer.notices:
                    self._say(report, notice=True)
            if answer.parameters:
                self._take_parameters(answer)
            if type(answer) is not Failure:
                then(answer)
            elif type(request) is Transact and request.kind in (TransactKind.ROLLBACK, TransactKind.ABORT):
                self._die(answer.report, "rollback failed")  # what the transaction has done is not known any more
            else:
                self._fail_request(answer.report)
        except SqlError as wrong:
            self._fail(wrong.report)

    def _more(self) -> bool:
        """Read on when all messages are done; whether there is anything new."""
        if self.state is State.CLOSED:
            return False
        decoder = self._decoder
        if self._messages:
            self._messages = []
            self._next = 0
        self._messages = decoder.resume()
        if not self._messages and decoder.fault is None and self._held is not None:
            held, self._held = self._held, None
            self._messages = decoder.receive(bytes(held))
        if self._messages:
            return True
        if decoder.fault is None and self._eof:
            decoder.receive(b"")
            if decoder.fault is None:
                self._close("eof")
                return False
        fault = decoder.fault
        if fault is not None:
            if fault.silent:
                self._close("eof" if self._eof else "protocol")
            else:
                self._die(errors.fatal(fault.sqlstate, fault.message), "protocol")
        return False

    def _hold(self, data: bytes) -> None:
        if self.held + len(data) > self.config.max_held:
            self._die(errors.TOO_MUCH_INPUT, "held input")
        elif self._held is None:
            self._held = bytearray(data)
        else:
            self._held += data

    def _fail_request(self, report: Report) -> None:
        """A request failed."""
        if self.state is State.COPY_IN:
            self._leave_copy()
        self._fail(report)

    def _terminate(self, message: object) -> None:
        self._close("terminate")

    def _ignore(self, message: object) -> None:
        """Dropped, as the table says."""


_METHODS: dict[str, str] = {"close": "_close_target"}
_ACTIONS: dict[State, dict[type[object], Callable[[Session, Any], None]]] = {
    state: {kind: getattr(Session, _METHODS.get(action, f"_{action}")) for kind, action in row.items()}
    for state, row in ALLOWED.items()
}


def _timeout(kind: str, seconds: float, token: int) -> Timeout | None:
    return Timeout(kind, seconds, token) if seconds > 0 else None


def _ends_block(found: Repetition) -> bool:
    statement = found.prepared.statement
    return statement is not None and statement.control is not None and statement.control.kind in ENDS
