"""Fields of rows and elements of arrays: ``(row).field``, ``array[1]``. PostgreSQL: parse_target.c, arraysubs.c."""

from __future__ import annotations

from typing import TypeAlias

from ...catalog import Relation
from ...errors import SqlError
from ..grammar import Node
from ..nodes import (
    Const,
    CteSource,
    Entry,
    Expr,
    FieldSelect,
    FuncCall,
    Join,
    Query,
    Relabel,
    RowExpr,
    Subscript,
    ValuesSource,
    Var,
)
from .coerce import Context, coerce_to_target, proc_of
from .expressions import expression
from .oids import CHAR, INT2, INT2VECTOR, INT4, JSONB, NAME, OID, OIDVECTOR, RECORD, TEXT, UNKNOWN
from .places import location_of
from .polymorphic import resolve
from .state import State, error, unsupported
from .typenames import base_type_and_typmod, collation_of_type, format_type, is_composite, type_row

__all__ = ["Field", "field_of", "function_columns", "indirection", "row_fields", "subscript", "unknown_field"]

Field: TypeAlias = tuple[str, int, int, int]
"""Name, type, typmod and collation."""

_MOST_DIMENSIONS = 6  # MAXDIM
_SUBSTR = 877  # substr(text,integer,integer)


def indirection(state: State, node: Node) -> Expr:
    """``(x).field[1].other``."""
    result = expression(state, node["arg"])
    location = location_of(result)
    subscripts: list[Node] = []
    for each in node["indirection"]:
        if "A_Indices" in each:
            subscripts.append(each["A_Indices"])
        elif "A_Star" in each:
            raise error("0A000", 'row expansion via "*" is not supported here', location)
        else:
            if subscripts:
                result = subscript(state, result, subscripts)
                subscripts = []
            from .calls import column_or_function

            name = each["String"]["sval"]
            found = column_or_function(state, name, result, location)
            if found is None:
                raise unknown_field(state, result, name, location)
            result = found
    return subscript(state, result, subscripts) if subscripts else result


def unknown_field(state: State, row: Expr, name: str, location: int) -> SqlError:
    """42703, or 42809 when it is no row at all."""
    if isinstance(row, Var) and row.column == 0:
        return error("42703", f"column {row.entry.alias}.{name} does not exist", location)
    shown = format_type(state.catalog, row.type)
    if is_composite(state.catalog, row.type):
        return error("42703", f'column "{name}" not found in data type {shown}', location)
    if row.type == RECORD:
        return error("42703", f'could not identify column "{name}" in record data type', location)
    return error("42809", f"column notation .{name} applied to type {shown}, which is not a composite type", location)


def field_of(state: State, row: Expr, name: str, location: int) -> Expr | None:
    """The field of a row, None when it has none of that name."""
    if isinstance(row, Var) and row.column == 0:
        names = row.entry.names
        if name not in names:
            return None
        number = names.index(name)
        kind, typmod, collation = row.entry.types[number]
        return Var(type=kind, typmod=typmod, collation=collation, location=location, entry=row.entry, column=number + 1)
    for number, (each, kind, typmod, collation) in enumerate(row_fields(state, row) or (), 1):
        if each == name and kind:
            if isinstance(row, RowExpr):
                return row.fields[number - 1]
            return FieldSelect(
                type=kind, typmod=typmod, collation=collation, location=location, arg=row, number=number, name=name
            )
    return None


def row_fields(state: State, row: Expr) -> list[Field] | None:
    """The fields of a row, None when nothing tells them. Type 0 stands for a dropped column."""
    catalog = state.catalog
    if row.type != RECORD:
        kind, _ = base_type_and_typmod(catalog, row.type, -1)
        composite = type_row(catalog, kind)
        relation = catalog.relation_by_oid(composite.relation) if composite.kind == "c" else None
        return None if relation is None else relation_fields(relation)
    if isinstance(row, RowExpr):
        return [
            (name, each.type, each.typmod, each.collation) for name, each in zip(row.names, row.fields, strict=True)
        ]
    if isinstance(row, Relabel):
        return row_fields(state, row.arg)
    if isinstance(row, FuncCall):
        return function_columns(state, row)
    if isinstance(row, Var):
        return _var_fields(state, row)
    return None


def relation_fields(relation: Relation) -> list[Field]:
    """The columns of a relation as fields of its rows."""
    return [
        (column.name, 0 if column.dropped else column.type, column.typmod, column.collation)
        for column in relation.columns
    ]


def _var_fields(state: State, row: Var) -> list[Field] | None:
    entry = row.entry
    if row.column == 0:
        return entry_fields(entry)
    source = entry.source
    inner: Expr | None = None
    if isinstance(source, CteSource):
        source = source.cte.query
    if isinstance(source, Query):
        shown = [output for output in source.outputs if not output.junk]
        inner = shown[row.column - 1].expr
    elif isinstance(source, ValuesSource):
        inner = source.rows[0][row.column - 1]
    elif isinstance(source, Join):
        inner = source.columns[row.column - 1]
    return None if inner is None else row_fields(state, inner)


def entry_fields(entry: Entry) -> list[Field]:
    """The columns of an entry as fields of its row."""
    return [(name, *types) for name, types in zip(entry.names, entry.types, strict=True)]


