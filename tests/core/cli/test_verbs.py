"""The verbs of ``socketworkers``, run as a user runs them."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from tests.core.cli.support import ECHO, environment, program, run_command

from socketworkers.sasl import Credentials

KEYS = """\
from dataclasses import dataclass
from socketworkers import App
from socketworkers.settings import Settings, setting

@dataclass
class KeysConfig(Settings):
    secret: str | None = setting(None, help="a secret", secret=True)
    max_size: int = setting(10_000_000, help="a size", kind="size")
    names: tuple[str, ...] = setting((), help="names")

app = App("keys", port=6380, title="Keys", config=KeysConfig, tls_listener=False)

@app.connect
async def connect(socket, env, ctx):
    pass
"""


@pytest.fixture(autouse=True)
def _apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "echo.py").write_text(ECHO)
    (tmp_path / "keys.py").write_text(KEYS)
    monkeypatch.chdir(tmp_path)


def test_version() -> None:
    assert run_command("socketworkers", "--version").out.startswith("socketworkers 0.")


def test_list() -> None:
    result = run_command("socketworkers", "list")
    assert result.status == 0
    header, *rows = result.out.splitlines()
    assert header.split() == ["NAME", "PORT", "PACKAGE"]
    assert any(row.split()[0] == "smtp" for row in rows)


def test_check() -> None:
    result = run_command("socketworkers", "check", "keys.py")
    assert (result.status, result.out, result.err) == (0, "ok: keys can start\n", "")
    Path("socketworkers.toml").write_text("[keys]\nport = 7\n")
    assert run_command("socketworkers", "check", "keys.py").out == "ok: keys can start (socketworkers.toml)\n"
    assert not Path(".socketworkers").exists()
    result = run_command("socketworkers", "check", "keys.py", "--tls-cert", "none.pem")
    assert result.status == 1
    assert result.err.startswith("error: cannot read the certificate or key none.pem\n")


def test_config_is_toml_that_reads_back() -> None:
    Path("socketworkers.toml").write_text('[keys]\nport = 7\nsecret = "hunter2"\nnames = ["a", "b"]\n')
    result = run_command(
        "socketworkers", "config", "keys.py", "--sources", "--idle-timeout", "90s", SOCKETWORKERS_KEYS_HOST="::1"
    )
    assert result.status == 0
    lines = result.out.splitlines()
    assert lines[0] == "[keys]"
    assert "hunter2" not in result.out
    values = tomllib.loads(result.out)["keys"]
    assert values["port"] == 7
    assert values["host"] == "::1"
    assert values["idle_timeout"] == "90s"
    assert values["max_size"] == "10MB"
    assert values["names"] == ["a", "b"]
    assert "tls_port" not in values
    sources = {line.split()[0]: line.partition("  # ")[2] for line in lines[1:]}
    assert sources["port"] == "file (socketworkers.toml:2)"
    assert sources["host"] == "environment (SOCKETWORKERS_KEYS_HOST)"
    assert sources["idle_timeout"] == "command line (--idle-timeout)"
    assert sources["max_size"] == "default"
    del values["secret"]
    text = "\n".join(
        line for line in run_command("socketworkers", "config", "keys.py").out.splitlines() if "secret" not in line
    )
    Path("socketworkers.toml").write_text(text)
    again = tomllib.loads(run_command("socketworkers", "config", "keys.py").out)["keys"]
    assert again == tomllib.loads(text)["keys"]


def test_hash_password() -> None:
    result = run_command("socketworkers", "hash-password", "alice", text="correct horse\n")
    assert result.status == 0
    users = Credentials.parse(result.out)
    assert users.check_password("alice", "correct horse")
    assert not users.check_password("alice", "wrong")
    assert run_command("socketworkers", "hash-password", "alice", text="\n").err.startswith(
        "error: the password is empty"
    )
    assert run_command("socketworkers", "hash-password", "a:b", text="x\n").status == 2


def test_cert_makes_what_a_client_verifies() -> None:
    result = run_command("socketworkers", "cert", "mail.example", "127.0.0.1", "--out", "certs")
    assert result.status == 0
    assert result.out.splitlines()[0] == "certs/mail.example.pem  for mail.example, 127.0.0.1, 397 days"
    key = Path("certs/mail.example-key.pem")
    assert key.stat().st_mode & 0o777 == 0o600
    assert Path("certs/ca-key.pem").stat().st_mode & 0o777 == 0o600
    authority = Path("certs/ca.pem").read_bytes()
    assert run_command("socketworkers", "cert", "other.example", "--out", "certs").status == 0
    assert Path("certs/ca.pem").read_bytes() == authority
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile="certs/ca.pem")
    server.load_cert_chain("certs/mail.example.pem", key)
    ends = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        server.wrap_bio(ends[0], ends[1], server_side=True),
        client.wrap_bio(ends[1], ends[0], server_hostname="mail.example"),
    )
    done = [False, False]
    while not all(done):
        for number, side in enumerate(sides):
            try:
                side.do_handshake()
                done[number] = True
            except ssl.SSLWantReadError:
                continue
    assert sides[1].version() == "TLSv1.3"


def test_cert_for_a_client() -> None:
    result = run_command("socketworkers", "cert", "alice", "--client", "--out", "certs")
    assert result.status == 0
    assert result.out.splitlines() == [
        "certs/alice.pem  for alice, 397 days",
        "certs/ca.pem  the authority: servers must trust this one",
        "use it:  run-app APP --tls auto --tls-client-ca certs/ca.pem, and give the client both files",
    ]
    parsed = x509.load_pem_x509_certificate(Path("certs/alice.pem").read_bytes())
    purpose = parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purpose) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]
    for words in ((), ("alice", "bob")):
        result = run_command("socketworkers", "cert", *words, "--client", "--out", "certs")
        assert result.status == 2
        assert "which client? give one name" in result.err
    result = run_command("socketworkers", "cert", "a" * 65, "--client", "--out", "certs")
    assert result.status == 2
    assert "a client has one name of at most 64 characters" in result.err


def test_cert_with_a_name_that_none_can_carry() -> None:
    result = run_command("socketworkers", "cert", "grüße.example")
    assert result.status == 2
    assert result.err.startswith("error: no certificate for grüße.example\n")


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A port that answers each connection with the same bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    if answer:
                        connection.recv(4096)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def test_ready_by_metrics() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready\n") as port:
        assert run_command("socketworkers", "ready", "--metrics", f"127.0.0.1:{port}").status == 0
    with answering(b"HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\ndraining\n") as port:
        result = run_command("socketworkers", "ready", "--metrics", f"127.0.0.1:{port}")
    assert (result.status, result.err) == (1, "not ready: draining\n")
    result = run_command("socketworkers", "ready", "--metrics", f"127.0.0.1:{port}")
    assert (result.status, result.err) == (1, "not ready: [Errno 111] Connection refused\n")


def test_ready_by_port_and_file() -> None:
    with answering(b"") as port:
        assert run_command("socketworkers", "ready", "--port", str(port)).out == "ready\n"
        Path("r.json").write_text(json.dumps({"pid": os.getpid(), "host": "127.0.0.1", "port": port}))
        assert run_command("socketworkers", "ready", "--ready-file", "r.json").status == 0
    assert run_command("socketworkers", "ready", "--port", str(port)).status == 1
    assert run_command("socketworkers", "ready", "--ready-file", "none.json").status == 1
    assert run_command("socketworkers", "ready").status == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    result = run_command("socketworkers", "completion", shell)
    assert result.status == 0
    assert "_SOCKETWORKERS_COMPLETE" in result.out
    assert "_RUN_APP_COMPLETE" in result.out
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=result.out, text=True, check=True, timeout=10)


def complete(command: str, *words: str) -> list[str]:
    variable = f"_{command.replace('-', '_').upper()}_COMPLETE"
    done = subprocess.run(
        program(command),
        capture_output=True,
        text=True,
        timeout=30,
        env=environment(
            **{variable: "bash_complete", "COMP_WORDS": " ".join([command, *words]), "COMP_CWORD": str(len(words))}
        ),
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_completion_answers() -> None:
    assert "check" in complete("socketworkers", "ch")
    assert "smtp" in complete("run-app", "sm")
    assert complete("run-app", "keys.py", "--max-s") == ["--max-size"]
    assert "--drain-timeout" in complete("run-app", "keys.py", "--dr")


def test_new_refuses_bad_names_and_full_folders() -> None:
    assert run_command("socketworkers", "new", "Bad_Name").status == 2
    assert run_command("socketworkers", "new", "json").err.startswith("error: 'json' cannot be the name of an app\n")
    Path("full").mkdir()
    Path("full/x").write_text("")
    assert run_command("socketworkers", "new", "mything", "--out", "full").err == (
        "error: full exists already\n       nothing was written\n       choose another place: --out DIR\n"
    )
