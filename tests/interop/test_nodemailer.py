"""nodemailer, the client that most programs in Node use. It is installed into a folder outside the checkout."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.interop.live import MailServer, body_of, need, node_modules, run
from tests.interop.messages import EIGHT_BIT, LARGE, PLAIN

SCRIPT = Path(__file__).with_name("nodemailer_client.js")
VERSION = "7"


@pytest.fixture(scope="module")
def modules() -> str:
    """The folder that nodemailer lies in; it stays between runs."""
    return node_modules("nodemailer", VERSION)


def _send(modules: str, transport: dict[str, Any], *messages: dict[str, Any]) -> list[dict[str, Any]]:
    task = {"modules": modules, "transport": {"host": "127.0.0.1", **transport}, "messages": messages}
    found: list[dict[str, Any]] = json.loads(
        run(need("node", "Debian: nodejs"), str(SCRIPT), input=json.dumps(task).encode())
    )
    return found


def _raw(address: str, content: bytes, **envelope: Any) -> dict[str, Any]:
    return {
        "envelope": {"from": "a@example.org", "to": [address], **envelope},
        "raw": base64.b64encode(content).decode(),
    }


def _trust(server: MailServer) -> dict[str, Any]:
    return {"ca": Path(server.ca).read_text(), "servername": "localhost"}


@pytest.mark.parametrize("way", ["plain", "starttls", "tls"])
def test_messages_come_back_byte_for_byte(server: MailServer, modules: str, address: str, way: str) -> None:
    ways: dict[str, dict[str, Any]] = {
        "plain": {"port": server.smtp, "ignoreTLS": True},
        "starttls": {"port": server.smtp, "requireTLS": True, "tls": _trust(server)},
        "tls": {"port": server.smtps, "secure": True, "tls": _trust(server)},
    }
    (answer,) = _send(modules, ways[way], _raw(address, PLAIN))
    assert answer["accepted"] == [address]
    assert answer["response"].startswith("250 2.0.0 Ok: queued as ")
    stored = server.shown(address)
    assert (b"with ESMTPS" in stored) == (way != "plain")
    assert server.only(address) == PLAIN


def test_several_messages_of_one_pool(server: MailServer, modules: str, address: str) -> None:
    transport = {"port": server.smtp, "ignoreTLS": True, "pool": True}
    answers = _send(modules, transport, *(_raw(address, content) for content in (PLAIN, EIGHT_BIT, LARGE)))
    assert [answer["accepted"] for answer in answers] == [[address]] * 3
    assert [body_of(stored) for stored in server.fetched(address)] == [PLAIN, EIGHT_BIT, LARGE]


@pytest.mark.parametrize("method", ["PLAIN", "LOGIN"])
def test_auth(guarded: MailServer, modules: str, method: str) -> None:
    login = {"user": "alice", "pass": "wonder land"}
    transport = {
        "port": guarded.smtp, "requireTLS": True, "tls": _trust(guarded), "auth": login, "authMethod": method,
    }  # fmt: skip
    content = f"Subject: nodemailer {method}\r\n\r\nlogin\r\n".encode()
    (answer,) = _send(modules, transport, _raw("alice@example.org", content))
    assert answer["accepted"] == ["alice@example.org"]
    assert content in [body_of(stored) for stored in guarded.fetched("alice")]
    (answer,) = _send(modules, {**transport, "auth": {**login, "pass": "queen"}}, _raw("alice@example.org", content))
    assert (answer["error"], answer["code"]) == ("EAUTH", 535)


def test_delivery_status_notifications(server: MailServer, modules: str, address: str) -> None:
    dsn = {"id": "envelope+1", "return": "headers", "notify": ["failure", "delay"], "recipient": "a@example.org"}
    message = {**_raw(address, PLAIN), "dsn": dsn}
    (answer,) = _send(modules, {"port": server.smtp, "ignoreTLS": True}, message)
    assert answer["accepted"] == [address]
    assert server.only(address) == PLAIN
    (listed,) = server.listed(address)
    details = json.loads(listed["details"])
    assert (details["ret"], details["envid"]) == ("HDRS", "envelope+1")
    assert details["dsn"] == [{"recipient": address, "notify": ["FAILURE", "DELAY"], "orcpt": "rfc822;a@example.org"}]


def test_a_message_that_nodemailer_builds(server: MailServer, modules: str, address: str) -> None:
    message = {
        "from": "René <rene@example.org>", "to": address, "subject": "Grüße 🙂", "text": "Übung\n.\nEnde\n",
        "html": "<p>Übung</p>", "attachments": [{"filename": "ä.bin", "content": "AAECAw==", "encoding": "base64"}],
    }  # fmt: skip
    (answer,) = _send(modules, {"port": server.smtp, "ignoreTLS": True}, message)
    assert answer["accepted"] == [address]
    stored = server.only(address)
    assert b"multipart/" in stored
    assert b"AAECAw==" in stored


def test_smtputf8(server: MailServer, modules: str) -> None:
    message = _raw("pelé@example.org", PLAIN)
    (answer,) = _send(modules, {"port": server.smtp, "ignoreTLS": True}, message)
    assert answer["accepted"] == ["pelé@example.org"]
    assert server.only("pelé@example.org") == PLAIN
