"""Statements that define objects: they run as `ddl.run` has them, in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ddl import run
from ...errors import SqlError
from ...sql.nodes import Utility
from ...sql.plan import Plan
from ..action import Result, action

if TYPE_CHECKING:
    from ..session import SqlSession
    from ..surroundings import Surroundings

__all__ = ["define", "set_constraints"]


def define(session: SqlSession, utility: Utility) -> Plan:
    """CREATE, ALTER, DROP, COMMENT, GRANT, TRUNCATE and their like."""

    def act(owner: Surroundings) -> Result:
        owner.defining = True
        owner.catalog.begin(owner.connection)
        owner.connection.execute("savepoint definition")
        try:
            tag = run(utility, owner)
        except BaseException:
            if owner.connection.in_transaction:
                owner.connection.execute("rollback to definition")
                owner.connection.execute("release definition")
            owner.catalog.changed()
            raise
        owner.connection.execute("release definition")
        owner.catalog.begin(owner.connection)
        return Result(tag=tag)

    plan = action(command_tag(utility), act, writes=True, short=False)
    plan.rights = session.rights(utility.query)
    return plan


_TAGS = {
    "AlterDatabaseSetStmt": "ALTER DATABASE",
    "AlterDatabaseStmt": "ALTER DATABASE",
    "AlterEnumStmt": "ALTER TYPE",
    "AlterRoleSetStmt": "ALTER ROLE",
    "AlterRoleStmt": "ALTER ROLE",
    "AlterSeqStmt": "ALTER SEQUENCE",
    "CommentStmt": "COMMENT",
    "CompositeTypeStmt": "CREATE TYPE",
    "CreateEnumStmt": "CREATE TYPE",
    "CreateRoleStmt": "CREATE ROLE",
    "CreateSchemaStmt": "CREATE SCHEMA",
    "CreateSeqStmt": "CREATE SEQUENCE",
    "CreateStmt": "CREATE TABLE",
    "CreateTableAsStmt": "CREATE TABLE AS",
    "CreatedbStmt": "CREATE DATABASE",
    "DropRoleStmt": "DROP ROLE",
    "DropdbStmt": "DROP DATABASE",
    "GrantRoleStmt": "GRANT ROLE",
    "GrantStmt": "GRANT",
    "IndexStmt": "CREATE INDEX",
    "RefreshMatViewStmt": "REFRESH MATERIALIZED VIEW",
    "ReindexStmt": "REINDEX",
    "TruncateStmt": "TRUNCATE TABLE",
    "ViewStmt": "CREATE VIEW",
}
_OBJECTS = {
    "OBJECT_TABLE": "TABLE",
    "OBJECT_VIEW": "VIEW",
    "OBJECT_MATVIEW": "MATERIALIZED VIEW",
    "OBJECT_INDEX": "INDEX",
    "OBJECT_SEQUENCE": "SEQUENCE",
    "OBJECT_SCHEMA": "SCHEMA",
    "OBJECT_TYPE": "TYPE",
    "OBJECT_COLUMN": "TABLE",
    "OBJECT_TABCONSTRAINT": "TABLE",
    "OBJECT_DATABASE": "DATABASE",
    "OBJECT_ROLE": "ROLE",
}


def command_tag(utility: Utility) -> str:
    """What a statement is called in messages (CreateCommandTag)."""
    kind, tree = utility.kind, utility.tree
    found = _TAGS.get(kind)
    if found is not None:
        return found
    thing = tree.get("removeType") or tree.get("relationType") or tree.get("objtype") or tree.get("objectType") or ""
    verb = "DROP" if kind == "DropStmt" else "ALTER"
    return f"{verb} {_OBJECTS.get(thing, thing.removeprefix('OBJECT_').replace('_', ' '))}".strip()


def set_constraints(session: SqlSession, utility: Utility) -> Plan:
    """SET CONSTRAINTS."""
    tree = utility.tree
    deferred = bool(tree.get("deferred", False))
    wanted: list[int] = []
    for node in tree.get("constraints") or ():
        wanted += _constraints(session, node["RangeVar"])

    def act(owner: Surroundings) -> None:
        if not session.transaction.block and not owner.protocol.implicit:
            owner.warn("25P01", "SET CONSTRAINTS can only be used in transaction blocks")
        modes = dict(owner.constraint_modes)
        if not wanted:
            modes = {0: deferred}
        else:
            modes.update(dict.fromkeys(wanted, deferred))
        owner.constraint_modes = modes
        if not deferred:
            owner.check_deferred(ends=False)

    # what waits for the commit in the log has to be there to be looked at
    return action("SET CONSTRAINTS", act, short=False, writes=not deferred and bool(session.transaction.log))


def _constraints(session: SqlSession, node: dict[str, str]) -> list[int]:
    """OIDs of the constraints of a name.

    Raises:
        SqlError: 42704 there is none, 42809 one cannot be deferred.
    """
    catalog = session.surroundings.catalog
    name, schema = node["relname"], node.get("schemaname")
    if schema is not None:
        namespace = catalog.namespace(schema)
        if namespace is None:
            raise SqlError("3F000", f'schema "{schema}" does not exist')
        schemas: tuple[int, ...] = (namespace,)
    else:
        schemas = catalog.search_path
    for namespace in schemas:
        found = catalog.connection.execute(
            'SELECT oid, condeferrable FROM main."pg_catalog.pg_constraint" WHERE conname = ? AND connamespace = ?',
            (name, namespace),
        ).fetchall()
        if found:
            for _, deferrable in found:
                if not deferrable:
                    raise SqlError("42809", f'constraint "{name}" is not deferrable')
            return [int(oid) for oid, _ in found]  # type: ignore[arg-type]
    raise SqlError("42704", f'constraint "{name}" does not exist')
