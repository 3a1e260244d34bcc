"""Temporary objects: PostgreSQL 15 documentation, page CREATE TABLE; they are rows of the session's own catalogue."""

from __future__ import annotations

from typing import Any, cast

from tests.pgwire.ddl.world import World

from socketworkers_pgwire import ddl


def test_a_temporary_table_hides_a_permanent_one(world: World) -> None:
    world.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    world.run("CREATE TEMP TABLE t (b text DEFAULT 'x', CHECK (b <> '')); INSERT INTO t DEFAULT VALUES")
    assert world.run("SELECT * FROM t") == [("x",)]
    assert world.run("SELECT * FROM public.t") == [("1",)]
    assert world.run("SELECT * FROM pg_temp.t") == [("x",)]
    world.run("DROP TABLE t")
    assert world.run("SELECT * FROM t") == [("1",)]


def test_they_are_seen_in_the_catalogue(world: World) -> None:
    world.run("CREATE TEMP TABLE t (id serial PRIMARY KEY, b text UNIQUE)")
    rows = world.run("SELECT relname, relpersistence FROM pg_class WHERE relname LIKE 't%' AND relpersistence = 't'")
    assert sorted(rows) == [("t", "t"), ("t_b_key", "t"), ("t_id_seq", "t"), ("t_pkey", "t")]
    assert world.run("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 't'::regclass") == [
        ("nextval('t_id_seq'::regclass)",)
    ]
    assert world.run("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pg_temp%'") == [("pg_temp_4711",)]
    kept = world.connection.execute('SELECT count(*) FROM main."pg_catalog.pg_class" WHERE oid >= 16384').get
    assert kept == 0


def test_a_view_of_one_is_one(world: World) -> None:
    world.run("CREATE TEMP TABLE t (a int); CREATE VIEW v AS SELECT a FROM t")
    assert world.said() == ['view "v" will be a temporary view']
    world.run("DROP TABLE t CASCADE")
    assert world.said() == ["drop cascades to view v"]


def test_on_commit(world: World) -> None:
    world.run("CREATE TEMP TABLE gone (a int) ON COMMIT DROP")
    world.run("CREATE TEMP TABLE emptied (a int) ON COMMIT DELETE ROWS")
    world.run("INSERT INTO gone VALUES (1); INSERT INTO emptied VALUES (1)")
    ddl.at_commit(cast("Any", world))
    world.catalog.end()
    world.catalog.begin(world.connection)
    assert world.run("SELECT count(*) FROM emptied") == [("0",)]
    assert world.fails("SELECT * FROM gone").sqlstate == "42P01"
    assert world.fails("CREATE TABLE p (a int) ON COMMIT DROP").sqlstate == "42P16"


def test_foreign_keys_keep_to_their_kind(world: World) -> None:
    world.run("CREATE TABLE p (id int PRIMARY KEY)")
    world.run("CREATE TEMP TABLE tp (id int PRIMARY KEY)")
    assert world.fails("CREATE TABLE bad (a int REFERENCES tp)").sqlstate == "42P16"
    assert world.fails("CREATE TEMP TABLE bad (a int REFERENCES p)").sqlstate == "42P16"
    world.run("CREATE TEMP TABLE child (a int REFERENCES tp ON DELETE CASCADE)")
    world.run("INSERT INTO tp VALUES (1); INSERT INTO child VALUES (1); DELETE FROM tp")
    assert world.run("SELECT * FROM child") == []


def test_discard(world: World) -> None:
    world.run("CREATE TEMP TABLE a (id int PRIMARY KEY); CREATE TEMP TABLE b (a_id int REFERENCES a)")
    ddl.drop_temporary(cast("Any", world))
    world.catalog.begin(world.connection)
    assert world.fails("SELECT * FROM a").sqlstate == "42P01"
    assert world.run("SELECT count(*) FROM pg_class WHERE relpersistence = 't'") == [("0",)]
