"""Large results whose rows SQLite writes as DataRow messages hold them: no value of them becomes an object of Python's.

Only for columns of tables whose text form SQLite can spell: then a row comes as one BLOB, of the fields with their
lengths. What could be calculated twice, or whose order the query tells, is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...catalog import Relation
from ...types import AnyType
from ...types.boolean import Boolean
from ...types.integers import Integer
from ...types.numeric import Numeric, ScaledNumeric
from ...types.text import TEXT, VARCHAR
from ..execute.cursor import Statement
from ..nodes import Output, Query, Var
from .select import result_outputs
from .state import Lowering

__all__ = ["packed_statement"]

_FIRST_USER_OID = 16384
#: columns; a chain of more operators could be too deep for SQLite
_MOST = 64
_LARGEST = (1 << 63) - 1


def packed_statement(lowering: Lowering, query: Query, statement: Statement) -> Statement | None:
    """The statement that gives each row of `statement` as one BLOB; None when it cannot be.

    Args:
        lowering: that of the query.
        query: what `statement` was made of.
        statement: its columns are named c1, c2 ...
    """
    outputs = result_outputs(query)
    plain = query.set_operation is None and not (query.sort or query.distinct or query.locks or query.with_ties)
    if not plain or lowering.volatile or not 1 <= len(outputs) <= _MOST or not all(map(_is_stored, outputs)):
        return None
    alias = lowering.alias()
    fields = _fields([lowering.kind(output.expr) for output in outputs], alias)
    if fields is None:
        return None
    return replace(statement, sql=f"SELECT CAST({'||'.join(fields)} AS BLOB) FROM ({statement.sql}) AS {alias}")


def _is_stored(output: Output) -> bool:
    """Whether a column of a result is one of a table."""
    expr = output.expr
    if not isinstance(expr, Var) or expr.column < 1:
        return False
    source = expr.entry.source
    return isinstance(source, Relation) and source.kind == "r" and source.oid >= _FIRST_USER_OID


def _fields(kinds: Sequence[AnyType], alias: str) -> list[str] | None:
    fields = []
    for number, kind in enumerate(kinds, 1):
        value = f"{alias}.c{number}"
        if isinstance(kind, Integer):
            field = _short(f"octet_length({value})", value)
        elif isinstance(kind, Boolean):
            field = f"CASE {value} WHEN 1 THEN x'0000000174' WHEN 0 THEN x'0000000166' END"
        elif isinstance(kind, ScaledNumeric) and kind.scale > 0:
            field = _scaled(value, kind.scale)
        elif isinstance(kind, Numeric) or kind.oid in (TEXT.oid, VARCHAR.oid):
            length = f"octet_length({value})"
            field = f"CASE WHEN {length}<128 THEN char(0,0,0,{length}) ELSE unhex(format('%08x',{length})) END||{value}"
        else:
            return None
        fields.append(f"ifnull({field},x'ffffffff')")
    return fields


def _short(length: str, text: str) -> str:
    """A field of less than 128 bytes: a character of SQLite's is one byte then."""
    return f"char(0,0,0,{length})||{text}"


def _scaled(value: str, scale: int) -> str:
    """An INTEGER with its decimal point, as `ScaledNumeric.output` has it; or NaN, which is TEXT, and so larger."""
    power, length = 10**scale, f"octet_length({value})"
    positive = f"({value}/{power})||'.'||substr({power}+{value}%{power},2)"
    negative = f"'-'||(-({value}/{power}))||'.'||substr({power}-{value}%{power},2)"
    return (
        f"CASE WHEN {value} BETWEEN 0 AND {_LARGEST} THEN {_short(f'max({length},{scale + 1})+1', positive)} "
        f"WHEN {value}<0 THEN {_short(f'max({length}-1,{scale + 1})+2', negative)} ELSE {_short(length, value)} END"
    )
