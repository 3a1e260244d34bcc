"""The catalogue as one session sees it: PostgreSQL's own objects, those of the database, and its temporary ones.

What was read is kept by the database's version of the catalogue, and shared by all sessions that see that version. A
transaction that has changed the catalogue, and a session with temporary objects, keep what they read to themselves.
Blocking: what is not kept yet is read on the connection of the session's transaction.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import apsw

from ..errors import SqlError
from ..types import AnyType
from .layout import WITH_TEMPORARY
from .lookup import PG_CATALOG
from .operator_classes import class_operator
from .reading import MAIN, TEMPORARY, Tables, read_relation, read_type
from .rows import CastRow, CollationRow, OperatorRow, Proc, Relation, TypeRow
from .shared import Builtin, builtin
from .temporary import TemporarySchema

__all__ = ["DatabaseCatalog", "SessionCatalog"]

T = TypeVar("T")
K = TypeVar("K")

_versions = itertools.count(1)
_FIRST_OID = 16384
#: where the lists of privileges are
_LISTS = {
    "pg_class": ("relowner, relacl", "oid = ?"),
    "pg_namespace": ("nspowner, nspacl", "oid = ?"),
    "pg_attribute": ("0, attacl", "attrelid = ? AND attnum = ?"),
}
_KEPT_VERSIONS = 4
_VERSION = """SELECT value FROM main."socketworkers.counters" WHERE name = 'version'"""


class _Kept:
    """What was read of one version of a catalogue; its number is never used again in this process."""

    __slots__ = (
        "lists",
        "namespace_names",
        "namespaces",
        "operators",
        "relation_oids",
        "relations",
        "type_oids",
        "types",
        "version",
    )

    def __init__(self) -> None:
        self.version = next(_versions)
        self.namespaces: dict[str, int] = {}
        self.namespace_names: dict[int, str] = {}
        self.relation_oids: dict[tuple[int, str], int] = {}
        self.relations: dict[int, Relation | None] = {}
        self.type_oids: dict[tuple[int, str], int] = {}
        self.types: dict[int, TypeRow | None] = {}
        self.operators: dict[tuple[int, int], OperatorRow | None] = {}
        self.lists: dict[tuple[str, int, int], tuple[int, str | None] | None] = {}


class DatabaseCatalog:
    """What sessions of one database share of its catalogue.

    Args:
        oid: of the database.
    """

    __slots__ = ("_kept", "oid")

    def __init__(self, oid: int = 5) -> None:
        self.oid = oid
        self._kept: dict[int, _Kept] = {}

    def kept(self, version: int) -> _Kept:
        """What is kept of a version that was committed."""
        found = self._kept.get(version)
        if found is None:
            while len(self._kept) >= _KEPT_VERSIONS:
                del self._kept[next(iter(self._kept))]
            found = self._kept[version] = _Kept()
        return found


class SessionCatalog:
    """`lookup.Catalog` for one session.

    Args:
        database: shared with the other sessions.
        source: PostgreSQL's own objects; without, those that are shipped.
    """

    __slots__ = (
        "__weakref__",
        "_builtin",
        "_connection",
        "_database",
        "_kept",
        "_number",
        "_path",
        "_path_names",
        "_path_of",
        "_private",
        "_user",
        "temporary",
        "usable",
    )

    def __init__(self, database: DatabaseCatalog | None = None, source: Builtin | None = None) -> None:
        self._builtin = source or builtin()
        self._database = database or DatabaseCatalog()
        self._connection: apsw.Connection | None = None
        self._kept = _Kept()
        self._number = 0
        #: whether the catalogue was changed in this transaction
        self._private = False
        self._path: tuple[int, ...] = ()
        self._path_of: tuple[Any, ...] | None = None
        self.usable: Callable[[int], bool] | None = None
        """Whether the user may look into a schema (USAGE); None for a user who may look into all."""
        self._path_names: tuple[str, ...] = ('"$user"', "public")
        self._user = ""
        self.temporary: TemporarySchema | None = None
        """The session's temporary objects, once it has some."""

    # the session's part

    def begin(self, connection: apsw.Connection) -> None:
        """A statement begins on this connection: what was kept is used as far as it is what the statement sees."""
        self._connection = connection
        if self._private:
            return
        number: int = connection.execute(_VERSION).get
        if self.temporary is not None:
            if number != self._number:
                self._kept = _Kept()
        else:
            self._kept = self._database.kept(number)
        self._number = number

    def use(self, connection: apsw.Connection) -> None:
        """A statement whose plan is known to be up to date runs on this connection: lookups go there."""
        self._connection = connection

    def changed(self) -> None:
        """The transaction has changed the catalogue, or went back over such a change."""
        self._private = True
        self._kept = _Kept()

    def end(self) -> None:
        """The transaction has ended, either way; `begin` comes before anything is looked up."""
        if self._private:
            self._private = False
            self._kept = _Kept()
            self._number = 0

    def set_search_path(self, names: Sequence[str], user: str) -> None:
        """What the setting is now.

        Args:
            names: as they stand in the setting; ``$user`` for the user's own.
            user: name of the current user.
        """
        self._path_names = tuple(names)
        self._user = user
        self._path_of = None

    @contextmanager
    def in_schema(self, name: str) -> Iterator[None]:
        """The schema comes first in the search path meanwhile: PushOverrideSearchPath()."""
        before = self._path_names
        self._path_names = (name, *before)
        try:
            yield
        finally:
            self._path_names = before

    def qualified(self) -> SessionCatalog:
        """As `lookup.Catalog` says."""
        other = SessionCatalog(self._database, self._builtin)
        other._connection = self._connection
        other._kept = self._kept
        other._number = self._number
        other._private = self._private
        other._path_names = ()
        other.temporary = self.temporary
        return other

    @property
    def connection(self) -> apsw.Connection:
        """That of the transaction."""
        assert self._connection is not None, "begin() was not called"
        return self._connection

    @property
    def builtin(self) -> Builtin:
        """PostgreSQL's own objects."""
        return self._builtin

    @property
    def implementations(self) -> Mapping[int, AnyType]:
        """Types by OID, as `types.sqlite.register` takes them."""
        return _Implementations(self)

    # schemas

    @property
    def version(self) -> int:
        """As `lookup.Catalog` says."""
        return self._kept.version

    @property
    def search_path(self) -> tuple[int, ...]:
        """As `lookup.Catalog` says."""
        self._find_path()
        return self._path

    def _find_path(self) -> None:
        key = (self._kept, self.usable, self._path_names)
        before = self._path_of
        if before is not None and before[0] is self._kept and before[1] is self.usable and before[2] == key[2]:
            return
        path = list(self.written_path)
        # the implicit ones, as recomputeNamespacePath() puts them in (src/backend/catalog/namespace.c)
        if PG_CATALOG not in path:
            path.insert(0, PG_CATALOG)
        if self.temporary is not None and self.temporary.oid not in path:
            path.insert(0, self.temporary.oid)
        self._path = tuple(path)
        self._path_of = key

    @property
    def written_path(self) -> tuple[int, ...]:
        """OIDs of the schemas that the setting names, those that exist and may be looked into."""
        oids = (self.namespace(self._user if name in ("$user", '"$user"') else name) for name in self._path_names)
        usable = self.usable
        return tuple(dict.fromkeys(oid for oid in oids if oid is not None and (usable is None or usable(oid))))

    def namespace(self, name: str) -> int | None:
        """As `lookup.Catalog` says."""
        if self.temporary is not None and name in ("pg_temp", self.temporary.name):
            return self.temporary.oid
        found = self._look(
            self._kept.namespaces,
            name,
            lambda: self._oid('SELECT oid FROM main."pg_catalog.pg_namespace" WHERE nspname = ?', name),
        )
        return found or None

    def namespace_name(self, oid: int) -> str | None:
        """As `lookup.Catalog` says."""
        if oid == PG_CATALOG:
            return "pg_catalog"
        if self.temporary is not None and oid == self.temporary.oid:
            return self.temporary.name
        return self._look(self._kept.namespace_names, oid, lambda: self._namespace_name(oid)) or None

    def _namespace_name(self, oid: int) -> str:
        row = self.connection.execute(
            'SELECT nspname FROM main."pg_catalog.pg_namespace" WHERE oid = ?', (oid,)
        ).fetchone()
        return row[0] if row else ""

    def creation_namespace(self) -> int | None:
        """As `lookup.Catalog` says."""
        return next(iter(self.written_path), None)

    def _schemas(self, schema: str | None) -> Sequence[int]:
        if schema is None:
            return self.search_path
        oid = self.namespace(schema)
        if oid is None:
            return ()
        if self.usable is not None and not self.usable(oid):
            raise SqlError("42501", f"permission denied for schema {schema}")
        return (oid,)

    # relations

    def relation(self, schema: str | None, name: str) -> Relation | None:
        """As `lookup.Catalog` says."""
        for namespace in self._schemas(schema):
            oid = self.relation_oid(namespace, name)
            if oid:
                return self.relation_by_oid(oid)
        return None

    def relation_oid(self, namespace: int, name: str) -> int:
        """OID of a relation by its schema and name, or 0."""
        if namespace in self._builtin.schemas:
            return self._builtin.relation_oid(namespace, name)
        return self._look(
            self._kept.relation_oids,
            (namespace, name),
            lambda: self._oid(
                f"SELECT oid FROM {self._tables(namespace)['pg_class']} WHERE relname = ? AND relnamespace = ?",
                name,
                namespace,
            ),
        )

    def relation_by_oid(self, oid: int) -> Relation | None:
        """As `lookup.Catalog` says."""
        if oid < _FIRST_OID:
            if self.temporary is None:
                return self._builtin.relation_by_oid(oid)
            return self._look(self._kept.relations, oid, lambda: self._with_temporary(oid))
        return self._look(self._kept.relations, oid, lambda: self._relation(oid))

    def _with_temporary(self, oid: int) -> Relation | None:
        """A relation of the system, with the rows of the session's temporary objects."""
        relation = self._builtin.relation_by_oid(oid)
        if relation is None or relation.namespace != PG_CATALOG or relation.name not in WITH_TEMPORARY:
            return relation
        rows = relation.storage.removeprefix("(").removesuffix(")")
        if not rows.startswith("SELECT"):
            rows = f"SELECT * FROM {rows}"
        storage = f"({rows} UNION ALL SELECT * FROM {TEMPORARY[relation.name]})"
        return replace(relation, storage=storage, rowid="", rowid_column=0)

    def _relation(self, oid: int) -> Relation | None:
        tables = self.tables_of(oid)
        row = self.connection.execute(f"SELECT relnamespace FROM {tables['pg_class']} WHERE oid = ?", (oid,)).fetchone()
        if row is None:
            return None
        return read_relation(self.connection, tables, oid, self.namespace_name(row[0]) or "")

    # types

    def type(self, schema: str | None, name: str) -> TypeRow | None:
        """As `lookup.Catalog` says."""
        for namespace in self._schemas(schema):
            oid = self.type_oid(namespace, name)
            if oid:
                return self.type_by_oid(oid)
        return None

    def type_oid(self, namespace: int, name: str) -> int:
        """OID of a type by its schema and name, or 0."""
        if namespace in self._builtin.schemas:
            return self._builtin.type_oid(namespace, name)
        return self._look(
            self._kept.type_oids,
            (namespace, name),
            lambda: self._oid(
                f"SELECT oid FROM {self._tables(namespace)['pg_type']} WHERE typname = ? AND typnamespace = ?",
                name,
                namespace,
            ),
        )

    def type_by_oid(self, oid: int) -> TypeRow | None:
        """As `lookup.Catalog` says."""
        if oid < _FIRST_OID:
            return self._builtin.type_by_oid(oid)
        return self._look(self._kept.types, oid, lambda: self._type(oid))

    def _type(self, oid: int) -> TypeRow | None:
        return read_type(self.connection, self.tables_of(oid), oid, self._implementation, lambda name, namespace: name)

    def _implementation(self, oid: int) -> AnyType | None:
        row = self.type_by_oid(oid)
        return row.implementation if row else None

    # functions, operators, casts, collations

    def functions(self, schema: str | None, name: str) -> Sequence[Proc]:
        """As `lookup.Catalog` says."""
        found = self._builtin.functions(name)
        schemas = self._schemas(schema)
        if len(schemas) == 1 or any(proc.namespace not in schemas for proc in found):
            found = tuple(proc for proc in found if proc.namespace in schemas)
        return found

    def function_by_oid(self, oid: int) -> Proc | None:
        """As `lookup.Catalog` says."""
        return self._builtin.function_by_oid(oid)

    def operators(self, schema: str | None, name: str) -> Sequence[OperatorRow]:
        """As `lookup.Catalog` says."""
        return self._builtin.operators(name) if schema is None or self.namespace(schema) == PG_CATALOG else ()

    def operator_by_oid(self, oid: int) -> OperatorRow | None:
        """As `lookup.Catalog` says."""
        return self._builtin.operator_by_oid(oid)

    def cast(self, source: int, target: int) -> CastRow | None:
        """As `lookup.Catalog` says."""
        return self._builtin.casts.get((source, target))

    def collation(self, schema: str | None, name: str) -> CollationRow | None:
        """As `lookup.Catalog` says."""
        return next(
            (found for each in self._schemas(schema) if (found := self._builtin.collation(each, name)) is not None),
            None,
        )

    def collation_by_oid(self, oid: int) -> CollationRow | None:
        """As `lookup.Catalog` says."""
        return self._builtin.collation_by_oid(oid)

    def equality_operator(self, type_oid: int) -> OperatorRow | None:
        """As `lookup.Catalog` says."""
        return self._class_operator(type_oid, 3)

    def ordering_operators(self, type_oid: int) -> tuple[OperatorRow, OperatorRow] | None:
        """As `lookup.Catalog` says."""
        less, greater = self._class_operator(type_oid, 1), self._class_operator(type_oid, 5)
        return None if less is None or greater is None else (less, greater)

    def _class_operator(self, type_oid: int, strategy: int) -> OperatorRow | None:
        return self._look(
            self._kept.operators,
            (type_oid, strategy),
            lambda: class_operator(self._builtin, self.type_by_oid, self.relation_by_oid, type_oid, strategy),
        )

    # privileges

    def owner_and_list(self, table: str, oid: int, number: int = 0) -> tuple[int, str | None] | None:
        """Owner of an object, and its list of privileges as it is kept; None when there is no such object.

        Args:
            table: ``pg_class``, ``pg_namespace``; ``pg_attribute``, whose columns have no owner of their own (0).
            oid: of the object; of a column that of its relation.
            number: of a column.
        """
        return self._look(self._kept.lists, (table, oid, number), lambda: self._owner_and_list(table, oid, number))

    def _owner_and_list(self, table: str, oid: int, number: int) -> tuple[int, str | None] | None:
        columns, key = _LISTS[table]
        row: Any = self.connection.execute(
            f"SELECT {columns} FROM {self.tables_of(oid)[table]} WHERE {key}", (oid, number)[: key.count("?")]
        ).fetchone()
        return row and (row[0], row[1])

    # reading

    def tables_of(self, oid: int) -> Tables:
        """The tables that an object of the session's or the database's is in."""
        return TEMPORARY if self.temporary is not None and self.temporary.holds(oid) else MAIN

    def _tables(self, namespace: int) -> Tables:
        return TEMPORARY if self.temporary is not None and namespace == self.temporary.oid else MAIN

    def _oid(self, sql: str, *values: object) -> int:
        row = self.connection.execute(sql, values).fetchone()
        return row[0] if row else 0

    @staticmethod
    def _look(found: dict[K, T], key: K, look: Callable[[], T]) -> T:
        try:
            return found[key]
        except KeyError:
            if len(found) >= 20_000:  # names come from statements
                found.clear()
            value = found[key] = look()
            return value


class _Implementations(Mapping[int, AnyType]):
    """Implementations of types by OID."""

    __slots__ = ("_catalog",)

    def __init__(self, catalog: SessionCatalog) -> None:
        self._catalog = catalog

    def __getitem__(self, oid: int) -> AnyType:
        row = self._catalog.type_by_oid(oid)
        if row is None or row.implementation is None:
            raise KeyError(oid)
        return row.implementation

    def __iter__(self) -> Iterator[int]:
        raise TypeError("types are looked up, not counted")

    def __len__(self) -> int:
        raise TypeError("types are looked up, not counted")
