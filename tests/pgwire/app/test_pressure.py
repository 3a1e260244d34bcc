"""Large results to slow readers, large COPY from fast writers, and what idle sessions cost."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.pgwire.differential.connection import Connection
from tests.support.pgserver.process import PgwireProcess
from tests.support.pgserver.wire import Wire

from socketworkers_pgwire.codec import (
    COPY_DONE,
    CommandComplete,
    CopyInResponse,
    DataRow,
    encode_copy_data,
    encode_copy_fail,
    encode_query,
)

#: bytes that one session with a large result may add to the process
BOUND = 24 << 20
#: what an idle session may cost (issue's bar), and how many there are
BUDGET, IDLE = 60 * 1024, 2000


@pytest.mark.attack("C5")
def test_a_slow_reader_of_a_large_result_is_paused(tmp_path: Path) -> None:
    """200 MB that nobody reads: memory stays bounded, others are served, and all of it comes once it is read."""
    with PgwireProcess(tmp_path) as server:
        with Connection(server.address, "postgres", "postgres") as other:
            other.query("SELECT 1")
            with Wire(server.address) as slow:
                slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
                slow.log_in()
                before = server.resident
                slow.send(encode_query(b"SELECT g, repeat('x', 1000) FROM generate_series(1, 200000) g"))
                assert slow.until(DataRow)
                for _ in range(200):
                    answer = other.query("SELECT 1")
                    assert answer.results[0].rows == ((b"1",),)
                assert server.resident - before < BOUND
                count = 1
                while not isinstance(message := slow.message(), CommandComplete):
                    count += isinstance(message, DataRow)
                assert message.tag == b"SELECT 200000"
                assert server.resident - before < BOUND
        assert server.stop() == 0


def test_a_large_copy_is_taken_with_bounded_memory(tmp_path: Path) -> None:
    with PgwireProcess(tmp_path) as server:
        with Wire(server.address) as wire:
            wire.log_in()
            wire.query("CREATE TABLE copied (n int, what text)")
            before = server.resident
            wire.send(encode_query(b"COPY copied FROM STDIN"))
            wire.until(CopyInResponse)
            lines = [b"%d\t%s\n" % (number, b"y" * 1000) for number in range(1000)]
            for _ in range(40):
                wire.send(*map(encode_copy_data, lines))
            wire.send(COPY_DONE)
            (done,) = [each for each in wire.ready() if isinstance(each, CommandComplete)]
            assert done.tag == b"COPY 40000"
            assert server.resident - before < 2 * BOUND
            wire.send(encode_query(b"COPY copied FROM STDIN"), encode_copy_data(b"1\tx\n"), encode_copy_fail(b"enough"))
            assert wire.error(wire.ready()).sqlstate == "57014"
        assert server.stop() == 0


def test_idle_sessions_are_small(tmp_path: Path) -> None:
    with PgwireProcess(tmp_path, "--max-connections", str(IDLE + 200)) as server:
        connections: list[Connection] = []
        try:
            connections += [Connection(server.address, "postgres", "postgres") for _ in range(200)]
            for each in connections:
                each.query("SELECT 1")  # pools and caches are filled
            before = server.resident
            connections += [Connection(server.address, "postgres", "postgres") for _ in range(IDLE - 200)]
            for each in connections:
                assert each.query("SELECT 1").error is None
            size = (server.resident - before) / (IDLE - 200)
            assert size < BUDGET, f"{size:.0f} bytes"
        finally:
            for each in connections:
                each.close()


@pytest.mark.parametrize("how", ["cancel", "statement_timeout"])
def test_a_result_that_waits_for_its_reader_is_cancelled(tmp_path: Path, how: str) -> None:
    with PgwireProcess(tmp_path) as server:
        with Wire(server.address) as wire:
            wire.log_in()
            if how == "statement_timeout":
                wire.query("SET statement_timeout = 300")
            wire.send(encode_query(b"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n % 9 + 1 FROM r) TABLE r"))
            wire.until(DataRow)
            if how == "cancel":
                wire.cancel(server.address)
            assert wire.error(wire.ready()).sqlstate == "57014"
            assert [each.values for each in wire.query("SELECT 1") if isinstance(each, DataRow)] == [[b"1"]]
        assert server.stop() == 0
