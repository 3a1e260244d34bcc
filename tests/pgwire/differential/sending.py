"""Steps as bytes for one server: object identifiers and variables are filled in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from socketworkers_pgwire.codec import (
    FLUSH,
    SYNC,
    encode_bind,
    encode_close,
    encode_describe,
    encode_execute,
    encode_parse,
)

from .connection import Connection
from .script import substitute
from .source import Step

__all__ = ["Filler", "encode_step"]

#: where a kind of object has its identifier; the name is given with its schema where it has one
_LOOKUPS = {
    "class": "SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = {0} AND c.relname = {1}",
    "type": "SELECT t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
    " WHERE n.nspname = {0} AND t.typname = {1}",
    "function": "SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
    " WHERE n.nspname = {0} AND p.proname = {1} ORDER BY p.oid LIMIT 1",
    "constraint": "SELECT c.oid FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_namespace n"
    " ON n.oid = c.connamespace WHERE n.nspname = {0} AND c.conname = {1} ORDER BY c.oid LIMIT 1",
    "namespace": "SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = {1}",
    "role": "SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = {1}",
    "database": "SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = {1}",
}
_PLACEHOLDER = re.compile(r"\{\{((?:" + "|".join(_LOOKUPS) + r") [^{}]+)\}\}")


class Filler:
    """What placeholders and variables stand for on one server."""

    def __init__(self, database: str) -> None:
        self.variables: dict[str, str] = {}
        self._database = database
        self._known: dict[str, str] = {}

    def text(self, text: str, connection: Connection) -> str:
        """A text without placeholders."""
        if "{{" in text:
            text = _PLACEHOLDER.sub(lambda found: self.identifier(found[1], connection), text)
        return substitute(text, self.variables) if self.variables and ":" in text else text

    def identifier(self, words: str, connection: Connection) -> str:
        """What an object's name stands for; 0 for what is not there."""
        kind, _, name = words.partition(" ")
        if kind == "database" and name == "this":
            name = self._database
        schema, _, last = name.rpartition(".") if kind not in ("role", "database", "namespace") else ("", "", name)
        answer = connection.query(_LOOKUPS[kind].format(_literal(schema), _literal(last)))
        if answer.error is None and answer.results and answer.results[0].rows:
            self._known[words] = (answer.results[0].rows[0][0] or b"0").decode()
        return self._known.get(words, "0")  # in a failed transaction the last one that was known


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def encode_step(step: Step, fill: Callable[[str], str]) -> bytes:
    """The messages of a step of the extended protocol, and a Sync."""
    return b"".join([_encode(message, fill) for message in step.send]) + SYNC


def _encode(message: tuple[Any, ...], fill: Callable[[str], str]) -> bytes:
    kind, *rest = message
    match kind:
        case "P":
            types = [int(fill(str(oid))) for oid in (rest[2] if len(rest) > 2 else ())]
            return encode_parse(rest[0].encode(), fill(rest[1]).encode(), types)
        case "B":
            portal, statement, values, *formats = rest
            given = formats[0] if formats else []
            codes = [int(isinstance(value, dict)) for value in values]
            parameters = [_parameter(value, fill) for value in values]
            results = formats[1] if len(formats) > 1 else []
            return encode_bind(
                portal.encode(), statement.encode(), parameters, given or (codes if any(codes) else []), results
            )
        case "D":
            return encode_describe(rest[0].encode(), rest[1].encode() if len(rest) > 1 else b"")
        case "E":
            return encode_execute(rest[0].encode() if rest else b"", rest[1] if len(rest) > 1 else 0)
        case "C":
            return encode_close(rest[0].encode(), rest[1].encode())
        case "H":
            return FLUSH
    raise ValueError(f"there is no message {kind}")


def _parameter(value: Any, fill: Callable[[str], str]) -> bytes | None:
    """A parameter as bytes."""
    if value is None:
        return None
    if isinstance(value, str):
        return fill(value).encode()
    if "hex" in value:
        return bytes.fromhex(value["hex"])
    if "oid" in value:
        return int(fill(str(value["oid"]))).to_bytes(4)
    # array_recv: dimensions, whether there are NULLs, element type, then length and lower bound, then the elements
    items = [int(fill(str(oid))).to_bytes(4) for oid in value["oids"]]
    head = b"".join(n.to_bytes(4) for n in ((1, 0, 26, len(items), 1) if items else (0, 0, 26)))
    return head + b"".join([len(item).to_bytes(4) + item for item in items])
