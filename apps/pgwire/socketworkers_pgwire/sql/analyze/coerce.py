"""Casts: which there are, and the nodes that they become. PostgreSQL: parse_coerce.c."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Literal, TypeAlias

from ...catalog import Catalog, Proc
from ...errors import SqlError
from ...types.base import parts_of
from ..nodes import (
    ArrayCoerce,
    CoerceViaIO,
    CollateExpr,
    Const,
    Expr,
    FuncCall,
    OpExpr,
    Param,
    Relabel,
    RowExpr,
    Var,
)
from ..walk import find
from .oids import (
    ANY,
    ANYCOMPATIBLE,
    ANYCOMPATIBLENONARRAY,
    ANYELEMENT,
    ANYNONARRAY,
    BOOL,
    DATE,
    INT2VECTOR,
    INT4,
    INTERVAL,
    OIDVECTOR,
    POLYMORPHIC,
    RECORD,
    RECORD_ARRAY,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    UNKNOWN,
)
from .places import location_of
from .state import State, error, unsupported
from .typenames import (
    base_type,
    base_type_and_typmod,
    collation_of_type,
    element_type,
    format_type,
    is_composite,
    type_row,
)

__all__ = [
    "Context",
    "Form",
    "can_coerce",
    "can_coerce_all",
    "coerce_to_boolean",
    "coerce_to_common",
    "coerce_to_specific",
    "coerce_to_target",
    "coerce_type",
    "pathway",
    "plain",
    "proc_of",
    "with_typmod",
]

Form: TypeAlias = Literal["call", "explicit cast", "implicit cast"]


class Context(IntEnum):
    """Where a cast stands."""

    IMPLICIT = 0
    ASSIGNMENT = 1
    EXPLICIT = 3


_CONTEXTS = {"i": Context.IMPLICIT, "a": Context.ASSIGNMENT, "e": Context.EXPLICIT}

#: types whose literals depend on settings of the session: date and time, interval. What names of reg* types mean
#: depends on the search path and the catalogue only, which every kept plan depends on
_SETTINGS_TYPES = frozenset((DATE, TIME, TIMETZ, TIMESTAMP, TIMESTAMPTZ, INTERVAL))


def pathway(catalog: Catalog, target: int, source: int, context: Context) -> tuple[str, int]:
    """How a cast is made: find_coercion_pathway.

    Returns:
        ``relabel``, ``function`` with its OID, ``array``, ``io``, or "" when there is no such cast.
    """
    if source == target:
        return "relabel", 0
    source, target = base_type(catalog, source), base_type(catalog, target)
    if source == target:
        return "relabel", 0
    cast = catalog.cast(source, target)
    if cast is not None:
        if context >= _CONTEXTS[cast.context]:
            if cast.method == "f":
                return "function", cast.function
            return ("io", 0) if cast.method == "i" else ("relabel", 0)
        return "", 0
    if target not in (OIDVECTOR, INT2VECTOR):
        target_element, source_element = element_type(catalog, target), element_type(catalog, source)
        if target_element and source_element:
            if pathway(catalog, target_element, source_element, context)[0]:
                return "array", 0
            return "", 0
    if context >= Context.ASSIGNMENT and type_row(catalog, target).category == "S":
        return "io", 0
    if context >= Context.EXPLICIT and type_row(catalog, source).category == "S":
        return "io", 0
    return "", 0


def can_coerce(catalog: Catalog, source: int, target: int, context: Context) -> bool:
    """Whether a value may be cast, leaving polymorphic targets out of account."""
    if source in (target, UNKNOWN) or target == ANY or target in POLYMORPHIC:
        return True
    if pathway(catalog, target, source, context)[0]:
        return True
    if source == RECORD and is_composite(catalog, target):
        return True
    if target == RECORD and is_composite(catalog, source):
        return True
    return target == RECORD_ARRAY and is_composite(catalog, element_type(catalog, source))


def can_coerce_all(
    catalog: Catalog, sources: Sequence[int], targets: Sequence[int], context: Context = Context.IMPLICIT
) -> bool:
    """Whether arguments can be passed: can_coerce_type of PostgreSQL."""
    polymorphic = False
    for source, target in zip(sources, targets, strict=False):
        if target in POLYMORPHIC:
            polymorphic = True
        elif source != target and not can_coerce(catalog, source, target, context):
            return False
    if polymorphic:
        from .polymorphic import consistent

        return consistent(catalog, sources, targets)
    return True


def coerce_to_target(
    state: State,
    expr: Expr,
    target: int,
    typmod: int,
    context: Context,
    form: Form = "implicit cast",
    location: int = -1,
) -> Expr | None:
    """Cast to a type with a modifier; None when there is no such cast.

    Raises:
        SqlError: a constant does not spell a value of the type.
    """
    if not can_coerce(state.catalog, expr.type, target, context):
        return None
    if isinstance(expr, CollateExpr):
        inner = coerce_to_target(state, expr.arg, target, typmod, context, form, location)
        if inner is None or not collation_of_type(state.catalog, target):
            return inner
        return CollateExpr(
            type=inner.type, typmod=inner.typmod, collation=expr.collation, arg=inner, location=expr.location
        )
    result = coerce_type(state, expr, target, typmod, context, form, location)
    if result.typmod == typmod and result.type == target:
        return result
    return coerce_typmod(state, result, target, typmod, context, form, location)


def coerce_typmod(
    state: State, expr: Expr, target: int, typmod: int, context: Context, form: Form, location: int
) -> Expr:
    """Bring a value of the right type to a modifier."""
    if typmod < 0 or typmod == expr.typmod:
        return expr
    catalog = state.catalog
    element = element_type(catalog, target)
    subject = element or target
    cast = catalog.cast(subject, subject)
    if cast is None or not cast.function:
        return Relabel(type=target, typmod=typmod, arg=expr, form=form, location=location)
    if element:
        return _array_cast(state, expr, target, element, typmod, context, form, location)
    return _call_cast(state, expr, cast.function, target, typmod, context, form, location)


def coerce_type(
    state: State, expr: Expr, target: int, typmod: int, context: Context, form: Form, location: int
) -> Expr:
    """Cast to a type, when `can_coerce` said that it goes; the modifier is for the input of constants only.

    Raises:
        SqlError: a constant does not spell a value of the type; 42P08 a parameter has another type already.
    """
    source = expr.type
    if source == target:
        return expr
    catalog = state.catalog
    if target in POLYMORPHIC or target == ANY:
        if target in (ANY, ANYELEMENT, ANYNONARRAY, ANYCOMPATIBLE, ANYCOMPATIBLENONARRAY):
            return expr
        if source != UNKNOWN:
            base = base_type(catalog, source)
            if base == source:
                return expr
            return Relabel(type=base, arg=expr, form="implicit cast", location=location)
    if source == UNKNOWN:
        if isinstance(expr, Const):
            return _constant(state, expr, target, typmod, form, location)
        if isinstance(expr, Param) and expr.number > 0:
            _resolve_parameter(state, expr, target)
            return expr
    if isinstance(expr, CollateExpr):
        inner = coerce_type(state, expr.arg, target, typmod, context, form, location)
        if not collation_of_type(catalog, target):
            return inner
        return CollateExpr(
            type=inner.type, typmod=inner.typmod, collation=expr.collation, arg=inner, location=expr.location
        )
    path, function = pathway(catalog, target, source, context)
    if path:
        base, base_typmod = base_type_and_typmod(catalog, target, typmod)
        if path == "relabel":
            if base != target:
                return _to_domain(state, expr, base, base_typmod, target, context, form, location)
            return Relabel(type=target, arg=expr, form=form, location=location)
        if path == "function":
            result = _call_cast(state, expr, function, base, base_typmod, context, form, location)
        elif path == "array":
            element = element_type(catalog, base)
            result = _array_cast(state, expr, base, element, base_typmod, context, form, location)
        else:
            result = CoerceViaIO(type=base, arg=expr, form=form, location=location)
        if base != target:
            # one cast is shown, that to the domain
            if isinstance(result, FuncCall | ArrayCoerce | CoerceViaIO):
                result.form = "implicit cast"
            result = _to_domain(state, result, base, base_typmod, target, context, form, location)
        return result
    if source == RECORD and is_composite(catalog, target):
        return _record_to_composite(state, expr, target, context, form, location)
    if target in (RECORD, RECORD_ARRAY):
        return Relabel(type=target, arg=expr, form=form, location=location)
    raise SqlError(
        "XX000",
        f"failed to find conversion function from {format_type(catalog, source)} to {format_type(catalog, target)}",
    )


#: what the input functions of dates and times read from the clock ("Special Values" of §8.5.1.4)
_MOMENTS = ("now", "today", "tomorrow", "yesterday")


def _constant(state: State, constant: Const, target: int, typmod: int, form: Form, location: int) -> Expr:
    """An untyped literal is read by the input function of its type."""
    catalog = state.catalog
    base, base_typmod = base_type_and_typmod(catalog, target, typmod)
    row = type_row(catalog, base)
    # interval keeps its fields in the modifier, which tell what a bare number means
    input_typmod = base_typmod if base == INTERVAL else -1
    value = constant.value
    if value is not None:
        implementation = row.implementation
        if row.kind == "p" or implementation is None:
            if row.kind == "p":
                shown = format_type(catalog, base)
                raise error("0A000", f"cannot accept a value of type {shown}", constant.location)
            raise unsupported(f"type {format_type(catalog, base)}", constant.location)
        if any([each.oid in _SETTINGS_TYPES for each in parts_of(implementation)]):
            notes = state.shared.notes
            notes.settings = True
            lowered = value.lower()
            notes.momentary = notes.momentary or any([word in lowered for word in _MOMENTS])
        try:
            value = implementation.modified(input_typmod).input(value, state.shared.settings)
        except SqlError as wrong:
            if wrong.position is None and constant.location >= 0:
                wrong.position = constant.location + 1
            raise
    result = Const(type=base, typmod=input_typmod, collation=row.collation, value=value, location=constant.location)
    state.shared.notes.replace(constant, result)
    if base != target:
        return _to_domain(state, result, base, base_typmod, target, Context.IMPLICIT, form, location)
    return result


def _resolve_parameter(state: State, param: Param, target: int) -> None:
    """The first use of a parameter tells its type: variable_coerce_param_hook of parse_param.c."""
    types = state.shared.parameters
    index = param.number - 1
    known = types[index]
    if not known or known == UNKNOWN:
        types[index] = target
    elif known != target:
        catalog = state.catalog
        raise error(
            "42P08",
            f"inconsistent types deduced for parameter ${param.number}",
            param.location,
            detail=f"{format_type(catalog, known)} versus {format_type(catalog, target)}",
        )
    param.type = target
    param.collation = collation_of_type(state.catalog, target)


def _call_cast(
    state: State, expr: Expr, function: int, target: int, typmod: int, context: Context, form: Form, location: int
) -> Expr:
    proc = state.catalog.function_by_oid(function)
    assert proc is not None
    args = [expr]
    result_typmod = -1
    if len(proc.arguments) > 1:
        args.append(Const(type=INT4, value=typmod))
        result_typmod = typmod
    if len(proc.arguments) > 2:
        args.append(Const(type=BOOL, value=int(context == Context.EXPLICIT)))
    return FuncCall(type=target, typmod=result_typmod, proc=proc, args=args, form=form, location=location)


def _array_cast(
    state: State,
    expr: Expr,
    target: int,
    element: int,
    typmod: int,
    context: Context,
    form: Form,
    location: int,
) -> Expr:
    base, base_typmod = base_type_and_typmod(state.catalog, expr.type, expr.typmod)
    item = Param(type=element_type(state.catalog, base), typmod=base_typmod, number=0)
    item.collation = collation_of_type(state.catalog, item.type)
    cast = coerce_to_target(state, item, element, typmod, context, form, location)
    if cast is None:
        raise SqlError("XX000", "failed to coerce array element type as expected")
    return ArrayCoerce(type=target, typmod=cast.typmod, arg=expr, element=cast, form=form, location=location)


def _to_domain(
    state: State, expr: Expr, base: int, typmod: int, target: int, context: Context, form: Form, location: int
) -> Expr:
    expr = coerce_typmod(state, expr, base, typmod, Context.IMPLICIT, "implicit cast", location)
    return Relabel(type=target, typmod=expr.typmod, arg=expr, form=form, location=location)


def _record_to_composite(state: State, expr: Expr, target: int, context: Context, form: Form, location: int) -> Expr:
    catalog = state.catalog
    row = type_row(catalog, base_type(catalog, target))
    relation = catalog.relation_by_oid(row.relation)
    shown = f"cannot cast type record to {format_type(catalog, target)}"
    if relation is None or not isinstance(expr, RowExpr | Var):
        raise error("42846", shown, location if location >= 0 else location_of(expr))
    if isinstance(expr, Var):
        raise unsupported(f"cast of a record to {format_type(catalog, target)}", location_of(expr))
    fields: list[Expr] = []
    given = iter(expr.fields)
    names = []
    for column in relation.columns:
        names.append(column.name)
        if column.dropped:
            fields.append(Const(type=INT4, value=None))
            continue
        field = next(given, None)
        if field is None:
            raise error(
                "42846", shown, location if location >= 0 else location_of(expr), detail="Input has too few columns."
            )
        cast = coerce_to_target(state, field, column.type, column.typmod, context)
        if cast is None:
            detail = (
                f"Cannot cast type {format_type(catalog, field.type)} to {format_type(catalog, column.type)}"
                f" in column {len(names)}."
            )
            raise error("42846", shown, location if location >= 0 else location_of(field), detail=detail)
        fields.append(cast)
    if next(given, None) is not None:
        raise error(
            "42846", shown, location if location >= 0 else location_of(expr), detail="Input has too many columns."
        )
    result: Expr = RowExpr(type=row.oid, fields=fields, names=names, location=location)
    if row.oid != target:
        result = Relabel(type=target, arg=result, form=form, location=location)
    return result


def coerce_to_boolean(state: State, expr: Expr, construct: str) -> Expr:
    """What a construct that wants a boolean gets.

    Raises:
        SqlError: 42804.
    """
    if expr.type != BOOL:
        return coerce_to_specific(state, expr, BOOL, construct)
    if state.last_set_function is not None:
        _refuse_set(expr, construct)
    return expr


def _refuse_set(expr: Expr, construct: str) -> None:
    """Refuse what gives a set.

    Raises:
        SqlError: 42804.
    """
    if find(expr, lambda each: isinstance(each, FuncCall | OpExpr) and each.proc.returns_set) is not None:
        raise error("42804", f"argument of {construct} must not return a set", location_of(expr))


def coerce_to_specific(state: State, expr: Expr, target: int, construct: str) -> Expr:
    """What a construct that wants a certain type gets.

    Raises:
        SqlError: 42804.
    """
    if expr.type == target:
        return expr
    cast = coerce_to_target(state, expr, target, -1, Context.ASSIGNMENT)
    if cast is None:
        catalog = state.catalog
        raise error(
            "42804",
            f"argument of {construct} must be type {format_type(catalog, target)},"
            f" not type {format_type(catalog, expr.type)}",
            location_of(expr),
        )
    if state.last_set_function is not None:
        _refuse_set(cast, construct)
    return cast


def coerce_to_common(state: State, expr: Expr, target: int, construct: str) -> Expr:
    """Cast to the type that `common.select_common_type` chose.

    Raises:
        SqlError: 42846.
    """
    if expr.type == target:
        return expr
    if can_coerce(state.catalog, expr.type, target, Context.IMPLICIT):
        return coerce_type(state, expr, target, -1, Context.IMPLICIT, "implicit cast", -1)
    catalog = state.catalog
    raise error(
        "42846",
        f"{construct} could not convert type {format_type(catalog, expr.type)} to {format_type(catalog, target)}",
        location_of(expr),
    )


def plain(expr: Expr) -> Expr:
    """The same value without a modifier, so that it is in the plain storage form of its type."""
    return with_typmod(expr, -1)


def with_typmod(expr: Expr, typmod: int) -> Expr:
    """The same value shown with a modifier that needs no check: none, or the one that it has."""
    if expr.typmod == typmod:
        return expr
    return Relabel(type=expr.type, typmod=typmod, collation=expr.collation, arg=expr, form="implicit cast", location=-1)


def proc_of(catalog: Catalog, oid: int) -> Proc:
    """A function that is known to exist."""
    proc = catalog.function_by_oid(oid)
    if proc is None:
        raise SqlError("XX000", f"cache lookup failed for function {oid}")
    return proc
