"""Works with a database by psycopg: a table, rows, and what is read back. Run by a client of compose.yaml.

Usage: pg_client.py [CONNECTION]. Host, user, database and password are in ``PGHOST``, ``PGUSER``, ``PGDATABASE`` and
``PGPASSWORD``, or in the connection string. Exit status 0: what came back is what was written.
"""

from __future__ import annotations

import sys
from decimal import Decimal

import psycopg

ROWS = [
    ("lamp", Decimal("19.90"), ["light", "home"]),
    ("chair", Decimal("149.00"), []),
    ("caf\u00e9", None, ["\u2615"]),
]


def main(arguments: list[str]) -> int:
    """Write rows with parameters and by COPY; read them back in both formats."""
    with psycopg.connect(*arguments[:1]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS goods (name text PRIMARY KEY, price numeric(8,2), tags text[])")
        connection.execute("DELETE FROM goods")
        connection.commit()
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO goods VALUES (%s, %s, %s)", ROWS)
            with cursor.copy("COPY goods (name, price) FROM STDIN") as copy:
                for number in range(1000):
                    copy.write_row((f"item {number}", Decimal(number) / 4))
        connection.commit()
        query = "SELECT name, price, tags FROM goods WHERE tags IS NOT NULL ORDER BY price"
        for binary in (False, True):
            if connection.execute(query, binary=binary).fetchall() != ROWS:
                print("what came back is not what was written", file=sys.stderr)
                return 1
        found = connection.execute("SELECT count(*), sum(price) FROM goods WHERE tags IS NULL").fetchone()
        if found != (1000, sum(Decimal(number) / 4 for number in range(1000))):
            print(f"of the rows of COPY there are {found}", file=sys.stderr)
            return 1
    print("psycopg: 1003 rows written and read back unchanged", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
