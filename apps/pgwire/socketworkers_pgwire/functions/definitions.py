"""Definitions of objects, written out again: PostgreSQL 15 documentation §9.26, table 9.70; utils/adt/ruleutils.c."""

from __future__ import annotations

import json
from typing import Any

from ..catalog import Relation
from ..catalog.operator_classes import default_class
from ..catalog.session import SessionCatalog
from ..catalog.spelling import qualified, relation_name
from ..errors import SqlError
from ..sql.analyze import Kind, analyse_expression, cast_for_column, parse_expression, parse_expressions
from ..sql.analyze.select import analyse_select
from ..sql.analyze.state import Notes, Shared, State
from ..sql.deparse import deparse_expression, deparse_query
from ..sql.grammar import Node, parse
from ..sql.keywords import quote_identifier
from ..sql.nodes import Expr, FuncCall
from ..types import DEFAULT
from ..types.vectors import INT2VECTOR, OIDVECTOR
from .context import Execution
from .registry import scalar
from .visibility import catalog_of

__all__: list[str] = []

_ACTIONS = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT", "r": "RESTRICT"}
_DESCENDING, _NULLS_FIRST = 1, 2


def _analysed(catalog: SessionCatalog, relation: Relation | None, text: str) -> Expr:
    return _analysed_tree(catalog, relation, parse_expression(text))


def _analysed_tree(catalog: SessionCatalog, relation: Relation | None, tree: Node) -> Expr:
    return analyse_expression(tree, catalog.qualified(), Kind.OTHER, relation)[0]


def _again(execution: Execution, relation: Relation | None, text: str, *, pretty: bool = False) -> str:
    """An expression of the catalogue, as the session sees names."""
    catalog = catalog_of(execution)
    return deparse_expression(_analysed(catalog, relation, text), catalog, pretty=pretty, settings=execution.settings)


def _expression(execution: Execution, text: str, oid: int, pretty: bool) -> str | None:
    catalog = catalog_of(execution)
    relation = catalog.relation_by_oid(oid) if oid else None
    if oid and relation is None:
        return None
    if text.startswith("["):
        return ", ".join(_again(execution, relation, each, pretty=pretty) for each in json.loads(text))
    exprs = [_analysed_tree(catalog, relation, each) for each in parse_expressions(text)]
    for column in () if relation is None else relation.columns:
        if column.default == text:  # as PostgreSQL keeps it: with the cast to the column's type
            exprs = [
                cast_for_column(each, catalog.qualified(), column.type, column.typmod, column.name) for each in exprs
            ]
            break
    return ", ".join(deparse_expression(each, catalog, pretty=pretty, settings=execution.settings) for each in exprs)


@scalar("pg_get_expr(pg_node_tree,oid)", context=True)
def _get_expr(execution: Execution, text: str, oid: int) -> str | None:
    return _expression(execution, text, oid, False)


@scalar("pg_get_expr(pg_node_tree,oid,boolean)", context=True)
def _get_expr_pretty(execution: Execution, text: str, oid: int, pretty: int) -> str | None:
    return _expression(execution, text, oid, bool(pretty))


# Constraints


@scalar("pg_get_constraintdef(oid)", context=True)
def _get_constraintdef(execution: Execution, oid: int) -> str | None:
    return _constraint(execution, oid, False)


@scalar("pg_get_constraintdef(oid,boolean)", context=True)
def _get_constraintdef_pretty(execution: Execution, oid: int, pretty: int) -> str | None:
    return _constraint(execution, oid, bool(pretty))


