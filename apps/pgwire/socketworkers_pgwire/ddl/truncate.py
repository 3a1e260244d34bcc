"""TRUNCATE (ExecuteTruncate() of src/backend/commands/tablecmds.c)."""

from __future__ import annotations

from typing import Any

from ..catalog import Relation
from ..errors import SqlError
from .common import find_relation, notice, run_sql, writer_of
from .ids import CLASS
from .sequences import current_options, restart_sequence
from .stored import refresh, without_foreign_keys
from .surroundings import Surroundings

__all__ = ["truncate"]


def truncate(around: Surroundings, tree: dict[str, Any]) -> str:
    """TRUNCATE."""
    wanted: dict[int, Relation] = {}
    for node in tree["relations"]:
        relation = find_relation(around, node["RangeVar"])
        assert relation is not None
        if relation.kind != "r":
            raise SqlError("42809", f'"{relation.name}" is not a table')
        _check(around, relation)
        wanted[relation.oid] = relation
    cascade = tree.get("behavior") == "DROP_CASCADE"
    left = list(wanted.values())
    while left:
        relation = left.pop(0)
        for oid in relation.referenced_by:
            if oid in wanted:
                continue
            other = around.catalog.relation_by_oid(oid)
            assert other is not None
            if not cascade:
                raise SqlError(
                    "0A000",
                    "cannot truncate a table referenced in a foreign key constraint",
                    detail=f'Table "{other.name}" references "{relation.name}".',
                    hint=f'Truncate table "{other.name}" at the same time, or use TRUNCATE ... CASCADE.',
                )
            notice(around, f'truncate cascades to table "{other.name}"')
            _check(around, other)
            wanted[oid] = other
            left.append(other)
    _empty(around, list(wanted.values()))
    if tree.get("restart_seqs"):
        _restart(around, wanted)
    return "TRUNCATE TABLE"


def _check(around: Surroundings, relation: Relation) -> None:
    """truncate_check_perms(), and nobody empties a table of the system."""
    if relation.oid < 16384:
        raise SqlError("42501", f'permission denied: "{relation.name}" is a system catalog')
    around.authorization.check_relation(relation, around.session.user_oid, "D")


def _empty(around: Surroundings, relations: list[Relation]) -> None:
    """All rows go, and no foreign key acts on the way."""
    referring = [relation for relation in relations if any(each.kind == "f" for each in relation.constraints)]
    for relation in referring:
        without_foreign_keys(around, relation)
    for relation in relations:
        run_sql(around, f"DELETE FROM {relation.storage}")
    for relation in referring:
        refresh(around, relation.oid)


def _restart(around: Surroundings, relations: dict[int, Relation]) -> None:
    """RESTART IDENTITY: sequences that belong to columns start anew."""
    writer = writer_of(around)
    for oid in relations:
        for (sequence,) in writer.everywhere("pg_depend", "objid", refclassid=CLASS, refobjid=oid, classid=CLASS):
            tables = writer.tables(sequence)
            if writer.select("pg_class", tables, "1", oid=sequence, relkind="S"):
                restart_sequence(around, writer, sequence, current_options(writer, sequence).start)
    writer.changed()
