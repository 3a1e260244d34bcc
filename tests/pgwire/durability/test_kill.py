"""D2: the database is killed while clients move money, and started again on its folder.

Each acknowledged transaction is there, and the sums of accounts, tellers, branches and history are one number.
``SOCKETWORKERS_KILLS`` sets how many kills there are, ``SOCKETWORKERS_SEED`` which ones. The first test shows on a
PostgreSQL that the judge knows a server that keeps its word, and one who does not.
"""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import pytest
from tests.interop.live import absent
from tests.pgwire.differential.connection import Connection
from tests.support.pgserver.bank import Teller, judge, make_bank, run_tellers
from tests.support.pgserver.postgresql import PostgresProcess
from tests.support.pgserver.process import PgwireProcess

KILLS = int(os.environ.get("SOCKETWORKERS_KILLS", "30"))
SEED = int(os.environ.get("SOCKETWORKERS_SEED", "20260101"))
STYLES = ("interactive", "pipeline", "query", "interactive")

pytestmark = [pytest.mark.catalogue("D2"), pytest.mark.timeout(120 + 6 * KILLS)]


def crowd(*, honest: bool = True) -> list[Teller]:
    """Clients of all styles."""
    return [Teller(f"t{number}", style, honest=honest) for number, style in enumerate(STYLES)]


def lives(
    server: PgwireProcess | PostgresProcess,
    tellers: list[Teller],
    kills: int,
    chooser: random.Random,
    *,
    until_wrong: bool = False,
) -> list[str]:
    """Load and kill, over and over; what is wrong after each, or the first time."""
    assert server.start()
    make_bank(("127.0.0.1", server.port))
    wrong: list[str] = []
    for _ in range(kills):
        run_tellers(tellers, ("127.0.0.1", server.port), chooser.uniform(0.05, 0.3), server.kill)
        assert server.start()
        wrong += judge(("127.0.0.1", server.port), tellers)
        if wrong and until_wrong:
            break
    return wrong


def test_the_judge_believes_postgresql_and_finds_what_is_wrong() -> None:
    """The control: a client that claims too much, and money from nowhere."""
    tellers = [*crowd(), Teller("liar", "interactive", honest=False)]
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        Path(folder).chmod(0o755)
        try:
            server = PostgresProcess(Path(folder) / "cluster")
        except FileNotFoundError as error:
            absent(str(error))
        try:
            # not every kill meets a transaction between its last statement and the answer to COMMIT
            wrong = lives(server, tellers, 10, random.Random(SEED), until_wrong=True)
            assert wrong, "a transaction that the kill has cut off was claimed"
            assert all(line.startswith("liar-") and line.endswith("was acknowledged and is lost") for line in wrong)
            assert all(teller.acknowledged for teller in tellers)
            with Connection(server.address, "postgres", "bank") as connection:
                connection.query("UPDATE tellers SET balance = balance + 1 WHERE tid = 3")
            found = judge(server.address, tellers[:-1])
            assert [line.partition(" are ")[0] for line in found] == [
                "the sums of accounts, tellers, branches and history"
            ]
        finally:
            server.kill()


def test_each_acknowledged_transaction_is_there(tmp_path: Path) -> None:
    server = PgwireProcess(tmp_path)
    tellers = crowd()
    try:
        wrong = lives(server, tellers, KILLS, random.Random(SEED))
        assert not wrong, f"seed {SEED}: {wrong[:20]}"
        assert sum(len(teller.acknowledged) for teller in tellers) > 10 * KILLS, "there was next to no load"
        assert server.stop() == 0
    finally:
        server.kill()
