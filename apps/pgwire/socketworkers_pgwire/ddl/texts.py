"""Texts of the catalogue that name objects which get other names.

PostgreSQL keeps trees with OIDs, where a new name changes nothing. Here views, defaults, checks and index expressions
are texts: before a change of names they are analysed, and after it they are written out again from what was meant.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..catalog import Relation
from ..sql.nodes import Entry, Expr, Query, SubLink, Var
from ..sql.walk import entries, query_expressions, subqueries, walk
from .expressions import analyse_text
from .ids import ATTRDEF, CLASS, CONSTRAINT, NAMESPACE, REWRITE, TYPE, Address
from .surroundings import Surroundings
from .writer import Writer

__all__ = ["Texts", "keep_texts"]


@dataclass(slots=True)
class Texts:
    """What was meant by the texts, before names change."""

    expressions: dict[tuple[str, int], list[Expr]] = field(default_factory=dict)
    """By column of the catalogue and OID of the row."""
    rules: dict[int, Query] = field(default_factory=dict)
    relations: set[int] = field(default_factory=set)
    """OIDs of relations that the trees name."""

    def write(self, around: Surroundings, writer: Writer) -> None:
        """Write them out again, names being what they are now."""
        from ..sql.deparse import deparse_expression, deparse_query

        writer.changed()
        catalog = around.catalog.qualified()
        seen: set[int] = set()
        for query in self.rules.values():
            _renew_query(around, query, seen)
        for exprs in self.expressions.values():
            for expr in exprs:
                _renew_expression(around, expr, seen)
        for (column, oid), exprs in self.expressions.items():
            table, key = _PLACES[column]
            texts = [deparse_expression(expr, catalog) for expr in exprs]
            text = json.dumps(texts, ensure_ascii=False) if column == "indexprs" else texts[0]
            writer.update(table, writer.tables(oid), {key: oid}, **{column: text})
        for rule, query in self.rules.items():
            writer.update("pg_rewrite", writer.tables(rule), {"oid": rule}, ev_action=deparse_query(query, catalog))
        writer.changed()


_PLACES = {
    "adbin": ("pg_attrdef", "oid"),
    "conbin": ("pg_constraint", "oid"),
    "indexprs": ("pg_index", "indexrelid"),
    "indpred": ("pg_index", "indexrelid"),
}


def keep_texts(around: Surroundings, writer: Writer, relations: Iterable[int], others: Iterable[Address] = ()) -> Texts:
    """Analyse all texts that name some objects.

    Args:
        around: the statement.
        writer: reads the catalogue.
        relations: OIDs of relations whose names, or whose columns' names, are to change.
        others: types and schemas whose names are to change.
    """
    dependents: set[Address] = set()
    for oid in relations:
        dependents |= _dependents(writer, CLASS, oid)
    for address in others:
        types = [address.oid]
        if address.class_id == NAMESPACE:
            types = [
                oid for (oid,) in writer.select("pg_type", writer.tables(address.oid), "oid", typnamespace=address.oid)
            ]
        for oid in types:
            dependents |= _dependents(writer, TYPE, oid)
    texts = Texts()
    for dependent in sorted(dependents):
        _keep(around, writer, dependent, texts)
    return texts


def _dependents(writer: Writer, class_id: int, oid: int) -> set[Address]:
    rows = writer.everywhere("pg_depend", "classid, objid", refclassid=class_id, refobjid=oid)
    return {Address(*row) for row in rows}


def _keep(around: Surroundings, writer: Writer, dependent: Address, texts: Texts) -> None:
    class_id, oid, _ = dependent
    tables, catalog = writer.tables(oid), around.catalog
    if class_id == ATTRDEF:
        for relation_oid, text in writer.select("pg_attrdef", tables, "adrelid, adbin", oid=oid):
            relation = catalog.relation_by_oid(relation_oid)
            texts.expressions["adbin", oid] = [analyse_text(around, relation, text)]
    elif class_id == CONSTRAINT:
        for relation_oid, text in writer.select("pg_constraint", tables, "conrelid, conbin", oid=oid):
            if text is not None and relation_oid:
                relation = catalog.relation_by_oid(relation_oid)
                texts.expressions["conbin", oid] = [analyse_text(around, relation, text)]
    elif class_id == CLASS:
        for relation_oid, stored, predicate in writer.select(
            "pg_index", tables, "indrelid, indexprs, indpred", indexrelid=oid
        ):
            relation = catalog.relation_by_oid(relation_oid)
            if stored is not None:
                texts.expressions["indexprs", oid] = [
                    analyse_text(around, relation, text) for text in json.loads(stored)
                ]
            if predicate is not None:
                texts.expressions["indpred", oid] = [analyse_text(around, relation, predicate)]
    elif class_id == REWRITE:
        for (text,) in writer.select("pg_rewrite", tables, "ev_action", oid=oid):
            texts.rules[oid] = analyse_definition(around, text)


def analyse_definition(around: Surroundings, text: str) -> Query:
    """The query of a view, as it is kept."""
    from ..sql.analyze import analyze
    from ..sql.grammar import parse

    (raw,) = parse(text)
    query = analyze(raw, around.catalog.qualified(), settings=around.settings)
    assert isinstance(query, Query)
    return query


def _renew_query(around: Surroundings, query: Query, seen: set[int]) -> None:
    for part in subqueries(query):
        for entry in entries(part.from_):
            _renew_entry(around, entry, seen)
        for expr in query_expressions(part):
            _renew_expression(around, expr, seen)


def _renew_expression(around: Surroundings, expr: Expr, seen: set[int]) -> None:
    for each in walk(expr):
        if isinstance(each, Var):
            _renew_entry(around, each.entry, seen)
        elif isinstance(each, SubLink):
            _renew_query(around, each.query, seen)


def _renew_entry(around: Surroundings, entry: Entry, seen: set[int]) -> None:
    """Put the relation as it is now in the place of the one that was."""
    if id(entry) in seen:
        return
    seen.add(id(entry))
    old: Any = entry.source
    if not isinstance(old, Relation):
        return
    new = around.catalog.relation_by_oid(old.oid)
    if new is None or new is old:
        return
    entry.source = new
    if entry.alias == old.name:
        entry.alias = new.name
    for before, after in zip(old.columns, new.columns, strict=False):
        if before.name != after.name and entry.names[before.number - 1] == before.name:
            entry.names[before.number - 1] = after.name
