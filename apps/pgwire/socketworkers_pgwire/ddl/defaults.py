"""Defaults of columns, and the expressions of generated ones: pg_attrdef (src/backend/catalog/pg_attrdef.c)."""

from __future__ import annotations

from typing import Any

from ..sql.grammar import Node
from ..sql.nodes import Const, Expr
from .expressions import Stored, analyse_text, default, depends_on, generated
from .ids import ATTRDEF, CLASS, Address
from .surroundings import Surroundings
from .writer import Writer

__all__ = ["add_default", "remove_default", "sequence_default"]


def sequence_default(sequence: int) -> str:
    """The default of a serial column: by OID, for the sequence may get another name."""
    return f"nextval('{sequence}'::regclass)"


def add_default(
    around: Surroundings,
    writer: Writer,
    oid: int,
    number: int,
    *,
    node: Node | None = None,
    text: str | None = None,
    sequence: int = 0,
) -> Stored | None:
    """Give a column a default, or a generated one its expression.

    Args:
        around: the statement.
        writer: to the catalogue.
        oid: of the table.
        number: of the column.
        node: the expression as it was written.
        text: the expression as the catalogue keeps them.
        sequence: OID of a sequence whose next value it is.

    Returns:
        what is kept now; None for a default that is NULL anyway.

    Raises:
        SqlError: whatever is wrong with the expression.
    """
    relation = around.catalog.relation_by_oid(oid)
    assert relation is not None
    column = relation.columns[number - 1]
    if sequence:
        text = sequence_default(sequence)
    if text is not None:
        expr = analyse_text(around, relation, text, column)
        depends, columns = depends_on(expr, relation)
        stored = Stored(text, expr, depends, columns)
    elif column.generated:
        assert node is not None
        stored = generated(around, relation, column, node)
    else:
        assert node is not None
        stored = default(around, relation, column, node)
        if _is_null(stored.expr):
            return None
    tables = writer.tables(oid)
    new = writer.new_oid(tables.temporary)
    writer.insert("pg_attrdef", tables, oid=new, adrelid=oid, adnum=number, adbin=stored.text)
    writer.update("pg_attribute", tables, {"attrelid": oid, "attnum": number}, atthasdef=1)
    here, there = Address(ATTRDEF, new), Address(CLASS, oid, number)
    writer.depend(here, there, "i" if column.generated else "a")
    writer.depend_on_all(here, [each for each in stored.depends if each != there], "n")
    writer.changed()
    return stored


def _is_null(expr: Any) -> bool:
    """Whether a default is NULL, which is the same as none: AddRelationNewConstraints()."""
    while not isinstance(expr, Const):
        inner = getattr(expr, "arg", None)
        if not isinstance(inner, Expr):
            return False
        expr = inner
    return expr.value is None


def remove_default(writer: Writer, oid: int, number: int) -> None:
    """Take the default of a column away."""
    tables = writer.tables(oid)
    for (found,) in writer.select("pg_attrdef", tables, "oid", adrelid=oid, adnum=number):
        writer.delete("pg_attrdef", tables, oid=found)
        writer.delete("pg_depend", tables, classid=ATTRDEF, objid=found)
    writer.update("pg_attribute", tables, {"attrelid": oid, "attnum": number}, atthasdef=0)
    writer.changed()
