"""What is carried out in one step comes to the same bytes as what goes the long way; and the clock is the message's."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest
from tests.support.pgserver.wire import Wire

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire.codec import (
    SYNC,
    DataRow,
    Message,
    encode_bind,
    encode_close,
    encode_describe,
    encode_execute,
    encode_parse,
    encode_query,
)
from socketworkers_pgwire.session import Hole, Open, Ran, Repeat, Repeated, Session

SETUP = """
CREATE TABLE account(id int PRIMARY KEY, owner text UNIQUE, balance numeric(10,2) NOT NULL CHECK (balance >= 0));
CREATE TABLE entry(id serial PRIMARY KEY, account int REFERENCES account DEFERRABLE INITIALLY DEFERRED, note text);
CREATE TABLE tag(name text UNIQUE DEFERRABLE INITIALLY DEFERRED, id int PRIMARY KEY);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE person(id int PRIMARY KEY, mood mood, born date, seen timestamptz, tags text[], doc jsonb, raw bytea);
CREATE TABLE plain(id serial PRIMARY KEY, word text UNIQUE, n int NOT NULL CHECK (n >= 0), day date);
CREATE TABLE free(id int PRIMARY KEY, n int NOT NULL, day date);
CREATE INDEX ON free(n);
CREATE TABLE history(id int NOT NULL, n int, day date);
INSERT INTO free VALUES (1, 1, NULL), (2, 2, '2024-02-29');
INSERT INTO account SELECT g, 'owner ' || g, g * 10 FROM generate_series(1, 500) g;
INSERT INTO tag VALUES ('a', 1), ('b', 2);
INSERT INTO person VALUES (1, 'happy', '2000-02-29', '2024-01-01 12:00+00', '{a,"b c"}', '{"a": [1]}', '\\x00ff');
"""


def one(
    sql: str, *values: bytes | None, formats: tuple[int, ...] = (), results: tuple[int, ...] = (), describe: bool = True
) -> bytes:
    """Parse, Bind, Describe, Execute, Sync, as psycopg has them."""
    return encode_parse(b"", sql.encode()) + bound(b"", *values, formats=formats, results=results, describe=describe)


def bound(
    name: bytes,
    *values: bytes | None,
    formats: tuple[int, ...] = (),
    results: tuple[int, ...] = (),
    describe: bool = True,
) -> bytes:
    """Bind, Describe, Execute, Sync, as most drivers have them for what they have prepared."""
    middle = encode_describe(b"P") if describe else b""
    return encode_bind(b"", name, values, formats, results) + middle + encode_execute() + SYNC


def step(name: bytes, *values: bytes | None) -> bytes:
    """Bind, Describe, Execute, as a pipeline has them."""
    return encode_bind(b"", name, values) + encode_describe(b"P") + encode_execute()


def q(sql: str) -> bytes:
    return encode_query(sql.encode())


INT = struct.Struct(">i").pack
SELECT = "SELECT owner, balance FROM account WHERE id = $1"
UPDATE = "UPDATE account SET balance = balance + $2 WHERE id = $1"
RETURNING = "UPDATE account SET balance = balance + $2 WHERE id = $1 RETURNING id, balance"

#: of a table that nothing ties to others
PLAIN = {
    b"pi": "INSERT INTO plain(word, n) VALUES ($1, $2) RETURNING id, word, n",
    b"pu": "UPDATE plain SET n = n + $2 WHERE id = $1",
    b"pw": "UPDATE plain SET word = $2 WHERE id = $1",
    b"pd": "DELETE FROM plain WHERE id = $1",
    b"pn": "INSERT INTO plain(word, n) VALUES (pg_notify('plain', $1)::text, 1)",
    b"ps": "INSERT INTO plain(n, day) VALUES (length(set_config('DateStyle', $1, false)), '2024-02-29')",
    b"pr": "SELECT '2024-02-29'::date + n, word FROM plain WHERE id = $1",
    b"px": "UPDATE plain SET day = current_date WHERE id = $1 RETURNING day = now()::date",
    b"pc": "SELECT * FROM plain WHERE id = $1",
}

#: what is sent, how many ReadyForQuery that brings, and how many of the statements are carried out in one step
SCRIPT: list[tuple[bytes, int, int]] = [
    (encode_parse(b"s", SELECT.encode()) + encode_parse(b"u", UPDATE.encode()) + SYNC, 1, 0),
    (encode_parse(b"r", RETURNING.encode()) + SYNC, 1, 0),
    (b"".join([encode_parse(name, text.encode()) for name, text in PLAIN.items()]) + SYNC, 1, 0),
    (bound(b"pi", b"one", b"1"), 1, 1),  # the second and the third time the word is taken
    (bound(b"pi", b"two", b"2", describe=False), 1, 1),
    (bound(b"pi", None, b"3"), 1, 1),
    (bound(b"pi", None, INT(4), formats=(0, 1), results=(1,)), 1, 1),
    (bound(b"pi", None, None), 1, 1),  # violates NOT NULL
    (bound(b"pi", None, b"-1"), 1, 1),  # violates the check
    (bound(b"pi", None, b"x"), 1, 0),
    (bound(b"pu", b"1", b"5"), 1, 1),
    (bound(b"pu", b"1", b"5", describe=False), 1, 1),
    (bound(b"pu", b"1", b"2147483647"), 1, 1),  # out of range
    (bound(b"pu", b"1", b"-5000"), 1, 1),
    (bound(b"pu", b"70000", b"5"), 1, 1),
    (bound(b"pw", b"2", b"one"), 1, 1),  # the word is taken
    (bound(b"pw", b"2", b"three"), 1, 1),
    (bound(b"pn", b"told"), 1, 1),
    (bound(b"ps", b"German, DMY"), 1, 1),
    (bound(b"pr", b"1"), 1, 1),
    (bound(b"ps", b"ISO, MDY"), 1, 1),
    (bound(b"ps", b"nothing"), 1, 1),  # no style of dates
    (bound(b"pr", b"1"), 1, 1),
    (bound(b"px", b"1"), 1, 1),
    (bound(b"pd", b"3"), 1, 1),
    (encode_parse(b"b", b"BEGIN") + encode_parse(b"c", b"COMMIT") + encode_parse(b"x", b"ROLLBACK") + SYNC, 1, 0),
    (encode_parse(b"fu", b"UPDATE free SET n = n + $2 WHERE id = $1") + SYNC, 1, 0),
    (encode_parse(b"fs", b"SELECT n, day FROM free WHERE id = $1") + SYNC, 1, 0),
    (encode_parse(b"fi", b"INSERT INTO history(id, n, day) VALUES ($1, $2, current_date)") + SYNC, 1, 0),
    (encode_parse(b"fk", b"UPDATE free SET id = $2 WHERE id = $1") + SYNC, 1, 0),
    (bound(b"b"), 1, 0),  # the second and the third one bring a warning
    (bound(b"fu", b"1", b"5"), 1, 1),
    (bound(b"fs", b"1"), 1, 1),
    (bound(b"fi", b"1", b"5"), 1, 1),
    (bound(b"fi", b"1", None), 1, 1),
    (bound(b"fu", b"70000", b"5"), 1, 1),
    (encode_execute() + SYNC, 1, 0),  # the portal is there still, and has run
    (encode_describe(b"P") + SYNC, 1, 0),
    (bound(b"c"), 1, 0),
    (bound(b"fs", b"1"), 1, 1),
    (bound(b"b"), 1, 0),
    (bound(b"fu", b"1", b"7"), 1, 1),
    (bound(b"x"), 1, 0),
    (bound(b"fs", b"1"), 1, 1),
    (bound(b"b"), 1, 0),
    (bound(b"fu", b"1", b"2147483647"), 1, 1),  # out of range
    (bound(b"fs", b"1"), 1, 0),
    (bound(b"c"), 1, 0),
    (bound(b"b"), 1, 0),
    (bound(b"fi", None, b"1"), 1, 1),  # violates NOT NULL
    (bound(b"x"), 1, 0),
    (bound(b"b"), 1, 0),
    (bound(b"fu", b"1", None), 1, 1),  # violates NOT NULL
    (bound(b"c"), 1, 0),
    (bound(b"b"), 1, 0),
    (bound(b"fk", b"1", b"2"), 1, 1),  # the key is taken
    (bound(b"x"), 1, 0),
    (bound(b"b"), 1, 0),
    (q("SAVEPOINT a"), 1, 0),
    (bound(b"fu", b"2", b"1"), 1, 1),
    (bound(b"fs", b"2"), 1, 1),
    (q("ROLLBACK TO a"), 1, 0),
    (bound(b"fs", b"2"), 1, 1),
    (q("DECLARE c CURSOR FOR SELECT 1"), 1, 0),
    (bound(b"fs", b"2"), 1, 0),
    (bound(b"fu", b"2", b"1"), 1, 0),
    (bound(b"c"), 1, 0),
    (q("SET default_transaction_read_only = on"), 1, 0),
    (bound(b"b"), 1, 0),
    (bound(b"fu", b"1", b"5"), 1, 0),
    (bound(b"x"), 1, 0),
    (q("SET default_transaction_read_only = off"), 1, 0),
    (q("BEGIN ISOLATION LEVEL REPEATABLE READ"), 1, 0),
    (bound(b"fs", b"1"), 1, 1),
    (bound(b"fu", b"1", b"5"), 1, 1),
    (bound(b"c"), 1, 0),
    (q("LISTEN plain"), 1, 0),
    (bound(b"pn", b"heard"), 1, 1),
    (q("UNLISTEN plain"), 1, 0),
    (q("ALTER TABLE plain ADD COLUMN more text DEFAULT 'more'"), 1, 0),
    (bound(b"pi", None, b"7"), 1, 1),
    (bound(b"pr", b"1"), 1, 1),
    (bound(b"pc", b"1"), 1, 0),  # its columns are other ones now
    (encode_close(b"S", b"pu") + encode_parse(b"pu", SELECT.encode()) + SYNC, 1, 0),
    (bound(b"pu", b"1"), 1, 1),
    (bound(b"pu", b"1", b"5"), 1, 0),
    (q("SELECT currval('plain_id_seq') > 5"), 1, 0),
    (bound(b"s", b"7"), 1, 1),
    (bound(b"s", b"7", describe=False), 1, 1),
    (bound(b"s", None), 1, 1),
    (bound(b"s", b"70000"), 1, 1),
    (bound(b"s", INT(9), formats=(1,), results=(1,)), 1, 1),
    (bound(b"s", b"9", formats=(0,), results=(0, 1)), 1, 1),
    (bound(b"s", b"9", results=(0, 1, 1)), 1, 0),
    (bound(b"s", b"9", results=(7,)), 1, 0),
    (bound(b"s", b"9", formats=(7,)), 1, 0),
    (bound(b"s", b"nine"), 1, 0),
    (bound(b"s", b"9\xff"), 1, 0),
    (bound(b"s", INT(9) + b"x", formats=(1,)), 1, 0),
    (bound(b"s"), 1, 0),
    (bound(b"s", b"9", b"9"), 1, 0),
    (bound(b"missing", b"9"), 1, 0),
    (bound(b"s", b"1") + bound(b"s", b"2") + bound(b"s", b"3"), 3, 3),
    (bound(b"s", b"1") + bound(b"s", b"x") + bound(b"s", b"3"), 3, 2),
    (bound(b"u", b"1", b"5"), 1, 1),
    (bound(b"u", b"1", b"5.55", describe=False), 1, 1),
    (bound(b"u", b"70000", b"5"), 1, 1),
    (bound(b"u", b"1", b"-5000"), 1, 1),  # violates the check
    (bound(b"u", b"1", None, describe=False), 1, 1),  # violates NOT NULL
    (bound(b"u", b"1", b"99999999"), 1, 1),  # numeric field overflow
    (bound(b"r", b"2", b"1"), 1, 1),
    (bound(b"r", b"2", b"-1000", results=(1,)), 1, 1),
    (bound(b"r", b"2", b"1", results=(1,)), 1, 1),
    (bound(b"u", b"1", b"-5000") + bound(b"s", b"1"), 2, 2),
    (one(SELECT, b"3"), 1, 1),
    (one("SELECT 1"), 1, 1),
    (one("SELECT 1 / (id - 1) FROM account WHERE id = 1"), 1, 0),
    (one("INSERT INTO entry(account, note) VALUES (3, 'x') RETURNING *"), 1, 1),
    (one("INSERT INTO entry(account, note) VALUES (4000, 'x')"), 1, 1),  # fails at the commit
    (one("INSERT INTO entry(account, note) VALUES (3, 'y') RETURNING id"), 1, 1),
    (q("INSERT INTO entry(account, note) VALUES (4000, 'x') RETURNING id"), 1, 1),
    (q("INSERT INTO entry(account, note) VALUES (5, 'z') RETURNING id"), 1, 1),
    (one("INSERT INTO account VALUES (1, 'twice', 0)"), 1, 1),
    (one("INSERT INTO account VALUES (1000, 'owner 1', 0)"), 1, 1),
    (q("INSERT INTO account VALUES (1000, 'owner 1', 0) RETURNING *"), 1, 1),
    (q("INSERT INTO account VALUES (1000, 'new', 0) RETURNING *"), 1, 1),
    (q("UPDATE tag SET name = 'a' WHERE id = 2"), 1, 1),  # a unique key that fails at the commit
    (q("DELETE FROM account WHERE id = 1000"), 1, 1),
    (q("DELETE FROM account WHERE id = 3"), 1, 1),
    (q("SELECT * FROM person WHERE id = 1"), 1, 1),
    (one("SELECT * FROM person WHERE id = 1", results=(1,)), 1, 1),
    (q("SELECT * FROM person WHERE id = 2"), 1, 1),
    (q("SELECT count(*) FROM account"), 1, 0),
    (q("SELECT 1; SELECT 2"), 1, 2),
    (q("SELECT 1 / 0"), 1, 0),
    (q("SELECT 'a\\b', E'\\x41', 1.50, NULL, true"), 1, 1),
    (q("SELECT generate_series(1, 200)"), 1, 0),
    (q("SELECT"), 1, 0),
    (q(""), 1, 0),
    (q("SELECT nextval('entry_id_seq')"), 1, 0),
    (q("SELECT currval('entry_id_seq')"), 1, 0),
    (q("SELECT set_config('DateStyle', 'German, DMY', false)"), 1, 0),
    (q("SELECT born, seen FROM person WHERE id = 1"), 1, 1),
    (q("SET DateStyle TO ISO"), 1, 0),
    (q("SELECT born, seen FROM person WHERE id = 1"), 1, 1),
    (q("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"), 1, 1),
    (q("SET default_transaction_read_only = on"), 1, 0),
    (bound(b"u", b"1", b"5"), 1, 0),
    (bound(b"s", b"1"), 1, 1),
    (q("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"), 1, 1),
    (q("SET default_transaction_read_only = off"), 1, 0),
    (q("BEGIN"), 1, 0),
    (bound(b"u", b"1", b"5"), 1, 1),
    (bound(b"s", b"1"), 1, 1),
    (q("SELECT balance FROM account WHERE id = 1"), 1, 1),
    (bound(b"u", b"1", b"-5000"), 1, 1),
    (bound(b"s", b"1"), 1, 0),
    (q("ROLLBACK"), 1, 0),
    (bound(b"s", b"1"), 1, 1),
    (q("BEGIN; DECLARE held CURSOR WITH HOLD FOR SELECT 1; COMMIT"), 1, 0),
    (bound(b"s", b"1"), 1, 0),
    (q("CLOSE held"), 1, 0),
    (encode_bind(b"", b"s", (b"1",)) + encode_execute(max_rows=1) + SYNC, 1, 0),
    (encode_bind(b"p", b"s", (b"1",)) + encode_execute(b"p") + SYNC, 1, 0),
    (2 * (encode_bind(b"", b"s", (b"1",)) + encode_execute()) + SYNC, 1, 2),
    (2 * (encode_bind(b"", b"u", (b"1", b"1")) + encode_execute()) + SYNC, 1, 2),
    (encode_bind(b"", b"u", (b"1", b"1")) + encode_execute() + bound(b"u", b"1", b"-9000"), 1, 2),
    (encode_bind(b"", b"s", (b"1",)) + 2 * encode_execute() + SYNC, 1, 1),
    (encode_bind(b"", b"s", (b"1",)) + encode_execute() + encode_describe(b"P") + SYNC, 1, 1),
    (encode_bind(b"", b"u", (b"1", b"1")) + encode_execute() + encode_describe(b"P") + encode_execute() + SYNC, 1, 1),
    (encode_bind(b"", b"u", (b"1", b"-9000")) + encode_execute() + encode_describe(b"P") + SYNC, 1, 1),
    (q("SELECT balance FROM account WHERE id = 1"), 1, 1),
    (q("INSERT INTO tag VALUES ('c', 3); INSERT INTO tag VALUES ('c', 4)"), 1, 2),  # fails at the commit
    (q("INSERT INTO tag VALUES ('c', 3); SELECT 1 / 0; SELECT 2"), 1, 1),
    (q("BEGIN; UPDATE account SET balance = 7 WHERE id = 9; SELECT balance FROM account WHERE id = 9; COMMIT"), 1, 2),
    (q("BEGIN; UPDATE account SET balance = -7 WHERE id = 9; SELECT balance FROM account WHERE id = 9; COMMIT"), 1, 1),
    (bound(b"s", b"9"), 1, 0),
    (q("ROLLBACK; BEGIN; UPDATE account SET balance = 8 WHERE id = 9; ROLLBACK"), 1, 1),
    (bound(b"s", b"9"), 1, 1),
    (encode_parse(b"b", b"BEGIN") + encode_parse(b"c", b"COMMIT") + encode_parse(b"x", b"ROLLBACK") + SYNC, 1, 0),
    (step(b"b") + step(b"u", b"4", b"1") + step(b"s", b"4") + step(b"u", b"4", b"1") + step(b"c") + SYNC, 1, 3),
    (step(b"b") + step(b"u", b"4", b"1") + step(b"u", b"4", b"-9000") + step(b"s", b"4") + step(b"c") + SYNC, 1, 2),
    (bound(b"s", b"4"), 1, 0),
    (step(b"c") + SYNC, 1, 0),
    (bound(b"s", b"4"), 1, 1),
    (step(b"b") + step(b"u", b"4", b"1") + step(b"x") + bound(b"s", b"4"), 1, 2),
    (q("BEGIN"), 1, 0),
    (q("INSERT INTO entry(account, note) VALUES (5, 'volatile') RETURNING id"), 1, 1),  # takes the turn to write
    (bound(b"u", b"4", b"1"), 1, 1),
    (bound(b"s", b"4"), 1, 1),
    (encode_execute() + SYNC, 1, 0),
    (encode_describe(b"P") + SYNC, 1, 0),
    (q("ROLLBACK; BEGIN"), 1, 0),
    (q("INSERT INTO entry(account, note) VALUES (5, 'volatile') RETURNING id"), 1, 1),
    (q("SAVEPOINT a"), 1, 0),
    (bound(b"r", b"4", b"1"), 1, 1),
    (bound(b"r", b"4", b"-9000"), 1, 1),
    (bound(b"s", b"4"), 1, 0),
    (q("ROLLBACK TO a"), 1, 0),
    (bound(b"s", b"4"), 1, 1),
    (q("ROLLBACK TO a"), 1, 0),
    (encode_execute() + SYNC, 1, 0),
    (q("ROLLBACK TO a"), 1, 0),
    (bound(b"s", b"4"), 1, 1),
    (q("COMMIT"), 1, 0),
    (bound(b"s", b"4"), 1, 1),
    (q("BEGIN ISOLATION LEVEL REPEATABLE READ"), 1, 0),
    (bound(b"s", b"4"), 1, 1),
    (bound(b"u", b"4", b"1"), 1, 1),
    (q("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"), 1, 0),
    (q("ROLLBACK"), 1, 0),
    (q("BEGIN"), 1, 0),
    (bound(b"s", b"4"), 1, 1),
    (q("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"), 1, 0),
    (q("ROLLBACK"), 1, 0),
    (q("BEGIN READ ONLY"), 1, 0),
    (bound(b"u", b"4", b"1"), 1, 0),
    (q("ROLLBACK"), 1, 0),
    (q("SET client_encoding TO LATIN1"), 1, 0),
    (q("UPDATE account SET owner = 'J\xfcrgen' WHERE id = 5").replace(b"\xc3\xbc", b"\xfc\x20"), 1, 1),
    (bound(b"s", b"5"), 1, 1),
    (q("SELECT owner FROM account WHERE id = 5"), 1, 1),
    (q("UPDATE account SET owner = U&'\\20AC' WHERE id = 5"), 1, 1),
    (q("SELECT owner FROM account WHERE id = 5"), 1, 0),  # no character of LATIN1
    (q("SET client_encoding TO UTF8"), 1, 0),
    (q("ALTER TABLE account ALTER COLUMN owner TYPE varchar(50)"), 1, 0),
    (bound(b"s", b"5"), 1, 0),
    (q("ALTER TABLE account ADD COLUMN more int DEFAULT 3"), 1, 0),
    (bound(b"r", b"5", b"1"), 1, 1),
    (q("CREATE TEMPORARY TABLE own(id int PRIMARY KEY)"), 1, 0),
    (bound(b"r", b"5", b"1"), 1, 0),
]

#: queries of the simple protocol, one behind the other, and whether each is an earlier one with other literals
TEXTS: list[tuple[str, bool]] = [
    ("SELECT owner FROM account WHERE id = 6", False),
    ("SELECT owner FROM account WHERE id = 7", False),  # the second text of a shape has its plan made
    ("SELECT owner FROM account WHERE id = 8", True),
    ("SELECT owner FROM account WHERE id = 80000", True),
    ("SELECT owner FROM account WHERE id = 08", True),
    ("SELECT owner FROM account WHERE id = 999999999", True),
    ("SELECT owner FROM account WHERE id = 2147483647", False),
    ("SELECT owner FROM account WHERE id = 2147483648", False),
    ("SELECT owner FROM account WHERE id = 99999999999999999999", False),
    ("SELECT owner FROM account WHERE id = 8.0", False),
    ("SELECT owner FROM account WHERE id = 8e0", False),
    ("SELECT owner FROM account WHERE id = 8x", False),
    ("SELECT owner FROM account WHERE id = 0x8", False),
    ("SELECT owner FROM account WHERE id = 8;", False),
    ("SELECT owner FROM account WHERE id = 8 -- 9", False),
    ("SELECT owner FROM account WHERE id = 8 OR true LIMIT 1", False),
    ("SELECT owner FROM account WHERE id = '8'", False),
    ("SELECT owner FROM account WHERE id = -8", False),
    ("SELECT owner FROM account WHERE id = ", False),
    ("SELECT owner FROM account WHERE id = 9", True),
    ("SELECT id FROM account WHERE owner = 'owner 1' AND id < 8", False),
    ("SELECT id FROM account WHERE owner = 'owner 2' AND id < 9", False),
    ("SELECT id FROM account WHERE owner = 'owner 3' AND id < 10", True),
    ("SELECT id FROM account WHERE owner = '' AND id < 10", True),
    ("SELECT id FROM account WHERE owner = '/* -- ' AND id < 10", True),
    ("SELECT id FROM account WHERE owner = 'owner' AND id < 10 --' AND id < 10", False),
    ("SELECT id FROM account WHERE owner = 'it''s' AND id < 10", False),
    ("SELECT id FROM account WHERE owner = '''' AND id < 10", False),
    ("SELECT id FROM account WHERE owner = 'ü' AND id < 10", False),
    ("SELECT id FROM account WHERE owner = 'a\\b' AND id < 10", False),
    ("SELECT id FROM account WHERE owner = E'a\\b' AND id < 10", False),
    ("SELECT id FROM account WHERE owner = 'owner '\n'3' AND id < 10", False),
    ("SELECT id FROM account WHERE owner = 'owner 3' AND id < 10", True),
    ("SELECT id, 'b' FROM account WHERE owner = 'owner 3' OR owner = 'owner 4' LIMIT 1", False),
    ("SELECT 1, id FROM account WHERE id = 1 ORDER BY 1", False),
    ("SELECT 2, id FROM account WHERE id = 2 ORDER BY 1", False),
    ("SELECT 3, id FROM account WHERE id = 3 ORDER BY 1", False),  # the first one is a value of the plan
    ("SELECT 3, id FROM account WHERE id = 3 ORDER BY 2", False),
    ("SELECT 3, id FROM account WHERE id = 3 ORDER BY 3", False),
    ("SELECT born + 1 FROM person WHERE id = 1", False),
    ("SELECT born + 1 FROM person WHERE id = 1", True),
    ("SELECT born + 1 FROM person WHERE id = 1", True),
    ("SET DateStyle TO German", False),
    ("SELECT born + 1 FROM person WHERE id = 1", False),
    ("RESET DateStyle", False),
    ("SELECT born + 1 FROM person WHERE id = 1", False),
    ("SELECT born + 1 FROM person WHERE id = 1", True),
    ("INSERT INTO plain(word, n) VALUES ('first', 1000) RETURNING word", False),
    ("INSERT INTO plain(word, n) VALUES ('second', 2) RETURNING word", False),
    ("INSERT INTO plain(word, n) VALUES ('third', 3) RETURNING word", True),
    ("INSERT INTO plain(word, n) VALUES ('third', 4) RETURNING word", True),  # the word is taken
    ("UPDATE plain SET n = n - 1 WHERE id = 1", False),
    ("UPDATE plain SET n = n - 2 WHERE id = 1", False),
    ("UPDATE plain SET n = n - 90000000 WHERE id = 1", True),  # violates the check
    ("BEGIN", False),
    ("UPDATE plain SET n = n - 1 WHERE id = 1", False),
    ("ROLLBACK", False),
    ("UPDATE plain SET n = n - 1 WHERE id = 1", True),
    ("SET default_transaction_read_only = on", False),
    ("UPDATE plain SET n = n - 1 WHERE id = 1", False),
    ("SELECT owner FROM account WHERE id = 8", True),
    ("SET default_transaction_read_only = off", False),
    ("ALTER TABLE account DROP COLUMN owner CASCADE", False),
    ("SELECT owner FROM account WHERE id = 8", False),
]


#: how many of those that are sent three times differ from an earlier one in their parameters only, and may be repeated
REPEATED = 102


@contextmanager
def counted(server: ThreadedServer, wire: Wire) -> Iterator[list[Open]]:
    """What a session carries out in one step."""
    assert wire.key is not None
    session = server.server.env.pgwire.links[wire.key.process_id].session
    way = session.shortcut
    taken: list[Open] = []

    def counting(request: Open, commits: bool) -> Ran | None:
        assert way is not None
        answer: Ran | None = way(request, commits)
        if answer is not None:
            taken.append(request)
        return answer

    session.shortcut = counting
    yield taken


def answers(wire: Wire, data: bytes, count: int) -> list[Message]:
    wire.send(data)
    return [message for _ in range(count) for message in wire.ready()]


def session_of(server: ThreadedServer, wire: Wire) -> Session:
    assert wire.key is not None
    session: Session = server.server.env.pgwire.links[wire.key.process_id].session
    return session


@contextmanager
def repeated(session: Session) -> Iterator[list[object]]:
    """The chunks that were earlier ones with other parameters or literals."""
    taken: list[object] = []
    repeatable, repeatable_text = session.repeatable, session.repeatable_text
    assert repeatable is not None
    assert repeatable_text is not None

    class Counted:
        def __init__(self, run: Repeat) -> None:
            self.run = run

        def __call__(self, parameters: Sequence[bytes | None], text: bytes = b"") -> Repeated | Ran | None:
            answer = self.run(parameters, text)
            if answer is not None:
                taken.append((parameters, text))
            return answer

        def within(self, parameters: Sequence[bytes | None]) -> Repeated | None:
            answer = self.run.within(parameters)
            if answer is not None:
                taken.append((parameters, b""))
            return answer

    def one(request: Open) -> Repeat | None:
        run = repeatable(request)
        return None if run is None else Counted(run)

    def one_text(request: Open) -> tuple[tuple[Hole, ...], Repeat] | None:
        found = repeatable_text(request)
        return None if found is None else (found[0], Counted(found[1]))

    session.repeatable, session.repeatable_text = one, one_text
    yield taken


@contextmanager
def three_ways(server: ThreadedServer) -> Iterator[tuple[Wire, Wire, Wire]]:
    """Sessions on databases of the same content: one that repeats, one that does not, one that always goes the long
    way."""
    address = (server.host, server.port)
    names = ("repeating", "straight", "long_way")
    with Wire(address) as wire:
        wire.log_in()
        for name in names:
            wire.query(f"DROP DATABASE IF EXISTS {name}")
            wire.query(f"CREATE DATABASE {name}")
    with Wire(address) as repeating, Wire(address) as straight, Wire(address) as long_way:
        wires = (repeating, straight, long_way)
        for wire, name in zip(wires, names, strict=True):
            wire.log_in(database=name)
            wire.query(SETUP)
        session_of(server, straight).repeatable = session_of(server, straight).repeatable_text = None
        session_of(server, long_way).shortcut = None
        yield wires


def test_all_ways_come_to_the_same(server: ThreadedServer) -> None:
    with three_ways(server) as wires:
        repeating, straight, long_way = wires
        with counted(server, straight) as taken, repeated(session_of(server, repeating)) as again:
            for data, count, steps in SCRIPT:
                taken.clear()
                first, second, third = [answers(wire, data, count) for wire in wires]
                assert first == second == third, data
                assert len(taken) == steps, data
                if data.startswith(b"B"):  # the same once more, and once more
                    for _ in range(2):
                        first, second, third = [answers(wire, data, count) for wire in wires]
                        assert first == second == third, data
            assert len(again) == REPEATED
            for table in ("account", "entry", "tag", "person", "plain", "free", "history"):
                sql = f"SELECT * FROM {table} ORDER BY id"
                assert repeating.query(sql) == straight.query(sql) == long_way.query(sql)


PREPARED = {
    **PLAIN,
    b"b": "BEGIN",
    b"c": "COMMIT",
    b"x": "ROLLBACK",
    b"sp": "SAVEPOINT a",
    b"ra": "ROLLBACK TO a",
    b"s": SELECT,
    b"u": UPDATE,
    b"r": RETURNING,
    b"fu": "UPDATE free SET n = n + $2 WHERE id = $1",
    b"fs": "SELECT n, day FROM free WHERE id = $1",
    b"fa": "SELECT id, n FROM free WHERE n > $1 ORDER BY id",
    b"fi": "INSERT INTO history(id, n, day) VALUES ($1, $2, current_date)",
    b"fd": "DELETE FROM free WHERE id = $1",
    b"fn": "INSERT INTO free VALUES ($1, $2)",
    b"fk": "UPDATE free SET id = $2 WHERE id = $1",
    b"hc": "SELECT count(*) FROM history WHERE id < $1",
}
PAIRS = frozenset((b"pi", b"pu", b"pw", b"u", b"r", b"fu", b"fi", b"fn", b"fk"))
ALONE = frozenset((b"b", b"c", b"x", b"sp", b"ra"))


def pieces(chooser: random.Random) -> bytes:
    """Some statements up to a Sync, as a pipeline has them; often with a block around them."""
    names = [each for each in PREPARED if each not in ALONE and each not in (b"pn", b"ps", b"pc")]
    chosen = [chooser.choice(names) for _ in range(chooser.choice((1, 1, 1, 2, 3, 5)))]
    way = chooser.random()
    if way < 0.3:
        chosen = [b"b", *chosen, chooser.choice((b"c", b"c", b"x"))]
    elif way < 0.6:
        chosen = [chooser.choice(sorted(ALONE))]
    parts = []
    for name in chosen:
        values: list[bytes | None] = []
        if name not in ALONE:
            values.append(chooser.choice((b"1", b"2", b"3", b"7", b"70000", None, b"x", b"-1", b"4")))
        if name in PAIRS:
            values.append(chooser.choice((b"1", b"2", b"5", b"-3", b"-9000", b"2147483647", None, b"y")))
        described = encode_describe(b"P") if chooser.random() < 0.7 else b""
        parts.append(encode_bind(b"", name, values) + described + encode_execute())
    return b"".join((*parts, SYNC))


@pytest.mark.parametrize("seed", range(2))
def test_pipelines_come_to_the_same(server: ThreadedServer, seed: int) -> None:
    chooser = random.Random(seed)
    with three_ways(server) as wires:
        for wire in wires:
            wire.query("INSERT INTO plain(word, n) VALUES ('first', 100), ('second', 100), ('third', 100)")
            wire.send(*[encode_parse(name, text.encode()) for name, text in PREPARED.items()], SYNC).ready()
        for number in range(400):
            data = pieces(chooser)
            first, second, third = [answers(wire, data, 1) for wire in wires]
            assert first == second == third, f"seed {seed}, number {number}: {data!r}"
        for wire in wires:
            wire.query("ROLLBACK")
        for table in ("account", "plain", "free", "history"):
            found = [
                wire.query(f"SELECT * FROM {table} ORDER BY id, n" if "a" not in table else f"TABLE {table}")
                for wire in wires
            ]
            assert found[0] == found[1] == found[2]


def test_texts_with_other_literals_come_to_the_same(server: ThreadedServer) -> None:
    with three_ways(server) as wires, repeated(session_of(server, wires[0])) as again:
        for text, repeats in TEXTS:
            again.clear()
            first, second, third = [answers(wire, q(text), 1) for wire in wires]
            assert first == second == third, text
            assert len(again) == repeats, text


def test_a_commit_that_waits_for_others_waits(server: ThreadedServer) -> None:
    where = {"host": server.host, "port": server.port, "user": "postgres", "dbname": "shop"}
    with psycopg.connect(**where) as holder, psycopg.connect(**where, autocommit=True) as other:  # type: ignore[arg-type]
        other.execute("DROP TABLE IF EXISTS waiting")
        other.execute("CREATE TABLE waiting(id int PRIMARY KEY, n int)")
        other.execute("INSERT INTO waiting VALUES (1, 0), (2, 0)")
        for _ in range(3):
            other.execute("UPDATE waiting SET n = n + 1 WHERE id = %s", (2,), prepare=True)
        holder.execute("UPDATE waiting SET n = n + 10 WHERE id = 1 RETURNING n")
        other.execute("SET lock_timeout = 100")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("UPDATE waiting SET n = n + 1 WHERE id = %s", (1,), prepare=True)
        holder.commit()
        other.execute("UPDATE waiting SET n = n + 1 WHERE id = %s", (1,), prepare=True)
        assert other.execute("SELECT n FROM waiting ORDER BY id").fetchall() == [(11,), (3,)]


@pytest.mark.parametrize("straight", [True, False])
def test_a_prepared_statement_sees_the_time_of_its_bind(server: ThreadedServer, straight: bool) -> None:
    with Wire((server.host, server.port)) as wire:
        wire.log_in()
        if not straight:
            assert wire.key is not None
            server.server.env.pgwire.links[wire.key.process_id].session.shortcut = None
        texts = (b"SELECT now()::text", b"SELECT statement_timestamp()::text", b"BEGIN", b"SELECT now()::text")
        wire.send(*[encode_parse(b"p%d" % number, text) for number, text in enumerate(texts)], SYNC).ready()

        def times() -> list[bytes | None]:
            found: list[bytes | None] = []
            for name in (b"p0", b"p1", b"p2", b"p3"):
                for message in answers(wire, bound(name), 1):
                    if isinstance(message, DataRow):
                        found += message.values
            wire.query("ROLLBACK")
            return found

        first = times()
        time.sleep(0.01)
        second = times()
        assert len(first) == len(second) == 3
        assert len({*first, *second}) == 6
        state = wire.query("SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()")
        assert state
        wire.send(bound(b"p0")).ready()
        shown = server.server.env.pgwire.backends()
        assert [each.query for each in shown if wire.key is not None and each.pid == wire.key.process_id] == [
            "SELECT now()::text"
        ]


@pytest.mark.parametrize("straight", [True, False])
def test_now_in_a_literal_is_the_time_of_its_statement(server: ThreadedServer, straight: bool) -> None:
    with Wire((server.host, server.port)) as wire:
        wire.log_in()
        if not straight:
            assert wire.key is not None
            server.server.env.pgwire.links[wire.key.process_id].session.shortcut = None
        wire.query("CREATE TEMPORARY TABLE IF NOT EXISTS unused(a int)")
        wire.query("DROP TABLE unused")
        wire.send(encode_parse(b"kept", b"SELECT 'now'::timestamptz::text"), SYNC).ready()
        wire.send(encode_parse(b"bound", b"SELECT $1::timestamptz::text"), SYNC).ready()

        def seen(data: bytes) -> list[bytes | None]:
            return [value for each in answers(wire, data, 1) if isinstance(each, DataRow) for value in each.values]

        asked = (
            q("SELECT 'now'::timestamptz::text"),
            q("SELECT timestamptz 'NOW', 5"),
            q("SELECT 'now'::timestamptz = now() AND date 'today' = current_date"),
            bound(b"bound", b"now"),
        )
        first = [seen(data) for data in asked]
        kept = seen(bound(b"kept"))
        time.sleep(0.01)
        second = [seen(data) for data in asked]
        assert [one == other for one, other in zip(first, second, strict=True)] == [False, False, True, False]
        assert first[2] == [b"t"]
        assert seen(bound(b"kept")) == kept  # PostgreSQL too keeps the constants of what is prepared


def test_a_privilege_that_is_gone_is_missed_at_once(server: ThreadedServer) -> None:
    address = (server.host, server.port)
    with Wire(address) as owner, Wire(address) as user:
        owner.log_in()
        owner.query("DROP TABLE IF EXISTS secret; DROP ROLE IF EXISTS reader; DROP ROLE IF EXISTS readers")
        owner.query(
            "CREATE TABLE secret (id int PRIMARY KEY, said text); CREATE ROLE readers; CREATE ROLE reader LOGIN"
        )
        owner.query("INSERT INTO secret VALUES (1, 'one'), (2, 'two'), (3, 'three')")
        user.log_in("reader")
        user.query("SELECT 1")
        with repeated(session_of(server, user)) as again:
            for grant, revoke in (
                ("GRANT SELECT ON secret TO reader", "REVOKE SELECT ON secret FROM reader"),
                ("GRANT SELECT ON secret TO readers; GRANT readers TO reader", "REVOKE readers FROM reader"),
            ):
                owner.query(grant)
                user.send(encode_parse(b"p", b"SELECT said FROM secret WHERE id = $1"), SYNC).ready()
                again.clear()
                for number, said in ((1, b"one"), (2, b"two"), (3, b"three"), (2, b"two")):
                    for data in (q(f"SELECT said FROM secret WHERE id = {number}"), bound(b"p", b"%d" % number)):
                        rows = [each.values for each in answers(user, data, 1) if isinstance(each, DataRow)]
                        assert rows == [[said]]
                assert len(again) >= 3
                owner.query(revoke)
                for data in (q("SELECT said FROM secret WHERE id = 1"), bound(b"p", b"1")):
                    assert user.error(answers(user, data, 1)).sqlstate == "42501"
                user.send(encode_close(b"S", b"p"), SYNC).ready()
        owner.query("DROP OWNED BY reader, readers; DROP ROLE reader; DROP ROLE readers; DROP TABLE secret")
