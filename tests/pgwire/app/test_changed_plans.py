"""Statements that were prepared before a table changed."""

from __future__ import annotations

from tests.support.pgserver.wire import Wire

from socketworkers_pgwire.codec import SYNC, encode_bind, encode_execute, encode_parse


def test_a_statement_with_other_columns_than_before_says_so(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("CREATE TEMP TABLE changing(a int)")
        wire.send(encode_parse(b"kept", b"SELECT * FROM changing"), SYNC).ready()
        wire.query("ALTER TABLE changing ADD COLUMN b int")
        report = wire.error(wire.send(encode_bind(b"", b"kept"), encode_execute(), SYNC).ready())
        assert (report.sqlstate, report.message) == ("0A000", "cached plan must not change result type")
        assert report.routine == "RevalidateCachedQuery"
