"""The text while it is written, with PostgreSQL's way of indenting, and the names that are in use."""

from __future__ import annotations

from collections.abc import Sequence

from ...catalog import Catalog, OperatorRow, Proc, Relation
from ...types import Settings
from ..analyze.oids import BIT, BPCHAR, BPCHAR_ARRAY
from ..analyze.typenames import format_type
from ..keywords import quote_identifier
from ..nodes import Entry, Join

__all__ = ["Names", "Writer"]

_BARE = {BPCHAR: "bpchar", BPCHAR_ARRAY: "bpchar[]", BIT: '"bit"'}
STD, JOIN, VAR = 8, 4, 4
_LIMIT = 40


class Names:
    """The names that the entries of one query go by, where no other one in sight has them."""

    __slots__ = ("columns", "parent", "tables")

    def __init__(self, parent: Names | None) -> None:
        self.parent = parent
        self.tables: dict[Entry, str] = {}
        self.columns: dict[Entry, list[str]] = {}

    def used(self) -> set[str]:
        """All names in sight."""
        found: set[str] = set()
        level: Names | None = self
        while level is not None:
            found.update(level.tables.values())
            level = level.parent
        return found

    def table(self, entry: Entry) -> str:
        """The name of an entry of this query or of one around it; "" when it has none."""
        level: Names | None = self
        while level is not None:
            name = level.tables.get(entry)
            if name is not None:
                return name
            level = level.parent
        return entry.alias

    def column(self, entry: Entry, number: int) -> str:
        """The name of a column."""
        level: Names | None = self
        while level is not None:
            names = level.columns.get(entry)
            if names is not None:
                return names[number - 1]
            level = level.parent
        return entry.names[number - 1]

    def add(self, entry: Entry, name: str) -> None:
        """Give an entry a name that no other one has."""
        if name:
            used = self.used()
            wanted, count = name, 0
            while name in used:
                count += 1
                name = f"{wanted}_{count}"
        self.tables[entry] = name
        self.columns[entry] = unique(entry.names)


def unique(names: Sequence[str]) -> list[str]:
    """Names of columns, none of them twice."""
    found: list[str] = []
    for name in names:
        wanted, count = name, 0
        while name and name in found:
            count += 1
            name = f"{wanted}_{count}"
        found.append(name)
    return found


class Writer:
    """Where the text is put together.

    Args:
        catalog: tells which names need their schema.
        settings: for the text of constants.
        pretty: leave out parentheses that are not needed.
        prefix: write columns with their tables.
        storage: write names so that they do not depend on the search path, and OIDs for constants of reg* types.
    """

    __slots__ = ("catalog", "indent", "names", "prefix", "pretty", "settings", "storage", "text", "views")

    def __init__(self, catalog: Catalog, settings: Settings, *, pretty: bool, prefix: bool, storage: bool) -> None:
        self.catalog = catalog
        self.settings = settings
        self.pretty = pretty
        self.prefix = prefix
        self.storage = storage
        self.text = ""
        self.indent = 0
        self.names = Names(None)
        self.views: dict[Entry, Relation] = {}

    def put(self, text: str) -> None:
        """Append text."""
        self.text += text

    def keyword(self, word: str, before: int, after: int, plus: int) -> None:
        """Begin a line with a keyword: appendContextKeyword."""
        self.indent += before
        self.text = self.text.rstrip(" ")
        if self.indent < _LIMIT:
            amount = max(self.indent, 0) + plus
        else:
            # deeper than that the lines begin at the left again
            amount = (_LIMIT + (self.indent - _LIMIT) // (STD // 2)) % _LIMIT + plus
        self.text += "\n" + " " * amount + word
        self.indent = max(self.indent + after, 0)

    def open(self) -> None:
        """A parenthesis that is there unless the text is to be pretty."""
        if not self.pretty:
            self.text += "("

    def close(self) -> None:
        """Its end."""
        if not self.pretty:
            self.text += ")"

    # names

    def type(self, oid: int, typmod: int = -1) -> str:
        """A type as a cast names it: format_type_with_typemod."""
        if typmod < 0 and oid in _BARE:
            # without a length the standard's name would mean a length of one
            return _BARE[oid]
        row = self.catalog.type_by_oid(oid)
        if self.storage and row is not None:
            element = self.catalog.type_by_oid(row.element) if row.element else None
            base = element if element is not None and element.array == oid else row
            if base.namespace != 11:
                schema = self.catalog.namespace_name(base.namespace) or ""
                suffix = "[]" if base is element else ""
                return f"{quote_identifier(schema)}.{quote_identifier(base.name)}{suffix}"
        return format_type(self.catalog, oid, typmod)

    def relation(self, relation: Relation) -> str:
        """A relation in FROM."""
        seen = None if self.storage else self.catalog.relation(None, relation.name)
        if seen is not None and seen.oid == relation.oid:
            return quote_identifier(relation.name)
        return f"{quote_identifier(relation.schema)}.{quote_identifier(relation.name)}"

    def function(self, proc: Proc) -> str:
        """A function in a call."""
        name = quote_identifier(proc.name)
        if proc.namespace == 11:
            return name
        if not self.storage and any(each.oid == proc.oid for each in self.catalog.functions(None, proc.name)):
            return name
        return f"{quote_identifier(self.catalog.namespace_name(proc.namespace) or '')}.{name}"

    def operator(self, operator: OperatorRow) -> str:
        """An operator."""
        if operator.namespace == 11:
            return operator.name
        if not self.storage and any(each.oid == operator.oid for each in self.catalog.operators(None, operator.name)):
            return operator.name
        schema = quote_identifier(self.catalog.namespace_name(operator.namespace) or "")
        return f"OPERATOR({schema}.{operator.name})"

    def collation(self, oid: int) -> str:
        """A collation."""
        row = self.catalog.collation_by_oid(oid)
        if row is None:
            return "???"
        name = quote_identifier(row.name)
        if row.namespace == 11:
            return name
        seen = None if self.storage else self.catalog.collation(None, row.name)
        if seen is not None and seen.oid == oid:
            return name
        return f"{quote_identifier(self.catalog.namespace_name(row.namespace) or '')}.{name}"


def shown_alias(entry: Entry) -> str:
    """The name that an entry has before names are made unique."""
    if isinstance(entry.source, Join) and entry.alias == "unnamed_join":
        return ""
    return entry.alias
