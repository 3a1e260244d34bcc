"""aioquic's configuration from ours: certificates, authorities, windows, the log of secrets."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any, TextIO

from aioquic.quic.configuration import QuicConfiguration

from ..errors import ConnectError
from ..info import QuicOptions, TlsOptions
from .identities import Identities

__all__ = ["KeyLog", "client_configuration", "server_configuration"]


class KeyLog:
    """The file that ``SSLKEYLOGFILE`` names, for those who look at their own packets; None without it."""

    def __init__(self) -> None:
        path = os.environ.get("SSLKEYLOGFILE", "")
        self.file: TextIO | None = None
        if path:
            self.file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "a")

    def close(self) -> None:
        """Give it back."""
        if self.file is not None:
            self.file.close()
            self.file = None


def _common(options: QuicOptions, **others: Any) -> QuicConfiguration:
    configuration = QuicConfiguration(
        idle_timeout=options.idle_timeout,
        max_data=options.connection_window,
        max_stream_data=options.stream_window,
        max_datagram_size=options.max_datagram_size,
        congestion_control_algorithm=options.congestion_control,
        max_datagram_frame_size=65_535 if options.datagrams else None,
        **others,
    )
    if options.versions:
        configuration.supported_versions = list(options.versions)
    return configuration


def server_configuration(
    identities: Identities, alpn: list[str], options: QuicOptions, log: KeyLog
) -> QuicConfiguration:
    """A server's, with its first certificate."""
    configuration = _common(options, is_client=False, alpn_protocols=alpn, secrets_log_file=log.file)
    configuration.certificate, configuration.certificate_chain, configuration.private_key = identities.first
    return configuration


def client_configuration(host: str, tls: TlsOptions, options: QuicOptions, log: KeyLog) -> QuicConfiguration:
    """A client's.

    Raises:
        ConnectError: a file cannot be read, or the options ask for what QUIC cannot do.
    """
    configuration = _common(
        options,
        is_client=True,
        alpn_protocols=list(tls.alpn),
        server_name=tls.sni or host,
        secrets_log_file=log.file,
    )
    if tls.certificate is not None:
        raise ConnectError(95, "certificates of clients are not supported over QUIC")
    try:
        if tls.context is not None:
            # a context cannot be used here, but what it trusts can
            known = tls.context.get_ca_certs(binary_form=True)
            if known:
                configuration.cadata = "".join(map(ssl.DER_cert_to_PEM_cert, known)).encode()
            if tls.context.verify_mode == ssl.CERT_NONE:
                configuration.verify_mode = ssl.CERT_NONE
        elif tls.ca is not None:
            configuration.cadata = Path(tls.ca).read_bytes()
        if not tls.verify:
            configuration.verify_mode = ssl.CERT_NONE
    except OSError as error:
        raise ConnectError(error.errno, f"{tls.ca} cannot be read: {error.strerror}") from error
    if configuration.cadata is None:
        paths = ssl.get_default_verify_paths()
        configuration.cafile, configuration.capath = paths.cafile, paths.capath
    return configuration
