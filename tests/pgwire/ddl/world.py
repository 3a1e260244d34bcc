"""A database in memory in which statements run one after the other, each in a savepoint of its own."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import apsw

from socketworkers_pgwire import ddl
from socketworkers_pgwire.authorization import Authorization
from socketworkers_pgwire.catalog.opening import memory_database
from socketworkers_pgwire.catalog.regnames import RegNames
from socketworkers_pgwire.catalog.session import DatabaseCatalog, SessionCatalog
from socketworkers_pgwire.catalog.temporary import TemporarySchema
from socketworkers_pgwire.cluster import COLUMNS, database_row, role_row
from socketworkers_pgwire.codec import Report
from socketworkers_pgwire.ddl.temporary import create_schema
from socketworkers_pgwire.errors import SqlError
from socketworkers_pgwire.sql.analyze import analyze
from socketworkers_pgwire.sql.execute import ExecutionCell, prepare_connection
from socketworkers_pgwire.sql.grammar import parse
from socketworkers_pgwire.sql.lower import lower
from socketworkers_pgwire.sql.nodes import Query, Utility
from socketworkers_pgwire.types import Settings

__all__ = ["World"]


class Roles:
    """The cluster's tables, without a file."""

    def __init__(self) -> None:
        self.tables: dict[str, list[tuple[Any, ...]]] = {name: [] for name in COLUMNS}
        self.tables["pg_authid"].append(role_row(10, "postgres", superuser=True))
        self.tables["pg_database"].append(database_row(5, "postgres", 10))
        self._oids = itertools.count(16384)
        self._keys = {"pg_auth_members": 2, "pg_db_role_setting": 2, "pg_shdescription": 2}

    changed = True
    version = 0

    def rows(self, table: str) -> Iterable[tuple[Any, ...]]:
        return iter(self.tables[table])

    def json(self, table: str) -> str:
        return json.dumps(self.tables[table])

    def find(self, table: str, name: str) -> dict[str, Any] | None:
        return self._one(table, lambda row: row[1] == name)

    def get(self, table: str, *key: Any) -> dict[str, Any] | None:
        return self._one(table, lambda row: row[: len(key)] == key)

    def _one(self, table: str, test: Any) -> dict[str, Any] | None:
        return next((dict(zip(COLUMNS[table], row, strict=True)) for row in self.tables[table] if test(row)), None)

    def put(self, table: str, row: Iterable[Any]) -> None:
        values = tuple(row)
        self.remove(table, *values[: self._keys.get(table, 1)])
        self.tables[table].append(values)

    def remove(self, table: str, *key: Any) -> None:
        self.tables[table] = [row for row in self.tables[table] if row[: len(key)] != key]

    def new_oid(self) -> int:
        return next(self._oids)


