"""A server as a process: what it prints, what it writes, how it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest
from tests.core.cli.support import program, run_command
from tests.core.process.support import echoes, start, wait_until

from socketworkers.certificates import make_authority, make_certificate, write_pair

LOOPS = ("asyncio", "uvloop")

#: Ignores the drain: its connections have to be aborted.
STUBBORN = """\
async def connect(socket, env, ctx):
    reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
    while data := await reader.read():
        await writer.write(data)
"""

#: Has an object that is opened at the start.
KEYS = """\
from socketworkers import App, DurableObject, faults

class Keys(DurableObject):
    async def count(self):
        self.ctx.storage.put("count", self.ctx.storage.get("count", 0) + 1)

app = App("keys", objects={"KEYS": Keys})

@app.on_start
async def start(env):
    await env.KEYS.get("a").count()

@app.connect
async def connect(socket, env, ctx):
    faults.point("keys.connected")
"""

#: Says goodbye as soon as the server drains.
POLITE = """\
async def connect(socket, env, ctx):
    reader, writer = socket.readable.get_reader(), socket.writable.get_writer()
    ctx.on_drain = lambda: socket.close()
    while data := await reader.read():
        await writer.write(data)
"""


@pytest.mark.parametrize("loop", LOOPS)
def test_start_lines_and_a_clean_end(tmp_path: Path, loop: str) -> None:
    with start(tmp_path, SOCKETWORKERS_LOOP=loop) as server:
        content = server.content
        assert echoes(server.connect())
        server.connections[0].close()
        server.process.send_signal(signal.SIGTERM)
        status, out, err = server.end()
    assert status == 0
    lines = out.splitlines()
    assert lines[:3] == [
        f"  app                 app://127.0.0.1:{content['port']}   plain",
        f"  Try it              nc 127.0.0.1 {content['port']}",
        "  Only this machine can connect. To open it: --host 0.0.0.0 --insecure",
    ]
    assert re.fullmatch(r"  ready in \d\.\d\d s · Ctrl\+C stops", lines[3])
    assert lines[-1] == "  stopped"
    assert '"level": "info"' in err
    assert "error" not in err
    assert not (tmp_path / "ready.json").exists()


def test_the_ready_file(tmp_path: Path) -> None:
    with start(tmp_path, "--metrics", "127.0.0.1:0", "--unix", "s.sock") as server:
        content = server.content
        port = content["port"]
        assert content["url"] == f"app://127.0.0.1:{port}"
        assert [row["name"] for row in content["listeners"]] == ["main", "unix"]
        assert content["listeners"][1]["path"].endswith("s.sock")
        assert content["metrics"].startswith("http://127.0.0.1:")
        assert run_command("socketworkers", "ready", "--ready-file", str(tmp_path / "ready.json")).status == 0


def test_a_ready_file_that_a_killed_server_left_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("{}")
    (tmp_path / "app.py").write_text(POLITE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        result = run_command("run-app", "app.py", "--port", port, "--ready-file", "old.json", cwd=tmp_path)
    assert result.err.startswith(f"error: port {port} on 127.0.0.1 is taken\n")
    assert not (tmp_path / "old.json").exists()
    result = run_command("run-app", "app.py", "--port", "0", "--ready-file", "none/r.json", cwd=tmp_path)
    assert result.err == "error: cannot write the ready file none/r.json\n       no such file or directory\n"


def test_interrupt_ends_the_process_by_the_signal(tmp_path: Path) -> None:
    with start(tmp_path) as server:
        server.process.send_signal(signal.SIGINT)
        status, out, _ = server.end()
    assert status == -signal.SIGINT
    assert out.endswith("  stopped\n")


def test_a_polite_handler_makes_a_clean_drain(tmp_path: Path) -> None:
    with start(tmp_path, code=POLITE) as server:
        connections = [server.connect() for _ in range(3)]
        server.process.send_signal(signal.SIGTERM)
        assert [connection.recv(10) for connection in connections] == [b"", b"", b""]
        status, out, _ = server.end()
    assert status == 0
    assert "  3 of 3 connections left, 10 s\n" in out


def test_connections_that_stay_are_aborted_at_the_deadline(tmp_path: Path) -> None:
    with start(tmp_path, "--drain-timeout", "300ms", "--metrics", "127.0.0.1:0", code=STUBBORN) as server:
        connection = server.connect()
        assert server.get("/readyz") == (200, "ready\n")
        server.process.send_signal(signal.SIGTERM)
        status, out, _ = server.end()
        assert not echoes(connection)
    assert status == 1
    assert "  1 of 1 connection left, 0 s\n" in out
    assert out.endswith("  stopped; 1 connection was aborted\n")


def test_draining_is_not_ready_and_accepts_nobody_and_the_second_signal_means_now(tmp_path: Path) -> None:
    with start(tmp_path, "--drain-timeout", "1h", "--metrics", "127.0.0.1:0", code=STUBBORN) as server:
        connection = server.connect()
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: server.get("/readyz") == (503, "draining\n"))
        assert server.get("/healthz") == (200, "ok\n")
        assert echoes(connection)
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        server.process.send_signal(signal.SIGTERM)
        status, out, _ = server.end()
    assert status == 1
    assert "  second signal: 1 connection aborted\n" in out


def test_an_app_that_hangs_at_its_end_can_be_ended(tmp_path: Path) -> None:
    code = (
        "import asyncio\nfrom socketworkers import App\napp = App('slow')\n@app.connect\n"
        "async def connect(socket, env, ctx): pass\n@app.on_stop\nasync def stop(env):\n"
        "    print('closing', flush=True)\n    await asyncio.sleep(3600)\n"
    )
    with start(tmp_path, code=code) as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.stdout is not None
        while "closing" not in server.process.stdout.readline():
            assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        assert server.end()[0] == -signal.SIGTERM


def test_metrics_of_a_real_server(tmp_path: Path) -> None:
    with start(tmp_path, "--metrics", "127.0.0.1:0") as server:
        server.connect()
        server.connect().close()
        wait_until(lambda: "socketworkers_connections 1.0\n" in server.get("/metrics")[1])
        page = server.get("/metrics")[1]
    assert "socketworkers_accepted_total 2.0\n" in page
    assert re.search(r'socketworkers_bytes_total\{direction="out"\} [1-9]', page)
    assert "socketworkers_loop_lag_seconds_bucket" in page


@pytest.mark.catalogue("R1")
@pytest.mark.skipif(shutil.which("prlimit") is None, reason="needs prlimit (util-linux)")
def test_without_descriptors_it_is_not_ready_says_so_once_and_recovers(tmp_path: Path) -> None:
    with start(tmp_path, "--metrics", "127.0.0.1:0", "--log-format", "text", code=POLITE, descriptors=40) as server:
        address = (server.content["host"], server.content["port"])
        held = [socket.create_connection(address, 10) for _ in range(60)]
        with socket.create_connection(
            ("127.0.0.1", int(server.content["metrics"].split(":")[2].split("/")[0]))
        ) as probe:
            probe.settimeout(10)
            for path, status in ((b"/readyz", b"503"), (b"/healthz", b"200"), (b"/readyz", b"503")):
                probe.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = probe.recv(4096)
                assert answer.split()[1] == status
            assert answer.endswith(b"out of descriptors: accepting is paused\n")
        for connection in held:
            connection.close()
        wait_until(lambda: server.get("/readyz")[0] == 200)
        assert echoes(server.connect())
        server.process.terminate()
        err = server.end()[2]
    assert len([line for line in err.splitlines() if " warning " in line]) == 1
    assert "cannot accept: [Errno 24] Too many open files" in err


def test_reload_reads_the_certificate_again_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    authority = make_authority()
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"

    def seen(port: int) -> bytes:
        return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port), timeout=10))

    write_pair(make_certificate(authority, ["localhost"]), certificate, key)
    with start(tmp_path, "--tls-cert", "c.pem", "--tls-key", "k.pem", "--tls-port", "0") as server:
        port = next(row["port"] for row in server.content["listeners"] if row["tls"] == "implicit")
        first = seen(port)
        certificate.write_text("broken")
        server.process.send_signal(signal.SIGHUP)
        assert seen(port) == first
        write_pair(make_certificate(authority, ["localhost"]), certificate, key)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: seen(port) != first)
        server.process.terminate()
        status, out, err = server.end()
    assert status == 0
    assert "tls://" not in out
    assert "plain, STARTTLS (certificate c.pem)" in out
    assert "TLS (certificate c.pem)" in out
    assert "certificates were not reloaded" in err
    assert "certificate reloaded: c.pem" in err


@pytest.mark.parametrize("loop", LOOPS)
def test_it_ends_when_the_pipe_of_its_parent_does(tmp_path: Path, loop: str) -> None:
    read, write = os.pipe()
    try:
        with start(tmp_path, "--exit-with-parent", stdin=read, SOCKETWORKERS_LOOP=loop) as server:
            os.write(write, b"input is not an end\n")
            assert echoes(server.connect())
            server.connections[0].close()
            os.close(write)
            write = -1
            assert server.end()[0] == 0
    finally:
        os.close(read)
        if write >= 0:
            os.close(write)


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(POLITE)
    command = [*program("run-app"), "app.py", "--port", "0", "--exit-with-parent", "--ready-file", "r.json"]
    code = f"import subprocess; subprocess.Popen({command!r}, stdin=subprocess.DEVNULL).wait()"
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        wait_until((tmp_path / "r.json").exists)
        parent.kill()
        # The pipe ends when the last process that has it does.
        assert parent.stdout.read().endswith("  stopped\n")


def test_without_the_option_it_outlives_its_standard_input(tmp_path: Path) -> None:
    read, write = os.pipe()
    with start(tmp_path, stdin=read) as server:
        os.close(write)
        assert echoes(server.connect())
    os.close(read)


def test_nobody_reads_its_output(tmp_path: Path) -> None:
    with start(tmp_path) as server:
        assert server.process.stdout is not None
        server.process.stdout.close()
        server.process.stdout = None
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0


def test_insecure_on_all_addresses_says_so(tmp_path: Path) -> None:
    with start(tmp_path, "--host", "0.0.0.0", "--insecure") as server:
        server.process.terminate()
        out = server.end()[1]
    assert f"  Try it              nc 127.0.0.1 {server.content['port']}\n" in out
    assert "  WARNING: anybody who can reach this machine can use this server (--insecure)\n" in out


def test_systemd_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "n"))
        manager.settimeout(10)
        with start(tmp_path, NOTIFY_SOCKET=str(tmp_path / "n")) as server:
            assert manager.recv(100) == f"READY=1\nMAINPID={server.process.pid}".encode()
            before = time.monotonic_ns() // 1000
            server.process.send_signal(signal.SIGHUP)
            word, _, moment = manager.recv(100).partition(b"\nMONOTONIC_USEC=")
            assert word == b"RELOADING=1"
            assert before <= int(moment) <= time.monotonic_ns() // 1000
            assert manager.recv(100) == b"READY=1"
            server.process.terminate()
            assert manager.recv(100) == b"STOPPING=1"
        with start(tmp_path, NOTIFY_SOCKET=str(tmp_path / "n"), WATCHDOG_USEC="100000"):
            told = [manager.recv(100) for _ in range(4)]
        assert told.count(b"WATCHDOG=1") == 3


def test_two_servers_on_one_data_folder(tmp_path: Path) -> None:
    with start(tmp_path, code=KEYS) as server:
        second = run_command("run-app", "app.py", "--port", "0", cwd=tmp_path)
        server.process.terminate()
        out = server.end()[1]
    assert second.status == 1
    assert second.err == (
        "error: the data folder .socketworkers/keys is in use\n"
        f"       process {server.process.pid} holds its lock\n"
        f"       stop it (kill {server.process.pid}), or use another folder: run-app app.py --port 0 --data DIR\n"
    )
    assert "  Data                ./.socketworkers/keys   (kept between runs)\n" in out


def test_a_data_folder_of_a_newer_version(tmp_path: Path) -> None:
    with start(tmp_path, code=KEYS) as server:
        server.process.terminate()
        assert server.end()[0] == 0
    file = ".socketworkers/keys/objects/KEYS/a.sqlite"
    connection = apsw.Connection(str(tmp_path / file))
    connection.pragma("application_id", connection.pragma("application_id") + 1)
    connection.close()
    result = run_command("run-app", "app.py", "--port", "0", cwd=tmp_path)
    assert result.status == 1
    assert result.err == (
        f"error: the data folder {file} was written by a newer version\n"
        "       its format is 2, this version knows formats up to 1\n"
        "       pip install --upgrade socketworkers, or use another folder with --data DIR\n"
    )


def test_fault_points_are_armed_from_the_environment(tmp_path: Path) -> None:
    with start(tmp_path, code=KEYS, SOCKETWORKERS_FAULTS="keys.connected:kill") as server:
        socket.create_connection((server.content["host"], server.content["port"]), 10).close()
        assert server.end()[0] == -signal.SIGKILL
