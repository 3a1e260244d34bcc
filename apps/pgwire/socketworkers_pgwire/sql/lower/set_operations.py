"""UNION, INTERSECT, EXCEPT."""

from __future__ import annotations

from collections.abc import Sequence

from ...types import AnyType
from ..nodes import Query, SetOperation
from .compounds import chain
from .select import result_outputs
from .state import Lowering

__all__ = ["set_operation_source", "side"]


def set_operation_source(lowering: Lowering, query: Query) -> str:
    """The rows of a set operation; columns ``c1`` ..."""
    assert query.set_operation is not None
    kinds = [lowering.kind(output.expr) for output in result_outputs(query)]
    return _operation(lowering, query.set_operation, kinds)


def side(lowering: Lowering, query: Query, kinds: Sequence[AnyType]) -> str:
    """One side, whatever it is, as a SELECT without clauses behind it."""
    sql = lowering.query(query, [(kind.oid, kind.typmod) for kind in kinds])
    clauses = query.set_operation or query.sort or query.limit or query.offset or query.ctes
    if not clauses and not sql.startswith("WITH"):
        return sql
    return f"SELECT * FROM ({sql})"


def _arms(operation: SetOperation) -> list[Query]:
    """The queries of a chain of UNION ALL, or of UNION, in their order."""
    arms: list[Query] = []
    pending = [operation.right, operation.left]
    while pending:
        query = pending.pop()
        inner = query.set_operation
        if (
            inner is not None
            and inner.kind == operation.kind == "union"
            and inner.all == operation.all
            and not (query.sort or query.ctes or query.limit or query.offset)
        ):
            pending += [inner.right, inner.left]
        else:
            arms.append(query)
    return arms


def _operation(lowering: Lowering, operation: SetOperation, kinds: Sequence[AnyType]) -> str:
    arms = [side(lowering, query, kinds) for query in _arms(operation)]
    identical = all(kind.eqkey("x") == "x" for kind in kinds) and bool(kinds)
    if operation.kind == "union":
        if operation.all:
            return chain(arms, "UNION ALL")
        if identical:
            return chain(arms, "UNION")
    elif identical and not operation.all:
        return f"{arms[0]} {operation.kind.upper()} {arms[1]}"
    return _by_keys(operation, arms, kinds)


def _by_keys(operation: SetOperation, arms: Sequence[str], kinds: Sequence[AnyType]) -> str:
    """Rows compared by the keys of their types. All rows are put side by side, marked with the side they come from."""
    columns = ",".join(f"c{number}" for number in range(1, len(kinds) + 1)) or "0 AS c0"
    keys = ",".join(kind.eqkey(f"c{number}") for number, kind in enumerate(kinds, 1)) or "''"
    if operation.kind == "union":
        return f"SELECT {columns} FROM ({chain(arms, 'UNION ALL')}) GROUP BY {keys}"
    marked = f"SELECT *,1 AS s FROM ({arms[0]}) UNION ALL SELECT *,0 FROM ({arms[1]})"
    both = 0 if operation.kind == "intersect" else 1
    if operation.all:
        # the n-th equal row of one side belongs to the n-th of the other
        marked = f"SELECT *,row_number() OVER (PARTITION BY {keys},s) AS r FROM ({marked})"
        keys += ",r"
    # with max() as the only aggregate of its kind the other columns are those of a row of the left side
    inner = f"SELECT {columns},max(s) AS s,count(*)-sum(s)=0 AS t FROM ({marked}) GROUP BY {keys}"
    return f"SELECT {columns} FROM ({inner}) WHERE s=1 AND t={both}"
