"""How a connection begins (PostgreSQL 15 documentation §55.2.1, §55.2.10), over a socket."""

from __future__ import annotations

import ssl

import pytest
from tests.support.pgserver.wire import Wire

from socketworkers.testing import ThreadedServer
from socketworkers_pgwire import app
from socketworkers_pgwire.codec import (
    GSSENC_REQUEST,
    PROTOCOL_3_2,
    SSL_REQUEST,
    AuthenticationOk,
    BackendKeyData,
    DataRow,
    Message,
    NegotiateProtocolVersion,
    ParameterStatus,
    ReadyForQuery,
    encode_query,
    encode_startup,
)

START = encode_startup({b"user": b"postgres", b"database": b"shop"})


def values(messages: list[Message]) -> list[tuple[bytes | None, ...]]:
    """Rows among messages."""
    return [tuple(each.values) for each in messages if isinstance(each, DataRow)]


def test_the_client_is_told_what_it_has_to_know(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        came = wire.send(START).ready()
    assert isinstance(came[0], AuthenticationOk)
    told = {each.name: each.value for each in came if isinstance(each, ParameterStatus)}
    assert told[b"server_version"].startswith(b"15.")
    assert told[b"client_encoding"] == told[b"server_encoding"] == b"UTF8"
    assert told[b"integer_datetimes"] == told[b"standard_conforming_strings"] == b"on"
    assert told[b"session_authorization"] == b"postgres"
    assert told[b"is_superuser"] == b"on"
    assert sum(isinstance(each, BackendKeyData) for each in came) == 1
    assert came[-1] == ReadyForQuery(b"I")


def test_ssl_request_is_answered_with_tls(address: tuple[str, int], server: ThreadedServer) -> None:
    with Wire(address) as wire:
        wire.secure(server.tls_context()).log_in(database="shop")
        assert values(wire.query("SELECT 1")) == [(b"1",)]
        wire.socket = wire.socket.unwrap() if isinstance(wire.socket, ssl.SSLSocket) else wire.socket


def test_gssenc_request_is_answered_with_no_and_ssl_request_may_follow(
    address: tuple[str, int], server: ThreadedServer
) -> None:
    with Wire(address) as wire:
        assert wire.send(GSSENC_REQUEST).byte() == b"N"
        wire.secure(server.tls_context()).log_in()
        assert values(wire.query("SELECT 2")) == [(b"2",)]


def test_direct_tls_needs_the_protocols_name(address: tuple[str, int], server: ThreadedServer) -> None:
    """PostgreSQL 17 documentation §54.2.11: ALPN ``postgresql`` is a must there."""
    context = server.tls_context()
    context.set_alpn_protocols(["postgresql"])
    with Wire(address) as wire:
        wire.secure(context, direct=True).log_in()
        assert values(wire.query("SELECT 3")) == [(b"3",)]
        assert isinstance(wire.socket, ssl.SSLSocket)
        assert wire.socket.selected_alpn_protocol() == "postgresql"
    with Wire(address) as wire:
        wire.secure(server.tls_context(), direct=True).send(START)
        came = wire.rest()
        assert not any(isinstance(each, AuthenticationOk) for each in came)


@pytest.mark.attack("C3")
def test_another_protocols_name_is_refused(address: tuple[str, int], server: ThreadedServer) -> None:
    context = server.tls_context()
    context.set_alpn_protocols(["h2"])
    with Wire(address) as wire, pytest.raises(ssl.SSLError, match=r"(?i)alert|eof"):
        wire.secure(context)


@pytest.mark.attack("C1")
def test_nothing_is_taken_in_plain_text_behind_ssl_request(address: tuple[str, int], server: ThreadedServer) -> None:
    """CVE-2021-23214."""
    with Wire(address) as wire:
        wire.send(SSL_REQUEST, START, encode_query(b"CREATE TABLE injected ()"))
        came = wire.byte()
        assert came in (b"", b"E")  # an error or the end, never the S that TLS would follow
    with Wire(address) as wire:
        assert values(wire.log_in().query("SELECT count(*) FROM pg_class WHERE relname = 'injected'")) == [(b"0",)]


def test_protocol_3_2_has_longer_keys(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in(version=PROTOCOL_3_2)
        assert wire.key is not None
        assert len(wire.key.key) == 32
    with Wire(address) as wire:
        wire.log_in()
        assert wire.key is not None
        assert len(wire.key.key) == 4


def test_newer_versions_and_options_are_negotiated_down(address: tuple[str, int]) -> None:
    options = {b"user": b"postgres", b"_pq_.colour": b"red"}
    with Wire(address) as wire:
        came = wire.send(encode_startup(options, 0x30063)).ready()
    (answer,) = [each for each in came if isinstance(each, NegotiateProtocolVersion)]
    assert (answer.version & 0xFFFF, tuple(answer.options)) == (2, (b"_pq_.colour",))


@pytest.mark.parametrize(
    ("user", "database", "sqlstate", "words"),
    [
        ("nobody", "postgres", "28000", 'role "nobody" does not exist'),
        ("postgres", "nowhere", "3D000", 'database "nowhere" does not exist'),
        ("postgres", "template0", "55000", 'database "template0" is not currently accepting connections'),
    ],
)
def test_unknown_names(address: tuple[str, int], user: str, database: str, sqlstate: str, words: str) -> None:
    with Wire(address) as wire:
        wire.send(encode_startup({b"user": user.encode(), b"database": database.encode()}))
        report = wire.error()
    assert (report.severity, report.sqlstate, report.message) == ("FATAL", sqlstate, words)


def test_the_database_is_called_as_the_user_unless_told_otherwise(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.send(encode_startup({b"user": b"postgres"})).ready()
        assert values(wire.query("SELECT current_catalog")) == [(b"postgres",)]


def test_one_too_many() -> None:
    with ThreadedServer(app, max_connections=2) as server:
        address = server.host, server.port
        with Wire(address) as one, Wire(address) as two:
            one.log_in()
            two.log_in()
            with Wire(address) as three:
                report = three.error()
            assert (report.severity, report.sqlstate) == ("FATAL", "53300")
            assert report.message == "sorry, too many clients already"


def test_settings_of_the_startup_message_hold(address: tuple[str, int]) -> None:
    with Wire(address) as wire:
        wire.log_in(application_name="kit", options="-c statement_timeout=5s -c search_path=a,b")
        assert values(wire.query("SHOW application_name")) == [(b"kit",)]
        assert values(wire.query("SHOW statement_timeout")) == [(b"5s",)]
        assert values(wire.query("SHOW search_path")) == [(b"a,b",)]
    with Wire(address) as wire:
        wire.send(encode_startup({b"user": b"postgres", b"nonsense": b"1"}))
        assert wire.error().sqlstate == "42704"
