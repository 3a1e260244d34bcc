"""Names of columns and relations: what they mean where they stand. PostgreSQL: parse_relation.c."""

from __future__ import annotations

from ...catalog import Relation
from ...errors import SqlError
from ..grammar import Node
from ..nodes import Expr, FunctionSource, Join, RowExpr, Var, WithQuery
from .missing import missing_column, missing_relation
from .oids import CID, OID, RECORD, TID, XID
from .state import Item, State, error

__all__ = [
    "column",
    "column_of_item",
    "find_cte",
    "find_item",
    "find_relation",
    "item_columns",
    "missing_column",
    "missing_relation",
    "whole_row",
]

#: system columns: number and type
SYSTEM = {
    "ctid": (-1, TID),
    "xmin": (-2, XID),
    "cmin": (-3, CID),
    "xmax": (-4, XID),
    "cmax": (-5, CID),
    "tableoid": (-6, OID),
}


def column(state: State, name: str, location: int, *, local: bool = False) -> Expr | None:
    """The column of an unqualified name: colNameToVar.

    Args:
        state: the query where it stands.
        name: the name.
        location: where.
        local: do not look into the queries around it.

    Raises:
        SqlError: 42702 several have it; 42P10 it cannot be referred to here.
    """
    for level in state.levels():
        found: Expr | None = None
        for item in level.namespace:
            if not item.columns_visible or (item.lateral_only and not level.lateral_active):
                continue
            here = column_of_item(state, item, name, location)
            if here is None:
                continue
            if found is not None:
                raise error("42702", f'column reference "{name}" is ambiguous', location)
            check_lateral(level, item, location)
            found = here
        if found is not None or local:
            return found
    return None


def column_of_item(state: State, item: Item, name: str, location: int) -> Expr | None:
    """The column of a name in one entry: scanNSItemForColumn.

    Raises:
        SqlError: 42702 the entry has the name twice.
    """
    entry = item.entry
    names = entry.names
    if name not in names:
        return _system_column(state, item, name, location)
    number = names.index(name)
    if name in names[number + 1 :]:
        raise error("42702", f'column reference "{name}" is ambiguous', location)
    return column_number(item, number, location)


def column_number(item: Item, number: int, location: int) -> Expr:
    """A column by its place from 0."""
    if item.columns is not None:
        stands_for = item.columns[number]
        if not isinstance(item.entry.source, Join):
            # of a view that is changed: its columns are expressions over the table
            return stands_for
        if type(stands_for) is Var:
            kind, typmod, collation = stands_for.type, stands_for.typmod, stands_for.collation
            return Var(
                type=kind,
                typmod=typmod,
                collation=collation,
                location=location,
                entry=stands_for.entry,
                column=stands_for.column,
            )
    entry = item.entry
    kind, typmod, collation = entry.types[number]
    return Var(type=kind, typmod=typmod, collation=collation, location=location, entry=entry, column=number + 1)


def _system_column(state: State, item: Item, name: str, location: int) -> Var | None:
    system = SYSTEM.get(name)
    if system is None or item.relation is None or item.relation.kind == "v" or item is state.target_excluded:
        return None
    if state.kind.name == "CHECK" and name != "tableoid":
        raise error("42P10", f'system column "{name}" reference in check constraint is invalid', location)
    if state.kind.name == "GENERATED" and name != "tableoid":
        raise error("42P10", f'cannot use system column "{name}" in column generation expression', location)
    if state.kind.name == "MERGE_WHEN" and name != "tableoid":
        raise error("42P10", f'cannot use system column "{name}" in MERGE WHEN condition', location)
    number, kind = system
    return Var(type=kind, location=location, entry=item.entry, column=number)


def check_lateral(state: State, item: Item, location: int) -> None:
    """Refuse what LATERAL cannot refer to.

    Raises:
        SqlError: 42P10.
    """
    if not item.lateral_only or item.lateral_ok:
        return
    name = item.name
    if item is state.target:
        raise error(
            "42P10",
            f'invalid reference to FROM-clause entry for table "{name}"',
            location,
            hint=f'There is an entry for table "{name}", but it cannot be referenced from this part of the query.',
        )
    raise error(
        "42P10",
        f'invalid reference to FROM-clause entry for table "{name}"',
        location,
        detail="The combining JOIN type must be INNER or LEFT for a LATERAL reference.",
    )


