"""Which columns the rows of an extended query have, when a unit before it has described the statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from socketworkers_pgwire.codec import FieldDescription

from .answers import Answer, Result

__all__ = ["Described"]

_Columns = tuple[FieldDescription, ...]


class Described:
    """The prepared statements of a connection."""

    def __init__(self) -> None:
        self._known: dict[str, _Columns] = {}

    def complete(self, send: Sequence[tuple[Any, ...]], answer: Answer) -> Answer:
        """The answer to these messages, its results with their columns, in the formats that Bind asked for."""
        portals = {}
        descriptions = list(answer.descriptions)
        executed: list[tuple[str, list[int]]] = []
        for kind, *rest in send:
            if kind == "P":
                self._known.pop(rest[0], None)
            elif kind == "D" and descriptions:
                columns = descriptions.pop(0)
                if rest[0] == "S" and columns is not None:
                    self._known[rest[1] if len(rest) > 1 else ""] = columns
            elif kind == "B":
                portals[rest[0]] = (rest[1], rest[4] if len(rest) > 4 else [])
            elif kind == "E":
                executed.append(portals.get(rest[0] if rest else "", ("", [])))
        results: list[Result] = []
        for each in answer.results:
            if each.tag and executed:
                each = self._with_columns(each, *executed.pop(0))
            results.append(each)
        return replace(answer, results=tuple(results))

    def _with_columns(self, result: Result, statement: str, formats: list[int]) -> Result:
        columns = result.columns if result.columns is not None else self._known.get(statement)
        if columns is None or not result.rows:
            return result
        codes = formats * len(columns) if len(formats) == 1 else formats or [0] * len(columns)
        return replace(
            result, columns=tuple([replace(c, format=code) for c, code in zip(columns, codes, strict=False)])
        )
