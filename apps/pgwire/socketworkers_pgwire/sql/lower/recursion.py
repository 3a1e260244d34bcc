"""WITH RECURSIVE: as SQLite's own where that can do it, else run step by step by a table function."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

from ...types import AnyType
from ..execute.connection import ExecutionCell, prepared
from ..execute.cursor import RowStatement, execute
from ..execute.virtual import Source
from ..nodes import CteSource, Var, WithQuery
from .match import ctes_read, entries_of, free_columns
from .python import function_of
from .select import result_outputs
from .set_operations import side
from .state import Lowering, Slot, unsupported

__all__ = ["is_native", "recursion_source", "recursive_query"]


def _kinds(lowering: Lowering, each: WithQuery) -> list[AnyType]:
    operation = each.query.set_operation
    assert operation is not None
    left = [lowering.kind(output.expr) for output in result_outputs(operation.left)]
    return [kind.modified(target[1]) for kind, target in zip(left, each.types, strict=False)]


def is_native(lowering: Lowering, each: WithQuery) -> bool:
    """Whether SQLite takes the query: the reference stands in the FROM of a plain SELECT, and rows are compared as they
    are stored."""
    query = each.query
    operation = query.set_operation
    if operation is None or operation.kind != "union":
        return True
    if query.sort or query.limit is not None or query.offset is not None or query.ctes:
        return False
    if not operation.all and any(kind.eqkey("x") != "x" for kind in _kinds(lowering, each)):
        return False
    right = operation.right
    plain = not (
        right.set_operation
        or right.ctes
        or right.sort
        or right.limit
        or right.offset
        or right.distinct
        or right.has_windows
        or right.has_aggregates
        or right.group
        or right.has_set_functions
    )
    entries = [entry for item in right.from_ for entry in entries_of(item)]
    return plain and any(isinstance(entry.source, CteSource) and entry.source.cte is each for entry in entries)


def recursive_query(lowering: Lowering, each: WithQuery, targets: Sequence[tuple[int, int]]) -> str:
    """The query of WITH RECURSIVE as SQLite takes it."""
    operation = each.query.set_operation
    if operation is None or operation.kind != "union":
        return lowering.query(each.query, targets)
    kinds = _kinds(lowering, each)
    left = side(lowering, operation.left, kinds)
    right = side(lowering, operation.right, kinds)
    return f"{left} {'UNION ALL' if operation.all else 'UNION'} {right}"


def recursion_source(lowering: Lowering, each: WithQuery, siblings: Sequence[WithQuery]) -> str:
    """A table function that runs the query step by step, as PostgreSQL does (documentation §7.8.2).

    Columns of queries around it are its arguments.

    Args:
        lowering: the statement.
        each: the query.
        siblings: the other queries of its WITH clause.
    """
    operation = each.query.set_operation
    assert operation is not None
    if each.query.sort or each.query.limit is not None or each.query.offset is not None:
        raise unsupported("ORDER BY or LIMIT of a recursive query")
    kinds = _kinds(lowering, each)
    width = len(each.types)
    key = object()
    outer = [column for column in free_columns(each.query) if column.entry in lowering.aliases]
    arguments = [lowering.expr(column) for column in outer]
    others = [other for other in siblings if other is not each and each not in ctes_read(other.query)]
    inner = [*others, *each.query.ctes]
    first = _part(lowering, inner, outer, lambda: side(lowering, operation.left, kinds))
    lowering.working[each] = (key, width)
    again = _part(lowering, inner, outer, lambda: side(lowering, operation.right, kinds))
    del lowering.working[each]
    equalities = None if operation.all else [kind.equality for kind in kinds]
    make = _stepper(first, again, key, equalities, width, len(arguments))
    functions = (*first.functions, *again.functions)
    for function in functions:
        lowering.use(function)
    name = lowering.use(function_of("recursion", len(arguments), "module", key, make))
    return f"{name}({','.join(arguments)})"


def _part(
    lowering: Lowering, inner: Sequence[WithQuery], outer: Sequence[Var], make: Callable[[], str]
) -> RowStatement:
    from .modify import row_statement
    from .with_queries import with_clause

    known, names = dict(lowering.columns), dict(lowering.names)
    with lowering.statement():
        for index, column in enumerate(outer):
            lowering.columns[column.entry, column.column] = lowering.slot(Slot(row=index))
        prefix = with_clause(lowering, inner)
        statement = row_statement(lowering, prefix + make())
    lowering.columns, lowering.names = known, names
    return statement


def _stepper(
    first: RowStatement,
    again: RowStatement,
    key: object,
    equalities: Sequence[Callable[[Any], Any]] | None,
    width: int,
    arity: int,
) -> Callable[[ExecutionCell], Source]:
    def make(cell: ExecutionCell) -> Source:
        def run(statement: RowStatement, arguments: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
            assert cell.execution is not None
            execution = cell.execution
            connection = execution.connection
            bound = statement.bind(execution, cell.values, arguments)
            return execute(prepared(connection), connection, statement.sql, bound)

        def rows(*arguments: Any) -> Iterator[tuple[Any, ...]]:
            seen: set[Hashable] = set()
            found = run(first, arguments)
            while True:
                # one after the other as they come: whoever reads may stop before the end
                working: list[tuple[Any, ...]] = []
                for row in found:
                    if equalities is not None:
                        mark = tuple([v if v is None else f(v) for v, f in zip(row, equalities, strict=True)])
                        if mark in seen:
                            continue
                        seen.add(mark)
                    working.append(row)
                    yield row
                if not working:
                    return
                cell.results[key] = working
                found = run(again, arguments)

        return Source(rows, width, arity)

    return make
