"""Objects by class and OID: what pg_depend and pg_description call them (src/include/catalog/objectaddress.h)."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = [
    "AM",
    "ATTRDEF",
    "AUTHID",
    "CAST",
    "CLASS",
    "COLLATION",
    "CONSTRAINT",
    "CONVERSION",
    "DATABASE",
    "EXTENSION",
    "FIRST_NORMAL",
    "LANGUAGE",
    "NAMESPACE",
    "OPCLASS",
    "OPERATOR",
    "OPFAMILY",
    "PROC",
    "REWRITE",
    "TABLESPACE",
    "TRIGGER",
    "TYPE",
    "Address",
]

CLASS: Final = 1259
TYPE: Final = 1247
PROC: Final = 1255
AUTHID: Final = 1260
DATABASE: Final = 1262
TABLESPACE: Final = 1213
AM: Final = 2601
ATTRDEF: Final = 2604
CAST: Final = 2605
CONSTRAINT: Final = 2606
CONVERSION: Final = 2607
LANGUAGE: Final = 2612
NAMESPACE: Final = 2615
OPCLASS: Final = 2616
OPERATOR: Final = 2617
REWRITE: Final = 2618
TRIGGER: Final = 2620
OPFAMILY: Final = 2753
EXTENSION: Final = 3079
COLLATION: Final = 3456

FIRST_NORMAL: Final = 16384
"""FirstNormalObjectId: OIDs below are PostgreSQL's own, and nothing records that it depends on them."""


class Address(NamedTuple):
    """One object."""

    class_id: int
    """OID of the catalogue that its row is in."""
    oid: int
    part: int = 0
    """Number of a column, else 0."""
