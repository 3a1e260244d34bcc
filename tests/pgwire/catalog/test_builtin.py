"""PostgreSQL's own objects, as every database has them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from socketworkers_pgwire.catalog import PG_CATALOG
from socketworkers_pgwire.catalog.opening import create_database, memory_catalog
from socketworkers_pgwire.catalog.session import DatabaseCatalog, SessionCatalog
from socketworkers_pgwire.catalog.shipped import attach, shipped


@pytest.fixture
def catalog() -> Iterator[SessionCatalog]:
    found = memory_catalog()
    yield found
    found.connection.close()


def test_functions_of_a_name(catalog: SessionCatalog) -> None:
    found = {proc.signature: proc for proc in catalog.functions(None, "substr")}
    assert set(found) == {
        "substr(text,integer,integer)",
        "substr(text,integer)",
        "substr(bytea,integer,integer)",
        "substr(bytea,integer)",
    }
    text = found["substr(text,integer,integer)"]
    assert (text.oid, text.arguments, text.result, text.strict, text.volatility) == (877, (25, 23, 23), 25, True, "i")
    assert catalog.function_by_oid(877) == text
    assert catalog.functions("information_schema", "substr") == ()
    assert catalog.functions("nosuch", "substr") == ()
    assert catalog.functions(None, "_pg_char_max_length") == ()
    assert len(catalog.functions("information_schema", "_pg_char_max_length")) == 1


def test_default_arguments_and_aggregates(catalog: SessionCatalog) -> None:
    (interval,) = catalog.functions(None, "make_interval")
    assert interval.defaults == ("0", "0", "0", "0", "0", "0", "0.0")
    assert interval.names == ("years", "months", "weeks", "days", "hours", "mins", "secs")
    (mode,) = catalog.functions(None, "mode")
    assert (mode.kind, mode.aggregate_kind, mode.direct_count) == ("a", "o", 0)
    (timezones,) = catalog.functions(None, "pg_timezone_names")
    assert (timezones.modes, timezones.all_arguments) == ("oooo", (25, 25, 1186, 16))


def test_operators(catalog: SessionCatalog) -> None:
    found = {operator.signature for operator in catalog.operators(None, "-")}
    assert {"-(integer,integer)", "-(NONE,integer)"} <= found
    assert catalog.operators("public", "-") == ()
    plus = catalog.operator_by_oid(551)
    assert plus is not None
    assert plus.signature == "+(integer,integer)"


def test_types_and_casts(catalog: SessionCatalog) -> None:
    integer = catalog.type(None, "int4")
    assert integer is not None
    assert integer.implementation is not None
    assert integer.implementation.format_type() == "integer"
    array = catalog.type_by_oid(integer.array)
    assert array is not None
    assert (array.name, array.element, array.category) == ("_int4", 23, "A")
    widening = catalog.cast(23, 20)
    assert widening is not None
    assert (widening.context, widening.method) == ("i", "f")
    assert catalog.cast(23, 2950) is None
    domain = catalog.type("information_schema", "sql_identifier")
    assert domain is not None
    assert (domain.kind, domain.base) == ("d", 19)
    assert domain.implementation is not None


@pytest.mark.parametrize(
    ("name", "equality", "less"),
    [
        ("int4", "=(integer,integer)", "<(integer,integer)"),
        ("varchar", "=(text,text)", "<(text,text)"),
        ("regclass", "=(oid,oid)", "<(oid,oid)"),
        ("_int4", "=(anyarray,anyarray)", "<(anyarray,anyarray)"),
        ("cidr", "=(inet,inet)", "<(inet,inet)"),
        ("xid", "=(xid,xid)", None),
        ("json", None, None),
        ("_json", None, None),
        ("point", None, None),
    ],
)
def test_default_operators(catalog: SessionCatalog, name: str, equality: str | None, less: str | None) -> None:
    """Documentation §38.16.6: sorting and comparing go by the default btree operator class."""
    found = catalog.type(None, name)
    assert found is not None
    operator = catalog.equality_operator(found.oid)
    assert (operator.signature if operator else None) == equality
    ordering = catalog.ordering_operators(found.oid)
    assert (ordering[0].signature if ordering else None) == less


def test_relations_of_the_system_can_be_read(catalog: SessionCatalog) -> None:
    rows = catalog.connection.execute(
        """SELECT oid, relname, relkind FROM "pg_catalog.pg_class" WHERE relkind IN ('r', 'v')"""
    ).fetchall()
    assert len(rows) > 190
    for oid, name, kind in rows:
        assert isinstance(oid, int)
        relation = catalog.relation_by_oid(oid)
        assert relation is not None
        assert relation.name == name
        if kind == "v":
            assert relation.definition.startswith(" SELECT ")
        elif "pg_cluster_rows" not in relation.storage:
            names = ", ".join(f'"{column.name}"' for column in relation.columns)
            catalog.connection.execute(f"SELECT {names} FROM {relation.storage} LIMIT 1").fetchall()


def test_search_path(catalog: SessionCatalog) -> None:
    public = catalog.namespace("public")
    assert catalog.search_path == (PG_CATALOG, public)
    assert catalog.creation_namespace() == public
    assert catalog.relation(None, "tables") is None
    catalog.set_search_path(["information_schema", "public", "nosuch"], "someone")
    found = catalog.relation(None, "tables")
    assert found is not None
    assert found.schema == "information_schema"
    assert catalog.qualified().search_path == (PG_CATALOG,)
    assert catalog.qualified().creation_namespace() is None


def test_a_database_is_a_copy_of_an_image(tmp_path: Path) -> None:
    path = tmp_path / "new.sqlite"
    create_database(path)
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
    attach(connection)
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("integrity_check") == "ok"
    catalog = SessionCatalog(DatabaseCatalog())
    catalog.begin(connection)
    found = catalog.relation(None, "pg_class")
    assert found is not None
    connection.close()


def test_files_are_made_once(tmp_path: Path) -> None:
    first = shipped(tmp_path / "cache")
    assert sorted(os.listdir(tmp_path / "cache")) == sorted([first.rows.name, first.template.name])
    before = first.rows.stat().st_ino
    shipped.cache_clear()
    assert shipped(tmp_path / "cache").rows.stat().st_ino == before
    shipped.cache_clear()


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    """What stands there could be rows of an attacker."""
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(PermissionError):
        shipped(folder)
