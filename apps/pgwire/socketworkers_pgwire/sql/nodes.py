"""The analysed tree: what a statement means once all names and types are known.

It is PostgreSQL's ``Query`` and its expressions (src/include/nodes/parsenodes.h, primnodes.h: the names and what they
stand for), with two differences. A `Var` points at its range table entry itself instead of by number and level, so that
subqueries need no renumbering. And every expression carries type, typmod, collation and location.

The contract with the lowering: the value of an expression is in the storage form of its type *with its typmod*
(``type.implementation.modified(typmod)``); only a cast node (`Relabel`, `FuncCall` of a length coercion, `CoerceViaIO`,
`ArrayCoerce`) changes either of the two. Nodes are not changed once the analysis has returned them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from ..catalog import OperatorRow, Proc, Relation

__all__ = [
    "Aggregate",
    "Analysed",
    "ArrayCoerce",
    "ArrayExpr",
    "BoolExpr",
    "BooleanTest",
    "Case",
    "Coalesce",
    "CoerceViaIO",
    "CollateExpr",
    "Const",
    "CteSource",
    "CurrentOf",
    "Default",
    "Distinct",
    "Entry",
    "Expr",
    "FieldSelect",
    "FromItem",
    "FuncCall",
    "FunctionSource",
    "GroupingCall",
    "GroupingSet",
    "Join",
    "MergeAction",
    "MinMax",
    "NamedWindow",
    "NullIf",
    "NullTest",
    "OnConflict",
    "OpExpr",
    "Output",
    "Param",
    "Query",
    "Relabel",
    "RowCompare",
    "RowExpr",
    "RowLock",
    "ScalarArrayOp",
    "SetOperation",
    "SortKey",
    "SqlValue",
    "SubLink",
    "Subscript",
    "Utility",
    "ValuesSource",
    "Var",
    "ViewStep",
    "WindowCall",
    "WindowFrame",
    "WithQuery",
]


@dataclass(slots=True, kw_only=True)
class Expr:
    """An expression."""

    type: int
    """OID of its type, never unknown once the statement is analysed (a bare literal of the select list is text)."""
    typmod: int = -1
    collation: int = 0
    """OID; 0 when values have no collation, or when implicit ones conflict."""
    input_collation: int = 0
    """The collation by which a function, an operator or the like compares its arguments; 0 when they have none, or when
    they conflict: what depends on it then fails with 42P22."""
    location: int = -1
    """Where it stands in the statement: characters from 0, -1 when it stands nowhere."""


@dataclass(slots=True, kw_only=True)
class Const(Expr):
    """A constant."""

    value: Any
    """In storage form; None is NULL."""


@dataclass(slots=True, kw_only=True)
class Param(Expr):
    """``$n``."""

    number: int
    """From 1."""


@dataclass(slots=True, kw_only=True)
class Var(Expr):
    """A column of a range table entry, of this query or of one around it."""

    entry: Entry
    column: int
    """From 1: number of the column (attnum of a table); 0 is the whole row; below 0 a system column: -1 ctid, -2 xmin,
    -3 cmin, -4 xmax, -5 cmax, -6 tableoid."""


@dataclass(slots=True, kw_only=True)
class FuncCall(Expr):
    """A call of a function, also of one that a cast stands for."""

    proc: Proc
    args: list[Expr]
    """In the order of the declared arguments, defaults filled in; those of VARIADIC gathered into an `ArrayExpr`."""
    form: Literal["call", "explicit cast", "implicit cast", "sql syntax"] = "call"
    """``sql syntax``: written with the words of the SQL standard, like ``EXTRACT(year FROM x)``."""
    variadic: bool = False
    """Whether the last argument is the array of a VARIADIC one."""


@dataclass(slots=True, kw_only=True)
class OpExpr(Expr):
    """An operator."""

    operator: OperatorRow
    proc: Proc
    args: list[Expr]
    """One or two."""


@dataclass(slots=True, kw_only=True)
class Distinct(Expr):
    """``IS [NOT] DISTINCT FROM``."""

    operator: OperatorRow
    """The ``=`` that it means."""
    proc: Proc
    args: list[Expr]
    negated: bool
    """IS NOT DISTINCT FROM."""


@dataclass(slots=True, kw_only=True)
class NullIf(Expr):
    """``NULLIF(a, b)``."""

    operator: OperatorRow
    proc: Proc
    args: list[Expr]


@dataclass(slots=True, kw_only=True)
class ScalarArrayOp(Expr):
    """``a op ANY (array)``, ``a op ALL (array)``, and ``a [NOT] IN (list)`` of one type."""

    operator: OperatorRow
    proc: Proc
    any: bool
    """ANY, else ALL."""
    left: Expr
    array: Expr


@dataclass(slots=True, kw_only=True)
class BoolExpr(Expr):
    """AND, OR, NOT."""

    kind: Literal["and", "or", "not"]
    args: list[Expr]


@dataclass(slots=True, kw_only=True)
class NullTest(Expr):
    """``IS [NOT] NULL``."""

    arg: Expr
    negated: bool
    row: bool
    """Whether the argument is a row, which is tested field by field."""


@dataclass(slots=True, kw_only=True)
class BooleanTest(Expr):
    """``IS [NOT] TRUE | FALSE | UNKNOWN``."""

    arg: Expr
    test: Literal["true", "false", "unknown"]
    negated: bool


@dataclass(slots=True, kw_only=True)
class Relabel(Expr):
    """A cast between binary coercible types, or one that only drops the typmod."""

    arg: Expr
    form: Literal["call", "explicit cast", "implicit cast"] = "implicit cast"


@dataclass(slots=True, kw_only=True)
class CoerceViaIO(Expr):
    """A cast by output and input function."""

    arg: Expr
    form: Literal["call", "explicit cast", "implicit cast"] = "explicit cast"


@dataclass(slots=True, kw_only=True)
class ArrayCoerce(Expr):
    """A cast of an array, element by element."""

    arg: Expr
    element: Expr
    """The cast of one element; within it a `Param` of number 0 is that element."""
    form: Literal["call", "explicit cast", "implicit cast"] = "explicit cast"


@dataclass(slots=True, kw_only=True)
class CollateExpr(Expr):
    """``arg COLLATE name``; `collation` tells it."""

    arg: Expr


@dataclass(slots=True, kw_only=True)
class Case(Expr):
    """CASE; the form with a value was turned into comparisons of `test`, which is evaluated once."""

    test: Expr | None
    """The value of ``CASE value WHEN``. Within `whens` a `Param` of number -1 is that value."""
    whens: list[tuple[Expr, Expr]]
    default: Expr | None


@dataclass(slots=True, kw_only=True)
class Coalesce(Expr):
    """COALESCE."""

    args: list[Expr]


@dataclass(slots=True, kw_only=True)
class MinMax(Expr):
    """GREATEST, LEAST."""

    greatest: bool
    args: list[Expr]


@dataclass(slots=True, kw_only=True)
class ArrayExpr(Expr):
    """``ARRAY[…]``; of several dimensions its items are arrays."""

    items: list[Expr]
    multidimensional: bool = False


@dataclass(slots=True, kw_only=True)
class RowExpr(Expr):
    """``ROW(…)``."""

    fields: list[Expr]
    names: list[str]


@dataclass(slots=True, kw_only=True)
class RowCompare(Expr):
    """``(a, b) < (c, d)`` and the like; ``=`` and ``<>`` of rows become AND and OR of `OpExpr`."""

    kind: Literal["<", "<=", ">", ">="]
    operators: list[OperatorRow]
    left: list[Expr]
    right: list[Expr]
    collations: list[int] = field(default_factory=list)
    """By which each pair is compared."""


@dataclass(slots=True, kw_only=True)
class FieldSelect(Expr):
    """``(row).field``."""

    arg: Expr
    number: int
    """From 1."""
    name: str


@dataclass(slots=True, kw_only=True)
class Subscript(Expr):
    """``array[1]``, ``array[1:2][3:4]``, ``jsonb['a']``; as target of an assignment too."""

    arg: Expr
    slice: bool
    upper: list[Expr | None]
    """An index for each dimension; None is an omitted bound of a slice."""
    lower: list[Expr | None]
    """Lower bounds of a slice; empty otherwise."""
    assign: Expr | None = None
    """The value that is put there: the expression is then the new array."""


@dataclass(slots=True, kw_only=True)
class SubLink(Expr):
    """A subquery in an expression. Of ``scalar`` the type is that of its first column."""

    kind: Literal["exists", "scalar", "array", "any", "all", "rowcompare", "multiset"]
    query: Query
    left: list[Expr] = field(default_factory=list)
    """Of any, all and rowcompare: what stands on the left; ``IN`` is any with ``=``."""
    operators: list[OperatorRow] = field(default_factory=list)
    """One for each of `left`."""
    tests: list[Expr] = field(default_factory=list)
    """The comparison, in which a `Param` of number -n stands for column n of the query: an `OpExpr` for each column,
    all of which must hold (`=`), or one expression for all (another operator on rows)."""


@dataclass(slots=True, kw_only=True)
class SortKey:
    """A key of ORDER BY."""

    expr: Expr
    operator: OperatorRow
    """``<`` or ``>`` of the type."""
    descending: bool
    nulls_first: bool


@dataclass(slots=True, kw_only=True)
class Aggregate(Expr):
    """A call of an aggregate."""

    proc: Proc
    args: list[Expr]
    direct: list[Expr] = field(default_factory=list)
    """Direct arguments of an ordered set or hypothetical set aggregate; `order` are the others, and `args` too."""
    star: bool = False
    """``count(*)``."""
    distinct: bool = False
    order: list[SortKey] = field(default_factory=list)
    filter: Expr | None = None
    query: Query | None = None
    """The query whose rows it aggregates: its own, or one around it."""


@dataclass(slots=True, kw_only=True)
class GroupingCall(Expr):
    """``GROUPING(…)``."""

    args: list[Expr]


@dataclass(slots=True, kw_only=True)
class WindowFrame:
    """The frame clause."""

    mode: Literal["rows", "range", "groups"]
    start: Literal["unbounded preceding", "preceding", "current row", "following"]
    end: Literal["preceding", "current row", "following", "unbounded following"]
    start_offset: Expr | None = None
    end_offset: Expr | None = None
    exclude: Literal["no others", "current row", "group", "ties"] = "no others"
    between: bool = True
    """Whether BETWEEN was written."""


@dataclass(slots=True, kw_only=True)
class NamedWindow:
    """A window definition, whole: what it copies from another one is in it."""

    name: str
    """"" when it stands in an OVER clause."""
    partition: list[Expr]
    order: list[SortKey]
    frame: WindowFrame | None
    """None: the default, RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW."""


@dataclass(slots=True, kw_only=True)
class WindowCall(Expr):
    """A call of a window function, or of an aggregate with OVER."""

    proc: Proc
    args: list[Expr]
    window: NamedWindow
    star: bool = False
    filter: Expr | None = None


@dataclass(slots=True, kw_only=True)
class SqlValue(Expr):
    """CURRENT_DATE, CURRENT_USER, … (documentation §9.9.5, §9.26)."""

    name: str
    """In lower case: ``current_date``, ``current_time``, ``current_timestamp``, ``localtime``, ``localtimestamp``,
    ``current_user``, ``user``, ``session_user``, ``current_role``, ``current_catalog``, ``current_schema``."""


@dataclass(slots=True, kw_only=True)
class Default(Expr):
    """DEFAULT in a VALUES list of INSERT or in SET, where it was not filled in already."""


@dataclass(slots=True, kw_only=True)
class CurrentOf(Expr):
    """``WHERE CURRENT OF cursor``."""

    cursor: str
    relation: Relation


# The range table


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """A range table entry: something with columns. Compared by identity."""

    alias: str
    """Its name in the query; "" when it has none."""
    names: list[str]
    """Names of the columns, as the query sees them."""
    types: list[tuple[int, int, int]]
    """Type, typmod and collation of each."""
    source: Relation | Query | FunctionSource | ValuesSource | CteSource | Join
    lateral: bool = False
    location: int = -1
    view: Relation | None = None
    """The view that `source` is the query of."""
    through: list[ViewStep] = field(default_factory=list)
    """Of a table that is changed through views: these, from the outermost inwards."""


@dataclass(slots=True, kw_only=True)
class ViewStep:
    """A view through which a table is changed."""

    view: Relation
    columns: list[Expr]
    """What its columns stand for: the statement has these very objects where it reads them."""
    mapping: list[int]
    """For each of its columns the number of the table's, or 0."""
    reads: frozenset[int]
    """Columns of what it selects from that its definition refers to."""
    condition: Expr | None
    """Its WHERE, with those of the views below it."""


