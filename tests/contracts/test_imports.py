"""Who may import what (DESIGN §1), read from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core" / "socketworkers"
APPS = sorted(path for path in (ROOT / "apps").glob("*/socketworkers_*") if path.is_dir())

#: from low to high: a module imports from its own row and from rows above, while the program runs
LAYERS = (
    ("errors",),
    ("gate", "faults", "promise", "budget", "sasl", "settings"),
    ("info", "address", "events"),
    ("streams",),
    ("transports",),
    ("datagram", "dial", "lifetime", "socket", "connect", "pair", "quic", "websocket"),
    ("mistakes", "certificates", "certificate_files"),
    ("storage",),
    ("objects", "worker", "telemetry"),
    ("server",),
    ("serve", "commands"),
    ("tunnel", "connectors"),
    ("config", "process"),
    ("observe",),
    ("cli",),
)
RANK = {name: rank for rank, row in enumerate(LAYERS) for name in row}
#: exceptions that are told in the contract: these rooms import only what is named
ONLY = {
    "errors": set[str](),
    "faults": {"errors"},
    "gate": {"errors"},
    "settings": {"errors"},
    "sasl": {"errors"},
    "storage": {"errors", "gate", "faults", "mistakes"},
}
#: what of the core an app may import: the public names, and the modules that are public as a whole
PUBLIC = {
    "socketworkers",
    "socketworkers.commands",
    "socketworkers.connectors",
    "socketworkers.errors",
    "socketworkers.faults",
    "socketworkers.gate",
    "socketworkers.info",
    "socketworkers.objects",
    "socketworkers.sasl",
    "socketworkers.server",
    "socketworkers.settings",
    "socketworkers.storage",
    "socketworkers.streams",
    "socketworkers.telemetry",
    "socketworkers.testing",
    "socketworkers.tunnel",
    "socketworkers.websocket",
}
IO_MODULES = {"asyncio", "socket", "ssl", "selectors", "threading", "subprocess", "logging", "time", "random", "os"}


def imports(path: Path, package: str) -> Iterator[tuple[str, set[str], bool]]:
    """Modules that a file imports with the names taken from them, and whether only a type checker does."""
    tree = ast.parse(path.read_text())
    guarded: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            guarded.update(each for part in node.body for each in ast.walk(part))
    parts = package.split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, set(), node in guarded
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module, {alias.name for alias in node.names}, node in guarded


def files(folder: Path) -> list[tuple[Path, str]]:
    """Files with the package that relative imports in them start from."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        relative = path.relative_to(folder.parent).with_suffix("")
        found.append((path, ".".join(relative.parts[:-1])))
    return found


def room(module: str) -> str:
    """``socketworkers.streams.pipe`` → ``streams``."""
    return module.split(".")[1] if module.startswith("socketworkers.") else ""


def test_core_imports_point_down() -> None:
    wrong = []
    for path, package in files(CORE):
        here = path.relative_to(CORE).parts[0].removesuffix(".py")
        if here in ("__init__", "testing"):
            continue
        assert here in RANK, f"{here} has no place among the layers"
        for module, names, guarded in imports(path, package):
            targets = {room(module)} if module != "socketworkers" else names
            for target in targets & RANK.keys():
                allowed = target == here or RANK[target] <= RANK[here]
                if not guarded and not allowed and not _lazy(path, module, names):
                    wrong.append(f"{path.relative_to(ROOT)}: {module}")
    assert not wrong


def _lazy(path: Path, module: str, names: set[str]) -> bool:
    """Whether the import stands within a function: then it is a choice at run time, not a dependency of the layer."""
    tree = ast.parse(path.read_text())
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and {alias.name for alias in node.names} == names:
                    return True
    return False


@pytest.mark.parametrize("name", ONLY)
def test_low_rooms_import_only_what_is_told(name: str) -> None:
    wrong = []
    for path, package in files(CORE):
        if path.relative_to(CORE).parts[0].removesuffix(".py") != name:
            continue
        for module, names, guarded in imports(path, package):
            if module.startswith("socketworkers") and not guarded:
                targets = {room(module)} if module != "socketworkers" else names
                wrong += [f"{path.name}: {target}" for target in targets - {name} - ONLY[name]]
    assert not wrong


def test_core_never_imports_an_app() -> None:
    for path, package in files(CORE):
        for module, _, _ in imports(path, package):
            assert not module.startswith("socketworkers_"), f"{path}: {module}"


def test_core_never_uses_the_standard_librarys_streams_or_sqlite() -> None:
    for path, package in files(CORE):
        for module, _, _ in imports(path, package):
            assert module != "sqlite3", path
        assert "StreamReader" not in path.read_text().replace("``asyncio.StreamReader``", ""), path


@pytest.mark.parametrize("app", APPS, ids=lambda path: path.name)
def test_apps_use_public_names_and_no_other_app(app: Path) -> None:
    import importlib

    others = {other.name for other in APPS} - {app.name}
    for path, package in files(app):
        for module, names, _ in imports(path, package):
            assert module.split(".")[0] not in others, f"{path}: {module}"
            if module.split(".")[0] != "socketworkers":
                continue
            assert module in PUBLIC, f"{path}: {module} is not public"
            public = set(importlib.import_module(module).__all__)
            submodules = {name for name in names if f"{module}.{name}" in PUBLIC}
            assert names <= public | submodules, f"{path}: {names - public} of {module} is not public"


@pytest.mark.parametrize("app", APPS, ids=lambda path: path.name)
def test_codec_and_session_do_no_io(app: Path) -> None:
    pure = [
        (path, package)
        for path, package in files(app)
        if path.relative_to(app).parts[0] in {"codec", "session", "session.py", "codec.py"}
    ]
    assert pure
    for path, package in pure:
        for module, names, _ in imports(path, package):
            assert module.split(".")[0] not in IO_MODULES, f"{path}: {module}"
            if module.split(".")[0] == "socketworkers":
                allowed = {"socketworkers.errors"} | ({"socketworkers.sasl"} if "codec" not in path.parts else set())
                assert module in allowed, f"{path}: {module} {names}"


def test_every_module_says_what_it_is_for() -> None:
    for folder in (CORE, *APPS):
        for path, _ in files(folder):
            assert ast.get_docstring(ast.parse(path.read_text())), path
