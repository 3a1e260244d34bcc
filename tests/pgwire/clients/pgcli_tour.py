"""pgcli: connecting, and all that it reads for its completion."""

from __future__ import annotations

import os

from pgcli.pgexecute import PGExecute


def main() -> None:
    """What pgcli does at its start, and a query."""
    get = os.environ.__getitem__
    executor = PGExecute(get("PGDATABASE"), get("PGUSER"), "", get("PGHOST"), get("PGPORT"), None)
    assert "public" in executor.schemata()
    assert executor.search_path()[0] in ("public", "pg_catalog")
    assert list(executor.tables())
    list(executor.views())
    columns = list(executor.table_columns())
    assert any(column[1] == "city" and column[2] == "population" for column in columns), columns[:5]
    list(executor.view_columns())
    list(executor.foreignkeys())
    list(executor.databases())
    list(executor.functions())
    list(executor.datatypes())
    list(executor.casing())
    assert executor.full_databases()
    for title, rows, headers, status, *_ in executor.run("SELECT 1 AS one"):
        assert rows is not None, (title, headers, status)
    executor.view_definition("big_city")


if __name__ == "__main__":
    main()
