"""What columns are set to: assignment casts, DEFAULT, identity and generated columns. PostgreSQL: parse_target.c,
rewriteTargetListIU (rewriteHandler.c)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...catalog import Column, Relation
from ...errors import SqlError
from ..grammar import Node
from ..nodes import Const, Default, Expr, FieldSelect, FuncCall, Output, SubLink
from .coerce import Context, coerce_to_target, proc_of
from .collations import assign
from .expressions import expression
from .fields import subscript
from .kinds import Kind
from .names import SYSTEM
from .oids import RECORD, UNKNOWN
from .places import location_of
from .state import State, error, unsupported
from .target import Target
from .typenames import base_type, element_type, format_type, is_composite

__all__ = ["assigned", "column_default", "fill_defaults", "multi_assign", "target_columns", "update_targets"]

_NEXTVAL = 1574
_REGCLASS = 2205


def target_columns(state: State, target: Target, nodes: Sequence[Node] | None) -> list[tuple[Column, Node]]:
    """The columns of INSERT, in the order in which it names them: checkInsertTargets.

    Raises:
        SqlError: 42703 there is no such column, 42701 it is named twice.
    """
    if nodes is None:
        return [(column, {"name": column.name, "location": -1}) for column in target.shown_columns()]
    found: list[tuple[Column, Node]] = []
    whole: set[int] = set()
    partial: set[int] = set()
    for each in nodes:
        node = each["ResTarget"]
        name = node["name"]
        column = find_column(target, name, node, system=False)
        number = column.number
        if "indirection" not in node:
            if number in whole or number in partial:
                raise error("42701", f'column "{name}" specified more than once', node.get("location", 0))
            whole.add(number)
        else:
            if number in whole:
                raise error("42701", f'column "{name}" specified more than once', node.get("location", 0))
            partial.add(number)
        found.append((column, node))
    return found


def find_column(target: Target, name: str, node: Node, *, system: bool = True) -> Column:
    """The column of the table that changes by its name.

    Raises:
        SqlError: 42703, 0A000 for a system column.
    """
    location = node.get("location", 0)
    column = target.column(name)
    if column is not None:
        return column
    if system and name in SYSTEM:
        raise error("0A000", f'cannot assign to system column "{name}"', location)
    raise error("42703", f'column "{name}" of relation "{target.name}" does not exist', location)


def assigned(state: State, target: Target, column: Column, expr: Expr, node: Node, *, old: Expr | None = None) -> Expr:
    """An expression brought to the type of the column that it is put in: transformAssignedExpr.

    Args:
        state: the query.
        target: the table.
        column: the column.
        expr: the value.
        node: the ResTarget, with what of the column is set.
        old: the value of the column before, for a part of it.

    Raises:
        SqlError: 42804 there is no such cast.
    """
    location = node.get("location", -1)
    indirection = node.get("indirection")
    if isinstance(expr, Default):
        if indirection:
            if "A_Indices" in indirection[0]:
                raise error("0A000", "cannot set an array element to DEFAULT", location)
            raise error("0A000", "cannot set a subfield to DEFAULT", location)
        return expr
    name = node["name"]
    if indirection:
        if old is None:
            old = Const(type=column.type, typmod=column.typmod, collation=column.collation, value=None)
        return _part(state, name, old, indirection, expr, location)
    cast = coerce_to_target(state, expr, column.type, column.typmod, Context.ASSIGNMENT)
    if cast is None:
        raise _mismatch(state, f'column "{name}" is', column.type, expr, location_of(expr))
    return cast


def _mismatch(state: State, what: str, kind: int, expr: Expr, location: int) -> SqlError:
    catalog = state.catalog
    return error(
        "42804",
        f"{what} of type {format_type(catalog, kind)} but expression is of type {format_type(catalog, expr.type)}",
        location,
        hint="You will need to rewrite or cast the expression.",
    )


def _part(state: State, name: str, old: Expr, indirection: list[Node], value: Expr, location: int) -> Expr:
    """The whole new value of a column of which an element or a slice is set."""
    catalog = state.catalog
    subscripts = []
    for each in indirection:
        if "A_Indices" not in each:
            if "A_Star" in each:
                raise error("0A000", 'row expansion via "*" is not supported here', location)
            base = base_type(catalog, old.type)
            if is_composite(catalog, base) or is_composite(catalog, element_type(catalog, base)):
                raise unsupported("assignment to a field of a composite column", location)
            raise error(
                "42804",
                f'cannot assign to field "{each["String"]["sval"]}" of column "{name}" because its type'
                f" {format_type(state.catalog, old.type)} is not a composite type",
                location,
            )
        subscripts.append(each["A_Indices"])
    made = subscript(state, old, subscripts)
    wanted = made.type
    cast = coerce_to_target(state, value, wanted, made.typmod, Context.ASSIGNMENT)
    if cast is None:
        raise error(
            "42804",
            f'subscripted assignment to "{name}" requires type {format_type(state.catalog, wanted)}'
            f" but expression is of type {format_type(state.catalog, value.type)}",
            location_of(value),
            hint="You will need to rewrite or cast the expression.",
        )
    whole = subscript(state, old, subscripts, cast)
    if whole.type != old.type:
        # of a domain over an array
        back = coerce_to_target(state, whole, old.type, -1, Context.ASSIGNMENT)
        assert back is not None
        whole = back
    return whole


# Defaults


def column_default(state: State, relation: Relation, column: Column) -> Expr | None:
    """The default of a column, of its type; None when it has none: build_column_default."""
    if column.identity:
        proc = replace(proc_of(state.catalog, _NEXTVAL), signature="nextval(identity column)")
        sequence = Const(type=_REGCLASS, value=column.sequence)
        value: Expr = FuncCall(type=proc.result, proc=proc, args=[sequence])
    elif column.default is None or column.generated:
        return None
    else:
        from .standalone import expression_of_text

        value = expression_of_text(state.shared, column.default)
    cast = coerce_to_target(state, value, column.type, column.typmod, Context.ASSIGNMENT)
    if cast is None:
        raise _mismatch(state, f'column "{column.name}" is', column.type, value, -1)
    assign(state, cast)
    return cast


def null_of(column: Column) -> Const:
    """NULL as a value of a column."""
    return Const(type=column.type, typmod=column.typmod, collation=column.collation, value=None)


def fill_defaults(
    state: State, target: Target, outputs: list[Output], *, overriding: str | None, update: bool
) -> list[Output]:
    """What is set, with DEFAULT replaced, defaults of other columns and generated columns added.

    Args:
        state: the query.
        target: the table.
        outputs: what the statement sets.
        overriding: of INSERT.
        update: whether columns that are not set keep their value.

    Returns:
        In the order of the columns.

    Raises:
        SqlError: 428C9.
    """
    given = {each.column: each for each in outputs}
    result: list[Output] = []
    for column in target.relation.columns:
        if column.dropped:
            continue
        output = given.get(column.number)
        if output is not None:
            check_allowed(column, output.expr, overriding, update=update)
        if column.generated:
            continue
        if output is None and update:
            continue
        replaced = not update and _is_overridden(column, overriding)
        if output is not None and not isinstance(output.expr, Default) and not replaced:
            result.append(output)
            continue
        default = column_default(state, target.relation, column)
        if default is None:
            if output is None and column.number != target.relation.rowid_column:
                continue  # SQLite would make up a row number
            default = null_of(column)
        result.append(Output(expr=default, name=column.name, column=column.number))
    result += _generated(state, target)
    result.sort(key=lambda each: each.column)
    return result


def _is_overridden(column: Column, overriding: str | None) -> bool:
    return overriding == "user" and bool(column.identity)


def check_allowed(column: Column, expr: Expr, overriding: str | None, *, update: bool) -> None:
    """Refuse values for columns that make their own.

    Raises:
        SqlError: 428C9.
    """
    if isinstance(expr, Default):
        return
    if column.generated:
        detail = f'Column "{column.name}" is a generated column.'
    elif column.identity == "a":
        if not update and overriding is not None:
            return
        detail = f'Column "{column.name}" is an identity column defined as GENERATED ALWAYS.'
    else:
        return
    if update:
        raise error("428C9", f'column "{column.name}" can only be updated to DEFAULT', detail=detail)
    hint = None if column.generated else "Use OVERRIDING SYSTEM VALUE to override."
    raise error("428C9", f'cannot insert a non-DEFAULT value into column "{column.name}"', detail=detail, hint=hint)


def _generated(state: State, target: Target) -> list[Output]:
    from .standalone import expression_of_text

    found = []
    for column in target.relation.columns:
        if column.generated and not column.dropped and column.default is not None:
            value = expression_of_text(state.shared, column.default, target.entry, Kind.GENERATED)
            cast = coerce_to_target(state, value, column.type, column.typmod, Context.ASSIGNMENT)
            assert cast is not None
            assign(state, cast)
            found.append(Output(expr=cast, name=column.name, column=column.number, generated=True))
    return found


# UPDATE … SET


def update_targets(state: State, target: Target, nodes: Sequence[Node]) -> list[Output]:
    """SET of UPDATE and of ON CONFLICT DO UPDATE, complete: transformUpdateTargetList.

    Raises:
        SqlError: 42703, 42601 a column is set twice.
    """
    before = state.kind
    state.kind = Kind.UPDATE_SOURCE
    values: list[tuple[Node, Expr]] = []
    for each in nodes:
        node = each["ResTarget"]
        value = node["val"]
        if "SetToDefault" in value:
            expr: Expr = Default(type=UNKNOWN, location=value["SetToDefault"].get("location", 0))
        else:
            expr = expression(state, value)
        values.append((node, expr))
    state.kind = before
    outputs: list[Output] = []
    for node, expr in values:
        column = find_column(target, node["name"], node)
        previous = next((output for output in outputs if output.column == column.number), None)
        if previous is not None and "indirection" not in node:
            raise error("42601", f'multiple assignments to same column "{column.name}"')
        old: Expr = target.variable(column) if previous is None else previous.expr
        value_expr = assigned(state, target, column, expr, node, old=old)
        assign(state, value_expr)
        if previous is not None:
            previous.expr = value_expr
        else:
            outputs.append(Output(expr=value_expr, name=column.name, column=column.number))
    return fill_defaults(state, target, outputs, overriding=None, update=True)


def multi_assign(state: State, node: Node) -> Expr:
    """One column of ``SET (a, b) = …``: transformMultiAssignRef.

    Raises:
        SqlError: 42601 the number of columns does not match.
    """
    if state.kind is not Kind.UPDATE_SOURCE:
        raise unsupported("assignment of several columns here")
    number, count = node.get("colno", 1), node.get("ncolumns", 1)
    source = node["source"]
    ((kind, fields),) = source.items()
    # the grammar repeats the source for each column: only the first one counts
    if number == 1:
        state.multi_source = _multi_source(state, kind, source, fields, count)
    return state.multi_source[int(number) - 1]


def _multi_source(state: State, kind: str, source: Node, fields: Node, count: int) -> list[Expr]:
    mismatch = "number of columns does not match number of values"
    if kind == "SubLink" and fields.get("subLinkType") == "EXPR_SUBLINK":
        from .select import sub_select

        location = fields.get("location", 0)
        state.query.has_sublinks = True
        query = sub_select(state, fields["subselect"])
        shown = [output for output in query.outputs if not output.junk]
        if len(shown) != count:
            raise error("42601", mismatch, location)
        link = SubLink(type=RECORD, kind="multiset", query=query, location=location)
        return [
            FieldSelect(
                type=output.expr.type,
                typmod=output.expr.typmod,
                collation=output.expr.collation,
                location=location,
                arg=link,
                number=number,
                name=output.name,
            )
            for number, output in enumerate(shown, 1)
        ]
    if kind == "RowExpr":
        from .targets import expression_list

        items = expression_list(state, fields.get("args", []), allow_default=True)
        if len(items) != count:
            raise error("42601", mismatch, fields.get("location", 0))
        return items
    raise error(
        "0A000",
        "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression",
        location_of(expression(state, source)),
    )
