"""Names of clients: the one that a certificate gives, and those that are the broker's own."""

from __future__ import annotations

__all__ = ["BRIDGE", "common_name"]

#: what client identifiers of our own bridges begin with; others cannot have such
BRIDGE = "$bridge/"


def common_name(certificate: bytes) -> str:
    """The common name of a certificate's subject (RFC 5280 §4.1.2.6), "" without one.

    Args:
        certificate: DER; it was verified.
    """
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    found = x509.load_der_x509_certificate(certificate).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""
