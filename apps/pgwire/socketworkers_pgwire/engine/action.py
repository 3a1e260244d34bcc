"""Plans of statements that are carried out in Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..sql.plan import Plan, ResultColumn
from ..types import BY_NAME

if TYPE_CHECKING:
    from ..functions import Execution
    from .surroundings import Surroundings

__all__ = ["Action", "Result", "action", "text_columns"]


@dataclass(slots=True)
class Result:
    """What an action came to."""

    rows: Iterable[tuple[Any, ...]] = ()
    affected: int = -1
    """For the tag; -1: no number stands there."""
    tag: str = ""
    """When it is another one than the plan's."""


@dataclass(slots=True, kw_only=True)
class Action(Plan):
    """A plan that is a function; it is called once, by the first `fetch`."""

    act: Callable[[Surroundings], Result | None]

    def open(self, execution: Execution, values: Sequence[Any]) -> ActionCursor:
        return ActionCursor(self, execution, values)


class ActionCursor:
    """An action that runs."""

    __slots__ = ("_execution", "_plan", "_rows", "_values", "affected", "tag")

    def __init__(self, plan: Action, execution: Any, values: Sequence[Any]) -> None:
        self._plan = plan
        self._execution = execution
        self._values = values
        self._rows: Iterator[tuple[Any, ...]] | None = None
        self.affected = -1
        self.tag = plan.tag

    def _start(self) -> Iterator[tuple[Any, ...]]:
        rows = self._rows
        if rows is None:
            self._execution.arguments = self._values
            result = self._plan.act(self._execution) or Result()
            self.affected = result.affected
            self.tag = result.tag or self.tag
            rows = self._rows = iter(result.rows)
        return rows

    def fetch(self, count: int) -> list[tuple[Any, ...]]:
        """As `plan.Cursor`."""
        rows = self._start()
        return list(islice(rows, count))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """As `plan.Cursor`."""
        return self._start()

    def close(self) -> None:
        """As `plan.Cursor`."""
        self._rows = iter(())


def text_columns(*names: str) -> tuple[ResultColumn, ...]:
    """Columns of type text."""
    text = BY_NAME["text"]
    return tuple([ResultColumn(name, text, text.oid, -1) for name in names])


def action(
    tag: str,
    act: Callable[[Surroundings], Result | None],
    *,
    columns: tuple[ResultColumn, ...] | None = None,
    writes: bool = False,
    short: bool = True,
    counted: bool = False,
) -> Action:
    """A plan without parameters."""
    return Action(
        columns=columns,
        parameters=(),
        writes=writes,
        tag=tag,
        counted=counted,
        short=short,
        repeatable=False,
        act=act,
    )
