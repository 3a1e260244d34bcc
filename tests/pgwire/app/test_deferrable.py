"""DEFERRABLE, a mode that changes nothing here but is told all the same (SET TRANSACTION in PostgreSQL 15)."""

from __future__ import annotations

from tests.pgwire.app.test_sessions import values
from tests.support.pgserver.wire import Wire


def _shown(wire: Wire) -> bytes | None:
    ((value,),) = values(wire.query("SHOW transaction_deferrable"))
    return value


def test_a_transaction_tells_whether_it_is_deferrable(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("BEGIN DEFERRABLE")
        assert _shown(wire) == b"on"
        wire.query("COMMIT AND CHAIN")
        assert _shown(wire) == b"on"
        wire.query("COMMIT")
        assert _shown(wire) == b"off"
        wire.query("SET default_transaction_deferrable TO on")
        wire.query("BEGIN")
        assert _shown(wire) == b"on"
        wire.query("SET transaction_deferrable TO off")
        assert _shown(wire) == b"off"


def test_it_is_fixed_once_there_was_a_query(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in()
        wire.query("BEGIN")
        wire.query("SELECT 1")
        report = wire.error(wire.query("SET TRANSACTION DEFERRABLE"))
        assert (report.sqlstate, report.message) == (
            "25001",
            "SET TRANSACTION [NOT] DEFERRABLE must be called before any query",
        )
