"""Types: their names in statements and in messages, base types, arrays. PostgreSQL: parse_type.c, format_type.c."""

from __future__ import annotations

from ...catalog import Catalog, TypeRow
from ...errors import SqlError
from ..grammar import Node
from ..keywords import quote_identifier
from .oids import BIT, BPCHAR, CHAR, INT2VECTOR, NAME, OIDVECTOR, UNKNOWN, VARBIT
from .state import State, error, unsupported

__all__ = [
    "base_type",
    "base_type_and_typmod",
    "base_type_for_arrays",
    "collation_of_type",
    "element_type",
    "format_type",
    "is_composite",
    "name_list",
    "resolve_collation",
    "resolve_type",
    "split_name",
    "type_row",
]

_SPECIAL = {BIT: "bit", VARBIT: "bit varying", CHAR: '"char"', BPCHAR: "character"}


def type_row(catalog: Catalog, oid: int) -> TypeRow:
    """The row of a type that is known to exist.

    Raises:
        SqlError: XX000 it does not.
    """
    row = catalog.type_by_oid(oid)
    if row is None:
        raise SqlError("XX000", f"cache lookup failed for type {oid}")
    return row


def format_type(catalog: Catalog, oid: int, typmod: int = -1) -> str:
    """A type as format_type() spells it."""
    row = catalog.type_by_oid(oid)
    if row is None:
        return "???" if oid else "-"
    if row.element and row.name.startswith("_") and oid not in (OIDVECTOR, INT2VECTOR):
        element = catalog.type_by_oid(row.element)
        if element is not None and element.array == oid:
            return format_type(catalog, row.element, typmod) + "[]"
    if row.kind != "d" and row.implementation is not None and row.namespace == 11:
        if oid == BPCHAR and typmod < 0:
            return "bpchar" if typmod == -2 else "character"
        return row.implementation.modified(typmod).format_type()
    if oid in _SPECIAL:
        return _SPECIAL[oid]
    seen = catalog.type(None, row.name)
    if seen is not None and seen.oid == oid:
        return quote_identifier(row.name)
    schema = catalog.namespace_name(row.namespace) or "???"
    return f"{quote_identifier(schema)}.{quote_identifier(row.name)}"


def base_type(catalog: Catalog, oid: int) -> int:
    """The type below all domains."""
    return base_type_and_typmod(catalog, oid, -1)[0]


def base_type_and_typmod(catalog: Catalog, oid: int, typmod: int) -> tuple[int, int]:
    """The type below all domains, and the modifier that they give it."""
    row = catalog.type_by_oid(oid)
    while row is not None and row.kind == "d":
        oid, typmod = row.base, row.typmod
        row = catalog.type_by_oid(oid)
    return oid, typmod


def element_type(catalog: Catalog, oid: int) -> int:
    """The type of the elements of a true array or a vector, 0 for another type."""
    row = catalog.type_by_oid(oid)
    if row is None or not row.element:
        return 0
    if oid in (OIDVECTOR, INT2VECTOR):
        return row.element
    element = catalog.type_by_oid(row.element)
    return row.element if element is not None and element.array == oid else 0


def base_type_for_arrays(catalog: Catalog, oid: int) -> int:
    """What is subscripted: 0 when `oid` is no array or vector."""
    row = catalog.type_by_oid(oid)
    return row.element if row is not None and oid != NAME else 0


def is_composite(catalog: Catalog, oid: int) -> bool:
    """Whether it is a row type, or a domain over one."""
    row = catalog.type_by_oid(oid)
    if row is not None and row.kind == "d":
        row = catalog.type_by_oid(base_type(catalog, oid))
    return row is not None and row.kind == "c"


def collation_of_type(catalog: Catalog, oid: int) -> int:
    """The collation of a type, 0 when its values have none."""
    row = catalog.type_by_oid(oid)
    return 0 if row is None else row.collation


def name_list(names: list[Node]) -> list[str]:
    """The words of a dotted name."""
    return [name["String"].get("sval", "") for name in names]


