"""How each suite is run. A runner gives how many tests passed, failed and were skipped."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.interop.live import need
from tests.pgwire.differential.record.clients import Place

from .sources import python_source

__all__ = ["SUITES", "Score", "Suite"]

_COUNTS = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)")
_TOURS = (
    "psycopg_tour",
    "asyncpg_tour",
    "sqlalchemy_tour psycopg",
    "sqlalchemy_tour asyncpg",
    "alembic_tour",
    "django_tour",
)


@dataclass(frozen=True, slots=True)
class Score:
    """What came of a suite."""

    passed: int
    failed: int
    skipped: int = 0

    @property
    def share(self) -> float:
        """Of 100 that were not skipped."""
        total = self.passed + self.failed
        return 100.0 * self.passed / total if total else 0.0


def _pytest(place: Place, folder: Path, packages: Sequence[str], arguments: Sequence[str], log: Path) -> Score:
    """Run pytest in an environment of its own."""
    needed = [word for package in ("pytest", "pytest-timeout", *packages) for word in ("--with", package)]
    release = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = ["uv", "run", "-q", "--no-project", "--isolated", "--python", release, *needed, "python", "-m", "pytest"]
    options = ["-q", "--tb=short", "--timeout=30", "-rfE", *arguments]  # a hang is a failure of one test
    environment = place.environment("test")
    environment.pop("PYTHONPATH")
    environment.pop("VIRTUAL_ENV", None)
    with log.open("wb") as out:
        subprocess.run(
            [*command, *options], cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT, check=False
        )
    last = [line for line in log.read_text(errors="replace").splitlines() if _COUNTS.search(line)][-1:]
    if not last:
        raise RuntimeError(f"the suite did not run: {log.read_text(errors='replace')[-2000:]}")
    counts = {kind.rstrip("s"): int(number) for number, kind in _COUNTS.findall(last[0])}
    passed = counts.get("passed", 0) + counts.get("xpassed", 0)
    return Score(passed, counts.get("failed", 0) + counts.get("error", 0), counts.get("skipped", 0))


def _database(place: Place, *more: str) -> None:
    place.psql("postgres", "DROP DATABASE IF EXISTS test; \nCREATE DATABASE test;\n")
    place.psql("test", ";\n".join(more) + ";\n")


def sqlalchemy(place: Place, source: Path | None, work: Path, arguments: Sequence[str]) -> Score:
    """The dialect compliance suite, without the extensions that it makes for tests that are not in it."""
    tree = work / "sqlalchemy"
    shutil.copytree(source or python_source("sqlalchemy"), tree)
    provision = tree / "lib" / "sqlalchemy" / "dialects" / "postgresql" / "provision.py"
    text = provision.read_text()
    for extension in ("citext", "hstore"):
        text = text.replace(f'("{extension}", (13,)),', "")
    provision.write_text(text)
    _database(place, "CREATE SCHEMA test_schema", "CREATE SCHEMA test_schema_2")
    release = version("sqlalchemy")
    uri = f"postgresql+psycopg://postgres@{place.host}:{place.port}/test"
    packages = (f"sqlalchemy[asyncio]=={release}", f"psycopg[binary]=={version('psycopg')}", "pytest-xdist")
    given = ["test/dialect/test_suite.py", "--dburi", uri, "--maxfail=100000", "-p", "no:warnings", *arguments]
    return _pytest(place, tree, packages, given, work / "log")


def psycopg(place: Place, source: Path | None, work: Path, arguments: Sequence[str]) -> Score:
    """psycopg's own tests, but for the slow ones; they come with its repository only."""
    if source is None:
        raise RuntimeError("the tests of psycopg are not in its packages: --source psycopg=FOLDER of its repository")
    _database(place)
    folder = work / "psycopg"
    shutil.copytree(source / "tests", folder / "tests")
    for name in ("pyproject.toml", "pytest.ini"):
        if (source / name).exists():
            shutil.copyfile(source / name, folder / name)
    packages = (f"psycopg[binary,pool,test]=={version('psycopg')}", "pytest-randomly", "dnspython")
    dsn = f"host={place.host} port={place.port} user=postgres dbname=test"
    given = ["-p", "no:randomly", "--test-dsn", dsn, "-m", "not slow and not mypy and not timing", *arguments]
    return _pytest(place, folder, packages, given, work / "log")


def asyncpg(place: Place, source: Path | None, work: Path, arguments: Sequence[str]) -> Score:
    """asyncpg's own tests."""
    tree = source or python_source("asyncpg")
    _database(place)
    folder = work / "asyncpg"
    shutil.copytree(tree / "tests", folder / "tests")
    packages = (f"asyncpg=={version('asyncpg')}", "uvloop", "distro")
    left_out = ["--ignore=tests/test__sourcecode.py", "--ignore=tests/test__environment.py"]
    return _pytest(place, folder, packages, ["tests", *left_out, *arguments], work / "log")


def node_postgres(place: Place, source: Path | None, work: Path, arguments: Sequence[str]) -> Score:
    """node-postgres's tests with a server: each file is a program."""
    if source is None:
        raise RuntimeError("the tests of node-postgres are not in its package: --source node-postgres=FOLDER")
    node, npm = need("node", "Debian: nodejs"), need("npm", "Debian: npm")
    _database(place)
    setup = (source / "packages" / "pg" / "script" / "create-test-tables.js").exists()
    options = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(work)]
    packages = ["pg@8", "bluebird@3", "co@4", "async@2", "lodash@4"]
    subprocess.run([npm, "install", *options, *packages], check=True, capture_output=True, timeout=300)
    package = work / "node_modules" / "pg"
    shutil.copytree(source / "packages" / "pg" / "test", package / "test")
    environment = place.environment("test")
    if setup:
        shutil.copytree(source / "packages" / "pg" / "script", package / "script")
        subprocess.run([node, "script/create-test-tables.js"], cwd=package, env=environment, check=False, timeout=60)
    passed = failed = 0
    with (work / "log").open("w") as log:
        for path in sorted((package / "test" / "integration").rglob("*-tests.js")):
            if arguments and not any(word in str(path) for word in arguments):
                continue
            try:
                done = subprocess.run(
                    [node, str(path)],
                    cwd=package,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                good, said = done.returncode == 0, done.stdout + done.stderr
            except subprocess.TimeoutExpired:
                good, said = False, "no end within a minute"
            passed, failed = passed + good, failed + (not good)
            if not good:
                log.write(f"FAILED {path.relative_to(package)}\n{said}\n")
    return Score(passed, failed)


def tours(place: Place, source: Path | None, work: Path, arguments: Sequence[str]) -> Score:
    """Our own tours of clients, Django's among them."""
    passed = failed = 0
    with (work / "log").open("w") as log:
        for tour in arguments or _TOURS:
            _database(place)
            try:
                name, *words = tour.split()
                place.run(sys.executable, "-m", f"tests.pgwire.clients.{name}", *words, database="test")
                passed += 1
            except RuntimeError as error:
                failed += 1
                log.write(f"FAILED {tour}\n{error}\n")
    return Score(passed, failed)


Suite = Callable[[Place, Path | None, Path, Sequence[str]], Score]
SUITES: dict[str, Suite] = {
    "tours": tours,
    "sqlalchemy": sqlalchemy,
    "asyncpg": asyncpg,
    "psycopg": psycopg,
    "node-postgres": node_postgres,
}
