"""Indexes: of CREATE INDEX, and behind keys and unique constraints (src/backend/commands/indexcmds.c)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..catalog import Relation
from ..catalog.operator_classes import default_class
from ..catalog.shared import BTREE, HASH
from ..catalog.spelling import format_type
from ..errors import SqlError
from ..sql.analyze.typenames import resolve_collation
from ..sql.keywords import quote_identifier as quote_name
from ..types import Array
from ..types.sqlite import quote_identifier
from ..types.text import cut_name
from ..types.vectors import INT2VECTOR, OIDVECTOR
from .common import (
    check_owner,
    error,
    find_relation,
    name_parts,
    notice,
    option_value,
    run_sql,
    unsupported,
    writer_of,
)
from .expressions import Stored, index_expression, predicate
from .ids import CLASS, COLLATION, CONSTRAINT, OPCLASS, Address
from .names import choose_name, column_names, joined
from .physical import column_type, key_expressions, split_storage
from .rows import NewColumn, add_attribute, add_class
from .stored import stored_sql
from .surroundings import Surroundings
from .writer import Writer

__all__ = ["IndexKey", "NewIndex", "create_index", "figure_column", "make_in_sqlite", "make_index", "name_taken"]

_DESCENDING, _NULLS_FIRST = 1, 2
"""INDOPTION_DESC, INDOPTION_NULLS_FIRST."""
_MOST_KEYS = 32
_HASH_VALUE = 23
"""Type of what an index of the method hash keeps."""
_METHODS = {"btree", "hash", "gin", "gist", "spgist", "brin"}


@dataclass(slots=True, kw_only=True)
class IndexKey:
    """A key of an index."""

    number: int = 0
    """attnum of a plain column."""
    expression: Stored | None = None
    name: str
    """Of the index's own column."""
    type: int
    typmod: int = -1
    collation: int = 0
    operator_class: int = 0
    options: int = 0


@dataclass(slots=True, kw_only=True)
class NewIndex:
    """An index that is to be made."""

    name: str
    unique: bool = False
    primary: bool = False
    not_distinct: bool = False
    immediate: bool = True
    keys: list[IndexKey]
    including: list[int] = field(default_factory=list)
    predicate: Stored | None = None
    method: int = BTREE
    row_number: bool = False
    """It is SQLite's own row number: nothing is made."""
    options: list[str] = field(default_factory=list)


def name_taken(writer: Writer, namespace: int, *, constraints: bool) -> Callable[[str], bool]:
    """Whether a relation (and a constraint) of a schema has a name."""
    tables = writer.tables(namespace)

    def taken(name: str) -> bool:
        if writer.select("pg_class", tables, "1", relname=name, relnamespace=namespace):
            return True
        return constraints and bool(writer.select("pg_constraint", tables, "1", conname=name, connamespace=namespace))

    return taken


def plain_key(around: Surroundings, relation: Relation, number: int, options: int = 0) -> IndexKey:
    """A column as a key, with its default operator class.

    Raises:
        SqlError: 42704 its type has none.
    """
    column = relation.columns[number - 1]
    key = IndexKey(
        number=number,
        name=column.name,
        type=column.type,
        typmod=column.typmod,
        collation=column.collation,
        options=options,
    )
    key.operator_class = _default_class(around, column.type, BTREE, "btree")
    return key


def _default_class(around: Surroundings, type_oid: int, method: int, method_name: str) -> int:
    found = default_class(around.catalog.builtin, around.catalog.type_by_oid, type_oid, method)
    if not found:
        raise SqlError(
            "42704",
            f"data type {format_type(around.catalog, type_oid)} has no default operator class for access method "
            f'"{method_name}"',
            hint="You must specify an operator class for the index or define a default operator class for the "
            "data type.",
        )
    return found


