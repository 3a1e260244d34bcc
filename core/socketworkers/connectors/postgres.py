"""TLS as PostgreSQL starts it, for drivers that come through a connector and cannot do it themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..errors import ProtocolError
from ..info import TlsOptions

if TYPE_CHECKING:
    from ..socket import Socket

__all__ = ["postgres_tls"]

#: PostgreSQL 18, "Message Formats", SSLRequest: length 8, code 80877103
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


def postgres_tls(options: TlsOptions | None = None) -> Callable[[Socket], Awaitable[None]]:
    """A ``prepare`` for ``Connector``: asks the server for TLS and verifies it, before the driver says a word.

    Args:
        options: as for any client; certificates are verified unless they say otherwise.
    """

    async def prepare(socket: Socket) -> None:
        with socket.readable.get_reader() as reader, socket.writable.get_writer() as writer:
            await writer.write(SSL_REQUEST)
            if await reader.read_exactly(1) != b"S":
                raise ProtocolError("the PostgreSQL server has no TLS")
        # what came behind the answer is refused there (CVE-2021-23222)
        await socket.start_tls(server_side=False, options=options or TlsOptions())

    return prepare