@dataclass(slots=True, kw_only=True)
class FunctionSource:
    """Functions in FROM; several with ROWS FROM. Their columns stand one after the other in the entry."""

    calls: list[Expr]
    """`FuncCall`s most of the time, but any expression may stand there (``FROM current_date``)."""
    widths: list[int]
    """How many columns each one gives."""
    ordinality: bool
    """Whether a last column of type int8 counts the rows."""


@dataclass(slots=True, kw_only=True)
class ValuesSource:
    """VALUES."""

    rows: list[list[Expr]]


@dataclass(slots=True, kw_only=True)
class CteSource:
    """A reference to a WITH query."""

    cte: WithQuery


@dataclass(slots=True, kw_only=True)
class Join:
    """A join; as source of an entry it has the columns of both sides, those of USING merged and first."""

    kind: Literal["inner", "left", "right", "full", "cross"]
    left: FromItem
    right: FromItem
    condition: Expr | None
    using: list[tuple[Expr, Expr, Expr]] = field(default_factory=list)
    """For each merged column: left side, right side, and the merged value."""
    entry: Entry | None = None
    """Its own range table entry. Its columns are what `columns` says."""
    columns: list[Expr] = field(default_factory=list)
    """The expression (over the entries of both sides) of each column of `entry`. A `Var` of `entry` means this."""


