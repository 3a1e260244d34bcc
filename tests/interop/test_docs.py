"""What the documentation says is true: sessions are run, code is executed, tables and options are those of the code."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from tests.interop.live import MailServer, bin_path, need, run
from tests.support.docs import GENERATED, ROOT, blocks, expected

from socketworkers.cli.verbs.tunnel import command as tunnel
from socketworkers.settings import settings_of
from socketworkers.testing import AppClient, ThreadedServer, run_transcript, serve_ephemeral
from socketworkers_mqtt import app as broker
from socketworkers_mqtt.client import Client
from socketworkers_mqtt.codec import Reason
from socketworkers_mqtt.commands import mqtt
from socketworkers_mqtt.config import MqttConfig
from socketworkers_smtp import app
from socketworkers_smtp.commands import mail
from socketworkers_smtp.config import SmtpConfig

PAGES = sorted(
    path
    for pattern in ("*.md", "apps/*/README.md", "docs/**/*.md")
    for path in ROOT.glob(pattern)
    if "node_modules" not in path.parts
)
README = ROOT / "README.md"
APP = ROOT / "apps" / "smtp" / "README.md"
BROKER = ROOT / "apps" / "mqtt" / "README.md"


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_generated_parts_are_current(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    wanted = expected(text)
    if os.environ.get("SOCKETWORKERS_WRITE_DOCS") == "1":
        page.write_text(wanted, encoding="utf-8")
    else:
        assert text == wanted, f"SOCKETWORKERS_WRITE_DOCS=1 pytest {Path(__file__).name} writes {_name(page)} anew"


def test_all_that_can_be_generated_is_somewhere() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    for name in GENERATED:
        assert sum(f"<!-- generated: {name} -->" in text for text in texts) == 1


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


def _masked(text: str) -> list[str]:
    """The lines of a dialogue without what differs from run to run."""
    lines = []
    for line in text.splitlines():
        line = re.sub(r"queued as \w+", "queued as ID", line)
        line = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", line)
        line = re.sub(r"^( -> (?:EHLO|MAIL FROM:|Date:|From:|Subject:|Message-Id:|X-Mailer:)).*", r"\1", line)
        lines.append(line.rstrip())
    return lines


def test_the_session_with_swaks_in_the_readme(server: MailServer, tmp_path: Path) -> None:
    block = next(block for block in blocks(README, "console") if block.startswith("$ swaks"))
    command, _, dialogue = block.partition("\n")
    arguments = shlex.split(command.removeprefix("$ "))
    assert arguments[0] == "swaks"
    arguments[0] = need("swaks", "Debian: swaks")
    arguments = [argument.replace("127.0.0.1:2525", f"127.0.0.1:{server.smtp}") for argument in arguments]
    output = run(*arguments).decode()
    # the test's server has a certificate, the one of the README has none
    said = [line for line in _masked(output) if line != "<-  250-STARTTLS"]
    assert said == _masked(dialogue)


@pytest.mark.parametrize("transport", ["memory", "tcp", "tls"])
async def test_the_session_of_the_mail_servers_page(transport: str) -> None:
    (transcript,) = blocks(APP, "transcript")
    await run_transcript(transcript, app, transport)  # type: ignore[arg-type]


def test_code_of_the_examples_is_what_is_shown() -> None:
    echo = (ROOT / "examples" / "echo.py").read_text()
    tutorial = blocks(ROOT / "docs" / "tutorial" / "README.md", "python")
    assert blocks(README, "python") == [echo]
    assert tutorial[0] == echo
    redis = (ROOT / "examples" / "redis_lite.py").read_text()
    for shown in tutorial[1:-1]:
        assert shown in redis


def _pytest(folder: Path, code: str) -> bytes:
    path = folder / "test_shown.py"
    path.write_text(code)
    options = ("-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", "--rootdir", str(folder))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return run(sys.executable, "-m", "pytest", *options, str(path), cwd=folder, env=environment)


def test_the_test_of_the_tutorial(tmp_path: Path) -> None:
    assert b"1 passed" in _pytest(tmp_path, blocks(ROOT / "docs" / "tutorial" / "README.md", "python")[-1])


def test_the_tests_of_the_guide_to_pytest(tmp_path: Path) -> None:
    assert b"3 passed" in _pytest(tmp_path, blocks(ROOT / "docs" / "how-to" / "pytest.md", "python")[0])


async def test_the_app_of_the_guide_to_websocket() -> None:
    namespace: dict[str, Any] = {}
    exec(blocks(ROOT / "docs" / "how-to" / "websocket.md", "python")[0], namespace)
    async with AppClient(namespace["app"], transport="websocket") as client:
        await client.send(b"hello")
        await client.expect(b"HELLO")


def test_the_tests_of_the_guide_to_mqtt_in_pytest(tmp_path: Path) -> None:
    assert b"4 passed" in _pytest(tmp_path, blocks(ROOT / "docs" / "how-to" / "mqtt-pytest.md", "python")[0])


def test_the_session_of_the_brokers_page(tmp_path: Path) -> None:
    lines = blocks(BROKER, "console")[0].splitlines()
    folder = str(tmp_path / "data")
    said: list[str] = []
    with ThreadedServer(broker, data=folder) as server:
        for line in lines:
            if not line.startswith("$ "):
                continue
            words = shlex.split(line[2:])
            if words[0] == "socketworkers" and words[2] not in ("pub", "sub"):
                words += ["--data", folder]
            else:
                words += ["-p", str(server.port)]
            program = bin_path(words[0]) if words[0] == "socketworkers" else need(words[0], "Debian: mosquitto-clients")
            said += [line, *run(program, *words[1:]).decode().splitlines()]
    assert said == lines


async def test_the_client_of_the_reference() -> None:
    (code,) = blocks(ROOT / "docs" / "reference" / "mqtt.md", "python")
    names: dict[str, Any] = {}
    async with serve_ephemeral(broker) as server:
        exec(code.replace("asyncio.run(main())", "").replace("mqtt://127.0.0.1:1883", server.listeners[0].url), names)
        lamp = asyncio.create_task(names["main"]())
        async with Client(server.listeners[0].url) as client:
            await client.subscribe("lamp/state", qos=1)
            while await client.publish("lamp/set", "on", 1) is Reason.NO_MATCHING_SUBSCRIBERS:
                pass
            assert (await anext(client)).payload == b"on"
        lamp.cancel()
        await asyncio.gather(lamp, return_exceptions=True)


def _commands() -> list[tuple[str, list[str]]]:
    found = []
    for page in PAGES:
        for block in (*blocks(page, "sh"), *blocks(page, "console"), *blocks(page, "ini")):
            for line in block.splitlines():
                match = re.search(
                    r"(run-app (?:smtp|mqtt)|socketworkers (?:mail|mqtt|tunnel|ready|check|config|list|new)) ?(.*)",
                    line,
                )
                if match is not None:
                    found.append((_name(page), shlex.split(match[0], comments=True)))
    return found


@pytest.mark.parametrize(("page", "words"), _commands(), ids=lambda value: str(value) if isinstance(value, str) else "")
def test_options_that_are_shown_exist(page: str, words: list[str]) -> None:
    config = MqttConfig if "mqtt" in words[:2] else SmtpConfig
    known = {item.flag for item in settings_of(config)} | {"--config", "--help", "--help-all", "--sources"}
    if words[0] == "socketworkers" and words[1] in ("mail", "mqtt", "tunnel"):
        command: click.Command | None = {"mail": mail, "mqtt": mqtt, "tunnel": tunnel}[words[1]]
        rest = words[2:]
        while isinstance(command, click.Group) and rest:
            command = command.get_command(click.Context(command), rest.pop(0))
        assert command is not None
        known = {option for parameter in command.params for option in parameter.opts}
    elif words[1] == "ready":
        known = {"--metrics", "--port", "--ready-file", "--timeout"}
    assert {word for word in words if word.startswith("--")} <= known
