"""Writes tables.json and golden.json, what PostgreSQL 15 answers: `python -m tests.pgwire.sql.make_golden`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.pgwire.types.server import find_binaries, running_server

from .describe import Describer
from .tables import FOLDER, statements


def main() -> int:
    """Ask, and write."""
    binaries = find_binaries()
    if binaries is None:
        return 1
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with running_server(Path(folder), binaries) as port:
            describer = Describer(port)
            describer.rows((FOLDER / "schema.sql").read_text())
            tables = describer.tables()
            answers = {sql: describer.describe(sql) for lines in statements().values() for sql in lines if sql.strip()}
            describer.close()
    (FOLDER / "tables.json").write_text(json.dumps(tables, indent=1) + "\n")
    lines = [f"{json.dumps(sql)}: {json.dumps(answer)}" for sql, answer in answers.items()]
    (FOLDER / "golden.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
