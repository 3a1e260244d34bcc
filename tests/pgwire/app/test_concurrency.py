"""Transactions of several sessions at once: what PostgreSQL's documentation chapter 13 promises, over one writer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.support.pgserver.wire import Wire

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire import app
from socketworkers_pgwire.codec import CommandComplete, DataRow, ErrorResponse, Message, encode_query

SETUP = """
CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL, note text);
CREATE TABLE history (account int, delta int);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent, label text UNIQUE, CHECK (id < 100));
INSERT INTO account SELECT g, 100, NULL FROM generate_series(1, 10) g;
INSERT INTO parent VALUES (1), (2);
"""


class Client(Wire):
    """A session that tells results in short."""

    def run(self, text: str) -> list[str]:
        """Tags, rows and SQLSTATEs of a query."""
        return short(self.query(text))

    def begin(self, text: str) -> None:
        """Send a query and wait for nothing."""
        self.send(encode_query(text.encode()))

    def end(self) -> list[str]:
        """What a query that was begun came to."""
        return short(self.ready())


def short(messages: list[Message]) -> list[str]:
    """Messages in short."""
    found = []
    for each in messages:
        if isinstance(each, CommandComplete):
            found.append(each.tag.decode())
        elif isinstance(each, DataRow):
            found.append("|".join("NULL" if value is None else value.decode() for value in each.values))
        elif isinstance(each, ErrorResponse):
            found.append(each.report.sqlstate)
    return found


@pytest.fixture(scope="module")
def running() -> Iterator[ThreadedServer]:
    """A server."""
    with ThreadedServer(app) as server:
        yield server


@pytest.fixture
def clients(running: ThreadedServer) -> Iterator[tuple[Client, Client, Client]]:
    """Three sessions of a database with the tables of `SETUP`."""
    with ExitStack() as stack:
        made = tuple(stack.enter_context(Client((running.host, running.port))) for _ in range(3))
        for each in made:
            each.log_in()
        first = made[0]
        first.query("DROP TABLE IF EXISTS payment, account, history, child, parent")
        assert first.run(SETUP)[-1] == "INSERT 0 2"
        yield made  # type: ignore[misc]


Clients = tuple[Client, Client, Client]


def test_updates_of_one_row_do_not_wait_for_each_other_s_clients(clients: Clients) -> None:
    a, b, c = clients
    for each in (a, b):
        assert each.run("BEGIN") == ["BEGIN"]
        assert each.run("UPDATE account SET balance = balance + 1 WHERE id = 1") == ["UPDATE 1"]
    assert c.run("SELECT balance FROM account WHERE id = 1") == ["100", "SELECT 1"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert c.run("SELECT balance FROM account WHERE id = 1") == ["101", "SELECT 1"]
    assert b.run("COMMIT") == ["COMMIT"]
    assert c.run("SELECT balance FROM account WHERE id = 1") == ["102", "SELECT 1"]


def test_a_transaction_sees_its_own_changes_and_others_do_not(clients: Clients) -> None:
    a, b, _ = clients
    a.run("BEGIN")
    assert a.run("UPDATE account SET balance = 7 WHERE id = 2") == ["UPDATE 1"]
    assert a.run("INSERT INTO account VALUES (11, 1, 'new')") == ["INSERT 0 1"]
    assert a.run("DELETE FROM account WHERE id = 3") == ["DELETE 1"]
    assert a.run("SELECT balance FROM account WHERE id = 2") == ["7", "SELECT 1"]
    assert a.run("SELECT note FROM account WHERE id = 11") == ["new", "SELECT 1"]
    assert a.run("SELECT 1 FROM account WHERE id = 3") == ["SELECT 0"]
    assert b.run("SELECT count(*), sum(balance) FROM account") == ["10|1000", "SELECT 1"]
    assert a.run("SELECT count(*), sum(balance) FROM account") == [
        "10|808",
        "SELECT 1",
    ]
    assert a.run("ROLLBACK") == ["ROLLBACK"]
    assert b.run("SELECT count(*), sum(balance) FROM account") == ["10|1000", "SELECT 1"]


def test_a_statement_that_has_to_wait_loses_nothing_that_came_before_it(clients: Clients) -> None:
    a, b, _ = clients
    for each in (a, b):
        each.run("BEGIN")
    assert a.run("UPDATE account SET balance = 1 WHERE id = 1") == ["UPDATE 1"]
    assert b.run("UPDATE account SET balance = 2 WHERE id = 2") == ["UPDATE 1"]
    a.begin("UPDATE account SET note = 'all' WHERE balance > 1 AND id IN (2, 3)")
    assert b.run("COMMIT") == ["COMMIT"]
    assert a.end() == ["UPDATE 2"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.run("SELECT id, balance, note FROM account WHERE id < 4 ORDER BY id") == [
        "1|1|NULL",
        "2|2|all",
        "3|100|all",
        "SELECT 3",
    ]


def test_a_write_keeps_the_session_of_its_moment(clients: Clients) -> None:
    a, b, _ = clients
    a.run("BEGIN")
    written = (
        "UPDATE account SET note = '2024-01-01 12:00+00'::timestamptz::text WHERE id = 1",
        "UPDATE account SET note = statement_timestamp()::text WHERE id = 2",
        "UPDATE account SET note = upper(current_setting('my.word')) WHERE id = 3",
        "UPDATE account SET note = session_user || current_user WHERE id = 4",
    )
    a.run("SET my.word = 'one'")
    for each in written:
        assert a.run(each) == ["UPDATE 1"]
    shown = a.run("SELECT note FROM account WHERE id < 5 ORDER BY id")[:4]
    a.run("ROLLBACK")
    a.run("SET my.word = 'one'")
    a.run("BEGIN")
    for each in written:
        a.run(each)
    a.run("SET TimeZone = 'Asia/Tokyo'")
    a.run("SET my.word = 'two'")
    a.run("INSERT INTO account (id, balance) SELECT 12, count(*) FROM account")
    assert a.run("COMMIT") == ["COMMIT"]
    found = b.run("SELECT note FROM account WHERE id < 5 ORDER BY id")[:4]
    assert (found[0], found[2], found[3]) == (shown[0], shown[2], shown[3])
    assert found[1].endswith("+00")


def test_a_time_that_was_told_is_the_one_that_is_kept(clients: Clients) -> None:
    a, b, _ = clients
    a.run("BEGIN")
    sql = "INSERT INTO account VALUES (30, 0, statement_timestamp()::text) RETURNING note"
    told = a.run(sql)[0]
    assert a.run("INSERT INTO account VALUES (31, 0, 'x') RETURNING note") == ["x", "INSERT 0 1"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.run("SELECT note FROM account WHERE id = 30") == [told, "SELECT 1"]


def test_locking_no_row_makes_nobody_wait(clients: Clients) -> None:
    """What get_or_create of object-relational mappers does."""
    a, b, _ = clients
    a.run("BEGIN")
    assert a.run("UPDATE account SET balance = 1 WHERE id = 1") == ["UPDATE 1"]
    assert a.run("SELECT * FROM account WHERE note = 'none' FOR UPDATE") == ["SELECT 0"]
    assert b.run("INSERT INTO account VALUES (20, 0, 'none')") == ["INSERT 0 1"]
    assert a.run("SELECT id FROM account WHERE note = 'none' FOR UPDATE") == ["20", "SELECT 1"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.run("SELECT balance FROM account WHERE id IN (1, 20) ORDER BY id") == ["1", "0", "SELECT 2"]


def test_what_was_shown_of_a_row_makes_others_wait_for_it(clients: Clients) -> None:
    """READ COMMITTED: the second UPDATE waits, and goes on from what the first transaction has left (§13.2.1)."""
    a, b, _ = clients
    a.run("BEGIN")
    assert a.run("UPDATE account SET balance = balance + 1 WHERE id = 1 RETURNING balance") == ["101", "UPDATE 1"]
    b.run("BEGIN")
    b.begin("UPDATE account SET balance = balance * 2 WHERE id = 1 RETURNING balance")
    assert a.run("SELECT balance FROM account WHERE id = 1") == ["101", "SELECT 1"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == ["202", "UPDATE 1"]
    assert b.run("COMMIT") == ["COMMIT"]


def test_a_write_without_block_waits_for_marked_rows_too(clients: Clients) -> None:
    a, b, _ = clients
    a.run("BEGIN")
    assert a.run("DELETE FROM account WHERE id = 1") == ["DELETE 1"]
    b.begin("UPDATE account SET balance = 0 WHERE id = 1")
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == ["UPDATE 0"]


def test_a_deadlock_ends_one_of_the_two(clients: Clients) -> None:
    a, b, _ = clients
    for each, row in ((a, 1), (b, 2)):
        each.run("BEGIN")
        assert each.run(f"UPDATE account SET note = 'x' WHERE id = {row} RETURNING id") == [str(row), "UPDATE 1"]
    a.begin("UPDATE account SET note = 'y' WHERE id = 2 RETURNING id")
    assert b.run("SELECT 1") == ["1", "SELECT 1"]
    assert b.run("UPDATE account SET note = 'y' WHERE id = 1 RETURNING id") == ["40P01"]
    assert b.run("ROLLBACK") == ["ROLLBACK"]
    assert a.end() == ["2", "UPDATE 1"]
    assert a.run("COMMIT") == ["COMMIT"]


def test_two_that_read_back_what_they_both_changed_are_no_deadlock(clients: Clients) -> None:
    a, b, c = clients
    for each in (a, b, c):
        each.run("BEGIN")
        assert each.run("UPDATE account SET balance = balance + 1 WHERE id = 1") == ["UPDATE 1"]
    assert a.run("SELECT balance FROM account WHERE id = 1") == ["101", "SELECT 1"]
    b.begin("SELECT balance FROM account WHERE id = 1")
    c.begin("COMMIT")
    assert a.run("UPDATE account SET balance = balance + 10 WHERE id = 1 RETURNING balance") == ["111", "UPDATE 1"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == ["112", "SELECT 1"]  # it had asked before the other wanted to commit
    assert b.run("COMMIT") == ["COMMIT"]
    assert c.end() == ["COMMIT"]
    assert a.run("SELECT balance FROM account WHERE id = 1") == ["113", "SELECT 1"]


def test_a_commit_behind_others_keeps_to_lock_timeout(clients: Clients) -> None:
    a, b, _ = clients
    for each in (a, b):
        each.run("BEGIN")
        assert each.run("UPDATE account SET balance = balance + 1 WHERE id = 1") == ["UPDATE 1"]
    assert a.run("SELECT balance FROM account WHERE id = 1") == ["101", "SELECT 1"]
    b.run("SET LOCAL lock_timeout = 50")
    assert b.run("COMMIT") == ["55P03"]
    assert b.run("SELECT 1") == ["1", "SELECT 1"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.run("SELECT balance FROM account WHERE id = 1") == ["101", "SELECT 1"]


def test_lock_timeout_and_cancellation_of_who_waits(clients: Clients) -> None:
    a, b, _ = clients
    a.run("BEGIN")
    a.run("UPDATE account SET note = 'x' WHERE id = 1 RETURNING id")
    b.run("SET lock_timeout = 50")
    assert b.run("UPDATE account SET note = 'y' WHERE id = 1") == ["55P03"]
    b.run("SET lock_timeout = 0")
    b.run("SET statement_timeout = 50")
    assert b.run("DELETE FROM account WHERE id = 1") == ["57014"]
    b.run("RESET statement_timeout")
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.run("UPDATE account SET note = 'y' WHERE id = 1") == ["UPDATE 1"]


def test_savepoints_of_a_log(clients: Clients) -> None:
    a, b, _ = clients
    a.run("BEGIN")
    a.run("UPDATE account SET balance = 1 WHERE id = 1")
    a.run("SAVEPOINT s")
    a.run("UPDATE account SET balance = 2 WHERE id = 2")
    assert a.run("INSERT INTO account VALUES (1, 1)") == ["23505"]
    assert a.run("SELECT 1") == ["25P02"]
    assert a.run("ROLLBACK TO s") == ["ROLLBACK"]
    assert a.run("SELECT balance FROM account WHERE id IN (1, 2) ORDER BY id") == ["1", "100", "SELECT 2"]
    a.run("SAVEPOINT t")
    assert a.run("UPDATE account SET balance = balance + 5 WHERE id > 8") == ["UPDATE 2"]
    assert a.run("ROLLBACK TO s") == ["ROLLBACK"]
    assert a.run("RELEASE s") == ["RELEASE"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.run("SELECT sum(balance) FROM account") == ["901", "SELECT 1"]


def test_constraints_hold_in_a_log(clients: Clients) -> None:
    a, b, _ = clients
    a.run("BEGIN")
    assert a.run("INSERT INTO child VALUES (1, 3, 'a')") == ["23503"]
    a.run("ROLLBACK")
    a.run("BEGIN")
    assert a.run("INSERT INTO parent VALUES (3)") == ["INSERT 0 1"]
    assert a.run("INSERT INTO child VALUES (1, 3, 'a')") == ["INSERT 0 1"]
    assert a.run("INSERT INTO child VALUES (2, 3, 'a')") == ["23505"]
    a.run("ROLLBACK")
    a.run("BEGIN")
    assert a.run("INSERT INTO child VALUES (100, 1, 'a')") == ["23514"]
    a.run("ROLLBACK")
    assert b.run("SELECT count(*) FROM child") == ["0", "SELECT 1"]


def test_a_key_that_two_logs_insert(clients: Clients) -> None:
    a, b, _ = clients
    for each in (a, b):
        each.run("BEGIN")
    assert a.run("INSERT INTO account VALUES (20, 1)") == ["INSERT 0 1"]
    b.begin("INSERT INTO account VALUES (20, 2)")
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == ["23505"]
    b.run("ROLLBACK")


def test_repeatable_read_keeps_its_snapshot_and_refuses_to_write_over_others(clients: Clients) -> None:
    a, b, _ = clients
    a.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert a.run("SELECT sum(balance) FROM account") == ["1000", "SELECT 1"]
    assert b.run("UPDATE account SET balance = 0 WHERE id = 1") == ["UPDATE 1"]
    assert a.run("SELECT sum(balance) FROM account") == ["1000", "SELECT 1"]
    assert a.run("UPDATE account SET balance = 1 WHERE id = 1") == ["40001"]
    a.run("ROLLBACK")
    assert a.run("SELECT sum(balance) FROM account") == ["900", "SELECT 1"]


def test_for_update_nowait_and_skip_locked_while_another_one_writes(clients: Clients) -> None:
    a, b, _ = clients
    a.run("BEGIN")
    a.run("SELECT id FROM account WHERE id = 1 FOR UPDATE")
    b.run("BEGIN")
    assert b.run("SELECT id FROM account WHERE id = 1 FOR UPDATE NOWAIT") == ["55P03"]
    b.run("ROLLBACK")
    b.run("BEGIN")
    assert b.run("SELECT id FROM account WHERE id = 1 FOR UPDATE SKIP LOCKED") == ["SELECT 0"]
    a.run("COMMIT")
    assert b.run("SELECT id FROM account WHERE id = 1 FOR UPDATE SKIP LOCKED") == ["1", "SELECT 1"]
    b.run("COMMIT")


def test_rows_that_are_locked_leave_the_others_free(clients: Clients) -> None:
    """§13.3.2: row-level locks block only writers and lockers of the same row."""
    a, b, c = clients
    a.run("BEGIN")
    assert a.run("SELECT id FROM account WHERE note IS NULL ORDER BY id LIMIT 2 FOR UPDATE") == ["1", "2", "SELECT 2"]
    assert c.run("UPDATE account SET balance = 1 WHERE id = 3") == ["UPDATE 1"]
    assert c.run("INSERT INTO account VALUES (11, 1, 'free')") == ["INSERT 0 1"]
    assert c.run("SELECT balance FROM account WHERE id = 1") == ["100", "SELECT 1"]
    b.run("BEGIN")
    assert b.run("SELECT id FROM account WHERE id = 4 FOR UPDATE") == ["4", "SELECT 1"]
    b.begin("UPDATE account SET balance = balance + 5 WHERE id = 1")
    assert a.run("UPDATE account SET balance = balance + 1 WHERE id = 1") == ["UPDATE 1"]
    assert a.run("SELECT balance FROM account WHERE id = 1 FOR UPDATE") == ["101", "SELECT 1"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == ["UPDATE 1"]
    assert b.run("COMMIT") == ["COMMIT"]
    assert c.run("SELECT balance FROM account WHERE id = 1") == ["106", "SELECT 1"]


def test_a_lock_is_waited_for_and_sees_what_was_committed(clients: Clients) -> None:
    a, b, c = clients
    a.run("BEGIN")
    a.run("SELECT id FROM account WHERE id = 1 FOR UPDATE")
    b.begin("SELECT balance FROM account WHERE id = 1 FOR SHARE")
    c.begin("UPDATE account SET balance = balance * 2 WHERE id = 1")
    a.run("UPDATE account SET balance = 7 WHERE id = 1")
    a.run("COMMIT")
    assert c.end() == ["UPDATE 1"]
    assert b.end()[-1] == "SELECT 1"
    assert a.run("SELECT balance FROM account WHERE id = 1") == ["14", "SELECT 1"]


def test_rows_that_are_skipped_do_not_count_for_the_limit(clients: Clients) -> None:
    a, b, c = clients
    take = "SELECT id FROM account WHERE note IS NULL ORDER BY id LIMIT 3 FOR UPDATE SKIP LOCKED"
    for each, ids in ((a, "123"), (b, "456"), (c, "789")):
        each.run("BEGIN")
        assert each.run(take) == [*ids, "SELECT 3"]
    assert b.run("UPDATE account SET note = 'done' WHERE id IN (4, 5, 6)") == ["UPDATE 3"]
    assert b.run("COMMIT") == ["COMMIT"]
    b.run("BEGIN")
    assert b.run(take) == ["10", "SELECT 1"]
    assert a.run("ROLLBACK") == ["ROLLBACK"]
    assert b.run(take) == ["1", "2", "3", "SELECT 3"]
    assert c.run("SELECT id FROM account WHERE id = 9 FOR UPDATE NOWAIT") == ["9", "SELECT 1"]
    assert c.run("SELECT id FROM account WHERE id = 3 FOR UPDATE NOWAIT") == ["55P03"]
    for each in (b, c):
        each.run("ROLLBACK")
    assert a.run("SELECT count(*) FROM account FOR UPDATE") == ["0A000"]


def test_one_statement_takes_what_nobody_has(clients: Clients) -> None:
    """The queue in one statement: UPDATE of a row that a subquery has found and locked."""
    a, b, _ = clients
    a.run("BEGIN")
    assert a.run("SELECT id FROM account ORDER BY id LIMIT 1 FOR UPDATE") == ["1", "SELECT 1"]
    assert b.run(
        "UPDATE account SET note = 'mine' WHERE id = (SELECT id FROM account WHERE note IS NULL ORDER BY id LIMIT 1 "
        "FOR UPDATE SKIP LOCKED) RETURNING id"
    ) == ["2", "UPDATE 1"]
    a.run("ROLLBACK")


def test_a_lock_of_one_table_of_a_join(clients: Clients) -> None:
    a, b, _ = clients
    a.run("INSERT INTO child VALUES (1, 1, 'x'), (2, 2, 'y')")
    a.run("BEGIN")
    locked = a.run(
        "SELECT c.id, p.id FROM child c LEFT JOIN parent p ON p.id = c.parent WHERE c.id = 1 FOR UPDATE OF c"
    )
    assert locked == ["1|1", "SELECT 1"]
    assert b.run("SELECT id FROM parent FOR UPDATE NOWAIT") == ["1", "2", "SELECT 2"]
    assert b.run("SELECT id FROM child WHERE id = 1 FOR UPDATE NOWAIT") == ["55P03"]
    assert b.run("SELECT id FROM child FOR UPDATE SKIP LOCKED") == ["2", "SELECT 1"]
    a.run("ROLLBACK")


def test_two_that_lock_rows_of_each_other_are_told(clients: Clients) -> None:
    a, b, _ = clients
    for each, number in ((a, 1), (b, 2)):
        each.run("BEGIN")
        each.run(f"SELECT id FROM account WHERE id = {number} FOR UPDATE")
    a.begin("SELECT id FROM account WHERE id = 2 FOR UPDATE")
    assert b.run("SELECT id FROM account WHERE id = 1 FOR UPDATE") == ["40P01"]
    b.run("ROLLBACK")
    assert a.end() == ["2", "SELECT 1"]
    a.run("COMMIT")


def test_workers_take_each_job_once(running: ThreadedServer, clients: Clients) -> None:
    """A queue of jobs, and workers that hold their jobs while they work."""
    clients[0].run("CREATE TABLE IF NOT EXISTS job (id int PRIMARY KEY, state text NOT NULL, taken int)")
    clients[0].run("TRUNCATE job; INSERT INTO job SELECT g, 'new', 0 FROM generate_series(1, 60) g")
    done: list[str] = []
    held = [0]
    most = [0]
    guard = threading.Lock()

    def work() -> None:
        with Client((running.host, running.port)) as client:
            client.log_in()
            while True:
                client.run("BEGIN")
                found = client.run("SELECT id FROM job WHERE state = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED")
                if found == ["SELECT 0"]:
                    client.run("COMMIT")
                    return
                with guard:
                    held[0] += 1
                    most[0] = max(most[0], held[0])
                time.sleep(0.005)
                client.run(f"UPDATE job SET state = 'done', taken = taken + 1 WHERE id = {found[0]}")
                with guard:
                    held[0] -= 1
                assert client.run("COMMIT") == ["COMMIT"]
                done.append(found[0])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    assert sorted(done, key=int) == [str(number) for number in range(1, 61)]
    assert clients[0].run("SELECT min(taken), max(taken), min(state) FROM job") == ["1|1|done", "SELECT 1"]
    assert most[0] > 1, "they never worked at the same time"


def test_money_is_neither_made_nor_lost(running: ThreadedServer, clients: Clients) -> None:
    """TPC-B's transaction by eight clients at once: the sums of both sides agree."""

    def work(number: int) -> None:
        with Client((running.host, running.port)) as client:
            client.log_in()
            for step in range(25):
                delta = number * 100 + step
                account = (number * 7 + step) % 10 + 1
                for text in (
                    "BEGIN",
                    f"UPDATE account SET balance = balance + {delta} WHERE id = {account}",
                    f"SELECT balance FROM account WHERE id = {account}",
                    "UPDATE account SET balance = balance + 0 WHERE id = 1"
                    if step % 3
                    else f"UPDATE account SET note = 'n{step}' WHERE id = {account}",
                    f"INSERT INTO history VALUES ({account}, {delta})",
                    "COMMIT",
                ):
                    told = client.run(text)
                    if "40P01" in told:  # one that changed this account before the first, another the other way round
                        assert client.run("ROLLBACK") == ["ROLLBACK"]
                        break
                    assert told[-1].split(" ")[0] in ("BEGIN", "UPDATE", "SELECT", "INSERT", "COMMIT"), told

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    a = clients[0]
    (sums, _) = a.run("SELECT (SELECT sum(balance) - 1000 FROM account), (SELECT sum(delta) FROM history)")
    left, right = sums.split("|")
    assert left == right
    assert int(left) > 0


