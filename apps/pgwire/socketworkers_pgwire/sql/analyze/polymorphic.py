"""Polymorphic arguments and results: PostgreSQL documentation §38.2.5; parse_coerce.c, generic type consistency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...catalog import Catalog
from ...errors import SqlError
from ...types import MultirangeType, RangeType
from .common import common_type_of_oids, fits_all
from .oids import (
    ANYARRAY,
    ANYCOMPATIBLE,
    ANYCOMPATIBLEARRAY,
    ANYCOMPATIBLEMULTIRANGE,
    ANYCOMPATIBLENONARRAY,
    ANYCOMPATIBLERANGE,
    ANYELEMENT,
    ANYENUM,
    ANYMULTIRANGE,
    ANYNONARRAY,
    ANYRANGE,
    POLYMORPHIC,
    POLYMORPHIC_1,
    TEXT,
    UNKNOWN,
)
from .state import error, unsupported
from .typenames import base_type, element_type, format_type, type_row

__all__ = ["consistent", "resolve"]

_SIMPLE = (ANYELEMENT, ANYNONARRAY, ANYENUM)
_RANGES = (ANYRANGE, ANYMULTIRANGE, ANYCOMPATIBLERANGE, ANYCOMPATIBLEMULTIRANGE)


@dataclass(slots=True)
class _Found:
    """What the arguments say about the types that are asked for."""

    element: int = 0
    array: int = 0
    range: int = 0
    multirange: int = 0
    compatible_range: int = 0
    compatible: list[int] = field(default_factory=list)
    nonarray: bool = False
    enum: bool = False
    compatible_nonarray: bool = False
    first: int = 0
    """Arguments of the first family (anyelement, …)."""
    second: bool = False
    """Whether there is one of the second family (anycompatible, …)."""


def _mismatch(message: str, detail: str | None = None) -> SqlError:
    return error("42804", message, detail=detail)


def _collect(catalog: Catalog, actual: Sequence[int], declared: Sequence[int]) -> _Found:
    found = _Found()
    for kind, want in zip(actual, declared, strict=False):
        if want not in POLYMORPHIC:
            continue
        if want in POLYMORPHIC_1:
            found.first += 1
        else:
            found.second = True
        if want == ANYNONARRAY:
            found.nonarray = True
        elif want == ANYENUM:
            found.enum = True
        elif want == ANYCOMPATIBLENONARRAY:
            found.compatible_nonarray = True
        if kind == UNKNOWN:
            continue
        if want in _SIMPLE:
            if found.element and kind != found.element:
                raise _alike(catalog, "anyelement", found.element, kind)
            found.element = kind
            continue
        if want in (ANYCOMPATIBLE, ANYCOMPATIBLENONARRAY):
            found.compatible.append(kind)
            continue
        kind = base_type(catalog, kind)
        if want == ANYARRAY:
            if found.array and kind != found.array:
                raise _alike(catalog, "anyarray", found.array, kind)
            found.array = kind
        elif want == ANYCOMPATIBLEARRAY:
            element = element_type(catalog, kind)
            if not element:
                raise _mismatch(
                    f"argument declared anycompatiblearray is not an array but type {format_type(catalog, kind)}"
                )
            found.compatible.append(element)
        else:
            row = type_row(catalog, kind)
            wanted = "m" if want in (ANYMULTIRANGE, ANYCOMPATIBLEMULTIRANGE) else "r"
            if row.kind != wanted:
                name = type_row(catalog, want).name
                word = "multirange" if wanted == "m" else "range"
                raise _mismatch(f"argument declared {name} is not a {word} type but type {format_type(catalog, kind)}")
            if want in (ANYCOMPATIBLERANGE, ANYCOMPATIBLEMULTIRANGE):
                found.compatible_range = kind
                continue
            before = found.multirange if wanted == "m" else found.range
            if before and before != kind:
                raise _alike(catalog, type_row(catalog, want).name, before, kind)
            if wanted == "m":
                found.multirange = kind
            else:
                found.range = kind
    _complete_ranges(catalog, found)
    return found


def _complete_ranges(catalog: Catalog, found: _Found) -> None:
    """Range, multirange and element say each other."""
    if found.multirange:
        multirange = type_row(catalog, found.multirange).implementation
        if not isinstance(multirange, MultirangeType):
            raise unsupported(f"type {format_type(catalog, found.multirange)}")
        of_multirange = multirange.range.oid
        if found.range and found.range != of_multirange:
            raise _mismatch(
                "argument declared anymultirange is not consistent with argument declared anyrange",
                f"{format_type(catalog, found.multirange)} versus {format_type(catalog, found.range)}",
            )
        found.range = of_multirange
    if found.range:
        kind = type_row(catalog, found.range).implementation
        if not isinstance(kind, RangeType):
            raise unsupported(f"type {format_type(catalog, found.range)}")
        found.multirange = kind.multirange_oid
        subtype = kind.subtype_oid
        if found.element and found.element != subtype:
            raise _mismatch(
                "argument declared anyrange is not consistent with argument declared anyelement",
                f"{format_type(catalog, found.range)} versus {format_type(catalog, found.element)}",
            )
        found.element = subtype


def _alike(catalog: Catalog, name: str, first: int, second: int) -> SqlError:
    return _mismatch(
        f'arguments declared "{name}" are not all alike',
        f"{format_type(catalog, first)} versus {format_type(catalog, second)}",
    )


def _array_of(catalog: Catalog, element: int) -> int:
    array = type_row(catalog, element).array
    if not array:
        raise error("42704", f"could not find array type for data type {format_type(catalog, element)}")
    return array


def consistent(catalog: Catalog, actual: Sequence[int], declared: Sequence[int]) -> bool:
    """Whether the polymorphic arguments agree with each other: check_generic_type_consistency."""
    try:
        found = _collect(catalog, actual, declared)
    except SqlError:
        return False
    element = found.element
    if found.array and found.array != ANYARRAY:
        of_array = element_type(catalog, found.array)
        if not of_array or (element and element != of_array):
            return False
        element = of_array
    if element:
        row = type_row(catalog, element)
        if found.nonarray and _is_array_domain(catalog, element):
            return False
        if found.enum and row.kind != "e":
            return False
    if found.compatible:
        common = common_type_of_oids(catalog, found.compatible)
        if not common or not fits_all(catalog, common, found.compatible):
            return False
        if found.compatible_nonarray and _is_array_domain(catalog, common):
            return False
        if ANYCOMPATIBLEARRAY in declared and not type_row(catalog, common).array:
            return False
    return True


def _is_array_domain(catalog: Catalog, kind: int) -> bool:
    return bool(element_type(catalog, base_type(catalog, kind)))


def resolve(catalog: Catalog, actual: Sequence[int], declared: Sequence[int], result: int) -> tuple[list[int], int]:
    """The types that the arguments are cast to, and the type of the result: enforce_generic_type_consistency.

    Raises:
        SqlError: 42804 they do not agree, or nothing tells them.
    """
    wanted = list(declared)
    if not POLYMORPHIC.intersection(wanted):
        return wanted, result
    found = _collect(catalog, actual, declared)
    if found.compatible_range:
        raise unsupported(f"type {format_type(catalog, found.compatible_range)}")
    element, array = _first_family(catalog, found, result) if found.first else (0, 0)
    common, common_array = _second_family(catalog, found, declared, result) if found.second else (0, 0)
    for index, want in enumerate(wanted):
        if want in (ANYCOMPATIBLE, ANYCOMPATIBLENONARRAY):
            wanted[index] = common
        elif want == ANYCOMPATIBLEARRAY:
            wanted[index] = common_array
        elif want == ANYRANGE and found.range:
            wanted[index] = found.range
        elif want == ANYMULTIRANGE and found.multirange:
            wanted[index] = found.multirange
        elif want in _RANGES:
            name = type_row(catalog, want).name
            raise _mismatch(f"could not determine polymorphic type {name} because input has type unknown")
        elif actual[index] != UNKNOWN:
            continue
        elif want in _SIMPLE:
            wanted[index] = element
        elif want == ANYARRAY:
            wanted[index] = array or _array_of(catalog, element)
    if result in _SIMPLE:
        result = element
    elif result == ANYARRAY:
        result = array or _array_of(catalog, element)
    elif result == ANYRANGE and found.range:
        result = found.range
    elif result == ANYMULTIRANGE and found.multirange:
        result = found.multirange
    elif result in (ANYCOMPATIBLE, ANYCOMPATIBLENONARRAY):
        result = common
    elif result == ANYCOMPATIBLEARRAY:
        result = common_array or _array_of(catalog, common)
    return wanted, result


def _first_family(catalog: Catalog, found: _Found, result: int) -> tuple[int, int]:
    """Element and array type of anyelement, anyarray, anynonarray, anyenum."""
    element, array = found.element, found.array
    if array == ANYARRAY:
        # columns of statistics: only as the one argument, and where no element type is wanted
        if found.first != 1 or (result != ANYARRAY and result in POLYMORPHIC_1):
            raise _mismatch('cannot determine element type of "anyarray" argument')
        element = ANYELEMENT
    elif array:
        of_array = element_type(catalog, array)
        if not of_array:
            raise _mismatch(f"argument declared anyarray is not an array but type {format_type(catalog, array)}")
        if element and element != of_array:
            raise _mismatch(
                "argument declared anyarray is not consistent with argument declared anyelement",
                f"{format_type(catalog, array)} versus {format_type(catalog, element)}",
            )
        element = of_array
    if not element:
        raise _mismatch("could not determine polymorphic type because input has type unknown")
    if element == ANYELEMENT:
        return element, array
    if (found.nonarray or result == ANYNONARRAY) and _is_array_domain(catalog, element):
        raise _mismatch(f"type matched to anynonarray is an array type: {format_type(catalog, element)}")
    if (found.enum or result == ANYENUM) and type_row(catalog, element).kind != "e":
        raise _mismatch(f"type matched to anyenum is not an enum type: {format_type(catalog, element)}")
    return element, array


def _second_family(catalog: Catalog, found: _Found, declared: Sequence[int], result: int) -> tuple[int, int]:
    """Element and array type of anycompatible and its kin."""
    if not found.compatible:
        return TEXT, _array_of(catalog, TEXT)
    common = common_type_of_oids(catalog, found.compatible)
    if not common:
        first = found.compatible[0]
        other = next(kind for kind in found.compatible if not _same_category(catalog, first, kind))
        raise _mismatch(
            f"argument types {format_type(catalog, first)} and {format_type(catalog, other)} cannot be matched"
        )
    if not fits_all(catalog, common, found.compatible):
        raise _mismatch("arguments of anycompatible family cannot be cast to a common type")
    array = _array_of(catalog, common) if ANYCOMPATIBLEARRAY in declared or result == ANYCOMPATIBLEARRAY else 0
    if (found.compatible_nonarray or result == ANYCOMPATIBLENONARRAY) and _is_array_domain(catalog, common):
        raise _mismatch(f"type matched to anycompatiblenonarray is an array type: {format_type(catalog, common)}")
    return common, array


def _same_category(catalog: Catalog, first: int, second: int) -> bool:
    return (
        type_row(catalog, base_type(catalog, first)).category == type_row(catalog, base_type(catalog, second)).category
    )
