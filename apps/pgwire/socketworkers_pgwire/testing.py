"""A database for tests: what the pytest fixture ``postgres_db`` gives. Works from plain and from async tests.

::

    def test_shop(postgres_db):
        with psycopg.connect(postgres_db.dsn) as connection:
            connection.execute("CREATE TABLE items (id serial PRIMARY KEY, name text)")

Each test has an empty database of its own, which is a copied file. Tables that all tests need are loaded once:
``postgres_db.template(load)`` makes the test's database a copy of what ``load`` has made of an empty one.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from socketworkers import Env
from socketworkers.testing import AppFixture

from . import app
from .server import Server

__all__ = ["TestDatabase"]

#: statements that are kept for `queries`
MOST = 100_000
#: drivers, and how their URLs begin
_SCHEMES = {
    "psycopg": "postgresql",
    "asyncpg": "postgresql",
    "sqlalchemy": "postgresql+psycopg",
    "sqlalchemy+psycopg": "postgresql+psycopg",
    "sqlalchemy+asyncpg": "postgresql+asyncpg",
}


class TestDatabase(AppFixture):
    """A server in a thread that takes all clients of this machine, keeps everything in memory, and has a fresh
    database for each test.

    Args:
        settings: of the app; ``tls="auto"``, ``auth=(...)``, ``set=("timezone=Europe/Berlin",)``.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(app, **settings)
        self._pg: Server
        self._queries: deque[str] = deque(maxlen=MOST)
        self._number = 0
        self._folder: Path | None = None
        self._templates: dict[object, Path] = {}
        self._saved: Path | None = None
        self.name = ""
        """Of the test's database."""

    def start(self) -> TestDatabase:
        """Return once it accepts."""
        self._folder = Path(tempfile.mkdtemp(prefix="socketworkers-pgwire-"))
        try:
            super().start()
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self.reset()
        return self

    def stop(self) -> None:
        """End it."""
        super().stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._templates.clear()

    def _started(self, env: Env) -> None:
        self._pg = env.pgwire
        self._pg.sleep = lambda seconds: asyncio.sleep(0)  # a wrong password need not wait here
        self._pg.hear = self._queries.append

    # -- databases ---------------------------------------------------------------------------------------------

    def reset(self, image: Path | None = None) -> None:
        """A fresh database; the one before, and all sessions that use it, are gone.

        Args:
            image: the file that it begins as; empty without.
        """
        self.server.run(self._renew(image))
        self._saved = None
        self._queries.clear()

    async def _renew(self, image: Path | None) -> None:
        before = self.name
        self._number += 1
        self.name = f"test_{self._number}"
        if image is not None:
            self._pg.images[self.name] = image
        self._pg.create_database(self.name)
        if before:
            await self._drop(before)

    async def _drop(self, name: str) -> None:
        self._pg.images.pop(name, None)
        database = self._pg.databases.get(name)
        if database is not None and database.sessions:
            for link in list(self._pg.links.values()):
                if link.sql is not None and link.sql.database is database:
                    link.terminate()
        await self._pg.drop_database(name)

    def template(self, load: Callable[[str], object]) -> None:
        """Make the test's database a copy of what `load` makes of an empty one; it is called once in a run.

        Args:
            load: gets the URL of a database, and leaves in it what tests begin with.
        """
        image = self._templates.get(load)
        if image is None:
            self.reset()
            load(self.dsn)
            image = self._templates[load] = self._save()
        self.reset(image)

    def _save(self) -> Path:
        assert self._folder is not None
        target = self._folder / f"image-{self._number}.sqlite"
        target.unlink(missing_ok=True)

        async def save() -> None:
            if self.name not in self._pg.databases:  # nobody has been there
                image = self._pg.images.get(self.name)
                if image is None:
                    from .catalog.shipped import shipped

                    image = shipped().template
                shutil.copyfile(image, target)
            else:
                await asyncio.to_thread(self._pg.databases[self.name].save, target)

        self.server.run(save())
        return target

    def snapshot(self) -> None:
        """Note what is in the database now, for `restore`."""
        self._saved = self._save()

    def restore(self) -> None:
        """Go back to the snapshot, as often as needed. Sessions that use the database end: drivers connect again.

        Raises:
            LookupError: there is no snapshot.
        """
        image = self._saved
        if image is None:
            raise LookupError("there is no snapshot: call snapshot() before")

        async def renew() -> None:
            await self._drop(self.name)
            self._pg.images[self.name] = image
            self._pg.create_database(self.name)

        self.server.run(renew())

    # -- clients -----------------------------------------------------------------------------------------------

    @property
    def dsn(self) -> str:
        """URL of the test's database, as libpq and most drivers read it."""
        return self.url()

    def url(self, driver: str = "psycopg") -> str:  # type: ignore[override]  # there are several
        """URL of the test's database.

        Args:
            driver: ``psycopg``, ``asyncpg``, ``sqlalchemy``, ``sqlalchemy+asyncpg``.

        Raises:
            ValueError: another one.
        """
        if driver not in _SCHEMES:
            raise ValueError(f"driver is one of {', '.join(_SCHEMES)}")
        return f"{_SCHEMES[driver]}://postgres@{self.host}:{self.port}/{self.name}"

    @property
    def queries(self) -> list[str]:
        """Texts that clients sent, oldest first, as they sent them: of a prepared statement when it was prepared."""
        return list(self._queries)
