"""Analysed trees made by hand, and what they give when they run."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from socketworkers_pgwire.catalog.opening import memory_catalog
from socketworkers_pgwire.functions import Execution
from socketworkers_pgwire.sql.execute import ExecutionCell, prepare_connection
from socketworkers_pgwire.sql.lower import lower
from socketworkers_pgwire.sql.nodes import (
    Aggregate,
    Const,
    Entry,
    Expr,
    FuncCall,
    OpExpr,
    Output,
    Query,
    SortKey,
    ValuesSource,
    Var,
)
from socketworkers_pgwire.types import BY_NAME, DEFAULT

__all__ = ["World"]


class World:
    """A database in memory."""

    def __init__(self) -> None:
        self.catalog = memory_catalog()
        self.connection = self.catalog.connection
        prepare_connection(self.connection, ExecutionCell(), self.catalog.implementations)
        surroundings = SimpleNamespace(
            connection=self.connection, settings=DEFAULT, session=SimpleNamespace(), catalog=self.catalog
        )
        self.execution = cast("Execution", surroundings)

    def close(self) -> None:
        """Let go."""
        self.connection.close()

    def const(self, value: Any, kind: str = "int4") -> Const:
        """A constant in storage form."""
        return Const(type=BY_NAME[kind].oid, value=value)

    def op(self, name: str, left: Expr, right: Expr) -> OpExpr:
        """An operator of exactly these types."""
        for operator in self.catalog.operators(None, name):
            if (operator.left, operator.right) == (left.type, right.type):
                proc = self.catalog.function_by_oid(operator.code)
                assert proc is not None
                return OpExpr(type=operator.result, operator=operator, proc=proc, args=[left, right], location=7)
        raise LookupError(name)

    def call(self, signature: str, *arguments: Expr) -> FuncCall:
        """A function by its signature."""
        for proc in self.catalog.functions(None, signature.partition("(")[0]):
            if proc.signature == signature:
                return FuncCall(type=proc.result, proc=proc, args=list(arguments), location=3)
        raise LookupError(signature)

    def aggregate(self, signature: str, *arguments: Expr, **more: Any) -> Aggregate:
        """An aggregate by its signature."""
        found = self.call(signature)
        return Aggregate(type=found.type, proc=found.proc, args=list(arguments), **more)

    def values(self, kinds: Sequence[str], *rows: Sequence[Any]) -> tuple[Entry, list[Var]]:
        """VALUES as an entry, and its columns."""
        lists: list[list[Expr]] = [
            [self.const(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows
        ]
        types = [(BY_NAME[kind].oid, -1, 0) for kind in kinds]
        entry = Entry(alias="v", names=list("abcdef"[: len(kinds)]), types=types, source=ValuesSource(rows=lists))
        return entry, [Var(type=kind, entry=entry, column=number) for number, (kind, _, _) in enumerate(types, 1)]

    def select(self, *exprs: Expr, **clauses: Any) -> Query:
        """A SELECT."""
        return Query(command="select", outputs=[Output(expr=expr, name="x") for expr in exprs], **clauses)

    def sort(self, expr: Expr, *, descending: bool = False, nulls_first: bool = False) -> SortKey:
        """A key of ORDER BY."""
        operators = self.catalog.ordering_operators(expr.type)
        assert operators is not None
        return SortKey(expr=expr, operator=operators[descending], descending=descending, nulls_first=nulls_first)

    def run(self, query: Query, *values: Any, types: Sequence[int] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        cursor = lower(query, self.catalog, types).open(self.execution, values)
        rows = cursor.fetch(10_000)
        cursor.close()
        return rows