class Counters:
    """Sequences as the catalogue has them on disk."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.values: dict[int, tuple[int, bool]] = {}

    def state(self, oid: int) -> tuple[int, int, bool]:
        if oid not in self.values:
            place = "temp" if TemporarySchema.holds(oid) else "main"
            row = self._world.connection.execute(
                f'SELECT last_value, is_called FROM {place}."socketworkers.sequences" WHERE oid = ?', (oid,)
            ).fetchone()
            assert row is not None
            self.values[oid] = (cast("int", row[0]), bool(row[1]))
        value, called = self.values[oid]
        return value, 0, called

    def nextval(self, oid: int, *, checked: bool = True) -> int:
        value, _, called = self.state(oid)
        if called:
            place = 'temp."pg_temp.pg_sequence"' if TemporarySchema.holds(oid) else 'main."pg_catalog.pg_sequence"'
            value += self._world.connection.execute(f"SELECT seqincrement FROM {place} WHERE seqrelid = ?", (oid,)).get
        self.values[oid] = (value, True)
        return value


class World:
    """The surroundings of statements, and the statements."""

    user = "postgres"
    user_oid = 10
    session_user = "postgres"
    superuser = True
    database = "postgres"
    database_oid = 5
    transaction_time = 0
    statement_time = 0
    pid = 4711
    parameters = ()

    def __init__(self) -> None:
        self.connection: apsw.Connection = memory_database()
        self.connection.pragma("foreign_keys", 1)
        self.catalog = SessionCatalog(DatabaseCatalog())
        self.catalog.begin(self.connection)
        self.cluster: Any = Roles()
        self.authorization = Authorization(cast("Any", self.cluster), self.catalog, self.database_oid)
        self.settings = Settings(names=RegNames(self.catalog, self.roles))
        self.session: Any = self
        self.sequences: Any = Counters(self)
        self.notices: list[Report] = []
        self.databases: list[tuple[str, ...]] = []
        self.text = ""
        self.arguments: tuple[Any, ...] = ()
        cell = ExecutionCell()
        cell.execution = cast("Any", self)
        prepare_connection(self.connection, cell, self.catalog.implementations)

        def cluster_rows(*arguments: Any) -> str:
            text: str = self.cluster.json(arguments[0])
            return text

        self.connection.create_scalar_function("pg_cluster_rows", cluster_rows, 1)

    def close(self) -> None:
        self.connection.close()

    # what a statement's surroundings are asked for

    def notice(self, report: Report) -> None:
        self.notices.append(report)

    def setting(self, name: str, missing_ok: bool = False) -> str | None:
        return ""

    def clock(self) -> int:
        return 0

    def check_cancelled(self) -> None:
        pass

    def execute(self, query: Query, values: Sequence[Any] = ()) -> int:
        cursor = lower(query, self.catalog, ()).open(cast("Any", self), values)
        for _ in cursor.rows():
            pass
        affected = cursor.affected
        cursor.close()
        return max(0, affected)

    def rows(self, query: Query, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        cursor = lower(query, self.catalog, ()).open(cast("Any", self), values)
        found = list(cursor.rows())
        cursor.close()
        return found

    def make_temporary(self) -> None:
        if self.catalog.temporary is None:
            self.catalog.temporary = TemporarySchema(self.pid)
            create_schema(cast("Any", self))

    def sequence_changed(self, oid: int) -> None:
        self.sequences.values.pop(oid, None)

    def create_database(self, name: str, oid: int, template: str) -> None:
        self.databases.append(("create", name, template))

    def drop_database(self, name: str, oid: int, force: bool) -> None:
        self.databases.append(("drop", name))

    def roles(self) -> Iterator[tuple[int, str]]:
        return ((row[0], row[1]) for row in self.cluster.rows("pg_authid"))

    # statements

    def run(self, text: str) -> Any:
        """Run statements; the tag of the last one, or its rows in the text forms of their types."""
        result: Any = None
        for raw in parse(text):
            self.text = text
            self.connection.execute("SAVEPOINT statement")
            try:
                statement = analyze(raw, self.catalog, settings=self.settings)
                if isinstance(statement, Utility):
                    result = ddl.run(statement, cast("Any", self))
                else:
                    result = self._query(statement)
            except BaseException:
                self.connection.execute("ROLLBACK TO statement")
                self.catalog.changed()
                self.sequences.values.clear()
                raise
            finally:
                self.connection.execute("RELEASE statement")
            self.catalog.end()
            self.catalog.begin(self.connection)
        return result

    def _query(self, query: Query) -> list[tuple[str | None, ...]]:
        plan = lower(query, self.catalog, ())
        cursor = plan.open(cast("Any", self), ())
        found = []
        for row in cursor.rows():
            columns = plan.columns or ()
            found.append(
                tuple(
                    None if value is None else column.type.output(value, self.settings)
                    for value, column in zip(row, columns, strict=True)
                )
            )
        cursor.close()
        return found

    def fails(self, text: str) -> SqlError:
        """The error of a statement."""
        try:
            result = self.run(text)
        except SqlError as error:
            return error
        raise AssertionError(f"{text}: {result}")

    def said(self) -> list[str]:
        """Messages of the notices since the last call."""
        found = [each.message for each in self.notices]
        self.notices.clear()
        return found
