"""What analysis, lowering and functions ask of the catalogue. An interface; the search path is the session's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .rows import CastRow, CollationRow, OperatorRow, Proc, Relation, TypeRow

__all__ = ["PG_CATALOG", "Catalog"]

PG_CATALOG = 11
"""OID of the schema pg_catalog."""


class Catalog(Protocol):
    """The catalogue as one session sees it within one statement.

    Where a schema may be given, None means the search path, with temporary objects and pg_catalog where PostgreSQL
    looks for them (documentation §5.9.3). All methods are cached lookups of some microseconds; none raises for what is
    not there, unless it says so.
    """

    @property
    def version(self) -> int:
        """Changes whenever any of the answers may change: part of the key of cached plans."""

    @property
    def search_path(self) -> tuple[int, ...]:
        """OIDs of the schemas that are searched, implicit ones among them."""

    def qualified(self) -> Catalog:
        """The same with an empty search path: how text that is kept in the catalogue (views, defaults, checks) is to be
        analysed. All names in it that are not of pg_catalog are qualified."""

    def namespace(self, name: str) -> int | None:
        """OID of a schema."""

    def namespace_name(self, oid: int) -> str | None:
        """Name of a schema."""

    def creation_namespace(self) -> int | None:
        """OID of the schema that new objects go to."""

    def relation(self, schema: str | None, name: str) -> Relation | None:
        """A relation of any kind by name."""

    def relation_by_oid(self, oid: int) -> Relation | None:
        """A relation by OID."""

    def type(self, schema: str | None, name: str) -> TypeRow | None:
        """A type by its name in pg_type (``int4``, ``_text``, ``my_enum``)."""

    def type_by_oid(self, oid: int) -> TypeRow | None:
        """A type by OID."""

    def functions(self, schema: str | None, name: str) -> Sequence[Proc]:
        """All functions, aggregates, procedures and window functions of a name that can be seen: those of the first
        schema of the path hide those behind it with the same argument types."""

    def function_by_oid(self, oid: int) -> Proc | None:
        """A function by OID."""

    def operators(self, schema: str | None, name: str) -> Sequence[OperatorRow]:
        """All operators of a name, prefix ones among them."""

    def operator_by_oid(self, oid: int) -> OperatorRow | None:
        """An operator by OID."""

    def cast(self, source: int, target: int) -> CastRow | None:
        """The row of pg_cast; nothing is made up for arrays, domains or text here."""

    def collation(self, schema: str | None, name: str) -> CollationRow | None:
        """A collation by name."""

    def collation_by_oid(self, oid: int) -> CollationRow | None:
        """A collation by OID."""

    def equality_operator(self, type_oid: int) -> OperatorRow | None:
        """``=`` of the type's default btree (or hash) operator class, of its base or element type where PostgreSQL goes
        there; None: 42883 could not identify an equality operator."""

    def ordering_operators(self, type_oid: int) -> tuple[OperatorRow, OperatorRow] | None:
        """``<`` and ``>`` of the type's default btree operator class."""
