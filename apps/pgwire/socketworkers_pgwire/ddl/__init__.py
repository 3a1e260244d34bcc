"""Statements that define objects: CREATE, ALTER, DROP, COMMENT, GRANT, TRUNCATE and their like.

`run` carries one of them out on the connection that writes, within the transaction of its session. The engine puts a
savepoint around it, for a statement that fails half way has written rows already.
"""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import SqlError
from ..sql.nodes import Query, Utility
from .surroundings import Surroundings

__all__ = ["ALONE", "KINDS", "Surroundings", "at_commit", "drop_temporary", "run"]

#: module and function of each statement, imported when the first one comes
_HANDLERS = {
    "AlterDatabaseSetStmt": ("roles", "alter_role_set"),
    "AlterDatabaseStmt": ("databases", "alter_database"),
    "AlterEnumStmt": ("types", "alter_enum"),
    "AlterObjectSchemaStmt": ("rename", "set_schema"),
    "AlterOwnerStmt": ("owner", "alter_owner"),
    "AlterRoleSetStmt": ("roles", "alter_role_set"),
    "AlterRoleStmt": ("roles", "alter_role"),
    "AlterSeqStmt": ("sequences", "alter_sequence"),
    "AlterTableStmt": ("alter_table", "alter_table"),
    "CommentStmt": ("comments", "comment"),
    "CompositeTypeStmt": ("types", "create_composite"),
    "CreateEnumStmt": ("types", "create_enum"),
    "CreateRoleStmt": ("roles", "create_role"),
    "CreateSchemaStmt": ("schemas", "create_schema"),
    "CreateSeqStmt": ("sequences", "create_sequence"),
    "CreateStmt": ("tables", "create_table"),
    "CreateTableAsStmt": ("create_as", "create_table_as"),
    "CreatedbStmt": ("databases", "create_database"),
    "DropRoleStmt": ("roles", "drop_role"),
    "DropStmt": ("drops", "drop_objects"),
    "DropdbStmt": ("databases", "drop_database"),
    "GrantRoleStmt": ("roles", "grant_role"),
    "GrantStmt": ("grants", "grant"),
    "IndexStmt": ("indexes", "create_index"),
    "ReassignOwnedStmt": ("owner", "reassign_owned"),
    "RefreshMatViewStmt": ("create_as", "refresh_materialized_view"),
    "ReindexStmt": ("rebuild", "reindex"),
    "RenameStmt": ("rename", "rename"),
    "TruncateStmt": ("truncate", "truncate"),
    "ViewStmt": ("views", "create_view"),
}
KINDS = frozenset(_HANDLERS)
"""Kinds of the statements that `run` takes."""

#: words of statements that PostgreSQL has and we have not
_UNSUPPORTED = {
    "AlterDefaultPrivilegesStmt": "ALTER DEFAULT PRIVILEGES",
    "AlterDomainStmt": "ALTER DOMAIN",
    "AlterExtensionStmt": "ALTER EXTENSION",
    "AlterFunctionStmt": "ALTER FUNCTION",
    "CreateCastStmt": "CREATE CAST",
    "CreateConversionStmt": "CREATE CONVERSION",
    "CreateDomainStmt": "CREATE DOMAIN",
    "CreateEventTrigStmt": "CREATE EVENT TRIGGER",
    "CreateFdwStmt": "CREATE FOREIGN DATA WRAPPER",
    "CreateForeignTableStmt": "CREATE FOREIGN TABLE",
    "CreateFunctionStmt": "CREATE FUNCTION",
    "CreateOpClassStmt": "CREATE OPERATOR CLASS",
    "CreatePLangStmt": "CREATE LANGUAGE",
    "CreatePolicyStmt": "CREATE POLICY",
    "CreatePublicationStmt": "CREATE PUBLICATION",
    "CreateRangeStmt": "CREATE TYPE AS RANGE",
    "CreateStatsStmt": "CREATE STATISTICS",
    "CreateSubscriptionStmt": "CREATE SUBSCRIPTION",
    "CreateTableSpaceStmt": "CREATE TABLESPACE",
    "CreateTransformStmt": "CREATE TRANSFORM",
    "CreateTrigStmt": "CREATE TRIGGER",
    "DefineStmt": "this CREATE statement",
    "DoStmt": "DO",
    "DropOwnedStmt": "DROP OWNED",
    "ImportForeignSchemaStmt": "IMPORT FOREIGN SCHEMA",
    "RuleStmt": "CREATE RULE",
    "SecLabelStmt": "SECURITY LABEL",
}

#: statements that cannot run inside a transaction block, and how the message calls them
ALONE = {"CreatedbStmt": "CREATE DATABASE", "DropdbStmt": "DROP DATABASE"}


def run(statement: Utility, around: Surroundings) -> str:
    """Carry a statement out.

    Args:
        statement: it.
        around: its surroundings.

    Returns:
        the tag of CommandComplete.

    Raises:
        SqlError: whatever is wrong; 0A000 for statements that are not supported.
    """
    kind, tree = statement.kind, statement.tree
    if kind == "CreateSchemaStmt":
        return _create_schema(around, tree)
    if kind == "CreateExtensionStmt":
        return _create_extension(around, tree)
    if kind == "CreateTableAsStmt":
        return _create_table_as(around, tree, statement.query)
    handler = _HANDLERS.get(kind)
    if handler is None:
        raise SqlError("0A000", f"{_UNSUPPORTED.get(kind, kind)} is not supported")
    module, name = handler
    tag: str = getattr(importlib.import_module(f".{module}", __name__), name)(around, tree)
    return tag


def _create_table_as(around: Surroundings, tree: dict[str, Any], query: Query | None) -> str:
    from .create_as import create_table_as

    return create_table_as(around, tree, query)


def _create_schema(around: Surroundings, tree: dict[str, Any]) -> str:
    """CREATE SCHEMA, and the statements in it."""
    from .schemas import create_schema, schema_elements

    tag = create_schema(around, tree)
    name = tree.get("schemaname", "") or around.session.user
    elements = schema_elements(tree, name)
    if elements:
        with around.catalog.in_schema(name):
            for element in elements:
                ((kind, node),) = element.items()
                run(Utility(kind=kind, tree=node), around)
    return tag


def _create_extension(around: Surroundings, tree: dict[str, Any]) -> str:
    """CREATE EXTENSION: there is the one that every database has."""
    from .common import notice

    name = tree["extname"]
    if name != "plpgsql":
        raise SqlError(
            "0A000",
            f'extension "{name}" is not available',
            hint="The extension must first be installed on the system where PostgreSQL is running.",
        )
    if not tree.get("if_not_exists"):
        raise SqlError("42710", f'extension "{name}" already exists')
    notice(around, f'extension "{name}" already exists, skipping', "42710")
    return "CREATE EXTENSION"


def drop_temporary(around: Surroundings) -> None:
    """DISCARD TEMP: the session's temporary objects go."""
    from .temporary import discard

    discard(around)


def at_commit(around: Surroundings) -> None:
    """ON COMMIT DROP and ON COMMIT DELETE ROWS of temporary tables: before the transaction is committed."""
    from .temporary import at_commit

    at_commit(around)
