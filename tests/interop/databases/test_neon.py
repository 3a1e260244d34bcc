"""@neondatabase/serverless, the driver that Neon's dialect comes from: through our gateway to a PostgreSQL server."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.interop.live import need, node_modules, run
from tests.support.databases import PASSWORD, Database

from socketworkers.testing import ThreadedServer
from socketworkers.tunnel import gateway

SCRIPT = Path(__file__).with_name("neon_client.js")
VERSION = "1"


@pytest.fixture(scope="module")
def modules() -> dict[str, str]:
    """Where the driver and a WebSocket for Node lie."""
    return {"neon": node_modules("@neondatabase/serverless", VERSION), "ws": node_modules("ws", "8")}


async def neon(
    modules: dict[str, str], url: str, database: Database, user: str, *, ca: str = "", **task: Any
) -> dict[str, Any]:
    """What the driver found; ``ca`` is an authority that it is to trust."""
    login = {"host": database.host, "port": database.port, "user": user, "database": user, "password": PASSWORD}
    task = {**modules, "proxy": url.partition("://")[2], "login": login, "config": {}, "size": 300_000, **task}
    node = need("node", "Debian: nodejs")
    environment = {**os.environ, **({"NODE_EXTRA_CA_CERTS": ca} if ca else {})}
    said = await asyncio.to_thread(run, node, str(SCRIPT), input=json.dumps(task).encode(), env=environment)
    found: dict[str, Any] = json.loads(said)
    return found


WORKED = {"sum": 42, "large": True, "rows": 10000, "code": "22012", "pool": list(range(20))}


@pytest.mark.parametrize(
    ("user", "config"),
    [
        # startup, password and first query in one go, before anything was read
        ("app", {"pipelineConnect": "password"}),
        ("app", {"pipelineConnect": False}),
        ("scram", {"pipelineConnect": False}),
        ("app", {"pipelineConnect": "password", "coalesceWrites": False}),
    ],
    ids=["pipelined password", "password", "SCRAM", "a frame for each message"],
)
async def test_the_driver(postgres: Database, modules: dict[str, str], user: str, config: dict[str, object]) -> None:
    with ThreadedServer(gateway(), listen_on="ws://127.0.0.1:0/v1", allow=("127.0.0.1:*",)) as server:
        url = server.listener("ws").url
        assert await neon(modules, url, postgres, user, config=config) == WORKED


async def test_the_drivers_own_path(postgres: Database, modules: dict[str, str]) -> None:
    """By default it asks for ``/v2``; a gateway without a path takes any."""
    with ThreadedServer(gateway(), listen_on="ws://127.0.0.1:0", allow=("127.0.0.1:*",)) as server:
        url = server.listener("ws").url.rstrip("/") + "/v2"
        assert await neon(modules, url, postgres, "app", config={"pipelineConnect": "password"}) == WORKED


async def test_an_address_that_is_not_allowed(postgres: Database, modules: dict[str, str]) -> None:
    with ThreadedServer(gateway(), listen_on="ws://127.0.0.1:0/v1", allow=("127.0.0.1:1",)) as server:
        found = await neon(modules, server.listener("ws").url, postgres, "app")
    assert "400" in found["error"]
