"""Matches with their parts: the whole by one automaton, then its parts by theirs, from the left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise

from .automaton import Automaton, Content
from .parse import parse
from .syntax import (
    EMPTY,
    INFINITE,
    Alternatives,
    BackReference,
    Branch,
    Group,
    Options,
    Prefer,
    Quantified,
    Repeat,
    invalid,
)

__all__ = ["Regex", "compile_regex"]

_MAX_KEPT = 200
_MAX_LENGTH = 100_000

Span = tuple[int, int]
Check = Callable[[], None]


class _Node:
    """A part of an expression that may have to be divided.

    `kind`: ``=`` nothing in it matters, ``.`` two parts, ``|`` alternatives, ``*`` repetition, ``(`` capture,
    ``b`` back reference.
    """

    __slots__ = (
        "_automaton",
        "children",
        "content",
        "firm",
        "has_group",
        "has_reference",
        "kind",
        "least",
        "most",
        "number",
        "prefer",
    )

    def __init__(self, kind: str, content: Content, prefer: Prefer, children: tuple[_Node, ...] = ()) -> None:
        self.kind = kind
        self.content = content
        self.prefer = prefer
        #: without the {1,1} that repeats nothing: what decides how a repetition of nothing is taken
        self.firm = prefer
        self.children = children
        self.least = self.most = 1
        self.number = 0
        self.has_group: bool = kind == "(" or any(child.has_group for child in children)
        self.has_reference: bool = kind == "b" or any(child.has_reference for child in children)
        self._automaton: Automaton | None = None

    @property
    def automaton(self) -> Automaton:
        """Made when it is needed first."""
        if self._automaton is None:
            self._automaton = Automaton(self.content)
        return self._automaton

    @property
    def matters(self) -> bool:
        """Whether it must be divided."""
        return self.has_group or self.has_reference


def _first(*prefers: Prefer) -> Prefer:
    return next((prefer for prefer in prefers if prefer), Prefer.NONE)


def _alternatives(content: Alternatives) -> _Node:
    nodes = tuple(_branch(branch.parts) for branch in content.branches)
    if len(nodes) == 1:
        return nodes[0]
    node = _Node("|", content, Prefer.LONGEST, nodes)
    if not node.matters:
        node.kind, node.children = "=", ()
    return node


def _branch(parts: list[Quantified]) -> _Node:
    """What needs no division is put together as long as its preferences agree; the rest of the branch is a part of its
    own behind the first that needs it."""
    plain: list[Quantified] = []
    prefer = firm = Prefer.NONE
    for index, part in enumerate(parts):
        node = _quantified(part)
        own = _first(node.prefer, part.prefer)
        if node.matters or (prefer and own and prefer != own):
            rest = _branch(parts[index + 1 :])
            behind = _Node(".", Branch(parts[index:]), _first(own, rest.prefer), (node, rest))
            behind.firm = _first(node.firm, rest.firm)
            if not plain:
                return behind
            before = _Node("=", Branch(plain), prefer)
            whole = _Node(".", Branch(parts), _first(prefer, behind.prefer), (before, behind))
            whole.firm = _first(firm, behind.firm)
            return whole
        plain.append(part)
        prefer, firm = _first(prefer, own), _first(firm, node.firm)
    found = _Node("=", Branch(plain), prefer)
    found.firm = firm
    return found


def _quantified(part: Quantified) -> _Node:
    atom = part.atom
    if isinstance(atom, Group):
        inner = _alternatives(atom.content)
        node = inner
        if atom.number:
            node = _Node("(", atom, inner.prefer, (inner,))
            node.number, node.firm = atom.number, inner.firm
    elif isinstance(atom, BackReference):
        node = _Node("b", part, part.prefer)
        node.number, node.least, node.most = atom.number, part.least, part.most
        return node
    else:
        node = _Node("=", atom, Prefer.NONE)
    if part.most == 0:
        return _Node("=", EMPTY, Prefer.NONE)
    if (part.least, part.most) == (1, 1) and (not part.prefer or not node.prefer or part.prefer == node.prefer):
        return node
    prefer = _first(part.prefer, node.prefer)
    if not node.matters:
        return _Node("=", part, prefer)
    if part.least and not node.has_reference:
        # only the last repetition counts: the others need no division
        most = part.most if part.most == INFINITE else part.most - 1
        content = Repeat(Alternatives([Branch([Quantified(atom)])]), part.least - 1, most)
        return _Node(".", part, prefer, (_Node("=", content, prefer), node))
    node = _Node("*", part, prefer, (node,))
    node.least, node.most = part.least, part.most
    return node


class _Division:
    """One match that is divided."""

    __slots__ = ("check", "groups", "ignore_case", "text")

    def __init__(self, text: str, count: int, ignore_case: bool, check: Check | None) -> None:
        self.text = text
        self.groups: list[Span | None] = [None] * (count + 1)
        self.ignore_case = ignore_case
        self.check = check

    def divide(self, node: _Node, start: int, end: int) -> bool:
        """Set the groups within; False when the text cannot be divided so."""
        match node.kind:
            case "=":
                return True
            case "(":
                if not self.divide(node.children[0], start, end):
                    return False
                self.groups[node.number] = start, end
                return True
            case "b":
                return self._refer(node, start, end)
            case "|":
                return self._choose(node, start, end)
            case ".":
                return self._concatenated(node, start, end)
            case _:
                if node.least == 0 and start == end:
                    # one repetition of nothing comes before none, unless the shortest is preferred
                    child = node.children[0]
                    if child.firm is Prefer.SHORTEST:
                        return True
                    if not (self._matches(child, start, end) and self.divide(child, start, end)):
                        self._forget(child)
                    return True
                return self._repeated(node, start, end)

    def _matches(self, node: _Node, start: int, end: int) -> bool:
        return node.automaton.shortest(self.text, start, end, end) == end

    def _forget(self, node: _Node) -> None:
        if node.kind == "(":
            self.groups[node.number] = None
        for child in node.children:
            if child.has_group:
                self._forget(child)

    def _refer(self, node: _Node, start: int, end: int) -> bool:
        span = self.groups[node.number]
        if span is None:
            return False
        wanted = self.text[span[0] : span[1]]
        length = end - start
        if not wanted:
            return length == 0
        count, rest = divmod(length, len(wanted))
        if rest or not node.least <= count <= (node.most if node.most < INFINITE else length):
            return False
        there = self.text[start:end]
        if self.ignore_case:
            return there.lower() == (wanted * count).lower()
        return there == wanted * count

    def _choose(self, node: _Node, start: int, end: int) -> bool:
        for child in node.children:
            if self._matches(child, start, end):
                if self.divide(child, start, end):
                    return True
                self._forget(child)
        return False

    def _ends(self, node: _Node, start: int, end: int) -> Iterator[int]:
        """Where `node` may end, in the order of its preference."""
        automaton = node.automaton
        found: int | None
        if node.prefer is Prefer.SHORTEST:
            found = automaton.shortest(self.text, start, start, end, self.check)
            while found is not None:
                yield found
                if found == end:
                    return
                found = automaton.shortest(self.text, start, found + 1, end, self.check)
            return
        found = automaton.longest(self.text, start, end, self.check)
        while found is not None:
            yield found
            if found == start:
                return
            found = automaton.longest(self.text, start, found - 1, self.check)

    def _concatenated(self, node: _Node, start: int, end: int) -> bool:
        left, right = node.children
        for middle in self._ends(left, start, end):
            if self.check is not None:
                self.check()
            if self._matches(right, middle, end):
                if self.divide(left, start, middle) and self.divide(right, middle, end):
                    return True
                self._forget(node)
        return False

    def _repeated(self, node: _Node, start: int, end: int) -> bool:
        """Repetitions one after the other; one that matches nothing only where it is needed for their number."""
        child = node.children[0]
        most = min(node.most if node.most < INFINITE else end - start, max(end - start, node.least))
        most = max(most, node.least, 1)
        ends: list[Iterator[int]] = [self._ends(child, start, end)]
        places = [start]
        while ends:
            if self.check is not None:
                self.check()
            place = next(ends[-1], None)
            if place is None:
                ends.pop()
                places.pop()
                continue
            count, here = len(ends), places[-1]
            if place == end:
                if count >= node.least and self._verify(child, [*places, place]):
                    return True
                if not (place == here and count < node.least):
                    continue
            if count >= most or (place == here and (count >= node.least or node.least - count < end - place)):
                continue
            places.append(place)
            ends.append(self._ends(child, place, end))
        return False

    def _verify(self, child: _Node, places: list[int]) -> bool:
        for start, end in pairwise(places):
            self._forget(child)
            if not self.divide(child, start, end):
                return False
        return True


class Regex:
    """A compiled expression."""

    __slots__ = ("_search", "_tree", "groups", "ignore_case")

    def __init__(self, pattern: str, options: Options) -> None:
        content, options, self.groups = parse(pattern, options)
        self.ignore_case = options.ignore_case
        self._tree = _alternatives(content)
        self._search = Automaton(content, searching=True)

    def search(self, text: str, start: int = 0, check: Check | None = None) -> list[Span | None] | None:
        """The first match from `start` on: its span and those of its groups.

        Args:
            text: all of it; what is before `start` is seen by constraints only.
            start: where it may begin.
            check: called now and then; it may raise.
        """
        tree, stop = self._tree, len(text)
        first_end = self._search.shortest(text, start, start, stop, check)
        if first_end is None:
            return None
        # the match that ends first is not the one that begins first, but none can begin behind its end
        for begin in range(start, (stop if tree.has_reference else first_end) + 1):
            for end in self._candidates(begin, stop, text, check):
                division = _Division(text, self.groups, self.ignore_case, check)
                if division.divide(tree, begin, end):
                    division.groups[0] = begin, end
                    return division.groups
        return None

    def _candidates(self, begin: int, stop: int, text: str, check: Check | None) -> Iterator[int]:
        automaton = self._tree.automaton
        shortest = self._tree.prefer is Prefer.SHORTEST
        if shortest:
            found = automaton.shortest(text, begin, begin, stop, check)
        else:
            found = automaton.longest(text, begin, stop, check)
        while found is not None:
            yield found
            # only references make it worth to look for another end
            if not self._tree.has_reference:
                return
            if shortest:
                found = automaton.shortest(text, begin, found + 1, stop, check) if found < stop else None
            else:
                found = automaton.longest(text, begin, found - 1, check) if found > begin else None

    def matches(self, text: str, check: Check | None = None) -> bool:
        """Whether there is a match anywhere."""
        if self._tree.has_reference:
            return self.search(text, 0, check) is not None
        return self._search.shortest(text, 0, 0, len(text), check) is not None


@lru_cache(_MAX_KEPT)
def compile_regex(pattern: str, options: Options) -> Regex:
    """The compiled expression.

    Raises:
        SqlError: 2201B.
    """
    if len(pattern) > _MAX_LENGTH:
        raise invalid("regular expression is too complex")
    return Regex(pattern, options)
