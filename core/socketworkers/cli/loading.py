"""Finds an app: by its name among the installed ones, as ``module:attr``, or in a file.

A target that is a file may hold an ``App``, a module-level ``async def connect(socket, env, ctx)`` or a subclass of
``WorkerEntrypoint``. Everything that goes wrong is a :class:`StartupError`; the traceback of the user's own code is
kept as its cause and shown with ``--debug``.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ..errors import StartupError
from ..mistakes import unknown_app

if TYPE_CHECKING:
    from ..worker import App

__all__ = ["APPS", "OWN_APPS", "installed_apps", "installed_names", "load_app"]

#: The entry-point group that an app's package registers itself in.
APPS = "socketworkers.apps"
#: The apps that come with this distribution, whether or not their extras are installed.
OWN_APPS = ("smtp",)


def installed_apps() -> dict[str, EntryPoint]:
    """The installed apps by name."""
    return {point.name: point for point in sorted(entry_points(group=APPS), key=lambda point: point.name)}


def installed_names() -> list[str]:
    """The names of the installed apps."""
    return list(installed_apps())


def load_app(target: str) -> App:
    """The app that the target names.

    Args:
        target: ``smtp``, ``package.module:attr`` or ``path/to/file.py``.

    Raises:
        StartupError: there is none, or it cannot be imported.
    """
    if target.endswith(".py") or os.sep in target:
        return _from_module(_import_file(Path(target)), target)
    module, colon, attribute = target.partition(":")
    if colon:
        return _from_attribute(_import_module(module, target), attribute or "app", target)
    point = installed_apps().get(target)
    if point is None:
        if Path(f"{target}.py").is_file():
            raise StartupError(
                f"there is no app {target!r}",
                f"there is a file {target}.py",
                f"did you mean {target}.py?",
                exit_status=2,
            )
        raise unknown_app(target, installed_names(), extras=OWN_APPS)
    try:
        found = point.load()
    except ModuleNotFoundError as error:
        missing = error.name or "?"
        if missing.partition(".")[0] == point.module.partition(".")[0]:
            raise unknown_app(target, installed_names(), extras=OWN_APPS, missing=missing) from error
        if target in OWN_APPS:
            raise unknown_app(target, installed_names(), extras=OWN_APPS, missing=missing) from error
        raise _import_failed(target, error) from error
    except Exception as error:
        raise _import_failed(target, error) from error
    return _as_app(found, target)


def _import_file(path: Path) -> ModuleType:
    if path.is_dir():
        raise StartupError(
            f"{path} is a folder", "an app is a file", f"name the file: {path / 'app.py'}", exit_status=2
        )
    if not path.is_file():
        raise StartupError(f"there is no file {path}", "", "the path is relative to the current folder", exit_status=2)
    import importlib.util

    name = "".join(character if character.isalnum() else "_" for character in path.stem)
    # The name must not hide a module that something else imports (a file called queue.py).
    if name in sys.modules or name in sys.stdlib_module_names:
        name = f"_app_{name}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StartupError(f"{path} is no Python file", exit_status=2)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # Modules beside the file can be imported by it, as with `python path.py`.
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise _import_failed(str(path), error) from error
    return module


def _import_module(name: str, target: str) -> ModuleType:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise StartupError(
                f"there is no module {error.name!r}",
                f"{target} is looked for in the current folder and among the installed packages",
                exit_status=2,
            ) from error
        raise _import_failed(target, error) from error
    except Exception as error:
        raise _import_failed(target, error) from error


def _import_failed(target: str, error: Exception) -> StartupError:
    where = ""
    if isinstance(error, SyntaxError):
        where = f" ({_short(error.filename)}:{error.lineno})"
        text = error.msg
    else:
        text = str(error)
        trace = error.__traceback__
        while trace is not None:
            where = f" ({_short(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno})"
            trace = trace.tb_next
    return StartupError(
        f"{target} cannot be imported", f"{type(error).__name__}: {text}{where}", "the whole traceback: --debug"
    )


def _short(path: str | None) -> str:
    """A path as seen from the current folder, when it lies below it."""
    try:
        return str(Path(path or "?").relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _from_attribute(module: ModuleType, attribute: str, target: str) -> App:
    found: object = module
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise StartupError(
                f"there is no {attribute!r} in {module.__name__}", "", "an app is `app = App(...)`", exit_status=2
            ) from None
    return _as_app(found, target)


def _from_module(module: ModuleType, target: str) -> App:
    from ..worker import App

    try:
        return App.from_module(module)
    except (LookupError, TypeError, ValueError) as error:
        raise StartupError(
            f"{target} holds no app",
            str(error),
            "it needs `app = App(...)` or `async def connect(socket, env, ctx)`",
            exit_status=2,
        ) from None


def _as_app(found: object, target: str) -> App:
    from ..worker import App

    if isinstance(found, App):
        return found
    if isinstance(found, ModuleType):
        return _from_module(found, target)
    # A handler or a WorkerEntrypoint: a module that holds just this one is what App.from_module understands.
    module = ModuleType(str(getattr(found, "__module__", target)))
    setattr(module, "entrypoint" if isinstance(found, type) else "connect", found)
    return _from_module(module, target)
