"""Queries: get_query_def of ruleutils.c."""

from __future__ import annotations

from collections.abc import Sequence

from ...catalog import Relation
from ...errors import SqlError
from ..keywords import quote_identifier
from ..nodes import (
    ArrayCoerce,
    Coalesce,
    CoerceViaIO,
    Const,
    CteSource,
    Entry,
    Expr,
    FromItem,
    FuncCall,
    FunctionSource,
    Join,
    MinMax,
    NullIf,
    Output,
    Query,
    Relabel,
    SetOperation,
    SqlValue,
    ValuesSource,
    Var,
)
from .calls import window_specification
from .expressions import expression, group_item, listed, sort_keys, top_level, variable
from .writer import JOIN, STD, VAR, Names, Writer, shown_alias, unique

__all__ = ["nested", "select"]


def nested(writer: Writer, query: Query, *, names_visible: bool, result_names: Sequence[str] | None = None) -> None:
    """A query within what is being written: get_query_def."""
    before = writer.names, writer.prefix, writer.indent
    writer.names = Names(writer.names)
    writer.prefix = True
    select(writer, query, names_visible=names_visible, result_names=result_names)
    writer.names, writer.prefix, writer.indent = before


def select(writer: Writer, query: Query, *, names_visible: bool, result_names: Sequence[str] | None = None) -> None:
    """A query, whose names are the innermost ones: get_select_query_def."""
    query = _inner(query)
    if query.command != "select":
        raise SqlError("0A000", f"the text of {query.command.upper()} is not supported")
    for item in query.from_:
        _name(writer.names, item)
    _with(writer, query)
    numbers: list[int] | None = None
    if query.set_operation is not None:
        _set_operation(writer, query.set_operation, names_visible=names_visible, result_names=result_names)
        shown = [output for output in query.outputs if not output.junk]
        numbers = [
            next(place for place, output in enumerate(shown, 1) if output.expr is key.expr) for key in query.sort
        ]
    else:
        _basic(writer, query, names_visible=names_visible, result_names=result_names)
    if query.sort:
        writer.keyword(" ORDER BY ", -STD, STD, 1)
        sort_keys(writer, query.sort, numbers)
    if query.offset is not None:
        writer.keyword(" OFFSET ", -STD, STD, 0)
        expression(writer, query.offset)
    if query.limit is not None:
        _limit(writer, query.limit, query.with_ties)
    for lock in query.locks:
        for entry in lock.entries:
            writer.keyword(f" FOR {lock.strength.upper()}", -STD, STD, 0)
            writer.put(f" OF {quote_identifier(writer.names.table(entry))}")
            writer.put({"error": " NOWAIT", "skip": " SKIP LOCKED"}.get(lock.wait, ""))


def _limit(writer: Writer, limit: Expr, with_ties: bool) -> None:
    if with_ties:
        writer.keyword(" FETCH FIRST ", -STD, STD, 0)
        writer.put("(")
        expression(writer, limit)
        writer.put(") ROWS WITH TIES")
        return
    writer.keyword(" LIMIT ", -STD, STD, 0)
    if isinstance(limit, Const) and limit.value is None:
        writer.put("ALL")
    else:
        expression(writer, limit)


def _name(names: Names, item: FromItem) -> None:
    """Names of the entries, each in its turn: set_rtable_names."""
    if isinstance(item, Join):
        _name(names, item.left)
        _name(names, item.right)
        if item.entry is not None:
            names.add(item.entry, shown_alias(item.entry))
    else:
        names.add(item, item.alias)


def _with(writer: Writer, query: Query) -> None:
    if not query.ctes:
        return
    writer.indent += STD
    writer.put(" ")
    word = "WITH RECURSIVE " if any(cte.recursive for cte in query.ctes) else "WITH "
    for cte in query.ctes:
        writer.put(word + quote_identifier(cte.name))
        word = ", "
        outputs = [output.name for output in cte.query.outputs if not output.junk]
        if outputs != cte.names:
            writer.put(f"({', '.join(map(quote_identifier, cte.names))})")
        writer.put(" AS ")
        if cte.materialized is not None:
            writer.put("MATERIALIZED " if cte.materialized else "NOT MATERIALIZED ")
        writer.put("(")
        writer.keyword("", 0, 0, 0)
        nested(writer, cte.query, names_visible=True)
        writer.keyword("", 0, 0, 0)
        writer.put(")")
    writer.indent -= STD
    writer.keyword("", 0, 0, 0)


