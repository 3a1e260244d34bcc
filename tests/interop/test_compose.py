"""``compose.yaml``: built and run by a real engine; a client sends and reads back across the compose network."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import smtplib
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.interop.live import absent, run

from socketworkers import ConnectError, connect
from socketworkers.tunnel import connect_tunnel

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(600)

Compose = Callable[..., bytes]


def _engine() -> tuple[str, ...]:
    """The command for compose files: Docker's plugin, or the older program of its own."""
    if shutil.which("docker") is None:
        absent("docker is not installed (Debian: docker.io)")
    if subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=30).returncode:
        absent("no container engine can be reached (Debian: docker.io; DOCKER_HOST says where it is)")
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False, timeout=30).returncode == 0:
        return ("docker", "compose")
    if shutil.which("docker-compose") is None:
        absent("docker compose is not installed (Debian: docker-compose)")
    return ("docker-compose",)


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    """Runs a compose command in a project of its own, which is gone afterwards; the image is built first."""
    project = f"socketworkers-test-{uuid.uuid4().hex[:8]}"
    # Port 0: any free one, so that nothing on this machine is in the way. BuildKit is not everywhere.
    ports = ("SMTP_PORT", "POP3_PORT", "MQTT_PORT", "PG_PORT", "TUNNEL_PORT")
    settings = {**os.environ, **dict.fromkeys(ports, "0")}
    settings |= {"MAIL_PASSWORD": "by heart", "MQTT_PASSWORD": "by heart", "PG_PASSWORD": "by heart"}
    base = (*_engine(), "--project-name", project, "--file", str(ROOT / "compose.yaml"))

    def call(*arguments: str, timeout: float = 300, status: int | None = 0) -> bytes:
        return run(*base, *arguments, env=settings, timeout=timeout, status=status)

    try:
        call("build", timeout=540)
        yield call
    finally:
        call("down", "--volumes", "--timeout", "5", status=None)


