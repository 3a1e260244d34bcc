"""Writes golden.json, what a real PostgreSQL 15 answers: `python -m tests.pgwire.lower.make_golden`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.pgwire.lower.battery import GOLDEN, Answer, parts
from tests.pgwire.types.server import Client, find_binaries, running_server

_CLEAR = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"


def main() -> int:
    """Ask, and write."""
    binaries = find_binaries()
    if binaries is None:
        return 1
    golden: dict[str, list[Answer]] = {}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with running_server(Path(folder), binaries) as port:
            client = Client(port)
            for name, statements in parts().items():
                client.run(_CLEAR)
                golden[name] = [_ask(client, statement) for statement in statements]
            client.close()
    lines = [
        f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in answers) + "\n]"
        for name, answers in golden.items()
    ]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return 0


def _ask(client: Client, statement: str) -> Answer:
    answers = client.run(statement)
    failed = next((each for each in answers if each.sqlstate), None)
    if failed is not None:
        return [failed.sqlstate, failed.message, failed.detail]
    return [[None if field is None else field.decode() for field in each.fields] for each in answers]


if __name__ == "__main__":
    sys.exit(main())
