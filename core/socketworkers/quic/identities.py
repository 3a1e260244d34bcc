"""The certificates of a QUIC server: the client's server name chooses (RFC 6066 §3), who names none gets the first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aioquic import tls
from aioquic._buffer import Buffer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

__all__ = ["Identities", "Identity", "ServerTls"]

_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)


class Identity(NamedTuple):
    """A certificate with what belongs to it."""

    certificate: x509.Certificate
    chain: list[x509.Certificate]
    key: Any


def _read(certificate: str, key: str) -> Identity:
    chain = x509.load_pem_x509_certificates(Path(certificate).read_bytes())
    found = _KEY.search(Path(key).read_bytes())
    if found is None:
        raise ValueError(f"{key} holds no key")
    return Identity(chain[0], chain[1:], load_pem_private_key(found[0] + b"\n", None))


class Identities:
    """All of a server's.

    Args:
        files: certificates and keys, PEM.

    Raises:
        OSError: a file cannot be read.
        ValueError: it holds no certificate or no key.
    """

    def __init__(self, files: Sequence[tuple[str, str]]) -> None:
        self.first = _read(*files[0])
        self._by_name: dict[str, Identity] = {}
        if len(files) == 1:
            return
        from ..certificate_files import server_names

        for pair in files:
            identity = _read(*pair)
            for name in server_names(pair[0])[0]:
                self._by_name.setdefault(name, identity)

    def choose(self, name: str | None) -> Identity:
        """The one for a server name; a wildcard stands for one whole label (RFC 6125 §6.4.3)."""
        if name is None:
            return self.first
        name = name.lower().rstrip(".")
        return self._by_name.get(name) or self._by_name.get("*." + name.partition(".")[2]) or self.first


class ServerTls(tls.Context):
    """aioquic's TLS for servers, which looks at the name that the client asks for."""

    identities: Identities
    #: the server name in the ClientHello
    requested: str | None = None

    def _server_handle_hello(self, input_buf: Buffer, initial_buf: Buffer, handshake_buf: Buffer) -> None:
        start = input_buf.tell()
        self.requested = tls.pull_client_hello(input_buf).server_name
        input_buf.seek(start)
        self.certificate, self.certificate_chain, self.certificate_private_key = self.identities.choose(self.requested)
        super()._server_handle_hello(input_buf, initial_buf, handshake_buf)