FromItem: TypeAlias = "Entry | Join"


@dataclass(slots=True, kw_only=True, eq=False)
class WithQuery:
    """One query of WITH."""

    name: str
    query: Query
    recursive: bool
    """Whether it refers to itself."""
    materialized: bool | None
    """MATERIALIZED, NOT MATERIALIZED, or nothing said."""
    names: list[str]
    types: list[tuple[int, int, int]]
    references: int = 0
    search: Any = None
    """SEARCH and CYCLE clauses, analysed; None without."""
    cycle: Any = None


# Queries


@dataclass(slots=True, kw_only=True)
class Output:
    """An entry of the target list."""

    expr: Expr
    name: str
    """Name of the result's column; "" when it is not part of the result (`junk`)."""
    junk: bool = False
    """Only there for ORDER BY, GROUP BY or DISTINCT."""
    origin: tuple[int, int] = (0, 0)
    """OID of the table and number of the column that it is, for RowDescription; (0, 0) when it is none."""
    column: int = 0
    """Of INSERT and UPDATE: attnum of the column that gets it."""
    converted: bool = False
    """The cast at its top is there for a set operation, not written."""
    generated: bool = False
    """The column is computed from the others: `Var`s of the target are the *new* values of its row."""


@dataclass(slots=True, kw_only=True)
class GroupingSet:
    """One set of GROUPING SETS, CUBE or ROLLUP, all expanded: indexes into `Query.group`."""

    keys: list[int]


