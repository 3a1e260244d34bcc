"""What all databases of a server share: roles and their passwords, databases, settings of both.

The rows of PostgreSQL's shared catalogues (documentation chapter 53: pg_authid, pg_auth_members, pg_database,
pg_db_role_setting, pg_tablespace, pg_shdescription), all in memory and on disk in the file of one Durable Object. A
transaction changes its own view; the view's changes become everybody's with the commit, or go with the rollback.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from socketworkers.sasl import Credentials, ScramVerifier
from socketworkers.storage import Storage, SyncTicket

from .errors import SqlError

__all__ = ["COLUMNS", "MIGRATIONS", "SUPERUSER", "Cluster", "ClusterView"]

#: OID of the first role (BOOTSTRAP_SUPERUSERID)
SUPERUSER: Final = 10
FIRST_OID: Final = 16384

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "pg_authid": (
        "oid",
        "rolname",
        "rolsuper",
        "rolinherit",
        "rolcreaterole",
        "rolcreatedb",
        "rolcanlogin",
        "rolreplication",
        "rolbypassrls",
        "rolconnlimit",
        "rolpassword",
        "rolvaliduntil",
    ),
    "pg_auth_members": ("roleid", "member", "grantor", "admin_option"),
    "pg_database": (
        "oid",
        "datname",
        "datdba",
        "encoding",
        "datlocprovider",
        "datistemplate",
        "datallowconn",
        "datconnlimit",
        "datfrozenxid",
        "datminmxid",
        "dattablespace",
        "datcollate",
        "datctype",
        "daticulocale",
        "datcollversion",
        "datacl",
    ),
    "pg_db_role_setting": ("setdatabase", "setrole", "setconfig"),
    "pg_tablespace": ("oid", "spcname", "spcowner", "spcacl", "spcoptions"),
    "pg_shdescription": ("objoid", "classoid", "description"),
}
"""Columns of each table, in PostgreSQL's order. Values are in the storage forms of their types (arrays are JSON)."""

_KEYS: Final[Mapping[str, int]] = {
    "pg_authid": 1,
    "pg_auth_members": 2,
    "pg_database": 1,
    "pg_db_role_setting": 2,
    "pg_tablespace": 1,
    "pg_shdescription": 2,
}
"""How many of the first columns are the key."""

#: predefined roles (documentation §22.5): OID and name
_PREDEFINED: Final = (
    (6171, "pg_database_owner"),
    (6181, "pg_read_all_data"),
    (6182, "pg_write_all_data"),
    (3373, "pg_monitor"),
    (3374, "pg_read_all_settings"),
    (3375, "pg_read_all_stats"),
    (3377, "pg_stat_scan_tables"),
    (4569, "pg_read_server_files"),
    (4570, "pg_write_server_files"),
    (4571, "pg_execute_server_program"),
    (4200, "pg_signal_backend"),
    (4544, "pg_checkpoint"),
)
_TEMPLATE1: Final = 1
_TEMPLATE0: Final = 4
_POSTGRES: Final = 5
_UTF8: Final = 6

MIGRATIONS: Final = (
    """
    create table "cluster.rows" (name text not null, key text not null, row text not null, primary key (name, key))
        strict, without rowid;
    create table "cluster.counters" (name text primary key, value any not null) strict, without rowid;
    """,
)

Row = tuple[Any, ...]
Tables = dict[str, dict[Row, Row]]


