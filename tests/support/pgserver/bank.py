"""Clients that move money, over many lives of a server, and what must be true of the bank afterwards.

A transaction adds a sum to an account, a teller and a branch, and writes a line with a token of its own: TPC-B with a
memory. What was acknowledged is there; what is there is there as a whole.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable

from tests.pgwire.differential.answers import Answer
from tests.pgwire.differential.connection import Connection, Lost

from socketworkers_pgwire.codec import SYNC, encode_bind, encode_execute, encode_parse

__all__ = ["Teller", "judge", "make_bank", "run_tellers"]

DATABASE, USER = "bank", "postgres"
ACCOUNTS, TELLERS = 500, 10
#: SQLSTATEs after which a transaction is tried again
RETRIED = {"40001", "40P01"}


def make_bank(address: tuple[str, int]) -> None:
    """The tables, with nothing on any account."""
    with Connection(address, USER, "postgres") as connection:
        _done(connection.query(f"CREATE DATABASE {DATABASE}"))
    with Connection(address, USER, DATABASE) as connection:
        for sql in (
            "CREATE TABLE branches (bid int PRIMARY KEY, balance int NOT NULL)",
            "CREATE TABLE tellers (tid int PRIMARY KEY, balance int NOT NULL)",
            "CREATE TABLE accounts (aid int PRIMARY KEY, balance int NOT NULL)",
            "CREATE TABLE history (token text PRIMARY KEY, delta int NOT NULL)",
            "INSERT INTO branches VALUES (1, 0)",
            f"INSERT INTO tellers SELECT g, 0 FROM generate_series(1, {TELLERS}) g",
            f"INSERT INTO accounts SELECT g, 0 FROM generate_series(1, {ACCOUNTS}) g",
        ):
            _done(connection.query(sql))


def _done(answer: Answer) -> None:
    assert answer.error is None, answer.error
    assert not answer.lost, answer.lost


class Teller:
    """One client.

    Args:
        name: part of its tokens.
        style: ``interactive``, ``pipeline`` or ``query``: how a transaction is sent.
        honest: False for the control: it counts what it has sent before it is answered.
    """

    def __init__(self, name: str, style: str, *, honest: bool = True) -> None:
        self.name = name
        self._style = style
        self._honest = honest
        self._number = 0
        self.acknowledged: list[str] = []
        self.wrong: list[str] = []

    def run(self, address: tuple[str, int], stop: threading.Event) -> None:
        """Work until told to stop, or until the server is gone."""
        chooser = random.Random(f"{self.name} {self._number}")
        try:
            with Connection(address, USER, DATABASE, timeout=20) as connection:
                while not stop.is_set() and self._one(connection, chooser):
                    pass
        except Lost:
            return  # killed before it let us in

    def _one(self, connection: Connection, chooser: random.Random) -> bool:
        """One transaction; False once the server is gone."""
        self._number += 1
        token = f"{self.name}-{self._number}"
        delta, account, teller = chooser.randint(-500, 500), chooser.randint(1, ACCOUNTS), chooser.randint(1, TELLERS)
        statements = (
            "BEGIN",
            f"UPDATE accounts SET balance = balance + {delta} WHERE aid = {account}",
            f"SELECT balance FROM accounts WHERE aid = {account}",
            f"UPDATE tellers SET balance = balance + {delta} WHERE tid = {teller}",
            f"UPDATE branches SET balance = balance + {delta} WHERE bid = 1",
            f"INSERT INTO history VALUES ('{token}', {delta})",
            "COMMIT",
        )
        if not self._honest:
            self.acknowledged.append(token)
        answer = getattr(self, f"_{self._style}")(connection, statements)
        if answer.lost:
            return False
        if answer.error is None and answer.results[-1].tag == b"COMMIT":
            if self._honest:
                self.acknowledged.append(token)
        else:
            if answer.error is None or answer.error.sqlstate not in RETRIED:
                self.wrong.append(f"{token}: {answer.error or answer.results}")
            if answer.status != b"I":
                connection.query("ROLLBACK")
        return True

    def _interactive(self, connection: Connection, statements: Iterable[str]) -> Answer:
        answer = Answer()
        for sql in statements:
            answer = connection.query(sql)
            if answer.lost or answer.error is not None:
                break
        return answer

    def _pipeline(self, connection: Connection, statements: Iterable[str]) -> Answer:
        messages = [encode_parse(b"", s.encode()) + encode_bind(b"", b"") + encode_execute() for s in statements]
        return connection.send(b"".join(messages) + SYNC)

    def _query(self, connection: Connection, statements: Iterable[str]) -> Answer:
        return connection.query("; ".join(statements))


def run_tellers(tellers: list[Teller], address: tuple[str, int], seconds: float, end: Callable[[], None]) -> None:
    """Let them work for a while; then `end` is called (it kills the server), and all come to their end."""
    stop = threading.Event()
    threads = [threading.Thread(target=teller.run, args=(address, stop)) for teller in tellers]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    end()
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def judge(address: tuple[str, int], tellers: Iterable[Teller]) -> list[str]:
    """What is not as it was promised."""
    wrong = [line for teller in tellers for line in teller.wrong]
    with Connection(address, USER, DATABASE) as connection:
        answer = connection.query("SELECT token FROM history")
        _done(answer)
        there = {(row[0] or b"").decode() for row in answer.results[0].rows}
        sums = connection.query(
            "SELECT (SELECT sum(balance) FROM accounts), (SELECT sum(balance) FROM tellers),"
            " (SELECT sum(balance) FROM branches), coalesce((SELECT sum(delta) FROM history), 0)"
        )
        _done(sums)
        found = sums.results[0].rows[0]
    if len(set(found)) != 1:
        wrong.append(f"the sums of accounts, tellers, branches and history are {found}")
    for teller in tellers:
        wrong += [f"{token} was acknowledged and is lost" for token in teller.acknowledged if token not in there]
    return wrong
