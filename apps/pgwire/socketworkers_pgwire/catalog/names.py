"""Names of objects as values: what the types regclass, regtype, regproc, ... read and write (utils/adt/regproc.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ..errors import SqlError
from ..sql.analyze.state import Notes, Shared, State
from ..sql.analyze.typenames import resolve_type
from ..sql.grammar import parse
from ..sql.keywords import quote_identifier
from ..types import DEFAULT
from .identifiers import split_qualified
from .lookup import PG_CATALOG
from .session import SessionCatalog
from .spelling import format_type, qualified, relation_name

__all__ = ["CatalogNames", "Roles", "type_of_text"]


class Roles(Protocol):
    """What is asked of the cluster: rows of pg_authid by their columns."""

    def find(self, table: str, name: str) -> dict[str, Any] | None:
        """By name."""

    def get(self, table: str, *key: Any) -> dict[str, Any] | None:
        """By OID."""


def type_of_text(catalog: SessionCatalog, text: str) -> tuple[int, int]:
    """Type and modifier that a text names: parseTypeString().

    Raises:
        SqlError: 42601 it is no name of a type; 42704, 3F000 there is no such type.
    """
    try:
        statements = parse(f"SELECT NULL::{text}")
    except SqlError as wrong:
        if wrong.sqlstate != "42601":
            raise
        raise _no_type_name(text) from None
    targets = statements[0].tree.get("targetList", []) if len(statements) == 1 else []
    node = targets[0]["ResTarget"].get("val", {}).get("TypeCast") if len(targets) == 1 else None
    known = {"targetList", "limitOption", "op"}
    if node is None or "A_Const" not in node["arg"] or set(statements[0].tree) - known or "name" in targets[0]["ResTarget"]:
        raise _no_type_name(text)
    try:
        return resolve_type(State(Shared(catalog, DEFAULT, None, Notes())), node["typeName"])
    except SqlError as wrong:
        wrong.position = None
        raise


def _no_type_name(text: str) -> SqlError:
    return SqlError("42601", f'syntax error at or near "{text}"', where=f'invalid type name "{text}"')


class CatalogNames:
    """`types.settings.Names` over a session's catalogue.

    Args:
        catalog: of the session.
        roles: of the cluster, for regrole.
    """

    __slots__ = ("_catalog", "_roles")

    def __init__(self, catalog: SessionCatalog, roles: Roles | None = None) -> None:
        self._catalog = catalog
        self._roles = roles

    def find(self, kind: str, text: str) -> int:
        """As `types.settings.Names`."""
        return _FIND[kind](self, text)

    def spell(self, kind: str, oid: int) -> str | None:
        """As `types.settings.Names`."""
        return _SPELL[kind](self, oid)

    # what is read

    def _parts(self, text: str) -> tuple[str | None, str]:
        names = split_qualified(text)
        if len(names) > 3:
            raise SqlError("42601", f"improper qualified name (too many dotted names): {text}")
        if len(names) == 3:
            names = names[1:]
        return (names[0], names[1]) if len(names) == 2 else (None, names[0])

    def _check_schema(self, schema: str | None) -> None:
        if schema is not None and self._catalog.namespace(schema) is None:
            raise SqlError("3F000", f'schema "{schema}" does not exist')

    def _class(self, text: str) -> int:
        schema, name = self._parts(text)
        relation = self._catalog.relation(schema, name)
        if relation is None:
            full = f"{schema}.{name}" if schema else name
            raise SqlError("42P01", f'relation "{full}" does not exist')
        return relation.oid

    def _type(self, text: str) -> int:
        return type_of_text(self._catalog, text)[0]

    def _proc(self, text: str) -> int:
        schema, name = self._parts(text)
        found = self._catalog.functions(schema, name)
        if not found:
            raise SqlError("42883", f'function "{text}" does not exist')
        if len(found) > 1:
            raise SqlError("42725", f'more than one function named "{text}"')
        return found[0].oid

    def _procedure(self, text: str) -> int:
        name, arguments = self._signature(text)
        schema, plain = self._parts(name)
        for proc in self._catalog.functions(schema, plain):
            if list(proc.arguments) == arguments:
                return proc.oid
        raise SqlError("42883", f'function "{text}" does not exist')

    def _signature(self, text: str) -> tuple[str, list[int]]:
        """A name and the types behind it in parentheses: parseNameAndArgTypes()."""
        name, arguments = _split_arguments(text)
        return name, [0 if each.upper() == "NONE" else self._type(each) for each in arguments]

    def _oper(self, text: str) -> int:
        schema, name = self._operator_name(text)
        found = self._catalog.operators(schema, name)
        if not found:
            raise SqlError("42883", f"operator does not exist: {text}")
        if len(found) > 1:
            raise SqlError("42725", f"more than one operator named {text}")
        return found[0].oid

    def _operator(self, text: str) -> int:
        name, arguments = self._signature(text)
        if len(arguments) == 1:
            raise SqlError("42P02", "missing argument", hint="Use NONE to denote the missing argument of a unary operator.")
        if len(arguments) != 2:
            raise SqlError("54023", "too many arguments", hint="Provide two argument types for operator.")
        schema, plain = self._operator_name(name)
        for operator in self._catalog.operators(schema, plain):
            if [operator.left, operator.right] == arguments:
                return operator.oid
        raise SqlError("42883", f"operator does not exist: {text}")

    @staticmethod
    def _operator_name(text: str) -> tuple[str | None, str]:
        schema, dot, name = text.strip().rpartition(".")
        return (split_qualified(schema)[-1], name) if dot else (None, name)

    def _namespace(self, text: str) -> int:
        names = split_qualified(text)
        oid = self._catalog.namespace(names[0]) if len(names) == 1 else None
        if len(names) != 1:
            raise SqlError("42602", "invalid name syntax")
        if oid is None:
            raise SqlError("3F000", f'schema "{names[0]}" does not exist')
        return oid

    def _role(self, text: str) -> int:
        names = split_qualified(text)
        if len(names) != 1:
            raise SqlError("42602", "invalid name syntax")
        row = self._roles.find("pg_authid", names[0]) if self._roles is not None else None
        if row is None:
            raise SqlError("42704", f'role "{names[0]}" does not exist')
        oid: int = row["oid"]
        return oid

    def _collation(self, text: str) -> int:
        schema, name = self._parts(text)
        row = self._catalog.collation(schema, name)
        if row is None:
            self._check_schema(schema)
            full = f"{schema}.{name}" if schema else name
            raise SqlError("42704", f'collation "{full}" for encoding "UTF8" does not exist')
        return row.oid

    def _text_search(self, table: str, column: str, what: str) -> Callable[[str], int]:
        def find(text: str) -> int:
            schema, name = self._parts(text)
            oid = self._catalog.builtin.named_oid(table, column, name) if schema in (None, "pg_catalog") else 0
            if not oid:
                raise SqlError("42704", f'text search {what} "{text}" does not exist')
            return oid

        return find

    # what is written

    def _spell_class(self, oid: int) -> str | None:
        relation = self._catalog.relation_by_oid(oid)
        return None if relation is None else relation_name(self._catalog, relation)

    def _spell_type(self, oid: int) -> str | None:
        return None if self._catalog.type_by_oid(oid) is None else format_type(self._catalog, oid)

    def _spell_proc(self, oid: int) -> str | None:
        proc = self._catalog.function_by_oid(oid)
        if proc is None:
            return None
        seen = self._catalog.functions(None, proc.name)
        if len(seen) == 1 and seen[0].oid == oid:
            return quote_identifier(proc.name)
        return qualified(self._schema_of(proc.namespace), proc.name)

    def _spell_procedure(self, oid: int) -> str | None:
        proc = self._catalog.function_by_oid(oid)
        if proc is None:
            return None
        arguments = ",".join(format_type(self._catalog, each) for each in proc.arguments)
        visible = any(each.oid == oid for each in self._catalog.functions(None, proc.name))
        name = quote_identifier(proc.name) if visible else qualified(self._schema_of(proc.namespace), proc.name)
        return f"{name}({arguments})"

    def _spell_oper(self, oid: int) -> str | None:
        operator = self._catalog.operator_by_oid(oid)
        if operator is None:
            return None
        if len(self._catalog.operators(None, operator.name)) == 1:
            return operator.name
        return f"{quote_identifier(self._schema_of(operator.namespace))}.{operator.name}"

    def _spell_operator(self, oid: int) -> str | None:
        operator = self._catalog.operator_by_oid(oid)
        return None if operator is None else operator.signature

    def _spell_namespace(self, oid: int) -> str | None:
        name = self._catalog.namespace_name(oid)
        return None if name is None else quote_identifier(name)

    def _spell_role(self, oid: int) -> str | None:
        row = self._roles.get("pg_authid", oid) if self._roles is not None else None
        return None if row is None else quote_identifier(row["rolname"])

    def _spell_collation(self, oid: int) -> str | None:
        row = self._catalog.collation_by_oid(oid)
        if row is None:
            return None
        seen = self._catalog.collation(None, row.name)
        if seen is not None and seen.oid == oid:
            return quote_identifier(row.name)
        return qualified(self._schema_of(row.namespace), row.name)

    def _spell_named(self, table: str, column: str) -> Callable[[int], str | None]:
        def spell(oid: int) -> str | None:
            name = self._catalog.builtin.name_of(table, column, oid)
            return None if name is None else quote_identifier(name)

        return spell

    def _schema_of(self, namespace: int) -> str:
        return "pg_catalog" if namespace == PG_CATALOG else self._catalog.namespace_name(namespace) or "???"


def _split_arguments(text: str) -> tuple[str, list[str]]:
    """``name(type,type)`` in its parts.

    Raises:
        SqlError: 22P02 parentheses are missing, or not in pairs.
    """
    quoted = False
    start = -1
    for position, each in enumerate(text):
        if each == '"':
            quoted = not quoted
        elif each == "(" and not quoted:
            start = position
            break
    if start < 0:
        raise SqlError("22P02", "expected a left parenthesis")
    inside = text[start + 1 :].rstrip()
    if not inside.endswith(")"):
        raise SqlError("22P02", "expected a right parenthesis")
    inside = inside[:-1]
    found: list[str] = []
    depth, current, quoted = 0, "", False
    for each in inside:
        if each == '"':
            quoted = not quoted
        elif not quoted and each in "([":
            depth += 1
        elif not quoted and each in ")]":
            depth -= 1
            if depth < 0:
                raise SqlError("22P02", "improper type name")
        elif not quoted and each == "," and not depth:
            found.append(current.strip())
            current = ""
            continue
        current += each
    if quoted or depth:
        raise SqlError("22P02", "improper type name")
    if found or current.strip():
        found.append(current.strip())
    if "" in found:
        raise SqlError("42601", "expected a type name")
    return text[:start], found


_FIND: dict[str, Callable[[CatalogNames, str], int]] = {
    "regclass": CatalogNames._class,
    "regtype": CatalogNames._type,
    "regproc": CatalogNames._proc,
    "regprocedure": CatalogNames._procedure,
    "regoper": CatalogNames._oper,
    "regoperator": CatalogNames._operator,
    "regnamespace": CatalogNames._namespace,
    "regrole": CatalogNames._role,
    "regcollation": CatalogNames._collation,
    "regconfig": lambda names, text: names._text_search("pg_ts_config", "cfgname", "configuration")(text),
    "regdictionary": lambda names, text: names._text_search("pg_ts_dict", "dictname", "dictionary")(text),
}
_SPELL: dict[str, Callable[[CatalogNames, int], str | None]] = {
    "regclass": CatalogNames._spell_class,
    "regtype": CatalogNames._spell_type,
    "regproc": CatalogNames._spell_proc,
    "regprocedure": CatalogNames._spell_procedure,
    "regoper": CatalogNames._spell_oper,
    "regoperator": CatalogNames._spell_operator,
    "regnamespace": CatalogNames._spell_namespace,
    "regrole": CatalogNames._spell_role,
    "regcollation": CatalogNames._spell_collation,
    "regconfig": lambda names, oid: names._spell_named("pg_ts_config", "cfgname")(oid),
    "regdictionary": lambda names, oid: names._spell_named("pg_ts_dict", "dictname")(oid),
}