@dataclass(slots=True, kw_only=True)
class RowLock:
    """FOR UPDATE and the like."""

    strength: Literal["key share", "share", "no key update", "update"]
    wait: Literal["block", "skip", "error"]
    entries: list[Entry]
    location: int = -1
    views: list[Entry] = field(default_factory=list)
    """Views whose tables are locked by queries of their own."""


@dataclass(slots=True, kw_only=True)
class SetOperation:
    """UNION, INTERSECT, EXCEPT. Both sides are queries whose columns were cast to the common types already."""

    kind: Literal["union", "intersect", "except"]
    all: bool
    left: Query
    right: Query


@dataclass(slots=True, kw_only=True)
class OnConflict:
    """ON CONFLICT."""

    action: Literal["nothing", "update"]
    indexes: list[int]
    """OIDs of the unique indexes that arbitrate; empty: all of them."""
    outputs: list[Output] = field(default_factory=list)
    where: Expr | None = None
    excluded: Entry | None = None
    """The entry that EXCLUDED stands for."""
    inferred: frozenset[int] = frozenset()
    """Columns of the table that the statement names, itself or by a constraint, to say which index arbitrates."""


@dataclass(slots=True, kw_only=True)
class MergeAction:
    """A WHEN clause of MERGE."""

    matched: bool
    condition: Expr | None
    action: Literal["insert", "update", "delete", "nothing"]
    outputs: list[Output] = field(default_factory=list)
    """Of INSERT and UPDATE, as those of a query of its own."""
    overriding: Literal["user", "system"] | None = None
    named: frozenset[int] = frozenset()
    """Of INSERT: columns that get a value from the statement."""


