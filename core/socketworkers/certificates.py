"""A local certificate authority and certificates by it, for development (``--tls auto``, ``socketworkers cert``).

Elliptic-curve keys: made in milliseconds. ``cryptography`` is imported only inside the functions. Private keys are
written with mode 0600 and never leave this machine.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["Pair", "default_names", "local_authority", "make_authority", "make_certificate", "write_pair"]

#: Clients refuse server certificates of more than 825 days (CA/Browser Forum ballot 193, Apple's rule of 2019).
CERTIFICATE_DAYS = 397
AUTHORITY_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate (with those above it, but for the root) and its key, in PEM."""

    certificate: bytes
    key: bytes


def default_names() -> list[str]:
    """What a server of this machine is called without asking DNS."""
    names = ["localhost", "127.0.0.1", "::1"]
    host = socket.gethostname()
    return names if not host or host in names else [*names, host]


def make_authority(name: str = "Socket Workers local authority") -> Pair:
    """A new self-signed authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_subject(name), _subject(name), key, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(authority=True), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return _pair(builder.sign(key, hashes.SHA256()), key)


def make_certificate(
    authority: Pair, names: Iterable[str], *, days: float = CERTIFICATE_DAYS, client: bool = False
) -> Pair:
    """A server certificate for host names and addresses, signed by ``authority``.

    Args:
        authority: signs it.
        names: what it is for; the first one is the common name.
        days: how long it is valid.
        client: for a client, which shows who it is; its names need not be hosts.

    Raises:
        ValueError: no name, or one that no certificate can carry.
    """
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    names = list(dict.fromkeys(names))
    if not names:
        raise ValueError("a certificate needs a name")
    if client and (len(names) > 1 or len(names[0]) > 64):
        raise ValueError("a client has one name of at most 64 characters")
    alternatives: list[x509.GeneralName] = []
    for name in () if client else names:
        try:
            alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    ca = x509.load_pem_x509_certificate(authority.certificate)
    ca_key = load_pem_private_key(authority.key, None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise ValueError("the authority's key is not an elliptic-curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    # RFC 5280 §4.1.2.6 with appendix A.1: a common name has at most 64 characters; the alternatives carry the names.
    builder = _builder(_subject(names[0][:64]), ca.subject, key, days)
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(authority=False), critical=True)
    purpose = x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH if client else x509.oid.ExtendedKeyUsageOID.SERVER_AUTH
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = builder.add_extension(above, critical=False)
    return _pair(builder.sign(ca_key, hashes.SHA256()), key)


def local_authority(folder: Path) -> Pair:
    """The authority kept in ``folder`` as ``ca.pem`` and ``ca-key.pem``; made when there is none.

    Raises:
        OSError: the folder cannot be read or written.
    """
    certificate, key = folder / "ca.pem", folder / "ca-key.pem"
    if certificate.exists() and key.exists():
        return Pair(certificate.read_bytes(), key.read_bytes())
    pair = make_authority()
    write_pair(pair, certificate, key)
    return pair


def write_pair(pair: Pair, certificate: Path, key: Path) -> None:
    """Write a pair to two files; the key's is readable by its owner only, from its first byte on."""
    certificate.parent.mkdir(parents=True, exist_ok=True)
    for path, content, mode in ((key, pair.key, 0o600), (certificate, pair.certificate, 0o644)):
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(content)
        temporary.replace(path)


def _subject(name: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: float
) -> x509.CertificateBuilder:
    import datetime

    from cryptography import x509

    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # An hour back: clocks of clients in containers and virtual machines differ.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    from cryptography.hazmat.primitives import serialization

    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
