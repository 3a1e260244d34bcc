"""What a connection to a database must know of plans: the functions that they call, registered when they are needed.

A function is made once per process and has a name of its own there; a connection is given it before the first plan
that names it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from weakref import ref

import apsw

from ...types import AnyType
from ...types.sqlite import register

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...functions import Execution

__all__ = ["ExecutionCell", "Prepared", "SqlFunction", "prepare_connection", "prepared"]


class ExecutionCell:
    """Where the functions of a connection find the statement that runs on it."""

    __slots__ = ("execution", "results", "values")

    def __init__(self) -> None:
        self.execution: Execution | None = None
        self.values: Sequence[Any] = ()
        """Those of the statement's parameters."""
        self.results: dict[object, Any] = {}
        """What the parts of a statement that have run already leave to the others."""


@dataclass(frozen=True, slots=True, eq=False)
class SqlFunction:
    """A function, an aggregate, a window function or a table function that generated SQL calls."""

    name: str
    arity: int
    """-1: any number."""
    kind: Literal["scalar", "aggregate", "window", "module"]
    make: Callable[[ExecutionCell], Any]
    """Gives what is registered with a connection whose cell this is."""
    deterministic: bool = False
    """Only for functions that never fail: SQLite may call them before it is known whether their value is wanted."""


class Prepared:
    """A connection that plans can run on.

    Args:
        connection: it.
        cell: tells its functions which statement runs.
    """

    __slots__ = ("_connection", "_known", "cell")

    def __init__(self, connection: apsw.Connection, cell: ExecutionCell) -> None:
        self.cell = cell
        self._connection = ref(connection)  # what is kept of a connection must not keep it
        self._known: set[str] = set()

    def knows(self, function: SqlFunction) -> bool:
        """Whether it was registered."""
        return function.name in self._known

    def ensure(self, functions: Iterable[SqlFunction]) -> None:
        """Register those of the functions that the connection does not know yet."""
        known = self._known
        connection = self._connection()
        assert connection is not None
        for function in functions:
            if function.name in known:
                continue
            made = function.make(self.cell)
            if function.kind == "scalar":
                # what the schema may call is called without trust in the schema
                flags = apsw.SQLITE_INNOCUOUS if function.deterministic else 0
                connection.create_scalar_function(
                    function.name,
                    made,
                    function.arity,
                    deterministic=function.deterministic,
                    flags=flags,
                )
            elif function.kind == "aggregate":
                connection.create_aggregate_function(function.name, made, function.arity)
            elif function.kind == "window":
                connection.create_window_function(function.name, made, function.arity)
            else:
                connection.create_module(
                    function.name, made, use_bestindex_object=True, eponymous_only=True, read_only=True
                )
            known.add(function.name)


#: by the connection's identity; a WeakKeyDictionary does the same and takes ten times as long
_PREPARED: dict[int, tuple[ref[apsw.Connection], Prepared]] = {}


def prepare_connection(
    connection: apsw.Connection, cell: ExecutionCell, types: Mapping[int, AnyType] | None = None
) -> Prepared:
    """Make a connection one that plans can run on.

    Args:
        connection: a new one, or one that this was called for before.
        cell: where plans put the `Execution` that runs; one for each connection.
        types: by OID, those of the database among them, as `types.sqlite.register` takes them.
    """
    number = id(connection)
    known = _PREPARED.get(number)
    if known is not None:
        return known[1]
    register(connection, types)
    made = Prepared(connection, cell)
    table = _PREPARED  # the module may be gone before the connection
    _PREPARED[number] = ref(connection, lambda _: table.pop(number, None)), made
    return made


def prepared(connection: apsw.Connection) -> Prepared:
    """What `prepare_connection` made of a connection."""
    return _PREPARED[id(connection)][1]
