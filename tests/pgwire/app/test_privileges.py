"""Privileges over sockets: they hold for statements that were prepared before, and for logins.

What needs which privilege is compared with PostgreSQL 15 in ``differential/corpus/battery/privileges.sql``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.pgwire.differential.connection import Connection
from tests.support.pgserver.wire import Wire

from socketworkers_pgwire.codec import encode_startup


@pytest.fixture
def owner(address: tuple[str, int]) -> Iterator[Connection]:
    """A superuser, with a table and a role that may do nothing."""
    with Connection(address, "postgres", "postgres") as connection:
        run(connection, "CREATE ROLE joe LOGIN", "CREATE ROLE friends", "CREATE TABLE t (a int)")
        yield connection
        run(connection, "DROP TABLE t", "GRANT CONNECT ON DATABASE postgres TO PUBLIC", "DROP ROLE joe, friends")


def run(connection: Connection, *statements: str) -> None:
    """Statements that succeed."""
    for each in statements:
        assert connection.query(each).error is None, each


def outcome(connection: Connection, statement: str) -> str:
    """ "" when it succeeds, its SQLSTATE and message when it does not."""
    error = connection.query(statement).error
    return "" if error is None else f"{error.sqlstate} {error.message}"


DENIED = "42501 permission denied for table t"


def test_what_others_grant_and_revoke_holds_at_once(address: tuple[str, int], owner: Connection) -> None:
    with Connection(address, "joe", "postgres") as joe:
        run(joe, "PREPARE p AS SELECT a FROM t")
        for statement in ("SELECT a FROM t", "EXECUTE p"):
            assert outcome(joe, statement) == DENIED
            run(owner, "GRANT SELECT ON t TO joe")
            assert outcome(joe, statement) == ""
            run(owner, "REVOKE SELECT ON t FROM joe")
            assert outcome(joe, statement) == DENIED


def test_memberships_hold_at_once(address: tuple[str, int], owner: Connection) -> None:
    run(owner, "GRANT SELECT ON t TO friends")
    with Connection(address, "joe", "postgres") as joe:
        assert outcome(joe, "SELECT a FROM t") == DENIED
        run(owner, "GRANT friends TO joe")
        assert outcome(joe, "SELECT a FROM t") == ""
        run(owner, "REVOKE friends FROM joe")
        assert outcome(joe, "SELECT a FROM t") == DENIED
        run(owner, "ALTER ROLE joe SUPERUSER")
        assert outcome(joe, "SELECT a FROM t") == ""
        run(owner, "ALTER ROLE joe NOSUPERUSER")
        assert outcome(joe, "SELECT a FROM t") == DENIED


def test_two_users_share_a_text_and_no_privileges(address: tuple[str, int], owner: Connection) -> None:
    with Connection(address, "joe", "postgres") as joe:
        for _ in range(3):
            assert outcome(owner, "SELECT a FROM t WHERE a = 1") == ""
            assert outcome(joe, "SELECT a FROM t WHERE a = 1") == DENIED


def test_a_login_needs_connect(address: tuple[str, int], owner: Connection) -> None:
    run(owner, "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
    with Wire(address) as refused:
        report = refused.send(encode_startup({b"user": b"joe", b"database": b"postgres"}, 0x30000)).error()
    assert (report.severity, report.sqlstate, report.message, report.detail) == (
        "FATAL",
        "42501",
        'permission denied for database "postgres"',
        "User does not have CONNECT privilege.",
    )
    run(owner, "GRANT CONNECT ON DATABASE postgres TO joe")
    with Connection(address, "joe", "postgres") as joe:
        assert outcome(joe, "SELECT 1") == ""
    run(owner, "REVOKE CONNECT ON DATABASE postgres FROM joe")


def test_temporary_tables_need_temporary(address: tuple[str, int], owner: Connection) -> None:
    run(owner, "REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC")
    with Connection(address, "joe", "postgres") as joe:
        assert outcome(joe, "CREATE TEMPORARY TABLE mine (a int)") == (
            '42501 permission denied to create temporary tables in database "postgres"'
        )
        run(owner, "GRANT TEMPORARY ON DATABASE postgres TO PUBLIC")
        assert outcome(joe, "CREATE TEMPORARY TABLE mine (a int)") == ""
        assert outcome(joe, "INSERT INTO mine VALUES (1)") == ""


def test_names_that_are_cut_are_told_of_each_time(address: tuple[str, int]) -> None:
    name = "n" * 70
    with Connection(address, "postgres", "postgres") as connection:
        for _ in range(2):
            answer = connection.query(f"SELECT 1 AS {name}")
            assert [(each.severity, each.sqlstate, each.message) for each in answer.notices] == [
                ("NOTICE", "42622", f'identifier "{name}" will be truncated to "{name[:63]}"')
            ]
            assert connection.query("SELECT 1 AS short").notices == ()
