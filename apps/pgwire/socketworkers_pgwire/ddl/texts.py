"""Texts of the catalogue that name objects which get other names.

PostgreSQL keeps trees with OIDs, where a new name changes nothing. Here views, defaults, checks and index expressions
are texts: before a change of names they are analysed, and after it they are written out again from what was meant.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..catalog import Relation
from ..catalog.session import SessionCatalog
from ..sql.analyze.select import analyse_select
from ..sql.analyze.state import Notes, Shared, State
from ..sql.deparse import deparse_query
from ..sql.grammar import Node, parse
from ..sql.nodes import Const, Entry, Expr, Query, SubLink, Var
from ..sql.walk import entries, query_expressions, walk
from .expressions import analyse_text, stored_text
from .ids import ATTRDEF, CLASS, CONSTRAINT, NAMESPACE, REWRITE, TYPE, Address
from .surroundings import Surroundings
from .writer import Writer

__all__ = ["Texts", "analyse_definition", "analyse_select_of", "keep_texts"]


@dataclass(slots=True)
class Texts:
    """What was meant by the texts, before names change."""

    expressions: dict[tuple[str, int], list[Expr]] = field(default_factory=dict)
    """By column of the catalogue and OID of the row."""
    rules: dict[int, tuple[Query, dict[Entry, Relation]]] = field(default_factory=dict)
    """By OID, with the entries that are views."""

    def relabel(self, type_oid: int, old: str, new: str) -> None:
        """A label of an enum is another one from now on."""
        for expr in self._all():
            if isinstance(expr, Const) and expr.type == type_oid and expr.value == old:
                expr.value = new

    def _all(self) -> Iterator[Expr]:
        for exprs in self.expressions.values():
            for expr in exprs:
                yield from walk(expr, into_queries=True)
        for query, _ in self.rules.values():
            yield from _all_of(query)

    def tables(self, writer: Writer) -> set[int]:
        """OIDs of the tables whose defaults, constraints and indexes these are."""
        found: set[int] = set()
        for column, oid in self.expressions:
            table, key = _PLACES[column]
            found |= {each for (each,) in writer.select(table, writer.tables(oid), _OWNERS[table], **{key: oid})}
        return found

    def write(self, around: Surroundings, writer: Writer) -> None:
        """Write them out again, names being what they are now."""
        writer.changed()
        catalog, settings = around.catalog.qualified(), around.settings
        for query, views in self.rules.values():
            _Renewal(around, views).query(query)
        for exprs in self.expressions.values():
            for expr in exprs:
                _Renewal(around, {}).expression(expr)
        for (column, oid), exprs in self.expressions.items():
            table, key = _PLACES[column]
            texts = [stored_text(around, expr) for expr in exprs]
            text = json.dumps(texts, ensure_ascii=False) if column == "indexprs" else texts[0]
            writer.update(table, writer.tables(oid), {key: oid}, **{column: text})
        for rule, (query, views) in self.rules.items():
            ((relation_oid,),) = writer.select("pg_rewrite", writer.tables(rule), "ev_class", oid=rule)
            relation = around.catalog.relation_by_oid(relation_oid)
            names = [column.name for column in relation.columns] if relation is not None else None
            text = deparse_query(query, catalog, views, names=names, storage=True, settings=settings)
            writer.update("pg_rewrite", writer.tables(rule), {"oid": rule}, ev_action=text)
        writer.changed()


def _all_of(query: Query) -> Iterator[Expr]:
    """All expressions of a query, and of those in it."""
    for entry in entries(query.from_):
        if isinstance(entry.source, Query):
            yield from _all_of(entry.source)
    for expr in query_expressions(query):
        yield from walk(expr, into_queries=True)
    for cte in query.ctes:
        yield from _all_of(cte.query)
    if query.set_operation is not None:
        yield from _all_of(query.set_operation.left)
        yield from _all_of(query.set_operation.right)


_OWNERS = {"pg_attrdef": "adrelid", "pg_constraint": "conrelid", "pg_index": "indrelid"}
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


def analyse_definition(around: Surroundings, text: str) -> tuple[Query, dict[Entry, Relation]]:
    """The query of a view, as it is kept, and the entries in it that are views."""
    (raw,) = parse(text)
    return analyse_select_of(around, around.catalog.qualified(), raw.tree)


def analyse_select_of(around: Surroundings, catalog: SessionCatalog, tree: Node) -> tuple[Query, dict[Entry, Relation]]:
    """A SELECT analysed, and the entries in it that are views."""
    shared = Shared(catalog, around.settings, None, Notes())
    query = analyse_select(State(shared), tree)
    return query, shared.views


class _Renewal:
    """Puts relations as they are now in the place of those that were."""

    def __init__(self, around: Surroundings, views: dict[Entry, Relation]) -> None:
        self._catalog = around.catalog
        self._views = views
        self._seen: set[Entry] = set()

    def query(self, query: Query) -> None:
        for entry in entries(query.from_):
            self._entry(entry)
            if isinstance(entry.source, Query) and entry not in self._views:
                self.query(entry.source)
        for expr in query_expressions(query):
            self.expression(expr)
        for cte in query.ctes:
            self.query(cte.query)
        if query.set_operation is not None:
            self.query(query.set_operation.left)
            self.query(query.set_operation.right)

    def expression(self, expr: Expr) -> None:
        for each in walk(expr):
            if isinstance(each, Var):
                self._entry(each.entry)
            elif isinstance(each, SubLink):
                self.query(each.query)

    def _entry(self, entry: Entry) -> None:
        if entry in self._seen:
            return
        self._seen.add(entry)
        old = self._views.get(entry, entry.source)
        if not isinstance(old, Relation):
            return
        new = self._catalog.relation_by_oid(old.oid)
        if new is None or new is old:
            return
        if entry in self._views:
            self._views[entry] = new
        else:
            entry.source = new
        if entry.alias == old.name:
            entry.alias = new.name
        for before, after in zip(old.columns, new.columns, strict=False):
            if before.name != after.name and entry.names[before.number - 1] == before.name:
                entry.names[before.number - 1] = after.name
