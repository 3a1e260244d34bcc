"""Expressions that the catalogue keeps, for one row: to tell the key that was there already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...catalog import Catalog, Relation
from ...errors import SqlError
from ...functions import Execution
from ...types import AnyType
from ..nodes import Expr, Var
from .evaluate import Frame, compile_expression
from .match import walk
from .state import Lowering

__all__ = ["analysed", "row_expression"]


def analysed(catalog: Catalog, relation: Relation, text: str) -> Expr:
    """An expression of the catalogue over the columns of a table.

    Raises:
        SqlError: it cannot be read.
    """
    from ..analyze import Kind, analyse_expression, parse_expression

    return analyse_expression(parse_expression(text), catalog.qualified(), Kind.OTHER, relation)[0]


def row_expression(
    catalog: Catalog, relation: Relation, text: str
) -> tuple[AnyType, Callable[[Execution, Mapping[int, Any]], Any]] | None:
    """The type of such an expression, and the function that calculates it from a row by attnum; None when it cannot be
    calculated in Python."""
    try:
        expr = analysed(catalog, relation, text)
        lowering = Lowering(catalog, ())
        columns: list[int] = []
        leaves: dict[int, int] = {}
        for each in walk(expr):
            if isinstance(each, Var):
                leaves[id(each)] = len(columns)
                columns.append(each.column)
        function, _ = compile_expression(lowering, expr, leaves)
        kind = lowering.kind(expr)
    except SqlError:
        return None

    def calculated(execution: Execution, row: Mapping[int, Any]) -> Any:
        return function(Frame(execution, (), [row.get(number) for number in columns]))

    return kind, calculated
