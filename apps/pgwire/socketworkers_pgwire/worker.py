"""The thin connect handler: bytes between a socket and its session, and the session's events into acts.

Until the login is over a task reads, since logins wait for handshakes and passwords. From then on bytes reach the
session in the callback that brought them, most statements are answered there, and the task only waits for what needs
time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from socketworkers import Context, IdleTimeout, Socket, faults
from socketworkers.storage import SyncTicket

from .codec import Report
from .errors import SqlError
from .session import (
    ALPN,
    Answer,
    Authenticate,
    Authenticated,
    AuthFailed,
    Cancel,
    Close,
    Event,
    Interrupt,
    Release,
    Request,
    Session,
    StartTls,
    Startup,
    Timeout,
    fatal,
)

if TYPE_CHECKING:
    from .engine.session import SqlSession
    from .server import Server

__all__ = ["Link"]

#: bytes that may wait for a sync before no more is read from the client
MOST_HELD = 1 << 20

_USER = SqlError("57014", "canceling statement due to user request")
_TIMEOUT = SqlError("57014", "canceling statement due to statement timeout")
_STORAGE = fatal("58030", "the storage of the database has failed")
_ADMINISTRATOR = fatal("57P01", "terminating connection due to administrator command")


class Link:
    """One socket and its session."""

    __slots__ = (
        "_begun",
        "_closing",
        "_ctx",
        "_error",
        "_held",
        "_held_bytes",
        "_interrupted",
        "_paused",
        "_reader",
        "_server",
        "_stalled",
        "_timeout",
        "_wake",
        "_writer",
        "ending",
        "login",
        "pid",
        "session",
        "socket",
        "sql",
    )

    def __init__(self, server: Server, socket: Socket, ctx: Context) -> None:
        self._server = server
        self._ctx = ctx
        self.socket = socket
        self.session: Session
        self.sql: SqlSession | None = None
        self.pid = 0
        self.ending = False
        """Whether the session is to end as soon as it is idle."""
        self.login: Startup | None = None
        """What the client asked for, once it may have it."""
        self._reader = socket.readable.get_reader()
        self._writer = socket.writable.get_writer()
        self._wake: asyncio.Future[None] | None = None
        self._begun: Request | None = None
        self._stalled: Request | None = None
        self._interrupted: SqlError | None = None
        self._error: BaseException | None = None
        self._paused = False
        self._closing = ""
        self._timeout: Timeout | None = None
        self._held: deque[tuple[SyncTicket, bytes]] | None = None
        self._held_bytes = 0

    # -- login: a task ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the session is over."""
        socket, server = self.socket, self._server
        info = socket.info
        assert info is not None
        direct = False
        if not info.secure and self._ctx.tls_context is not None and info.websocket is None:
            socket.set_deadline(server.config.login_timeout)
            try:
                first = await self._reader.peek(1)
            except IdleTimeout:
                return
            if first[:1] == b"\x16":  # TLS without SSLRequest (PostgreSQL 17, sslnegotiation=direct)
                await socket.start_tls(context=self._ctx.tls_context, alpn=(ALPN,))
                direct = True
        elif info.secure and info.websocket is None:
            direct = True
        info = socket.info
        assert info is not None
        self.session = server.make_session(self, info, self._ctx, direct=direct)
        try:
            await self._log_in()
            if self.login is not None and not self._closing:
                await server.serve(self, self.login)
        finally:
            server.forget(self)
            if self.sql is None:
                self._flush()

    async def _log_in(self) -> None:
        session = self.session
        self._ctx.on_drain = self._drained_in_login
        try:
            while not self._closing and self.login is None:
                self._arm()
                try:
                    events = session.receive(await self._reader.read())
                except IdleTimeout:
                    events = self._time_out()
                await self._act(events)
        finally:
            self._ctx.on_drain = None

    def _drained_in_login(self) -> None:
        self.session.terminate()
        self._flush()
        self.socket.close()

    async def _act(self, events: list[Event]) -> None:
        session, server = self.session, self._server
        while events:
            following: list[Event] = []
            for event in events:
                match event:
                    case StartTls():
                        self._flush()
                        await self.socket.start_tls(context=self._ctx.tls_context, alpn=(ALPN,))
                        info = self.socket.info
                        assert info is not None
                        assert info.tls is not None
                        following += session.tls_started(
                            alpn=info.tls.alpn,
                            binding=server.binding(info.tls),
                            certificate_user=info.tls.peer_common_name or None,
                        )
                    case Authenticate(username, password):
                        self._flush()
                        right = await server.check_password(username, password, session.peer)
                        following += session.auth_result(right)
                    case AuthFailed(username):
                        self._flush()
                        await server.guessed(username, session.peer)
                        following += session.auth_result(False)
                    case Authenticated(username, method):
                        self._ctx.log.debug("%s logged in by %s", username, method)
                    case Startup():
                        self.login = event
                    case Cancel(process_id, key):
                        server.cancel(process_id, key)
                    case Close(reason):
                        self._close(reason)
                    case _:
                        pass
            events = following
        self._flush()

    # -- afterwards: callbacks --------------------------------------------------------------------------------------

    async def serve(self, sql: SqlSession, process_id: int, key: bytes, parameters: dict[str, str]) -> None:
        """The database is open: serve until the session is over."""
        session, socket = self.session, self.socket
        self.sql = sql
        session.inline = self._inline
        session.shortcut = sql.shortcut
        session.repeatable = sql.repeatable
        session.repeatable_text = sql.repeatable_text
        self._reader.release_lock()
        self._wake = asyncio.get_running_loop().create_future()
        self._ctx.on_drain = self._drained
        try:
            socket.set_deadline(None)
            self._timeout = None
            self._handle(session.started(process_id, key, parameters))
            if not self._closing:
                socket.on_data(self._received, self)
            while not self._closing:
                await self._wake
                self._wake = asyncio.get_running_loop().create_future()
                if self._error is not None:
                    raise self._error
                if self._stalled is not None and not self._closing:
                    await self._drain()
        finally:
            self._ctx.on_drain = None
            sql.close()

    def _stir(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _received(self, data: bytes) -> None:
        session = self.session
        try:
            events = session.repeat(data)
            if events is None:
                self._handle(session.receive(data))
            elif (
                events
                or self.ending
                or self._held
                or self._timeout is not None
                or session.timeouts.idle
                or session.timeouts.idle_in_transaction
            ):
                self._handle(events)
            else:
                self._flush()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Our own mistake ends the connection, from the task, which logs it."""
        self._error = error
        self._stir()

    def _inline(self, request: Request) -> Answer | None:
        assert self.sql is not None
        answer = self.sql.perform(request)
        if answer is None:
            self._begun = request
        return answer

    def deliver(self, answer: Answer) -> None:
        """An answer that was not at hand at once."""
        self._begun = None
        if self._closing:
            return
        try:
            self._handle(self.session.answer(answer))
        except Exception as error:
            self._fail(error)

    def handle(self, events: list[Event]) -> None:
        """Carry out what came from elsewhere: a notification, a termination."""
        try:
            self._handle(events)
        except Exception as error:
            self._fail(error)

    def _handle(self, events: list[Event]) -> None:
        sql = self.sql
        assert sql is not None
        for event in events:
            if type(event) is Close:
                self._close(event.reason)
            elif type(event) is Release:
                sql.release(event.handles)
            elif type(event) is Interrupt:
                error = _USER if event.reason == "user request" else _TIMEOUT
                if self._stalled is not None:
                    self._interrupted = error  # nothing runs: the next part is not asked for
                else:
                    sql.cancel(error)
            elif event is not self._begun:
                # enough output waits for the client: go on when it has taken some
                self._stalled = event  # type: ignore[assignment]
                self._stir()
        self._flush()
        if not self._closing:
            if self.ending and not self.session.paused and self.session.status == "I":
                self.terminate()
                return
            self._arm()
            self._look_at_reading()

    async def _drain(self) -> None:
        """Wait until the client has taken what was sent, then go on with the request that waits for that."""
        if self.socket.congested:
            try:
                await self._writer.ready
            except OSError:
                return  # the close event tells it
        else:
            await asyncio.sleep(0)  # others have their turn
        if self._closing:
            return
        (request, error), self._stalled, self._interrupted = (self._stalled, self._interrupted), None, None
        assert request is not None
        assert self.sql is not None
        answer = self._inline(request) if error is None else self.sql.refuse(request, error)
        if answer is not None:
            self._handle(self.session.answer(answer))

    def _look_at_reading(self) -> None:
        """Read no more while the session waits, or while too much is held back."""
        busy = self.session.paused or self._held_bytes > MOST_HELD
        if busy and not self._paused and self.session.held > 65536:
            self._paused = True
            self.socket.pause()
        elif self._paused and not busy:
            self._paused = False
            self.socket.resume()

    # -- out --------------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Write what there is to say; what tells of a commit waits for its sync, and all that follows waits behind."""
        data = self.session.take_output()
        sql = self.sql
        ticket = None
        if sql is not None and sql.gate is not None:
            ticket, sql.gate = sql.gate, None
            if ticket.done and ticket.error is None:
                ticket = None
        if self._held:
            if ticket is None:
                ticket = self._held[-1][0]
        elif ticket is None:
            if data:
                self._writer.write(data)
                faults.point("pgwire.written")
            return
        if not data:
            if sql is not None and ticket is not None and not ticket.done:
                sql.gate = ticket  # what it tells of comes later
            return
        if self._held is None:
            self._held = deque()
        self._held.append((ticket, data))
        self._held_bytes += len(data)
        ticket.add_done_callback(self._synced)

    def _synced(self, error: BaseException | None) -> None:
        held = self._held
        if error is not None:
            if held:
                held.clear()
                self._held_bytes = 0
                self._error = None
                self.session.terminate(_STORAGE, "storage")
                data = self.session.take_output()
                if data and not self._closing:
                    self._writer.write(data)
                self._close("storage")
            return
        if not held:
            return
        ready: list[bytes] = []
        while held and held[0][0].done:
            ready.append(held.popleft()[1])
        if ready:
            data = b"".join(ready)
            self._held_bytes -= len(data)
            self._writer.write(data)
            faults.point("pgwire.written")
            if self._closing and not held:
                self.socket.close()
            elif not self._closing:
                self._look_at_reading()

    def _close(self, reason: str) -> None:
        if self._closing:
            return
        self._closing = reason
        if reason not in ("terminate", "eof"):
            self._ctx.log.debug("closed: %s", reason)
        self._flush()
        if not self._held:
            self.socket.close()
        self._stir()

    # -- time -------------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Bound the session's state; its token changes with the state, not with every byte."""
        timeout = self.session.next_timeout()
        if timeout is None:
            if self._timeout is not None:
                self._timeout = None
                self.socket.set_deadline(None)
        elif self._timeout is None or timeout.token != self._timeout.token or timeout.kind != self._timeout.kind:
            self._timeout = timeout
            self.socket.set_deadline(timeout.seconds)

    def _time_out(self) -> list[Event]:
        timeout, self._timeout = self._timeout, None
        return [] if timeout is None else self.session.timed_out(timeout)

    def timed_out(self, error: IdleTimeout) -> None:
        """A deadline is over."""
        self.handle(self._time_out())

    def closed(self, error: BaseException | None) -> None:
        """The socket is closed, by whomever."""
        if not self._closing:
            self._closing = "lost"
            self.session.receive(b"")
        self._stir()

    def refuse(self, report: Report) -> None:
        """The login was right, and there is still a reason to refuse it."""
        for event in self.session.refused(report):
            if type(event) is Close:
                self._close(event.reason)

    def terminate(self, report: Report = _ADMINISTRATOR) -> None:
        """End the session with this error, whatever it does."""
        self.handle(self.session.terminate(report))

    def _drained(self) -> None:
        """The server ends: those that do nothing end at once, the others when they are done or the time is over."""
        session = self.session
        if not session.paused and session.status == "I":
            self.terminate()
        else:
            self._server.drain_later(self)
