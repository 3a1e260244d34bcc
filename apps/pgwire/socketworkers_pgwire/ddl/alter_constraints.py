"""ALTER TABLE … of constraints (commands/tablecmds.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..catalog import Constraint, Relation
from ..errors import SqlError
from .columns import Key, TableConstraints, table_constraint
from .common import error, notice, unsupported
from .constraints import add_check, add_key, key_on_index, validate_check
from .foreign_keys import add_foreign_key, validate_foreign_key
from .ids import CONSTRAINT, Address
from .removal import drop
from .stored import refresh
from .surroundings import Surroundings
from .writer import Writer

__all__ = ["CONSTRAINT_COMMANDS"]


def _current(around: Surroundings, relation: Relation) -> Relation:
    found = around.catalog.relation_by_oid(relation.oid)
    assert found is not None
    return found


def _add(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """ADD constraint."""
    if relation.kind != "r":
        raise SqlError("42809", f'"{relation.name}" is not a table or foreign table')
    node = command["def"]["Constraint"]
    constraints = TableConstraints()
    table_constraint(node, constraints)
    validate = not node.get("skip_validation")
    for key in constraints.keys:
        _add_key(around, writer, relation, key)
    for check in constraints.checks:
        _, name = add_check(around, writer, relation, check)
        # SQLite looks at rows that change, as a constraint that is NOT VALID does
        if validate:
            validate_check(around, _current(around, relation), name)
        refresh(around, relation.oid)
    for foreign in constraints.foreign_keys:
        _, name = add_foreign_key(around, writer, relation, foreign)
        if validate:
            validate_foreign_key(around, _current(around, relation), name)
        refresh(around, relation.oid)


def _add_key(around: Surroundings, writer: Writer, relation: Relation, key: Key) -> None:
    if key.existing_index:
        key_on_index(around, writer, relation, key)
    else:
        add_key(around, writer, relation, key)


def find_constraint(relation: Relation, name: str) -> Constraint | None:
    """A constraint by name."""
    return next((each for each in relation.constraints if each.name == name), None)


def _drop(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """DROP CONSTRAINT."""
    name = command["name"]
    constraint = find_constraint(relation, name)
    if constraint is None:
        if not command.get("missing_ok"):
            raise SqlError("42704", f'constraint "{name}" of relation "{relation.name}" does not exist')
        notice(around, f'constraint "{name}" of relation "{relation.name}" does not exist, skipping')
        return
    drop(around, writer, [Address(CONSTRAINT, constraint.oid)], cascade=command.get("behavior") == "DROP_CASCADE")


def _validate(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """VALIDATE CONSTRAINT."""
    name = command["name"]
    constraint = find_constraint(relation, name)
    if constraint is None:
        raise SqlError("42704", f'constraint "{name}" of relation "{relation.name}" does not exist')
    if constraint.kind == "c":
        validate_check(around, relation, name)
    elif constraint.kind == "f":
        validate_foreign_key(around, relation, name)
    else:
        raise SqlError(
            "42809", f'constraint "{name}" of relation "{relation.name}" is not a foreign key or check constraint'
        )
    writer.update("pg_constraint", writer.tables(relation.oid), {"oid": constraint.oid}, convalidated=1)
    writer.changed()


def _alter(around: Surroundings, writer: Writer, relation: Relation, command: dict[str, Any]) -> None:
    """ALTER CONSTRAINT: whether and when it can be deferred."""
    node = command["def"]["ATAlterConstraint"]
    name = node["conname"]
    constraint = find_constraint(relation, name)
    if constraint is None:
        raise SqlError("42704", f'constraint "{name}" of relation "{relation.name}" does not exist')
    if constraint.kind != "f":
        raise SqlError("42809", f'constraint "{name}" of relation "{relation.name}" is not a foreign key constraint')
    if node.get("alterEnforceability"):
        raise unsupported("ENFORCED")
    deferrable, deferred = bool(node.get("deferrable")), bool(node.get("initdeferred"))
    if deferred and not deferrable:
        raise error("42601", "constraint declared INITIALLY DEFERRED must be DEFERRABLE")
    writer.update(
        "pg_constraint",
        writer.tables(relation.oid),
        {"oid": constraint.oid},
        condeferrable=int(deferrable),
        condeferred=int(deferred),
    )
    writer.changed()


CONSTRAINT_COMMANDS: dict[str, Callable[[Surroundings, Writer, Relation, dict[str, Any]], None]] = {
    "AT_AddConstraint": _add,
    "AT_DropConstraint": _drop,
    "AT_ValidateConstraint": _validate,
    "AT_AlterConstraint": _alter,
}
"""What is done for each kind of command."""