def _inspect(container: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(run("docker", "inspect", container))
    return found[0]


def _healthy(container: str) -> None:
    """Ask the health check until it says yes."""
    health = _inspect(container)["Config"]["Healthcheck"]["Test"][1:]
    while subprocess.run(["docker", "exec", container, *health], capture_output=True, check=False).returncode:
        assert _inspect(container)["State"]["Running"], run("docker", "logs", container, status=None).decode()


def test_a_client_sends_and_reads_back_across_the_network(compose: Compose) -> None:
    output = compose("up", "--no-color", "--exit-code-from", "client", "client").decode()
    for way in ("plain", "starttls", "implicit_tls"):
        assert f"{way}: " in output
    assert output.count("sent and read back unchanged") == 3


def test_the_server_in_its_container(compose: Compose) -> None:
    compose("up", "--detach", "mail")
    container = compose("ps", "--quiet", "mail").decode().strip()
    # The health check of the image, asked at once instead of at its next turn.
    run("docker", "exec", container, *_inspect(container)["Config"]["Healthcheck"]["Test"][1:])
    assert run("docker", "exec", container, "id", "-u").strip() == b"10001"

    published = compose("port", "mail", "2525").decode().strip()
    host, _, port = published.rpartition(":")
    assert host == "127.0.0.1"
    with smtplib.SMTP(host, int(port), timeout=30) as client:
        client.sendmail("a@example.org", "you@example.org", b"Subject: from outside\r\n\r\nin\r\n")
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("a@example.org", "x@elsewhere.example", b"Subject: relay\r\n\r\nno\r\n")

    # SIGTERM ends it in order, and what it took is there after the next start.
    compose("stop", "--timeout", "20", "mail")
    state = _inspect(container)["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    compose("up", "--detach", "mail")
    container = compose("ps", "--quiet", "mail").decode().strip()
    command = ("socketworkers", "mail", "list", "--data", "/data/smtp")
    assert b"a@example.org -> you@example.org" in run("docker", "exec", container, *command)


def test_without_a_reason_it_does_not_open_to_others(compose: Compose) -> None:
    output = run("docker", "run", "--rm", "socketworkers", "smtp", status=None).decode()
    assert "--insecure" in output
    assert "Traceback" not in output


def test_clients_publish_and_subscribe_across_the_network(compose: Compose) -> None:
    output = compose("up", "--no-color", "--exit-code-from", "subscriber", "subscriber", "publisher").decode()
    lines = [line.partition("| ")[2] for line in output.splitlines() if line.startswith("subscriber")]
    assert "room/lamp on" in lines
    assert "room/plan " + "x" * 300_000 in lines
    assert "room/end that is all" in lines


def test_the_broker_in_its_container(compose: Compose) -> None:
    compose("up", "--detach", "broker")
    container = compose("ps", "--quiet", "broker").decode().strip()
    run("docker", "exec", container, *_inspect(container)["Config"]["Healthcheck"]["Test"][1:])
    assert run("docker", "exec", container, "id", "-u").strip() == b"10001"

    published = compose("port", "broker", "1883").decode().strip()
    host, _, port = published.rpartition(":")
    assert host == "127.0.0.1"
    client = (sys.executable, "-m", "socketworkers.cli", "mqtt", "pub", "-h", host, "-p", port, "-q", "1")
    say = ("-t", "from/outside", "-r", "-m", "in")
    refused = run(*client, *say, status=None).decode()
    assert "NOT_AUTHORIZED (a user name and password are needed)" in refused
    run(*client, "-u", "home", "-P", "by heart", *say)

    # SIGKILL: what was acknowledged is there after the next start
    compose("kill", "broker")
    compose("up", "--detach", "broker")
    container = compose("ps", "--quiet", "broker").decode().strip()
    found = run(
        "docker", "exec", container, "socketworkers", "mqtt", "retained", "list", "from/#", "--data", "/data/mqtt"
    )
    assert b"from/outside" in found


def test_psql_and_psycopg_across_the_network(compose: Compose) -> None:
    output = compose("up", "--no-color", "--exit-code-from", "psql", "psql").decode()
    lines = [line.partition("| ")[2].strip() for line in output.splitlines() if line.startswith("psql")]
    for line in ("1 | lamp", "2 | chair", "INSERT 0 2", "2 | lamp", '"items_pkey" PRIMARY KEY, btree (id)'):
        assert line in lines, output
    output = compose("up", "--no-color", "--exit-code-from", "psycopg", "psycopg").decode()
    assert "psycopg: 1003 rows written and read back unchanged" in output


def test_the_database_in_its_container(compose: Compose) -> None:
    compose("up", "--detach", "database")
    container = compose("ps", "--quiet", "database").decode().strip()
    _healthy(container)
    assert run("docker", "exec", container, "id", "-u").strip() == b"10001"

    def address() -> str:
        host, _, port = compose("port", "database", "5432").decode().strip().rpartition(":")
        assert host == "127.0.0.1"
        return f"host={host} port={port} user=postgres dbname=shop sslmode=require"

    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(address())
    with psycopg.connect(address(), password="by heart", autocommit=True) as client:
        client.execute("CREATE TABLE kept (id int PRIMARY KEY)")
        with client.pipeline():
            for number in range(100):
                client.execute("INSERT INTO kept VALUES (%s)", (number,))
        # open when the server is killed: none of it was acknowledged
        client.execute("BEGIN")
        client.execute("INSERT INTO kept VALUES (1000)")

        # SIGKILL: what was acknowledged is there after the next start
        compose("kill", "database")
        with contextlib.suppress(psycopg.OperationalError):
            client.execute("COMMIT")
    assert _inspect(container)["State"]["ExitCode"] == 137
    compose("up", "--detach", "database")
    container = compose("ps", "--quiet", "database").decode().strip()
    _healthy(container)
    with psycopg.connect(address(), password="by heart") as client:
        assert client.execute("SELECT id FROM kept ORDER BY id").fetchall() == [(number,) for number in range(100)]


async def test_the_broker_through_the_tunnel(compose: Compose) -> None:
    compose("up", "--detach", "tunnel")
    container = compose("ps", "--quiet", "tunnel").decode().strip()
    _healthy(container)
    gateway = compose("port", "tunnel", "8080").decode().strip()
    with pytest.raises(ConnectError, match="400 Bad Request"):
        await connect(f"ws://{gateway}/v1?address=mail:2525")
    entrance = await connect_tunnel(f"ws://{gateway}/v1?address=broker:1883")
    try:
        port = str(entrance.listeners[0].port)
        client = (sys.executable, "-m", "socketworkers.cli", "mqtt", "pub", "-h", "127.0.0.1", "-p", port, "-q", "1")
        say = ("-t", "through/the/tunnel", "-m", "in", "-u", "home", "-P", "by heart")
        await asyncio.to_thread(run, *client, *say)
    finally:
        await entrance.stop()
    assert b"tunnel to broker:1883" in run("docker", "logs", container)