class Cluster:
    """The shared state.

    Args:
        storage: of the object that owns it.
        owner: name of the operating system's user, who is a superuser and has a database from the start.
    """

    def __init__(self, storage: Storage, owner: str) -> None:
        self._storage = storage
        self.version = 0
        """Goes up with each change."""
        self.tables: Tables = {name: {} for name in COLUMNS}
        for name, row in storage.sql.execute('select name, row from "cluster.rows"'):
            values = tuple(json.loads(row))
            self.tables[name][values[: _KEYS[name]]] = values
        self.next_oid: int = storage.sql.value("select value from \"cluster.counters\" where name = 'oid'") or FIRST_OID
        self.secret: bytes = storage.sql.value("select value from \"cluster.counters\" where name = 'secret'") or b""
        if not self.secret:
            self.secret = secrets.token_bytes(32)
            storage.sql.execute("insert into \"cluster.counters\" values ('secret', ?)", (self.secret,))
            self._found(owner)

    def _found(self, owner: str) -> None:
        """A new cluster: what initdb makes."""
        view = self.view()
        view.put("pg_authid", role_row(SUPERUSER, "postgres", superuser=True))
        for oid, name in _PREDEFINED:
            view.put("pg_authid", role_row(oid, name, login=False))
        for member in (3374, 3375, 3377):
            view.put("pg_auth_members", (member, 3373, SUPERUSER, 0))
        view.put("pg_tablespace", (1663, "pg_default", SUPERUSER, None, None))
        view.put("pg_tablespace", (1664, "pg_global", SUPERUSER, None, None))
        view.put("pg_database", database_row(_TEMPLATE1, "template1", SUPERUSER, template=True))
        template = list(database_row(_TEMPLATE0, "template0", SUPERUSER, template=True))
        template[6] = 0  # datallowconn
        view.put("pg_database", template)
        view.put("pg_shdescription", (_TEMPLATE0, 1262, "unmodifiable empty database"))
        view.put("pg_database", database_row(_POSTGRES, "postgres", SUPERUSER))
        view.put("pg_shdescription", (_TEMPLATE1, 1262, "default template for new databases"))
        view.put("pg_shdescription", (_POSTGRES, 1262, "default administrative connection database"))
        if owner != "postgres":
            oid = view.new_oid()
            view.put("pg_authid", role_row(oid, owner, superuser=True))
            view.put("pg_database", database_row(view.new_oid(), owner, oid))
        view.commit()

    def view(self) -> ClusterView:
        """A view for one transaction."""
        return ClusterView(self)

    def apply(self, before: Tables, after: Tables, next_oid: int) -> SyncTicket | None:
        """Make a view's changes everybody's; the ticket to wait for."""
        execute = self._storage.sql.execute
        for name, rows in after.items():
            if rows is before[name]:
                continue
            for key in before[name].keys() - rows.keys():
                execute('delete from "cluster.rows" where name = ? and key = ?', (name, json.dumps(key)))
            for key, row in rows.items():
                if before[name].get(key) != row:
                    execute(
                        'insert or replace into "cluster.rows" values (?, ?, ?)',
                        (name, json.dumps(key), json.dumps(row)),
                    )
        if next_oid != self.next_oid:
            execute("insert or replace into \"cluster.counters\" values ('oid', ?)", (next_oid,))
            self.next_oid = next_oid
        self.tables = dict(after)
        self.version += 1
        return self._storage.flush()

    # Logins

    def role(self, name: str) -> dict[str, Any] | None:
        """A role by name, as a dictionary of its columns."""
        for row in self.tables["pg_authid"].values():
            if row[1] == name:
                return dict(zip(COLUMNS["pg_authid"], row, strict=True))
        return None

    def database(self, name: str) -> dict[str, Any] | None:
        """A database by name, as a dictionary of its columns."""
        for row in self.tables["pg_database"].values():
            if row[1] == name:
                return dict(zip(COLUMNS["pg_database"], row, strict=True))
        return None

    def credentials(self) -> Credentials:
        """Verifiers of all roles that have a password, for SCRAM and for passwords in clear text."""
        users = {}
        for row in self.tables["pg_authid"].values():
            if row[10]:
                try:
                    users[row[1]] = ScramVerifier.parse(row[10])
                except ValueError:
                    continue  # a form that is not for us; such a role cannot log in with a password
        return Credentials(users, secret=self.secret)

    def settings(self, database: int, role: int) -> dict[str, str]:
        """ALTER ROLE and ALTER DATABASE … SET: the more special one wins."""
        found: dict[str, str] = {}
        for key in ((0, 0), (database, 0), (0, role), (database, role)):
            row = self.tables["pg_db_role_setting"].get(key)
            if row is not None and row[2]:
                found.update(each.split("=", 1) for each in json.loads(row[2]))
        return found


