"""Indexes of SQLite made again from what the catalogue says: after a change of a column, and for REINDEX."""

from __future__ import annotations

from typing import Any

from ..catalog import Index, Relation
from ..errors import SqlError
from ..types.vectors import INT2VECTOR
from .common import check_owner, error, find_relation, run_sql, writer_of
from .expressions import Stored, analyse_text
from .indexes import IndexKey, NewIndex, make_in_sqlite
from .surroundings import Surroundings

__all__ = ["make_physical_index", "reindex"]


def make_physical_index(around: Surroundings, relation: Relation, index: Index) -> None:
    """Make the index of SQLite that an index of the catalogue has.

    Raises:
        SqlError: 23505.
    """
    writer = writer_of(around)
    tables = writer.tables(relation.oid)
    ((vector, immediate),) = writer.select("pg_index", tables, "indkey, indimmediate", indexrelid=index.oid)
    numbers = INT2VECTOR.load(vector).items
    texts = iter(index.expressions)
    keys: list[IndexKey] = []
    for number in index.keys:
        if number:
            column = relation.columns[number - 1]
            keys.append(
                IndexKey(
                    number=number, name=column.name, type=column.type, typmod=column.typmod, collation=column.collation
                )
            )
        else:
            keys.append(_expression_key(around, relation, next(texts)))
    predicate = None
    if index.predicate is not None:
        predicate = Stored(index.predicate, analyse_text(around, relation, index.predicate), set(), set())
    new = NewIndex(
        name=index.name,
        unique=index.unique,
        primary=index.primary,
        not_distinct=index.nulls_not_distinct,
        immediate=bool(immediate),
        keys=keys,
        including=numbers[len(index.keys) :],
        predicate=predicate,
    )
    make_in_sqlite(around, relation, index.oid, new)


def _expression_key(around: Surroundings, relation: Relation, text: str) -> IndexKey:
    expr = analyse_text(around, relation, text)
    stored = Stored(text, expr, set(), set())
    return IndexKey(expression=stored, name="", type=expr.type, typmod=expr.typmod, collation=expr.collation)


def reindex(around: Surroundings, tree: dict[str, Any]) -> str:
    """REINDEX INDEX, TABLE; of a schema or a database all at once."""
    kind = tree["kind"]
    if kind in ("REINDEX_OBJECT_INDEX", "REINDEX_OBJECT_TABLE"):
        relation = find_relation(around, tree["relation"])
        assert relation is not None
        wanted = "i" if kind == "REINDEX_OBJECT_INDEX" else "rm"
        if relation.kind not in wanted:
            raise SqlError(
                "42809", f'"{relation.name}" is not {"an index" if wanted == "i" else "a table or materialized view"}'
            )
        check_owner(around, relation)
        if relation.kind != "i":
            run_sql(around, f"REINDEX {relation.storage}")
        return "REINDEX"
    if kind == "REINDEX_OBJECT_SCHEMA" and around.catalog.namespace(tree["name"]) is None:
        raise error("3F000", f'schema "{tree["name"]}" does not exist')
    run_sql(around, "REINDEX")
    return "REINDEX"