def _simple_values(query: Query) -> ValuesSource | None:
    """VALUES, when the query is nothing else: get_simple_values_rte."""
    if len(query.from_) != 1 or not isinstance(query.from_[0], Entry) or query.where is not None:
        return None
    entry = query.from_[0]
    if not isinstance(entry.source, ValuesSource) or query.group or query.distinct or query.having:
        return None
    for number, output in enumerate(query.outputs, 1):
        expr = output.expr
        if output.junk or not isinstance(expr, Var) or expr.entry is not entry or expr.column != number:
            return None
        if output.name != entry.names[number - 1]:
            return None
    return entry.source if len(query.outputs) == len(entry.names) else None


def _basic(writer: Writer, query: Query, *, names_visible: bool, result_names: Sequence[str] | None) -> None:
    writer.indent += STD
    writer.put(" ")
    values = _simple_values(query)
    if values is not None and (result_names is None or list(result_names) == [each.name for each in query.outputs]):
        _values(writer, values)
        return
    writer.put("SELECT")
    if query.distinct == "all":
        writer.put(" DISTINCT")
    elif query.distinct is not None:
        writer.put(" DISTINCT ON (")
        _items(writer, query.distinct)
        writer.put(")")
    _targets(writer, query.outputs, names_visible=names_visible, result_names=result_names)
    _from(writer, query.from_)
    if query.where is not None:
        writer.keyword(" WHERE ", -STD, STD, 1)
        expression(writer, query.where)
    _group(writer, query)
    if query.having is not None:
        writer.keyword(" HAVING ", -STD, STD, 0)
        expression(writer, query.having)
    named = [window for window in query.windows if window.name]
    if named:
        writer.keyword(" WINDOW ", -STD, STD, 1)
        for place, window in enumerate(named):
            writer.put(", " if place else "")
            writer.put(f"{quote_identifier(window.name)} AS ")
            window_specification(writer, window)


def _items(writer: Writer, exprs: Sequence[Expr]) -> None:
    for place, expr in enumerate(exprs):
        if place:
            writer.put(", ")
        group_item(writer, expr)


def _group(writer: Writer, query: Query) -> None:
    if not query.group and query.grouping_sets is None:
        return
    writer.keyword(" GROUP BY ", -STD, STD, 1)
    if query.group_distinct:
        writer.put("DISTINCT ")
    if query.grouping_sets is None:
        _items(writer, query.group)
        return
    writer.put("GROUPING SETS (")
    for place, keys in enumerate(query.grouping_sets):
        writer.put(", (" if place else "(")
        _items(writer, [query.group[key] for key in keys.keys])
        writer.put(")")
    writer.put(")")


def _values(writer: Writer, source: ValuesSource) -> None:
    writer.put("VALUES ")
    for place, row in enumerate(source.rows):
        writer.put(", (" if place else "(")
        for number, expr in enumerate(row):
            if number:
                writer.put(",")
            top_level_value(writer, expr)
        writer.put(")")


def top_level_value(writer: Writer, expr: Expr) -> None:
    """A value of VALUES: implicit casts are not shown."""
    if isinstance(expr, Var) and expr.column == 0:
        top_level(writer, expr)
    else:
        expression(writer, expr, False)


def _targets(
    writer: Writer, outputs: Sequence[Output], *, names_visible: bool, result_names: Sequence[str] | None
) -> None:
    """The target list: get_target_list."""
    shown = [output for output in outputs if not output.junk]
    for place, output in enumerate(shown):
        writer.put(", " if place else " ")
        whole, writer.text = writer.text, ""
        expr = _written(output)
        if isinstance(expr, Var):
            name: str | None = variable(writer, expr)
            if expr.column == 0:
                writer.put("::" + writer.type(expr.type))
        else:
            expression(writer, expr, True)
            name = None if names_visible else "?column?"
        wanted = output.name if result_names is None or place >= len(result_names) else result_names[place]
        if name is None or name != wanted:
            writer.put(f" AS {quote_identifier(wanted)}")
        item, writer.text = writer.text, whole
        if item.startswith("\n"):
            writer.text = writer.text.rstrip(" ")
        elif place:
            writer.keyword("", -STD, STD, VAR)
        writer.put(item)


