"""What stands in SQLite's file: ordinary tables, and rows that no definition loses."""

from __future__ import annotations

from tests.pgwire.ddl.world import World


def _schema(world: World) -> list[str]:
    rows = world.connection.execute(
        "SELECT sql FROM sqlite_schema "
        "WHERE name NOT LIKE 'pg_catalog.%' AND name NOT LIKE 'socketworkers.%' AND sql NOTNULL"
    )
    return [str(sql) for (sql,) in rows]


def test_a_table_is_readable_elsewhere(world: World) -> None:
    world.run("CREATE TABLE t (id int PRIMARY KEY, n numeric(10,2), t text NOT NULL, CHECK (n > 0))")
    assert _schema(world) == [
        'CREATE TABLE "public.t" ("id" INTEGER PRIMARY KEY /* integer */, "n" ANY /* numeric(10,2) */, '
        '"t" TEXT NOT NULL /* text */, CONSTRAINT "t_n_check" CHECK (("n" > 0))) STRICT'
    ]
    world.run("INSERT INTO t VALUES (1, 2.5, 'x')")
    assert world.connection.execute('SELECT * FROM "public.t"').fetchall() == [(1, 250, "x")]


def test_names_that_differ_in_case(world: World) -> None:
    """SQLite's names are the same in upper and lower case, PostgreSQL's are not."""
    world.run('CREATE TABLE t (a int); CREATE TABLE "T" (a int); INSERT INTO t VALUES (1); INSERT INTO "T" VALUES (2)')
    assert world.run('SELECT t.a, x.a FROM t, "T" x') == [("1", "2")]
    world.run('DROP TABLE t; ALTER TABLE "T" RENAME TO t')
    assert world.run("SELECT * FROM t") == [("2",)]
    world.run('CREATE SCHEMA "a.b"; CREATE TABLE "a.b".c (x int); CREATE SCHEMA a; CREATE TABLE a."b.c" (y int)')
    world.run('INSERT INTO "a.b".c VALUES (1)')
    assert world.run('SELECT * FROM a."b.c"') == []


def test_the_row_number_gives_its_values_back(world: World) -> None:
    """A primary key of one integer is SQLite's row number, and stands nowhere else."""
    world.run("CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (7, 'x'), (9, 'y')")
    world.run("ALTER TABLE t DROP CONSTRAINT t_pkey")
    assert world.run("SELECT * FROM t ORDER BY id") == [("7", "x"), ("9", "y")]
    world.run("INSERT INTO t VALUES (7, 'z')")
    assert world.fails("ALTER TABLE t ADD PRIMARY KEY (id)").detail == "Key (id)=(7) is duplicated."
    world.run("DELETE FROM t WHERE a = 'z'; ALTER TABLE t ADD PRIMARY KEY (id)")
    world.run("ALTER TABLE t ALTER id TYPE text")
    assert world.run("SELECT * FROM t ORDER BY id") == [("7", "x"), ("9", "y")]
    assert world.fails("INSERT INTO t VALUES ('7', 'q')").sqlstate == "23505"
    world.run("ALTER TABLE t DROP COLUMN id")
    assert world.run("SELECT * FROM t ORDER BY a") == [("x",), ("y",)]
    assert world.connection.pragma("integrity_check") == "ok"


def test_parents_lose_no_children(world: World) -> None:
    """A changed table is never dropped and made again: that would delete the rows that refer to it."""
    world.run("CREATE TABLE p (id int PRIMARY KEY, a int)")
    world.run(
        "CREATE TABLE c (p_id int REFERENCES p ON DELETE CASCADE); "
        "INSERT INTO p VALUES (1, 2); INSERT INTO c VALUES (1)"
    )
    for statement in (
        "ALTER TABLE p ADD COLUMN b int DEFAULT 3",
        "ALTER TABLE p ALTER a TYPE text",
        "ALTER TABLE p ALTER id TYPE bigint",
        "ALTER TABLE p ADD CHECK (b > 1)",
        "ALTER TABLE p ALTER b SET NOT NULL",
        "ALTER TABLE p DROP COLUMN a",
        "ALTER TABLE p RENAME TO q",
        "ALTER TABLE q ADD UNIQUE (b)",
    ):
        world.run(statement)
    assert world.run("SELECT * FROM c") == [("1",)]
    assert world.run("SELECT * FROM q") == [("1", "3")]
    world.run("DELETE FROM q")
    assert world.run("SELECT * FROM c") == []
    assert world.connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_failed_statement_leaves_nothing(world: World) -> None:
    before = _schema(world)
    version = world.catalog.version
    world.fails("CREATE TABLE t (id serial PRIMARY KEY, a int REFERENCES nosuch)")
    assert _schema(world) == before
    assert world.run("SELECT count(*) FROM pg_class WHERE oid >= 16384") == [("0",)]
    assert world.catalog.version == version


def test_keys_of_expressions(world: World) -> None:
    world.run(
        "CREATE TABLE t (a text, n numeric); CREATE UNIQUE INDEX i ON t (lower(a)); CREATE UNIQUE INDEX j ON t (n)"
    )
    world.run("INSERT INTO t VALUES ('x', 1.0)")
    assert world.fails("INSERT INTO t VALUES ('X', 2)").detail == "Key (lower(a))=(x) already exists."
    assert world.fails("INSERT INTO t VALUES ('y', 1.00)").detail == "Key (n)=(1.00) already exists."
    error = world.fails("CREATE UNIQUE INDEX ON t ((a IS NULL)) WHERE n > 0; INSERT INTO t VALUES ('z', 3)")
    assert error.sqlstate == "23505"
    world.run("CREATE TABLE d (a int); INSERT INTO d VALUES (NULL), (NULL); CREATE UNIQUE INDEX ON d (a)")
    assert world.fails("CREATE UNIQUE INDEX ON d (a) NULLS NOT DISTINCT").detail == "Key (a)=(null) is duplicated."


def test_labels_of_enums_keep_their_rows(world: World) -> None:
    world.run(
        "CREATE TYPE mood AS ENUM ('b', 'c'); CREATE TABLE t (m mood PRIMARY KEY); INSERT INTO t VALUES ('b'), ('c')"
    )
    world.run("CREATE INDEX ON t (m DESC)")
    world.run("ALTER TYPE mood ADD VALUE 'z' BEFORE 'b'; INSERT INTO t VALUES ('z')")
    assert world.run("SELECT m FROM t ORDER BY m") == [("z",), ("b",), ("c",)]
    world.run("ALTER TYPE mood RENAME VALUE 'z' TO 'a'")
    assert world.run("SELECT m FROM t WHERE m < 'c' ORDER BY m DESC") == [("b",), ("a",)]
    assert world.connection.pragma("integrity_check") == "ok"
