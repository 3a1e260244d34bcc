"""SELECT: a query of PostgreSQL's as one of SQLite's, with more queries inside where SQLite has no such clause."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...errors import SqlError
from ...types import AnyType
from ..nodes import Const, Expr, FuncCall, Output, Query, SortKey
from .fold import is_volatile
from .from_items import from_clause
from .grouping import collect_calls, group_clause, grouping_stage, needs_stage
from .keys import check_order, equality_key, order_key
from .literals import raise_error
from .locking import skip_condition
from .match import children, free_entries, shape, walk
from .python import function_of
from .shapes import as_kind
from .sources import lockstep
from .state import Lowering

__all__ = ["lower_query", "result_outputs", "sort_terms"]


def result_outputs(query: Query) -> list[Output]:
    """The columns of a query's result."""
    return [output for output in query.outputs if not output.junk]


def lower_query(lowering: Lowering, query: Query, targets: Sequence[tuple[int, int]] | None = None) -> str:
    """See `Lowering.query`."""
    from .with_queries import with_clause

    known = len(lowering.given)
    try:
        return with_clause(lowering, query.ctes) + _body(lowering, query, targets)
    finally:
        del lowering.given[known:]


def _kinds(lowering: Lowering, outputs: Sequence[Output], targets: Sequence[tuple[int, int]] | None) -> list[AnyType]:
    kinds = []
    for index, output in enumerate(outputs):
        kind = lowering.kind(output.expr)
        if targets is not None and kind.oid == targets[index][0]:
            kind = kind.modified(targets[index][1])
        kinds.append(kind)
    return kinds


def _body(lowering: Lowering, query: Query, targets: Sequence[tuple[int, int]] | None) -> str:
    outputs = result_outputs(query)
    kinds = _kinds(lowering, outputs, targets)
    if query.set_operation is not None:
        from .set_operations import set_operation_source

        source = set_operation_source(lowering, query)
        own = [lowering.kind(output.expr) for output in outputs]
        if not query.sort and query.limit is None and query.offset is None and kinds == own:
            return source
        assert query.set_entry is not None
        alias = lowering.aliases[query.set_entry] = lowering.alias()
        select = _Select(lowering, query, f" FROM ({source}) AS {alias}")
    else:
        select = _Select(lowering, query, "")
        select.read()
    return select.finish(outputs, kinds)


