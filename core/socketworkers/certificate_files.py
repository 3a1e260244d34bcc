"""Which certificates a server has: the files that ``--tls-cert`` and ``--tls-key`` name, and what lies in folders.

Looked at before each start and again at a reload; reads, and changes nothing.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

from .errors import StartupError
from .mistakes import certificate_unreadable, check_certificate

__all__ = ["certificate_pairs", "check_authorities", "server_names"]

#: a folder with one of these pairs holds that certificate and nothing else: certbot, Kubernetes, ``--tls auto``
_PAIRS = (("fullchain.pem", "privkey.pem"), ("tls.crt", "tls.key"), ("cert.pem", "key.pem"))
#: an authority that was kept beside what it has signed (``socketworkers cert``)
_AUTHORITIES = frozenset({"ca.pem", "ca.crt"})


def certificate_pairs(certificates: Sequence[str], keys: Sequence[str]) -> list[tuple[str, str]]:
    """The certificates of a server with their keys, checked; the first one is for clients that ask for no known name.

    Args:
        certificates: PEM files, or folders that hold a pair of files or a certificate per name.
        keys: the keys of those that are files, in the same order; a file without one holds its key itself.

    Raises:
        StartupError: a file cannot be used, or a key has no certificate.
    """
    left = list(keys)
    pairs: list[tuple[str, str]] = []
    for name in certificates:
        path = Path(name)
        if path.is_dir():
            pairs += _folder(path)
        else:
            pairs.append((name, left.pop(0) if left else name))
    if left:
        raise StartupError(
            "there is a --tls-key more than certificates",
            f"{left[0]} belongs to none; in a folder the keys lie beside their certificates",
            "give each --tls-cert FILE its --tls-key FILE, in the same order",
            exit_status=2,
        )
    for certificate, key in pairs:
        check_certificate(certificate, key)
    return pairs


def _folder(folder: Path) -> list[tuple[str, str]]:
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        found = _pair_in(folder)
        pairs = [found] if found else [pair for entry in entries if (pair := _entry(entry)) is not None]
    except OSError as error:
        raise certificate_unreadable(str(folder), (error.strerror or str(error)).lower()) from None
    if not pairs:
        raise certificate_unreadable(str(folder), "the folder holds no certificate")
    return pairs


def _pair_in(folder: Path) -> tuple[str, str] | None:
    for certificate, key in _PAIRS:
        if (folder / certificate).exists() and (folder / key).exists():
            return str(folder / certificate), str(folder / key)
    return None


def _entry(path: Path) -> tuple[str, str] | None:
    if path.is_dir():
        return _pair_in(path)
    if path.suffix not in (".pem", ".crt") or path.name in _AUTHORITIES or path.stem.endswith("-key"):
        return None
    for key in (path.with_suffix(".key"), path.with_name(f"{path.stem}-key.pem")):
        if key.exists():
            return str(path), str(key)
    return str(path), str(path)


def check_authorities(path: str) -> None:
    """Look at the file of ``--tls-client-ca`` before anything is bound.

    Raises:
        StartupError: it cannot be read or holds no certificate.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(path)
    except ssl.SSLError:
        why = "it holds no certificate of an authority in PEM form"
    except OSError as error:
        why = (error.strerror or str(error)).lower()
    else:
        return
    raise StartupError(f"cannot use the authorities of {path}", why, "--tls-client-ca FILE takes a PEM file")


def server_names(certificate: str) -> tuple[frozenset[str], str]:
    """The host names that a certificate is for, in lower case (``*.`` in front: one label), and the kind of its key.

    Args:
        certificate: a PEM file, of which the first certificate counts.
    """
    from cryptography import x509

    parsed = x509.load_pem_x509_certificate(Path(certificate).read_bytes())
    try:
        alternatives = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = alternatives.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:  # the common name counts only without alternatives (RFC 6125 §6.4.4)
        names = [str(each.value) for each in parsed.subject.get_attributes_for_oid(x509.oid.NameOID.COMMON_NAME)]
    return frozenset(name.lower().rstrip(".") for name in names), type(parsed.public_key()).__name__
