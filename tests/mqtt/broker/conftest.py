"""The broker without sockets, and what a client of it gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.support.mqttbroker.world import World

MakeWorld = Callable[..., World]


@pytest.fixture
def make_world() -> Iterator[MakeWorld]:
    """``make_world(access, **limits)``; closed after the test."""
    made: list[World] = []

    def make(*arguments: object, **limits: object) -> World:
        world = World(*arguments, **limits)  # type: ignore[arg-type]
        made.append(world)
        return world

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A broker at which everybody may do everything."""
    return make_world()
