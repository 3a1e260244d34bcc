"""What all tests share: both event loops, asyncio's debug mode, and a look at what a test left behind."""

from __future__ import annotations

import asyncio
import functools
import gc
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.support.leaks import Leaks


def _asyncio_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 5.0  # a busy machine is no failure
    return loop


def _uvloop_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


@functools.cache
def _warm_up() -> None:
    """libuv opens a pipe for signals once in a process, which is no leak of the first test."""
    loop = _uvloop_loop()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Function
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """asyncio's loop in debug mode; with the fixture ``any_loop``, and uvloop."""
    if "any_loop" in item.fixturenames:
        _warm_up()
        return {"asyncio": _asyncio_loop, "uvloop": _uvloop_loop}
    return {"asyncio": _asyncio_loop}


@pytest.fixture
def any_loop() -> None:
    """Runs the test on asyncio's loop and on uvloop."""


class LeakCheck:
    """Hooks of their own plugin, because those of a conftest do not see fixtures of the session."""

    def __init__(self) -> None:
        self._leaks = Leaks()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        self._leaks.begin()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Iterator[None]:
        if fixturedef.scope == "function":
            return (yield)
        with self._leaks.lasting():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        result = yield
        if left := self._leaks.end():
            pytest.fail("left behind: " + "; ".join(left), pytrace=False)
        return result


def pytest_collection_finish(session: pytest.Session) -> None:
    """Ten thousand tests and what they import are no garbage: they need not be looked at with each collection."""
    gc.collect()
    gc.freeze()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LeakCheck(), "leak-check")
