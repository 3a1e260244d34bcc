"""Server-side TLS contexts: from files or a throwaway authority, reloadable while connections go on.

With several certificates the client's server name (SNI) chooses; who names none of them gets the first.
"""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..certificate_files import certificate_pairs, check_authorities, server_names
from ..mistakes import certificate_unreadable
from ..settings import Settings

__all__ = ["TlsStore", "server_context"]

_REVOCATIONS = b"-----BEGIN X509 CRL-----"


class ServerContext(ssl.SSLContext):
    """A context that knows what it shows: of its own certificate OpenSSL tells a server nothing."""

    #: in DER; None with several, of which the client's signature algorithms choose
    certificate: bytes | None = None


def server_context(certificate: str, key: str | None, *, client_ca: str | None = None) -> ServerContext:
    """A context for servers: TLS 1.2 and later, no renegotiation, no compression.

    Args:
        certificate: PEM file with the chain.
        key: PEM file; in ``certificate`` if None.
        client_ca: PEM file of authorities whose client certificates are required. With a list of revoked ones (CRL)
            in the file, those are refused.

    Raises:
        OSError: a file cannot be read.
        ssl.SSLError: certificate and key do not fit.
    """
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(certificate, key)
    context.certificate = _first_certificate(certificate)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
        if _REVOCATIONS in Path(client_ca).read_bytes():
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


def _first_certificate(path: str) -> bytes | None:
    """The one of a chain that is the server's own, None if it is written in one of OpenSSL's other forms."""
    found = re.search(
        r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", Path(path).read_text("ascii", "replace"), re.DOTALL
    )
    return ssl.PEM_cert_to_DER_cert(found[0]) if found else None


class _ByName:
    """Chooses among contexts by the name that the client asks for (RFC 6066 §3)."""

    __slots__ = ("_contexts",)

    def __init__(self, contexts: dict[str, ssl.SSLContext]) -> None:
        self._contexts = contexts

    def __call__(self, connection: ssl.SSLObject, name: str | None, default: ssl.SSLContext) -> None:
        if name is not None:
            name = name.lower().rstrip(".")
            # a wildcard stands for one whole label (RFC 6125 §6.4.3)
            wildcard = "*." + name.partition(".")[2]
            found = self._contexts.get(name) or self._contexts.get(wildcard)
            if found is not None:
                connection.context = found


class TlsStore:
    """The certificates of a server. Connections take ``context`` when they start TLS, so a reload changes the next.

    Raises:
        StartupError: a file is missing, expired, or does not fit.
    """

    def __init__(self, settings: Settings, data_dir: Path | None) -> None:
        self._certificates: Sequence[str] = settings.tls_cert
        self._keys: Sequence[str] = settings.tls_key
        self._client_ca = settings.tls_client_ca
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}
        self._pairs: list[tuple[str, str]] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        #: the authority's certificate, for clients that want to verify a throwaway one
        self.authority: Path | None = None
        if not self._certificates and settings.tls == "auto":
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
        self._certificates, self._keys = (str(certificate),), (str(key),)

    def _load(self) -> None:
        if not self._certificates:
            return
        pairs = certificate_pairs(self._certificates, self._keys)
        if self._client_ca is not None:
            check_authorities(self._client_ca)
        # all of them at once, so that a reload changes everything or nothing
        self._contexts = {alpn: self._build(pairs, alpn) for alpn in {(), *self._contexts}}
        self._pairs = pairs

    def _build(self, pairs: Sequence[tuple[str, str]], alpn: tuple[str, ...]) -> ssl.SSLContext:
        first: ssl.SSLContext | None = None
        made: dict[frozenset[str], tuple[ServerContext, set[str]]] = {}
        by_name: dict[str, ssl.SSLContext] = {}
        for certificate, key in pairs:
            try:
                names, kind = server_names(certificate) if len(pairs) > 1 else (frozenset[str](), "")
                if names in made:
                    # the same names with a key of another kind: OpenSSL takes the one that the client can verify
                    context, kinds = made[names]
                    if kind not in kinds:
                        kinds.add(kind)
                        context.load_cert_chain(certificate, key)
                        context.certificate = None
                    continue
                context = server_context(certificate, key, client_ca=self._client_ca)
            except (OSError, ValueError) as error:
                raise certificate_unreadable(certificate, str(error)) from error
            if alpn:
                context.set_alpn_protocols(list(alpn))
            first = first or context
            if names:
                made[names] = context, {kind}
            for name in names:
                by_name.setdefault(name, context)
        assert first is not None
        if any(context is not first for context in by_name.values()):
            first.sni_callback = _ByName(by_name)
        return first

    @property
    def present(self) -> bool:
        """Whether there is a certificate at all."""
        return bool(self._pairs)

    @property
    def files(self) -> Sequence[tuple[str, str]]:
        """Certificates with their keys, for those who read them on their own; another object after a reload."""
        return self._pairs

    @property
    def certificate(self) -> str | None:
        """Paths of the certificates, for a person."""
        return ", ".join(certificate for certificate, _ in self._pairs) or None

    def context(self, alpn: tuple[str, ...] = ()) -> ssl.SSLContext | None:
        """The context for a listener with those application protocols; None without a certificate."""
        if not self._pairs:
            return None
        context = self._contexts.get(alpn)
        if context is None:
            context = self._contexts[alpn] = self._build(self._pairs, alpn)
        return context

    def reload(self) -> None:
        """Read the files again, and folders for new ones; with an error the old certificates stay in use.

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
        certificate_pairs((str(certificate),), (str(key),))
    except StartupError:
        return False
    return True
