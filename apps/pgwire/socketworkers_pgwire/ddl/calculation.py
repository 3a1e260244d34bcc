"""``pg_stored``: the function by which SQLite's schema calculates expressions that it has no words for.

Checks, index expressions and predicates that need one of our functions stand in the file as a call of it, with the
expression's text and the columns that it reads. Each connection that writes has it. It is the same for all time: a
changed meaning would be a broken index.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import apsw

from ..catalog import Relation
from ..catalog.rows import Column
from ..catalog.session import SessionCatalog
from ..errors import SqlError
from ..functions import Execution
from ..sql.analyze import Kind, analyse_expression, parse_expression
from ..sql.lower import load
from ..sql.lower.evaluate import Frame, compile_expression
from ..sql.lower.state import Lowering
from ..sql.nodes import Var
from ..sql.walk import walk

__all__ = ["register"]

_MOST = 1_000

Calculate = Callable[[Execution | None, Sequence[Any]], Any]


def register(connection: apsw.Connection, current: Callable[[], Execution | None]) -> None:
    """Give a connection the function.

    Args:
        connection: it.
        current: gives the statement that runs on it, whose catalogue knows the types of the database.
    """
    compiled: dict[tuple[int, str, str], Calculate] = {}

    def pg_stored(*arguments: Any) -> Any:
        text, columns, *values = arguments
        execution = current()
        if execution is None:
            raise SqlError("XX000", "an expression of the schema was used outside of a statement")
        # types of the database may have changed with its catalogue
        key = (execution.catalog.version, text, columns)
        calculate = compiled.get(key)
        if calculate is None:
            if len(compiled) >= _MOST:
                compiled.clear()
            calculate = compiled[key] = _compile(execution, text, json.loads(columns))
        return calculate(execution, values)

    connection.create_scalar_function("pg_stored", pg_stored, -1, deterministic=True)


def _compile(execution: Execution, text: str, columns: list[tuple[str, int, int, int]]) -> Calculate:
    assert isinstance(execution.catalog, SessionCatalog)
    catalog = execution.catalog.qualified()
    relation = Relation(
        oid=0,
        name="",
        namespace=0,
        schema="",
        kind="r",
        persistence="p",
        owner=0,
        columns=tuple(
            Column(number, name, kind, typmod, collation, False)
            for number, (name, kind, typmod, collation) in enumerate(columns, 1)
        ),
        storage="",
    )
    expr, _ = analyse_expression(parse_expression(text), catalog, Kind.OTHER, relation)
    load()
    leaves = {id(each): each.column - 1 for each in walk(expr) if isinstance(each, Var)}
    closure, _ = compile_expression(Lowering(catalog, ()), expr, leaves)
    return lambda running, values: closure(Frame(running, (), values))