def function_columns(state: State, call: FuncCall) -> list[Field] | None:
    """The columns of a function with OUT arguments, None without."""
    proc = call.proc
    if proc.result != RECORD or not proc.all_arguments:
        return None
    catalog = state.catalog
    actual = [arg.type for arg in call.args]
    found: list[Field] = []
    for number, (kind, mode) in enumerate(zip(proc.all_arguments, proc.modes, strict=True)):
        if mode not in "obt":
            continue
        _, kind = resolve(catalog, actual, proc.arguments, kind)
        name = proc.names[number] if number < len(proc.names) else ""
        found.append((name or f"column{len(found) + 1}", kind, -1, collation_of_type(catalog, kind)))
    return found or None


def subscript(state: State, container: Expr, indices: list[Node], assign: Expr | None = None) -> Expr:
    """Elements or slices.

    Raises:
        SqlError: 42804 it cannot be subscripted, or a subscript is of the wrong type.
    """
    catalog = state.catalog
    kind, typmod = base_type_and_typmod(catalog, container.type, container.typmod)
    if kind == JSONB:
        return _json_subscript(state, container, indices, assign)
    if kind == NAME and assign is None and len(indices) == 1 and not indices[0].get("is_slice"):
        return _character_of_name(state, container, indices[0])
    # vectors give arrays, for a slice need not begin with 0
    if kind in (OIDVECTOR, INT2VECTOR):
        element = OID if kind == OIDVECTOR else INT2
        kind = type_row(catalog, element).array
    else:
        row = type_row(catalog, kind)
        element = row.element if row.element and type_row(catalog, row.element).array == kind else 0
    if not element:
        raise error(
            "42804",
            f"cannot subscript type {format_type(catalog, container.type)} because it does not support subscripting",
            location_of(container),
        )
    if len(indices) > _MOST_DIMENSIONS:
        raise error(
            "54000",
            f"number of array dimensions ({len(indices)}) exceeds the maximum allowed ({_MOST_DIMENSIONS})",
            location_of(container),
        )
    slice_ = any(index.get("is_slice") for index in indices)
    upper: list[Expr | None] = []
    lower: list[Expr | None] = []
    for index in indices:
        if slice_:
            if "lidx" in index:
                lower.append(_integer(state, index["lidx"]))
            else:
                lower.append(None if index.get("is_slice") else Const(type=INT4, value=1))
        upper.append(_integer(state, index["uidx"]) if "uidx" in index else None)
    return Subscript(
        type=kind if slice_ or assign is not None else element,
        typmod=typmod,
        arg=container,
        slice=slice_,
        upper=upper,
        lower=lower,
        assign=assign,
        location=-1,
    )


def _integer(state: State, node: Node) -> Expr:
    value = expression(state, node)
    cast = coerce_to_target(state, value, INT4, -1, Context.ASSIGNMENT)
    if cast is None:
        raise error("42804", "array subscript must have type integer", location_of(value))
    return cast


def _character_of_name(state: State, container: Expr, index: Node) -> Expr:
    """``name[n]``, n counted from 0: raw_array_subscript_handler() of utils/adt/arrayfuncs.c."""
    from .comparisons import names_of
    from .operators import make_operator

    one = Const(type=INT4, value=1)
    place = make_operator(state, names_of("+"), _integer(state, index["uidx"]), one, -1)
    text = coerce_to_target(state, container, TEXT, -1, Context.EXPLICIT)
    assert text is not None
    part = FuncCall(type=TEXT, collation=text.collation, proc=proc_of(state.catalog, _SUBSTR), args=[text, place, one])
    result = coerce_to_target(state, part, CHAR, -1, Context.EXPLICIT)
    assert result is not None
    return result


def _json_subscript(state: State, container: Expr, indices: list[Node], assign: Expr | None) -> Expr:
    upper: list[Expr | None] = []
    for index in indices:
        if index.get("is_slice"):
            raise error("42804", "jsonb subscript does not support slices", _first_location(index))
        value = expression(state, index["uidx"])
        if value.type == UNKNOWN:
            kind = TEXT
        else:
            fits = [each for each in (INT4, TEXT) if coerce_possible(state, value, each)]
            if len(fits) != 1:
                shown = format_type(state.catalog, value.type)
                if fits:
                    raise error(
                        "42804",
                        f"subscript type {shown} is not supported",
                        location_of(value),
                        hint="jsonb subscript must be coercible to only one type, integer or text.",
                    )
                raise error(
                    "42804",
                    f"subscript type {shown} is not supported",
                    location_of(value),
                    hint="jsonb subscript must be coercible to either integer or text.",
                )
            kind = fits[0]
        cast = coerce_to_target(state, value, kind, -1, Context.IMPLICIT)
        if cast is None:
            raise unsupported("this subscript", location_of(value))
        upper.append(cast)
    return Subscript(type=JSONB, arg=container, slice=False, upper=upper, lower=[], assign=assign, location=-1)


def coerce_possible(state: State, value: Expr, kind: int) -> bool:
    """Whether a subscript casts to a type by itself."""
    from .coerce import can_coerce

    return can_coerce(state.catalog, value.type, kind, Context.IMPLICIT)


def _first_location(index: Node) -> int:
    from .places import raw_location

    for key in ("uidx", "lidx"):
        if key in index:
            return raw_location(index[key])
    return -1