class _Select:
    """One SELECT that is put together: from what is read to what comes out."""

    def __init__(self, lowering: Lowering, query: Query, source: str) -> None:
        self.lowering = lowering
        self.query = query
        self.source = source
        self.group = ""

    # what is read

    def read(self) -> None:
        """FROM, WHERE, GROUP BY, HAVING, and functions of the select list that return sets."""
        lowering, query = self.lowering, self.query
        if query.having is not None and not (query.group or query.has_aggregates or query.grouping_sets):
            # one row, whatever the tables have: PostgreSQL does not look at them
            self.source = f" WHERE {lowering.expr(query.having)}"
            return
        self.source = from_clause(lowering, query.from_, query.has_aggregates, query)
        if query.has_set_functions:
            self._join_calls(collect_calls(query.group))
        where = "" if query.where is None else self._where(query.where)
        if query.locks and (free := skip_condition(lowering, query)):
            where = f" WHERE ({where.removeprefix(' WHERE ')}) AND {free}" if where else f" WHERE {free}"
        self.source += where
        if needs_stage(query):
            self.source = grouping_stage(lowering, query, self.source)
        else:
            self.group = group_clause(lowering, query)
        if query.has_set_functions:
            self._set_functions()

    def _where(self, condition: Expr) -> str:
        constant = self.lowering.constant(condition)
        if constant is not None and constant.value:
            return ""
        return f" WHERE {self.lowering.expr(condition)}"

    def _set_functions(self) -> None:
        """Functions that return sets become one more table of the join, inner ones before those around them."""
        query = self.query
        exprs = [output.expr for output in query.outputs] + [key.expr for key in query.sort]
        if not any(self._expands(expr) for expr in exprs):
            return
        if self.group or query.has_windows or query.has_aggregates or query.where is not None:
            self._stage()
        self._join_calls(collect_calls(exprs))

    def _expands(self, expr: Expr) -> bool:
        """Whether an expression has a function that returns a set, which is not part of the join yet."""
        return any(
            isinstance(each, FuncCall) and each.proc.returns_set and not self._is_given(each) for each in walk(expr)
        )

    def _is_given(self, expr: Expr) -> bool:
        key = shape(expr)
        return any(key in given for given in self.lowering.given)

    def _join_calls(self, levels: list[list[FuncCall]]) -> None:
        """Add functions that return sets to the join, unless they are there."""
        lowering = self.lowering
        for level in levels:
            calls = [call for call in level if not self._is_given(call)]
            if not calls:
                continue
            alias = lowering.alias()
            table = lockstep(lowering, calls)
            joined = f"CROSS JOIN {table} AS {alias}" if self.source else f"FROM {table} AS {alias}"
            self.source += f" {joined}"
            columns = {shape(call): f"{alias}.c{number}" for number, call in enumerate(calls, 1)}
            lowering.given.append(columns)

    def _stage(self) -> None:
        """Calculate everything below the functions that return sets in a query of its own."""
        lowering, query = self.lowering, self.query
        alias = lowering.alias()
        needed: dict[object, Expr] = {}
        for expr in [output.expr for output in query.outputs] + [key.expr for key in query.sort]:
            _below(expr, self._expands, needed)
        columns = []
        mapping = {}
        for number, (key, expr) in enumerate(needed.items(), 1):
            columns.append(f"{lowering.expr(expr)} AS s{number}")
            mapping[key] = f"{alias}.s{number}"
        self.source = f" FROM (SELECT {','.join(columns) or '0 AS s0'}{self.source}{self.group}) AS {alias}"
        self.group = ""
        lowering.given.append(mapping)

    # what comes out

    def finish(self, outputs: Sequence[Output], kinds: Sequence[AnyType]) -> str:
        """The whole query."""
        query, lowering = self.query, self.lowering
        if isinstance(query.distinct, list):
            return self._distinct_on(outputs, kinds)
        if query.distinct == "all":
            return self._distinct(outputs, kinds)
        if query.with_ties or self._moving_bounds():
            return self._with_ties(outputs, kinds)
        if query.sort and not query.has_set_functions and any(is_volatile(output.expr) for output in outputs):
            self._sort_first()
            columns = self._columns(outputs, kinds)
            return f"SELECT {columns}{self.source}"
        columns = self._columns(outputs, kinds)
        order = self._order(outputs, kinds)
        return f"SELECT {columns}{self.source}{self.group}{order}{limit_clause(lowering, query)}"

    def _moving_bounds(self) -> bool:
        """Whether LIMIT or OFFSET refers to a query around this one; in SQLite it may not."""
        return any(each is not None and free_entries(each) for each in (self.query.limit, self.query.offset))

    def _sort_first(self) -> None:
        """Put everything but what may give something else each time in a query that is sorted and cut: the rest is
        calculated for the rows that are left, in their order."""
        lowering, query = self.lowering, self.query
        alias = lowering.alias()
        needed: dict[object, Expr] = {}
        for output in query.outputs:
            _below(output.expr, is_volatile, needed)
        columns = []
        mapping = {}
        for number, (key, expr) in enumerate(needed.items(), 1):
            columns.append(f"{lowering.expr(expr)} AS s{number}")
            mapping[key] = f"{alias}.s{number}"
        terms = sort_terms(lowering, query.sort)
        order = f" ORDER BY {terms}" if terms else ""
        bounds = limit_clause(lowering, query) or " LIMIT -1"
        inner = f"SELECT {','.join(columns) or '0 AS s0'}{self.source}{self.group}{order}{bounds}"
        kept = lowering.alias("m")  # which SQLite must not merge with what is around it
        self.source = f" FROM (WITH {kept} AS MATERIALIZED ({inner}) SELECT * FROM {kept}) AS {alias}"
        self.group = ""
        lowering.given.append(mapping)

    def _columns(self, outputs: Sequence[Output], kinds: Sequence[AnyType]) -> str:
        lowering = self.lowering
        columns = [
            f"{as_kind(lowering, output.expr, kind)} AS c{number}"
            for number, (output, kind) in enumerate(zip(outputs, kinds, strict=True), 1)
        ]
        return ",".join(columns) or "0 AS c0"

    def _order(self, outputs: Sequence[Output], kinds: Sequence[AnyType]) -> str:
        """ORDER BY; a column of the result that is its own key is named, so that it is not calculated again."""
        lowering = self.lowering
        if not self.query.sort:
            return ""
        numbers = {shape(output.expr): number for number, output in enumerate(outputs, 1)}
        terms = []
        for key in self.query.sort:
            if lowering.constant(key.expr) is not None:
                continue
            number = numbers.get(shape(key.expr))
            if number is not None and kinds[number - 1].ordkey("x") == "x" and kinds[number - 1].oid == key.expr.type:
                check_order(lowering, kinds[number - 1], key.expr.collation, key.expr.location)
                terms.append(f"c{number}{_direction(key)}")
            else:
                terms.append(order_key(lowering, key.expr) + _direction(key))
        return " ORDER BY " + ",".join(terms) if terms else ""

    def _staged(self, outputs: Sequence[Output], kinds: Sequence[AnyType], extra: str) -> tuple[str, str, list[str]]:
        """The query so far as a table: its alias, its SQL, and the keys of ORDER BY over it."""
        lowering = self.lowering
        alias = lowering.alias()
        columns = self._columns(outputs, kinds)
        keys = []
        for number, key in enumerate(self.query.sort, 1):
            columns += f",{order_key(lowering, key.expr)} AS o{number}"
            keys.append(f"{alias}.o{number}{_direction(key)}")
        return alias, f"(SELECT {columns}{extra}{self.source}{self.group}) AS {alias}", keys

    def _names(self, outputs: Sequence[Output], alias: str) -> str:
        return ",".join(f"{alias}.c{number} AS c{number}" for number in range(1, len(outputs) + 1)) or "0 AS c0"

    def _distinct(self, outputs: Sequence[Output], kinds: Sequence[AnyType]) -> str:
        query, lowering = self.query, self.lowering
        limit = "" if query.with_ties else limit_clause(lowering, query)
        if all(kind.eqkey("x") == "x" for kind in kinds) and not query.with_ties:
            columns = self._columns(outputs, kinds)
            return f"SELECT DISTINCT {columns}{self.source}{self.group}{self._order(outputs, kinds)}{limit}"
        alias, table, keys = self._staged(outputs, kinds, "")
        group = ",".join(kind.eqkey(f"{alias}.c{number}") for number, kind in enumerate(kinds, 1)) or "''"
        inner = f"SELECT {self._names(outputs, alias)} FROM {table} GROUP BY {group}"
        if query.with_ties:
            order = ",".join(keys)
            ranks = f",rank() OVER (ORDER BY {order}) AS rk,row_number() OVER (ORDER BY {order}) AS rn"
            first = f"SELECT {self._names(outputs, alias)}{ranks} FROM {table} GROUP BY {group}"
            return self._ties(first, outputs)
        return inner + (" ORDER BY " + ",".join(keys) if keys else "") + limit

    def _distinct_on(self, outputs: Sequence[Output], kinds: Sequence[AnyType]) -> str:
        query, lowering = self.query, self.lowering
        assert isinstance(query.distinct, list)
        partition = ",".join(
            [equality_key(lowering, each) for each in query.distinct if lowering.constant(each) is None]
        )
        order = sort_terms(lowering, query.sort)
        over = (f"PARTITION BY {partition}" if partition else "") + (f" ORDER BY {order}" if order else "")
        # PostgreSQL sorts by all of them, to see which rows are alike
        sorted_by = {shape(key.expr) for key in query.sort}
        unsorted = [each for each in query.distinct if shape(each) not in sorted_by]
        last = "".join([f",{order_key(lowering, each)} AS d{number}" for number, each in enumerate(unsorted, 1)])
        alias, table, keys = self._staged(outputs, kinds, f"{last},row_number() OVER ({over}) AS rn")
        if query.with_ties:
            terms = ",".join(keys)
            ranks = f",rank() OVER (ORDER BY {terms}) AS rk,row_number() OVER (ORDER BY {terms}) AS rn"
            return self._ties(f"SELECT {self._names(outputs, alias)}{ranks} FROM {table} WHERE {alias}.rn=1", outputs)
        sql = f"SELECT {self._names(outputs, alias)} FROM {table} WHERE {alias}.rn=1"
        keys += [f"{alias}.d{number} ASC NULLS LAST" for number in range(1, len(unsorted) + 1)]
        return sql + (" ORDER BY " + ",".join(keys) if keys else "") + limit_clause(lowering, query)

    def _with_ties(self, outputs: Sequence[Output], kinds: Sequence[AnyType]) -> str:
        order = sort_terms(self.lowering, self.query.sort)
        over = f"(ORDER BY {order})" if order else "()"
        columns = self._columns(outputs, kinds)
        rank = "rank" if self.query.with_ties else "row_number"
        ranks = f",{rank}() OVER {over} AS rk,row_number() OVER {over} AS rn"
        return self._ties(f"SELECT {columns}{ranks}{self.source}{self.group}", outputs)

    def _ties(self, inner: str, outputs: Sequence[Output]) -> str:
        """FETCH FIRST ... WITH TIES: the rows up to the last one, and those that are equal to it in order. So, with
        row numbers as ranks, LIMIT and OFFSET that are no constants."""
        query, lowering = self.query, self.lowering
        alias = lowering.alias()
        limit = "-1" if query.limit is None else _bound(lowering, query.limit, "LIMIT", "-1")
        offset = "0" if query.offset is None else _bound(lowering, query.offset, "OFFSET", "0")
        bounds = f"(SELECT {limit} AS n,{offset} AS m)"
        bound = lowering.alias()
        return (
            f"SELECT {self._names(outputs, alias)} FROM {bounds} AS {bound},({inner}) AS {alias} "
            f"WHERE {alias}.rn>{bound}.m AND ({bound}.n<0 OR ({bound}.n>0 AND {alias}.rk<={bound}.n+{bound}.m)) "
            f"ORDER BY {alias}.rn"
        )


