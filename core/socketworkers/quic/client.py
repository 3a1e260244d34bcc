"""``connect("quic://host:port")``: a connection, and its first stream as the socket."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from ..datagram import resolved
from ..errors import Aborted, AddressError, ConnectError, ConnectTimeout, SocketError
from ..info import QuicOptions, SocketAddress, TlsOptions, UdpOptions
from ..transports.udp import UdpPort, unreachable
from ..transports.udp_socket import new_udp_socket
from .configuration import KeyLog, client_configuration
from .connection import Connection
from .session import BATCH, QuicSession
from .stream import QuicStreamChannel

if TYPE_CHECKING:
    from ..dial import Target
    from ..socket import Socket

__all__ = ["new_port", "open_quic"]

#: seconds that an address has while there are others to try (RFC 8305 §5 has less: a handshake is several packets)
PATIENCE = 1.0


async def open_quic(sock: Socket, target: Target) -> None:
    """Connect ``sock``. Never raises: the socket carries the outcome."""
    try:
        async with asyncio.timeout(sock._timeouts.connect):
            await _connected(sock, target)
    except TimeoutError as error:
        late = f"no connection to {target.address} within {sock._timeouts.connect:g} s"
        sock._abort(error if isinstance(error, SocketError) else ConnectTimeout(late))
    except SocketError as error:
        sock._abort(error)
    except asyncio.CancelledError:
        sock._abort(Aborted("cancelled while connecting"))
        raise


async def _connected(sock: Socket, target: Target) -> None:
    tls, options = target.tls or TlsOptions(), target.quic or QuicOptions()
    if sock._keep_alive and not options.keep_alive:
        raise ConnectError(22, "keep_alive and QuicOptions(keep_alive=False) exclude each other")
    found = await resolved(target.address, target.allow_address)
    problem: SocketError | None = None
    for number, (family, where) in enumerate(found):
        patience = PATIENCE if number + 1 < len(found) else None
        try:
            session = _begin(sock, target, tls, options, family, where)
        except OSError as error:
            problem = error if isinstance(error, SocketError) else unreachable(str(target.address), error)
            continue
        try:
            if (early := _early(session, options)) is not None:
                _open(sock, session, early)
                return
            async with asyncio.timeout(patience):
                await session.handshake
        except TimeoutError as error:
            session.close()
            if isinstance(error, SocketError):
                raise
            problem = ConnectTimeout(f"no answer from {SocketAddress(*where[:2])}")
            continue
        except ConnectError as error:
            problem = error
            continue
        except BaseException:
            session.close()
            raise
        _open(sock, session, QuicStreamChannel(session, session.quic.open_stream()))
        return
    raise problem or AddressError(f"{target.address.host} has no address")


def _begin(sock: Socket, target: Target, tls: TlsOptions, options: QuicOptions, family: int, where: Any) -> QuicSession:
    log = KeyLog()
    try:
        configuration = client_configuration(target.address.host, tls, options, log)
        name = (target.address.host, target.address.port, tls.alpn)
        if options.tickets is not None:
            configuration.session_ticket = options.tickets.get(name)
        quic = Connection(
            options,
            configuration,
            session_ticket_handler=partial(options.tickets.__setitem__, name) if options.tickets is not None else None,
        )

        def ended(session: QuicSession) -> None:
            session.port.close()
            log.close()

        session = QuicSession(quic, None, options, SocketAddress("", 0), _refuse, ended)
        session.port = new_port(session, where, family, target.local)
    except BaseException:
        log.close()
        raise
    session.owned = True
    session.local = SocketAddress(*session.port.sock.getsockname()[:2])
    quic.connect(where, now=session.now())
    session.begin_handshake(sock._timeouts.handshake)
    session.settle()
    return session


def _refuse(channel: QuicStreamChannel) -> None:
    """Streams that a server opens: they go to who asked for the connection."""
    session = channel._session
    if session.incoming is None:
        channel.refuse()
    else:
        session.incoming.put_nowait(channel)


def _early(session: QuicSession, options: QuicOptions) -> QuicStreamChannel | None:
    """A stream that begins in 0-RTT, where the app and the ticket allow it."""
    ticket = session.quic.configuration.session_ticket
    if not options.early_data or ticket is None or not ticket.is_valid or ticket.max_early_data_size is None:
        return None
    channel = QuicStreamChannel(session, session.quic.open_stream())
    channel.early_data = True
    return channel


def _open(sock: Socket, session: QuicSession, channel: QuicStreamChannel) -> None:
    session.streams[channel.id] = channel
    sock._owner = None
    info = channel.adopt(sock)
    sock._opened(info)
    session._keep_alive()
    session.schedule()


def new_port(session: QuicSession, where: Any, family: int, local: tuple[str, int] | None) -> UdpPort:
    """A UDP socket that is connected to the server.

    Raises:
        OSError: it cannot be.
    """
    raw = new_udp_socket(family, UdpOptions())
    try:
        if local is not None and local != ("", 0):
            raw.bind(local)
        raw.connect(where)
    except BaseException:
        raw.close()
        raise
    port = UdpPort(
        session.loop,
        raw,
        lambda data, peer, ours: session.receive(data, where),
        session.unreachable,
        connected=True,
    )
    port.batch, port.batch_ended = BATCH, session.settle
    port.resume()
    return port
