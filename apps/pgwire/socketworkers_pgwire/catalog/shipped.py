"""The shipped rows of PostgreSQL's catalogue as files of SQLite: made once per version, then only opened.

Two files stand in a folder of caches: the rows that all databases share, attached read-only to each connection, and the
image of a new database. Blocking: both are made in some tenths of a second, at the first start.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import apsw

from ..types import BY_NAME
from ..types.sqlite import quote_identifier
from .layout import CLUSTER, LOCAL, SHIPPED, SPLIT, create_table, physical_name

__all__ = ["Shipped", "attach", "shipped"]

#: of the two files that are made; goes up when they change although the data does not
_FORMAT = 8
_FIRST_OID = 16384  # FirstNormalObjectId, src/include/access/transam.h
_DATA = "postgresql15.jsonl.gz"
_lock = threading.Lock()


class Shipped:
    """The two files.

    Args:
        rows: path of the shipped rows.
        template: path of the image of a new database.
    """

    __slots__ = ("rows", "template")

    def __init__(self, rows: Path, template: Path) -> None:
        self.rows = rows
        self.template = template

    def open(self) -> apsw.Connection:
        """A connection of its own to the rows, where their tables are in ``main``."""
        return apsw.Connection(_uri(self.rows), flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)

    def image(self, memory: bool = False) -> bytes:
        """The bytes of a new database, which is a file of SQLite.

        Args:
            memory: for one in memory, which cannot have a WAL.
        """
        image = self.template.read_bytes()
        # "File format write version" and "read version", 2 for WAL (https://sqlite.org/fileformat2.html §1.3)
        return image[:18] + b"\1\1" + image[20:] if memory else image


def attach(connection: apsw.Connection, source: Shipped | None = None) -> None:
    """Attach the shipped rows to a connection of a database, which was opened with SQLITE_OPEN_URI."""
    found = shipped() if source is None else source
    connection.execute(f"ATTACH ? AS {SHIPPED}", (_uri(found.rows),))


@cache
def shipped(folder: Path | None = None) -> Shipped:
    """The two files, made when they are not there.

    Args:
        folder: where they are kept; without, the user's folder of caches, or a temporary one where that cannot be
            written to.
    """
    data = files(__package__).joinpath("data", _DATA).read_bytes()
    digest = hashlib.sha256(data + bytes([_FORMAT])).hexdigest()[:16]
    places = (
        [folder] if folder is not None else [_cache_folder(), Path(tempfile.gettempdir()) / f"socketworkers-{_me()}"]
    )
    for place in places:
        found = Shipped(place / f"postgresql15-{digest}.sqlite", place / f"postgresql15-{digest}.template")
        if found.rows.exists() and found.template.exists() and _ours(place):
            return found
    with _lock:
        for number, place in enumerate(places, 1):
            try:
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not _ours(place):
                    raise PermissionError(f"{place} belongs to somebody else")
                found = Shipped(place / f"postgresql15-{digest}.sqlite", place / f"postgresql15-{digest}.template")
                _make(data, found)
            except OSError:
                if number == len(places):
                    raise
            else:
                return found
    raise AssertionError("no folder")


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "socketworkers"


def _me() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _ours(folder: Path) -> bool:
    """Whether nobody else can have put a file there."""
    about = folder.stat()
    return not hasattr(os, "getuid") or (about.st_uid == os.getuid() and not about.st_mode & 0o022)


def _uri(path: Path) -> str:
    return path.absolute().as_uri() + "?mode=ro&immutable=1"


def _make(data: bytes, target: Shipped) -> None:
    """Both files, under other names first: two processes may start at once."""
    sections = _read(data)
    layout: dict[str, list[tuple[str, str]]] = {
        name: [(column, kind) for column, kind in columns] for name, columns in next(sections)["tables"].items()
    }
    rows = _new_file(target.rows)
    template = _new_file(target.template)
    try:
        with closing(apsw.Connection(str(rows))) as shared, closing(apsw.Connection(str(template))) as local:
            for connection in (shared, local):
                connection.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN").fetchall()
            for name, columns in layout.items():
                count, values = next(sections)
                place = local if name in LOCAL else shared
                for statement in create_table(name, columns):
                    place.execute(statement)
                _fill(place, physical_name(name), columns, values)
                if name in SPLIT:
                    for statement in create_table(name, columns):
                        local.execute(statement)
                assert count == len(values), name
            _add_counters(local)
            for connection in (shared, local):
                connection.execute("COMMIT; VACUUM")
            # a database is a file in WAL mode; the image is made so, because the change takes a lock and a sync
            local.execute("PRAGMA journal_mode = WAL").fetchall()
        os.replace(rows, target.rows)
        os.replace(template, target.template)
    finally:
        for left in (rows, template):
            left.unlink(missing_ok=True)


def _new_file(target: Path) -> Path:
    number, name = tempfile.mkstemp(prefix=target.name, dir=target.parent)
    os.close(number)
    return Path(name)


def _read(data: bytes) -> Iterator[Any]:
    """The head of the file, then for each table the announced number of rows, and the rows."""
    lines = iter(gzip.decompress(data).decode().splitlines())
    yield json.loads(next(lines))
    for head in lines:
        _, count = json.loads(head)
        yield count, json.loads("[" + ",".join([next(lines) for _ in range(count)]) + "]")


def _fill(connection: apsw.Connection, table: str, columns: list[tuple[str, str]], rows: list[list[Any]]) -> None:
    converted = [
        (index, BY_NAME[kind].input)
        for index, (_, kind) in enumerate(columns)
        if kind in BY_NAME and (kind.startswith("_") or kind.endswith("vector"))
    ]
    for row in rows:
        for index, read in converted:
            if row[index] is not None:
                row[index] = read(row[index])
    marks = ",".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {quote_identifier(table)} VALUES ({marks})", rows)


def _add_counters(connection: apsw.Connection) -> None:
    """What a database counts by itself (OIDs that were given, and changes of its catalogue), names of tables in SQLite
    that are not the usual ones, and the counters of its sequences: what is handed out is below the number here."""
    connection.execute(
        'CREATE TABLE "socketworkers.counters" (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID'
    )
    connection.execute(f"""INSERT INTO "socketworkers.counters" VALUES ('oid', {_FIRST_OID}), ('version', 1)""")
    connection.execute('CREATE TABLE "socketworkers.names" (oid INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT')
    connection.execute(
        """CREATE TABLE "socketworkers.sequences" (
            oid INTEGER PRIMARY KEY, last_value INTEGER NOT NULL, is_called INTEGER NOT NULL) STRICT"""
    )


assert not set(LOCAL) & set(CLUSTER)
