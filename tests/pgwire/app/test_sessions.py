"""Sessions over sockets: several at once, cancelled, notified, in pipelines, with portals and with time limits."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.support.pgserver.wire import Wire

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire import app
from socketworkers_pgwire.codec import (
    FLUSH,
    PROTOCOL_3_2,
    SYNC,
    TERMINATE,
    CommandComplete,
    DataRow,
    EmptyQueryResponse,
    ErrorResponse,
    Message,
    NoticeResponse,
    NotificationResponse,
    ParameterStatus,
    PortalSuspended,
    ReadyForQuery,
    RowDescription,
    encode_bind,
    encode_cancel_request,
    encode_describe,
    encode_execute,
    encode_parse,
    encode_query,
)

#: works until it is stopped
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i % 1000 + 1 FROM n) SELECT count(*) FROM n"


def values(messages: list[Message]) -> list[tuple[bytes | None, ...]]:
    """Rows among messages."""
    return [tuple(each.values) for each in messages if isinstance(each, DataRow)]


def tags(messages: list[Message]) -> list[bytes]:
    """Tags of the commands that are complete."""
    return [each.tag for each in messages if isinstance(each, CommandComplete)]


@pytest.mark.parametrize("version", [0x30000, PROTOCOL_3_2])
def test_a_statement_is_cancelled(address: tuple[str, int], version: int) -> None:
    """And while it ran, others were answered: within 50 ms and 100 ms on a quiet machine, which this one may not be."""
    with Wire(address) as busy, Wire(address) as other:
        busy.log_in(version=version)
        other.log_in()
        assert values(other.query("SELECT 1")) == [(b"1",)]
        busy.send(encode_query(ENDLESS.encode()))
        waits = []
        for number in range(20):
            before = time.perf_counter()
            assert values(other.query(f"SELECT {number}")) == [(b"%d" % number,)]
            waits.append(time.perf_counter() - before)
        before = time.perf_counter()
        busy.cancel(address)
        report = busy.error(busy.ready())
        took = time.perf_counter() - before
        assert (report.sqlstate, report.message) == ("57014", "canceling statement due to user request")
        assert values(busy.query("SELECT 'alive'")) == [(b"alive",)]
        assert sorted(waits)[len(waits) // 2] < 0.05, waits
        assert took < 1, took


@pytest.mark.attack("P1")
def test_a_wrong_key_cancels_nothing(address: tuple[str, int]) -> None:
    with Wire(address) as busy:
        busy.log_in()
        assert busy.key is not None
        busy.send(encode_query(ENDLESS.encode()))
        for number in range(50):
            wrong = bytes([busy.key.key[0] ^ 1, *busy.key.key[1:]])
            with Wire(address) as other:
                key = wrong if number % 2 else wrong * 8
                assert other.send(encode_cancel_request(busy.key.process_id, key)).byte() == b""
        assert isinstance(busy.message(), RowDescription)
        busy.socket.settimeout(0.05)
        with pytest.raises(TimeoutError):
            busy.message()
        busy.socket.settimeout(20)
        busy.cancel(address)
        assert busy.error(busy.ready()).sqlstate == "57014"


def test_a_cancel_that_comes_late_is_forgotten(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.cancel(address)
        assert values(wire.query("SELECT 1")) == [(b"1",)]


def test_notifications(address: tuple[str, int]) -> None:
    with Wire(address) as one, Wire(address) as two:
        one.log_in()
        two.log_in()
        assert tags(one.query("LISTEN news")) == [b"LISTEN"]
        two.query("BEGIN; NOTIFY news, 'lost'; ROLLBACK")
        two.query("BEGIN; NOTIFY news, 'first'; NOTIFY news, 'second'; NOTIFY news, 'first'; COMMIT")
        came = [one.message(), one.message()]
        assert two.key is not None
        assert came == [NotificationResponse(two.key.process_id, b"news", each) for each in (b"first", b"second")]
        # within a transaction they wait for its end
        one.query("BEGIN")
        two.query("NOTIFY news")
        assert not [each for each in one.query("SELECT 1") if isinstance(each, NotificationResponse)]
        assert [each for each in one.query("COMMIT") if isinstance(each, NotificationResponse)]
        one.query("UNLISTEN *")
        two.query("NOTIFY news")
        assert not [each for each in one.query("SELECT 1") if isinstance(each, NotificationResponse)]


def test_a_pipeline_skips_to_sync_after_an_error(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("CREATE TEMPORARY TABLE piped (n int)")

        def step(sql: bytes) -> bytes:
            return encode_parse(b"", sql) + encode_bind(b"", b"") + encode_execute()

        wire.send(
            step(b"INSERT INTO piped VALUES (1)"), step(b"SELECT 1/0"), step(b"INSERT INTO piped VALUES (2)"), SYNC,
            step(b"INSERT INTO piped VALUES (3)"), SYNC,
        )  # fmt: skip
        first, second = wire.ready(), wire.ready()
        assert tags(first) == [b"INSERT 0 1"]
        assert wire.error(first).sqlstate == "22012"
        assert tags(second) == [b"INSERT 0 1"]
        # the first Sync ended an implicit transaction that had failed
        assert values(wire.query("SELECT n FROM piped")) == [(b"3",)]


@pytest.mark.attack("P3")
def test_ten_thousand_messages_before_sync(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        one = encode_parse(b"", b"SELECT 7") + encode_bind(b"", b"") + encode_execute()
        wire.send(one * 3000, encode_parse(b"", b"bad"), one * 300, SYNC, one, SYNC)
        first = wire.ready()
        assert len(values(first)) == 3000
        assert wire.error(first).sqlstate == "42601"
        assert values(wire.ready()) == [(b"7",)]


def test_a_portal_gives_as_many_rows_as_asked_for(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.send(
            encode_parse(b"s", b"SELECT g FROM generate_series(1, $1::int) g"),
            encode_bind(b"p", b"s", [b"5"]),
            encode_describe(b"P", b"p"),
            *[encode_execute(b"p", 2)] * 3,
            FLUSH,
        )
        came = wire.until(CommandComplete)
        assert values(came) == [(b"1",), (b"2",), (b"3",), (b"4",), (b"5",)]
        assert sum(isinstance(each, PortalSuspended) for each in came) == 2
        assert tags(came) == [b"SELECT 1"]
        assert wire.send(SYNC).message() == ReadyForQuery(b"I")
        # portals end with their transaction
        assert wire.error(wire.send(encode_execute(b"p"), SYNC).ready()).sqlstate == "34000"


def test_several_statements_of_one_query_are_one_transaction(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        came = wire.query("CREATE TABLE together (n int); INSERT INTO together VALUES (1); SELECT 1/0; SELECT 2")
        assert tags(came) == [b"CREATE TABLE", b"INSERT 0 1"]
        assert wire.error(came).sqlstate == "22012"
        assert wire.error(wire.query("SELECT * FROM together")).sqlstate == "42P01"
        assert isinstance(wire.query("  ;")[0], EmptyQueryResponse)


def test_notices_and_changed_settings_are_told(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        (notice,) = [
            each.report for each in wire.query("DROP TABLE IF EXISTS nothing_there") if isinstance(each, NoticeResponse)
        ]
        assert (notice.severity, notice.sqlstate) == ("NOTICE", "00000")
        assert notice.message == 'table "nothing_there" does not exist, skipping'
        told = [each for each in wire.query("SET application_name = 'kit'") if isinstance(each, ParameterStatus)]
        assert told == [ParameterStatus(b"application_name", b"kit")]
        came = wire.query("BEGIN; SET TimeZone = 'Europe/Berlin'; ROLLBACK")
        assert [each.value for each in came if isinstance(each, ParameterStatus)] in ([b"UTC"], [])
        (warning,) = [each.report for each in wire.query("COMMIT") if isinstance(each, NoticeResponse)]
        assert (warning.severity, warning.sqlstate) == ("WARNING", "25P01")


def test_a_statements_time_is_limited(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("SET statement_timeout = 100")
        report = wire.error(wire.query(ENDLESS))
        assert (report.sqlstate, report.message) == ("57014", "canceling statement due to statement timeout")
        assert values(wire.query("SELECT 1")) == [(b"1",)]


def test_the_time_between_statements_of_a_transaction_is_limited(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("SET idle_in_transaction_session_timeout = 50")
        wire.query("BEGIN")
        report = wire.error()
        assert (report.severity, report.sqlstate) == ("FATAL", "25P03")


def test_the_time_of_an_idle_session_is_limited(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("SET idle_session_timeout = 50")
        report = wire.error()
        assert (report.severity, report.sqlstate) == ("FATAL", "57P05")


@pytest.mark.attack("C5")
def test_the_time_of_a_login_is_limited() -> None:
    with ThreadedServer(app, login_timeout=0.2) as server:
        for start in (b"", b"\0", b"\0\0\0\x20\0\3\0\0user\0"):
            with Wire((server.host, server.port)) as wire:
                before = time.monotonic()
                wire.send(start)
                assert [each for each in wire.rest() if not isinstance(each, ErrorResponse)] == []
                assert time.monotonic() - before < 5


@pytest.mark.attack("C6")
def test_who_leaves_in_a_transaction_leaves_nothing(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("CREATE TABLE left_alone (n int)")
        for farewell in (b"", TERMINATE):
            with Wire(address) as other:
                other.log_in()
                other.query("BEGIN; INSERT INTO left_alone VALUES (1)")
                other.send(farewell)
            wire.query("INSERT INTO left_alone VALUES (2)")  # waits until the other's turn is over
        assert values(wire.query("SELECT n FROM left_alone")) == [(b"2",), (b"2",)]


def test_draining_ends_idle_sessions_at_once_and_busy_ones_when_they_are_done() -> None:
    with ThreadedServer(app) as server:
        address = server.host, server.port
        with Wire(address) as idle, Wire(address) as busy:
            idle.log_in()
            busy.log_in()
            busy.query("CREATE TABLE drained (n int)")
            busy.query("BEGIN; INSERT INTO drained VALUES (1)")
            draining = server.call(lambda: asyncio.ensure_future(server.server.drain(20)))
            report = idle.error()
            assert (report.severity, report.sqlstate) == ("FATAL", "57P01")
            assert values(busy.query("SELECT n FROM drained")) == [(b"1",)]
            came = busy.send(encode_query(b"COMMIT")).rest()
            assert tags(came) == [b"COMMIT"]
            assert busy.error(came).sqlstate == "57P01"

        async def drained() -> bool:
            return await draining

        assert server.run(drained())


def test_the_simple_protocol_has_no_parameters(address: tuple[str, int]) -> None:
    """Not even when a client has prepared the same text (§55.2.2: only the extended protocol has parameters)."""
    with Wire(address) as wire:
        wire.log_in()
        wire.send(encode_parse(b"", b"SELECT $1 || 'a'") + SYNC)
        assert not [each for each in wire.ready() if isinstance(each, ErrorResponse)]
        for _ in range(2):
            report = wire.error(wire.query("SELECT $1 || 'a'"))
            assert (report.sqlstate, report.message, report.position) == ("42P02", "there is no parameter $1", 8)
        assert values(wire.query("SELECT 'b' || 'a'")) == [(b"ba",)]
