"""Statements that differ in their literals only share one plan: the literals become its parameters.

A text without its whole numbers and quoted texts, as PostgreSQL's scanner finds them, is its *shape*. The first text of
a shape is analysed as it is. With the second one the shape gets a plan in which the literals are parameters, but for
those whose values the analysis has looked at (`Notes.literals`): each set of their values has a plan of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final

from ..catalog import OperatorRow, Proc, Relation
from ..errors import SqlError
from ..session import Hole
from ..sql.analyze import Notes
from ..sql.grammar import literals
from ..sql.nodes import CoerceViaIO, Const, Expr, FuncCall, OpExpr, Param, Query, Relabel
from ..types import AnyType, Settings

__all__ = ["Lifting", "Shape", "lift", "shape_of"]

_LIFTED_TYPES: Final = frozenset((20, 21, 23, 25, 1042, 1043, 1700, 700, 701, 2950, 16, 17, 1082, 1083, 1114, 1184))
#: operators beside which a literal becomes a parameter. Beside others, and in calls, it stays: SQLite matches no
#: parameter with the literal in the expression of an index
_OPERATORS: Final = frozenset(("=", "<>", "<", "<=", ">", ">=", "+", "-", "*"))
_LONGEST: Final = 4000
_ROWS: Final = (Relation, Proc, OperatorRow)


@dataclass(frozen=True, slots=True)
class Shape:
    """A text taken apart."""

    key: str
    """What is left without the literals."""
    literals: tuple[str, ...]
    """What the literals say, without quotes."""
    places: tuple[int, ...]
    """Where they begin."""

    def hole(self, text: str, number: int) -> Hole:
        """Where in its text a literal says what it says."""
        start, said = self.places[number], self.literals[number]
        quoted = text[start] == "'"
        return Hole(start + quoted, start + quoted + len(said) + said.count("'"), quoted)


def shape_of(text: str) -> Shape | None:
    """The shape of a text with literals; None for what is not worth it, or whose literals say more than they spell."""
    if len(text) > _LONGEST or not text.isascii():
        return None
    try:
        found = literals(text)
    except SqlError:
        return None
    if not found:
        return None
    parts: list[str] = []
    said: list[str] = []
    places: list[int] = []
    last = 0
    for start, end, number in found:
        spelled = text[start:end]
        if number:
            parts.append(text[last:start] + "\2")
        else:
            if spelled[0] != "'":  # with escapes or in dollars
                return None
            parts.append(text[last:start] + "\1")
            spelled = spelled[1:-1]
            if "'" in spelled:
                spelled = spelled.replace("''", "\0")
                if "'" in spelled:  # in two parts on two lines
                    return None
                spelled = spelled.replace("\0", "'")
        said.append(spelled)
        places.append(start)
        last = end
    parts.append(text[last:])
    return Shape("".join(parts), tuple(said), tuple(places))


@dataclass(frozen=True, slots=True)
class Lifting:
    """Which literals of a shape are parameters, and of which types."""

    pinned: tuple[int, ...]
    """Numbers of the literals that are part of the key."""
    lifted: tuple[tuple[int, AnyType, bool], ...]
    """For each parameter: number of the literal, type, whether a minus sign belongs to it."""

    def key(self, shape: Shape) -> tuple[str, ...]:
        """The values of the literals that were looked at."""
        literals = shape.literals
        return tuple([literals[number] for number in self.pinned])

    def values(self, shape: Shape, settings: Settings) -> list[Any]:
        """The parameters of a statement, in storage forms.

        Raises:
            SqlError: a literal is none of its type.
        """
        literals = shape.literals
        return [
            kind.input("-" + literals[number] if negative else literals[number], settings)
            for number, kind, negative in self.lifted
        ]


def lift(
    query: Query,
    shape: Shape,
    text: str,
    start: int,
    end: int,
    notes: Notes,
    types: Mapping[int, AnyType],
    settings: Settings,
) -> Lifting | None:
    """Put parameters into an analysed query in place of its literals, which changes it.

    Args:
        query: the statement; it has no parameters.
        shape: of the text.
        text: that the statement came with.
        start: where the statement is in it.
        end: where it ends.
        notes: of its analysis.
        types: implementations by OID.
        settings: of the session.

    Returns:
        what was lifted; None when nothing can be.
    """
    held: set[int] = set()
    _find_held(query, held, set())
    replaced: dict[int, Param] = {}
    lifted: list[tuple[int, AnyType, bool]] = []
    pinned: list[int] = []
    for number, place in enumerate(shape.places):
        if not start <= place < end:
            continue
        constants = notes.literals.get(place)
        negative = False
        if not constants:
            before = text[:place].rstrip()
            constants = notes.literals.get(len(before) - 1) if before.endswith("-") else None
            negative = bool(constants)
        spelled = "-" + shape.literals[number] if negative else shape.literals[number]
        if not constants or not all(
            id(each) not in held and _may_be_lifted(each, spelled, types, settings) for each in constants
        ):
            pinned.append(number)
            continue
        for constant in constants:
            lifted.append((number, types[constant.type], negative))
            replaced[id(constant)] = Param(
                type=constant.type,
                typmod=constant.typmod,
                collation=constant.collation,
                location=constant.location,
                number=len(lifted),
            )
    if not lifted:
        return None
    _replace(query, replaced, set())
    return Lifting(tuple(pinned), tuple(lifted))


def _may_be_lifted(constant: Const, spelled: str, types: Mapping[int, AnyType], settings: Settings) -> bool:
    kind = types.get(constant.type)
    if kind is None or constant.type not in _LIFTED_TYPES or constant.typmod != -1 or constant.value is None:
        return False
    try:
        return bool(kind.input(spelled, settings) == constant.value)
    except SqlError:
        return False


def _find_held(node: Any, held: set[int], seen: set[int]) -> None:
    """The constants that stay, in `held`."""
    if isinstance(node, list | tuple):
        for each in node:
            _find_held(each, held, seen)
        return
    if not is_dataclass(node) or isinstance(node, _ROWS) or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, FuncCall) or (
        isinstance(node, OpExpr) and (node.operator.name not in _OPERATORS or _is_constant(node))
    ):
        held.update(id(each) for each in node.args if isinstance(each, Const))
    for field in fields(node):
        _find_held(getattr(node, field.name), held, seen)


def _is_constant(node: Expr) -> bool:
    """Whether PostgreSQL evaluates it when it plans, so that it fails before there are columns."""
    if isinstance(node, OpExpr | FuncCall):
        return all(_is_constant(each) for each in node.args)
    if isinstance(node, Relabel | CoerceViaIO):
        return _is_constant(node.arg)
    return isinstance(node, Const)


def _replace(node: Any, replaced: Mapping[int, Param], seen: set[int]) -> Any:
    """`node` with its constants replaced; what it consists of is changed."""
    if isinstance(node, Const):
        return replaced.get(id(node), node)
    if isinstance(node, list):
        node[:] = [_replace(each, replaced, seen) for each in node]
        return node
    if isinstance(node, tuple):
        return tuple([_replace(each, replaced, seen) for each in node])
    if not is_dataclass(node) or isinstance(node, _ROWS) or id(node) in seen:
        return node
    seen.add(id(node))
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, list | tuple) or is_dataclass(value):
            made = _replace(value, replaced, seen)
            if made is not value:
                object.__setattr__(node, field.name, made)
    return node
