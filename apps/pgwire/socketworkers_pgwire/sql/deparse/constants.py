"""Constants and casts: get_const_expr and get_coercion_expr of ruleutils.c."""

from __future__ import annotations

from ...errors import SqlError
from ..analyze.oids import BOOL, INT4, NUMERIC, UNKNOWN
from ..analyze.typenames import type_row
from ..nodes import Const
from .writer import Writer

__all__ = ["constant", "quote_literal"]

_REG_TYPES = frozenset((24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191))


def quote_literal(text: str) -> str:
    """A string as a literal of the SQL standard: simple_quote_literal."""
    return "'" + text.replace("'", "''") + "'"


def spell(writer: Writer, const: Const) -> str:
    """The text form of a constant."""
    if writer.storage and const.type in _REG_TYPES:
        return str(const.value)
    row = type_row(writer.catalog, const.type)
    implementation = row.implementation
    if implementation is None:
        raise SqlError("0A000", f"type {row.name} is not supported")
    text: str = implementation.modified(const.typmod).output(const.value, writer.settings)
    return text


def constant(writer: Writer, const: Const, show_type: int = 0) -> None:
    """Write a constant.

    Args:
        writer: the text.
        const: the constant.
        show_type: -1 never with its type, 1 always, 0 where it would not be read as the same type.
    """
    kind = const.type
    if const.value is None:
        writer.put("NULL")
        if show_type >= 0:
            writer.put("::" + writer.type(kind, const.typmod))
        return
    label = kind not in (BOOL, UNKNOWN)
    if kind == BOOL:
        writer.put("true" if const.value else "false")
    else:
        text = spell(writer, const)
        if kind in (INT4, NUMERIC):
            bare = not text.startswith("-") if kind == INT4 else text[0].isdigit() and any(c in text for c in "eE.")
            writer.put(text if bare else f"'{text}'")
            label = not bare or (kind == NUMERIC and const.typmod >= 0)
        else:
            writer.put(quote_literal(text))
    if show_type >= 0 and (label or show_type > 0):
        writer.put("::" + writer.type(kind, const.typmod))
    if show_type < 0:
        return
    own = type_row(writer.catalog, kind).collation
    if const.collation and own and const.collation != own:
        writer.put(" COLLATE " + writer.collation(const.collation))
