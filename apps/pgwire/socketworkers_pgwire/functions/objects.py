"""Objects in words, their sizes and their parts: PostgreSQL 15 documentation §9.26.4, §9.26.5, §9.27.7."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..catalog import Proc, Relation
from ..catalog.privileges import AclItem, default_acl, read_acl, write_acl
from ..catalog.spelling import format_type
from ..ddl.ids import CLASS, FIRST_NORMAL, NAMESPACE, TYPE, Address
from ..ddl.objects import KINDS, describe
from ..errors import SqlError
from ..sql.analyze.target import changeable_columns
from ..sql.keywords import quote_identifier
from .context import Execution
from .registry import rows, scalar
from .visibility import catalog_of

__all__: list[str] = []

_PAGE = 8192


@scalar("pg_describe_object(oid,oid,integer)", context=True)
def _describe(execution: Execution, class_id: int, oid: int, part: int) -> str | None:
    return describe(catalog_of(execution), Address(class_id, oid, part)) if class_id else None


@rows("pg_identify_object(oid,oid,integer)", context=True)
def _identify(execution: Execution, class_id: int, oid: int, part: int) -> Iterable[tuple[Any, ...]]:
    catalog = catalog_of(execution)
    if class_id == CLASS:
        relation = catalog.relation_by_oid(oid)
        if relation is None:
            return [(None, None, None, None)]
        kind = KINDS.get(relation.kind, "relation")
        schema, name = quote_identifier(relation.schema), quote_identifier(relation.name)
        identity = f"{schema}.{name}"
        if part:
            column = quote_identifier(relation.columns[part - 1].name)
            return [(f"{kind} column", schema, name, f"{identity}.{column}")]
        return [(kind, schema, name, identity)]
    if class_id == TYPE:
        row = catalog.type_by_oid(oid)
        if row is None:
            return [(None, None, None, None)]
        schema = catalog.namespace_name(row.namespace) or ""
        return [
            (
                "type",
                quote_identifier(schema),
                quote_identifier(row.name),
                format_type(catalog, oid, always_qualify=True),
            )
        ]
    if class_id == NAMESPACE:
        schema = quote_identifier(catalog.namespace_name(oid) or "")
        return [("schema", None, schema, schema)]
    words = describe(catalog, Address(class_id, oid, part))
    return [(words.split(" ", 1)[0], None, None, words.split(" ", 1)[-1])]


# Sizes


def _pages(execution: Execution, names: list[tuple[str, str]]) -> int:
    """Bytes that tables and indexes of SQLite take, in PostgreSQL's pages."""
    total = 0
    for database, name in names:
        row: Any = (
            catalog_of(execution)
            .connection.execute(f"SELECT sum(pgsize) FROM {database}.dbstat WHERE name = ? AND aggregate = 1", (name,))
            .fetchone()
        )
        if row is not None and row[0]:
            total += -(-int(row[0]) // _PAGE) * _PAGE
    return total


def _table_names(relation: Relation) -> list[tuple[str, str]]:
    if not relation.storage or relation.storage.startswith("("):
        return []
    database, dot, name = relation.storage.partition(".")
    if database not in ("main", "temp", "shipped") or not dot:
        database, name = "main", relation.storage
    return [(database, name.strip('"').replace('""', '"'))]


def _index_names(relation: Relation) -> list[tuple[str, str]]:
    database = "temp" if relation.persistence == "t" else "main"
    return [(database, index.storage) for index in relation.indexes if index.storage]


def _relation_names(execution: Execution, relation: Relation) -> list[tuple[str, str]]:
    if relation.kind == "i":
        return [("temp" if relation.persistence == "t" else "main", f"index.{relation.oid}")]
    return _table_names(relation) if relation.kind in "rm" else []


@scalar("pg_relation_size(regclass)", context=True)
def _relation_size(execution: Execution, oid: int) -> int | None:
    relation = execution.catalog.relation_by_oid(oid)
    return None if relation is None else _pages(execution, _relation_names(execution, relation))


@scalar("pg_relation_size(regclass,text)", context=True)
def _fork_size(execution: Execution, oid: int, fork: str) -> int | None:
    if fork not in ("main", "fsm", "vm", "init"):
        raise SqlError("22023", "invalid fork name", hint='Valid fork names are "main", "fsm", "vm", and "init".')
    return _relation_size(execution, oid) if fork == "main" else 0


@scalar("pg_table_size(regclass)", context=True)
def _table_size(execution: Execution, oid: int) -> int | None:
    result: int | None = _relation_size(execution, oid)
    return result


@scalar("pg_indexes_size(regclass)", context=True)
def _indexes_size(execution: Execution, oid: int) -> int | None:
    relation = execution.catalog.relation_by_oid(oid)
    return None if relation is None else _pages(execution, _index_names(relation))


@scalar("pg_total_relation_size(regclass)", context=True)
def _total_size(execution: Execution, oid: int) -> int | None:
    relation = execution.catalog.relation_by_oid(oid)
    if relation is None:
        return None
    return _pages(execution, _relation_names(execution, relation) + _index_names(relation))


def _database_bytes(execution: Execution) -> int:
    connection = catalog_of(execution).connection
    pages, size = connection.pragma("page_count"), connection.pragma("page_size")
    return int(str(pages)) * int(str(size))


@scalar("pg_database_size(name)", "pg_database_size(oid)", context=True)
def _database_size(execution: Execution, which: Any) -> int:
    session = execution.session
    if which in (session.database, session.database_oid):
        return _database_bytes(execution)
    column = 0 if isinstance(which, int) else 1
    row = (
        catalog_of(execution)
        .connection.execute(
            f"SELECT 1 FROM json_each(pg_cluster_rows('pg_database')) WHERE value->>{column} = ?", (which,)
        )
        .fetchone()
    )
    if row is None:
        raise SqlError("3D000", f'database "{which}" does not exist')
    return 0


@scalar("pg_tablespace_size(name)", "pg_tablespace_size(oid)", context=True)
def _tablespace_size(execution: Execution, which: Any) -> int:
    return _database_bytes(execution) if which in ("pg_default", 1663) else 0


@scalar("pg_tablespace_location(oid)")
def _tablespace_location(oid: int) -> str:
    return ""


@scalar("pg_relation_filenode(regclass)", context=True)
def _filenode(execution: Execution, oid: int) -> int | None:
    relation = execution.catalog.relation_by_oid(oid)
    return oid if relation is not None and relation.kind in "rmiS" else None


@scalar("pg_relation_filepath(regclass)", context=True)
def _filepath(execution: Execution, oid: int) -> str | None:
    relation = execution.catalog.relation_by_oid(oid)
    if relation is None or relation.kind not in "rmiS":
        return None
    return f"base/{execution.session.database_oid}/{oid}"


# What can be changed

_UPDATE, _INSERT, _DELETE = 4, 8, 16
"""1 << CMD_UPDATE, CMD_INSERT, CMD_DELETE (src/include/nodes/nodes.h of PostgreSQL 15)."""
_PG_SETTINGS = ("pg_catalog", "pg_settings")
"""The one view that has an INSTEAD rule: ON UPDATE."""
_OF_SYSTEM_VIEWS: dict[int, Sequence[bool] | None] = {}
"""By OID: those of the catalogue's own views never change."""


@scalar("pg_relation_is_updatable(regclass,boolean)", context=True)
def _updatable(execution: Execution, oid: int, triggers: int) -> int:
    relation = execution.catalog.relation_by_oid(oid)
    if relation is None:
        return 0
    if relation.kind == "v":
        columns = _columns_of_view(execution, relation)
        by_itself = 0 if columns is None else _UPDATE | _INSERT | _DELETE if any(columns) else _DELETE
        return by_itself | (_UPDATE if (relation.schema, relation.name) == _PG_SETTINGS else 0)
    return _UPDATE | _INSERT | _DELETE if relation.kind == "r" else 0


def _columns_of_view(execution: Execution, view: Relation) -> Sequence[bool] | None:
    """Which columns can be changed through a view; None when it is not simple."""
    if view.oid >= FIRST_NORMAL:
        return changeable_columns(catalog_of(execution), execution.settings, view)
    if view.oid not in _OF_SYSTEM_VIEWS:
        _OF_SYSTEM_VIEWS[view.oid] = changeable_columns(catalog_of(execution), execution.settings, view)
    return _OF_SYSTEM_VIEWS[view.oid]


@scalar("pg_column_is_updatable(regclass,smallint,boolean)", context=True)
def _column_updatable(execution: Execution, oid: int, number: int, triggers: int) -> int:
    relation = execution.catalog.relation_by_oid(oid)
    if relation is None or number <= 0:
        return 0
    if relation.kind == "v":
        columns = _columns_of_view(execution, relation)
        return int(columns is not None and number <= len(columns) and columns[number - 1])
    return int(relation.kind == "r")


@scalar("pg_relation_is_publishable(regclass)", context=True)
def _publishable(execution: Execution, oid: int) -> int | None:
    relation = execution.catalog.relation_by_oid(oid)
    if relation is None:
        return None
    return int(relation.kind == "r" and relation.persistence == "p" and oid >= FIRST_NORMAL)


# Partitions, which there are none of


@rows("pg_partition_ancestors(regclass)", "pg_partition_tree(regclass)")
def _no_partitions(oid: int) -> Iterable[tuple[Any, ...]]:
    return ()


@scalar("pg_partition_root(regclass)")
def _no_root(oid: int) -> None:
    return None


# Sequences


@rows("pg_sequence_parameters(oid)", context=True)
def _sequence_parameters(execution: Execution, oid: int) -> Iterable[tuple[Any, ...]]:
    tables = catalog_of(execution).tables_of(oid)
    row: Any = (
        catalog_of(execution)
        .connection.execute(
            f"""SELECT seqstart, seqmin, seqmax, seqincrement, seqcycle, seqcache, seqtypid FROM {tables["pg_sequence"]}
        WHERE seqrelid = ?""",
            (oid,),
        )
        .fetchone()
    )
    if row is None:
        raise SqlError("42809", f'"{oid}" is not a sequence')
    return [row]


# Functions in words: pg_get_function_arguments() and its like, utils/adt/ruleutils.c

_MODES = {"i": "", "o": "OUT ", "b": "INOUT ", "v": "VARIADIC "}


def _arguments(execution: Execution, proc: Proc, *, defaults: bool) -> str:
    kinds = proc.all_arguments or proc.arguments
    modes = proc.modes or "i" * len(kinds)
    inputs = [place for place, mode in enumerate(modes) if mode in "ibv"]
    first_default = len(inputs) - proc.default_count
    parts = []
    for place, kind in enumerate(kinds):
        mode = modes[place]
        if mode == "t":
            continue
        name = proc.names[place] if place < len(proc.names) else ""
        text = _MODES.get(mode, "")
        if name:
            text += f"{quote_identifier(name)} "
        text += format_type(execution.catalog, kind)
        if defaults and place in inputs:
            number = inputs.index(place) - first_default
            if number >= 0:
                text += f" DEFAULT {proc.defaults[number]}"
        parts.append(text)
    if proc.kind == "a" and proc.aggregate_kind in ("o", "h"):
        direct = parts[: proc.direct_count]
        return f"{', '.join(direct)} ORDER BY {', '.join(parts[proc.direct_count :])}".strip()
    return ", ".join(parts)


@scalar("pg_get_function_arguments(oid)", context=True)
def _function_arguments(execution: Execution, oid: int) -> str | None:
    proc = execution.catalog.function_by_oid(oid)
    return None if proc is None else _arguments(execution, proc, defaults=True)


@scalar("pg_get_function_identity_arguments(oid)", context=True)
def _function_identity(execution: Execution, oid: int) -> str | None:
    proc = execution.catalog.function_by_oid(oid)
    return None if proc is None else _arguments(execution, proc, defaults=False)


def _result(execution: Execution, proc: Proc) -> str:
    if "t" in proc.modes:
        columns = [
            f"{quote_identifier(proc.names[place])} {format_type(execution.catalog, proc.all_arguments[place])}"
            for place, mode in enumerate(proc.modes)
            if mode == "t"
        ]
        return f"TABLE({', '.join(columns)})"
    return ("SETOF " if proc.returns_set else "") + format_type(execution.catalog, proc.result)


@scalar("pg_get_function_result(oid)", context=True)
def _function_result(execution: Execution, oid: int) -> str | None:
    proc = execution.catalog.function_by_oid(oid)
    return None if proc is None or proc.kind == "p" else _result(execution, proc)


@scalar("pg_get_function_arg_default(oid,integer)", context=True)
def _function_default(execution: Execution, oid: int, number: int) -> str | None:
    proc = execution.catalog.function_by_oid(oid)
    if proc is None:
        return None
    modes = proc.modes or "i" * len(proc.arguments)
    if not 1 <= number <= len(modes) or modes[number - 1] not in "ibv":
        return None
    place = sum(mode in "ibv" for mode in modes[: number - 1]) - (len(proc.arguments) - proc.default_count)
    return proc.defaults[place] if place >= 0 else None


@scalar("pg_get_function_sqlbody(oid)")
def _function_body(oid: int) -> None:
    return None


_VOLATILITY = {"i": " IMMUTABLE", "s": " STABLE", "v": ""}
_PARALLEL = {"s": " PARALLEL SAFE", "r": " PARALLEL RESTRICTED", "u": ""}


@scalar("pg_get_functiondef(oid)", context=True)
def _function_definition(execution: Execution, oid: int) -> str | None:
    proc = execution.catalog.function_by_oid(oid)
    if proc is None:
        return None
    if proc.kind == "a":
        raise SqlError("42809", f'"{proc.name}" is an aggregate function')
    row: Any = (
        catalog_of(execution)
        .connection.execute(
            """SELECT proparallel, procost, prorows, proleakproof, prosecdef, prosupport
        FROM shipped."pg_catalog.pg_proc" WHERE oid = ?""",
            (oid,),
        )
        .fetchone()
    )
    parallel, cost, count, leakproof, definer, support = row
    schema = quote_identifier(execution.catalog.namespace_name(proc.namespace) or "")
    words = _VOLATILITY[proc.volatility] + _PARALLEL[parallel] + (" STRICT" if proc.strict else "")
    words = (" WINDOW" if proc.kind == "w" else "") + words
    words += (" SECURITY DEFINER" if definer else "") + (" LEAKPROOF" if leakproof else "")
    standard = 1 if proc.language in ("internal", "c") else 100
    if cost != standard:
        words += f" COST {cost:g}"
    if proc.returns_set and count != 1000:
        words += f" ROWS {count:g}"
    helper = execution.catalog.function_by_oid(support) if support else None
    if helper is not None:
        words += f" SUPPORT {quote_identifier(helper.name)}"
    text = f"CREATE OR REPLACE FUNCTION {schema}.{quote_identifier(proc.name)}("
    text += f"{_arguments(execution, proc, defaults=True)})\n RETURNS {_result(execution, proc)}\n"
    text += f" LANGUAGE {proc.language}\n"
    if words:
        text += f"{words}\n"
    return f"{text}AS $function${proc.source}$function$\n"


# Access privileges as values


@scalar('acldefault("char",oid)', context=True)
def _acl_default(execution: Execution, kind: str, owner: int) -> str:
    kinds = {
        "c": "column",
        "r": "table",
        "s": "sequence",
        "d": "database",
        "f": "function",
        "l": "language",
        "n": "schema",
        "t": "tablespace",
        "T": "type",
    }
    if kind not in kinds:
        raise SqlError("XX000", f"unrecognized object type abbreviation: {kind}")
    return write_acl(default_acl(kinds[kind], _role_name(execution, owner)))


def _role_name(execution: Execution, oid: int) -> str:
    row: Any = (
        catalog_of(execution)
        .connection.execute("SELECT value->>1 FROM json_each(pg_cluster_rows('pg_authid')) WHERE value->>0 = ?", (oid,))
        .fetchone()
    )
    return str(oid) if row is None else str(row[0])


_WORDS = {
    "a": "INSERT",
    "r": "SELECT",
    "w": "UPDATE",
    "d": "DELETE",
    "D": "TRUNCATE",
    "x": "REFERENCES",
    "t": "TRIGGER",
    "X": "EXECUTE",
    "U": "USAGE",
    "C": "CREATE",
    "T": "TEMPORARY",
    "c": "CONNECT",
    "s": "SET",
    "A": "ALTER SYSTEM",
}


@rows("aclexplode(aclitem[])", context=True)
def _acl_explode(execution: Execution, stored: str) -> Iterable[tuple[Any, ...]]:
    found = catalog_of(execution).connection.execute(
        "SELECT value->>1, value->>0 FROM json_each(pg_cluster_rows('pg_authid'))"
    )
    oids = {str(name): oid for name, oid in found}
    for item in read_acl(stored, "table", ""):
        for letter in _WORDS:
            if letter in item.privileges:
                grantee = oids.get(item.grantee, 0) if item.grantee else 0
                yield oids.get(item.grantor, 0), grantee, _WORDS[letter], int(letter in item.options)


@scalar("makeaclitem(oid,oid,text,boolean)", context=True)
def _make_acl_item(execution: Execution, grantee: int, grantor: int, text: str, option: int) -> str:
    letters = {
        letter
        for letter, word in _WORDS.items()
        if word in {" ".join(each.split()).upper() for each in text.split(",")}
    }
    item = AclItem(
        _role_name(execution, grantee) if grantee else "",
        _role_name(execution, grantor),
        letters,
        letters if option else set(),
    )
    made: list[str] = json.loads(write_acl([item]))
    return made[0] if made else f"{item.grantee}=/{item.grantor}"


@rows("pg_options_to_table(text[])")
def _options(stored: str) -> Iterable[tuple[Any, ...]]:
    for each in json.loads(stored):
        name, equals, value = each.partition("=")
        yield name, value if equals else None