def _written(output: Output) -> Expr:
    """The expression of an output without what the analysis put around it."""
    expr = output.expr
    while output.converted and isinstance(expr, Relabel | FuncCall | CoerceViaIO | ArrayCoerce):
        if expr.form != "implicit cast":
            break
        expr = expr.args[0] if isinstance(expr, FuncCall) else expr.arg
    return expr


def _from(writer: Writer, items: Sequence[FromItem]) -> None:
    for place, item in enumerate(items):
        if not place:
            writer.keyword(" FROM ", -STD, STD, 2)
            _from_item(writer, item)
            continue
        writer.put(", ")
        whole, writer.text = writer.text, ""
        _from_item(writer, item)
        text, writer.text = writer.text, whole
        if text.startswith("\n"):
            writer.text = writer.text.rstrip(" ")
        else:
            writer.keyword("", -STD, STD, VAR)
        writer.put(text)


_JOINS = {
    "inner": " JOIN ",
    "cross": " CROSS JOIN ",
    "left": " LEFT JOIN ",
    "right": " RIGHT JOIN ",
    "full": " FULL JOIN ",
}


def _from_item(writer: Writer, item: FromItem) -> None:
    if isinstance(item, Join):
        _join(writer, item)
    else:
        _entry(writer, item)


def _join(writer: Writer, join: Join) -> None:
    entry = join.entry
    alias = "" if entry is None else writer.names.table(entry)
    if not writer.pretty or alias:
        writer.put("(")
    _from_item(writer, join.left)
    kind = "cross" if join.kind == "inner" and join.condition is None else join.kind
    writer.keyword(_JOINS[kind], -STD, STD, JOIN)
    right = join.right
    nested_join = isinstance(right, Join) and not (right.entry is not None and writer.names.table(right.entry))
    enclosed = writer.pretty and nested_join
    if enclosed:
        writer.put("(")
    _from_item(writer, right)
    if enclosed:
        writer.put(")")
    if join.using and entry is not None:
        names = [quote_identifier(name) for name in entry.names[: len(join.using)]]
        writer.put(f" USING ({', '.join(names)})")
    elif join.condition is not None:
        writer.put(" ON ")
        writer.open()
        expression(writer, join.condition)
        writer.close()
    elif kind != "cross":
        writer.put(" ON TRUE")
    if not writer.pretty or alias:
        writer.put(")")
    if alias and entry is not None:
        writer.put(f" {quote_identifier(alias)}")
        _column_aliases(writer, entry, _names_of_join(writer, join))


def _names_of_join(writer: Writer, join: Join) -> list[str]:
    """The names that the columns of a join have by themselves."""
    merged = [left for left, _, _ in join.using]
    shown = [*merged, *join.columns[len(merged) :]]
    names = writer.names
    return [
        names.column(expr.entry, expr.column) if isinstance(expr, Var) and expr.column > 0 else "" for expr in shown
    ]


def _entry(writer: Writer, entry: Entry) -> None:
    source = entry.source
    if entry.lateral and not isinstance(source, FunctionSource):
        writer.put("LATERAL ")
    alias = writer.names.table(entry)
    real: list[str]
    named = True
    if isinstance(source, Relation):
        writer.put(writer.relation(source))
        real = ["" if column.dropped else column.name for column in source.columns]
        named = alias != source.name
    elif isinstance(source, Query):
        real = _subquery(writer, entry, source)
        view = writer.views.get(entry)
        named = view is None or alias != view.name
    elif isinstance(source, FunctionSource):
        if entry.lateral:
            writer.put("LATERAL ")
        _function(writer, source)
        real = []
    elif isinstance(source, ValuesSource):
        writer.put("(")
        _values(writer, source)
        writer.put(")")
        real = [f"column{number}" for number in range(1, len(entry.names) + 1)]
    elif isinstance(source, CteSource):
        writer.put(quote_identifier(source.cte.name))
        real = source.cte.names
        named = alias != source.cte.name
    else:
        raise SqlError("0A000", "the text of this FROM item is not supported")
    if alias and (named or _needs_aliases(entry, real)):
        writer.put(f" {quote_identifier(alias)}")
    _column_aliases(writer, entry, real)


def _subquery(writer: Writer, entry: Entry, source: Query) -> list[str]:
    view = writer.views.get(entry)
    if view is not None:
        writer.put(writer.relation(view))
        return [column.name for column in view.columns]
    writer.put("(")
    nested(writer, source, names_visible=True)
    writer.put(")")
    return [output.name for output in source.outputs if not output.junk]


