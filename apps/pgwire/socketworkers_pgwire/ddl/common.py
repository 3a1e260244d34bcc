"""What the statements share: where new objects go, how named ones are found, and who may change them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..catalog import PG_CATALOG, Relation
from ..catalog.reading import MAIN, TEMPORARY, Tables
from ..catalog.session import SessionCatalog
from ..catalog.temporary import TemporarySchema
from ..codec import Report
from ..errors import SqlError
from ..sql.analyze.state import Notes, Shared, State
from ..sql.execute.connection import prepared
from ..sql.execute.cursor import execute as run_with_functions
from .objects import KINDS
from .surroundings import Surroundings
from .writer import Writer

if TYPE_CHECKING:
    import apsw

__all__ = [
    "Target",
    "check_owner",
    "creation_target",
    "error",
    "find_relation",
    "meet_functions",
    "name_parts",
    "notice",
    "option_value",
    "run_sql",
    "state_of",
    "string",
    "strings",
    "unsupported",
    "wrong_kind",
]

_ARTICLES = {
    "r": "a table",
    "i": "an index",
    "S": "a sequence",
    "v": "a view",
    "m": "a materialized view",
    "c": "a composite type",
}


def error(sqlstate: str, message: str, node: dict[str, Any] | None = None, **fields: Any) -> SqlError:
    """An error, at the place of a node when one is given."""
    location = -1 if node is None else node.get("location", 0 if "location" in node else -1)
    return SqlError(sqlstate, message, position=location + 1 if location >= 0 else None, **fields)


def unsupported(feature: str, node: dict[str, Any] | None = None) -> SqlError:
    """0A000: PostgreSQL knows it, we do not."""
    return error("0A000", f"{feature} is not supported", node)


def notice(
    around: Surroundings, message: str, sqlstate: str = "00000", severity: str = "NOTICE", **fields: Any
) -> None:
    """Send a notice with the answer."""
    around.session.notice(Report(severity=severity, sqlstate=sqlstate, message=message, **fields))


def state_of(around: Surroundings, catalog: SessionCatalog | None = None) -> State:
    """A state for the functions of the analysis."""
    return State(Shared(catalog or around.catalog, around.settings, None, Notes()))


def string(node: dict[str, Any]) -> str:
    """The text of a String node."""
    text: str = node["String"].get("sval", "")
    return text


def strings(nodes: list[dict[str, Any]] | None) -> list[str]:
    """The texts of String nodes."""
    return [string(node) for node in nodes or ()]


def name_parts(nodes: list[dict[str, Any]], around: Surroundings) -> tuple[str | None, str]:
    """Schema and name of a dotted name.

    Raises:
        SqlError: 42601 it has too many parts, 0A000 it names another database.
    """
    words = strings(nodes)
    if len(words) == 3:
        if words[0] != around.session.database:
            raise error("0A000", f"cross-database references are not implemented: {'.'.join(words)}")
        words = words[1:]
    if len(words) > 3:
        raise error("42601", f"improper qualified name (too many dotted names): {'.'.join(words)}")
    return (words[0], words[1]) if len(words) == 2 else (None, words[0])


def option_value(option: dict[str, Any]) -> Any:
    """The value of a DefElem as a number or a text; None without."""
    argument = option.get("arg")
    if argument is None:
        return None
    ((kind, node),) = argument.items()
    if kind == "Integer":
        return node.get("ival", 0)
    if kind == "Float":
        text = node["fval"]
        return int(text) if text.lstrip("+-").isdigit() else text
    if kind == "Boolean":
        return node.get("boolval", False)
    if kind == "String":
        return node.get("sval", "")
    if kind == "TypeName":
        return ".".join(strings(node["names"]))
    return node


class Target:
    """Where a new object goes."""

    __slots__ = ("namespace", "persistence", "schema", "tables")

    def __init__(self, namespace: int, schema: str, tables: Tables, persistence: str) -> None:
        self.namespace = namespace
        self.schema = schema
        self.tables = tables
        self.persistence = persistence

    @property
    def temporary(self) -> bool:
        """Whether it is the session's own."""
        return self.tables.temporary


def creation_target(around: Surroundings, range_var: dict[str, Any]) -> Target:
    """The schema in which a relation of this name is made: RangeVarGetAndCheckCreationNamespace().

    Raises:
        SqlError: 3F000 there is none, 42P16, 42501.
    """
    if range_var.get("catalogname") and range_var["catalogname"] != around.session.database:
        raise unsupported("a name with another database in it", range_var)
    return target_of(around, range_var.get("schemaname"), range_var.get("relpersistence", "p"), range_var)


