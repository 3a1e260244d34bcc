"""What the catalogue says about objects: rows of pg_class, pg_attribute, pg_proc, ... as the analysis needs them.

Values only. Names are PostgreSQL's column names without their prefix (PostgreSQL 15 documentation, chapter 53).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..types import AnyType

__all__ = [
    "CastRow",
    "CollationRow",
    "Column",
    "Constraint",
    "Index",
    "OperatorRow",
    "Proc",
    "Relation",
    "TypeRow",
]


@dataclass(frozen=True, slots=True)
class TypeRow:
    """A row of pg_type."""

    oid: int
    name: str
    namespace: int
    kind: str
    """typtype: ``b`` base, ``c`` composite, ``d`` domain, ``e`` enum, ``p`` pseudo, ``r`` range, ``m`` multirange."""
    category: str
    preferred: bool
    element: int
    """typelem, of a true array (typsubscript is array_subscript_handler) or of a vector."""
    array: int
    """typarray."""
    relation: int
    """typrelid of a composite type."""
    base: int
    """typbasetype of a domain."""
    typmod: int
    """typtypmod of a domain."""
    collation: int
    """typcollation: 0 when values have none."""
    implementation: AnyType | None
    """Its text, binary and storage forms; of a domain those of its base; None where we have none (0A000 when used)."""


@dataclass(frozen=True, slots=True)
class Proc:
    """A row of pg_proc."""

    oid: int
    name: str
    namespace: int
    kind: str
    """prokind: ``f`` function, ``p`` procedure, ``a`` aggregate, ``w`` window."""
    language: str
    """``internal``, ``c``, ``sql``."""
    strict: bool
    volatility: str
    """``i`` immutable, ``s`` stable, ``v`` volatile."""
    returns_set: bool
    result: int
    """prorettype."""
    arguments: tuple[int, ...]
    """proargtypes: of the IN, INOUT and VARIADIC arguments."""
    variadic: int
    """provariadic: element type of a VARIADIC array argument, else 0."""
    default_count: int
    defaults: tuple[str, ...]
    """Expressions of the last `default_count` arguments, as text."""
    names: tuple[str, ...]
    """proargnames, of all arguments; empty without."""
    all_arguments: tuple[int, ...]
    """proallargtypes; empty when all are IN."""
    modes: str
    """proargmodes, a letter each; empty when all are IN."""
    source: str
    """prosrc."""
    signature: str
    """As regprocedure writes it within pg_catalog: ``substr(text,integer,integer)``; the key of `functions.find`."""
    aggregate_kind: str = ""
    """aggkind: ``n`` normal, ``o`` ordered set, ``h`` hypothetical set."""
    direct_count: int = 0
    """aggnumdirectargs."""


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """A row of pg_operator."""

    oid: int
    name: str
    namespace: int
    left: int
    """oprleft; 0 for a prefix operator."""
    right: int
    result: int
    code: int
    """oprcode: OID of its function."""
    commutator: int
    negator: int
    signature: str
    """As regoperator writes it within pg_catalog: ``+(integer,integer)``; ``-(NONE,integer)`` for a prefix operator."""


@dataclass(frozen=True, slots=True)
class CastRow:
    """A row of pg_cast."""

    source: int
    target: int
    function: int
    """castfunc, or 0."""
    context: str
    """castcontext: ``i`` implicit, ``a`` assignment, ``e`` explicit."""
    method: str
    """castmethod: ``f`` function, ``b`` binary coercible, ``i`` input and output functions."""


@dataclass(frozen=True, slots=True)
class CollationRow:
    """A row of pg_collation."""

    oid: int
    name: str
    namespace: int
    provider: str
    deterministic: bool


@dataclass(frozen=True, slots=True)
class Column:
    """A row of pg_attribute with its default."""

    number: int
    """attnum, from 1; below 0 for a system column."""
    name: str
    type: int
    typmod: int
    collation: int
    not_null: bool
    default: str | None = None
    """The default, or the expression of a generated column, as PostgreSQL writes it; None without."""
    identity: str = ""
    """attidentity: ``a`` always, ``d`` by default."""
    generated: str = ""
    """attgenerated: ``s``."""
    dropped: bool = False
    sequence: int = 0
    """OID of the sequence of an identity column."""


@dataclass(frozen=True, slots=True)
class Index:
    """A row of pg_index with its class."""

    oid: int
    name: str
    unique: bool
    primary: bool
    nulls_not_distinct: bool
    keys: tuple[int, ...]
    """indkey without what is only included: attnum, or 0 for an expression."""
    expressions: tuple[str, ...]
    """For each 0 in `keys`, as PostgreSQL writes it."""
    predicate: str | None
    storage: str
    """Name of the index in SQLite; "" when it is the rowid."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A row of pg_constraint."""

    oid: int
    name: str
    kind: str
    """contype: ``c`` check, ``f`` foreign key, ``p`` primary key, ``u`` unique, ``x`` exclusion."""
    deferrable: bool
    deferred: bool
    index: int
    """conindid."""
    keys: tuple[int, ...]
    """conkey."""
    foreign_relation: int = 0
    foreign_keys: tuple[int, ...] = ()
    on_update: str = ""
    """confupdtype: ``a`` no action, ``r`` restrict, ``c`` cascade, ``n`` set null, ``d`` set default."""
    on_delete: str = ""
    match: str = ""
    """confmatchtype: ``s`` simple, ``f`` full."""
    expression: str = ""
    """Of a check, as PostgreSQL writes it."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A row of pg_class with all that belongs to it."""

    oid: int
    name: str
    namespace: int
    schema: str
    """Name of `namespace`."""
    kind: str
    """relkind: ``r`` table, ``v`` view, ``m`` materialized view, ``S`` sequence, ``i`` index, ``c`` composite type."""
    persistence: str
    """relpersistence: ``p`` permanent, ``t`` temporary, ``u`` unlogged."""
    owner: int
    columns: tuple[Column, ...]
    """User columns in the order of their numbers, dropped ones among them: ``columns[n - 1].number == n``."""
    storage: str
    """What stands in FROM of SQLite's SQL: a quoted table name (``"public.users"``, ``temp."t"``), or a parenthesised
    query for relations of the catalogue that have no table. "" for a view with a `definition`."""
    rowid: str = "rowid"
    """The name by which SQLite's row number can be had: ``rowid``, ``_rowid_`` or ``oid``, whichever no column hides;
    "" when there is none."""
    rowid_column: int = 0
    """attnum of the column that is the row number (a primary key of one integer), else 0."""
    type: int = 0
    """reltype."""
    definition: str = ""
    """Query of a view, as PostgreSQL text, with all names qualified."""
    indexes: tuple[Index, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    referenced_by: tuple[int, ...] = ()
    """OIDs of relations whose foreign keys point here."""
    options: tuple[str, ...] = field(default=())
    """reloptions."""