@dataclass(slots=True, kw_only=True, eq=False)
class Query:
    """An analysed SELECT, VALUES, INSERT, UPDATE, DELETE or MERGE."""

    command: Literal["select", "insert", "update", "delete", "merge"]
    outputs: list[Output]
    """The target list; of INSERT one for each column of the table that gets a value (defaults filled in, in the order
    of attnum), of UPDATE one for each that is set (generated columns too), of DELETE nothing."""
    ctes: list[WithQuery] = field(default_factory=list)
    from_: list[FromItem] = field(default_factory=list)
    where: Expr | None = None
    group: list[Expr] = field(default_factory=list)
    group_distinct: bool = False
    grouping_sets: list[GroupingSet] | None = None
    having: Expr | None = None
    windows: list[NamedWindow] = field(default_factory=list)
    distinct: Literal["all"] | list[Expr] | None = None
    """DISTINCT, or the expressions of DISTINCT ON."""
    sort: list[SortKey] = field(default_factory=list)
    """Of a set operation its expressions are `Var`s of `set_entry`."""
    limit: Expr | None = None
    """Of type int8."""
    offset: Expr | None = None
    with_ties: bool = False
    locks: list[RowLock] = field(default_factory=list)
    set_operation: SetOperation | None = None
    set_entry: Entry | None = None
    """The result of the set operation, as an entry; `outputs` are `Var`s of it."""
    has_aggregates: bool = False
    has_windows: bool = False
    has_sublinks: bool = False
    has_set_functions: bool = False
    """Functions that return sets in the target list."""
    # of INSERT, UPDATE, DELETE
    target: Entry | None = None
    """The table that is changed; of UPDATE and DELETE `from_` are the other tables (USING, FROM)."""
    source: Query | None = None
    """Of INSERT … SELECT and of VALUES with several rows. Its columns are read in `outputs` by `Var`s of
    `source_entry`. Without it `outputs` are the one row."""
    source_entry: Entry | None = None
    conflict: OnConflict | None = None
    returning: list[Output] | None = None
    overriding: Literal["user", "system"] | None = None
    named: frozenset[int] = frozenset()
    """Of INSERT: columns that get a value from the statement, and not by a default."""
    current_of: CurrentOf | None = None
    actions: list[MergeAction] = field(default_factory=list)
    """Of MERGE, in their order. `from_` is the source, `where` the condition of ON; both sides are as in a join, the
    target is not in `from_`."""
    converts: bool = False
    """It is only there to cast the columns of the query that it reads, for a set operation."""
    has_modifying_ctes: bool = False
    """INSERT, UPDATE or DELETE in WITH."""


@dataclass(slots=True, kw_only=True)
class Utility:
    """A statement that is no query: its parse tree as it is."""

    kind: str
    """Name of the node: ``CreateStmt``, ``VariableSetStmt``, …"""
    tree: dict[str, Any]
    """The node's own fields."""
    query: Query | None = None
    """The analysed query of EXPLAIN, CREATE TABLE AS, DECLARE CURSOR, COPY (query), PREPARE is not here: they analyse
    theirs when they run."""
    parameters: tuple[int, ...] = ()
    """OIDs of the types of the parameters that the query has."""


Analysed: TypeAlias = "Query | Utility"