class ClusterView:
    """What one transaction sees and changes of the cluster; see `Cluster`."""

    __slots__ = ("_base", "_cluster", "_next_oid", "_saved", "_tables", "_version")

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._saved: list[tuple[Tables, int]] = []
        self._refresh()

    def _refresh(self) -> None:
        self._base = self._cluster.tables
        self._tables = self._base  # replaced as a whole, never changed: a savepoint is a reference
        self._next_oid = self._cluster.next_oid
        self._version = self._cluster.version

    def is_still(self, version: int) -> bool:
        """Whether nothing has changed since `version`."""
        return self._tables is self._base and self._version == version == self._cluster.version

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit."""
        return self._tables is not self._base

    @property
    def version(self) -> int:
        """Changes with everybody's state."""
        if not self.changed and self._version != self._cluster.version:
            self._refresh()
        return self._version

    def rows(self, table: str) -> Iterator[Row]:
        """All rows of a table."""
        assert self.version >= 0
        return iter(self._tables[table].values())

    def json(self, table: str) -> str:
        """All rows of a table, as a JSON array of arrays."""
        return json.dumps(list(self.rows(table)))

    def find(self, table: str, name: str) -> dict[str, Any] | None:
        """The row of pg_authid, pg_database or pg_tablespace with this name, by its columns."""
        for row in self.rows(table):
            if row[1] == name:
                return dict(zip(COLUMNS[table], row, strict=True))
        return None

    def get(self, table: str, *key: Any) -> dict[str, Any] | None:
        """The row with this key, by its columns."""
        assert self.version >= 0
        row = self._tables[table].get(key)
        return None if row is None else dict(zip(COLUMNS[table], row, strict=True))

    def put(self, table: str, row: Iterable[Any]) -> None:
        """Insert or replace a row."""
        values = tuple(row)
        assert len(values) == len(COLUMNS[table]), table
        self._own(table)[values[: _KEYS[table]]] = values

    def remove(self, table: str, *key: Any) -> None:
        """Delete a row."""
        self._own(table).pop(key, None)

    def _own(self, table: str) -> dict[Row, Row]:
        assert self.version >= 0
        rows = self._tables[table]
        if rows is self._base[table] or any(saved[table] is rows for saved, _ in self._saved):
            rows = dict(rows)
            self._tables = {**self._tables, table: rows}
        return rows

    def new_oid(self) -> int:
        """An OID for a role or a database, which is never given again."""
        oid = self._next_oid = max(self._next_oid, self._cluster.next_oid) + 1
        return oid - 1

    def save(self) -> int:
        """A savepoint begins."""
        self._saved.append((self._tables, self._next_oid))
        return len(self._saved) - 1

    def restore(self, number: int, *, keep: bool = False) -> None:
        """Undo up to a savepoint."""
        if number < len(self._saved):
            self._tables = self._saved[number][0]
            del self._saved[number + keep :]

    def merge(self, number: int) -> None:
        """Savepoints ended well."""
        del self._saved[number:]

    def rollback(self) -> None:
        """Undo all."""
        self._saved.clear()
        self._refresh()

    def commit(self) -> SyncTicket | None:
        """Make the changes everybody's; the ticket to wait for, None when there is nothing to wait for.

        Raises:
            SqlError: 40001, another transaction has changed the cluster meanwhile; nothing was done.
        """
        self._saved.clear()
        if not self.changed:
            return None
        if self._version != self._cluster.version:
            self._refresh()
            raise SqlError("40001", "could not serialize access due to concurrent update")
        ticket = self._cluster.apply(self._base, self._tables, self._next_oid)
        self._refresh()
        return ticket


def role_row(oid: int, name: str, *, superuser: bool = False, login: bool = True, password: str | None = None) -> Row:
    """A row of pg_authid."""
    all = int(superuser)
    return (oid, name, all, 1, all, all, int(login), int(superuser), all, -1, password, None)


def database_row(oid: int, name: str, owner: int, *, template: bool = False) -> Row:
    """A row of pg_database."""
    return (
        *(oid, name, owner, _UTF8, "c", int(template), 1, -1, 726, 1, 1663, "C.UTF-8", "C.UTF-8", None, None),
        None if not template else '["=c/postgres","postgres=CTc/postgres"]',
    )