def target_of(
    around: Surroundings, schema: str | None, persistence: str = "p", node: dict[str, Any] | None = None
) -> Target:
    """As `creation_target`, for the name of a schema."""
    catalog = around.catalog
    if schema == "pg_temp":
        persistence, schema = "t", None
    if persistence == "t":
        if schema is not None and (catalog.temporary is None or schema != catalog.temporary.name):
            raise error("42P16", "cannot create temporary relation in non-temporary schema", node)
        session = around.session
        if not around.authorization.database(session.database_oid, session.user_oid, "T"):
            raise SqlError("42501", f'permission denied to create temporary tables in database "{session.database}"')
        around.make_temporary()
        temporary = catalog.temporary
        assert temporary is not None
        return Target(temporary.oid, temporary.name, TEMPORARY, "t")
    if schema is None:
        namespace = catalog.creation_namespace()
        if namespace is None:
            raise error("3F000", "no schema has been selected to create in", node)
    else:
        found = catalog.namespace(schema)
        if found is None:
            raise error("3F000", f'schema "{schema}" does not exist', node)
        namespace = found
    if TemporarySchema.holds(namespace):
        return Target(namespace, catalog.namespace_name(namespace) or "", TEMPORARY, "t")
    around.authorization.check_schema(namespace, around.session.user_oid, "C")
    return Target(namespace, catalog.namespace_name(namespace) or "", MAIN, persistence)


def run_sql(around: Surroundings, sql: str, values: Sequence[Any] = ()) -> apsw.Cursor:
    """Run SQL on tables of users, whose indexes and checks may call functions that the connection has not got yet."""
    return run_with_functions(prepared(around.connection), around.connection, sql, values)


def meet_functions(around: Surroundings, relation: Relation) -> None:
    """Give the connection all functions that the indexes and checks of a table call."""
    # preparing it is enough
    run_sql(around, f"EXPLAIN INSERT INTO {relation.storage} DEFAULT VALUES").close(True)


def refuse_system(namespace: int, name: str) -> None:
    """Nothing can be made in pg_catalog.

    Raises:
        SqlError: 42501.
    """
    if namespace == PG_CATALOG:
        raise SqlError(
            "42501",
            f'permission denied to create "pg_catalog.{name}"',
            detail="System catalog modifications are currently disallowed.",
        )


def find_relation(
    around: Surroundings, range_var: dict[str, Any], *, missing_ok: bool = False, kinds: str = ""
) -> Relation | None:
    """The relation of a RangeVar.

    Args:
        around: the statement.
        range_var: it.
        missing_ok: give None when there is none.
        kinds: relkinds that it may have; any without.

    Raises:
        SqlError: 42P01, 3F000, 42809.
    """
    schema, name = range_var.get("schemaname"), range_var["relname"]
    found = around.catalog.relation(schema, name)
    if found is None:
        if missing_ok:
            return None
        if schema is not None and around.catalog.namespace(schema) is None:
            raise error("3F000", f'schema "{schema}" does not exist')
        raise error("42P01", f'relation "{schema + "." if schema else ""}{name}" does not exist')
    if kinds and found.kind not in kinds:
        raise wrong_kind(found, kinds)
    return found


def wrong_kind(relation: Relation, kinds: str) -> SqlError:
    """42809: a relation is not of the kind that the statement is about."""
    return SqlError("42809", f'"{relation.name}" is not {_ARTICLES[kinds[0]]}')


def check_owner(around: Surroundings, relation: Relation) -> None:
    """Only the owner of a relation, or a superuser, may change it.

    Raises:
        SqlError: 42501.
    """
    if relation.oid < 16384:
        raise SqlError("42501", f'permission denied: "{relation.name}" is a system catalog')
    if not around.session.superuser and not is_member(around, relation.owner):
        raise SqlError("42501", f"must be owner of {KINDS.get(relation.kind, 'relation')} {relation.name}")


def is_member(around: Surroundings, role: int) -> bool:
    """Whether the current user has the rights of a role: is it, or is a member of it by whatever way."""
    return around.authorization.is_member(around.session.user_oid, role)


def writer_of(around: Surroundings) -> Writer:
    """A writer of the statement's catalogue."""
    return Writer(around.connection, around.catalog)
