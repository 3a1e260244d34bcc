"""Roles, memberships and privileges: PostgreSQL 15 documentation, chapter 22 and §5.7."""

from __future__ import annotations

import pytest
from tests.pgwire.ddl.world import World

from socketworkers_pgwire.catalog.privileges import AclItem, read_acl, write_acl


def test_passwords_are_kept_as_verifiers(world: World) -> None:
    world.run("CREATE ROLE joe LOGIN PASSWORD 'secret' VALID UNTIL '2030-01-01' CONNECTION LIMIT 3")
    row = world.cluster.find("pg_authid", "joe")
    assert row["rolpassword"].startswith("SCRAM-SHA-256$4096:")
    assert (row["rolcanlogin"], row["rolconnlimit"], row["rolsuper"], row["rolinherit"]) == (1, 3, 0, 1)
    kept = row["rolpassword"]
    world.run(f"ALTER ROLE joe PASSWORD '{kept}'")
    assert world.cluster.find("pg_authid", "joe")["rolpassword"] == kept
    world.run("ALTER ROLE joe PASSWORD NULL")
    assert world.cluster.find("pg_authid", "joe")["rolpassword"] is None


def test_memberships(world: World) -> None:
    world.run("CREATE ROLE a; CREATE ROLE b IN ROLE a; CREATE USER c")
    world.run("GRANT b TO c")
    assert world.run("SELECT pg_has_role('c', 'a', 'member'), pg_has_role('a', 'c', 'member')") == [("t", "f")]
    error = world.fails("GRANT c TO a")
    assert (error.sqlstate, error.message) == ("0LP01", 'role "c" is a member of role "a"')
    world.run("REVOKE b FROM c")
    assert world.run("SELECT pg_has_role('c', 'a', 'usage')") == [("f",)]


def test_privileges_of_tables_and_columns(world: World) -> None:
    world.run("CREATE TABLE t (a int, b int); CREATE ROLE joe; CREATE ROLE bob IN ROLE joe")
    world.run("GRANT SELECT, INSERT ON t TO joe WITH GRANT OPTION; GRANT UPDATE (b) ON t TO bob")
    assert world.run("SELECT relacl FROM pg_class WHERE relname = 't'") == [
        ("{postgres=arwdDxt/postgres,joe=a*r*/postgres}",)
    ]
    question = (
        "SELECT has_table_privilege('bob', 't', 'SELECT'), has_table_privilege('bob', 't', 'UPDATE'), "
        "has_column_privilege('bob', 't', 'b', 'UPDATE'), has_column_privilege('bob', 't', 'a', 'UPDATE'), "
        "has_table_privilege('joe', 't', 'SELECT WITH GRANT OPTION')"
    )
    assert world.run(question) == [("t", "f", "t", "f", "t")]
    world.run("REVOKE GRANT OPTION FOR SELECT ON t FROM joe; REVOKE INSERT ON t FROM joe")
    assert world.run("SELECT relacl FROM pg_class WHERE relname = 't'") == [
        ("{postgres=arwdDxt/postgres,joe=r/postgres}",)
    ]


def test_a_role_that_is_used_stays(world: World) -> None:
    world.run("CREATE ROLE joe; CREATE TABLE t (a int); ALTER TABLE t OWNER TO joe; CREATE TABLE u (a int)")
    world.run("GRANT SELECT ON u TO joe")
    error = world.fails("DROP ROLE joe")
    assert error.sqlstate == "2BP01"
    assert error.detail == "owner of table t\nprivileges for table u"
    world.run("REASSIGN OWNED BY joe TO postgres; REVOKE ALL ON u FROM joe; DROP ROLE joe")
    assert world.cluster.find("pg_authid", "joe") is None


def test_settings_of_roles_and_databases(world: World) -> None:
    world.run("CREATE ROLE joe; ALTER ROLE joe SET search_path TO a, b; ALTER ROLE joe SET work_mem = '1MB'")
    assert list(world.cluster.rows("pg_db_role_setting")) == [
        (0, world.cluster.find("pg_authid", "joe")["oid"], '["search_path=a, b", "work_mem=1MB"]')
    ]
    world.run("ALTER ROLE joe RESET ALL")
    assert list(world.cluster.rows("pg_db_role_setting")) == []


@pytest.mark.parametrize(
    "items",
    [
        [AclItem("", "postgres", {"r"}, set())],
        [AclItem("joe", "postgres", {"a", "r", "w"}, {"r"}), AclItem('we"ird name', "a-b", {"X"}, {"X"})],
    ],
)
def test_lists_of_privileges_round_trip(items: list[AclItem]) -> None:
    assert read_acl(write_acl(items), "table", "x") == items


def test_only_owners_change_what_they_own(world: World) -> None:
    world.run("CREATE TABLE t (a int); CREATE ROLE joe")
    world.user, world.user_oid, world.superuser = "joe", world.cluster.find("pg_authid", "joe")["oid"], False
    for statement in ("DROP TABLE t", "ALTER TABLE t ADD b int", "TRUNCATE t", "COMMENT ON TABLE t IS 'x'"):
        assert world.fails(statement).sqlstate == "42501", statement
    assert world.fails("CREATE ROLE other").sqlstate == "42501"
    assert world.fails("CREATE DATABASE other").sqlstate == "42501"