def _below(expr: Expr, later: Callable[[Expr], bool], needed: dict[object, Expr]) -> None:
    """The largest expressions below one that nothing is part of which is calculated later."""
    if later(expr):
        for child in children(expr):
            _below(child, later, needed)
    elif not isinstance(expr, Const):
        needed.setdefault(shape(expr), expr)


def _direction(key: SortKey) -> str:
    return (" DESC" if key.descending else " ASC") + (" NULLS FIRST" if key.nulls_first else " NULLS LAST")


def sort_terms(lowering: Lowering, keys: Sequence[SortKey]) -> str:
    """The terms of an ORDER BY; those that are constant are left out."""
    return ",".join(
        [order_key(lowering, key.expr) + _direction(key) for key in keys if lowering.constant(key.expr) is None]
    )


def limit_clause(lowering: Lowering, query: Query) -> str:
    """LIMIT and OFFSET; PostgreSQL's errors are 2201W and 2201X."""
    if query.limit is None and query.offset is None:
        return ""
    limit = "-1" if query.limit is None else _bound(lowering, query.limit, "LIMIT", "-1")
    offset = "" if query.offset is None else f" OFFSET {_bound(lowering, query.offset, 'OFFSET', '0')}"
    return f" LIMIT {limit}{offset}"


def _bound(lowering: Lowering, expr: Expr, word: str, default: str) -> str:
    """A bound: NULL means none, a negative one is an error."""
    sqlstate = "2201W" if word == "LIMIT" else "2201X"
    error = raise_error(sqlstate, f"{word} must not be negative")
    constant = lowering.constant(expr)
    if constant is not None:
        if constant.value is None:
            return default
        return str(constant.value) if constant.value >= 0 else error
    nothing = int(default)

    def checked(value: int | None) -> int:
        if value is None:
            return nothing
        if value < 0:
            raise SqlError(sqlstate, f"{word} must not be negative")
        return value

    function = function_of(word, 1, "scalar", (), lambda cell: checked)
    return f"{lowering.use(function)}({lowering.expr(expr)})"
