"""EXPLAIN as a plan: it gives its text as rows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...catalog import Catalog
from ...errors import SqlError
from ...functions import Execution
from ...types import BY_NAME
from ..lower import lower
from ..nodes import Query, Utility
from ..plan import Plan, ResultColumn
from .markup import as_yaml
from .text import json_plan, text_lines
from .tree import Node, plan_tree

__all__ = ["Options", "explain", "options_of"]


@dataclass(slots=True)
class Options:
    """What stands in the parentheses of EXPLAIN."""

    analyze: bool = False
    verbose: bool = False
    costs: bool = True
    timing: bool | None = None
    summary: bool | None = None
    format: str = "text"


_BOOLEANS = {"analyze", "verbose", "costs", "timing", "summary"}
_ACCEPTED = {"settings", "generic_plan", "buffers", "wal", "memory"}


def options_of(tree: Mapping[str, Any]) -> Options:
    """The options of an ExplainStmt.

    Raises:
        SqlError: 42601 there is no such option, 22023 its value is none.
    """
    options = Options()
    for each in tree.get("options", ()):
        element = each["DefElem"]
        name = element["defname"]
        if name in _BOOLEANS:
            setattr(options, name, _boolean(name, element.get("arg")))
        elif name == "format":
            options.format = _word(element.get("arg")).lower()
            if options.format not in ("text", "json", "xml", "yaml"):
                raise SqlError("22023", f'unrecognized value for EXPLAIN option "format": "{options.format}"')
            if options.format == "xml":
                raise SqlError("0A000", "EXPLAIN (FORMAT XML) is not supported")
        elif name in _ACCEPTED:
            _boolean(name, element.get("arg"))
        else:
            raise SqlError("42601", f'unrecognized EXPLAIN option "{name}"')
    if options.timing and not options.analyze:
        raise SqlError("22023", "EXPLAIN option TIMING requires ANALYZE")
    return options


def _word(argument: Mapping[str, Any] | None) -> str:
    if argument is None:
        return ""
    ((kind, fields),) = argument.items()
    if kind == "Integer":
        return str(fields.get("ival", 0))
    if kind == "Boolean":
        return "true" if fields.get("boolval") else "false"
    return str(fields.get("sval", ""))


def _boolean(name: str, argument: Mapping[str, Any] | None) -> bool:
    word = _word(argument).lower()
    if word in ("", "true", "on", "1"):
        return True
    if word in ("false", "off", "0"):
        return False
    raise SqlError("42601", f"{name} requires a Boolean value")


@dataclass(slots=True, kw_only=True)
class ExplainPlan(Plan):
    """An EXPLAIN."""

    tree: Node
    options: Options
    inner: Plan
    planning: float
    """Milliseconds that it took to make."""

    def open(self, execution: Execution, values: Sequence[Any]) -> ExplainCursor:
        return ExplainCursor(self, execution, values)


class ExplainCursor:
    """An EXPLAIN that runs."""

    __slots__ = ("_execution", "_plan", "_rows", "_values")

    affected = -1  # its tag has no number
    tag = "EXPLAIN"

    def __init__(self, plan: ExplainPlan, execution: Execution, values: Sequence[Any]) -> None:
        self._plan = plan
        self._execution = execution
        self._values = values
        self._rows: list[tuple[Any, ...]] | None = None

    def _run(self) -> list[tuple[Any, ...]]:
        plan, options = self._plan, self._plan.options
        elapsed: float | None = None
        count: int | None = None
        if options.analyze:
            started = time.perf_counter()
            cursor = plan.inner.open(self._execution, self._values)
            count = sum(1 for _ in cursor.rows())
            cursor.close()
            elapsed = (time.perf_counter() - started) * 1000
        if options.format != "text":
            drawn = json_plan(plan.tree, options.costs, count, elapsed, options.timing is not False)
            if elapsed is not None:
                drawn |= {"Planning Time": round(plan.planning, 3), "Triggers": []}
                drawn["Execution Time"] = round(elapsed, 3)
            if options.format == "yaml":
                return [(as_yaml(drawn),)]
            return [(json.dumps([drawn], indent=2, ensure_ascii=False),)]
        lines = text_lines(plan.tree, options.costs, count, elapsed, options.timing is not False)
        summary = options.analyze if options.summary is None else options.summary
        if summary:
            lines.append(f"Planning Time: {plan.planning:.3f} ms")
            if elapsed is not None:
                lines.append(f"Execution Time: {elapsed:.3f} ms")
        return [(line,) for line in lines]

    def fetch(self, count: int) -> list[tuple[Any, ...]]:
        """As `plan.Cursor`."""
        if self._rows is None:
            self._rows = self._run()
        rows, self._rows = self._rows[:count], self._rows[count:]
        return rows

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """As `plan.Cursor`."""
        while rows := self.fetch(256):
            yield from rows

    def close(self) -> None:
        """As `plan.Cursor`."""
        self._rows = []


def explain(statement: Utility, catalog: Catalog, parameters: Sequence[int] = ()) -> Plan:
    """The plan of an EXPLAIN.

    Args:
        statement: an ``ExplainStmt`` whose query was analysed.
        catalog: the one that it was analysed with.
        parameters: types of its parameters.

    Raises:
        SqlError: what is wrong with the options, or with the query.
    """
    options = options_of(statement.tree)
    query: Query | None = statement.query
    if query is None:
        raise SqlError("0A000", "EXPLAIN of this statement is not supported")
    started = time.perf_counter()
    inner = lower(query, catalog, parameters)
    planning = (time.perf_counter() - started) * 1000
    kind = BY_NAME["json" if options.format == "json" else "text"]
    return ExplainPlan(
        columns=(ResultColumn("QUERY PLAN", kind, kind.oid, -1),),
        parameters=tuple(parameters),
        writes=options.analyze and inner.writes,
        tag="EXPLAIN",
        counted=False,
        short=not options.analyze,
        blocking=options.analyze and inner.blocking,
        repeatable=inner.repeatable,
        relations=inner.relations,
        written=inner.written if options.analyze else frozenset(),
        tree=plan_tree(query, catalog),
        options=options,
        inner=inner,
        planning=planning,
    )
