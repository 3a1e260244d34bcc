"""Merges the layers of one app's settings and remembers where each value came from.

A layer is a mapping from setting to (raw value, where it stands). Raw values are text (command line, environment) or
TOML values. The first wrong value, unknown key or unknown variable ends the start with a :class:`StartupError`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from ..errors import StartupError
from ..mistakes import nearest, unknown_key, wrong_value
from ..settings import Setting, Settings, Source, parse_value, settings_of
from .toml import TomlFile, read

__all__ = ["FILE_NAME", "environment_prefix", "load"]

FILE_NAME = "socketworkers.toml"

S = TypeVar("S", bound=Settings)
Raw = tuple[Any, str]
Kind = Literal["command line", "environment", "file"]


def environment_prefix(app: str) -> str:
    """What the names of an app's environment variables begin with: ``SOCKETWORKERS_SMTP_``."""
    return f"SOCKETWORKERS_{app.upper().replace('-', '_').replace('.', '_')}_"


def load(
    cls: type[S],
    app: str,
    *,
    command_line: Mapping[str, str | Sequence[str]] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
    defaults: Mapping[str, Any] | None = None,
    other_apps: Sequence[str] = (),
) -> S:
    """Make an app's settings from all layers.

    Args:
        cls: the app's configuration class.
        app: the app's name: names its table and its variables.
        command_line: texts by setting; a sequence for a setting that may be given several times.
        environ: the environment (``os.environ`` by default).
        file: the file that was asked for; ``socketworkers.toml`` in the current folder, if there is one, by default.
        defaults: the app's own defaults (its development port).
        other_apps: the names of other apps, whose tables and variables are theirs.

    Raises:
        StartupError: an unknown key, a wrong value, or a file that cannot be read.
    """
    environ = os.environ if environ is None else environ
    items = {item.name: item for item in settings_of(cls)}
    values: dict[str, Any] = {name: value for name, value in (defaults or {}).items() if name in items}
    sources: dict[str, Source] = {}
    given = environ.get(environment_prefix(app) + "CONFIG")
    if file is None and given:
        file = Path(given)
    layers: tuple[tuple[Kind, Mapping[str, Raw]], ...] = (
        ("file", _file_layer(items, app, file, other_apps)),
        ("environment", _environment_layer(items, app, environ, other_apps)),
        ("command line", {name: (raw, items[name].flag) for name, raw in (command_line or {}).items()}),
    )
    for kind, layer in layers:
        for name, (raw, where) in layer.items():
            values[name] = _convert(items[name], raw, where)
            sources[name] = Source(kind, where)
    try:
        settings = cls(**values)
    except ValueError as error:
        # A class checks in __post_init__ what concerns several settings at once.
        raise StartupError(f"the settings of {app} do not fit together", str(error), exit_status=2) from None
    settings.__dict__["_sources"] = sources
    return settings


def _file_layer(items: Mapping[str, Setting], app: str, path: Path | None, others: Sequence[str]) -> dict[str, Raw]:
    if path is None:
        path = Path(FILE_NAME)
        if not path.exists():
            return {}
    elif path.is_dir():
        path = path / FILE_NAME
    file = read(path)
    _check_tables(file, app, others)
    table = file.values.get(app, {})
    layer: dict[str, Raw] = {}
    for key, value in table.items():
        name = key.replace("-", "_")
        where = file.where(app, key)
        if name not in items:
            raise unknown_key(key, items, where=where, app=app)
        if name in layer:
            raise StartupError(f"{where}: {key!r} is given twice", f"first in {layer[name][1]}", exit_status=2)
        layer[name] = (value, where)
    return layer


def _check_tables(file: TomlFile, app: str, others: Sequence[str]) -> None:
    for name, value in file.values.items():
        if not isinstance(value, dict):
            where = file.where("", name) if ("", name) in file.lines else file.where(name)
            raise StartupError(
                f"{where}: the key {name!r} stands outside of a table",
                "each app has its own table",
                f"write [{app}] above it",
                exit_status=2,
            )
        # Tables of other apps are theirs, also of apps that are files; only what looks like a slip is refused.
        if name != app and name not in others and (meant := nearest(name, [app, *others])):
            raise StartupError(f"{file.where(name)}: unknown table [{name}]", f"did you mean [{meant}]?", exit_status=2)


def _environment_layer(
    items: Mapping[str, Setting], app: str, environ: Mapping[str, str], others: Sequence[str]
) -> dict[str, Raw]:
    prefix = environment_prefix(app)
    # SOCKETWORKERS_SMTP_RELAY_HOST belongs to an app smtp-relay, if there is one, and not to smtp.
    longer = tuple(other for other in map(environment_prefix, others) if other.startswith(prefix) and other != prefix)
    layer: dict[str, Raw] = {}
    for variable, text in environ.items():
        if not variable.startswith(prefix) or variable.startswith(longer):
            continue
        name = variable.removeprefix(prefix).lower()
        if name == "config":
            continue
        if name not in items:
            known = [prefix + other.upper() for other in items]
            raise unknown_key(variable, known, where="environment", app=app)
        layer[name] = (text, variable)
    return layer


def _convert(item: Setting, raw: Any, where: str) -> Any:
    if item.multiple:
        if isinstance(raw, str):
            # One variable or key can hold several values, separated by commas.
            raw = [part.strip() for part in raw.split(",") if part.strip()]
        if not isinstance(raw, (list, tuple)):
            raw = [raw]
        return tuple(_convert_one(item, part, where) for part in raw)
    if isinstance(raw, (list, tuple)) and where == item.flag:
        raw = raw[-1]
    return _convert_one(item, raw, where)


def _convert_one(item: Setting, raw: Any, where: str) -> Any:
    shown = "********" if item.secret else raw
    if isinstance(raw, dict) and item.kind == "table" and item.parse is not None:
        try:
            return item.parse(raw)
        except ValueError as error:
            raise StartupError(f"{where}: {error}", exit_status=2) from None
    try:
        if isinstance(raw, str):
            return parse_value(item, raw)
        return _from_toml(item, raw)
    except ValueError as error:
        raise wrong_value(item.name, shown, str(error), where=where) from None


def _from_toml(item: Setting, raw: Any) -> Any:
    if isinstance(raw, bool):
        if item.kind == "bool":
            return raw
        raise ValueError(_expected(item))
    if isinstance(raw, (int, float)):
        # Through text, so that ranges are checked in one place.
        if item.kind in ("str", "choice", "network", "bool"):
            raise ValueError(_expected(item))
        if isinstance(raw, float) and item.kind in ("int", "size"):
            raise ValueError(_expected(item))
        return parse_value(item, str(raw))
    raise ValueError(_expected(item))


def _expected(item: Setting) -> str:
    words = {
        "bool": "true or false",
        "int": "a whole number",
        "float": "a number",
        "size": "a size such as 512KiB, 10MB or 4096",
        "duration": "a duration such as 30s, 1h30m or 7d",
        "choice": "one of " + ", ".join(word for word in item.choices if word),
        "table": f"a table in the file, {item.flag}",
    }
    return words.get(item.kind, "text in quotes")
