"""Column definitions: what their types and constraints ask for (src/backend/parser/parse_utilcmd.c)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..catalog.spelling import format_type
from ..errors import SqlError
from ..sql.analyze.typenames import resolve_collation, resolve_type
from ..types.text import cut_name
from .common import error, state_of, strings, unsupported
from .rows import NewColumn
from .surroundings import Surroundings

__all__ = [
    "Definition",
    "ForeignKey",
    "Key",
    "TableConstraints",
    "column_definition",
    "column_type",
    "table_constraint",
]

_SERIAL = {
    "smallserial": 21,
    "serial2": 21,
    "serial": 23,
    "serial4": 23,
    "bigserial": 20,
    "serial8": 20,
}
_COLLATABLE_ERROR = "collations are not supported by type"


@dataclass(slots=True, kw_only=True)
class Key:
    """A primary key, a unique constraint, or an index that is to be made."""

    name: str = ""
    primary: bool = False
    columns: list[str]
    including: list[str] = field(default_factory=list)
    deferrable: bool = False
    deferred: bool = False
    not_distinct: bool = False
    existing_index: str = ""
    """USING INDEX."""
    node: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ForeignKey:
    """A foreign key that is to be made."""

    name: str = ""
    columns: list[str]
    node: dict[str, Any]
    """The Constraint."""


@dataclass(slots=True)
class TableConstraints:
    """The constraints of one statement, those of columns and those of the table."""

    keys: list[Key] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    """Constraint nodes."""


@dataclass(slots=True, kw_only=True)
class Definition:
    """A column that is to be made."""

    column: NewColumn
    default: dict[str, Any] | None = None
    """Expression of DEFAULT or of GENERATED."""
    default_text: str | None = None
    """The same, as the catalogue has it already (LIKE)."""
    serial: int = 0
    """Type of a serial column."""
    identity_options: list[dict[str, Any]] = field(default_factory=list)
    copied_sequence: int = 0
    """OID of the sequence whose options an identity column takes (LIKE)."""


def column_type(around: Surroundings, node: dict[str, Any]) -> tuple[int, int, int]:
    """Type, modifier and number of dimensions of a TypeName.

    Raises:
        SqlError: 42704, 42P16 and what else can be wrong with it.
    """
    type_oid, typmod = resolve_type(state_of(around), node)
    return type_oid, typmod, len(node.get("arrayBounds", []))


def column_definition(
    around: Surroundings, node: dict[str, Any], table: str, constraints: TableConstraints, *, check_type: bool = True
) -> Definition:
    """What a ColumnDef asks for; its constraints that belong to the table go to `constraints`.

    Raises:
        SqlError: 42601 contradictions, 42704 no such type, ...
    """
    name = node["colname"]
    serial = _serial(node)
    given = [each["Constraint"] for each in node.get("constraints", [])]
    definition = Definition(column=NewColumn(name=name, type=0), serial=serial)
    column = definition.column
    if serial:
        column.type = serial
        column.not_null = True
    else:
        column.type, column.typmod, column.dimensions = column_type(around, node["typeName"])
    if check_type:
        check_column_type(around, name, column.type, node)
    _set_collation(around, column, node.get("collClause"))
    saw_null: bool | None = None if not serial else False
    saw_default = bool(serial)
    for constraint in given:
        kind = constraint["contype"]
        if kind == "CONSTR_NULL":
            if saw_null is False:
                raise _conflicting_null(name, table, constraint)
            saw_null = True
            column.not_null = False
        elif kind == "CONSTR_NOTNULL":
            if saw_null is True:
                raise _conflicting_null(name, table, constraint)
            saw_null = False
            column.not_null = True
        elif kind == "CONSTR_DEFAULT":
            if saw_default:
                raise error(
                    "42601", f'multiple default values specified for column "{name}" of table "{table}"', constraint
                )
            definition.default = constraint.get("raw_expr")
            saw_default = True
        elif kind == "CONSTR_IDENTITY":
            if column.identity:
                raise error(
                    "42601", f'multiple identity specifications for column "{name}" of table "{table}"', constraint
                )
            if saw_null is True:
                raise _conflicting_null(name, table, constraint)
            saw_null = False
            column.not_null = True
            column.identity = constraint["generated_when"]
            definition.identity_options = constraint.get("options", [])
        elif kind == "CONSTR_GENERATED":
            if column.generated:
                raise error(
                    "42601", f'multiple generation clauses specified for column "{name}" of table "{table}"', constraint
                )
            if constraint.get("generated_kind", "s") != "s":
                raise unsupported("a virtual generated column", constraint)
            column.generated = "s"
            definition.default = constraint["raw_expr"]
        else:
            _column_constraint(name, constraint, constraints, given)
        _check_exclusive(definition, name, table, saw_default, constraint)
    if column.identity and column.type not in (20, 21, 23):
        raise SqlError("22023", "identity column type must be smallint, integer, or bigint")
    for key in constraints.keys:
        if key.primary and key.columns == [name] and saw_null is True:
            raise _conflicting_null(name, table, key.node)
    return definition


def _serial(node: dict[str, Any]) -> int:
    kind = node.get("typeName", {})
    names = strings(kind.get("names"))
    if len(names) != 1 or kind.get("pct_type") or names[0] not in _SERIAL:
        return 0
    if kind.get("arrayBounds"):
        raise error("0A000", "array of serial is not implemented", kind)
    return _SERIAL[names[0]]


def check_column_type(around: Surroundings, name: str, type_oid: int, node: dict[str, Any] | None = None) -> None:
    """Refuse what cannot be the type of a column: CheckAttributeType().

    Raises:
        SqlError: 42P16 a pseudo-type; 0A000 a type whose values we cannot keep.
    """
    row = around.catalog.type_by_oid(type_oid)
    if row is None:
        raise SqlError("42704", f"type with OID {type_oid} does not exist")
    if row.kind == "p":
        raise error("42P16", f'column "{name}" has pseudo-type {format_type(around.catalog, type_oid)}')
    if row.implementation is None:
        raise unsupported(f"a column of type {format_type(around.catalog, type_oid)}", node)


def _set_collation(around: Surroundings, column: NewColumn, clause: dict[str, Any] | None) -> None:
    row = around.catalog.type_by_oid(column.type)
    assert row is not None
    column.collation = row.collation
    if clause is None:
        return
    if not row.collation:
        raise error("42804", f"{_COLLATABLE_ERROR} {format_type(around.catalog, column.type)}", clause)
    column.collation = resolve_collation(around.catalog, clause["collname"], clause.get("location", -1))


def _conflicting_null(name: str, table: str, node: dict[str, Any]) -> SqlError:
    return error("42601", f'conflicting NULL/NOT NULL declarations for column "{name}" of table "{table}"', node)


def _check_exclusive(definition: Definition, name: str, table: str, saw_default: bool, node: dict[str, Any]) -> None:
    """What excludes each other; the error points at the second one."""
    column = definition.column
    pairs = (
        (saw_default and column.identity, "both default and identity specified"),
        (saw_default and column.generated, "both default and generation expression specified"),
        (column.identity and column.generated, "both identity and generation expression specified"),
    )
    for wrong, message in pairs:
        if wrong:
            raise error("42601", f'{message} for column "{name}" of table "{table}"', node)


def _column_constraint(
    name: str,
    constraint: dict[str, Any],
    constraints: TableConstraints,
    given: list[dict[str, Any]],
) -> None:
    """A constraint of the table that stands behind a column."""
    kind = constraint["contype"]
    if kind.startswith("CONSTR_ATTR_"):
        _constraint_attribute(kind, constraint, constraints, given)
    elif kind == "CONSTR_CHECK":
        constraints.checks.append(constraint)
    elif kind in ("CONSTR_PRIMARY", "CONSTR_UNIQUE"):
        constraints.keys.append(_key(constraint, [name]))
    elif kind == "CONSTR_FOREIGN":
        constraints.foreign_keys.append(
            ForeignKey(name=cut_name(constraint.get("conname", "")), columns=[name], node=constraint)
        )
    else:
        raise unsupported(f"constraint {kind.removeprefix('CONSTR_')}", constraint)


def _constraint_attribute(
    kind: str, node: dict[str, Any], constraints: TableConstraints, given: list[dict[str, Any]]
) -> None:
    """DEFERRABLE and the like, as words of their own: they are about the constraint before them."""
    before = next(
        (each for each in reversed(given[: given.index(node)]) if not each["contype"].startswith("CONSTR_ATTR_")),
        None,
    )
    word = kind.removeprefix("CONSTR_ATTR_")
    if word in ("ENFORCED", "NOT_ENFORCED"):
        raise unsupported("NOT ENFORCED", node)
    if before is None or before["contype"] not in ("CONSTR_PRIMARY", "CONSTR_UNIQUE", "CONSTR_FOREIGN"):
        text = {"DEFERRABLE": "DEFERRABLE", "NOT_DEFERRABLE": "NOT DEFERRABLE"}.get(word, f"INITIALLY {word}")
        raise error("42601", f"misplaced {text} clause", node)
    if word == "DEFERRABLE":
        before["deferrable"] = True
    elif word == "NOT_DEFERRABLE":
        before["deferrable"] = before["initdeferred"] = False
    elif word == "DEFERRED":
        if any(each["contype"] == "CONSTR_ATTR_NOT_DEFERRABLE" for each in given):
            raise error("42601", "constraint declared INITIALLY DEFERRED must be DEFERRABLE", node)
        before["deferrable"] = before["initdeferred"] = True
    else:
        before["initdeferred"] = False
    for key in constraints.keys:
        if key.node is before:
            key.deferrable = bool(before.get("deferrable"))
            key.deferred = bool(before.get("initdeferred"))


def _key(constraint: dict[str, Any], columns: list[str]) -> Key:
    return Key(
        name=cut_name(constraint.get("conname", "")),
        primary=constraint["contype"] == "CONSTR_PRIMARY",
        columns=columns,
        including=strings(constraint.get("including")),
        deferrable=bool(constraint.get("deferrable")),
        deferred=bool(constraint.get("initdeferred")),
        not_distinct=bool(constraint.get("nulls_not_distinct")),
        existing_index=constraint.get("indexname", ""),
        node=constraint,
    )


def table_constraint(constraint: dict[str, Any], constraints: TableConstraints) -> None:
    """A constraint of the table itself.

    Raises:
        SqlError: 0A000 for those that are not supported.
    """
    kind = constraint["contype"]
    if kind in ("CONSTR_PRIMARY", "CONSTR_UNIQUE"):
        constraints.keys.append(_key(constraint, strings(constraint.get("keys"))))
    elif kind == "CONSTR_FOREIGN":
        constraints.foreign_keys.append(
            ForeignKey(
                name=cut_name(constraint.get("conname", "")), columns=strings(constraint["fk_attrs"]), node=constraint
            )
        )
    elif kind == "CONSTR_CHECK":
        constraints.checks.append(constraint)
    elif kind == "CONSTR_EXCLUSION":
        raise unsupported("an exclusion constraint", constraint)
    elif kind == "CONSTR_NOTNULL":
        raise unsupported("NOT NULL as a constraint of the table", constraint)
    else:
        raise unsupported(f"constraint {kind.removeprefix('CONSTR_')}", constraint)