def make_index(
    around: Surroundings, writer: Writer, relation: Relation, index: NewIndex, *, constraint: bool = False
) -> int:
    """A new index; gives its OID.

    Args:
        around: the statement.
        writer: to the catalogue.
        relation: its table.
        index: what is wanted.
        constraint: whether it belongs to a constraint, which then tells what it depends on.
    """
    tables = writer.tables(relation.oid)
    oid = writer.new_oid(tables.temporary)
    count = len(index.keys)
    add_class(
        writer,
        tables,
        oid,
        index.name,
        relation.namespace,
        "i",
        relation.owner,
        persistence=relation.persistence,
        columns=count + len(index.including),
        options=index.options,
        filed=not index.row_number,
        of_namespace=False,
    )
    if index.method != BTREE:
        writer.update("pg_class", tables, {"oid": oid}, relam=index.method)
    included = [relation.columns[number - 1] for number in index.including]
    names = column_names([*(key.name for key in index.keys), *(column.name for column in included)])
    for number, (key, name) in enumerate(zip(index.keys, names, strict=False), 1):
        column = NewColumn(name=name, type=key.type, typmod=key.typmod, collation=key.collation)
        if index.method == HASH:
            column.type, column.typmod = _HASH_VALUE, -1
        add_attribute(writer, tables, oid, number, column, depend=False)
    for number, (column_, name) in enumerate(zip(included, names[count:], strict=True), count + 1):
        column = NewColumn(name=name, type=column_.type, typmod=column_.typmod)
        add_attribute(writer, tables, oid, number, column, depend=False)
    expressions = [key.expression.text for key in index.keys if key.expression is not None]
    writer.insert(
        "pg_index",
        tables,
        indexrelid=oid,
        indrelid=relation.oid,
        indnatts=count + len(index.including),
        indnkeyatts=count,
        indisunique=int(index.unique),
        indnullsnotdistinct=int(index.not_distinct),
        indisprimary=int(index.primary),
        indisexclusion=0,
        indimmediate=int(index.immediate),
        indisclustered=0,
        indisvalid=1,
        indcheckxmin=0,
        indisready=1,
        indislive=1,
        indisreplident=0,
        indkey=_vector(INT2VECTOR, [*(key.number for key in index.keys), *index.including]),
        indcollation=_vector(OIDVECTOR, [key.collation for key in index.keys]),
        indclass=_vector(OIDVECTOR, [key.operator_class for key in index.keys]),
        indoption=_vector(INT2VECTOR, [key.options for key in index.keys]),
        indexprs=json.dumps(expressions, ensure_ascii=False) if expressions else None,
        indpred=index.predicate.text if index.predicate else None,
    )
    writer.update("pg_class", tables, {"oid": relation.oid}, relhasindex=1)
    if not constraint:
        _depend(writer, relation, oid, index)
    writer.changed()
    if not index.row_number:
        make_in_sqlite(around, relation, oid, index)
    return oid


def _vector(kind: Any, items: list[int]) -> str:
    stored: str = kind.store(Array(items, (len(items),), (0,)))
    return stored


def _depend(writer: Writer, relation: Relation, oid: int, index: NewIndex) -> None:
    """What an index that belongs to no constraint depends on: index_create() of src/backend/catalog/index.c."""
    here = Address(CLASS, oid)
    numbers = {key.number for key in index.keys if key.number} | set(index.including)
    for key in index.keys:
        if key.expression is not None:
            numbers |= key.expression.columns
            writer.depend_on_all(here, _others(key.expression, relation), "n")
        if key.collation not in (0, 100):
            writer.depend(here, Address(COLLATION, key.collation), "n")
        writer.depend(here, Address(OPCLASS, key.operator_class), "n")
    if index.predicate is not None:
        numbers |= index.predicate.columns
        writer.depend_on_all(here, _others(index.predicate, relation), "n")
    for number in sorted(numbers):
        writer.depend(here, Address(CLASS, relation.oid, number), "a")
    if not any(key.number for key in index.keys):
        writer.depend(here, Address(CLASS, relation.oid), "a")


def _others(stored: Stored, relation: Relation) -> list[Address]:
    return [each for each in stored.depends if (each.class_id, each.oid) != (CLASS, relation.oid)]


def make_in_sqlite(around: Surroundings, relation: Relation, oid: int, index: NewIndex) -> None:
    """Make the index in SQLite.

    Raises:
        SqlError: 23505 the rows that are there have a key twice.
    """
    # what is checked at the end of a statement or of the transaction cannot be SQLite's unique index
    unique = index.unique and index.immediate
    keys: list[str] = []
    for key in index.keys:
        kind = column_type(around.catalog, key.type, key.typmod)
        if key.expression is not None:
            text = f"({stored_sql(around, key.expression.expr)})"
        else:
            text = quote_identifier(relation.columns[key.number - 1].name)
        keys += key_expressions(text, kind, unique=index.unique, not_distinct=index.not_distinct)
    if not unique:
        keys += [quote_identifier(relation.columns[number - 1].name) for number in index.including]
    database, name = split_storage(relation)
    sql = (
        f"CREATE {'UNIQUE ' if unique else ''}INDEX {database}.{quote_identifier(f'index.{oid}')} "
        f"ON {quote_identifier(name)} ({', '.join(keys)})"
    )
    if index.predicate is not None:
        sql += f" WHERE {stored_sql(around, index.predicate.expr)}"
    try:
        run_sql(around, sql)
    except Exception as wrong:
        if type(wrong).__name__ != "ConstraintError":
            raise
        raise SqlError(
            "23505",
            f'could not create unique index "{index.name}"',
            detail=_duplicate(around, relation, index, keys),
            schema=relation.schema,
            table=relation.name,
            constraint=index.name,
        ) from None


