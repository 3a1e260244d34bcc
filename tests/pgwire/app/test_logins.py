"""Who is let in how, by rules as pg_hba.conf has them (PostgreSQL 15 documentation chapter 21), with a driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.support.pgserver.wire import Wire

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire import app
from socketworkers_pgwire.codec import encode_startup

RULES = (
    "hostnossl all tls_only all reject",
    "host all banned all reject",
    "hostssl all plain all password",
    "host all plain all password",
    "host own ann all scram-sha-256",
    "host all ann all scram-sha-256",
    "host all tls_only all scram-sha-256",
    "host all postgres all trust",
)


@pytest.fixture(scope="module")
def guarded() -> Iterator[ThreadedServer]:
    with ThreadedServer(app, tls="auto", auth=RULES) as server:
        server.server.env.pgwire.sleep = _at_once
        with psycopg.connect(where(server), autocommit=True) as admin:
            for name in ("ann", "plain", "tls_only", "banned"):
                admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
            admin.execute("CREATE ROLE nologin PASSWORD 'secret'")
        yield server


async def _at_once(seconds: float) -> None:
    pass


def where(server: ThreadedServer, **more: Any) -> str:
    """What a driver is told."""
    parts = {"host": server.host, "port": server.port, "dbname": "postgres", "user": "postgres", **more}
    return " ".join(f"{name}={value}" for name, value in parts.items())


def whoami(server: ThreadedServer, **more: Any) -> str:
    """The name under which one is let in."""
    with psycopg.connect(where(server, **more)) as connection:
        row = connection.execute("SELECT current_user").fetchone()
        assert row is not None
        name: str = row[0]
        return name


def refused(server: ThreadedServer, **more: Any) -> str:
    """What a refused client is told."""
    with pytest.raises(psycopg.OperationalError) as error:
        psycopg.connect(where(server, **more)).close()
    return str(error.value)


def test_scram(guarded: ThreadedServer) -> None:
    assert whoami(guarded, user="ann", password="secret", sslmode="disable") == "ann"
    assert 'password authentication failed for user "ann"' in refused(guarded, user="ann", password="wrong")


def test_scram_bound_to_the_channel(guarded: ThreadedServer) -> None:
    assert whoami(guarded, user="ann", password="secret", sslmode="require", channel_binding="require") == "ann"


@pytest.mark.attack("C2")
def test_a_client_that_wants_the_channel_bound_is_not_talked_out_of_it(guarded: ThreadedServer) -> None:
    assert "channel binding" in refused(
        guarded, user="ann", password="secret", sslmode="disable", channel_binding="require"
    )


def test_passwords_in_clear_text_only_within_tls(guarded: ThreadedServer) -> None:
    assert whoami(guarded, user="plain", password="secret", sslmode="require") == "plain"
    assert "authentication failed" in refused(guarded, user="plain", password="wrong", sslmode="require")
    words = refused(guarded, user="plain", password="secret", sslmode="disable")
    assert "FATAL" in words


def test_rules_that_reject(guarded: ThreadedServer) -> None:
    assert "pg_hba.conf rejects connection" in refused(guarded, user="banned", password="secret")
    assert "no encryption" in refused(guarded, user="tls_only", password="secret", sslmode="disable")
    assert whoami(guarded, user="tls_only", password="secret", sslmode="require") == "tls_only"


def test_without_a_rule_nobody_is_let_in(guarded: ThreadedServer) -> None:
    with Wire((guarded.host, guarded.port)) as wire:
        wire.send(encode_startup({b"user": b"nologin", b"database": b"postgres"}))
        report = wire.error()
    assert (report.severity, report.sqlstate) == ("FATAL", "28000")
    assert "no pg_hba.conf entry" in report.message


@pytest.mark.attack("P5")
def test_a_user_who_does_not_exist_is_asked_like_one_who_does(guarded: ThreadedServer) -> None:
    server = ThreadedServer(app, auth=("host all all all scram-sha-256",))
    with server:
        server.server.env.pgwire.sleep = _at_once
        words = refused(server, user="ghost", password="secret")
    assert 'password authentication failed for user "ghost"' in words


def test_a_password_that_changes_counts_at_once(guarded: ThreadedServer) -> None:
    with psycopg.connect(where(guarded), autocommit=True) as admin:
        admin.execute("CREATE ROLE mover LOGIN PASSWORD 'one'")
        with ThreadedServer(app) as other:
            assert whoami(other) == "postgres"  # databases of another server are its own
        admin.execute("ALTER ROLE ann PASSWORD 'two'")
        assert whoami(guarded, user="ann", password="two") == "ann"
        assert "authentication failed" in refused(guarded, user="ann", password="secret")
        admin.execute("ALTER ROLE ann PASSWORD 'secret'")


@pytest.mark.parametrize("name", ["ann", "postgres", "nobody"])
def test_client_certificates(tmp_path: Path, name: str) -> None:
    import trustme

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    own = authority.issue_cert("localhost", "127.0.0.1")
    own.private_key_pem.write_to_path(str(tmp_path / "server.key"))
    for each in own.cert_chain_pems:
        each.write_to_path(str(tmp_path / "server.pem"), append=True)
    client = authority.issue_cert("someone@example.com", common_name=name)
    client.private_key_pem.write_to_path(str(tmp_path / "client.key"))
    (tmp_path / "client.key").chmod(0o600)
    client.cert_chain_pems[0].write_to_path(str(tmp_path / "client.pem"))
    settings: dict[str, Any] = {
        "tls_cert": str(tmp_path / "server.pem"),
        "tls_key": str(tmp_path / "server.key"),
        "tls_client_ca": str(tmp_path / "ca.pem"),
    }
    with ThreadedServer(app, auth=("hostssl all all all cert",), **settings) as server:
        ours = {"sslcert": tmp_path / "client.pem", "sslkey": tmp_path / "client.key", "sslmode": "require"}
        if name == "postgres":
            assert whoami(server, **ours) == "postgres"
        else:
            assert "certificate authentication failed" in refused(server, **ours)
        assert "FATAL" in refused(server, sslmode="disable")
