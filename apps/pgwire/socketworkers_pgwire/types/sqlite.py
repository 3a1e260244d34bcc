"""The types in SQLite: how columns are declared, and the functions that keys and errors of generated SQL call.

The functions of keys are deterministic, so that indexes can be made of them; another tool can still read the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .base import AnyType
from .enum import EnumType
from .errors import SqlError
from .json import jsonb_equality, jsonb_key
from .numeric import numeric_key
from .record import record_key
from .registry import BY_OID

if TYPE_CHECKING:
    import apsw

__all__ = ["FUNCTIONS", "declare_column", "quote_identifier", "register"]

#: SQLITE_INNOCUOUS: checks and indexes may call them although the schema is not trusted
_INNOCUOUS = 0x200000
#: number of arguments of each function
FUNCTIONS = {
    "pg_numkey": 1,
    "pg_jsonbeq": 1,
    "pg_jsonbkey": 1,
    "pg_arraykey": 3,
    "pg_enumord": 2,
    "pg_rangekey": 2,
    "pg_recordkey": 2,
    "pg_err": -1,
}


def quote_identifier(name: str) -> str:
    """An identifier of SQLite."""
    return '"' + name.replace('"', '""') + '"'


def declare_column(name: str, kind: AnyType, *, not_null: bool = False) -> str:
    """A column of a STRICT table.

    SQLite's type is one of those that change no value; PostgreSQL's stands beside it as a comment, for people.

    Args:
        name: of the column.
        kind: its type, with its modifier.
        not_null: whether it refuses NULL.
    """
    comment = kind.format_type().replace("*/", "* /")
    return f"{quote_identifier(name)} {kind.declared}{' NOT NULL' if not_null else ''} /* {comment} */"


def register(
    connection: apsw.Connection, types: Mapping[int, AnyType] | None = None, names: tuple[str, ...] | None = None
) -> None:
    """Give a connection the functions that `eqkey` and `ordkey` name, and `pg_err`.

    Args:
        connection: it.
        types: by OID; those that are made later, enumerated ones and their arrays, may come into it later.
        names: of the functions; all without.
    """
    found = BY_OID if types is None else types

    def array_key(stored: str | None, oid: int, typmod: int) -> bytes | None:
        if stored is None:
            return None
        kind = found[oid] if typmod < 0 else found[oid].modified(typmod)
        key: bytes = kind.order(stored)
        return key

    def enum_order(stored: str | None, oid: int) -> int | None:
        kind = found[oid]
        assert isinstance(kind, EnumType)
        return None if stored is None else kind.order(stored)

    def range_key(stored: str | None, oid: int) -> bytes | None:
        if stored is None:
            return None
        key: bytes = found[oid].order(stored)
        return key

    def row_key(stored: str | None, shape: str) -> bytes | None:
        return None if stored is None else record_key(stored, shape, found)

    functions: dict[str, Callable[..., Any]] = {
        "pg_numkey": _or_null(numeric_key),
        "pg_jsonbeq": _or_null(jsonb_equality),
        "pg_jsonbkey": _or_null(jsonb_key),
        "pg_arraykey": array_key,
        "pg_enumord": enum_order,
        "pg_rangekey": range_key,
        "pg_recordkey": row_key,
        "pg_err": _fail,
    }
    for name in FUNCTIONS if names is None else names:
        # a deterministic function of constants may be called before it is known whether its value is wanted
        deterministic = name != "pg_err"
        connection.create_scalar_function(
            name,
            functions[name],
            FUNCTIONS[name],
            deterministic=deterministic,
            flags=_INNOCUOUS,
        )


def _or_null(function: Callable[[str], Any]) -> Callable[[str | None], Any]:
    return lambda stored: None if stored is None else function(stored)


def _fail(sqlstate: str, message: str, detail: str | None = None) -> None:
    """pg_err(sqlstate, message[, detail]): the statement fails with this error.

    Raises:
        SqlError: always.
    """
    raise SqlError(sqlstate, message, detail=detail)