def _duplicate(around: Surroundings, relation: Relation, index: NewIndex, keys: list[str]) -> str:
    """The detail that names a key that is there twice."""
    names, values = [], []
    for key in index.keys:
        if key.expression is None:
            name = relation.columns[key.number - 1].name
            names.append(quote_name(name))
            values.append(quote_identifier(name))
        else:
            names.append(key.expression.text)
            values.append(stored_sql(around, key.expression.expr))
    condition = "" if index.predicate is None else f" WHERE {stored_sql(around, index.predicate.expr)}"
    row = run_sql(
        around,
        f"SELECT {', '.join(values)} FROM {relation.storage}{condition} "
        f"GROUP BY {', '.join(keys)} HAVING count(*) > 1 LIMIT 1",
    ).fetchone()
    shown = []
    for key, value in zip(index.keys, row or (), strict=False):
        kind = column_type(around.catalog, key.type, key.typmod)
        shown.append("null" if value is None else kind.output(value, around.settings))
    return f"Key ({', '.join(names)})=({', '.join(shown)}) is duplicated."


def create_index(around: Surroundings, tree: dict[str, Any]) -> str:
    """CREATE INDEX."""
    relation = find_relation(around, tree["relation"])
    assert relation is not None
    if relation.kind not in "rm":
        raise SqlError(
            "42809",
            f'cannot create index on relation "{relation.name}"',
            detail=f"This operation is not supported for {_plural(relation.kind)}.",
        )
    check_owner(around, relation)
    method_name = tree.get("accessMethod", "btree")
    method = around.catalog.builtin.access_method(method_name)
    if not method or method_name not in _METHODS:
        raise SqlError("42704", f'access method "{method_name}" does not exist')
    if method_name not in ("btree", "hash"):
        raise unsupported(f"access method {method_name}")
    unique = bool(tree.get("unique"))
    if unique and method_name != "btree":
        raise SqlError("0A000", f'access method "{method_name}" does not support unique indexes')
    parameters = [each["IndexElem"] for each in tree["indexParams"]]
    including = [each["IndexElem"] for each in tree.get("indexIncludingParams", [])]
    if including and method_name != "btree":
        raise SqlError("0A000", f'access method "{method_name}" does not support included columns')
    if len(parameters) + len(including) > _MOST_KEYS:
        raise SqlError("54011", f"cannot use more than {_MOST_KEYS} columns in an index")
    writer = writer_of(around)
    name = cut_name(tree.get("idxname", ""))
    taken = name_taken(writer, relation.namespace, constraints=False)
    if name and taken(name):
        if tree.get("if_not_exists"):
            notice(around, f'relation "{name}" already exists, skipping', "42P07")
            return "CREATE INDEX"
        raise SqlError("42P07", f'relation "{name}" already exists')
    condition = predicate(around, relation, tree["whereClause"]) if "whereClause" in tree else None
    keys = [_key(around, relation, each, method, method_name) for each in parameters]
    if not name:
        second = joined(column_names([key.name for key in keys] + [_included_name(each) for each in including]))
        name = choose_name(relation.name, second, "idx", name_taken(writer, relation.namespace, constraints=False))
    index = NewIndex(
        name=name,
        unique=unique,
        not_distinct=bool(tree.get("nulls_not_distinct")),
        keys=keys,
        including=[_included(relation, each) for each in including],
        predicate=condition,
        method=method,
        options=index_options(tree.get("options", [])),
    )
    oid = make_index(around, writer, relation, index)
    if tree.get("idxcomment"):
        writer.insert(
            "pg_description", writer.tables(oid), objoid=oid, classoid=CLASS, objsubid=0, description=tree["idxcomment"]
        )
    writer.changed()
    return "CREATE INDEX"


def _plural(kind: str) -> str:
    return {"v": "views", "S": "sequences", "i": "indexes", "c": "composite types", "f": "foreign tables"}.get(
        kind, "it"
    )


def index_options(options: list[dict[str, Any]]) -> list[str]:
    """reloptions of WITH (…): they are kept, and mean nothing here."""
    found = []
    for node in options:
        option = node["DefElem"]
        value = option_value(option)
        text = (
            {True: "true", False: "false", None: "true"}.get(value, str(value))
            if not isinstance(value, int) or isinstance(value, bool)
            else str(value)
        )
        found.append(f"{option['defname']}={text}")
    return found


def _included_name(element: dict[str, Any]) -> str:
    name: str = element.get("name", "")
    return name