def split_name(names: list[Node], location: int = -1) -> tuple[str | None, str]:
    """Schema and name of a dotted name.

    Raises:
        SqlError: 42601 it has too many parts, 0A000 it names another database.
    """
    words = name_list(names)
    if len(words) == 1:
        return None, words[0]
    if len(words) == 2:
        return words[0], words[1]
    if len(words) == 3:
        # the first names the database, which the catalogue does not know by name
        return words[1], words[2]
    raise error("42601", f"improper qualified name (too many dotted names): {'.'.join(words)}", location)


def check_schema(catalog: Catalog, schema: str | None, location: int = -1) -> None:
    """Refuse a schema that does not exist.

    Raises:
        SqlError: 3F000.
    """
    if schema is not None and catalog.namespace(schema) is None:
        raise error("3F000", f'schema "{schema}" does not exist', location)


def resolve_type(state: State, node: Node) -> tuple[int, int]:
    """Type and modifier of a TypeName.

    Raises:
        SqlError: 42704 there is no such type; what typmodin finds wrong with the modifier.
    """
    catalog = state.catalog
    location = node.get("location", 0)
    names = node.get("names")
    if not names:
        oid: int = node.get("typeOid", 0)
        return oid, node.get("typemod", -1)
    if node.get("pct_type"):
        raise unsupported("%TYPE", location)
    schema, name = split_name(names, location)
    row = find_type(catalog, schema, name, location)
    array = bool(node.get("arrayBounds"))
    typmod = _typmod(state, row, node, array) if node.get("typmods") else node.get("typemod", -1)
    oid = row.oid
    if array:
        if not row.array:
            raise error("42704", f"could not find array type for data type {format_type(catalog, oid)}", location)
        oid = row.array
    if node.get("setof"):
        raise error("0A000", "type modifier SETOF is not supported", location)
    return oid, typmod


def find_type(catalog: Catalog, schema: str | None, name: str, location: int = -1) -> TypeRow:
    """The type of a name.

    Raises:
        SqlError: 42704, 3F000.
    """
    row = catalog.type(schema, name)
    if row is None:
        check_schema(catalog, schema, location)
        shown = name if schema is None else f"{schema}.{name}"
        raise error("42704", f'type "{shown}" does not exist', location)
    return row


def _typmod(state: State, row: TypeRow, node: Node, array: bool) -> int:
    location = node.get("location", 0)
    words = []
    for each in node["typmods"]:
        constant = each.get("A_Const")
        if constant is not None and "ival" in constant:
            words.append(str(constant["ival"].get("ival", 0)))
        elif constant is not None and "fval" in constant:
            words.append(constant["fval"]["fval"])
        elif constant is not None and "sval" in constant:
            words.append(constant["sval"].get("sval", ""))
        elif (
            "ColumnRef" in each and len(each["ColumnRef"]["fields"]) == 1 and "String" in each["ColumnRef"]["fields"][0]
        ):
            words.append(each["ColumnRef"]["fields"][0]["String"]["sval"])
        else:
            raise error("42601", "type modifiers must be simple constants or identifiers", location)
    if row.implementation is None or row.kind == "d":
        if row.kind in "de" or row.oid in (UNKNOWN,):
            raise error("42601", f'type modifier is not allowed for type "{row.name}"', location)
        raise unsupported(f"type {format_type(state.catalog, row.oid)}", location)
    try:
        return row.implementation.typmodin(words)
    except SqlError as wrong:
        if wrong.position is None and location >= 0:
            wrong.position = location + 1
        raise
    except ValueError:
        word = next((each for each in words if not each.lstrip("-").isdigit()), words[0])
        raise error("22P02", f'invalid input syntax for type integer: "{word}"', location) from None


def resolve_collation(catalog: Catalog, names: list[Node], location: int = -1) -> int:
    """OID of a collation by name.

    Raises:
        SqlError: 42704.
    """
    schema, name = split_name(names, location)
    row = catalog.collation(schema, name)
    if row is None:
        check_schema(catalog, schema, location)
        shown = name if schema is None else f"{schema}.{name}"
        raise error("42704", f'collation "{shown}" for encoding "UTF8" does not exist', location)
    return row.oid
