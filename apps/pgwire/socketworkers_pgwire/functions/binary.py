"""The functions that give the binary form of a value, by the name of its type: boolsend(boolean), …"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..types import BY_NAME, AnyType
from .registry import CallSite, scalar

__all__: list[str] = []

#: names of functions where they are not the type's name and ``send``
_UNDERSCORE = {
    "array", "cash", "cidr", "date", "enum", "inet", "interval", "json", "jsonb", "jsonpath", "macaddr",
    "macaddr8", "numeric",
    "pg_lsn", "time", "timestamp", "timestamptz", "timetz", "uuid",
}  # fmt: skip
_PLAIN = (
    "bool", "bytea", "char", "cid", "float4", "float8", "int2", "int2vector", "int4", "int8", "name", "oid",
    "oidvector",
    "text", "tid", "unknown", "varchar", "xid", "xid8", "bpchar", "regclass", "regcollation", "regnamespace", "regoper",
    "regoperator", "regproc", "regprocedure", "regrole", "regtype",
)  # fmt: skip


def _sends(kind: AnyType) -> Callable[[Any], bytes]:
    return lambda value: kind.send(value)


for _name in _PLAIN:
    if _name in BY_NAME:
        scalar(f"{_name}send({BY_NAME[_name].format_type()})")(_sends(BY_NAME[_name]))
for _name in sorted(_UNDERSCORE):
    if _name in BY_NAME:
        scalar(f"{_name}_send({BY_NAME[_name].format_type()})")(_sends(BY_NAME[_name]))


def _bound(call: CallSite) -> Callable[[Any], bytes]:
    return _sends(call.arguments[0])


for _signature in (
    "array_send(anyarray)", "anyarray_send(anyarray)", "anycompatiblearray_send(anycompatiblearray)",
    "enum_send(anyenum)",
):  # fmt: skip
    scalar(_signature, bind=True)(_bound)
