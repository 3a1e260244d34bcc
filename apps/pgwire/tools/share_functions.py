"""Prints how many of PostgreSQL 15's functions are implemented, by area: `python apps/pgwire/tools/share_functions.py`.

With `--missing [AREA]` also those that are not. Functions that nobody can call (an argument or result of type internal,
input and output functions, triggers, handlers) are left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

from socketworkers_pgwire.functions import find

_DATA = Path(__file__).parent.parent / "socketworkers_pgwire" / "catalog" / "data" / "postgresql15.jsonl.gz"
_HIDDEN = re.compile(r"internal|cstring|trigger|_handler|language_handler|pg_ddl_command|table_am|index_am")
_AREAS: tuple[tuple[str, str], ...] = (
    ("text search", r"tsvector|tsquery|gtsvector|regconfig|regdictionary|^ts_|^to_tsvector"),
    ("xml", r"xml"),
    ("geometry", r"\b(point|line|lseg|box|path|polygon|circle)\b"),
    ("ranges", r"range"),
    ("network addresses", r"inet|cidr|macaddr|network"),
    ("money", r"money"),
    ("bit strings", r"\bbit\b"),
    ("SQL/JSON path", r"jsonpath|jsonb_path"),
    ("JSON", r"json"),
    ("statistics views", r"^pg_stat_|^pg_stat"),
    ("replication, backup, files", r"replication|wal|slot|logical|lsn|pg_ls_|pg_read_|backup|snapshot|binary_upgrade"),
    ("hashing", r"^hash|_hash|hash_"),
    ("large objects", r"^lo_|^lo"),
    ("access privileges", r"^has_|^pg_has|acl"),
    ("system", r"^pg_|^txid|^current_|^version|^inet_|regclass|^to_reg|^obj_|^col_|^shobj"),
    ("arrays", r"array|unnest|\[\]"),
    ("dates and times", r"time|date|interval"),
    ("numbers", r"numeric|double|real|integer|bigint|smallint"),
    ("strings", r"text|char|name|bytea"),
    ("others", r""),
)


def _area(signature: str) -> str:
    return next(area for area, pattern in _AREAS if re.search(pattern, signature))


def _signatures() -> list[str]:
    """Of all functions in pg_catalog, from the rows that are shipped."""
    found: list[str] = []
    with gzip.open(_DATA, "rt") as lines:
        next(lines)
        for head in lines:
            name, count = json.loads(head)
            rows = [json.loads(next(lines)) for _ in range(count)]
            if name == "signature":
                found = [row[1] for row in rows]
    return [each for each in found if "." not in each.partition("(")[0]]


def main() -> int:
    """Count, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--missing", nargs="?", const="")
    options = parser.parse_args()
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    missing: dict[str, list[str]] = defaultdict(list)
    for signature in _signatures():
        if _HIDDEN.search(signature):
            continue
        area = _area(signature)
        counts[area][1] += 1
        if find(signature) is not None:
            counts[area][0] += 1
        else:
            missing[area].append(signature)
    for area, (done, total) in sorted(counts.items()):
        sys.stdout.write(f"{area:28} {done:5} of {total:5}  {100 * done / total:5.1f} %\n")
        if options.missing is not None and options.missing in ("", area):
            sys.stdout.writelines(f"    {each}\n" for each in missing[area])
    done, total = (sum(each[place] for each in counts.values()) for place in (0, 1))
    sys.stdout.write(f"{'all':28} {done:5} of {total:5}  {100 * done / total:5.1f} %\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
