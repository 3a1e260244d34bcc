"""``socketworkers tunnel``: help that fits a screen, errors of three lines, and both ends as processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shlex
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.core.cli.support import Result, environment, program, run_command

from socketworkers.cli.helptext import SCREEN_LINES, SCREEN_WIDTH


def run(tmp_path: Path, *words: str, **variables: str) -> Result:
    return run_command("socketworkers", "tunnel", *words, cwd=tmp_path, **variables)


@pytest.mark.parametrize("verb", ["serve", "connect"])
def test_help_fits_a_screen_and_shows_a_command(tmp_path: Path, verb: str) -> None:
    result = run(tmp_path, verb, "--help")
    lines = result.out.splitlines()
    assert result.status == 0
    assert len(lines) <= SCREEN_LINES
    assert max(map(len, lines)) <= SCREEN_WIDTH
    assert any(line.startswith(f"  socketworkers tunnel {verb} --listen ") for line in lines)
    everything = run(tmp_path, verb, "--help-all").out
    for hidden in ("--host", "--port ", "--ws-port", "--wss-port", "--tls-port", "--unix"):
        assert hidden not in everything
    assert "--drain-timeout" in everything


def test_the_group_names_both(tmp_path: Path) -> None:
    result = run(tmp_path, "--help")
    assert result.status == 0
    assert re.search(r"^  serve    Let clients", result.out, re.MULTILINE)
    assert re.search(r"^  connect  Open a local port", result.out, re.MULTILINE)


ERRORS: dict[str, tuple[tuple[str, ...], str, int]] = {
    "nothing is allowed": (
        ("serve",),
        "error: nothing could be reached through this tunnel\n"
        "       nothing is allowed by default, and no --allow was given\n"
        "       for a database on this machine: socketworkers tunnel serve --allow localhost:5432\n",
        2,
    ),
    "a rule without a port": (
        ("serve", "--allow", "db"),
        "error: --allow: 'db' is no value for allow\n"
        "       it must be HOST:PORT, such as db:5432, *.example.org:5432, 10.0.0.0/8:5432 or db:5000-5009"
        " (HOST:PORT)\n",
        2,
    ),
    "a number that is no address": (
        ("serve", "--allow", "127.1:5432"),
        "error: --allow: '127.1:5432' is no value for allow\n"
        "       it must be HOST:PORT, such as db:5432, *.example.org:5432, 10.0.0.0/8:5432 or db:5000-5009"
        " (a number is no host unless it is an IPv4 address of four parts)\n",
        2,
    ),
    "no network": (
        ("serve", "--allow", "db:1", "--allow-network", "10.0.0.1/8"),
        "error: --allow-network: '10.0.0.1/8' is no value for allow_network\n"
        "       it must be an address or a network such as 10.0.0.0/8\n",
        2,
    ),
    "another scheme": (
        ("serve", "--allow", "db:1", "--listen", "http://:8080"),
        "error: the settings of tunnel do not fit together\n"
        "       --listen 'http://:8080': http:// is nothing to listen on here; ws and wss are\n",
        2,
    ),
    "a query": (
        ("serve", "--allow", "db:1", "--listen", "ws://:8080/v1?address=db:1"),
        "error: the settings of tunnel do not fit together\n"
        "       --listen 'ws://:8080/v1?address=db:1': a listener's URL has no query: clients say where they want to"
        " go\n",
        2,
    ),
    "wss without a certificate": (
        ("serve", "--allow", "127.0.0.1:1", "--listen", "wss://127.0.0.1:0/v1"),
        "error: --listen wss://127.0.0.1:0/v1 needs a certificate\n"
        "       neither --tls-cert nor --tls is given\n"
        "       for a throwaway certificate: socketworkers tunnel serve --allow 127.0.0.1:1"
        " --listen wss://127.0.0.1:0/v1 --tls auto\n",
        2,
    ),
    "open to all, and leading anywhere": (
        ("serve", "--allow", "*:5432", "--listen", "ws://:0"),
        "error: * can be reached from other machines, and anybody could use this server\n"
        "       nothing in its settings keeps strangers out\n"
        "       if that is meant: socketworkers tunnel serve --allow '*:5432' --listen ws://:0 --insecure\n",
        1,
    ),
    "no tokens": (
        ("serve", "--allow", "127.0.0.1:1", "--service-tokens", "tokens"),
        "error: cannot read the service tokens in tokens\n"
        "       no such file\n"
        "       make one: socketworkers hash-password ID >> tokens\n",
        1,
    ),
    "a misspelt option": (
        ("serve", "--alow", "db:1"),
        "error: no such option: --alow\n       did you mean --allow?\n       see socketworkers tunnel serve --help\n",
        2,
    ),
    "where to": (
        ("connect",),
        "error: where does the tunnel lead?\n"
        "       no --to was given\n"
        "       for example: socketworkers tunnel connect --to 'wss://host/v1?address=db:5432'\n",
        2,
    ),
    "to no gateway": (
        ("connect", "--to", "https://host/v1"),
        "error: --to: 'https://host/v1' is no value for to\n"
        "       it must be a URL such as wss://host/v1?address=db:5432\n",
        2,
    ),
    "to a URL that is none": (
        ("connect", "--to", "wss:///v1"),
        "error: --to: 'wss:///v1' is no value for to\n"
        "       it must be a URL such as wss://host/v1?address=db:5432 ('wss:///v1' is missing a host)\n",
        2,
    ),
    "half a token": (
        ("connect", "--to", "ws://h/", "--service-token-id", "x"),
        "error: half a service token was given\n"
        "       it has an id and a secret\n"
        "       SOCKETWORKERS_TUNNEL_CONNECT_SERVICE_TOKEN_SECRET keeps the secret out of the process list\n",
        2,
    ),
    "a header in two lines": (
        ("connect", "--to", "ws://h/", "--header", "X: a\r\nEvil: b"),
        "error: --header: 'X: a\\r\\nEvil: b' is no value for header\n       it must be 'Name: value'\n",
        2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ERRORS)
def test_everyday_mistakes(tmp_path: Path, kind: str) -> None:
    words, err, status = ERRORS[kind]
    result = run(tmp_path, *words)
    assert (result.err, result.status, result.out) == (err, status, "")


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("serve", "--allow", "127.0.0.1:1", "--listen", "ws://127.0.0.1:{}/v1"), r"--listen ws://127\.0\.0\.1:\d+/v1"),
        (("connect", "--to", "ws://h/", "--listen", "127.0.0.1:{}"), r"--listen 127\.0\.0\.1:\d+"),
    ],
)
def test_port_taken(tmp_path: Path, words: tuple[str, ...], remedy: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        lines = run(tmp_path, *(word.format(port) for word in words)).err.splitlines()
    assert lines[0] == f"error: port {port} on 127.0.0.1 is taken"
    assert re.fullmatch(rf"       the next free port: socketworkers tunnel .* {remedy}", lines[2])


@pytest.mark.parametrize(
    ("verb", "table", "variable"), [("serve", "tunnel", "TUNNEL"), ("connect", "tunnel-connect", "TUNNEL_CONNECT")]
)
def test_unknown_keys_and_variables(tmp_path: Path, verb: str, table: str, variable: str) -> None:
    (tmp_path / "socketworkers.toml").write_text(f"[{table}]\nidle_timout = 5\n")
    assert run(tmp_path, verb).err == (
        "error: socketworkers.toml:2: unknown key 'idle_timout'\n"
        "       did you mean 'idle_timeout'?\n"
        f"       all of them: socketworkers tunnel {verb} --help-all\n"
    )
    (tmp_path / "socketworkers.toml").unlink()
    lines = run(tmp_path, verb, **{f"SOCKETWORKERS_{variable}_IDLE_TIMOUT": "5"}).err.splitlines()
    assert lines[1] == f"       did you mean 'SOCKETWORKERS_{variable}_IDLE_TIMEOUT'?"


def test_a_name_of_a_private_network_is_said_at_the_start(tmp_path: Path) -> None:
    """The name is this machine's own, which Linux resolves to an address of it."""
    name = socket.gethostname().lower()
    try:
        socket.gethostbyname(name)
    except OSError:
        pytest.skip("this machine's own name has no address (/etc/hosts)")
    result = run(tmp_path, "serve", "--listen", "ws://127.0.0.1:0", "--allow", f"{name}:5432")
    lines = result.err.splitlines()
    assert result.status == 1
    assert re.fullmatch(rf"error: {re.escape(name)} is \S+, an address of no public network", lines[0])
    assert lines[2].startswith("       if that is meant: socketworkers tunnel serve ")
    assert lines[2].endswith(f"--allow-network {lines[0].split()[3].rstrip(',')}")


