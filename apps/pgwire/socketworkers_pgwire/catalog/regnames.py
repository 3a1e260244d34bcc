"""Names of objects as the reg* types read and write them (PostgreSQL 15 documentation §8.19; regproc.c)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..errors import SqlError
from ..sql.keywords import quote_identifier
from .lookup import Catalog
from .rows import OperatorRow, Proc
from .spelling import format_type, qualified, relation_name

__all__ = ["RegNames", "split_name"]

#: role names by OID and back
Roles = Callable[[], Iterator[tuple[int, str]]]


def split_name(text: str) -> list[str]:
    """The parts of a name with dots: folded unless they are quoted (SplitIdentifierString).

    Raises:
        SqlError: 42602, it is no name.
    """
    parts: list[str] = []
    place, end = 0, len(text)
    while True:
        while place < end and text[place].isspace():
            place += 1
        if text[place : place + 1] == '"':
            quoted: list[str] = []
            while True:
                close = text.find('"', place + 1)
                if close < 0:
                    raise SqlError("42602", "invalid name syntax")
                quoted.append(text[place + 1 : close])
                place = close + 1
                if text[place : place + 1] != '"':
                    break
                quoted.append('"')
            part = "".join(quoted)
        else:
            start = place
            while place < end and text[place] != "." and not text[place].isspace():
                place += 1
            part = "".join(chr(ord(each) + 32) if "A" <= each <= "Z" else each for each in text[start:place])
        if not part:
            raise SqlError("42602", "invalid name syntax")
        parts.append(part)
        while place < end and text[place].isspace():
            place += 1
        if place == end:
            return parts
        if text[place] != ".":
            raise SqlError("42602", "invalid name syntax")
        place += 1


def _schema_and_name(text: str) -> tuple[str | None, str]:
    parts = split_name(text)
    if len(parts) > 3:
        raise SqlError("42601", f"improper qualified name (too many dotted names): {'.'.join(parts)}")
    return (parts[-2] if len(parts) > 1 else None), parts[-1]


class RegNames:
    """`types.settings.Names` over a session's catalogue.

    Args:
        catalog: of the session.
        roles: gives OIDs and names of all roles.
    """

    __slots__ = ("_catalog", "_roles")

    def __init__(self, catalog: Catalog, roles: Roles) -> None:
        self._catalog = catalog
        self._roles = roles

    def find(self, kind: str, text: str) -> int:
        """As `Names`."""
        finder: Callable[[str], int] = getattr(self, f"_find_{kind}", self._find_other)
        return finder(text)

    def spell(self, kind: str, oid: int) -> str | None:
        """As `Names`."""
        speller: Callable[[int], str | None] = getattr(self, f"_spell_{kind}", self._spell_other)
        return speller(oid)

    def _find_other(self, text: str) -> int:
        raise SqlError("42704", f'object "{text}" does not exist')

    def _spell_other(self, oid: int) -> str | None:
        return None

    # relations, types, schemas, roles, collations

    def _check_schema(self, schema: str | None) -> None:
        if schema is not None and self._catalog.namespace(schema) is None:
            raise SqlError("3F000", f'schema "{schema}" does not exist')

    def _find_regclass(self, text: str) -> int:
        schema, name = _schema_and_name(text)
        relation = self._catalog.relation(schema, name)
        if relation is None:
            raise SqlError("42P01", f'relation "{".".join(split_name(text))}" does not exist')
        return relation.oid

    def _spell_regclass(self, oid: int) -> str | None:
        relation = self._catalog.relation_by_oid(oid)
        return None if relation is None else relation_name(self._catalog, relation)

    def _find_regtype(self, text: str) -> int:
        from ..sql.analyze import resolve_type
        from ..sql.analyze.state import Notes, Shared, State
        from ..sql.grammar import parse
        from ..types import DEFAULT

        try:
            (statement,) = parse(f"SELECT NULL::{text}")
            target = statement.tree["targetList"][0]["ResTarget"]["val"]["TypeCast"]
            if len(statement.tree["targetList"]) != 1 or "A_Const" not in target["arg"]:
                raise KeyError
        except (SqlError, KeyError, ValueError):
            raise SqlError("42601", f'invalid type name "{text}"') from None
        try:
            return resolve_type(State(Shared(self._catalog, DEFAULT, None, Notes())), target["typeName"])[0]
        except SqlError as error:
            error.position = None
            raise

    def _spell_regtype(self, oid: int) -> str | None:
        if self._catalog.type_by_oid(oid) is None:
            return None
        return format_type(self._catalog, oid)

    def _find_regnamespace(self, text: str) -> int:
        (name,) = self._single(text)
        oid = self._catalog.namespace(name)
        if oid is None:
            raise SqlError("3F000", f'schema "{name}" does not exist')
        return oid

    def _spell_regnamespace(self, oid: int) -> str | None:
        name = self._catalog.namespace_name(oid)
        return None if name is None else quote_identifier(name)

    def _find_regrole(self, text: str) -> int:
        (name,) = self._single(text)
        for oid, each in self._roles():
            if each == name:
                return oid
        raise SqlError("42704", f'role "{name}" does not exist')

    def _spell_regrole(self, oid: int) -> str | None:
        return next((quote_identifier(name) for each, name in self._roles() if each == oid), None)

    def _single(self, text: str) -> list[str]:
        parts = split_name(text)
        if len(parts) != 1:
            raise SqlError("42602", "invalid name syntax")
        return parts

    def _find_regcollation(self, text: str) -> int:
        schema, name = _schema_and_name(text)
        found = self._catalog.collation(schema, name)
        if found is None:
            raise SqlError("42704", f'collation "{name}" for encoding "UTF8" does not exist')
        return found.oid

    def _spell_regcollation(self, oid: int) -> str | None:
        row = self._catalog.collation_by_oid(oid)
        if row is None:
            return None
        seen = self._catalog.collation(None, row.name)
        if seen is not None and seen.oid == oid:
            return quote_identifier(row.name)
        return qualified(self._catalog.namespace_name(row.namespace) or "???", row.name)

    # functions

    def _find_regproc(self, text: str) -> int:
        schema, name = _schema_and_name(text)
        self._check_schema(schema)
        found = self._catalog.functions(schema, name)
        if not found:
            raise SqlError("42883", f'function "{text}" does not exist')
        if len(found) > 1:
            raise SqlError("42725", f'more than one function named "{text}"')
        return found[0].oid

    def _spell_regproc(self, oid: int) -> str | None:
        proc = self._catalog.function_by_oid(oid)
        if proc is None:
            return None
        if len(self._catalog.functions(None, proc.name)) == 1:
            return quote_identifier(proc.name)
        return self._qualified_proc(proc)

    def _qualified_proc(self, proc: Proc) -> str:
        return qualified(self._catalog.namespace_name(proc.namespace) or "???", proc.name)

    def _find_regprocedure(self, text: str) -> int:
        name, arguments = self._name_and_types(text, operator=False)
        schema, bare = _schema_and_name(name)
        self._check_schema(schema)
        for proc in self._catalog.functions(schema, bare):
            if proc.arguments == arguments:
                return proc.oid
        raise SqlError("42883", f'function "{text}" does not exist')

    def _spell_regprocedure(self, oid: int) -> str | None:
        proc = self._catalog.function_by_oid(oid)
        if proc is None:
            return None
        seen = any(each.oid == oid for each in self._catalog.functions(None, proc.name))
        name = quote_identifier(proc.name) if seen else self._qualified_proc(proc)
        return f"{name}({','.join(format_type(self._catalog, each) for each in proc.arguments)})"

    def _name_and_types(self, text: str, *, operator: bool) -> tuple[str, tuple[int, ...]]:
        """``name(type, type)`` taken apart (parseNameAndArgTypes).

        Raises:
            SqlError: 22P02 there are no parentheses; 42704 a type is not known.
        """
        quoted = False
        start = -1
        for place, each in enumerate(text):
            if each == '"':
                quoted = not quoted
            elif each == "(" and not quoted:
                start = place
                break
        if start < 0:
            raise SqlError("22P02", "expected a left parenthesis")
        inner = text[start + 1 :].rstrip()
        if not inner.endswith(")"):
            raise SqlError("22P02", "expected a right parenthesis")
        oids: list[int] = []
        words: list[str] = []
        depth, quoted, word = 0, False, ""
        for each in inner[:-1]:
            if each == '"':
                quoted = not quoted
            if not quoted and each in "([":
                depth += 1
            elif not quoted and each in ")]":
                depth -= 1
            if each == "," and not quoted and not depth:
                words.append(word)
                word = ""
            else:
                word += each
        if words or word.strip():
            words.append(word)
        for each in words:
            if operator and each.strip().lower() == "none":
                oids.append(0)
            elif not each.strip():
                raise SqlError("22P02", "expected a type name")
            else:
                oids.append(self._find_regtype(each.strip()))
        return text[:start].strip(), tuple(oids)

    # operators

    def _operators(self, text: str) -> list[OperatorRow]:
        schema, dot, name = text.rpartition(".") if "." in text else ("", "", text)
        if dot and not schema:
            raise SqlError("42602", "invalid name syntax")
        return list(self._catalog.operators(split_name(schema)[-1] if dot else None, name.strip()))

    def _find_regoper(self, text: str) -> int:
        found = self._operators(text)
        if not found:
            raise SqlError("42883", f"operator does not exist: {text}")
        if len(found) > 1:
            raise SqlError("42725", f"more than one operator named {text}")
        return found[0].oid

    def _spell_regoper(self, oid: int) -> str | None:
        row = self._catalog.operator_by_oid(oid)
        if row is None:
            return None
        if len(self._catalog.operators(None, row.name)) == 1:
            return row.name
        return f"{quote_identifier(self._catalog.namespace_name(row.namespace) or '???')}.{row.name}"

    def _find_regoperator(self, text: str) -> int:
        name, types = self._name_and_types(text, operator=True)
        if len(types) != 2:
            raise SqlError(
                "42P02" if len(types) == 1 else "54023",
                "missing argument" if len(types) == 1 else "too many arguments",
                hint="Provide two argument types for operator."
                if len(types) != 1
                else "Use NONE to denote the missing argument of a unary operator.",
            )
        for row in self._operators(name):
            if (row.left, row.right) == types:
                return row.oid
        raise SqlError("42883", f"operator does not exist: {text}")

    def _spell_regoperator(self, oid: int) -> str | None:
        row = self._catalog.operator_by_oid(oid)
        if row is None:
            return None
        left, right = [format_type(self._catalog, each) if each else "NONE" for each in (row.left, row.right)]
        return f"{row.name}({left},{right})"
