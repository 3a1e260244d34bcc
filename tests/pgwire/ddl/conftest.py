"""A database in memory, and a real PostgreSQL where there is one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.pgwire.ddl.world import World
from tests.pgwire.types.conftest import postgres

__all__ = ["postgres"]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()
