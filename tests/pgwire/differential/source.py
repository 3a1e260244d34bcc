"""The corpora: which there are, and their steps.

A source is a file under ``corpus``: ``.sql``, a script as psql takes it (see `script`), or ``.jsonl``, what a client
sent, an object on each line:

- ``{"query": "SELECT 1"}``: the simple query protocol; ``"copy"`` has the data of COPY FROM STDIN, as a text or as
  ``{"hex": "00ff"}``.
- ``{"send": [["P", "", "SELECT $1", [23]], ["B", "", "", ["1"]], ["D", "P", ""], ["E"]]}``: messages up to a Sync. A
  parameter is a text, null, ``{"hex": "00ff"}``, or a list of object identifiers as binary ``{"oids": [1, "..."]}``.
- ``{"connect": true}``: a new connection from here on; with ``"database"``, to another database than the source's.
- ``{"close": true}``: the connection ends.
- ``"flags"`` beside any of these, as the directives of scripts.

``{{class public.film}}`` stands for the object identifier that the server of the moment gave: ``class``, ``type``,
``namespace``, ``role``, ``database``, ``constraint``, ``function``.

All files of a folder that has a file ORDER share a database, in that order. Elsewhere each file has its own, where
the ``setup`` of its folder runs first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["CORPUS", "Source", "Step", "find", "read"]

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a corpus."""

    line: int
    sql: str
    """What is shown and analysed; of the simple protocol, if there is no `send`."""
    send: tuple[tuple[Any, ...], ...] = ()
    """Messages up to a Sync, as the file has them."""
    copy: tuple[bytes, ...] = ()
    """What COPY FROM STDIN gets, message by message."""
    flags: frozenset[str] = frozenset()
    session: str = ""
    """Which of several connections."""
    connect: str | None = None
    """A new connection as this user, "" for the usual one; then there is no statement."""
    database: str = ""
    """Where to, if not to the source's own database."""
    close: bool = False
    """The connection ends; then there is no statement."""
    variables: str | None = None
    """Prefix of the variables of psql that the first row becomes."""
    assign: tuple[str, str] | None = None
    """A variable of psql and its value; then there is no statement."""

    @property
    def counts(self) -> bool:
        """Whether it is one of the statements of the corpus."""
        return self.connect is None and self.assign is None and not self.close and "setup" not in self.flags


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the corpus."""

    name: str
    path: Path
    shared: str = ""
    """Folder of those that share a database."""
    before: tuple[Path, ...] = field(default=())
    """Files that run before it in its database."""

    def steps(self) -> list[Step]:
        """Its own steps."""
        return read(self.path)


def find(names: list[str]) -> list[Source]:
    """The sources of these names.

    Args:
        names: files without their suffix, or folders; all, if there is none.

    Raises:
        ValueError: there is no such source.
    """
    found = [source for name in names or [""] for source in _under(name)]
    return list({source.name: source for source in found}.values())


def _under(name: str) -> Iterator[Source]:
    single = [path for suffix in (".sql", ".jsonl") if (path := CORPUS / f"{name}{suffix}").is_file()]
    folder = CORPUS / name
    if single:
        yield _source(single[0])
    elif folder.is_dir():
        order = folder / "ORDER"
        if order.exists():
            for line in order.read_text().split():
                yield _source(next(iter(folder.glob(f"{line}.*"))))
            return
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                yield from _under(path.relative_to(CORPUS).as_posix())
            elif path.suffix in (".sql", ".jsonl") and path.stem != "setup":
                yield _source(path)
    else:
        raise ValueError(f"there is no source {name}")


def _source(path: Path) -> Source:
    name = path.relative_to(CORPUS).with_suffix("").as_posix()
    folder = path.parent
    setup = tuple(sorted(folder.glob("setup.*"))) if path.stem != "setup" else ()
    shared = folder.relative_to(CORPUS).as_posix() if (folder / "ORDER").exists() else ""
    return Source(name, path, shared, setup)


def read(path: Path) -> list[Step]:
    """The steps of a file."""
    from .script import read_script

    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sql":
        return list(read_script(text, path.parent))
    return [_recorded(number, json.loads(line)) for number, line in enumerate(text.splitlines(), 1) if line]


def _recorded(number: int, item: dict[str, Any]) -> Step:
    flags = frozenset(item.get("flags", ()))
    session = item.get("session", "")
    if item.get("connect"):
        return Step(number, "", connect="", session=session, database=item.get("database", ""))
    if item.get("close"):
        return Step(number, "", close=True, session=session)
    if "query" in item:
        data = item.get("copy", "")
        copy = (bytes.fromhex(data["hex"]) if isinstance(data, dict) else data.encode(),) if data else ()
        return Step(number, item["query"], copy=copy, flags=flags, session=session)
    send = tuple(tuple(message) for message in item["send"])
    texts = [message[2] for message in send if message[0] == "P"] or [
        message[2] for message in send if message[0] == "B"
    ]
    return Step(number, "; ".join(texts), send, flags=flags | {"extended"}, session=session)
