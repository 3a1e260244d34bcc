"""Fixtures for pytest, found by itself through the entry point ``socketworkers``.

=====================  ===============================================================================================
``socket_app``         starts any app in a thread: ``server = socket_app(app, **settings)``; stopped after the test
``smtp_server``        a mail server that takes everything, empty at the start of each test
``smtp_settings``      override it (session scope) to change the settings of ``smtp_server``
``mqtt_broker``        an MQTT broker that takes every client, empty at the start of each test
``mqtt_settings``      override it (session scope) to change the settings of ``mqtt_broker``
``postgres_db``        a PostgreSQL database, empty at the start of each test
``postgres_settings``  override it (session scope) to change the settings of ``postgres_db``
=====================  ===============================================================================================

Nothing is imported before a fixture is used, and nothing is printed. Servers listen on a free port of 127.0.0.1, keep
their data in memory, and are not shared between the processes of pytest-xdist.

The servers behind ``smtp_server``, ``mqtt_broker`` and ``postgres_db`` are ``TestServer``, ``TestBroker`` and
``TestDatabase`` in the modules ``testing`` of the apps' packages; an app is found by its entry point, as ``run-app``
finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from socketworkers.testing import ThreadedServer
    from socketworkers.worker import App

__all__ = [
    "mqtt_broker",
    "mqtt_settings",
    "postgres_db",
    "postgres_settings",
    "smtp_server",
    "smtp_settings",
    "socket_app",
]


def _testing_module(app: str) -> Any:
    """The module ``testing`` of an app's package."""
    from importlib import import_module
    from importlib.metadata import entry_points

    for entry in entry_points(group="socketworkers.apps", name=app):
        return import_module(f"{entry.module.partition('.')[0]}.testing")
    raise LookupError(f"the app {app!r} is not installed: pip install 'socketworkers[{app}]'")


@pytest.fixture
def socket_app() -> Iterator[Callable[..., ThreadedServer]]:
    """``socket_app(app, **settings)`` runs an app in a thread until the end of the test."""
    from socketworkers.testing import ThreadedServer

    running: list[ThreadedServer] = []

    def start(app: App, **settings: Any) -> ThreadedServer:
        server = ThreadedServer(app, **settings)
        server.start()
        running.append(server)
        return server

    yield start
    for server in reversed(running):
        server.stop()


@pytest.fixture(scope="session")
def smtp_settings() -> dict[str, Any]:
    """Settings of ``smtp_server``; override this fixture to change them."""
    return {}


@pytest.fixture(scope="session")
def _smtp_running(smtp_settings: dict[str, Any]) -> Iterator[Any]:
    server = _testing_module("smtp").TestServer(**smtp_settings)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def smtp_server(_smtp_running: Any) -> Iterator[Any]:
    """A mail server that is empty at the start of the test; see ``socketworkers_smtp.testing.TestServer``."""
    _smtp_running.reset()
    yield _smtp_running
    _smtp_running.reset()


@pytest.fixture(scope="session")
def mqtt_settings() -> dict[str, Any]:
    """Settings of ``mqtt_broker``; override this fixture to change them."""
    return {}


@pytest.fixture(scope="session")
def _mqtt_running(mqtt_settings: dict[str, Any]) -> Iterator[Any]:
    broker = _testing_module("mqtt").TestBroker(**mqtt_settings)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def mqtt_broker(_mqtt_running: Any) -> Iterator[Any]:
    """A broker that is empty at the start of the test; see ``socketworkers_mqtt.testing.TestBroker``."""
    _mqtt_running.reset()
    yield _mqtt_running
    _mqtt_running.reset()


@pytest.fixture(scope="session")
def postgres_settings() -> dict[str, Any]:
    """Settings of ``postgres_db``; override this fixture to change them."""
    return {}


@pytest.fixture(scope="session")
def _postgres_running(postgres_settings: dict[str, Any]) -> Iterator[Any]:
    database = _testing_module("pgwire").TestDatabase(**postgres_settings)
    database.start()
    yield database
    database.stop()


@pytest.fixture
def postgres_db(_postgres_running: Any) -> Iterator[Any]:
    """A database that is empty at the start of the test; see ``socketworkers_pgwire.testing.TestDatabase``."""
    yield _postgres_running
    _postgres_running.reset()