def _constraint(execution: Execution, oid: int, pretty: bool) -> str | None:
    catalog = catalog_of(execution)
    tables = catalog.tables_of(oid)
    row: Any = catalog.connection.execute(
        f"""SELECT contype, conrelid, contypid, conindid, conkey, confrelid, confkey, confmatchtype, confupdtype,
            confdeltype, condeferrable, condeferred, convalidated, connoinherit, conbin
        FROM {tables["pg_constraint"]} WHERE oid = ?""",
        (oid,),
    ).fetchone()
    if row is None:
        return None
    kind, relation_oid, index_oid = row[0], row[1], row[3]
    relation = catalog.relation_by_oid(relation_oid) if relation_oid else None
    keys = json.loads(row[4]) if row[4] else []
    if kind == "f":
        assert relation is not None
        text = _foreign_key(catalog, relation, keys, row)
    elif kind in "pu":
        assert relation is not None
        text = "PRIMARY KEY" if kind == "p" else "UNIQUE"
        text += _key_columns(catalog, relation, keys, index_oid)
    elif kind == "c":
        expression = row[14] if relation is None else _again(execution, relation, row[14], pretty=pretty)
        text = f"CHECK ({expression})" + (" NO INHERIT" if row[13] and relation is not None else "")
    else:
        return None
    if row[10]:
        text += " DEFERRABLE"
    if row[11]:
        text += " INITIALLY DEFERRED"
    return text if row[12] else f"{text} NOT VALID"


def _names(relation: Relation, numbers: list[int]) -> str:
    return ", ".join(quote_identifier(relation.columns[number - 1].name) for number in numbers)


def _foreign_key(catalog: SessionCatalog, relation: Relation, keys: list[int], row: Any) -> str:
    other = catalog.relation_by_oid(row[5])
    assert other is not None
    theirs = _names(other, json.loads(row[6]))
    text = f"FOREIGN KEY ({_names(relation, keys)}) REFERENCES {relation_name(catalog, other)}({theirs})"
    if row[7] == "f":
        text += " MATCH FULL"
    if row[8] in _ACTIONS:
        text += f" ON UPDATE {_ACTIONS[row[8]]}"
    if row[9] in _ACTIONS:
        text += f" ON DELETE {_ACTIONS[row[9]]}"
    return text


def _key_columns(catalog: SessionCatalog, relation: Relation, keys: list[int], index_oid: int) -> str:
    vector, count, not_distinct = catalog.connection.execute(  # type: ignore[misc]
        f"""SELECT indkey, indnkeyatts, indnullsnotdistinct FROM {catalog.tables_of(index_oid)["pg_index"]}
        WHERE indexrelid = ?""",
        (index_oid,),
    ).fetchone()
    text = " NULLS NOT DISTINCT" if not_distinct else ""
    text += f" ({_names(relation, keys)})"
    included = INT2VECTOR.load(str(vector)).items[int(str(count)) :]
    return f"{text} INCLUDE ({_names(relation, included)})" if included else text


# Indexes


@scalar("pg_get_indexdef(oid)", context=True)
def _get_indexdef(execution: Execution, oid: int) -> str | None:
    return _index(execution, oid, 0, False)


@scalar("pg_get_indexdef(oid,integer,boolean)", context=True)
def _get_indexdef_column(execution: Execution, oid: int, column: int, pretty: int) -> str | None:
    return _index(execution, oid, column, bool(pretty))


