"""Compares all functions with a real PostgreSQL 15, or writes down what it answers.

`python -m tests.pgwire.functions.make_golden` writes golden/*.json; with `--compare [--each N] [words]` it prints what
differs instead, of the functions whose signature has one of the words.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.pgwire.types.server import Client, find_binaries, running_server

from socketworkers_pgwire.functions import _MODULES, registry
from socketworkers_pgwire.functions.registry import Implementation

from .evaluate import (
    SETUP,
    Call,
    equal,
    groups_for,
    kind_named,
    our_group,
    ours,
    parameters,
    readable,
    rows_for,
    their_groups,
    theirs,
    variants,
)
from .pools import SKIPPED

GOLDEN = Path(__file__).with_name("golden")
_EACH = {"regexps": 25, "templating": 150, "comparison": 3}


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


_CATALOGUE = {
    "access", "definitions", "objects", "remarks", "schema_views", "sequences", "server_control", "server_information",
    "server_views", "visibility",
}  # fmt: skip
"""Modules whose functions answer from the catalogue or the server."""


def by_module() -> dict[str, dict[str, Implementation]]:
    """What each module registers."""
    found: dict[str, dict[str, Implementation]] = {name: {} for name in _MODULES if name not in _CATALOGUE}
    add = registry._add

    def note(signatures: tuple[str, ...], entry: Implementation) -> None:
        add(signatures, entry)
        frame = sys._getframe(1)
        while frame.f_code.co_name != "<module>" and frame.f_back is not None:
            frame = frame.f_back
        name = frame.f_globals["__name__"].rpartition(".")[2]
        if name in found:
            found[name].update(dict.fromkeys(signatures, entry))

    registry._add = note
    for name in _MODULES:
        importlib.import_module(f"socketworkers_pgwire.functions.{name}")
    registry._add = add
    return found


def describe(client: Client) -> dict[str, tuple[bool, str, str, str]]:
    """proisstrict, kind, result type or types of columns, provolatile, of all functions."""
    answers = client.run(
        "SELECT p.oid::regprocedure::text, proisstrict, prokind, CASE WHEN proretset OR prorettype = 2249 THEN "
        "coalesce((SELECT string_agg(t::regtype::text, ',' ORDER BY n) FROM unnest(proallargtypes, proargmodes) WITH "
        "ORDINALITY AS a(t, m, n) WHERE m IN ('o', 't')), prorettype::regtype::text) "
        "ELSE prorettype::regtype::text END,"
        " provolatile FROM pg_proc p WHERE pronamespace = 11"
    )
    rows = [[(field or b"").decode() for field in answer.fields] for answer in answers]
    return {row[0]: (row[1] == "t", row[2], row[3], row[4]) for row in rows}


_RANGES = {"int4range": "integer", "numrange": "numeric"}


def result_type(signature: str, types: tuple[str, ...], declared: str) -> str:
    """The actual type of a polymorphic result."""
    if not declared.startswith("any"):
        return declared
    element = span = ""
    for name, actual in zip(parameters(signature), types, strict=True):
        if name in ("anyarray", "anycompatiblearray"):
            element = actual[:-2]
        elif name in ("anyrange", "anymultirange"):
            span = actual.replace("multi", "")
            element = _RANGES[span]
        elif name.startswith("any"):
            element = actual
    if declared == "anyrange":
        return span
    if declared == "anymultirange":
        return span.replace("range", "multirange")
    return element + "[]" if declared.endswith("array") else element


def main() -> int:
    """Ask, and write or compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--port", type=int)
    parser.add_argument("--each", type=int, default=0)
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--show", type=int, default=5)
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    if options.port:
        return run(Client(options.port), options)
    binaries = find_binaries()
    if binaries is None:
        return 1
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with running_server(Path(folder), binaries) as port:
            client = Client(port)
            return run(client, options)


def run(client: Client, options: argparse.Namespace) -> int:
    """All modules."""
    for command in SETUP:
        client.run(command)
    known = describe(client)
    compared = different = 0
    shown: dict[str, int] = {}
    for module, entries in by_module().items():
        lines = []
        for signature, entry in entries.items():
            if options.words and not any(word in signature or word == module for word in options.words):
                continue
            if signature not in known:
                _say(f"{module}: PostgreSQL 15 has no {signature}")
                continue
            strict, _, declared, volatility = known[signature]
            if (
                entry.kind not in ("scalar", "rows", "aggregate")
                or (volatility == "v" and signature not in ("setseed(double precision)",))
                or signature in SKIPPED
            ):
                continue
            for types in variants(signature):
                rows: Any = (
                    groups_for(signature, types, options.each or _EACH.get(module, 8))
                    if entry.kind == "aggregate"
                    else rows_for(signature, types, options.each or _EACH.get(module, 5), strict)
                )
                if rows is None:
                    _say(f"{module}: no values for {signature}")
                    break
                result = result_type(signature, types, declared)
                call = Call(signature, types, result, strict)
                try:
                    for each in (*types, *result.split(",")):
                        if each not in ("void",):
                            kind_named(each.removeprefix("VARIADIC "))
                    if entry.kind == "aggregate":
                        answers = their_groups(client, call, rows)
                    else:
                        answers = theirs(client, call, rows, entry.kind == "rows")
                except (ValueError, KeyError) as error:
                    _say(f"{module}: {signature}: {error!r}")
                    continue
                calls: list[object] = []
                for row, answer in zip(rows, answers, strict=True):
                    compared += 1
                    if options.compare:
                        try:
                            mine = our_group(entry, call, row) if entry.kind == "aggregate" else ours(entry, call, row)
                        except Exception as error:
                            if options.trace:
                                raise
                            different += 1
                            shown[signature] = shown.get(signature, 0) + 1
                            if shown[signature] <= options.show:
                                _say(f"{signature} {row} {types}: {readable(answer)} CRASH {error!r}")
                            continue
                        if not equal(signature, readable(answer), readable(mine)):
                            different += 1
                            shown[signature] = shown.get(signature, 0) + 1
                            if shown[signature] > options.show:
                                continue
                            _say(f"{signature} {row}\n     PG: {readable(answer)}\n   ours: {readable(mine)}")
                    elif all(len(field) < 300 for field in answer.fields if field is not None):
                        calls.append([row, readable(answer)])
                if calls:
                    lines.append([signature, types, result, strict, calls])
        if not options.compare and lines:
            text = "[\n" + ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n]\n"
            (GOLDEN / f"{module}.json").write_text(text)
    if options.compare:
        _say(f"{compared} compared, {different} differ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
