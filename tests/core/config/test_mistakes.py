"""Golden texts of the everyday mistakes."""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from socketworkers import mistakes
from socketworkers.certificates import Pair, make_authority, make_certificate, write_pair
from socketworkers.errors import StartupError


@pytest.fixture(autouse=True)
def _invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mistakes, "invocation", ["run-app", "smtp", "--port", "2525", "--domain", "my domain"])


@pytest.fixture(scope="module")
def authority() -> Pair:
    return make_authority()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_users_own_command() -> None:
    assert mistakes.command_with("--port", 26) == "run-app smtp --domain 'my domain' --port 26"
    assert mistakes.command_with("--insecure", "") == "run-app smtp --port 2525 --domain 'my domain' --insecure"
    mistakes.invocation = ["run-app", "smtp", "--port=1"]
    assert mistakes.command_with("--port", 2) == "run-app smtp --port 2"
    mistakes.invocation = None
    assert mistakes.command_with("--port", 2) == "--port 2"


def test_port_taken_names_the_owner_and_the_next_port(taken: int) -> None:
    lines = mistakes.port_taken("127.0.0.1", taken).lines()
    assert lines[0] == f"port {taken} on 127.0.0.1 is taken"
    assert lines[1].startswith(f"process {os.getpid()} (")
    assert lines[1].endswith(") listens there")
    free = re.fullmatch(r"the next free port: run-app smtp --domain 'my domain' --port (\d+)", lines[2])
    assert free is not None
    assert int(free[1]) > taken


def test_port_taken_by_another_process() -> None:
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        assert mistakes.owner_of_port(port).startswith(f"process {process.pid} (")  # type: ignore[union-attr]
        process.communicate("\n")