def _index(execution: Execution, oid: int, column: int, pretty: bool) -> str | None:
    catalog = catalog_of(execution)
    tables = catalog.tables_of(oid)
    row: Any = catalog.connection.execute(
        f"""SELECT indrelid, relname, amname, indisunique, indnullsnotdistinct, indkey, indnkeyatts, indcollation,
            indclass, indoption, indexprs, indpred, reloptions
        FROM {tables["pg_index"]} JOIN {tables["pg_class"]} c ON c.oid = indexrelid
            JOIN shipped."pg_catalog.pg_am" a ON a.oid = relam
        WHERE indexrelid = ?""",
        (oid,),
    ).fetchone()
    if row is None:
        return None
    relation = catalog.relation_by_oid(row[0])
    assert relation is not None
    texts = iter(json.loads(row[10]) if row[10] else [])
    numbers = INT2VECTOR.load(row[5]).items
    collations, classes, options = (
        OIDVECTOR.load(row[7]).items,
        OIDVECTOR.load(row[8]).items,
        INT2VECTOR.load(row[9]).items,
    )
    parts: list[str] = []
    for place, number in enumerate(numbers):
        text, kind, collation = _key(catalog, relation, number, texts, pretty)
        if place < row[6] and not column:
            text += _key_options(catalog, kind, collation, collations[place], classes[place], options[place])
        parts.append(text)
    if column:
        return parts[column - 1] if 0 < column <= len(parts) else ""
    name = relation_name(catalog, relation) if pretty else qualified(relation.schema, relation.name)
    text = (
        f"CREATE {'UNIQUE ' if row[3] else ''}INDEX {quote_identifier(row[1])} ON {name} USING {row[2]} "
        f"({', '.join(parts[: row[6]])})"
    )
    if len(parts) > row[6]:
        text += f" INCLUDE ({', '.join(parts[row[6] :])})"
    if row[4]:
        text += " NULLS NOT DISTINCT"
    if row[12]:
        pairs = (each.partition("=") for each in json.loads(row[12]))
        text += f" WITH ({', '.join(f'{key}={_option(value)}' for key, _, value in pairs)})"
    if row[11] is not None:
        text += f" WHERE {_again(execution, relation, row[11], pretty=pretty)}"
    return text


def _option(value: str) -> str:
    return quote_identifier(value) if value.isidentifier() else "'" + value.replace("'", "''") + "'"


def _key(catalog: SessionCatalog, relation: Relation, number: int, texts: Any, pretty: bool) -> tuple[str, int, int]:
    """A key of an index: its text, type and collation."""
    if number:
        column = relation.columns[number - 1]
        return quote_identifier(column.name), column.type, column.collation
    expr = _analysed(catalog, relation, next(texts))
    text = deparse_expression(expr, catalog, pretty=pretty)
    if not (isinstance(expr, FuncCall) and expr.form == "call"):
        text = f"({text})"
    return text, expr.type, expr.collation


def _key_options(
    catalog: SessionCatalog, kind: int, own: int, collation: int, operator_class: int, options: int
) -> str:
    text = ""
    if collation and collation != own:
        row = catalog.collation_by_oid(collation)
        text += f" COLLATE {quote_identifier(row.name) if row else collation}"
    method: Any = catalog.connection.execute(
        'SELECT opcmethod, opcname FROM shipped."pg_catalog.pg_opclass" WHERE oid = ?', (operator_class,)
    ).fetchone()
    if method is not None:
        default = default_class(catalog.builtin, catalog.type_by_oid, kind, method[0])
        if default != operator_class:
            text += f" {quote_identifier(method[1])}"
    if options & _DESCENDING:
        return text + (" DESC" if options & _NULLS_FIRST else " DESC NULLS LAST")
    return text + (" NULLS FIRST" if options & _NULLS_FIRST else "")


# Views


def _view(catalog: SessionCatalog, relation: Relation | None, pretty: bool) -> str | None:
    if relation is None or relation.kind not in "vm" or not relation.definition:
        return None
    if relation.oid < 16384 and not pretty:
        return relation.definition
    shared = Shared(catalog.qualified(), DEFAULT, None, Notes())
    (raw,) = parse(relation.definition)
    query = analyse_select(State(shared), raw.tree)
    names = [column.name for column in relation.columns]
    return deparse_query(query, catalog, shared.views, names=names, pretty=pretty) + ";"


@scalar("pg_get_viewdef(oid)", context=True)
def _get_viewdef(execution: Execution, oid: int) -> str | None:
    catalog = catalog_of(execution)
    return _view(catalog, catalog.relation_by_oid(oid), False)


@scalar("pg_get_viewdef(oid,boolean)", context=True)
def _get_viewdef_pretty(execution: Execution, oid: int, pretty: int) -> str | None:
    catalog = catalog_of(execution)
    return _view(catalog, catalog.relation_by_oid(oid), bool(pretty))


