"""The lowering of one statement: what all its parts share.

The parts register themselves for the nodes that they lower; here they find each other, so that none imports another.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ...catalog import Catalog, TypeRow
from ...errors import SqlError
from ...types import AnyType
from ..execute.connection import SqlFunction
from ..nodes import Case, Const, Entry, Expr, Param, Query, Var, WithQuery
from .literals import literal

if TYPE_CHECKING:
    from ...functions import Execution

__all__ = ["Lowering", "Slot", "lowers", "unsupported"]

N = TypeVar("N", bound=Expr)
_LOWER: dict[type[Expr], Callable[[Lowering, Any], str]] = {}
_MAX_SLOTS = 32_000  # SQLite binds 32,766 values, PostgreSQL's protocol 65,535
_LEAVES = frozenset((Const, Param, Var))
_DEPTH = 20_000  # frames of Python: a chain of 2,000 operators is lowered by recursion


def lowers(*nodes: type[Expr]) -> Callable[[Callable[[Lowering, Any], str]], Callable[[Lowering, Any], str]]:
    """Make a function the one that gives the SQL of these nodes."""

    def register(function: Callable[[Lowering, Any], str]) -> Callable[[Lowering, Any], str]:
        for node in nodes:
            _LOWER[node] = function
        return function

    return register


def unsupported(feature: str, location: int = -1) -> SqlError:
    """0A000 feature_not_supported, with the place in the statement."""
    return SqlError("0A000", f"{feature} is not supported", position=location + 1 if location >= 0 else None)


class Slot:
    """A value that is bound when the statement runs.

    Args:
        parameter: index of the parameter that it is, or -1.
        value: a constant.
        compute: gives the value from the surroundings and the parameters.
        row: index in the row that a statement runs for, or -1.
    """

    __slots__ = ("compute", "parameter", "row", "value")

    def __init__(
        self,
        parameter: int = -1,
        value: Any = None,
        compute: Callable[[Execution, Sequence[Any]], Any] | None = None,
        row: int = -1,
    ) -> None:
        self.row = row
        self.parameter = parameter
        self.value = value
        self.compute = compute


class Lowering:
    """One statement on its way to SQLite's SQL.

    Args:
        catalog: the session's.
        parameters: types of the statement's parameters.
    """

    def __init__(self, catalog: Catalog, parameters: Sequence[int]) -> None:
        self.catalog = catalog
        self.parameters = tuple(parameters)
        self.functions: dict[str, SqlFunction] = {}
        self.slots: list[Slot] = []
        self.aliases: dict[Entry, str] = {}
        """How the columns of an entry are qualified."""
        self.columns: dict[tuple[Entry, int], str] = {}
        """Columns of entries that are found elsewhere than by alias and name."""
        self.marks: dict[Entry, str] = {}
        """Of subqueries in outer joins the column that is NULL when there is no row."""
        self.given: list[dict[Any, str]] = []
        """Expressions, by `match.shape`, that an inner query has calculated already; the last one counts first."""
        self.inner: dict[int, str] = {}
        """SQL of the `Param`s that stand for something within a node: by their number, 0 or below."""
        self.names: dict[WithQuery, str] = {}
        """What stands for a query of WITH in FROM."""
        self.ready: set[WithQuery] = set()
        """Queries of WITH that have run already."""
        self.results: dict[WithQuery, tuple[object, int]] = {}
        """Where what they returned is kept, and how many columns it has."""
        self.working: dict[WithQuery, tuple[object, int]] = {}
        """Where a recursive query that is run step by step keeps the rows of its last step."""
        self.snapshots: dict[int, object] = {}
        """By OID of a table that the statement has changed already, where the rows as they were are kept."""
        self.stored = False
        """Whether the SQL will stand in the database's schema: nothing is bound, all functions have stable names."""
        self.conditional = 0
        """Above 0 within what may not be calculated at all: branches of CASE and the like."""
        self.failure: SqlError | None = None
        self.relations: set[int] = set()
        self.written: set[int] = set()
        self.writes = False
        self.blocking = False
        self.volatile = False
        self.personal = False
        self._count = 0
        self._parameter_slots: dict[int, str] = {}
        self._constants: dict[int, tuple[Expr, Const | None]] = {}
        self.rewritten: dict[int, tuple[Case, Case]] = {}
        self._depths: dict[int, tuple[Expr, int]] = {}
        if sys.getrecursionlimit() < _DEPTH:
            sys.setrecursionlimit(_DEPTH)

    # names

    def alias(self, prefix: str = "e") -> str:
        """A name that nothing else in the statement has."""
        self._count += 1
        return f"{prefix}{self._count}"

    # types

    def type_row(self, oid: int) -> TypeRow:
        """The row of pg_type."""
        row = self.catalog.type_by_oid(oid)
        if row is None:
            raise SqlError("XX000", f"cache lookup failed for type {oid}")
        return row

    def type_of(self, oid: int, typmod: int = -1, location: int = -1) -> AnyType:
        """A type by its OID.

        Raises:
            SqlError: 0A000, we do not have it.
        """
        row = self.type_row(oid)
        if row.implementation is None:
            if row.kind == "c":
                from .row_types import composite_type

                return composite_type(self, row)
            raise unsupported(f"type {row.name}", location)
        return row.implementation.modified(typmod)

    def kind(self, expr: Expr) -> AnyType:
        """The type of an expression's value, with its modifier: that of its storage form."""
        from .shapes import type_of_expression

        return type_of_expression(self, expr)

    # values

    def slot(self, slot: Slot) -> str:
        """The SQL of a bound value."""
        if self.stored:
            raise unsupported("an expression that depends on the session, in an index or a constraint,")
        self.slots.append(slot)
        return f"?{len(self.slots)}"

    def value(self, value: Any) -> str:
        """The SQL of a constant in storage form."""
        written = literal(value, self.stored)
        return self.slot(Slot(value=value)) if written is None else written

    def parameter(self, number: int) -> str:
        """The SQL of ``$n``, number counted from 1."""
        found = self._parameter_slots.get(number)
        if found is None and len(self.slots) >= _MAX_SLOTS:
            from .python import parameter_function

            found = self._parameter_slots[number] = f"{self.use(parameter_function())}({number})"
        if found is None:
            found = self._parameter_slots[number] = self.slot(Slot(parameter=number - 1))
        return found

    def use(self, function: SqlFunction) -> str:
        """The name of a function, quoted; it will be registered before the statement runs."""
        self.functions[function.name] = function
        return f'"{function.name}"'

    @contextmanager
    def statement(self) -> Iterator[None]:
        """Around the lowering of one SQL statement of several: it has its own bound values."""
        slots, parameters = self.slots, self._parameter_slots
        self.slots, self._parameter_slots = [], {}
        try:
            yield
        finally:
            self.slots, self._parameter_slots = slots, parameters

    # parts

    def expr(self, expr: Expr) -> str:
        """The SQL of an expression."""
        if self.given:
            from .match import shape

            found = shape(expr)
            for given in reversed(self.given):
                if found in given:
                    sql: str = given[found]
                    return sql
        kind = type(expr)
        if kind is Var or kind is Param:
            return _LOWER[kind](self, expr)
        constant = self.constant(expr)
        if constant is not None:
            return self.value(constant.value)
        if self.depth(expr) > 200:
            from .deep import lower_deep

            return lower_deep(self, expr)
        lower = _LOWER.get(kind)
        if lower is None:
            raise unsupported(type(expr).__name__, expr.location)
        return lower(self, expr)

    @contextmanager
    def perhaps(self) -> Iterator[None]:
        """Around the lowering of what may never be calculated."""
        self.conditional += 1
        try:
            yield
        finally:
            self.conditional -= 1

    def constant(self, expr: Expr) -> Const | None:
        """The constant that an expression is or folds to, or None."""
        kind = type(expr)
        if kind is Const:
            assert isinstance(expr, Const)
            return expr
        if kind is Var or kind is Param:
            return None
        found = self._constants.get(id(expr))
        if found is None:
            from .fold import fold

            found = self._constants[id(expr)] = (expr, fold(self, expr))
        return found[1]

    def depth(self, expr: Expr) -> int:
        """How deep an expression is nested."""
        if type(expr) in _LEAVES:
            return 1
        found = self._depths.get(id(expr))
        if found is None:
            from .match import children

            depth = 1 + max((self.depth(child) for child in children(expr)), default=0)
            found = self._depths[id(expr)] = (expr, depth)
        return found[1]

    def query(self, query: Query, targets: Sequence[tuple[int, int]] | None = None) -> str:
        """The SQL of a query; its columns are called ``c1`` ...

        Args:
            query: a SELECT or VALUES.
            targets: type and modifier that each column shall have; those of its expressions without.
        """
        from .select import lower_query

        sql: str = lower_query(self, query, targets)
        return sql
