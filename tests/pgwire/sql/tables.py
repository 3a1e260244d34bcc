"""A catalogue with the tables of schema.sql, as PostgreSQL described them (tables.json)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from socketworkers_pgwire.catalog import Catalog, Column, Constraint, Index, Relation, TypeRow
from socketworkers_pgwire.catalog.opening import memory_catalog
from socketworkers_pgwire.catalog.regnames import RegNames
from socketworkers_pgwire.errors import SqlError
from socketworkers_pgwire.sql.analyze import Notes, analyze
from socketworkers_pgwire.sql.grammar import parse
from socketworkers_pgwire.sql.nodes import Query, Utility
from socketworkers_pgwire.types import ArrayType, EnumType, Settings

__all__ = ["FOLDER", "Tables", "World", "statements"]

FOLDER = Path(__file__).parent
PUBLIC = 2200


def statements() -> dict[str, list[str]]:
    """The statements of the battery, by file."""
    return {path.stem: path.read_text().splitlines() for path in sorted((FOLDER / "battery").glob("*.sql"))}


class Tables:
    """PostgreSQL's own objects, and the tables of the tests in the schema public.

    Args:
        base: the catalogue behind it.
        rows: the contents of tables.json.
    """

    def __init__(self, base: Catalog, rows: dict[str, Any]) -> None:
        self._base = base
        self.version = -1
        self.relations: dict[str, Relation] = {}
        self.types: dict[int, TypeRow] = {}
        for row in rows["relations"]:
            row["columns"] = tuple(Column(**each) for each in row["columns"])
            row["indexes"] = tuple(_index(each) for each in row["indexes"])
            row["constraints"] = tuple(
                Constraint(**{**each, "keys": tuple(each["keys"])}) for each in row["constraints"]
            )
            relation = Relation(**row)
            self.relations[relation.name] = relation
        for row in rows["types"]:
            labels = row.pop("labels")
            implementation: Any = None
            if labels:
                implementation = EnumType(row["oid"], row["name"], row["array"], labels)
            elif row["element"] and row["element"] in self.types:
                element = self.types[row["element"]].implementation
                implementation = None if element is None else ArrayType(element)
            self.types[row["oid"]] = TypeRow(**row, implementation=implementation)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._base, name)

    def qualified(self) -> Tables:
        """As `Catalog`; the texts of tables.json are not qualified."""
        return self

    def relation(self, schema: str | None, name: str) -> Relation | None:
        """As `Catalog`."""
        if schema in (None, "public") and name in self.relations:
            return self.relations[name]
        return self._base.relation(schema, name)

    def relation_by_oid(self, oid: int) -> Relation | None:
        """As `Catalog`."""
        found = next((each for each in self.relations.values() if each.oid == oid), None)
        return found or self._base.relation_by_oid(oid)

    def type(self, schema: str | None, name: str) -> TypeRow | None:
        """As `Catalog`."""
        if schema in (None, "public"):
            for row in self.types.values():
                if row.name == name:
                    return row
        return self._base.type(schema, name)

    def type_by_oid(self, oid: int) -> TypeRow | None:
        """As `Catalog`."""
        return self.types.get(oid) or self._base.type_by_oid(oid)

    def equality_operator(self, type_oid: int) -> Any:
        """As `Catalog`."""
        return self._base.equality_operator(self._generic(type_oid))

    def ordering_operators(self, type_oid: int) -> Any:
        """As `Catalog`."""
        return self._base.ordering_operators(self._generic(type_oid))

    def _generic(self, oid: int) -> int:
        """The pseudo-type whose operators a type of the tests has."""
        row = self.types.get(oid)
        if row is None:
            return oid
        return {"e": 3500, "c": 2249}.get(row.kind, 2277)


class World:
    """The catalogue with what an analysis needs beside it."""

    def __init__(self) -> None:
        self.base = memory_catalog()
        rows = json.loads((FOLDER / "tables.json").read_text())
        tables: Any = Tables(self.base, rows)
        self.tables: Tables = tables
        self.catalog: Catalog = tables
        self.settings = Settings(names=RegNames(self.catalog, lambda: iter(())))

    def close(self) -> None:
        """Let go."""
        self.base.connection.close()

    def analyse(self, sql: str, parameters: list[int] | None = None, notes: Notes | None = None) -> Query | Utility:
        """Analyse one statement."""
        (raw,) = parse(sql)
        return analyze(raw, self.catalog, parameters, settings=self.settings, notes=notes)

    def query(self, sql: str, notes: Notes | None = None) -> Query:
        """Analyse one query."""
        found = self.analyse(sql, [], notes)
        assert isinstance(found, Query)
        return found

    def answer(self, sql: str) -> dict[str, Any]:
        """What a client is told of a statement when it is parsed and described, or its error."""
        parameters: list[int] = []
        try:
            found = self.analyse(sql, parameters)
        except SqlError as wrong:
            said = {
                "sqlstate": wrong.sqlstate,
                "message": wrong.message,
                "detail": wrong.detail,
                "hint": wrong.hint,
                "position": wrong.position,
            }
            return {key: each for key, each in said.items() if each}
        assert isinstance(found, Query)
        outputs = found.outputs if found.command == "select" else found.returning
        columns = None
        if outputs is not None:
            columns = [
                [output.name, *self._plain(output.expr.type, output.expr.typmod), *output.origin]
                for output in outputs
                if not output.junk
            ]
        return {"parameters": parameters, "columns": columns}

    def _plain(self, kind: int, typmod: int) -> Sequence[int]:
        """RowDescription shows the types below domains."""
        row = self.catalog.type_by_oid(kind)
        while row is not None and row.kind == "d":
            kind, typmod = row.base, row.typmod
            row = self.catalog.type_by_oid(kind)
        return kind, typmod


def _index(row: dict[str, Any]) -> Index:
    return Index(**{**row, "keys": tuple(row["keys"]), "expressions": tuple(row["expressions"])})