def _included(relation: Relation, element: dict[str, Any]) -> int:
    if "expr" in element:
        raise SqlError("0A000", "expressions are not supported in included columns")
    if element.get("collation"):
        raise SqlError("42P17", "including column does not support a collation")
    if element.get("opclass"):
        raise SqlError("42P17", "including column does not support an operator class")
    return column_number(relation, element["name"])


def column_number(relation: Relation, name: str) -> int:
    """The number of a column that an index names.

    Raises:
        SqlError: 42703.
    """
    for column in relation.columns:
        if column.name == name and not column.dropped:
            return column.number
    raise SqlError("42703", f'column "{name}" does not exist')


def _key(around: Surroundings, relation: Relation, element: dict[str, Any], method: int, method_name: str) -> IndexKey:
    """A key that was written out: ComputeIndexAttrs()."""
    if "expr" in element:
        stored = index_expression(around, relation, element["expr"])
        expr = stored.expr
        name = element.get("indexcolname") or figure_column(element["expr"])
        key = IndexKey(expression=stored, name=name, type=expr.type, typmod=expr.typmod, collation=expr.collation)
        row = around.catalog.type_by_oid(expr.type)
        if row is not None and row.collation and not key.collation:
            key.collation = row.collation
    else:
        number = column_number(relation, element["name"])
        column = relation.columns[number - 1]
        key = IndexKey(
            number=number, name=column.name, type=column.type, typmod=column.typmod, collation=column.collation
        )
    if element.get("collation"):
        row = around.catalog.type_by_oid(key.type)
        if row is None or not row.collation:
            raise error("42804", f"collations are not supported by type {format_type(around.catalog, key.type)}")
        key.collation = resolve_collation(around.catalog, element["collation"])
    if element.get("opclass"):
        _, wanted = name_parts(element["opclass"], around)
        found = around.catalog.builtin.operator_class(method, wanted)
        if found is None:
            raise SqlError("42704", f'operator class "{wanted}" does not exist for access method "{method_name}"')
        key.operator_class = found[0]
    else:
        key.operator_class = _default_class(around, key.type, method, method_name)
    ordering, nulls = element.get("ordering", "SORTBY_DEFAULT"), element.get("nulls_ordering", "SORTBY_NULLS_DEFAULT")
    if method_name != "btree" and ordering != "SORTBY_DEFAULT":
        raise SqlError("0A000", f'access method "{method_name}" does not support ASC/DESC options')
    if method_name != "btree" and nulls != "SORTBY_NULLS_DEFAULT":
        raise SqlError("0A000", f'access method "{method_name}" does not support NULLS FIRST/LAST options')
    if ordering == "SORTBY_DESC":
        key.options |= _DESCENDING
        if nulls in ("SORTBY_NULLS_DEFAULT", "SORTBY_NULLS_FIRST"):
            key.options |= _NULLS_FIRST
    elif nulls == "SORTBY_NULLS_FIRST":
        key.options |= _NULLS_FIRST
    return key


def figure_column(node: dict[str, Any]) -> str:
    """The name of a column that is an expression: FigureIndexColname() of src/backend/parser/parse_target.c."""
    return _figure(node)[0] or "expr"


def _figure(node: dict[str, Any]) -> tuple[str, int]:
    ((kind, fields),) = node.items()
    if kind == "ColumnRef":
        names = [each["String"]["sval"] for each in fields["fields"] if "String" in each]
        return (names[-1], 2) if names else ("", 0)
    if kind == "A_Indirection":
        names = [each["String"]["sval"] for each in fields.get("indirection", []) if "String" in each]
        return (names[-1], 2) if names else _figure(fields["arg"])
    if kind == "FuncCall":
        return fields["funcname"][-1]["String"]["sval"], 2
    if kind == "TypeCast":
        name, strength = _figure(fields["arg"])
        if strength <= 1:
            return fields["typeName"]["names"][-1]["String"]["sval"], 1
        return name, strength
    if kind == "CollateClause":
        return _figure(fields["arg"])
    if kind == "CaseExpr":
        name, strength = _figure(fields["defresult"]) if "defresult" in fields else ("", 0)
        return (name, strength) if strength > 1 else ("case", 1)
    fixed = {
        "A_ArrayExpr": "array",
        "RowExpr": "row",
        "CoalesceExpr": "coalesce",
        "XmlExpr": "",
    }
    if kind == "MinMaxExpr":
        return ("greatest" if fields.get("op") == "IS_GREATEST" else "least"), 2
    if kind == "A_Expr" and fields.get("kind") == "AEXPR_NULLIF":
        return "nullif", 2
    return (fixed[kind], 2) if fixed.get(kind) else ("", 0)


def dependency_of_constraint(writer: Writer, index: int, constraint: int) -> None:
    """An index belongs to its constraint."""
    writer.depend(Address(CLASS, index), Address(CONSTRAINT, constraint), "i")