@scalar("pg_get_viewdef(oid,integer)", context=True)
def _get_viewdef_wrapped(execution: Execution, oid: int, width: int) -> str | None:
    catalog = catalog_of(execution)
    return _view(catalog, catalog.relation_by_oid(oid), True)


@scalar("pg_get_viewdef(text)", context=True)
def _get_viewdef_named(execution: Execution, name: str) -> str | None:
    return _view(catalog_of(execution), _relation_named(execution, name), False)


@scalar("pg_get_viewdef(text,boolean)", context=True)
def _get_viewdef_named_pretty(execution: Execution, name: str, pretty: int) -> str | None:
    return _view(catalog_of(execution), _relation_named(execution, name), bool(pretty))


def _relation_named(execution: Execution, name: str) -> Relation:
    names = execution.settings.names
    assert names is not None
    relation = execution.catalog.relation_by_oid(names.find("regclass", name))
    assert relation is not None
    return relation


@scalar("pg_get_ruledef(oid)", context=True)
def _get_ruledef(execution: Execution, oid: int) -> str | None:
    return _rule(catalog_of(execution), oid, False)


@scalar("pg_get_ruledef(oid,boolean)", context=True)
def _get_ruledef_pretty(execution: Execution, oid: int, pretty: int) -> str | None:
    return _rule(catalog_of(execution), oid, bool(pretty))


def _rule(catalog: SessionCatalog, oid: int, pretty: bool) -> str | None:
    row: Any = catalog.connection.execute(
        f"SELECT rulename, ev_class FROM {catalog.tables_of(oid)['pg_rewrite']} WHERE oid = ?", (oid,)
    ).fetchone()
    relation = catalog.relation_by_oid(row[1]) if row is not None else None
    if relation is None:
        return None
    name = relation_name(catalog, relation) if pretty else qualified(relation.schema, relation.name)
    head = f"CREATE RULE {quote_identifier(row[0])} AS\n    ON SELECT TO {name} DO INSTEAD "
    return head + (_view(catalog, relation, pretty) or "")


# Sequences, users, and what nobody can have made


@scalar("pg_get_serial_sequence(text,text)", context=True)
def _serial_sequence(execution: Execution, table: str, column: str) -> str | None:
    relation = _relation_named(execution, table)
    number = next((each.number for each in relation.columns if each.name == column and not each.dropped), 0)
    if not number:
        raise SqlError("42703", f'column "{column}" of relation "{relation.name}" does not exist')
    catalog = catalog_of(execution)
    tables = catalog.tables_of(relation.oid)
    row: Any = catalog.connection.execute(
        f"""SELECT objid FROM {tables["pg_depend"]} JOIN {tables["pg_class"]} c ON c.oid = objid
        WHERE classid = 1259 AND refclassid = 1259 AND refobjid = ? AND refobjsubid = ? AND deptype IN ('a', 'i')
            AND relkind = 'S'""",
        (relation.oid, number),
    ).fetchone()
    sequence = catalog.relation_by_oid(row[0]) if row is not None else None
    return None if sequence is None else qualified(sequence.schema, sequence.name)


@scalar("pg_get_userbyid(oid)", context=True)
def _user(execution: Execution, oid: int) -> str:
    row: Any = (
        catalog_of(execution)
        .connection.execute("SELECT value->>1 FROM json_each(pg_cluster_rows('pg_authid')) WHERE value->>0 = ?", (oid,))
        .fetchone()
    )
    return f"unknown (OID={oid})" if row is None else str(row[0])


@scalar(
    "pg_get_triggerdef(oid)",
    "pg_get_partkeydef(oid)",
    "pg_get_partition_constraintdef(oid)",
    "pg_get_statisticsobjdef(oid)",
    "pg_get_statisticsobjdef_columns(oid)",
    "pg_get_statisticsobjdef_expressions(oid)",
)
def _none(oid: int) -> None:
    return None


@scalar("pg_get_triggerdef(oid,boolean)")
def _no_trigger(oid: int, pretty: int) -> None:
    return None
