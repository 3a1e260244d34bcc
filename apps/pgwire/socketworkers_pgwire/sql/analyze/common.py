"""One type for several expressions: UNION, CASE, ARRAY, … PostgreSQL: select_common_type (parse_coerce.c)."""

from __future__ import annotations

from collections.abc import Sequence

from ...catalog import Catalog
from ..nodes import Expr
from .coerce import Context, can_coerce
from .oids import TEXT, UNKNOWN
from .places import location_of
from .state import error
from .typenames import base_type, format_type, type_row

__all__ = ["common_type_of_oids", "fits_all", "select_common_type", "select_common_typmod"]


def select_common_type(catalog: Catalog, exprs: Sequence[Expr], construct: str | None) -> tuple[int, Expr]:
    """The common type, and the expression that it comes from.

    Args:
        catalog: the catalogue.
        exprs: one at least.
        construct: its name in the error; None gives type 0 instead of one.

    Raises:
        SqlError: 42804 the types are of different categories.
    """
    chosen = exprs[0]
    kind = chosen.type
    if kind != UNKNOWN and all(expr.type == kind for expr in exprs):
        return kind, chosen
    kind = base_type(catalog, kind)
    row = type_row(catalog, kind)
    for expr in exprs[1:]:
        other = base_type(catalog, expr.type)
        if other in (UNKNOWN, kind):
            continue
        other_row = type_row(catalog, other)
        if kind == UNKNOWN:
            chosen, kind, row = expr, other, other_row
        elif other_row.category != row.category:
            if construct is None:
                return 0, chosen
            raise error(
                "42804",
                f"{construct} types {format_type(catalog, kind)} and {format_type(catalog, other)} cannot be matched",
                location_of(expr),
            )
        elif (
            not row.preferred
            and can_coerce(catalog, kind, other, Context.IMPLICIT)
            and not can_coerce(catalog, other, kind, Context.IMPLICIT)
        ):
            chosen, kind, row = expr, other, other_row
    return (TEXT if kind == UNKNOWN else kind), chosen


def select_common_typmod(exprs: Sequence[Expr], common: int) -> int:
    """The modifier that all of them have, else -1."""
    typmod = exprs[0].typmod
    for expr in exprs:
        if expr.type != common or expr.typmod != typmod:
            return -1
    return typmod


def common_type_of_oids(catalog: Catalog, kinds: Sequence[int]) -> int:
    """As `select_common_type`, of types; 0 when their categories differ."""
    kind = kinds[0]
    if kind != UNKNOWN and all(other == kind for other in kinds):
        return kind
    kind = base_type(catalog, kind)
    row = type_row(catalog, kind)
    for each in kinds[1:]:
        other = base_type(catalog, each)
        if other in (UNKNOWN, kind):
            continue
        other_row = type_row(catalog, other)
        if kind == UNKNOWN:
            kind, row = other, other_row
        elif other_row.category != row.category:
            return 0
        elif (
            not row.preferred
            and can_coerce(catalog, kind, other, Context.IMPLICIT)
            and not can_coerce(catalog, other, kind, Context.IMPLICIT)
        ):
            kind, row = other, other_row
    return TEXT if kind == UNKNOWN else kind


def fits_all(catalog: Catalog, common: int, kinds: Sequence[int]) -> bool:
    """Whether each type casts to the common one."""
    return all(can_coerce(catalog, kind, common, Context.IMPLICIT) for kind in kinds)
