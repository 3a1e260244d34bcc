"""The thin connect handler: bytes between the socket and the session, and the session's events into acts.

It makes no decision about the protocol. One read is one batch: all replies of it go out with one write.
"""

from __future__ import annotations

from typing import Any

from socketworkers import Context, Env, IdleTimeout, Socket, faults
from socketworkers.errors import StorageError, StorageFull
from socketworkers.settings import is_loopback
from socketworkers.storage import BodyWriter

from . import replies
from .mail import Mail
from .session import (
    Abandoned,
    Authenticate,
    AuthFailed,
    BodyChunk,
    Close,
    Event,
    Message,
    MessageEnd,
    MessageStart,
    Session,
    StartTls,
)

__all__ = ["Draining", "SmtpConnection", "serve_smtp"]


class Draining(Exception):
    """Ends a pending read: the server wants to stop."""


async def serve_smtp(socket: Socket, env: Env, ctx: Context) -> None:
    """Serve one SMTP or LMTP connection."""
    await SmtpConnection(socket, env.mail, ctx).run()


class SmtpConnection:
    """One connection. Holds nothing that the session could hold."""

    __slots__ = ("_ctx", "_id", "_mail", "_session", "_socket", "_spool", "_tls", "_token", "_trouble", "_writer")

    def __init__(self, socket: Socket, mail: Mail, ctx: Context) -> None:
        info = socket.info
        assert info is not None
        peer = info.remote.host if info.type != "unix" else ""
        self._socket = socket
        self._mail = mail
        self._ctx = ctx
        self._session = Session(
            mail.session_config(ctx, lmtp=ctx.listener.scheme == "lmtp"),
            policy=mail,
            peer=peer,
            listener=ctx.listener.name,
            secure=info.secure,
            loopback=info.type == "unix" or is_loopback(peer),
            credentials=mail.credentials,
            bindings=mail.bindings(info.tls),
        )
        self._tls = f"{info.tls.version} {info.tls.cipher}" if info.tls is not None else ""
        self._writer = socket.writable.get_writer()
        self._spool: BodyWriter | None = None
        self._id = ""
        self._trouble: StorageError | None = None
        self._token = -1

    async def run(self) -> None:
        """Until the session is over."""
        session, socket = self._session, self._socket
        reader = socket.readable.get_reader()
        self._ctx.on_drain = self._drain
        try:
            if delay := self._mail.config.greet_delay:
                socket.set_deadline(delay)
                try:
                    await self._act(session.receive(await reader.read()))
                except IdleTimeout:
                    pass
                except Draining:
                    await self._act(session.shutdown())
            if not session.closed:
                await self._act(session.greet())
            while not session.closed:
                self._arm()
                try:
                    data = await reader.read()
                    faults.point("smtp.after_read")
                    if (told := self._mail.on_bytes) is not None:
                        told(self._ctx.id, "C", data)
                    events = session.receive(data)
                except IdleTimeout:
                    events = session.timed_out()
                except Draining:
                    events = session.shutdown()
                await self._act(events)
        finally:
            self._ctx.on_drain = None
            if self._spool is not None:
                await self._drop("failed")

    def _drain(self) -> None:
        self._socket.interrupt(Draining())

    def _arm(self) -> None:
        """Bound the session's state; its token changes with the state, not with every byte."""
        timeout = self._session.next_timeout()
        if timeout is None:
            self._socket.set_deadline(None)
            self._token = -1
        elif timeout.token != self._token:
            self._token = timeout.token
            self._socket.set_deadline(timeout.seconds)

    async def _act(self, events: list[Event]) -> None:
        while events:
            following: list[Event] = []
            for event in events:
                following += await self._one(event)
            events = following
        await self._send()

    async def _send(self) -> None:
        if output := self._session.take_output():
            if (told := self._mail.on_bytes) is not None:
                told(self._ctx.id, "S", output)
            await self._writer.write(output)
            faults.point("smtp.after_reply")

    async def _one(self, event: Event) -> list[Event]:
        session, mail = self._session, self._mail
        match event:
            case Message(envelope, body):
                id = mail.ids.next()
                return await self._store(id, *mail.record(id, envelope, session, self._tls, body, len(body)))
            case MessageStart():
                self._id = mail.ids.next()
                self._trouble = None
                try:
                    self._spool = mail.store.spool(self._id)
                except StorageError as error:
                    self._trouble = error
            case BodyChunk(data):
                if self._spool is not None:
                    try:
                        await self._spool.write(data)
                    except StorageError as error:
                        self._spool, self._trouble = None, error
            case MessageEnd(envelope, size):
                return await self._finish(envelope, size)
            case Abandoned():
                await self._drop("abandoned")
            case Authenticate(username, password):
                await self._send()
                user, temporary = await mail.check_password(username, password, session.peer)
                return session.auth_result(user, temporary=temporary)
            case AuthFailed(username):
                await self._send()
                await mail.guessed(username, session.peer)
                return session.auth_result(None)
            case StartTls():
                await self._send()
                await self._socket.start_tls(context=self._ctx.tls_context)
                info = self._socket.info
                assert info is not None
                assert info.tls is not None
                self._tls = f"{info.tls.version} {info.tls.cipher}"
                session.tls_started(info.tls, bindings=mail.bindings(info.tls))
            case Close(reason):
                if reason not in ("quit", "eof"):
                    self._ctx.log.debug("closed: %s", reason)
            case _:
                pass
        return []

    async def _finish(self, envelope: Any, size: int) -> list[Event]:
        if self._spool is not None and self._trouble is None:
            try:
                await self._spool.commit()
            except StorageError as error:
                self._trouble = error
        self._spool = None
        if self._trouble is not None:
            return self._refuse(self._trouble)
        id = self._id
        return await self._store(id, *self._mail.record(id, envelope, self._session, self._tls, None, size))

    async def _store(self, id: str, record: Any, deliveries: Any) -> list[Event]:
        mail, session = self._mail, self._session
        if mail.scripted and (reply := mail.scripted_reply("DATA")):
            mail.count("refused")
            if record.file is not None:
                await mail.store.forget(record.file)
            return session.refused(reply)
        await self._send()
        try:
            await mail.store.add(record, deliveries)
        except StorageFull as error:
            # nothing names the body, and the disk needs its room. (After a failure the commit may yet be on disk.)
            if record.file is not None:
                await mail.store.forget(record.file)
            return self._refuse(error)
        except StorageError as error:
            return self._refuse(error)
        faults.point("smtp.before_reply")
        mail.count("accepted")
        return session.accepted(id)

    def _refuse(self, error: StorageError) -> list[Event]:
        self._mail.count("failed")
        full = isinstance(error, StorageFull)
        if not full:
            self._ctx.log.warning("a message was not taken: %s", error)
        return self._session.refused(replies.NO_SPACE if full else replies.TRY_AGAIN)

    async def _drop(self, outcome: str) -> None:
        spool, self._spool = self._spool, None
        self._mail.count(outcome)
        if spool is not None:
            await spool.discard()
