"""Takes objects out of the catalogue and out of SQLite, in the order that `dependency` has found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..catalog import Relation
from ..types.sqlite import quote_identifier as quote_sqlite
from .common import meet_functions, run_sql
from .dependency import plan_deletion
from .ids import ATTRDEF, CLASS, CONSTRAINT, NAMESPACE, REWRITE, TYPE, Address
from .stored import plain_row_number, put_text, without_foreign_keys
from .writer import Writer

if TYPE_CHECKING:
    from .surroundings import Surroundings

__all__ = ["drop", "remove_comments"]


def drop(
    around: Surroundings,
    writer: Writer,
    originals: Sequence[Address],
    *,
    cascade: bool,
    what: str = "",
    quiet: bool = False,
) -> None:
    """Drop objects and what depends on them.

    Args:
        around: the statement.
        writer: to the catalogue.
        originals: the objects.
        cascade: whether what depends on them goes too.
        what: the message of the error when it may not, where it is not the usual one.
        quiet: send no notice of what else was dropped.

    Raises:
        SqlError: 2BP01.
    """
    deletion = plan_deletion(around.catalog, writer, originals, cascade=cascade, what=what)
    if not quiet:
        for notice in deletion.notices:
            around.session.notice(notice)
    _Removal(around, writer, deletion.order).run()


class _Removal:
    """SQLite first, while the catalogue still says what everything was."""

    def __init__(self, around: Surroundings, writer: Writer, order: Iterable[Address]) -> None:
        self.around = around
        self.writer = writer
        self.order = list(order)
        self.gone = set(self.order)

    def run(self) -> None:
        catalog, connection = self.around.catalog, self.around.connection
        relations = {
            address.oid: relation
            for address in self.order
            if address.class_id == CLASS and (relation := catalog.relation_by_oid(address.oid)) is not None
        }
        self._detach(relations)
        changes = [(relation, self._left(relation)) for relation in self._altered()]
        for _, left in changes:
            put_text(self.around, left)
        for relation, left in changes:
            if relation.rowid_column and not left.rowid_column:
                plain_row_number(self.around, relation)
        for database, storage in self._index_storages():
            connection.execute(f"DROP INDEX IF EXISTS {database}.{quote_sqlite(storage)}")
        for address in sorted(self.order):
            found = relations.get(address.oid)
            if address.class_id == CLASS and address.part and found is not None:
                self._drop_column(found, address.part)
        for address in self.order:
            found = relations.get(address.oid)
            if address.class_id == CLASS and not address.part and found is not None:
                self._drop_relation(found)
        for address in self.order:
            self._forget(address)
        self.writer.changed()

    def _altered(self) -> list[Relation]:
        """Tables that stay, and lose a constraint that is in their text."""
        found: dict[int, Relation] = {}
        for address in self.order:
            if address.class_id != CONSTRAINT:
                continue
            tables = self.writer.tables(address.oid)
            for oid, kind in self.writer.select("pg_constraint", tables, "conrelid, contype", oid=address.oid):
                relation = self.around.catalog.relation_by_oid(oid) if oid else None
                if relation is not None and kind in "cfp" and Address(CLASS, oid) not in self.gone:
                    found[oid] = relation
        return [relation for _, relation in sorted(found.items())]

    def _left(self, relation: Relation) -> Relation:
        """A table without the constraints and indexes that go; columns go one by one."""
        indexes = tuple(each for each in relation.indexes if Address(CLASS, each.oid) not in self.gone)
        aliased = any(each.primary and not each.storage for each in indexes)
        return replace(
            relation,
            constraints=tuple(each for each in relation.constraints if Address(CONSTRAINT, each.oid) not in self.gone),
            indexes=indexes,
            rowid_column=relation.rowid_column if aliased else 0,
        )

    def _index_storages(self) -> list[tuple[str, str]]:
        found = []
        for address in self.order:
            if address.class_id == CLASS and not address.part:
                rows = self.writer.select(
                    "pg_class", self.writer.tables(address.oid), "relfilenode", oid=address.oid, relkind="i"
                )
                if rows and rows[0][0]:
                    database = "temp" if self.writer.tables(address.oid).temporary else "main"
                    found.append((database, f"index.{address.oid}"))
        return found

    def _detach(self, relations: dict[int, Relation]) -> None:
        """Tables that are dropped together may refer to each other: their foreign keys go before their rows."""
        for relation in relations.values():
            others = [
                each for each in relation.constraints if each.kind == "f" and each.foreign_relation != relation.oid
            ]
            if relation.kind == "r" and any(Address(CLASS, each.foreign_relation) in self.gone for each in others):
                without_foreign_keys(self.around, relation)

    def _drop_relation(self, relation: Relation) -> None:
        if relation.kind in "rm":
            run_sql(self.around, f"DROP TABLE IF EXISTS {relation.storage}")
            if not self.writer.tables(relation.oid).temporary:
                self.around.connection.execute('DELETE FROM main."socketworkers.names" WHERE oid = ?', (relation.oid,))
        elif relation.kind == "S":
            place = "temp" if self.writer.tables(relation.oid).temporary else "main"
            self.around.connection.execute(
                f'DELETE FROM {place}."socketworkers.sequences" WHERE oid = ?', (relation.oid,)
            )
            self.around.sequence_changed(relation.oid)

    def _drop_column(self, relation: Relation, number: int) -> None:
        if Address(CLASS, relation.oid) in self.gone or relation.kind not in "rm":
            return
        execute = self.around.connection.execute
        meet_functions(self.around, relation)
        live = {column.number for column in relation.columns if not column.dropped}
        gone = {address.part for address in self.gone if (address.class_id, address.oid) == (CLASS, relation.oid)}
        if live <= gone and number == min(live):
            # SQLite has no tables without columns
            execute(f'ALTER TABLE {relation.storage} ADD COLUMN "socketworkers.none" INTEGER')
        execute(f"ALTER TABLE {relation.storage} DROP COLUMN {quote_sqlite(relation.columns[number - 1].name)}")

    def _forget(self, address: Address) -> None:
        """Delete the rows of an object."""
        writer, (class_id, oid, part) = self.writer, address
        tables = writer.tables(oid)
        if class_id == CLASS and part:
            self._forget_column(oid, part)
        elif class_id == CLASS:
            index = writer.select("pg_index", tables, "indrelid", indexrelid=oid)
            for table, column in (
                ("pg_class", "oid"),
                ("pg_attribute", "attrelid"),
                ("pg_attrdef", "adrelid"),
                ("pg_index", "indexrelid"),
                ("pg_sequence", "seqrelid"),
                ("pg_rewrite", "ev_class"),
            ):
                writer.delete(table, tables, **{column: oid})
            if index:
                left = writer.select("pg_index", tables, "1", indrelid=index[0][0])
                writer.update("pg_class", tables, {"oid": index[0][0]}, relhasindex=int(bool(left)))
        elif class_id == TYPE:
            writer.delete("pg_type", tables, oid=oid)
            writer.delete("pg_enum", tables, enumtypid=oid)
        elif class_id == NAMESPACE:
            writer.delete("pg_namespace", tables, oid=oid)
        elif class_id == REWRITE:
            writer.delete("pg_rewrite", tables, oid=oid)
        elif class_id == ATTRDEF:
            for relation, number in writer.select("pg_attrdef", tables, "adrelid, adnum", oid=oid):
                writer.update("pg_attribute", tables, {"attrelid": relation, "attnum": number}, atthasdef=0)
            writer.delete("pg_attrdef", tables, oid=oid)
        elif class_id == CONSTRAINT:
            self._forget_constraint(oid)
        remove_comments(writer, class_id, oid, part)
        key = {"classid": class_id, "objid": oid} | ({"objsubid": part} if part else {})
        writer.delete("pg_depend", tables, **key)

    def _forget_column(self, oid: int, part: int) -> None:
        writer, tables = self.writer, self.writer.tables(oid)
        writer.update(
            "pg_attribute",
            tables,
            {"attrelid": oid, "attnum": part},
            attname=f"........pg.dropped.{part}........",
            atttypid=0,
            attisdropped=1,
            attnotnull=0,
            atthasdef=0,
            attidentity="",
            attgenerated="",
            attstattarget=0,
            attacl=None,
            attoptions=None,
        )
        writer.delete("pg_attrdef", tables, adrelid=oid, adnum=part)

    def _forget_constraint(self, oid: int) -> None:
        writer, tables = self.writer, self.writer.tables(oid)
        for relation, kind in writer.select("pg_constraint", tables, "conrelid, contype", oid=oid):
            writer.delete("pg_constraint", tables, oid=oid)
            if kind == "c" and relation:
                checks = len(writer.select("pg_constraint", tables, "1", conrelid=relation, contype="c"))
                writer.update("pg_class", tables, {"oid": relation}, relchecks=checks)


def remove_comments(writer: Writer, class_id: int, oid: int, part: int = 0) -> None:
    """Delete the comments on an object, and on its columns when it is a whole one."""
    key = {"classoid": class_id, "objoid": oid} | ({"objsubid": part} if part else {})
    writer.delete("pg_description", writer.tables(oid), **key)
