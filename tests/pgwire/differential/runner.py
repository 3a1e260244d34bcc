"""Runs sources on a server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

from .answers import Answer
from .connection import Connection, Lost
from .described import Described
from .sending import Filler, encode_step
from .servers import Address
from .source import Source, Step, read

__all__ = ["Server", "run_source"]

_USER = "postgres"


class Server:
    """One of the two.

    Args:
        address: where it listens.
        timeout: seconds that one answer may take.
    """

    def __init__(self, address: Address, *, timeout: float = 30.0) -> None:
        self.address = address
        self.timeout = timeout
        self._made: set[str] = set()

    def connect(self, database: str, user: str = _USER) -> Connection:
        """A connection; see there for what it raises."""
        return Connection(self.address, user, database, timeout=self.timeout)

    def make(self, database: str) -> bool:
        """A new database; False if it was made before.

        Raises:
            Lost: it cannot be made.
        """
        if database in self._made:
            return False
        with self.connect("postgres") as connection:
            for sql in (f'DROP DATABASE IF EXISTS "{database}"', f'CREATE DATABASE "{database}"'):
                answer = connection.query(sql)
                if answer.error is not None or answer.lost:
                    raise Lost(f"{sql}: {answer.error.message if answer.error else answer.lost}")
        self._made.add(database)
        return True


class _Talk:
    """The connections of a source that runs."""

    def __init__(self, server: Server, database: str) -> None:
        self._server = server
        self._database = database
        self._connections: dict[str, Connection] = {}
        self._described: WeakKeyDictionary[Connection, Described] = WeakKeyDictionary()
        self._filler = Filler(database)

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()

    def _connection(self, name: str, user: str = "", database: str = "") -> Connection:
        found = self._connections.get(name)
        if found is None:
            found = self._server.connect(database or self._database, user or _USER)
            self._connections[name] = found
        return found

    def run(self, step: Step) -> Answer:
        """The answer to a step. A connection that is lost is replaced by a new one."""
        try:
            if step.connect is not None or step.close:
                if (old := self._connections.pop(step.session, None)) is not None:
                    old.close()
                if step.connect is not None:
                    self._connection(step.session, step.connect, step.database)
                return Answer()
            if step.assign is not None:
                name, value = step.assign
                self._filler.variables[name] = value
                return Answer()
            answer = self._ask(step, self._connection(step.session))
        except Lost as error:
            answer = Answer(lost=str(error))
        if answer.lost:
            with contextlib.suppress(KeyError):
                self._connections.pop(step.session).close()
        if step.variables is not None:
            self._assign(step.variables, answer)
        return answer

    def _ask(self, step: Step, connection: Connection) -> Answer:
        if step.send:
            data = encode_step(step, lambda text: self._filler.text(text, connection))
            return self._described.setdefault(connection, Described()).complete(
                step.send, connection.send(data, step.copy)
            )
        return connection.query(self._filler.text(step.sql, connection), step.copy)

    def _assign(self, prefix: str, answer: Answer) -> None:
        for result in answer.results[-1:]:
            for column, value in zip(result.columns or (), result.rows[0] if result.rows else (), strict=False):
                name = prefix + column.name.decode()
                if value is None:
                    self._filler.variables.pop(name, None)
                else:
                    self._filler.variables[name] = value.decode()


def run_source(server: Server, source: Source, steps: Sequence[Step]) -> Iterator[Answer]:
    """Run a source.

    Args:
        server: on which one.
        source: where the steps are from.
        steps: what is asked.

    Yields:
        An answer to each step.

    Raises:
        Lost: its database cannot be made.
    """
    database = (source.shared or source.name).replace("/", "_").replace("-", "_")
    if server.make(database):
        for path in source.before:
            setup = _Talk(server, database)
            for step in read(path):
                setup.run(step)
            setup.close()
    talk = _Talk(server, database)
    try:
        for step in steps:
            yield talk.run(step)
    finally:
        talk.close()