def test_who_puts_in_the_same_key_waits_for_the_first(clients: Clients) -> None:
    """A unique key that another open transaction has put in: what becomes of that decides (index_unique_checks)."""
    a, b, c = clients
    a.run("DROP TABLE IF EXISTS word; CREATE TABLE word (name text PRIMARY KEY, n int, other text UNIQUE)")
    a.run("INSERT INTO word VALUES ('here', 0, 'one')")
    for end, came in (("COMMIT", ["23505"]), ("ROLLBACK", ["INSERT 0 1"])):
        for each in (a, b):
            each.run("BEGIN")
        assert a.run("INSERT INTO word VALUES ('new', 1, NULL)") == ["INSERT 0 1"]
        assert b.run("INSERT INTO word VALUES ('another', 2, NULL)") == ["INSERT 0 1"]
        b.begin("INSERT INTO word VALUES ('new', 2, 'two')")
        assert a.run(end) == [end]
        assert b.end() == came
        b.run("ROLLBACK")
        a.run("DELETE FROM word WHERE name <> 'here'")
    # and those who are no block
    a.run("BEGIN")
    assert a.run("INSERT INTO word VALUES ('new', 1, NULL)") == ["INSERT 0 1"]
    b.begin("INSERT INTO word VALUES ('new', 2, NULL) ON CONFLICT DO NOTHING")
    c.begin("UPDATE word SET name = 'new' WHERE name = 'here'")
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == ["INSERT 0 0"]
    assert c.end() == ["23505"]
    # NULLs are distinct, and other columns do not matter
    for each in (a, b):
        each.run("BEGIN")
        assert each.run(f"INSERT INTO word VALUES ('{id(each)}', 1, NULL)") == ["INSERT 0 1"]
    assert a.run("UPDATE word SET n = n + 1 WHERE name = 'here'") == ["UPDATE 1"]
    assert b.run("UPDATE word SET n = n + 1 WHERE name = 'new'") == ["UPDATE 1"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.run("COMMIT") == ["COMMIT"]


def test_a_savepoint_survives_a_key_that_somebody_else_has_put_in(clients: Clients) -> None:
    """What get_or_create of ORMs relies on."""
    a, b, _ = clients
    a.run("DROP TABLE IF EXISTS word; CREATE TABLE word (name text PRIMARY KEY)")
    for each in (a, b):
        each.run("BEGIN")
    assert a.run("SAVEPOINT s; INSERT INTO word VALUES ('x'); RELEASE s")[-1] == "RELEASE"
    b.run("SAVEPOINT s")
    b.begin("INSERT INTO word VALUES ('x')")
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == ["23505"]
    assert b.run("ROLLBACK TO s") == ["ROLLBACK"]
    assert b.run("SELECT name FROM word") == ["x", "SELECT 1"]
    assert b.run("COMMIT") == ["COMMIT"]


def test_rows_with_numbers_of_a_sequence_are_put_in_at_the_same_time(clients: Clients) -> None:
    a, b, c = clients
    a.run("DROP TABLE IF EXISTS payment; CREATE TABLE payment (id serial PRIMARY KEY, account int REFERENCES account,"
          " code uuid NOT NULL DEFAULT gen_random_uuid(), part int REFERENCES payment)")  # fmt: skip
    put = "INSERT INTO payment (account, part) VALUES (1, %s) RETURNING id, code"
    for each in (a, b):
        each.run("BEGIN")
    first = a.run(put % "NULL")
    second = b.run(put % "NULL")
    assert (first[0][:2], second[0][:2]) == ("1|", "2|")
    assert a.run("SELECT id, code FROM payment WHERE id = 1") == [first[0], "SELECT 1"]
    assert a.run("SELECT currval('payment_id_seq')") == ["1", "SELECT 1"]
    third = a.run(put % "1")  # its parent is in the log
    assert third[0][:2] == "3|"
    assert a.run(put % "2") == ["23503"]
    assert a.run("ROLLBACK") == ["ROLLBACK"]
    assert b.run("COMMIT") == ["COMMIT"]
    assert c.run("SELECT id, code FROM payment ORDER BY id") == [second[0], "SELECT 1"]
    a.run("BEGIN")
    fifth = a.run(put % "NULL")
    assert fifth[0][:2] == "5|"  # what was given is gone
    sixth = a.run(put % "5")
    assert b.run(put % "NULL")[0][:2] == "7|"
    assert a.run("COMMIT") == ["COMMIT"]
    assert c.run("SELECT id, code FROM payment WHERE id IN (5, 6) ORDER BY id") == [fifth[0], sixth[0], "SELECT 2"]


def test_who_puts_in_a_row_waits_for_a_lock_and_nobody_fails(clients: Clients) -> None:
    """select_for_update() and create(), in both orders."""
    a, b, c = clients
    a.run("DROP TABLE IF EXISTS payment; CREATE TABLE payment (id serial PRIMARY KEY, account int REFERENCES account)")
    a.run("BEGIN")
    assert a.run("SELECT balance FROM account WHERE id = 1 FOR NO KEY UPDATE") == ["100", "SELECT 1"]
    b.run("BEGIN")
    assert b.run("INSERT INTO payment (account) VALUES (1) RETURNING id") == ["1", "INSERT 0 1"]
    b.begin("UPDATE account SET balance = balance - 10 WHERE id = 1")
    c.begin("SELECT balance FROM account WHERE id = 1 FOR NO KEY UPDATE")
    assert a.run("INSERT INTO payment (account) VALUES (1) RETURNING id") == ["2", "INSERT 0 1"]
    assert a.run("UPDATE account SET balance = 50 WHERE id = 1") == ["UPDATE 1"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == ["UPDATE 1"]
    assert b.run("COMMIT") == ["COMMIT"]
    assert c.end()[-1] == "SELECT 1"
    assert c.run("SELECT balance FROM account WHERE id = 1") == ["40", "SELECT 1"]
    assert c.run("SELECT id FROM payment ORDER BY id") == ["1", "2", "SELECT 2"]


def test_who_refers_to_a_row_keeps_its_key(clients: Clients) -> None:
    """Foreign keys share the parent's key (FOR KEY SHARE): that waits for FOR UPDATE and DELETE, and they for it."""
    a, b, c = clients
    a.run("DROP TABLE IF EXISTS payment; CREATE TABLE payment (id serial PRIMARY KEY, account int REFERENCES account)")
    # who has put in a child is waited for
    a.run("BEGIN")
    assert a.run("INSERT INTO payment (account) VALUES (1)") == ["INSERT 0 1"]
    assert b.run("UPDATE account SET balance = 1 WHERE id = 1") == ["UPDATE 1"]
    assert b.run("SELECT id FROM account WHERE id = 1 FOR UPDATE NOWAIT") == ["55P03"]
    assert b.run("SELECT id FROM account WHERE id = 1 FOR NO KEY UPDATE NOWAIT") == ["1", "SELECT 1"]
    assert b.run("INSERT INTO payment (account) VALUES (1)") == ["INSERT 0 1"]
    b.run("DELETE FROM payment")
    b.begin("DELETE FROM account WHERE id = 1")
    assert c.run("DELETE FROM account WHERE id = 2") == ["DELETE 1"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == ["23503"]
    # and who ends the parent is waited for
    for end, came in (("COMMIT", ["23503"]), ("ROLLBACK", ["INSERT 0 1"])):
        a.run("BEGIN")
        assert a.run("DELETE FROM account WHERE id = 3") == ["DELETE 1"]
        b.begin("INSERT INTO payment (account) VALUES (3)")
        c.run("BEGIN")
        assert c.run("INSERT INTO payment (account) VALUES (4)") == ["INSERT 0 1"]
        assert a.run(end) == [end]
        assert b.end() == came
        assert c.run("ROLLBACK") == ["ROLLBACK"]
        a.run("INSERT INTO account VALUES (3, 100, NULL) ON CONFLICT DO NOTHING")


def test_what_was_read_for_update_is_never_overtaken(clients: Clients) -> None:
    """Who has the turn to write and needs a row that another one has locked cannot wait for it: that is a deadlock."""
    a, b, _ = clients
    for taken in ("UPDATE account SET balance = 0 WHERE id = 1", "SELECT id FROM account WHERE id = 1 FOR UPDATE"):
        a.run("BEGIN")
        before = a.run("SELECT balance FROM account WHERE id = 1 FOR UPDATE")
        b.run("BEGIN")
        assert b.run("UPDATE account SET note = 'all' WHERE balance > 0 AND id > 5") == ["UPDATE 5"]
        assert b.run(taken) == ["40P01"]
        b.run("ROLLBACK")
        assert a.run("UPDATE account SET balance = balance + 1 WHERE id = 1") == ["UPDATE 1"]
        assert a.run("COMMIT") == ["COMMIT"]
        assert a.run("SELECT balance FROM account WHERE id = 1") == [str(int(before[0]) + 1), "SELECT 1"]


FORMS = [
    ("", "SELECT id FROM low WHERE id = 1 FOR UPDATE NOWAIT"),
    ("", "SELECT * FROM (SELECT id FROM account WHERE id = 1) s FOR UPDATE NOWAIT"),
    ("", "SELECT * FROM (SELECT id FROM account WHERE id = 1 FOR UPDATE NOWAIT) s"),
    ("", "WITH w AS (SELECT id FROM account WHERE id = 1 FOR UPDATE NOWAIT) SELECT id FROM w"),
    ("", "SELECT (SELECT id FROM account WHERE id = 1 FOR UPDATE NOWAIT)"),
    ("", "INSERT INTO history SELECT id, 1 FROM account WHERE id = 1 FOR UPDATE NOWAIT"),
    ("", "UPDATE account SET note = '' WHERE id = (SELECT id FROM account WHERE id = 1 FOR UPDATE NOWAIT)"),
    ("", "DECLARE c CURSOR FOR SELECT id FROM account WHERE id = 1 FOR UPDATE NOWAIT"),
    ("PREPARE p(int) AS SELECT id FROM account WHERE id = $1 FOR UPDATE NOWAIT", "EXECUTE p(1)"),
    ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT id FROM account WHERE id = 1 FOR UPDATE NOWAIT"),
    ("CREATE TABLE made (a int)", "SELECT id FROM account WHERE id = 1 FOR UPDATE NOWAIT"),
    ("CREATE TEMPORARY TABLE own (a int)", "SELECT id FROM account WHERE id = 1 FOR UPDATE NOWAIT"),
    ("", "LOCK TABLE account IN EXCLUSIVE MODE NOWAIT"),
]


@pytest.mark.parametrize(("before", "sql"), FORMS)
def test_every_form_sees_what_is_locked(clients: Clients, before: str, sql: str) -> None:
    a, b, _ = clients
    a.run("CREATE OR REPLACE VIEW low AS SELECT * FROM account WHERE id < 5")
    try:
        a.run("BEGIN")
        assert a.run("SELECT id FROM account WHERE id = 1 FOR UPDATE") == ["1", "SELECT 1"]
        b.run("BEGIN")
        if before:
            assert b.run(before)[-1] in ("PREPARE", "SET", "CREATE TABLE")
        assert b.run(sql) == ["55P03"]
        b.run("ROLLBACK")
        b.run("DEALLOCATE ALL")
        a.run("COMMIT")
        b.run("BEGIN")
        if before:
            b.run(before)
        assert b.run(sql)[-1] in ("SELECT 1", "INSERT 0 1", "UPDATE 1", "DECLARE CURSOR", "LOCK TABLE")
    finally:
        for each in (a, b):
            each.run("ROLLBACK")
            each.run("DEALLOCATE ALL")
        a.run("DROP VIEW low")


@pytest.mark.parametrize(
    ("sql", "came"),
    [
        ("DELETE FROM account", ["DELETE 10"]),
        ("UPDATE account SET id = 100 WHERE id = 1", ["UPDATE 1"]),
        ("UPDATE account SET balance = 5 WHERE id = 1", ["UPDATE 1"]),
        ("TRUNCATE account", ["TRUNCATE TABLE"]),
        ("ALTER TABLE account ADD COLUMN more int", ["ALTER TABLE"]),
        ("DROP TABLE account", ["DROP TABLE"]),
        ("SELECT id FROM (SELECT id FROM account WHERE id = 1) s FOR UPDATE", ["1", "SELECT 1"]),
    ],
)
def test_a_locked_row_is_waited_for(clients: Clients, sql: str, came: list[str]) -> None:
    a, b, _ = clients
    a.run("BEGIN")
    assert a.run("SELECT id FROM account WHERE id = 1 FOR UPDATE") == ["1", "SELECT 1"]
    b.begin(sql)
    time.sleep(0.05)
    assert a.run("UPDATE account SET balance = 90 WHERE id = 1") == ["UPDATE 1"]
    assert a.run("SELECT balance FROM account WHERE id = 1") == ["90", "SELECT 1"]
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == came


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE history RENAME TO history_old; CREATE TABLE history (account int, delta int)",
        "ALTER TABLE history ADD COLUMN more int DEFAULT 5",
        "ALTER TABLE history RENAME COLUMN delta TO other",
        "ALTER TABLE history DROP COLUMN delta",
        "DROP TABLE history",
        "CREATE UNIQUE INDEX ON history (account)",
        "ALTER TABLE history ADD CHECK (delta > 100)",
    ],
)
def test_a_log_is_not_carried_out_in_another_table(clients: Clients, change: str) -> None:
    """PostgreSQL makes the change wait; here it does not, and who wrote before finds out."""
    a, b, _ = clients
    a.run("DROP TABLE IF EXISTS history_old")
    a.run("BEGIN")
    assert a.run("INSERT INTO history VALUES (1, 1)") == ["INSERT 0 1"]
    assert b.run(change)[-1] in ("ALTER TABLE", "CREATE TABLE", "DROP TABLE", "CREATE INDEX")
    assert a.run("COMMIT") == ["40001"]
    assert b.run("CREATE TABLE IF NOT EXISTS unrelated (a int)") == ["CREATE TABLE"]
    a.run("BEGIN")
    assert a.run("UPDATE account SET balance = 1 WHERE id = 1") == ["UPDATE 1"]
    assert b.run("DROP TABLE unrelated") == ["DROP TABLE"]
    assert a.run("COMMIT") == ["COMMIT"]


def test_an_update_with_a_condition_waits_for_the_row(clients: Clients) -> None:
    """§13.2.1: the condition is looked at again when the row has changed."""
    a, b, _ = clients
    for each in (a, b):
        each.run("BEGIN")
    assert a.run("UPDATE account SET balance = balance - 80 WHERE id = 1 AND balance >= 80") == ["UPDATE 1"]
    b.begin("UPDATE account SET balance = balance - 80 WHERE id = 1 AND balance >= 80")
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == ["UPDATE 0"]
    assert b.run("COMMIT") == ["COMMIT"]
    for each in (a, b):
        each.run("BEGIN")
    assert a.run("UPDATE account SET balance = 0 WHERE id = 2") == ["UPDATE 1"]
    b.begin("UPDATE account SET balance = 10 / balance WHERE id = 2")
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == ["22012"]
    assert b.run("ROLLBACK") == ["ROLLBACK"]


def test_who_skips_what_is_locked_waits_for_who_writes_without_marks(clients: Clients) -> None:
    """Which rows those are is not known; to give none would make a worker believe that there is nothing to do."""
    a, b, _ = clients
    a.run("BEGIN")
    assert a.run("INSERT INTO history SELECT g, 1 FROM generate_series(1, 3) g") == ["INSERT 0 3"]
    b.begin("SELECT id FROM account ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED")
    time.sleep(0.05)
    assert a.run("COMMIT") == ["COMMIT"]
    assert b.end() == ["1", "SELECT 1"]
