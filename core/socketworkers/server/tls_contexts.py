"""Server-side TLS contexts: from files or a throwaway authority, reloadable while connections go on."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from ..mistakes import certificate_unreadable, check_certificate
from ..settings import Settings

__all__ = ["TlsStore", "server_context"]


def server_context(certificate: str, key: str | None, *, client_ca: str | None = None) -> ssl.SSLContext:
    """A context for servers: TLS 1.2 and later, no renegotiation, no compression.

    Args:
        certificate: PEM file with the chain.
        key: PEM file; in ``certificate`` if None.
        client_ca: PEM file of authorities whose client certificates are required.

    Raises:
        OSError: a file cannot be read.
        ssl.SSLError: certificate and key do not fit.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(certificate, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class TlsStore:
    """The certificate of a server. Connections take ``context`` when they start TLS, so a reload changes the next.

    Raises:
        StartupError: a file is missing, expired, or does not fit.
    """

    def __init__(self, settings: Settings, data_dir: Path | None) -> None:
        self._certificate = settings.tls_cert
        self._key = settings.tls_key
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        #: the authority's certificate, for clients that want to verify a throwaway one
        self.authority: Path | None = None
        if not self._certificate and settings.tls == "auto":
            self._throwaway(data_dir)
        self._load()

    def _throwaway(self, data_dir: Path | None) -> None:
        if data_dir is None:
            self._folder = tempfile.TemporaryDirectory(prefix="socketworkers-tls-")
            folder = Path(self._folder.name)
        else:
            folder = data_dir / "tls"
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        certificate, key = folder / "cert.pem", folder / "key.pem"
        self.authority = folder / "ca.pem"
        if not (certificate.exists() and key.exists() and _fresh(certificate, key)):
            from ..certificates import default_names, local_authority, make_certificate, write_pair

            write_pair(make_certificate(local_authority(folder), default_names()), certificate, key)
        self._certificate, self._key = str(certificate), str(key)

    def _load(self) -> None:
        if self._certificate is None:
            return
        check_certificate(self._certificate, self._key)
        try:
            self._contexts = {(): server_context(self._certificate, self._key)}
        except OSError as error:
            raise certificate_unreadable(self._certificate, str(error)) from error

    @property
    def present(self) -> bool:
        """Whether there is a certificate at all."""
        return self._certificate is not None

    @property
    def certificate(self) -> str | None:
        """Path of the certificate."""
        return self._certificate

    def context(self, alpn: tuple[str, ...] = ()) -> ssl.SSLContext | None:
        """The context for a listener with those application protocols; None without a certificate."""
        if self._certificate is None:
            return None
        context = self._contexts.get(alpn)
        if context is None:
            context = server_context(self._certificate, self._key)
            context.set_alpn_protocols(list(alpn))
            self._contexts[alpn] = context
        return context

    def reload(self) -> None:
        """Read the files again; with an error the old certificate stays in use.

        Raises:
            StartupError: the new files cannot be used.
        """
        self._load()

    def close(self) -> None:
        """Remove a throwaway certificate that nothing keeps."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _fresh(certificate: Path, key: Path) -> bool:
    from ..errors import StartupError

    try:
        check_certificate(str(certificate), str(key))
    except StartupError:
        return False
    return True
