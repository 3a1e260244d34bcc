"""A session for functions that ask for one: its clock stands still, its settings are its own."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from socketworkers_pgwire.codec import Report
from socketworkers_pgwire.types import Settings, SqlError

__all__ = ["Session"]


class _NoSequences:
    def nextval(self, oid: int, *, checked: bool = True) -> int:
        raise SqlError("42P01", "no sequences here")

    def currval(self, oid: int) -> int:
        raise SqlError("55000", "no sequences here")

    def lastval(self) -> int:
        raise SqlError("55000", "lastval is not yet defined in this session")

    def setval(self, oid: int, value: int, called: bool) -> int:
        raise SqlError("42P01", "no sequences here")

    def state(self, oid: int) -> tuple[int, int, bool]:
        raise SqlError("42P01", "no sequences here")


@dataclass
class _Execution:
    connection: Any
    settings: Settings
    session: Session
    catalog: Any


class Session:
    """What `SessionContext` asks for."""

    pid = 4242
    database = "postgres"
    database_oid = 5
    user = "postgres"
    session_user = "postgres"
    user_oid = 10
    superuser = True
    transaction_time = 786_240_000_000_000
    statement_time = 786_240_000_000_001
    transaction_id = 731
    client_address = ("127.0.0.1", 50_000)
    server_address = ("127.0.0.1", 5432)
    isolation = "read committed"

    def __init__(self) -> None:
        self.sequences = _NoSequences()
        self.settings = {"server_version": "15.0", "work_mem": "4MB"}
        self.notices: list[Report] = []
        self.notified: list[tuple[str, str]] = []
        self.slept: list[float] = []
        self.locks: list[tuple[int, ...]] = []
        self.cancel_after = -1
        self._random = random.Random(1)

    @classmethod
    def execution(cls, settings: Settings) -> _Execution:
        """A statement of a new session."""
        return _Execution(None, settings, cls(), None)

    def clock(self) -> int:
        return self.statement_time + 1

    def random(self) -> float:
        return self._random.random()

    def set_seed(self, seed: float) -> None:
        self._random.seed(seed)

    def setting(self, name: str, missing_ok: bool = False) -> str | None:
        if name not in self.settings and not missing_ok:
            raise SqlError("42704", f'unrecognized configuration parameter "{name}"')
        return self.settings.get(name)

    def set_setting(self, name: str, value: str, local: bool) -> str:
        self.settings[name] = value
        return value

    def setting_rows(self) -> Iterable[tuple[Any, ...]]:
        return []

    def notice(self, report: Report) -> None:
        self.notices.append(report)

    def notify(self, channel: str, payload: str) -> None:
        self.notified.append((channel, payload))

    def listening(self) -> Sequence[str]:
        return ["news"]

    def backends(self) -> Sequence[Any]:
        return []

    def cancel(self, pid: int) -> bool:
        return pid == self.pid

    def terminate(self, pid: int) -> bool:
        return pid == self.pid

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def check_cancelled(self) -> None:
        if self.cancel_after == 0:
            raise SqlError("57014", "canceling statement due to user request")
        self.cancel_after -= 1

    def advisory_lock(self, key: tuple[int, ...], *, shared: bool, transaction: bool, wait: bool) -> bool:
        self.locks.append(key)
        return True

    def advisory_unlock(self, key: tuple[int, ...] | None, *, shared: bool) -> bool:
        if key is None:
            self.locks.clear()
            return True
        if key in self.locks:
            self.locks.remove(key)
            return True
        return False