def _function(writer: Writer, source: FunctionSource) -> None:
    if len(source.calls) == 1:
        _function_like(writer, source.calls[0])
    elif all(isinstance(call, FuncCall) and call.proc.signature == "unnest(anyarray)" for call in source.calls):
        writer.put("UNNEST(")
        listed(writer, [call.args[0] for call in source.calls if isinstance(call, FuncCall)])
        writer.put(")")
    else:
        writer.put("ROWS FROM(")
        for place, call in enumerate(source.calls):
            if place:
                writer.put(", ")
            _function_like(writer, call)
        writer.put(")")
    if source.ordinality:
        writer.put(" WITH ORDINALITY")


def _function_like(writer: Writer, call: Expr) -> None:
    """What stands in FROM must look like a function: get_rule_expr_funccall."""
    if isinstance(call, SqlValue | Coalesce | MinMax | NullIf) or (
        isinstance(call, FuncCall) and call.form in ("call", "sql syntax")
    ):
        expression(writer, call, True)
        return
    writer.put("CAST(")
    expression(writer, call, False)
    writer.put(f" AS {writer.type(call.type, call.typmod)})")


def _needs_aliases(entry: Entry, real: list[str]) -> bool:
    """Whether the columns of an entry must be named."""
    return isinstance(entry.source, FunctionSource) or unique(entry.names) != real


def _column_aliases(writer: Writer, entry: Entry, real: list[str]) -> None:
    if not _needs_aliases(entry, real):
        return
    names = unique(entry.names)
    source = entry.source
    shown = [name for name in names if name]
    if isinstance(source, FunctionSource) and any(call.type == 2249 for call in source.calls):
        columns = zip(names, entry.types, strict=True)
        call = source.calls[0]
        if isinstance(call, FuncCall) and not call.proc.all_arguments:
            parts = [f"{quote_identifier(name)} {writer.type(kind, typmod)}" for name, (kind, typmod, _) in columns]
            writer.put(f"({', '.join(parts)})")
            return
    if shown:
        writer.put(f"({', '.join(map(quote_identifier, shown))})")


def _set_operation(
    writer: Writer, operation: SetOperation, *, names_visible: bool, result_names: Sequence[str] | None
) -> None:
    """UNION, INTERSECT, EXCEPT: get_setop_query."""
    first = _inner(operation.left)
    left = first.set_operation if _bare(first) else None
    enclosed = left is not None and (left.kind, left.all) != (operation.kind, operation.all)
    indent = STD if enclosed else 0
    if enclosed:
        writer.put("(")
        writer.keyword("", indent, 0, 0)
    _member(writer, operation.left, names_visible=names_visible, result_names=result_names)
    writer.keyword(") " if enclosed else "", -indent, 0, 0)
    writer.put(operation.kind.upper() + " ")
    if operation.all:
        writer.put("ALL ")
    enclosed = _bare(_inner(operation.right))
    indent = STD if enclosed else 0
    if enclosed:
        writer.put("(")
    writer.keyword("", indent, 0, 0)
    _member(writer, operation.right, names_visible=False, result_names=result_names)
    writer.indent -= indent
    if enclosed:
        writer.keyword(")", 0, 0, 0)


def _inner(query: Query) -> Query:
    """A query without what the analysis put around it to cast its columns."""
    first = query.from_[0] if query.converts else None
    return first.source if isinstance(first, Entry) and isinstance(first.source, Query) else query


def _bare(query: Query) -> bool:
    """Whether a member is a set operation without clauses of its own."""
    return query.set_operation is not None and not (
        query.sort or query.limit is not None or query.offset is not None or query.ctes or query.locks
    )


def _member(writer: Writer, query: Query, *, names_visible: bool, result_names: Sequence[str] | None) -> None:
    query = _inner(query)
    if _bare(query) and query.set_operation is not None:
        _set_operation(writer, query.set_operation, names_visible=names_visible, result_names=result_names)
        return
    enclosed = (
        bool(query.ctes or query.sort or query.locks or query.offset is not None or query.limit is not None)
        or query.set_operation is not None
    )
    if enclosed:
        writer.put("(")
    nested(writer, query, names_visible=names_visible, result_names=result_names)
    if enclosed:
        writer.put(")")
