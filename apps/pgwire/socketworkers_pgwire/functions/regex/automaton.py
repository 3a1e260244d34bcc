"""Automata: nondeterministic ones of expressions, and deterministic ones made of them while a text is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from .syntax import (
    ANYTHING,
    INFINITE,
    Alternatives,
    Assertion,
    Atom,
    BackReference,
    Branch,
    CharSet,
    Group,
    Kind,
    Look,
    Quantified,
    Repeat,
    invalid,
    is_word,
)

__all__ = ["Automaton", "Content", "kind_of"]

_MAX_STATES = 20_000
_MAX_KEPT = 3_000  # deterministic states of one automaton
_CHECK = 10_000  # characters between two looks at whether to stop

Content: TypeAlias = Alternatives | Branch | Repeat | Quantified | Atom
_Edge: TypeAlias = "tuple[Assertion | Look | None, int]"

_kinds: dict[str, Kind] = {}


def kind_of(text: str, position: int) -> Kind:
    """What stands at a position."""
    if not 0 <= position < len(text):
        return Kind.NOTHING
    character = text[position]
    found = _kinds.get(character)
    if found is None:
        found = Kind.NEWLINE if character == "\n" else Kind.WORD if is_word(character) else Kind.OTHER
        if len(_kinds) < 10_000:
            _kinds[character] = found
    return found


def _holds(assertion: Assertion, before: Kind, behind: Kind) -> bool:
    match assertion:
        case Assertion.START:
            return before is Kind.NOTHING
        case Assertion.END:
            return behind is Kind.NOTHING
        case Assertion.LINE_START:
            return before in (Kind.NOTHING, Kind.NEWLINE)
        case Assertion.LINE_END:
            return behind in (Kind.NOTHING, Kind.NEWLINE)
        case Assertion.WORD_START:
            return before is not Kind.WORD and behind is Kind.WORD
        case Assertion.WORD_END:
            return before is Kind.WORD and behind is not Kind.WORD
        case Assertion.WORD_EDGE:
            return (before is Kind.WORD) != (behind is Kind.WORD)
        case _:
            return (before is Kind.WORD) == (behind is Kind.WORD)


class _State:
    """A deterministic state: where the nondeterministic automaton may be, and what was read last."""

    __slots__ = ("accepts", "before", "places", "steps")

    def __init__(self, places: frozenset[int], before: Kind) -> None:
        self.places = places
        self.before = before
        self.steps: dict[str, _State] = {}
        self.accepts: dict[Kind, bool] = {}


class Automaton:
    """Finds where matches of one expression end.

    Args:
        content: the expression.
        searching: whether a match may begin anywhere: `shortest` then tells where the first ends.
    """

    __slots__ = ("_characters", "_edges", "_final", "_looks", "_searching", "_start", "_states")

    def __init__(self, content: Content, *, searching: bool = False) -> None:
        #: of each nondeterministic state the edges that read nothing, and those that read a character
        self._edges: list[list[_Edge]] = []
        self._characters: list[list[tuple[CharSet, int]]] = []
        self._looks: dict[Look, Automaton] = {}
        self._searching = searching
        self._states: dict[tuple[frozenset[int], Kind], _State] = {}
        self._start = self._new()
        self._final = self._build(content, self._start)

    # building

    def _new(self) -> int:
        if len(self._edges) >= _MAX_STATES:
            raise invalid("regular expression is too complex")
        self._edges.append([])
        self._characters.append([])
        return len(self._edges) - 1

    def _build(self, content: Content, start: int) -> int:
        """Add it behind a state; the state in which it ends."""
        if isinstance(content, CharSet):
            end = self._new()
            self._characters[start].append((content, end))
            return end
        if isinstance(content, Quantified):
            if (content.least, content.most) == (1, 1):
                return self._build(content.atom, start)
            return self._repeat(content.atom, content.least, content.most, start)
        if isinstance(content, Branch):
            for part in content.parts:
                start = self._build(part, start)
            return start
        if isinstance(content, Alternatives):
            if len(content.branches) == 1:
                return self._build(content.branches[0], start)
            end = self._new()
            for branch in content.branches:
                begin = self._new()
                self._edges[start].append((None, begin))
                self._edges[self._build(branch, begin)].append((None, end))
            return end
        if isinstance(content, Group):
            return self._build(content.content, start)
        if isinstance(content, Repeat):
            return self._repeat(content.content, content.least, content.most, start)
        if isinstance(content, BackReference):
            return self._repeat(ANYTHING, 0, INFINITE, start)  # what it may be is tried out afterwards
        end = self._new()
        self._edges[start].append((content, end))
        if isinstance(content, Look) and content not in self._looks:
            self._looks[content] = Automaton(content.content, searching=not content.ahead)
        return end

    def _repeat(self, content: Content, least: int, most: int, start: int) -> int:
        for _ in range(least):
            start = self._build(content, start)
        if most == INFINITE:
            begin, end = self._new(), self._new()
            self._edges[start] += ((None, begin), (None, end))
            last = self._build(content, begin)
            self._edges[last] += ((None, begin), (None, end))
            return end
        if most > least:
            end = self._new()
            self._edges[start].append((None, end))
            for _ in range(most - least):
                begin = self._new()
                self._edges[start].append((None, begin))
                start = self._build(content, begin)
                self._edges[start].append((None, end))
            return end
        return start

    # reading

    def _closed(self, places: Iterable[int], text: str, position: int, before: Kind, behind: Kind) -> set[int]:
        """With what is reached without reading."""
        found = set(places)
        pending = list(found)
        while pending:
            for condition, target in self._edges[pending.pop()]:
                if target in found:
                    continue
                if condition is not None:
                    if isinstance(condition, Assertion):
                        if not _holds(condition, before, behind):
                            continue
                    elif not self._seen(condition, text, position):
                        continue
                found.add(target)
                pending.append(target)
        return found

    def _seen(self, look: Look, text: str, position: int) -> bool:
        inner = self._looks[look]
        if look.ahead:
            found = inner.shortest(text, position, position, len(text)) is not None
        else:
            found = inner.ends_at(text, position)
        return found != look.negative

    def _state(self, places: frozenset[int], before: Kind) -> _State:
        key = places, before
        found = self._states.get(key)
        if found is None:
            if len(self._states) >= _MAX_KEPT:
                for state in self._states.values():
                    state.steps.clear()
                self._states.clear()
            found = self._states[key] = _State(places, before)
        return found

    def _step(self, state: _State, text: str, position: int) -> _State:
        character = text[position]
        behind = kind_of(text, position)
        reached = {
            target
            for place in self._closed(state.places, text, position, state.before, behind)
            for characters, target in self._characters[place]
            if character in characters
        }
        if self._searching:
            reached.add(self._start)
        found = self._state(frozenset(reached), behind)
        if not self._looks:
            state.steps[character] = found
        return found

    def _accepts(self, state: _State, text: str, position: int) -> bool:
        behind = kind_of(text, position)
        known = state.accepts.get(behind)
        if known is None:
            known = self._final in self._closed(state.places, text, position, state.before, behind)
            if not self._looks:
                state.accepts[behind] = known
        return known

    def _begin(self, text: str, start: int) -> _State:
        return self._state(frozenset((self._start,)), kind_of(text, start - 1))

    def longest(self, text: str, start: int, stop: int, check: Callable[[], None] | None = None) -> int | None:
        """Where the longest match that begins at `start` ends, at most at `stop`."""
        state = self._begin(text, start)
        found = start if self._accepts(state, text, start) else None
        for position in range(start, stop):
            if check is not None and position % _CHECK == 0:
                check()
            following = state.steps.get(text[position])
            state = following if following is not None else self._step(state, text, position)
            if not state.places:
                return found
            if self._accepts(state, text, position + 1):
                found = position + 1
        return found

    def shortest(
        self, text: str, start: int, least: int, stop: int, check: Callable[[], None] | None = None
    ) -> int | None:
        """Where the shortest match that begins at `start` ends, not before `least` and at most at `stop`."""
        state = self._begin(text, start)
        if start >= least and self._accepts(state, text, start):
            return start
        for position in range(start, stop):
            if check is not None and position % _CHECK == 0:
                check()
            following = state.steps.get(text[position])
            state = following if following is not None else self._step(state, text, position)
            if not state.places:
                return None
            if position + 1 >= least and self._accepts(state, text, position + 1):
                return position + 1
        return None

    def ends_at(self, text: str, stop: int) -> bool:
        """Whether a match that begins anywhere ends there; of an automaton that searches."""
        state = self._begin(text, 0)
        for position in range(stop):
            following = state.steps.get(text[position])
            state = following if following is not None else self._step(state, text, position)
        return self._accepts(state, text, stop)
