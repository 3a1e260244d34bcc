"""The entries to the deparser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...catalog import Catalog, Relation
from ...types import DEFAULT, Settings
from ..nodes import Entry, Expr, Query
from .expressions import expression
from .queries import select
from .writer import Writer

__all__ = ["deparse_expression", "deparse_query"]


def deparse_expression(
    expr: Expr,
    catalog: Catalog,
    *,
    prefix: bool = False,
    pretty: bool = False,
    implicit: bool = False,
    storage: bool = False,
    settings: Settings = DEFAULT,
) -> str:
    """An expression as pg_get_expr() writes it.

    Args:
        expr: an analysed expression.
        catalog: tells which names need their schema.
        prefix: write columns with their tables.
        pretty: leave out parentheses that are not needed.
        implicit: show implicit casts at the top.
        storage: write names so that they do not depend on the search path, and constants of reg* types as OIDs: the
            form in which expressions are kept.
        settings: for the text of constants.

    Returns:
        The text, which `parse_expression` reads. That of CASE begins with a new line, as PostgreSQL's does.

    Raises:
        SqlError: 0A000 a part of it has no text.
    """
    writer = Writer(catalog, settings, pretty=pretty, prefix=prefix, storage=storage)
    expression(writer, expr, implicit)
    return writer.text


def deparse_query(
    query: Query,
    catalog: Catalog,
    views: Mapping[Entry, Relation] | None = None,
    *,
    names: Sequence[str] | None = None,
    pretty: bool = False,
    storage: bool = False,
    settings: Settings = DEFAULT,
) -> str:
    """A query as pg_get_viewdef() writes it, without the semicolon.

    Args:
        query: an analysed SELECT.
        catalog: tells which names need their schema.
        views: the views that entries stand for (`Notes.views` of the analysis).
        names: of the columns, when they are not those of the query.
        pretty: leave out parentheses that are not needed.
        storage: as of `deparse_expression`.
        settings: for the text of constants.

    Raises:
        SqlError: 0A000 a part of it has no text.
    """
    writer = Writer(catalog, settings, pretty=pretty, prefix=True, storage=storage)
    writer.views = dict(views or {})
    select(writer, query, names_visible=True, result_names=names)
    return writer.text
