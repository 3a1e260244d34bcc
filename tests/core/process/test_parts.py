"""The parts of a run on their own: loop choice, provision, start lines, drain progress, systemd."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from socketworkers.errors import StartupError
from socketworkers.process.banner import start_lines, uptime
from socketworkers.process.drain import progress_line
from socketworkers.process.loop import loop_factory
from socketworkers.process.parent import ParentWatch
from socketworkers.process.provision import parse_address, provision
from socketworkers.process.systemd import notify, watchdog_seconds
from socketworkers.server import BoundListener
from socketworkers.settings import Settings, setting
from socketworkers.worker import App


@dataclass
class Config(Settings):
    domain: tuple[str, ...] = setting((), help="domains")


def mail_app() -> App:
    app = App("smtp", port=2525, config=Config, title="Mail server", objects={"MAILBOX": object})
    app.try_command = lambda settings, listeners: f"swaks --server 127.0.0.1:{listeners[0].port} --to you@example.org"
    app.exposure_check = lambda settings: "mail is taken for its domains only" if settings.domain else None
    return app


MAIN = BoundListener("main", "smtp", "127.0.0.1", 2525, None, "starttls", "Mail server")
TLS = BoundListener("tls", "smtps", "127.0.0.1", 4650, None, "implicit", "Mail server, TLS")


def test_start_lines() -> None:
    settings = Config(tls="auto", tls_port=4650)
    lines = start_lines(mail_app(), settings, (MAIN, TLS), metrics="http://127.0.0.1:9090/metrics", ca="ca.pem")
    assert lines == [
        "  Mail server         smtp://127.0.0.1:2525    plain, STARTTLS (throwaway certificate)",
        "  Mail server, TLS    smtps://127.0.0.1:4650   TLS (throwaway certificate)",
        "  Data                ./.socketworkers/smtp   (kept between runs)",
        "  Clients trust       ca.pem",
        "  Metrics             http://127.0.0.1:9090/metrics",
        "  Try it              swaks --server 127.0.0.1:2525 --to you@example.org",
        "  Only this machine can connect. To open it: --host 0.0.0.0 --insecure",
    ]


def test_start_lines_of_an_open_server() -> None:
    listener = BoundListener("main", "smtp", "0.0.0.0", 25, None, "starttls", "Mail server")
    settings = Config(host="0.0.0.0", data=":memory:", domain=("example.org",))
    assert start_lines(mail_app(), settings, (listener,))[1:] == [
        "  Data                in memory, gone at exit",
        "  Try it              swaks --server 127.0.0.1:25 --to you@example.org",
        "  Other machines can connect: mail is taken for its domains only",
    ]


@dataclass
class MailConfig(Config):
    require_tls: bool = setting(False, help="nothing without TLS")


def test_start_lines_warn_of_doors_that_ask_for_no_certificate() -> None:
    plain = BoundListener("ws", "ws", "0.0.0.0", 8080)
    unix = BoundListener("unix", "smtp", "", 0, "/run/mail.sock")

    def warnings(*listeners: BoundListener, **settings: object) -> list[str]:
        config = MailConfig(**{"tls": "auto", "tls_client_ca": "clients.pem", **settings})  # type: ignore[arg-type]
        return [line for line in start_lines(mail_app(), config, listeners) if "without TLS" in line]

    words = "  WARNING: without TLS nobody shows a certificate (--tls-client-ca): "
    assert warnings(MAIN, TLS) == [words + "smtp://127.0.0.1:2525"]
    assert warnings(MAIN, TLS, plain) == [words + "smtp://127.0.0.1:2525, ws://0.0.0.0:8080"]
    assert warnings(MAIN, TLS, plain, require_tls=True) == [words + "ws://0.0.0.0:8080"]
    assert warnings(MAIN, TLS, unix, require_tls=True) == []
    assert warnings(MAIN, TLS, plain, tls_client_ca=None) == []


def test_who_may_listen_for_other_machines() -> None:
    provision(mail_app(), Config(host="0.0.0.0", domain=("example.org",), data=":memory:"))
    provision(mail_app(), Config(host="0.0.0.0", insecure=True, data=":memory:"))
    with pytest.raises(StartupError, match=r"0\.0\.0\.0 can be reached from other machines"):
        provision(mail_app(), Config(host="0.0.0.0", data=":memory:"))


def test_the_apps_own_check_comes_first() -> None:
    app = mail_app()

    def check(settings: Settings) -> None:
        raise StartupError("no", "because")

    app.check = check
    with pytest.raises(StartupError, match="no"):
        provision(app, Config())


def test_two_certificates_exclude_each_other() -> None:
    with pytest.raises(StartupError, match="--tls auto and --tls-cert exclude each other"):
        provision(mail_app(), Config(tls="auto", tls_cert=("c.pem",)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_without_the_right_to_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StartupError, match="cannot use the data folder"):
        provision(mail_app(), Config(data=str(tmp_path / "a" / "b")))


def test_addresses() -> None:
    assert parse_address("0.0.0.0:9090") == ("0.0.0.0", 9090)
    assert parse_address("[::1]:9090") == ("::1", 9090)
    assert parse_address(":9090") == ("127.0.0.1", 9090)
    assert parse_address("9090") == ("127.0.0.1", 9090)
    with pytest.raises(StartupError):
        parse_address("host:99999")


def test_progress() -> None:
    assert progress_line(3, 120, 7.2) == "3 of 120 connections left, 7 s"
    assert progress_line(1, 1, -0.1) == "1 of 1 connection left, 0 s"


def test_uptime_is_that_of_the_process() -> None:
    assert 0 < uptime() < 24 * 3600


@pytest.fixture(scope="module")
def _uvloop() -> None:
    """libuv keeps a pipe for signals from its first loop on: not a leak of the test that makes that loop."""
    loop_factory("uvloop")().close()


@pytest.mark.usefixtures("_uvloop")
def test_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("asyncio", "uvloop", ""):
        loop = loop_factory(name)()
        try:
            assert type(loop).__module__.startswith(name or "uvloop")
        finally:
            loop.close()
    monkeypatch.setitem(__import__("sys").modules, "uvloop", None)
    assert loop_factory("") is asyncio.new_event_loop
    with pytest.raises(StartupError, match="uvloop is not installed"):
        loop_factory("uvloop")


async def test_the_parent_is_asked_for_where_there_is_no_pidfd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    monkeypatch.setattr(ParentWatch, "POLL_SECONDS", 0.01)
    gone = asyncio.Event()
    watch = ParentWatch(asyncio.get_running_loop(), gone.set, stdin=-1)
    monkeypatch.setattr(os, "getppid", lambda: 1)
    async with asyncio.timeout(5):
        await gone.wait()
    watch.stop()


def test_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not notify("READY=1")
    assert watchdog_seconds() is None
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    assert watchdog_seconds() == 1.5
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_seconds() is None
