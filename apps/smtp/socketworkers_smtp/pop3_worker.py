"""The connect handler of POP3: the session's events into acts on the mail store."""

from __future__ import annotations

from socketworkers import Context, Env, IdleTimeout, Socket
from socketworkers.errors import StorageError
from socketworkers.settings import is_loopback

from .mail import Mail
from .pop3 import Commit, Entry, Fetch, OpenMaildrop, Pop3Event, Pop3Session
from .records import Summary
from .session import Authenticate, AuthFailed, StartTls
from .worker import Draining

__all__ = ["serve_pop3"]

#: bytes of one message that are written before the peer has to take them
_PART = 256 * 1024


async def serve_pop3(socket: Socket, env: Env, ctx: Context) -> None:
    """Serve one POP3 connection."""
    await Pop3Connection(socket, env.mail, ctx).run()


class Pop3Connection:
    """One connection."""

    __slots__ = (
        "_copies",
        "_ctx",
        "_locked",
        "_mail",
        "_messages",
        "_peer",
        "_session",
        "_socket",
        "_token",
        "_writer",
    )

    def __init__(self, socket: Socket, mail: Mail, ctx: Context) -> None:
        info = socket.info
        assert info is not None
        self._socket = socket
        self._mail = mail
        self._ctx = ctx
        self._peer = info.remote.host
        self._session = Pop3Session(
            mail.pop3_config(ctx),
            secure=info.secure,
            loopback=info.type == "unix" or is_loopback(info.remote.host),
            credentials=mail.credentials if len(mail.credentials) else None,
            bindings=mail.bindings(info.tls),
        )
        self._writer = socket.writable.get_writer()
        self._messages: list[Summary] = []
        #: mailbox and address of what the user reads, with the ids that are there
        self._copies: list[tuple[str, str | None, set[str]]] = []
        self._locked: frozenset[str] = frozenset()
        self._token = -1

    async def run(self) -> None:
        """Until the session is over."""
        session, socket = self._session, self._socket
        reader = socket.readable.get_reader()
        self._ctx.on_drain = lambda: socket.interrupt(Draining())
        try:
            await self._act(session.greet())
            while not session.closed:
                timeout = session.next_timeout()
                if timeout is None:
                    socket.set_deadline(None)
                    self._token = -1
                elif timeout.token != self._token:
                    self._token = timeout.token
                    socket.set_deadline(timeout.seconds)
                try:
                    events = session.receive(await reader.read())
                except IdleTimeout:
                    events = session.timed_out()
                except Draining:
                    events = session.timed_out()
                await self._act(events)
        finally:
            self._ctx.on_drain = None
            self._mail.locked -= self._locked

    async def _act(self, events: list[Pop3Event]) -> None:
        while events:
            following: list[Pop3Event] = []
            for event in events:
                following += await self._one(event)
            events = following
        await self._send()

    async def _send(self) -> None:
        if output := self._session.take_output():
            await self._writer.write(output)

    async def _one(self, event: Pop3Event) -> list[Pop3Event]:
        session, mail = self._session, self._mail
        match event:
            case Authenticate(username, password):
                await self._send()
                user, temporary = await mail.check_password(username, password, self._peer)
                return session.auth_result(user, temporary=temporary)
            case AuthFailed(username):
                await self._send()
                await mail.guessed(username, self._peer)
                return session.auth_result(None)
            case OpenMaildrop(username):
                return await self._open(username)
            case Fetch(index):
                return await self._fetch(index)
            case Commit(uids):
                return await self._commit(uids)
            case StartTls():
                await self._send()
                await self._socket.start_tls(context=self._ctx.tls_context)
                info = self._socket.info
                session.tls_started(bindings=mail.bindings(info.tls if info is not None else None))
            case _:
                pass
        return []

    async def _open(self, username: str) -> list[Pop3Event]:
        places = self._mail.directory.of_user(username)
        locks = frozenset(f"{mailbox} {address or ''}" for mailbox, address in places)
        if not locks.isdisjoint(self._mail.locked):
            return self._session.maildrop_refused("the mailbox is open in another session")
        self._mail.locked |= locks
        self._locked = locks
        found: dict[str, Summary] = {}
        try:
            for mailbox, address in places:
                listed = await self._mail.store.list(mailbox, address)
                self._copies.append((mailbox, address, {message.id for message in listed}))
                # a message that came for several names of the user is one message
                for message in listed:
                    found.setdefault(message.id, message)
        except StorageError:
            self._mail.locked -= locks
            self._locked = frozenset()
            self._copies.clear()
            return self._session.maildrop_refused("the mailbox cannot be read now", "SYS/TEMP")
        self._messages = sorted(found.values(), key=lambda message: message.id)
        return self._session.maildrop([Entry(message.uid, message.size) for message in self._messages])

    async def _fetch(self, index: int) -> list[Pop3Event]:
        message = self._messages[index]
        session = self._session
        try:
            async for chunk in self._mail.store.read(message.mailbox, message.id):
                wanted = True
                for start in range(0, len(chunk), _PART):
                    wanted = session.body(chunk[start : start + _PART])
                    await self._send()
                    if not wanted:
                        break
                if not wanted:
                    break
        except (KeyError, OSError):
            return session.body_failed()
        return session.body_end()

    async def _commit(self, uids: tuple[str, ...]) -> list[Pop3Event]:
        chosen = set(uids)
        try:
            for mailbox, address, ids in self._copies:
                # only the user's own copies: a catch-all holds those of others too
                if wanted := sorted(chosen & ids):
                    await self._mail.store.remove(mailbox, wanted, address)
        except StorageError:
            return self._session.committed(False)
        return self._session.committed()
