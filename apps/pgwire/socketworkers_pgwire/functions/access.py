"""Access privilege inquiry: PostgreSQL 15 documentation §9.26, table 9.68; utils/adt/acl.c."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ..catalog.privileges import ALL, LETTERS, allows, read_acl
from ..catalog.regnames import split_name
from ..errors import SqlError
from .context import Execution
from .registry import scalar
from .visibility import catalog_of

__all__ = ["privileges_of"]

Found: TypeAlias = "tuple[str, int, str | None]"
"""Kind of an object, OID of its owner, and its list as the catalogue keeps it."""
Find: TypeAlias = Callable[[Execution, Any], "Found | None"]


def _roles(execution: Execution) -> dict[int, tuple[str, bool, bool]]:
    """Name, whether it is a superuser, whether it inherits, by OID."""
    rows = catalog_of(execution).connection.execute(
        "SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(pg_cluster_rows('pg_authid'))"
    )
    return {int(str(oid)): (str(name), bool(superuser), bool(inherit)) for oid, name, superuser, inherit in rows}


def _members(execution: Execution) -> list[tuple[int, int, bool]]:
    rows = catalog_of(execution).connection.execute(
        "SELECT value->>0, value->>1, value->>3 FROM json_each(pg_cluster_rows('pg_auth_members'))"
    )
    return [(int(str(role)), int(str(member)), bool(admin)) for role, member, admin in rows]


def _role_oid(execution: Execution, role: int | str | None) -> int:
    if role is None:
        return execution.session.user_oid
    if isinstance(role, int):
        return role
    for oid, (name, _, _) in _roles(execution).items():
        if name == role:
            return oid
    if role == "public":
        return 0
    raise SqlError("42704", f'role "{role}" does not exist')


def privileges_of(execution: Execution, role: int, *, inherited: bool = True) -> set[str]:
    """Names of a role, and of all roles whose privileges it has.

    Args:
        execution: the statement.
        role: OID of it.
        inherited: only those that it has without SET ROLE.
    """
    roles, members = _roles(execution), _members(execution)
    reached, left = {role}, [role]
    while left:
        current = left.pop()
        if inherited and current in roles and not roles[current][2]:
            continue
        for group, member, _ in members:
            if member == current and group not in reached:
                reached.add(group)
                left.append(group)
    return {roles[oid][0] for oid in reached if oid in roles}


def _wanted(text: str, kind: str) -> list[tuple[str, bool]]:
    """Privileges of a list: letter, and whether the right to grant it is asked for."""
    found = []
    for part in text.split(","):
        word = " ".join(part.split()).upper()
        option = word.endswith(" WITH GRANT OPTION")
        word = word.removesuffix(" WITH GRANT OPTION")
        letter = LETTERS.get(word)
        allowed = ALL[kind] + ("d" if kind == "sequence" else "")
        if letter is None or letter not in allowed or (word == "TEMP" and kind != "database"):
            raise SqlError("22023", f'unrecognized privilege type: "{part.strip()}"')
        found.append((letter, option))
    return found


def _check(execution: Execution, role: Any, found: Found | None, text: str, kind: str) -> int | None:
    wanted = _wanted(text, kind)
    if found is None:
        return None
    oid = _role_oid(execution, role)
    roles = _roles(execution)
    if oid in roles and roles[oid][1]:
        return 1
    names = privileges_of(execution, oid)
    actual, owner, stored = found
    owner_name = roles.get(owner, (str(owner), False, False))[0]
    items = read_acl(stored, actual, owner_name)
    return int(any(owner_name in names or allows(items, names, letter, option=option) for letter, option in wanted))


def _row(execution: Execution, table: str, columns: str, oid: int) -> Any:
    tables = catalog_of(execution).tables_of(oid)
    return (
        catalog_of(execution)
        .connection.execute(f"SELECT {columns} FROM {tables[table]} WHERE oid = ?", (oid,))
        .fetchone()
    )


def _relation_oid(execution: Execution, name: str) -> int:
    parts = split_name(name)
    relation = execution.catalog.relation(parts[-2] if len(parts) > 1 else None, parts[-1])
    if relation is None:
        raise SqlError("42P01", f'relation "{name}" does not exist')
    return relation.oid


def _table(execution: Execution, which: Any) -> Found | None:
    oid = which if isinstance(which, int) else _relation_oid(execution, which)
    row = _row(execution, "pg_class", "relowner, relacl, relkind", oid)
    return None if row is None else ("sequence" if row[2] == "S" else "table", row[0], row[1])


def _sequence(execution: Execution, which: Any) -> Found | None:
    oid = which if isinstance(which, int) else _relation_oid(execution, which)
    row = _row(execution, "pg_class", "relowner, relacl, relkind, relname", oid)
    if row is None:
        return None
    if row[2] != "S":
        raise SqlError("42809", f'"{row[3]}" is not a sequence')
    return "sequence", row[0], row[1]


def _schema(execution: Execution, which: Any) -> Found | None:
    oid = which if isinstance(which, int) else execution.catalog.namespace(which)
    if oid is None:
        raise SqlError("3F000", f'schema "{which}" does not exist')
    row = _row(execution, "pg_namespace", "nspowner, nspacl", oid)
    return None if row is None else ("schema", row[0], row[1])


def _type(execution: Execution, which: Any) -> Found | None:
    oid = which
    if not isinstance(which, int):
        assert execution.settings.names is not None
        oid = execution.settings.names.find("regtype", which)
    row = _row(execution, "pg_type", "typowner, typacl", oid)
    return None if row is None else ("type", row[0], row[1])


def _shared(table: str, kind: str, what: str, sqlstate: str, owner: int, acl: int) -> Find:
    def find(execution: Execution, which: Any) -> Found | None:
        column = 0 if isinstance(which, int) else 1
        row: Any = (
            catalog_of(execution)
            .connection.execute(
                f"""SELECT value->>{owner}, value->>{acl} FROM json_each(pg_cluster_rows('{table}'))
            WHERE value->>{column} = ?""",
                (which,),
            )
            .fetchone()
        )
        if row is None:
            if isinstance(which, int):
                return None
            raise SqlError(sqlstate, f'{what} "{which}" does not exist')
        return kind, row[0], row[1]

    return find


def _shipped(table: str, kind: str, what: str, name: str, owner: str, acl: str) -> Find:
    def find(execution: Execution, which: Any) -> Found | None:
        if kind == "function" and not isinstance(which, int):
            assert execution.settings.names is not None
            which = execution.settings.names.find("regprocedure", which)
        column = "oid" if isinstance(which, int) else name
        row: Any = (
            catalog_of(execution)
            .connection.execute(f'SELECT {owner}, {acl} FROM shipped."pg_catalog.{table}" WHERE {column} = ?', (which,))
            .fetchone()
        )
        if row is None:
            if isinstance(which, int):
                return None
            raise SqlError("42704", f'{what} "{which}" does not exist')
        return kind, row[0], row[1]

    return find


def _none(what: str) -> Find:
    """Objects that nobody can have made."""

    def find(execution: Execution, which: Any) -> Found | None:
        if isinstance(which, int):
            return None
        raise SqlError("42704", f'{what} "{which}" does not exist')

    return find


def _register(function: str, kind: str, find: Find) -> None:
    """The six forms of an inquiry: with a role by name or OID or without, and the object by name or OID."""
    for object_type in ("text", "oid"):
        for role_type in ("name", "oid"):

            @scalar(f"{function}({role_type},{object_type},text)", context=True)
            def of_role(execution: Execution, role: Any, which: Any, text: str) -> int | None:
                return _check(execution, role, find(execution, which), text, kind)

        @scalar(f"{function}({object_type},text)", context=True)
        def of_user(execution: Execution, which: Any, text: str) -> int | None:
            return _check(execution, None, find(execution, which), text, kind)


_register("has_table_privilege", "table", _table)
_register("has_sequence_privilege", "sequence", _sequence)
_register("has_schema_privilege", "schema", _schema)
_register("has_type_privilege", "type", _type)
_register("has_database_privilege", "database", _shared("pg_database", "database", "database", "3D000", 2, 15))
_register("has_tablespace_privilege", "tablespace", _shared("pg_tablespace", "tablespace", "tablespace", "42704", 2, 3))
_register(
    "has_language_privilege",
    "language",
    _shipped("pg_language", "language", "language", "lanname", "lanowner", "lanacl"),
)
_register(
    "has_function_privilege", "function", _shipped("pg_proc", "function", "function", "proname", "proowner", "proacl")
)


_register("has_foreign_data_wrapper_privilege", "foreign-data wrapper", _none("foreign-data wrapper"))
_register("has_server_privilege", "foreign server", _none("server"))


@scalar("row_security_active(oid)", "row_security_active(text)")
def _row_security(which: Any) -> int:
    return 0


# Columns


def _column(execution: Execution, role: Any, table: Any, column: Any, text: str) -> int | None:
    oid = table if isinstance(table, int) else _relation_oid(execution, table)
    relation = execution.catalog.relation_by_oid(oid)
    wanted = _wanted(text, "column")
    if relation is None:
        return None
    found = [
        each
        for each in relation.columns
        if not each.dropped and (each.number == column if isinstance(column, int) else each.name == column)
    ]
    if not found:
        if isinstance(column, int):
            return None
        raise SqlError("42703", f'column "{column}" of relation "{relation.name}" does not exist')
    return int(any(_column_allows(execution, role, oid, found[0].number, letter, option) for letter, option in wanted))


def _column_allows(execution: Execution, role: Any, oid: int, number: int, letter: str, option: bool) -> bool:
    table = _table(execution, oid)
    if table is None:
        return False
    name = next(word for word, each in LETTERS.items() if each == letter)
    if _check(execution, role, table, name + (" WITH GRANT OPTION" if option else ""), "table"):
        return True
    tables = catalog_of(execution).tables_of(oid)
    row: Any = (
        catalog_of(execution)
        .connection.execute(
            f"SELECT attacl FROM {tables['pg_attribute']} WHERE attrelid = ? AND attnum = ?", (oid, number)
        )
        .fetchone()
    )
    if row is None or row[0] is None:
        return False
    names = privileges_of(execution, _role_oid(execution, role))
    return allows(read_acl(row[0], "column", ""), names, letter, option=option)


def _any_column(execution: Execution, role: Any, table: Any, text: str) -> int | None:
    oid = table if isinstance(table, int) else _relation_oid(execution, table)
    relation = execution.catalog.relation_by_oid(oid)
    wanted = _wanted(text, "column")
    if relation is None:
        return None
    numbers = [each.number for each in relation.columns if not each.dropped]
    return int(
        any(
            _column_allows(execution, role, oid, number, letter, option)
            for letter, option in wanted
            for number in numbers
        )
    )


for _table_type in ("text", "oid"):
    for _column_type in ("text", "smallint"):
        for _role_type in ("name", "oid"):
            scalar(f"has_column_privilege({_role_type},{_table_type},{_column_type},text)", context=True)(_column)
        scalar(f"has_column_privilege({_table_type},{_column_type},text)", context=True)(
            lambda execution, table, column, text: _column(execution, None, table, column, text)
        )
    for _role_type in ("name", "oid"):
        scalar(f"has_any_column_privilege({_role_type},{_table_type},text)", context=True)(_any_column)
    scalar(f"has_any_column_privilege({_table_type},text)", context=True)(
        lambda execution, table, text: _any_column(execution, None, table, text)
    )


# Roles


def _has_role(execution: Execution, user: Any, role: Any, text: str) -> int:
    words = [" ".join(part.split()).upper() for part in text.split(",")]
    member, group = _role_oid(execution, user), _role_oid(execution, role)
    roles = _roles(execution)
    group_name = roles.get(group, ("", False, False))[0]
    for word in words:
        plain = word.removesuffix(" WITH GRANT OPTION").removesuffix(" WITH ADMIN OPTION")
        if plain not in ("USAGE", "MEMBER"):
            raise SqlError("22023", f'unrecognized privilege type: "{word}"')
        if member in roles and roles[member][1]:
            return 1
        if plain != word:
            if any((each, who, True) == (group, member, admin) for each, who, admin in _members(execution)):
                return 1
        elif group_name in privileges_of(execution, member, inherited=plain == "USAGE"):
            return 1
    return 0


for _first in ("name", "oid"):
    for _second in ("name", "oid"):
        scalar(f"pg_has_role({_first},{_second},text)", context=True)(_has_role)
    scalar(f"pg_has_role({_first},text)", context=True)(
        lambda execution, role, text: _has_role(execution, None, role, text)
    )
