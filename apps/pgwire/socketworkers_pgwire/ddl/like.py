"""CREATE TABLE … (LIKE other): transformTableLikeClause() of src/backend/parser/parse_utilcmd.c."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..catalog import Relation
from ..errors import SqlError
from ..sql.grammar import parse
from .columns import Definition, Key
from .common import writer_of
from .ids import CLASS
from .indexes import NewIndex, make_index, name_taken, plain_key
from .names import choose_name, joined
from .rows import NewColumn
from .surroundings import Surroundings

__all__ = ["LikeRest", "expand_like"]

# TableLikeOption of src/include/nodes/parsenodes.h
_COMMENTS, _CONSTRAINTS, _DEFAULTS, _GENERATED, _IDENTITY, _INDEXES = 1, 4, 8, 16, 32, 64


@dataclass(slots=True)
class LikeRest:
    """What is taken over once the table is made: checks, indexes, comments."""

    source: Relation
    options: int

    def finish(self, around: Surroundings, oid: int) -> None:
        """Take it over."""
        if self.options & _CONSTRAINTS:
            self._checks(around, oid)
        if self.options & _INDEXES:
            self._indexes(around, oid)
        if self.options & _COMMENTS:
            self._comments(around, oid)

    def _checks(self, around: Surroundings, oid: int) -> None:
        from .constraints import add_check
        from .stored import refresh

        writer = writer_of(around)
        for constraint in self.source.constraints:
            if constraint.kind == "c":
                (raw,) = parse("SELECT " + constraint.expression)
                node = {"conname": constraint.name, "raw_expr": raw.tree["targetList"][0]["ResTarget"]["val"]}
                relation = around.catalog.relation_by_oid(oid)
                assert relation is not None
                add_check(around, writer, relation, node)
        refresh(around, oid)

    def _indexes(self, around: Surroundings, oid: int) -> None:
        from .constraints import add_key

        writer = writer_of(around)
        for index in self.source.indexes:
            relation = around.catalog.relation_by_oid(oid)
            assert relation is not None
            by_name = {column.name: column.number for column in relation.columns if not column.dropped}
            names = [self.source.columns[number - 1].name for number in index.keys if number]
            constraint = next(
                (each for each in self.source.constraints if each.index == index.oid and each.kind in "pu"), None
            )
            if index.expressions or index.predicate is not None:
                raise SqlError("0A000", "INCLUDING INDEXES with expressions or conditions is not supported")
            if constraint is not None:
                key = Key(
                    primary=index.primary,
                    columns=names,
                    not_distinct=index.nulls_not_distinct,
                    deferrable=constraint.deferrable,
                    deferred=constraint.deferred,
                )
                add_key(around, writer, relation, key)
                continue
            name = choose_name(
                relation.name, joined(names), "idx", name_taken(writer, relation.namespace, constraints=False)
            )
            new = NewIndex(
                name=name,
                unique=index.unique,
                not_distinct=index.nulls_not_distinct,
                keys=[plain_key(around, relation, by_name[each]) for each in names],
            )
            make_index(around, writer, relation, new)

    def _comments(self, around: Surroundings, oid: int) -> None:
        writer = writer_of(around)
        relation = around.catalog.relation_by_oid(oid)
        assert relation is not None
        by_name = {column.name: column.number for column in relation.columns}
        for number, text in writer.select(
            "pg_description",
            writer.tables(self.source.oid),
            "objsubid, description",
            objoid=self.source.oid,
            classoid=CLASS,
        ):
            if number:
                writer.insert(
                    "pg_description",
                    writer.tables(oid),
                    objoid=oid,
                    classoid=CLASS,
                    objsubid=by_name[self.source.columns[number - 1].name],
                    description=text,
                )


def expand_like(around: Surroundings, source: Relation, node: dict[str, Any]) -> tuple[list[Definition], LikeRest]:
    """The columns of another relation, and what is taken over later.

    Raises:
        SqlError: 42809 it is no table or view.
    """
    if source.kind not in "rvmcf":
        raise SqlError(
            "42809",
            f'relation "{source.name}" is invalid in LIKE clause',
            detail="This operation is not supported for sequences."
            if source.kind == "S"
            else "This operation is not supported for indexes.",
        )
    options = node.get("options", 0)
    definitions = []
    for column in source.columns:
        if column.dropped:
            continue
        new = NewColumn(
            name=column.name,
            type=column.type,
            typmod=column.typmod,
            collation=column.collation,
            not_null=column.not_null,
        )
        definition = Definition(column=new)
        if column.generated and options & _GENERATED:
            new.generated = column.generated
            definition.default_text = column.default
        elif not column.generated and column.default is not None and options & _DEFAULTS:
            definition.default_text = column.default
        if column.identity and options & _IDENTITY:
            new.identity = column.identity
            definition.copied_sequence = column.sequence
        definitions.append(definition)
    return definitions, LikeRest(source, options)
