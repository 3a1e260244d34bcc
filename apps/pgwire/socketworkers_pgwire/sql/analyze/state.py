"""What the analysis of a statement carries along: the catalogue, the parameters, and for each query its scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ...catalog import Catalog, Relation
from ...errors import SqlError
from ...types import Settings
from ..grammar import Node
from ..nodes import Const, Entry, Expr, NamedWindow, Query, WithQuery
from .kinds import Kind

__all__ = ["Item", "Notes", "Shared", "State", "error", "stored_shared", "unsupported"]


def error(
    sqlstate: str, message: str, location: int = -1, *, detail: str | None = None, hint: str | None = None
) -> SqlError:
    """An error that points at a place of the statement."""
    return SqlError(
        sqlstate,
        message,
        detail=detail,
        hint=hint,
        position=location + 1 if location is not None and location >= 0 else None,
    )


def unsupported(feature: str, location: int = -1) -> SqlError:
    """0A000: PostgreSQL knows it, we do not."""
    return error("0A000", f"{feature} is not supported", location)


@dataclass(slots=True)
class Notes:
    """What a plan cache wants to know of an analysis."""

    literals: dict[int, list[Const]] = field(default_factory=dict)
    """The constants that each literal of the text became, by its location. Any other value may be put in its place,
    after the input function of the constant's type. Literals that are not here were looked at."""
    settings: bool = False
    """Whether constants were read with the session's settings: those of date and time."""
    momentary: bool = False
    """Whether constants may have been read from the clock: ``now``, ``today`` and their like."""
    views: dict[Entry, Relation] = field(default_factory=dict)
    """The views that entries stand for."""
    relations: set[int] = field(default_factory=set)
    """OIDs of the relations that are read or written, those behind views among them."""

    def add(self, inner: Notes) -> None:
        """What holds of a part holds of the whole."""
        self.settings = self.settings or inner.settings
        self.momentary = self.momentary or inner.momentary

    def replace(self, old: Const, new: Const) -> None:
        """A literal got its type."""
        constants = self.literals.get(old.location)
        if constants is not None:
            constants[:] = [new if each is old else each for each in constants]

    def pin(self, constant: Const) -> None:
        """The value of a constant was looked at."""
        self.literals.pop(constant.location, None)


class Shared:
    """What all queries of a statement share."""

    __slots__ = (
        "aggregate_depths",
        "catalog",
        "cte_aliases",
        "depths",
        "notes",
        "parameters",
        "settings",
        "stored",
        "variable",
        "view_depth",
        "views",
    )

    def __init__(
        self, catalog: Catalog, settings: Settings, parameters: list[int] | None, notes: Notes, *, stored: bool = False
    ) -> None:
        self.catalog = catalog
        self.settings = settings
        self.variable = parameters is not None
        #: types by number; 0 is not known yet, `UNKNOWN` seen without a type
        self.parameters: list[int] = parameters if parameters is not None else []
        self.notes = notes
        #: whether it is text that the deparser wrote: casts of arrays in it are not casts of their elements
        self.stored = stored
        #: how deep the query stands whose range table an entry is in
        self.depths: dict[Entry, int] = {}
        #: names of columns given to a recursive WITH query, until its first term is analysed
        self.cte_aliases: dict[int, list[str]] = {}
        #: the view that an entry stands for
        self.views: dict[Entry, Relation] = notes.views
        #: how deep the query stands that an aggregate or GROUPING belongs to; by id, with what has it
        self.aggregate_depths: dict[int, tuple[int, Expr]] = {}
        self.view_depth = 0


def stored_shared(shared: Shared) -> Shared:
    """What the analysis of a text of the catalogue shares, within that of a statement: its names are qualified, and its
    literals are none of the statement's."""
    notes = Notes(views=shared.notes.views, relations=shared.notes.relations)
    catalog = shared.catalog if shared.stored else shared.catalog.qualified()
    inner = Shared(catalog, shared.settings, None, notes, stored=True)
    inner.depths = shared.depths
    inner.aggregate_depths = shared.aggregate_depths
    inner.view_depth = shared.view_depth
    return inner


class Item:
    """An entry as it can be referred to: PostgreSQL's ParseNamespaceItem."""

    __slots__ = ("columns", "columns_visible", "entry", "lateral_ok", "lateral_only", "name", "relation", "visible")

    def __init__(self, entry: Entry, *, visible: bool = True, columns: list[Expr] | None = None) -> None:
        self.entry = entry
        self.name = entry.alias
        #: the table or view
        self.relation: Relation | None = entry.source if isinstance(entry.source, Relation) else None
        #: whether its name can be used
        self.visible = visible
        #: whether its columns can be used without its name
        self.columns_visible = True
        #: of a join: what its columns stand for
        self.columns = columns
        self.lateral_only = False
        self.lateral_ok = True


class State:
    """The analysis of one query; PostgreSQL's ParseState."""

    __slots__ = (
        "catalog",
        "ctes",
        "depth",
        "excluded_entry",
        "future_ctes",
        "kind",
        "last_set_function",
        "lateral_active",
        "multi_source",
        "namespace",
        "parent",
        "parent_cte",
        "query",
        "reads_itself",
        "relations",
        "resolve_unknowns",
        "shared",
        "target",
        "target_excluded",
        "window_definitions",
        "windows",
    )

    def __init__(self, shared: Shared, parent: State | None = None) -> None:
        self.shared = shared
        self.catalog = shared.catalog
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.query = Query(command="select", outputs=[])
        self.namespace: list[Item] = []
        self.relations: list[Item] = []
        """All entries of the range table, for error messages."""
        self.kind: Kind = Kind.OTHER
        self.ctes: list[WithQuery] = []
        self.future_ctes: list[Node] = []
        self.parent_cte: WithQuery | None = None
        self.lateral_active = False
        self.resolve_unknowns = True
        self.target: Item | None = None
        self.target_excluded: Item | None = None
        self.excluded_entry: Entry | None = None
        self.last_set_function: Expr | None = None
        self.windows: list[NamedWindow] = []
        self.window_definitions: list[tuple[Node, NamedWindow]] = []
        self.reads_itself = False
        """Whether it reads the WITH query that it is a part of."""
        self.multi_source: list[Expr] = []
        """The values of the ``SET (a, b) = …`` that is being analysed."""

    def levels(self) -> Iterator[State]:
        """This query and those around it."""
        state: State | None = self
        while state is not None:
            yield state
            state = state.parent

    def at_depth(self, depth: int) -> State:
        """The query of a depth, this one or one around it."""
        state = self
        while state.depth > depth:
            assert state.parent is not None
            state = state.parent
        return state

    def add(self, entry: Entry) -> Entry:
        """Note that an entry belongs to the range table of this query."""
        self.shared.depths[entry] = self.depth
        return entry
