"""Writes the rows of PostgreSQL's own catalogue that the package ships, from a new cluster of a running PostgreSQL 15.

::

    initdb -D data -U postgres -E UTF8 --locale=C && pg_ctl -D data start
    python apps/pgwire/tools/dump_catalog.py "host=127.0.0.1 port=5432 user=postgres dbname=postgres"

The file is compressed lines of JSON. The first line names the version and, table by table, columns and their types;
then follow, for each table, a line with its name and number of rows, and its rows. A value is a number where the
type is stored as one, else its text form; what PostgreSQL keeps as a tree of nodes is written out as SQL.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "socketworkers_pgwire" / "catalog" / "data" / "postgresql15.jsonl.gz"

#: tables whose rows say nothing elsewhere
EMPTY = {"pg_statistic"}

_NUMBERS = {"oid", "int2", "int4", "int8", "float4", "float8"}
_TREES = {
    ("pg_proc", "proargdefaults"): "pg_get_expr(proargdefaults, 0)",
    ("pg_proc", "prosqlbody"): "pg_get_function_sqlbody(oid)",
    ("pg_constraint", "conbin"): "pg_get_expr(conbin, conrelid)",
    ("pg_attrdef", "adbin"): "pg_get_expr(adbin, adrelid)",
    ("pg_rewrite", "ev_action"): "CASE WHEN rulename = '_RETURN' THEN pg_get_viewdef(ev_class) END",
    ("pg_type", "typdefaultbin"): "NULL",
    ("pg_index", "indexprs"): "pg_get_expr(indexprs, indrelid)",
    ("pg_index", "indpred"): "pg_get_expr(indpred, indrelid)",
}
#: what is not one of the tables, or not in them in this form
_DERIVED = {
    "signature": """SELECT oid, oid::regprocedure::text AS signature,
        (SELECT json_agg(pg_get_function_arg_default(oid, n) ORDER BY n)
         FROM generate_series(1, 100) n WHERE pg_get_function_arg_default(oid, n) IS NOT NULL)::text AS defaults
        FROM pg_proc ORDER BY oid""",
    "operator_signature": "SELECT oid, oid::regoperator::text AS signature FROM pg_operator ORDER BY oid",
    # paths are those of the machine
    "setting": """SELECT name, CASE WHEN value LIKE '%/%' THEN '' ELSE value END AS setting, unit, category, short_desc,
        extra_desc, context, vartype, min_val, max_val, array_to_json(enumvals)::text AS enumvals,
        CASE WHEN boot_val LIKE '%/%' THEN '' ELSE boot_val END AS boot_val
        FROM pg_settings, LATERAL (SELECT CASE WHEN context = 'internal' OR name LIKE 'lc\\_%'
            THEN setting ELSE boot_val END AS value) v ORDER BY name""",
    "keyword": "SELECT word, catcode, barelabel, catdesc, baredesc FROM pg_get_keywords() ORDER BY word",
}


class Server:
    """A running PostgreSQL, asked through psql."""

    def __init__(self, connection: str) -> None:
        self._command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", connection]

    def rows(self, query: str) -> list[Any]:
        """Rows of a query that gives one column of json."""
        setup = "SET search_path = ''; SET timezone = 'UTC'; SET extra_float_digits = 1;"
        done = subprocess.run([*self._command, "-c", setup, "-c", query], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{query}\n{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]


def column_expression(table: str, column: str, kind: str) -> str:
    """SQL of one value as it is written."""
    quoted = f'"{column}"'
    if kind == "pg_node_tree":
        return _TREES.get((table, column), "NULL")
    if kind == "bool":
        return f"{quoted}::int"
    if kind.startswith("reg") and not kind.startswith("regexp"):
        return f"{quoted}::oid::int8"
    if kind in ("xid", "cid"):
        return f"{quoted}::text::int8"
    if kind in _NUMBERS:
        return f"{quoted}::int8" if kind == "oid" else quoted
    return f"{quoted}::text"


def tables(server: Server) -> dict[str, list[tuple[str, str]]]:
    """Columns with their types of all tables of the system, by name; those of information_schema are qualified."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, column, kind in server.rows(
        """SELECT json_build_array(CASE nspname WHEN 'pg_catalog' THEN '' ELSE nspname || '.' END || relname,
            attname, typname)
        FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
            JOIN pg_attribute ON attrelid = c.oid JOIN pg_type t ON t.oid = atttypid
        WHERE relkind = 'r' AND nspname IN ('pg_catalog', 'information_schema') AND attnum > 0
        ORDER BY nspname DESC, relname, attnum"""
    ):
        found.setdefault(name, []).append((column, kind))
    return found


def dump(server: Server) -> list[str]:
    """All lines of the file."""
    columns = tables(server)
    (version,) = server.rows("SELECT to_json(current_setting('server_version_num')::int)")
    sections: dict[str, list[Any]] = {}
    for name, described in columns.items():
        values = ", ".join(column_expression(name, column, kind) for column, kind in described)
        schema, _, table = name.rpartition(".")
        query = f'SELECT json_build_array({values}) FROM {schema or "pg_catalog"}."{table}"'
        sections[name] = [] if name in EMPTY else server.rows(query)
    layout: dict[str, list[list[str]]] = {name: [list(pair) for pair in pairs] for name, pairs in columns.items()}
    for name, query in _DERIVED.items():
        rows = server.rows(f"SELECT row_to_json(q) FROM ({query}) q")
        layout[name] = [[column, "text"] for column in rows[0]]
        sections[name] = [list(row.values()) for row in rows]
    lines = [json.dumps({"version": version, "tables": layout})]
    for name, rows in sections.items():
        lines.append(json.dumps([name, len(rows)]))
        lines += [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    return lines


def main() -> None:
    """Dump."""
    lines = dump(Server(sys.argv[1]))
    data = "\n".join([*lines, ""]).encode()
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_bytes(gzip.compress(data, 9, mtime=0))


if __name__ == "__main__":
    main()
