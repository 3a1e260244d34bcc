"""Writes golden.json, what a real PostgreSQL 15 answers: `python -m tests.pgwire.types.make_golden`."""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

from socketworkers_pgwire.types import SqlError

from .compare import SETTINGS, set_up, type_named, values_of
from .inputs import GENERATORS, inputs
from .operations import OPERATIONS, argument_type
from .server import Answer, Client, find_binaries, running_server

GOLDEN = Path(__file__).with_name("golden.json")
_EACH = 20
_CLOCK = ("now", "today", "tomorrow", "yesterday")


def main() -> int:
    """Ask, and write."""
    binaries = find_binaries()
    if binaries is None:
        return 1
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with running_server(Path(folder), binaries) as port:
            client = Client(port)
            lines = [*_inputs(client), *_operations(client)]
            client.close()
    GOLDEN.write_text("[\n" + ",\n".join(json.dumps(line) for line in lines) + "\n]\n")
    return 0


def _record(answer: Answer) -> list[str | None]:
    if answer.sqlstate:
        return [answer.sqlstate, answer.message]
    text = answer.fields[0]
    return [None if text is None else text.decode(), *(field.hex() for field in answer.fields[1:] if field is not None)]


def _short(answer: Answer) -> bool:
    return all(len(field) < 200 for field in answer.fields if field is not None)


def _inputs(client: Client) -> list[list[object]]:
    """[type, text, text form, binary form] or [type, text, sqlstate, message]."""
    mood = set_up(client)
    lines: list[list[object]] = []
    for name in GENERATORS:
        if name == "mood":
            continue
        rng = random.Random(name)
        fixed = [text for text in GENERATORS[name][0] if len(text) < 80 and not any(word in text for word in _CLOCK)]
        texts = rng.sample(fixed, min(_EACH, len(fixed))) + inputs(name, len(GENERATORS[name][0]) + 4, 5)[-4:]
        cast = '"char"' if name == "char" else name
        sql = f"SELECT $1::{cast}, $1::{cast}"
        rows = [[text.encode()] for text in texts]
        answers = client.execute(sql, [type_named(name, mood).oid], rows, results=(0, 1))
        lines += [[name, text, *_record(answer)] for text, answer in zip(texts, answers, strict=True) if _short(answer)]
    return lines


def _operations(client: Client) -> list[list[object]]:
    """[statement, [texts of the parameters], text of the result] or [..., sqlstate, message]."""
    lines: list[list[object]] = []
    settings = SETTINGS["default"][1]
    for command in ("RESET ALL", *SETTINGS["default"][0]):
        client.run(command)
    for sql, (names, _, _) in OPERATIONS.items():
        rng = random.Random(sql)
        kinds = [argument_type(name) for name in names]
        columns = [values_of(name, kind, 60, settings, rng) for name, kind in zip(names, kinds, strict=True)]
        rows = [[rng.choice(column)[0] for column in columns] for _ in range(2)]
        encoded = [[text.encode() for text in row] for row in rows]
        answers = client.execute(f"SELECT {sql}", [kind.oid for kind in kinds], encoded)
        lines += [[sql, row, *_record(answer)] for row, answer in zip(rows, answers, strict=True) if _short(answer)]
    return lines


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SqlError as error:
        sys.exit(error.message)
