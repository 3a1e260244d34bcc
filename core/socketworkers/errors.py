"""Every error the runtime raises, in one tree.

This module has no dependencies; sans-IO codecs may import it (and nothing else of ``socketworkers``).

::

    OSError
    └── SocketError                      .code for machines
        ├── AddressError   (ValueError)  the address cannot be used or resolved
        ├── ConnectError   (ConnectionError)  nobody answered; errno is kept
        ├── TLSError                     .reason .alert .verify_code
        ├── ConnectTimeout (TimeoutError)   HandshakeTimeout   IdleTimeout   WriteTimeout
        ├── ConnectionLost (ConnectionResetError)  the peer reset the connection
        └── Aborted        (ConnectionAbortedError)  .reason
    RuntimeError
    └── StateError                       a call that the object's state does not allow
    LimitExceeded (ValueError)           a bound was hit; .consumed tells how far
    UnexpectedEOF (EOFError)             .partial holds what came
    ProtocolError (Exception)            the peer broke the protocol; .reply and .close
    StorageError (OSError)               the disk refused
    ├── StorageFailed                    a sync failed: final for this file in this process
    └── StorageFull                      no space; ordinary, goes away by itself
    StartupError (Exception)             an everyday mistake: what, why, and what to do
"""

from __future__ import annotations

import errno as _errno

__all__ = [
    "Aborted",
    "AddressError",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionLost",
    "HandshakeTimeout",
    "IdleTimeout",
    "LimitExceeded",
    "ProtocolError",
    "SocketError",
    "StartupError",
    "StateError",
    "StorageError",
    "StorageFailed",
    "StorageFull",
    "TLSError",
    "UnexpectedEOF",
    "WriteTimeout",
]


class SocketError(OSError):
    """Something went wrong with a socket. ``code`` is a stable word for machines."""

    code: str = "SOCKET"


class AddressError(SocketError, ValueError):
    """The address cannot be parsed, is missing a part, or names nothing that can be reached."""

    code = "ADDRESS"


class ConnectError(SocketError, ConnectionError):
    """No connection could be made. ``errno`` is the system's; ``__cause__`` is the last attempt's error."""

    code = "CONNECT"


class TLSError(SocketError):
    """TLS could not be established or was broken.

    Args:
        message: what happened, for a person.
        reason: OpenSSL's reason word (``CERTIFICATE_VERIFY_FAILED``), "" when unknown.
        alert: number of the TLS alert that was sent or received (RFC 8446 §6), if known.
        verify_code: X.509 verification code of OpenSSL, if the certificate was the problem.
    """

    code = "TLS"

    def __init__(
        self, message: str = "TLS failed", *, reason: str = "", alert: int | None = None, verify_code: int | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.alert = alert
        self.verify_code = verify_code


class ConnectTimeout(SocketError, TimeoutError):
    """The connection was not made in time."""

    code = "CONNECT_TIMEOUT"


class HandshakeTimeout(SocketError, TimeoutError):
    """The TLS handshake did not finish in time."""

    code = "HANDSHAKE_TIMEOUT"


class IdleTimeout(SocketError, TimeoutError):
    """Nothing was received for longer than the idle limit, or a deadline is over."""

    code = "IDLE_TIMEOUT"

    deadline = False
    """Whether it is the deadline that was set with ``Socket.set_deadline``."""


class WriteTimeout(SocketError, TimeoutError):
    """The peer took no bytes for longer than the write limit."""

    code = "WRITE_TIMEOUT"


class ConnectionLost(SocketError, ConnectionResetError):
    """The peer reset the connection, or the network lost it.

    Args:
        message: what happened, for a person.
        close_code: of the Close frame with which a WebSocket's peer ended it (RFC 6455 §7.4).
    """

    code = "CONNECTION_LOST"

    def __init__(self, message: str = "the connection was lost", *, close_code: int | None = None) -> None:
        super().__init__(_errno.ECONNRESET, message)
        self.close_code = close_code


class Aborted(SocketError, ConnectionAbortedError):
    """The socket was aborted on this side. ``reason`` is what was given to ``abort``."""

    code = "ABORTED"

    def __init__(self, reason: object = None) -> None:
        super().__init__(_errno.ECONNABORTED, "the socket was aborted" if reason is None else f"aborted: {reason}")
        self.reason = reason


class StateError(RuntimeError):
    """A call that the object's state does not allow: a locked stream, TLS started twice, a closed socket."""


class LimitExceeded(ValueError):
    """A bound was hit.

    Args:
        message: which bound.
        consumed: how many bytes were taken from the stream before giving up (0: none, they can still be read).
    """

    def __init__(self, message: str = "a limit was exceeded", *, consumed: int = 0) -> None:
        super().__init__(message)
        self.consumed = consumed


class UnexpectedEOF(EOFError):
    """The stream ended before all that was asked for had come. ``partial`` holds what did."""

    def __init__(self, partial: bytes, expected: int | None = None) -> None:
        wanted = "more" if expected is None else f"{expected} bytes"
        super().__init__(f"the stream ended after {len(partial)} bytes where {wanted} were expected")
        self.partial = partial
        self.expected = expected


class ProtocolError(Exception):
    """The peer broke the protocol.

    Args:
        message: what was wrong, for the log.
        reply: the protocol's own error, ready to be sent; ``b""`` when it has none.
        close: whether the connection must end after the reply.
    """

    def __init__(self, message: str, *, reply: bytes = b"", close: bool = True) -> None:
        super().__init__(message)
        self.reply = reply
        self.close = close


class StorageError(OSError):
    """The disk refused a read, a write or a sync."""


class StorageFailed(StorageError):
    """A sync failed. Nothing more is read from or written to this file by this process."""


class StorageFull(StorageError):
    """There is no room for the write. Nothing was kept of it; later writes may succeed."""


class StartupError(Exception):
    """An everyday mistake at start-up, told in three lines and without a traceback.

    Args:
        what: one line, what happened.
        why: one line, the cause.
        remedy: one line, what to do.
        exit_status: the process's exit status (sysexits words are not used; 1 by default, 2 for usage).
    """

    def __init__(self, what: str, why: str = "", remedy: str = "", *, exit_status: int = 1) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.remedy = remedy
        self.exit_status = exit_status

    def lines(self) -> list[str]:
        """The error as lines for a terminal."""
        return [line for line in (self.what, self.why, self.remedy) if line]