# -- as processes --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def process(folder: Path, *words: str, **variables: str) -> Iterator[dict[str, Any]]:
    """One end of a tunnel; yields its ready file, and its output at the end."""
    ready = folder / f"{words[0]}.json"
    ready.unlink(missing_ok=True)
    child = subprocess.Popen(
        [*program("socketworkers"), "tunnel", *words, "--ready-file", str(ready), "--exit-with-parent"],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(**variables),
    )  # fmt: skip
    try:
        until = time.monotonic() + 30
        while not ready.exists():
            if child.poll() is not None or time.monotonic() > until:
                pytest.fail(child.stdout.read() if child.stdout else "")
            time.sleep(0.02)
        found: dict[str, Any] = json.loads(ready.read_text())
        yield found
        child.send_signal(signal.SIGTERM)
        found["out"], _ = child.communicate(timeout=30)
        assert child.returncode == 0, found["out"]
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


@contextlib.contextmanager
def upper() -> Iterator[int]:
    """A server that upper-cases what one connection sends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def answer() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    while data := connection.recv(65536):
                        connection.sendall(data.upper())

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        with contextlib.suppress(OSError):  # in case nobody came
            socket.create_connection(listener.getsockname(), 1).close()
        thread.join()


def test_both_ends_as_the_readme_tells(tmp_path: Path) -> None:
    with (
        upper() as port,
        process(
            tmp_path, "serve", "--listen", "ws://127.0.0.1:0/v1", "--allow", f"localhost:{port}",
            "--metrics", "127.0.0.1:0",
        ) as gateway,
    ):  # fmt: skip
        url = gateway["listeners"][0]["url"]
        assert url.startswith("ws://127.0.0.1:")
        with (
            process(tmp_path, "connect", "--to", f"{url}?address=localhost:{port}") as entrance,
            socket.create_connection(("127.0.0.1", entrance["port"]), 30) as client,
        ):
            client.sendall(b"hello")
            client.shutdown(socket.SHUT_WR)
            with client.makefile("rb") as answer:
                assert answer.read() == b"HELLO"
        host, _, metrics = gateway["metrics"].removeprefix("http://").removesuffix("/metrics").rpartition(":")
        connection = http.client.HTTPConnection(host, int(metrics), timeout=10)
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        connection.close()
    assert "wsproxy_connections_total 1.0" in page
    assert 'wsproxy_bytes_total{source="tcp"} 5.0' in page
    out = gateway["out"]
    assert f"  Tunnel              {url}   plain\n  Allowed             localhost:{port}\n" in out
    assert (
        f"  Try it              socketworkers tunnel connect --listen 127.0.0.1:{port} "
        f"--to '{url}?address=localhost:{port}'\n" in out
    )
    assert re.search(rf"tunnel to localhost:{port} \(\S+\): 5 bytes there, 5 back", out)
    assert "  Only this machine can connect." in out
    assert f"  Leads to            {url}?address=localhost:{port}\n" in entrance["out"]
    assert f"  Try it              nc 127.0.0.1 {entrance['port']}\n" in entrance["out"]


def test_the_command_that_is_shown_works_with_a_throwaway_certificate(tmp_path: Path) -> None:
    """``--tls auto``: what the start says to try is tried."""
    with upper() as port:
        out = tmp_path / "out"
        with out.open("w") as file:
            child = subprocess.Popen(
                [
                    *program("socketworkers"), "tunnel", "serve", "--listen", "wss://127.0.0.1:0/v1", "--tls", "auto",
                    "--allow", f"127.0.0.1:{port}", "--exit-with-parent",
                ],
                cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment(),
            )  # fmt: skip
        try:
            until = time.monotonic() + 30
            while "ready in" not in out.read_text():
                assert child.poll() is None, out.read_text()
                assert time.monotonic() < until
                time.sleep(0.02)
            shown = re.search(r"^  Try it +socketworkers tunnel (.*)$", out.read_text(), re.MULTILINE)
            assert shown is not None
            words = shlex.split(shown[1])
            words[words.index("--listen") + 1] = "127.0.0.1:0"  # the port of the target is taken on this machine
            with (
                process(tmp_path, *words) as entrance,
                socket.create_connection(("127.0.0.1", entrance["port"]), 30) as client,
            ):
                client.sendall(b"hello")
                client.shutdown(socket.SHUT_WR)
                with client.makefile("rb") as answer:
                    assert answer.read() == b"HELLO"
        finally:
            child.terminate()
            child.wait(30)


def test_settings_from_the_file_and_the_environment(tmp_path: Path) -> None:
    (tmp_path / "socketworkers.toml").write_text(
        '[tunnel]\nlisten_on = "ws://127.0.0.1:0/db"\nallow = ["localhost:5432", "*.example.org:5432"]\n'
        '[tunnel-connect]\nlisten_on = "127.0.0.1:0"\n'
    )
    with process(tmp_path, "serve") as gateway:
        assert gateway["listeners"][0]["url"].endswith("/db")
    assert "  Allowed             localhost:5432, *.example.org:5432\n" in gateway["out"]
    secret = "SOCKETWORKERS_TUNNEL_CONNECT_SERVICE_TOKEN_SECRET"
    words = ("connect", "--to", "ws://127.0.0.1:1/", "--service-token-id", "x")
    with process(tmp_path, *words, **{secret: "s3cret"}) as entrance:
        pass
    assert "s3cret" not in entrance["out"]


@pytest.mark.parametrize(
    ("allow", "said"),
    [
        (("127.0.0.1:5432",), "what they reach is 127.0.0.1:5432, and nothing else"),
        (("127.0.0.1:1", "[::1]:1"), "what they reach is 127.0.0.1:1, [::1]:1, and nothing else"),
    ],
)
def test_open_to_other_machines_when_what_they_reach_is_named(
    tmp_path: Path, allow: tuple[str, ...], said: str
) -> None:
    rules = [word for rule in allow for word in ("--allow", rule)]
    with process(tmp_path, "serve", "--listen", "ws://:0/v1", *rules) as gateway:
        pass
    assert f"Other machines can connect: {said}" in gateway["out"]
