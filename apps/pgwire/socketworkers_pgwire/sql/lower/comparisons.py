"""Which functions of pg_proc compare two values by the equality and order keys of their types (`Type.eqkey`)."""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["COMPARISONS", "NEGATED", "SWAPPED", "Operation"]

Operation: TypeAlias = Literal["=", "<>", "<", "<=", ">", ">="]

NEGATED: dict[Operation, Operation] = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
SWAPPED: dict[Operation, Operation] = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
"""The operation with its operands exchanged."""

_OPERATIONS: dict[str, Operation] = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

#: names before the operation, and both arguments
_FAMILIES = (
    ("int2", "smallint", "smallint"),
    ("int4", "integer", "integer"),
    ("int8", "bigint", "bigint"),
    ("int24", "smallint", "integer"),
    ("int28", "smallint", "bigint"),
    ("int42", "integer", "smallint"),
    ("int48", "integer", "bigint"),
    ("int82", "bigint", "smallint"),
    ("int84", "bigint", "integer"),
    ("float4", "real", "real"),
    ("float8", "double precision", "double precision"),
    ("float48", "real", "double precision"),
    ("float84", "double precision", "real"),
    ("numeric_", "numeric", "numeric"),
    ("bool", "boolean", "boolean"),
    ("text", "text", "text"),
    ("text_", "text", "text"),
    ("bpchar", "character", "character"),
    ("name", "name", "name"),
    ("char", '"char"', '"char"'),
    ("bytea", "bytea", "bytea"),
    ("date_", "date", "date"),
    ("time_", "time without time zone", "time without time zone"),
    ("timetz_", "time with time zone", "time with time zone"),
    ("timestamp_", "timestamp without time zone", "timestamp without time zone"),
    ("timestamptz_", "timestamp with time zone", "timestamp with time zone"),
    ("interval_", "interval", "interval"),
    ("uuid_", "uuid", "uuid"),
    ("jsonb_", "jsonb", "jsonb"),
    ("array_", "anyarray", "anyarray"),
    ("enum_", "anyenum", "anyenum"),
    ("oid", "oid", "oid"),
    ("oidvector", "oidvector", "oidvector"),
    ("xid8", "xid8", "xid8"),
    ("tid", "tid", "tid"),
    ("record_", "record", "record"),
    ("network_", "inet", "inet"),
    ("macaddr_", "macaddr", "macaddr"),
    ("macaddr8_", "macaddr8", "macaddr8"),
    ("cash_", "money", "money"),
    ("range_", "anyrange", "anyrange"),
    ("multirange_", "anymultirange", "anymultirange"),
    ("bit", "bit", "bit"),
    ("varbit", "bit varying", "bit varying"),
)

COMPARISONS: dict[str, Operation] = {
    f"{family}{name}({left},{right})": operation
    for family, left, right in _FAMILIES
    for name, operation in _OPERATIONS.items()
}
"""By signature."""

COMPARISONS.update(
    {f"name{name}text(name,text)": operation for name, operation in _OPERATIONS.items()}
    | {f"text{name}name(text,name)": operation for name, operation in _OPERATIONS.items()}
    | {
        "xideq(xid,xid)": "=",
        "xidneq(xid,xid)": "<>",
        "xideqint4(xid,integer)": "=",
        "xidneqint4(xid,integer)": "<>",
        "cideq(cid,cid)": "=",
    }
)
