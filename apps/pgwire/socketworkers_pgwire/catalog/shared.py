"""PostgreSQL's own objects, which are the same in every database: looked up once per process and kept.

`Builtin` answers like `lookup.Catalog` for pg_catalog and information_schema. It may be asked in any thread.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

import apsw

from ..types import AnyType
from ..types.vectors import OIDVECTOR
from .layout import SHIPPED
from .reading import MAIN, read_relation, read_type
from .rows import CastRow, CollationRow, OperatorRow, Proc, Relation, TypeRow
from .shipped import Shipped, shipped

__all__ = ["BTREE", "HASH", "Builtin", "builtin"]

T = TypeVar("T")

BTREE = 403
"""OID of the access method btree."""
HASH = 405
"""OID of the access method hash."""

_PROC = f"""SELECT p.oid, proname, pronamespace, prokind, lanname, proisstrict, provolatile, proretset, prorettype,
        proargtypes, provariadic, pronargdefaults, proargnames, proallargtypes, proargmodes, prosrc, signature,
        defaults, aggkind, aggnumdirectargs
    FROM {SHIPPED}."pg_catalog.pg_proc" p
        JOIN {SHIPPED}."pg_catalog.signature" s ON s.oid = p.oid
        JOIN {SHIPPED}."pg_catalog.pg_language" l ON l.oid = prolang
        LEFT JOIN {SHIPPED}."pg_catalog.pg_aggregate" ON aggfnoid = p.oid"""
_OPERATOR = f"""SELECT o.oid, oprname, oprnamespace, oprleft, oprright, oprresult, oprcode, oprcom, oprnegate, signature
    FROM {SHIPPED}."pg_catalog.pg_operator" o JOIN {SHIPPED}."pg_catalog.operator_signature" s ON s.oid = o.oid"""
_COLLATION = f"""SELECT oid, collname, collnamespace, collprovider, collisdeterministic
    FROM {SHIPPED}."pg_catalog.pg_collation" """


class Builtin:
    """Lookups of PostgreSQL's own objects.

    Args:
        source: the files of the shipped rows.
    """

    def __init__(self, source: Shipped) -> None:
        # both files in memory: for the life of the process, and without descriptors
        self._connection = apsw.Connection(":memory:")
        self._connection.execute(f"ATTACH ':memory:' AS {SHIPPED}")
        self._connection.deserialize("main", source.image(memory=True))
        self._connection.deserialize(SHIPPED, source.rows.read_bytes())
        self._lock = threading.RLock()
        self._relations: dict[int, Relation | None] = {}
        self._relation_names: dict[tuple[int, str], int] = {}
        self._types: dict[int, TypeRow | None] = {}
        self._type_names: dict[tuple[int, str], int] = {}
        self._procs: dict[int, Proc | None] = {}
        self._proc_names: dict[str, tuple[Proc, ...]] = {}
        self._operators: dict[int, OperatorRow | None] = {}
        self._operator_names: dict[str, tuple[OperatorRow, ...]] = {}
        self._collations: dict[int, CollationRow | None] = {}
        self._collation_names: dict[tuple[int, str], CollationRow | None] = {}
        self._classes: dict[tuple[int, int], int] = {}
        self.casts: dict[tuple[int, int], CastRow] = {
            (source_type, target): CastRow(source_type, target, function, context, method)
            for source_type, target, function, context, method in self._all(
                f"""SELECT castsource, casttarget, castfunc, castcontext, castmethod
                FROM {SHIPPED}."pg_catalog.pg_cast" """
            )
        }
        self.namespaces: dict[int, str] = dict(self._all('SELECT oid, nspname FROM "pg_catalog.pg_namespace"'))
        """Names of the schemas that each database begins with."""
        self.schemas: frozenset[int] = frozenset(
            oid for oid, name in self.namespaces.items() if name in ("pg_catalog", "information_schema", "pg_toast")
        )
        """OIDs of the schemas that are PostgreSQL's own."""

    def _all(self, sql: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def parameters(self) -> list[tuple[str | None, ...]]:
        """Run-time parameters: name, vartype, boot_val, context, unit, min_val, max_val, enumvals (with commas between
        them), category, short_desc, extra_desc."""
        return [
            (*row[:7], ",".join(json.loads(row[7])) if row[7] else None, *row[8:])
            for row in self._all(
                f"""SELECT name, vartype, boot_val, context, unit, min_val, max_val, enumvals, category, short_desc,
                    extra_desc FROM {SHIPPED}."pg_catalog.setting" """
            )
        ]

    def relation_oid(self, namespace: int, name: str) -> int:
        """OID of a relation of one of `schemas`, or 0."""
        return _kept(
            self._relation_names,
            (namespace, name),
            lambda: self._oid(
                'SELECT oid FROM "pg_catalog.pg_class" WHERE relname = ? AND relnamespace = ?', name, namespace
            ),
        )

    def relation_by_oid(self, oid: int) -> Relation | None:
        """A relation of PostgreSQL's own."""
        return _kept(self._relations, oid, lambda: self._relation(oid))

    def _relation(self, oid: int) -> Relation | None:
        with self._lock:
            rows = self._all('SELECT relnamespace FROM "pg_catalog.pg_class" WHERE oid = ?', oid)
            return read_relation(self._connection, MAIN, oid, self.namespaces[rows[0][0]]) if rows else None

    def type_oid(self, namespace: int, name: str) -> int:
        """OID of a type of one of `schemas`, or 0."""
        return _kept(
            self._type_names,
            (namespace, name),
            lambda: self._oid(
                'SELECT oid FROM "pg_catalog.pg_type" WHERE typname = ? AND typnamespace = ?', name, namespace
            ),
        )

    def type_by_oid(self, oid: int) -> TypeRow | None:
        """A type of PostgreSQL's own."""
        return _kept(self._types, oid, lambda: self._type(oid))

    def _type(self, oid: int) -> TypeRow | None:
        with self._lock:
            return read_type(self._connection, MAIN, oid, self._implementation, lambda name, namespace: name)

    def _implementation(self, oid: int) -> AnyType | None:
        row = self.type_by_oid(oid)
        return row.implementation if row else None

    def _oid(self, sql: str, name: str, namespace: int) -> int:
        rows = self._all(sql, name, namespace)
        return int(rows[0][0]) if rows else 0

    def functions(self, name: str) -> Sequence[Proc]:
        """All functions of a name, in all `schemas`."""
        return _kept(self._proc_names, name, lambda: tuple(map(_proc, self._all(f"{_PROC} WHERE proname = ?", name))))

    def function_by_oid(self, oid: int) -> Proc | None:
        """A function."""
        return _kept(self._procs, oid, lambda: _one(_proc, self._all(f"{_PROC} WHERE p.oid = ?", oid)))

    def function_by_signature(self, signature: str) -> Proc | None:
        """A function by its `Proc.signature`."""
        rows = self._all(f'SELECT oid FROM {SHIPPED}."pg_catalog.signature" WHERE signature = ?', signature)
        return self.function_by_oid(rows[0][0]) if rows else None

    def operators(self, name: str) -> Sequence[OperatorRow]:
        """All operators of a name; they are all of pg_catalog."""
        return _kept(
            self._operator_names,
            name,
            lambda: tuple(OperatorRow(*row) for row in self._all(f"{_OPERATOR} WHERE oprname = ?", name)),
        )

    def operator_by_oid(self, oid: int) -> OperatorRow | None:
        """An operator."""
        return _kept(
            self._operators,
            oid,
            lambda: _one(lambda row: OperatorRow(*row), self._all(f"{_OPERATOR} WHERE o.oid = ?", oid)),
        )

    def collation(self, namespace: int, name: str) -> CollationRow | None:
        """A collation by name, of those for the encoding UTF8 or for any."""
        return _kept(
            self._collation_names,
            (namespace, name),
            lambda: _one(
                _collation,
                self._all(
                    f"{_COLLATION} WHERE collname = ? AND collnamespace = ? AND collencoding IN (-1, 6)",
                    name,
                    namespace,
                ),
            ),
        )

    def collation_by_oid(self, oid: int) -> CollationRow | None:
        """A collation."""
        return _kept(self._collations, oid, lambda: _one(_collation, self._all(f"{_COLLATION} WHERE oid = ?", oid)))

    def default_class(self, type_oid: int, method: int) -> int:
        """OID of the default operator class of exactly this type, or 0."""
        return _kept(
            self._classes,
            (type_oid, method),
            lambda: self._scalar(
                f"""SELECT oid FROM {SHIPPED}."pg_catalog.pg_opclass"
                WHERE opcintype = ? AND opcmethod = ? AND opcdefault = 1""",
                type_oid,
                method,
            ),
        )

    def operator_class(self, method: int, name: str) -> tuple[int, int, int] | None:
        """An operator class by name: its OID, that of its input type, that of its family."""
        rows = self._all(
            f"""SELECT oid, opcintype, opcfamily FROM {SHIPPED}."pg_catalog.pg_opclass"
            WHERE opcname = ? AND opcmethod = ?""",
            name,
            method,
        )
        return rows[0] if rows else None

    def class_member(self, operator_class: int, strategy: int) -> int:
        """OID of the operator of a class for a strategy (of btree: 1 ``<``, 3 ``=``, 5 ``>``; of hash: 1 ``=``)."""
        return self._scalar(
            f"""SELECT amopopr FROM {SHIPPED}."pg_catalog.pg_opclass" c
                JOIN {SHIPPED}."pg_catalog.pg_amop" ON amopfamily = opcfamily AND amoplefttype = opcintype
                    AND amoprighttype = opcintype
            WHERE c.oid = ? AND amopstrategy = ?""",
            operator_class,
            strategy,
        )

    def keywords(self) -> Sequence[tuple[Any, ...]]:
        """Rows of pg_get_keywords(): word, catcode, barelabel, catdesc, baredesc."""
        return self._all(
            f"""SELECT word, catcode, barelabel IN ('t', 'true', 1), catdesc, baredesc
            FROM {SHIPPED}."pg_catalog.keyword" ORDER BY word"""
        )

    def named_oid(self, table: str, column: str, name: str) -> int:
        """OID of the row of a shipped table with this name, or 0."""
        return self._scalar(f'SELECT oid FROM {SHIPPED}."pg_catalog.{table}" WHERE "{column}" = ?', name)

    def name_of(self, table: str, column: str, oid: int) -> str | None:
        """Name of the row of a shipped table with this OID."""
        rows = self._all(f'SELECT "{column}" FROM {SHIPPED}."pg_catalog.{table}" WHERE oid = ?', oid)
        return rows[0][0] if rows else None

    def access_method(self, name: str) -> int:
        """OID of an access method, or 0."""
        return self._scalar(f'SELECT oid FROM {SHIPPED}."pg_catalog.pg_am" WHERE amname = ?', name)

    def _scalar(self, sql: str, *values: Any) -> int:
        rows = self._all(sql, *values)
        return int(rows[0][0]) if rows else 0


@cache
def builtin(source: Shipped | None = None) -> Builtin:
    """The one object of this process."""
    return Builtin(shipped() if source is None else source)


def _kept(found: dict[Any, T], key: Any, look: Callable[[], T]) -> T:
    """A value that is looked up once."""
    try:
        return found[key]
    except KeyError:
        if len(found) >= 20_000:  # names come from statements
            found.clear()
        value = found[key] = look()
        return value


def _one(make: Callable[[Any], T], rows: list[Any]) -> T | None:
    return make(rows[0]) if rows else None


def _collation(row: tuple[int, str, int, str, int]) -> CollationRow:
    oid, name, namespace, provider, deterministic = row
    return CollationRow(oid, name, namespace, provider, bool(deterministic))


def _proc(row: tuple[Any, ...]) -> Proc:
    (
        oid,
        name,
        namespace,
        kind,
        language,
        strict,
        volatility,
        returns_set,
        result,
        arguments,
        variadic,
        default_count,
        names,
        all_arguments,
        modes,
        source,
        signature,
        defaults,
        aggregate_kind,
        direct_count,
    ) = row
    return Proc(
        oid=oid,
        name=name,
        namespace=namespace,
        kind=kind,
        language=language,
        strict=bool(strict),
        volatility=volatility,
        returns_set=bool(returns_set),
        result=result,
        arguments=tuple(OIDVECTOR.load(arguments).items),
        variadic=variadic,
        default_count=default_count,
        defaults=tuple(json.loads(defaults)) if defaults else (),
        names=tuple(each or "" for each in json.loads(names)) if names else (),
        all_arguments=tuple(json.loads(all_arguments)) if all_arguments else (),
        modes="".join(json.loads(modes)) if modes else "",
        source=source,
        signature=signature,
        aggregate_kind=aggregate_kind or "",
        direct_count=direct_count or 0,
    )
