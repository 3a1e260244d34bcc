"""Where each table of PostgreSQL's catalogue lives, and how it is declared in SQLite. Sans-IO.

Rows that users can add stand in the file of the database itself, together with PostgreSQL's own rows of the same table,
under the name ``"pg_catalog.pg_class"``. Rows that are the same everywhere stand in one read-only file that is attached
to each connection as ``shipped``; so do tables that nothing can be added to. A few have rows in both, and what belongs
to the whole cluster comes from a function of the connection.
"""

from __future__ import annotations

from ..types import BY_NAME
from ..types.sqlite import declare_column, quote_identifier

__all__ = ["CLUSTER", "INDEXES", "LOCAL", "SHIPPED", "SPLIT", "WITH_TEMPORARY", "create_table", "physical_name"]

#: name under which the file of shipped rows is attached
SHIPPED = "shipped"

#: tables of pg_catalog in the file of each database
LOCAL = (
    "pg_namespace",
    "pg_class",
    "pg_attribute",
    "pg_type",
    "pg_index",
    "pg_constraint",
    "pg_attrdef",
    "pg_depend",
    "pg_enum",
    "pg_sequence",
    "pg_rewrite",
)

#: tables whose shipped rows stay in the shared file, while those of users are in the database's
SPLIT = ("pg_description",)

#: tables that have rows for a session's temporary objects
WITH_TEMPORARY = frozenset((*LOCAL, *SPLIT))

#: tables of the whole cluster
CLUSTER = (
    "pg_authid",
    "pg_auth_members",
    "pg_database",
    "pg_db_role_setting",
    "pg_shdescription",
    "pg_tablespace",
)

#: keys that rows are looked up by, beside an oid; of each table the first is unique in PostgreSQL too
INDEXES: dict[str, tuple[str, ...]] = {
    "pg_namespace": ("nspname",),
    "pg_class": ("relname, relnamespace",),
    "pg_attribute": ("attrelid, attnum", "attrelid, attname"),
    "pg_type": ("typname, typnamespace",),
    "pg_index": ("indexrelid", "indrelid"),
    "pg_constraint": ("conrelid, contypid, conname", "confrelid", "conname"),
    "pg_attrdef": ("adrelid, adnum",),
    "pg_depend": ("classid, objid, objsubid", "refclassid, refobjid, refobjsubid"),
    "pg_enum": ("enumtypid, enumlabel",),
    "pg_sequence": ("seqrelid",),
    "pg_rewrite": ("ev_class, rulename",),
    "pg_description": ("objoid, classoid, objsubid",),
    "pg_aggregate": ("aggfnoid",),
    "pg_amop": ("amopfamily, amoplefttype, amoprighttype, amopstrategy", "amopopr"),
    "pg_amproc": ("amprocfamily, amproclefttype, amprocrighttype, amprocnum",),
    "pg_cast": ("castsource, casttarget",),
    "pg_collation": ("collname, collnamespace",),
    "pg_opclass": ("opcmethod, opcname, opcnamespace", "opcintype"),
    "pg_operator": ("oprname, oprnamespace",),
    "pg_proc": ("proname, pronamespace",),
    "signature": ("signature",),
    "setting": ("name",),
}
#: of these not even the first key is unique
_REPEATED = {"pg_depend", "pg_operator", "pg_proc", "signature"}
#: whose rows stay in PostgreSQL's own order, which clients show (psql's \\dAf aggregates without ORDER BY)
_IN_ORDER = {"pg_opclass"}


def physical_name(table: str) -> str:
    """The name of a table of pg_catalog, or of one that is qualified, in SQLite; not quoted."""
    return table if "." in table else f"pg_catalog.{table}"


def create_table(table: str, columns: list[tuple[str, str]], database: str = "main", name: str = "") -> list[str]:
    """The statements that make a table of the catalogue with its indexes.

    Args:
        table: its name in pg_catalog.
        columns: names and types.
        database: where: ``main``, ``temp``.
        name: in SQLite, when it is another one than usual.
    """
    name = name or physical_name(table)
    declared = []
    for column, kind in columns:
        if column == "oid" and table in _IN_ORDER:
            declared.append(f"{quote_identifier(column)} INTEGER NOT NULL UNIQUE")
        elif column == "oid":
            declared.append(f"{quote_identifier(column)} INTEGER PRIMARY KEY")
        elif kind in BY_NAME:
            declared.append(declare_column(column, BY_NAME[kind]))
        else:  # a text form is kept
            declared.append(f"{quote_identifier(column)} {'INTEGER' if kind == 'cardinal_number' else 'TEXT'}")
    statements = [f"CREATE TABLE {database}.{quote_identifier(name)} ({', '.join(declared)}) STRICT"]
    for number, key in enumerate(INDEXES.get(table, ()), 1):
        unique = "UNIQUE " if number == 1 and table not in _REPEATED else ""
        index = quote_identifier(f"{name}.{number}")
        statements.append(f"CREATE {unique}INDEX {database}.{index} ON {quote_identifier(name)} ({key})")
    return statements