def test_the_owner_is_the_one_on_our_address(taken: int) -> None:
    code = f"import socket; listener = socket.create_server(('127.0.0.2', {taken})); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert (mistakes.owner_of_port(taken, "127.0.0.2") or "").startswith(f"process {process.pid} (")
        assert (mistakes.owner_of_port(taken, "127.0.0.1") or "").startswith(f"process {os.getpid()} (")
        process.communicate("\n")


def test_nobody_owns_a_free_port(taken: int) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert mistakes.owner_of_port(probe.getsockname()[1]) is None


def test_the_owner_of_another_user_is_named_by_user(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> list[str]:
        if path == "/proc":
            return ["1"]
        raise PermissionError

    monkeypatch.setattr(os, "listdir", refuse)
    assert re.fullmatch(r"a process of user \w+", mistakes.owner_of_port(taken) or "")


def test_port_below_1024() -> None:
    error = mistakes.bind_failed(PermissionError(errno.EACCES, "Permission denied"), "127.0.0.1", 25)
    python = os.path.realpath(sys.executable)
    assert error.lines() == [
        "port 25 on 127.0.0.1 is not for this user",
        "ports below 1024 need the right CAP_NET_BIND_SERVICE",
        f"try run-app smtp --domain 'my domain' --port 2525, or: sudo setcap cap_net_bind_service=+ep {python}",
    ]


def test_an_address_of_another_machine() -> None:
    error = mistakes.bind_failed(OSError(errno.EADDRNOTAVAIL, "no"), "192.0.2.1", 25)
    assert error.lines() == [
        "cannot listen on 192.0.2.1",
        "no network interface of this machine has that address",
        "for this machine only: run-app smtp --port 2525 --domain 'my domain' --host 127.0.0.1",
    ]


def test_any_other_error_of_bind() -> None:
    error = mistakes.bind_failed(OSError(errno.ENOBUFS, "No buffer space available"), "::1", 25)
    assert error.lines() == ["cannot listen on [::1]:25", "No buffer space available"]


def test_an_open_address() -> None:
    assert mistakes.address_is_open("0.0.0.0").lines() == [
        "0.0.0.0 can be reached from other machines, and anybody could use this server",
        "nothing in its settings keeps strangers out",
        "if that is meant: run-app smtp --port 2525 --domain 'my domain' --insecure",
    ]


def test_unknown_app() -> None:
    assert mistakes.unknown_app("smpt", ["smtp", "mqtt"]).lines() == [
        "there is no app 'smpt'",
        "installed: mqtt, smtp",
        "did you mean smtp?",
    ]
    assert mistakes.unknown_app("zzz", []).lines()[1] == "no app is installed"
    assert mistakes.unknown_app("smtp", [], extras=["smtp"]).lines() == [
        "the app smtp is not installed",
        "it comes as an extra",
        "pip install 'socketworkers[smtp]'",
    ]
    assert mistakes.unknown_app("smtp", ["smtp"], missing="dns").lines() == [
        "the app smtp is not fully installed",
        "the module dns is missing",
        "pip install 'socketworkers[smtp]'",
    ]


def test_data_folder_in_use() -> None:
    assert mistakes.data_folder_in_use("./data", 4242).lines() == [
        "the data folder ./data is in use",
        "process 4242 holds its lock",
        "stop it (kill 4242), or use another folder: run-app smtp --port 2525 --domain 'my domain' --data DIR",
    ]


def test_data_folder_of_a_newer_version() -> None:
    assert mistakes.data_folder_is_newer("./data", 3, 1).lines() == [
        "the data folder ./data was written by a newer version",
        "its format is 3, this version knows formats up to 1",
        "pip install --upgrade socketworkers, or use another folder with --data DIR",
    ]


def test_data_folder_that_cannot_be_used() -> None:
    error = mistakes.data_folder_refused("/srv/x", PermissionError(errno.EACCES, "Permission denied"))
    assert error.lines()[:2] == ["cannot use the data folder /srv/x", "permission denied"]


def test_disk_full() -> None:
    error = mistakes.data_folder_refused("./data", OSError(errno.ENOSPC, "No space left on device"))
    assert error.lines() == [
        "the disk of ./data is full",
        "nothing could be written there",
        "free some space, or use another folder: run-app smtp --port 2525 --domain 'my domain' --data DIR",
    ]


def write(folder: Path, pair: Pair, name: str) -> tuple[str, str]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    write_pair(pair, certificate, key)
    return str(certificate), str(key)


def refused(certificate: str, key: str | None) -> list[str]:
    with pytest.raises(StartupError) as caught:
        mistakes.check_certificate(certificate, key)
    return caught.value.lines()


def test_a_good_certificate(tmp_path: Path, authority: Pair) -> None:
    certificate, key = write(tmp_path, make_certificate(authority, ["localhost"]), "good")
    mistakes.check_certificate(certificate, key)
    both = tmp_path / "both.pem"
    both.write_bytes(Path(certificate).read_bytes() + Path(key).read_bytes())
    mistakes.check_certificate(str(both), None)


def test_certificate_and_key_of_two_pairs(tmp_path: Path, authority: Pair) -> None:
    certificate, _ = write(tmp_path, make_certificate(authority, ["localhost"]), "one")
    _, key = write(tmp_path, make_certificate(authority, ["localhost"]), "two")
    assert refused(certificate, key) == [
        "the certificate and the key do not belong together",
        f"{key} is not the key of {certificate}",
        "give the key that the certificate was made with: --tls-key FILE",
    ]


def test_expired_certificate(tmp_path: Path, authority: Pair) -> None:
    certificate, key = write(tmp_path, make_certificate(authority, ["localhost"], days=-0.01), "old")
    lines = refused(certificate, key)
    assert lines[0] == f"the certificate {certificate} has expired"
    assert re.fullmatch(r"it was valid until \d{4}-\d\d-\d\d \d\d:\d\d UTC", lines[1])
    assert lines[2] == "renew it; for a throwaway certificate: --tls auto"


def test_missing_certificate(tmp_path: Path, authority: Pair) -> None:
    certificate, key = write(tmp_path, make_certificate(authority, ["localhost"]), "c")
    assert refused(f"{tmp_path}/none.pem", key) == [
        f"cannot read the certificate or key {tmp_path}/none.pem",
        "no such file or directory",
        "both are PEM files; for a throwaway certificate: --tls auto",
    ]
    assert refused(certificate, f"{tmp_path}/none.pem")[0] == f"cannot read the certificate or key {tmp_path}/none.pem"


def test_files_that_are_no_certificates(tmp_path: Path, authority: Pair) -> None:
    certificate, key = write(tmp_path, make_certificate(authority, ["localhost"]), "c")
    text = tmp_path / "text.pem"
    text.write_text("hello")
    assert refused(str(text), key)[1] == "it is not in PEM form"
    assert refused(key, key)[1] == "it holds no certificate"
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert refused(str(broken), key)[1] == "it is not a valid PEM file"
    encrypted = tmp_path / "encrypted.pem"
    encrypted.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
    assert refused(certificate, str(encrypted))[1] == "the key is encrypted"
