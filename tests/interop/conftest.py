"""Servers that all tests of this folder use: each test sends to an address of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.interop.live import MailServer, serve_mail


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """Takes mail for every address, without a login or with any."""
    with serve_mail(tmp_path_factory.mktemp("mail")) as running:
        yield running


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    """Takes mail for alice@example.org only, after a login only."""
    arguments = ("--domain", "example.org", "--require-auth")
    with serve_mail(
        tmp_path_factory.mktemp("guarded"), *arguments, users=("alice",), password="wonder land"
    ) as running:
        yield running


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    """An address that no other test uses."""
    name = f"{request.path.stem}-{request.node.name}".lower().replace("test_", "")
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:64] + "@example.org"