def find_item(state: State, schema: str | None, name: str, location: int) -> tuple[Item, State] | None:
    """The entry of a name, and the query that it is in: refnameNamespaceItem.

    Raises:
        SqlError: 42P09 several have it; 42P10 it cannot be referred to here.
    """
    oid = 0
    if schema is not None:
        relation = state.catalog.relation(schema, name)
        if relation is None:
            return None
        oid = relation.oid
    for level in state.levels():
        found: Item | None = None
        for item in level.namespace:
            if not item.visible or (item.lateral_only and not level.lateral_active):
                continue
            if schema is None:
                if item.name != name:
                    continue
            elif item.relation is None or item.relation.oid != oid or item.name != name:
                continue
            if found is not None:
                raise error("42P09", f'table reference "{name}" is ambiguous', location)
            check_lateral(level, item, location)
            found = item
        if found is not None:
            return found, level
    return None


def item_columns(item: Item, location: int) -> list[tuple[str, Expr]]:
    """All columns of an entry by name, for ``*``."""
    relation = item.relation
    found: list[tuple[str, Expr]] = []
    for number, name in enumerate(item.entry.names):
        if relation is not None and relation.columns[number].dropped:
            continue
        found.append((name, column_number(item, number, location)))
    return found


def whole_row(state: State, item: Item, location: int) -> Expr:
    """The name of an entry used as a value.

    A function that gives one column is that column; a join becomes the row of its columns.
    """
    entry = item.entry
    source = entry.source
    if isinstance(source, Join) or item.columns is not None:
        columns = item_columns(item, location)
        return RowExpr(
            type=RECORD, location=location, fields=[each for _, each in columns], names=[name for name, _ in columns]
        )
    relation = state.shared.views.get(entry) or item.relation
    if relation is not None and any(entry is level.excluded_entry for level in state.levels()):
        # the row that was to be inserted is in no table: it is put together
        shown = item_columns(item, location)
        return RowExpr(
            type=relation.type or RECORD,
            location=location,
            fields=[each for _, each in shown],
            names=[name for name, _ in shown],
        )
    if relation is not None:
        return Var(type=relation.type or RECORD, location=location, entry=entry, column=0)
    if isinstance(source, FunctionSource) and len(source.calls) == 1 and not source.ordinality:
        call = source.calls[0]
        row = state.catalog.type_by_oid(call.type)
        if row is not None and row.kind == "c":
            return Var(type=call.type, location=location, entry=entry, column=0)
        if call.type != RECORD:
            return column_number(item, 0, location)
    return Var(type=RECORD, location=location, entry=entry, column=0)


def find_cte(state: State, name: str) -> tuple[WithQuery, State] | None:
    """The WITH query of a name, and the query that it belongs to."""
    for level in state.levels():
        for cte in level.ctes:
            if cte.name == name:
                return cte, level
    return None


def find_relation(state: State, node: Node) -> Relation:
    """The relation of a RangeVar.

    Raises:
        SqlError: 42P01, 3F000.
    """
    name = node["relname"]
    schema = node.get("schemaname")
    try:
        relation = state.catalog.relation(schema, name)
    except SqlError as refused:  # 42501 about the schema
        refused.position = node.get("location", 0) + 1
        raise
    if relation is None:
        raise _no_relation(state, schema, name, node.get("location", 0))
    state.shared.notes.relations.add(relation.oid)
    return relation


def _no_relation(state: State, schema: str | None, name: str, location: int) -> SqlError:
    if schema is not None:
        return error("42P01", f'relation "{schema}.{name}" does not exist', location)
    level: State | None = state
    while level is not None:
        if any(cte["ctename"] == name for cte in level.future_ctes):
            return error(
                "42P01",
                f'relation "{name}" does not exist',
                location,
                detail=f'There is a WITH item named "{name}", but it cannot be referenced from this part of the query.',
                hint="Use WITH RECURSIVE, or re-order the WITH items to remove forward references.",
            )
        level = level.parent
    return error("42P01", f'relation "{name}" does not exist', location)
