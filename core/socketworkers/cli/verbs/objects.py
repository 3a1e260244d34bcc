"""``socketworkers objects list|dump``: looks into a data folder, whether or not a server works on it.

Reads only. A server that runs meanwhile is not disturbed: SQLite gives a reader the state of one moment.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...errors import StartupError

if TYPE_CHECKING:
    import apsw

__all__ = ["command"]

_DATA = click.option("--data", metavar="DIR", help="The data folder [the only one in ./.socketworkers].")


@click.group("objects", short_help="List and dump Durable Objects.")
def command() -> None:
    """List and dump the Durable Objects of a data folder."""


@command.command("list")
@click.argument("namespace", required=False)
@_DATA
def list_objects(namespace: str | None, data: str | None) -> None:
    """List objects: namespace, id, size, time of the last change."""
    folder = _folder(data)
    found = False
    for name in [namespace] if namespace else _namespaces(folder):
        for id, path in _objects(folder, name):
            size = changed = 0.0
            for part in (path, path.with_name(f"{path.name}-wal")):
                if part.exists():
                    size += part.stat().st_size
                    changed = max(changed, part.stat().st_mtime)
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(changed))
            click.echo(f"{name}  {size / 1024:8.0f} KiB  {stamp}  {_shown(id)}")
            found = True
    if not found:
        click.echo("no objects", err=True)


@command.command()
@click.argument("namespace")
@click.argument("id")
@_DATA
def dump(namespace: str, id: str, data: str | None) -> None:
    """Print one object as SQL that makes it again (keys and values are the table _kv)."""
    folder = _folder(data)
    paths = dict(_objects(folder, namespace))
    path = paths.get(id)
    if path is None:
        from ...mistakes import nearest

        meant = nearest(id, paths)
        raise StartupError(
            f"there is no object {id!r} in {namespace}",
            f"did you mean {meant!r}?" if meant else "",
            f"socketworkers objects list {namespace} --data {folder}",
        )
    connection = _open(path)
    try:
        # One transaction: the dump is of one moment, also when a server writes meanwhile.
        connection.execute("begin")
        for line in _statements(connection):
            click.echo(line)
    finally:
        connection.close()


def _statements(connection: apsw.Connection) -> Iterator[str]:
    """SQL that makes the database again."""
    import apsw

    yield "begin;"
    for pragma in ("application_id", "user_version"):
        yield f"pragma {pragma} = {connection.pragma(pragma)};"
    kinds = {str(row[1]): str(row[2]) for row in connection.execute("pragma main.table_list")}
    schema = connection.execute(
        "select type, name, sql from sqlite_schema where sql is not null and name not like 'sqlite\\_%' escape '\\'"
    ).fetchall()
    for kind, name, sql in schema:
        # The tables behind a virtual table come into being with it.
        if kind != "table" or kinds.get(str(name)) == "shadow":
            continue
        yield f"{sql};"
        if kinds.get(str(name)) != "table":
            continue
        quoted = _quoted(str(name))
        # Generated and hidden columns cannot be given.
        columns = [_quoted(str(row[1])) for row in connection.execute(f"pragma table_xinfo({quoted})") if not row[6]]
        listed = ", ".join(columns)
        for row in connection.execute(f"select {listed} from {quoted}"):
            values = ", ".join(apsw.format_sql_value(value) for value in row)
            yield f"insert into {quoted} ({listed}) values ({values});"
    for kind, _, sql in schema:
        if kind != "table":
            yield f"{sql};"
    yield "commit;"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _folder(data: str | None) -> Path:
    if data is not None:
        folder = Path(data)
        if not (folder / "objects").is_dir():
            why = "it has no folder named objects" if folder.is_dir() else "no such folder"
            raise StartupError(f"{folder} is no data folder", why, "give the --data of the server")
        return folder
    found = sorted(path.parent for path in Path(".socketworkers").glob("*/objects"))
    if len(found) == 1:
        return found[0]
    choices = ", ".join(map(str, found)) or "there is none in ./.socketworkers"
    raise StartupError("which data folder?", choices, "name it: --data DIR", exit_status=2)


def _namespaces(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "objects").iterdir() if path.is_dir())


def _objects(folder: Path, namespace: str) -> Iterator[tuple[str, Path]]:
    from ...objects.names import SUFFIX, id_of, is_cut

    place = folder / "objects" / namespace
    if not place.is_dir():
        known = ", ".join(_namespaces(folder))
        raise StartupError(f"there is no namespace {namespace!r} in {folder}", f"there are: {known}" if known else "")
    cut: dict[str, str] | None = None
    for path in sorted(place.glob(f"*{SUFFIX}")):
        id = id_of(path.name)
        if id is None and is_cut(path.name):
            if cut is None:
                cut = _cut_names(place / "index.db")
            id = cut.get(path.name)
        if id is not None:
            yield id, path


def _cut_names(index: Path) -> dict[str, str]:
    """The ids of files whose names were too long, from the namespace's index."""
    if not index.exists():
        return {}
    connection = _open(index)
    try:
        return {str(file): str(id) for file, id in connection.execute("select file, id from names")}
    finally:
        connection.close()


def _open(path: Path) -> apsw.Connection:
    import apsw

    from ...storage.engine import connect

    try:
        connection = connect(str(path), readonly=True)
    except apsw.Error as error:
        raise StartupError(f"cannot open {path}", str(error)) from error
    # A reader must not write to the file, not even when it is the last one to close it.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    return connection


def _shown(id: str) -> str:
    from ...observe.escape import escape

    return escape(id)
