"""All built-in types by OID and by name, with their arrays. Sans-IO."""

from __future__ import annotations

from .array import ArrayType
from .base import AnyType
from .bits import BIT, VARBIT
from .boolean import BOOL
from .bytea import BYTEA
from .catalogue import CATALOGUE_TYPES
from .date import DATE
from .floats import FLOAT4, FLOAT8
from .integers import INT2, INT4, INT8
from .interval import INTERVAL
from .json import JSON, JSONB
from .jsonpath import JSONPATH
from .money import MONEY
from .multirange import MULTIRANGES
from .network import CIDR, INET, MACADDR, MACADDR8
from .numeric import NUMERIC
from .oid import CID, OID, REG_TYPES, TID, XID, XID8
from .pseudo import ACLITEM, ANYARRAY, CSTRING, NODE_TREE, VOID
from .range import RANGES
from .text import BPCHAR, CHAR, NAME, TEXT, UNKNOWN, VARCHAR
from .time import TIME, TIMETZ
from .timestamp import TIMESTAMP, TIMESTAMPTZ
from .uuid import UUID
from .vectors import INT2VECTOR, OIDVECTOR

__all__ = ["BY_NAME", "BY_OID", "TYPES"]

_ELEMENTS: tuple[AnyType, ...] = (
    BOOL,
    BYTEA,
    CHAR,
    NAME,
    INT8,
    INT2,
    INT4,
    TEXT,
    OID,
    TID,
    XID,
    CID,
    JSON,
    FLOAT4,
    FLOAT8,
    BPCHAR,
    VARCHAR,
    DATE,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    INTERVAL,
    TIMETZ,
    NUMERIC,
    UUID,
    JSONB,
    XID8,
    INT2VECTOR,
    OIDVECTOR,
    ACLITEM,
    CSTRING,
    JSONPATH,
    INET,
    CIDR,
    MACADDR,
    MACADDR8,
    BIT,
    VARBIT,
    MONEY,
    *REG_TYPES,
    *CATALOGUE_TYPES,
    *RANGES,
    *MULTIRANGES,
)

#: every type of its own, and the array of each
TYPES: tuple[AnyType, ...] = (
    UNKNOWN,
    VOID,
    ANYARRAY,
    NODE_TREE,
    *_ELEMENTS,
    *(ArrayType(element) for element in _ELEMENTS if element.array_oid),
)

BY_OID: dict[int, AnyType] = {each.oid: each for each in TYPES}
BY_NAME: dict[str, AnyType] = {each.typname: each for each in TYPES}
