"""Brokers that all tests of this folder use: each test has topics of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.interop.mqtt.live import BrokerServer, serve_broker


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerServer]:
    """Everybody may do everything."""
    with serve_broker(tmp_path_factory.mktemp("broker"), "--sys-interval", "1") as running:
        yield running


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerServer]:
    """With the users alice and bob (password ``wonder land``); alice may use ``home/#`` only."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "acl").write_text("user alice\ntopic readwrite home/#\nuser bob\ntopic readwrite #\n")
    with serve_broker(folder, "--acl-file", str(folder / "acl"), users=("alice", "bob")) as running:
        yield running


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A topic that no other test uses."""
    name = f"{request.path.stem}-{request.node.name}".lower().replace("test_", "")
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")
