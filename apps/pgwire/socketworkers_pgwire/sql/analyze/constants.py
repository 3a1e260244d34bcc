"""Literals and the SQL standard's parameterless functions. PostgreSQL: make_const, transformSQLValueFunction."""

from __future__ import annotations

from ...types import BY_OID
from ..grammar import Node
from ..nodes import Const, Expr, Param, SqlValue
from .oids import (
    BOOL,
    C_COLLATION,
    DATE,
    INT4,
    INT8,
    NAME,
    NUMERIC,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    UNKNOWN,
)
from .state import State, error, unsupported

__all__ = ["constant", "parameter", "sql_value"]

_MOST_PARAMETERS = 65535


def constant(state: State, node: Node) -> Const:
    """A literal."""
    location = node.get("location", 0)
    if "isnull" in node:
        return Const(type=UNKNOWN, value=None, location=location)
    if "boolval" in node:
        return Const(type=BOOL, value=int(node["boolval"].get("boolval", False)), location=location)
    if "sval" in node:
        result = Const(type=UNKNOWN, value=node["sval"].get("sval", ""), location=location)
    elif "ival" in node:
        result = Const(type=INT4, value=node["ival"].get("ival", 0), location=location)
    elif "fval" in node:
        result = _number(node["fval"]["fval"], location)
    else:
        raise unsupported("type bit", location)
    if location >= 0:
        state.shared.notes.literals.setdefault(location, []).append(result)
    return result


def _number(text: str, location: int) -> Const:
    text = text.replace("_", "")
    try:
        # the grammar of PostgreSQL 16 knows other bases
        value = int(text, 0) if text[:2].lower() in ("0x", "0o", "0b") else int(text)
    except ValueError:
        value = None
    if value is not None and -(1 << 63) <= value < 1 << 63:
        kind = INT4 if -(1 << 31) <= value < 1 << 31 else INT8
        return Const(type=kind, value=value, location=location)
    spelled = text if value is None else str(value)
    return Const(type=NUMERIC, value=BY_OID[NUMERIC].input(spelled), location=location)


def parameter(state: State, node: Node) -> Expr:
    """``$n``: parse_param.c.

    Raises:
        SqlError: 42P02 there is no such parameter.
    """
    number = node.get("number", 0)
    location = node.get("location", 0)
    types = state.shared.parameters
    if not state.shared.variable or not 0 < number <= _MOST_PARAMETERS:
        raise error("42P02", f"there is no parameter ${number}", location)
    if number > len(types):
        types.extend([0] * (number - len(types)))
    kind = types[number - 1]
    if not kind:
        kind = types[number - 1] = UNKNOWN
    row = state.catalog.type_by_oid(kind)
    return Param(type=kind, number=number, location=location, collation=row.collation if row is not None else 0)


_VALUES = {
    "SVFOP_CURRENT_DATE": ("current_date", DATE),
    "SVFOP_CURRENT_TIME": ("current_time", TIMETZ),
    "SVFOP_CURRENT_TIME_N": ("current_time", TIMETZ),
    "SVFOP_CURRENT_TIMESTAMP": ("current_timestamp", TIMESTAMPTZ),
    "SVFOP_CURRENT_TIMESTAMP_N": ("current_timestamp", TIMESTAMPTZ),
    "SVFOP_LOCALTIME": ("localtime", TIME),
    "SVFOP_LOCALTIME_N": ("localtime", TIME),
    "SVFOP_LOCALTIMESTAMP": ("localtimestamp", TIMESTAMP),
    "SVFOP_LOCALTIMESTAMP_N": ("localtimestamp", TIMESTAMP),
    "SVFOP_CURRENT_ROLE": ("current_role", NAME),
    "SVFOP_CURRENT_USER": ("current_user", NAME),
    "SVFOP_USER": ("user", NAME),
    "SVFOP_SESSION_USER": ("session_user", NAME),
    "SVFOP_CURRENT_CATALOG": ("current_catalog", NAME),
    "SVFOP_CURRENT_SCHEMA": ("current_schema", NAME),
}


def sql_value(state: State, node: Node) -> SqlValue:
    """CURRENT_DATE and its like."""
    name, kind = _VALUES[node["op"]]
    location = node.get("location", 0)
    typmod = -1
    if node["op"].endswith("_N"):
        typmod = min(node.get("typmod", 0), 6)
    collation = C_COLLATION if kind == NAME else 0
    return SqlValue(type=kind, typmod=typmod, collation=collation, name=name, location=location)
