"""CREATE SCHEMA (src/backend/commands/schemacmds.c)."""

from __future__ import annotations

from typing import Any

from ..catalog.reading import MAIN
from ..errors import SqlError
from ..types.text import cut_name
from .common import is_member, notice, writer_of
from .roles import find_role
from .surroundings import Surroundings

__all__ = ["create_schema", "schema_elements"]


def create_schema(around: Surroundings, tree: dict[str, Any]) -> str:
    """CREATE SCHEMA, without the statements in it."""
    owner, owner_name = around.session.user_oid, around.session.user
    if "authrole" in tree:
        owner, owner_name = find_role(around, tree["authrole"])
    session = around.session
    if not around.authorization.database(session.database_oid, session.user_oid, "C"):
        raise SqlError("42501", f"permission denied for database {session.database}")
    if not session.superuser and not is_member(around, owner):
        raise SqlError("42501", f'must be member of role "{owner_name}"')
    name = cut_name(tree.get("schemaname", "") or owner_name)
    if name.startswith("pg_"):
        raise SqlError(
            "42939",
            f'unacceptable schema name "{name}"',
            detail='The prefix "pg_" is reserved for system schemas.',
        )
    if around.catalog.namespace(name) is not None:
        if not tree.get("if_not_exists"):
            raise SqlError("42P06", f'schema "{name}" already exists')
        notice(around, f'schema "{name}" already exists, skipping', "42P06")
        return "CREATE SCHEMA"
    writer = writer_of(around)

    writer.insert("pg_namespace", MAIN, oid=writer.new_oid(), nspname=name, nspowner=owner)
    writer.changed()
    return "CREATE SCHEMA"


def schema_elements(tree: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The statements within CREATE SCHEMA, in the order in which they are run, their names put into the schema.

    Raises:
        SqlError: 42P15 one of them names another schema.
    """
    order = ("CreateSeqStmt", "CreateStmt", "ViewStmt", "IndexStmt", "CreateTrigStmt", "GrantStmt")
    elements: list[tuple[int, dict[str, Any]]] = []
    for element in tree.get("schemaElts", []):
        ((kind, node),) = element.items()
        range_var = node.get("relation") or node.get("view") or node.get("sequence")
        if isinstance(range_var, dict) and kind != "GrantStmt":
            given = range_var.setdefault("schemaname", name)
            if given != name:
                raise SqlError(
                    "42P15",
                    f"CREATE specifies a schema ({given}) different from the one being created ({name})",
                )
        elements.append((order.index(kind) if kind in order else len(order), element))
    return [element for _, element in sorted(elements, key=lambda each: each[0])]
