"""Everyday mistakes through the real commands: at most three lines on stderr, no traceback, an honest status."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest
from tests.core.cli.support import ECHO, Result, run_command

from socketworkers.certificates import make_authority, make_certificate, write_pair


@pytest.fixture(autouse=True)
def _echo(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(ECHO)


def run(tmp_path: Path, *words: str, **variables: str) -> Result:
    result = run_command("run-app", *words, cwd=tmp_path, **variables)
    assert result.out == ""
    return result


def test_port_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = run(tmp_path, "echo.py", "--port", str(port), "--idle-timeout", "5m")
    lines = result.err.splitlines()
    assert lines[0] == f"error: port {port} on 127.0.0.1 is taken"
    assert re.fullmatch(rf"       process {os.getpid()} \(.+\) listens there", lines[1])
    assert re.fullmatch(r"       the next free port: run-app echo\.py --idle-timeout 5m --port \d+", lines[2])
    assert len(lines) == 3
    assert result.status == 1


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    result = run(tmp_path, "echo.py", "--host", "192.0.2.7", "--insecure")
    assert result.err == (
        "error: cannot listen on 192.0.2.7\n"
        "       no network interface of this machine has that address\n"
        "       for this machine only: run-app echo.py --insecure --host 127.0.0.1\n"
    )


def test_an_address_that_others_can_reach(tmp_path: Path) -> None:
    result = run(tmp_path, "echo.py", "--host", "0.0.0.0", "--port", "0")
    assert result.err == (
        "error: 0.0.0.0 can be reached from other machines, and anybody could use this server\n"
        "       nothing in its settings keeps strangers out\n"
        "       if that is meant: run-app echo.py --host 0.0.0.0 --port 0 --insecure\n"
    )
    assert result.status == 1


@pytest.mark.parametrize(
    ("words", "err"),
    [
        (("smpt",), "error: there is no app 'smpt'\n       installed: {apps}\n       did you mean smtp?\n"),
        (
            ("echo",),
            "error: there is no app 'echo'\n       there is a file echo.py\n       did you mean echo.py?\n",
        ),
        (("./none.py",), "error: there is no file none.py\n       the path is relative to the current folder\n"),
        (
            ("nowhere.app:app",),
            "error: there is no module 'nowhere'\n"
            "       nowhere.app:app is looked for in the current folder and among the installed packages\n",
        ),
        (("echo:application",), "error: there is no 'application' in echo\n       an app is `app = App(...)`\n"),
        (
            ("echo.py", "--prot", "1"),
            "error: no such option: --prot\n       did you mean --port?\n       see run-app echo.py --help\n",
        ),
        (("echo.py", "extra"), "error: got unexpected extra argument (extra)\n       see run-app echo.py --help\n"),
        (
            ("echo.py", "--port", "abc"),
            "error: --port: 'abc' is no value for port\n       it must be a whole number\n",
        ),
        (
            ("echo.py", "--idle-timeout", "soon"),
            "error: --idle-timeout: 'soon' is no value for idle_timeout\n"
            "       it must be a duration such as 30s, 1h30m or 7d\n",
        ),
        (
            ("echo.py", "--tls-key", "k.pem"),
            "error: --tls-key is given without --tls-cert\n       a key alone is of no use\n",
        ),
        (
            ("echo.py", "--tls-port", "0"),
            "error: --tls-port needs a certificate\n       neither --tls-cert nor --tls is given\n"
            "       for a throwaway certificate: --tls auto\n",
        ),
        (
            ("echo.py", "--metrics", "localhost"),
            "error: --metrics: 'localhost' is not HOST:PORT\n       for this machine only: --metrics 127.0.0.1:9090\n",
        ),
        (("--port", "5"), "error: which app? give its name, module:attr or path.py\n       see run-app --help\n"),
    ],
)
def test_wrong_command_lines(tmp_path: Path, words: tuple[str, ...], err: str) -> None:
    from socketworkers.cli.loading import installed_names

    result = run(tmp_path, *words)
    assert result.err == err.format(apps=", ".join(installed_names()))
    assert result.status == 2


def test_unknown_key_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "socketworkers.toml").write_text("[echo]\nidle_timout = 5\n")
    result = run(tmp_path, "echo.py")
    assert result.err == (
        "error: socketworkers.toml:2: unknown key 'idle_timout'\n"
        "       did you mean 'idle_timeout'?\n"
        "       all keys: socketworkers config echo\n"
    )
    assert result.status == 2


def test_unknown_variable(tmp_path: Path) -> None:
    result = run(tmp_path, "echo.py", SOCKETWORKERS_ECHO_HOTS="x")
    assert result.err.splitlines()[1] == "       did you mean 'SOCKETWORKERS_ECHO_HOST'?"


def test_certificate_and_key_do_not_match(tmp_path: Path) -> None:
    authority = make_authority()
    for name in ("a", "b"):
        write_pair(make_certificate(authority, ["localhost"]), tmp_path / f"{name}.pem", tmp_path / f"{name}-key.pem")
    result = run(tmp_path, "echo.py", "--tls-cert", "a.pem", "--tls-key", "b-key.pem")
    assert result.err == (
        "error: the certificate and the key do not belong together\n"
        "       b-key.pem is not the key of a.pem\n"
        "       give the key that the certificate was made with: --tls-key FILE\n"
    )
    assert result.status == 1


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    result = run(tmp_path, "echo.py", "--data", "echo.py/x")
    assert result.err.splitlines()[:2] == [
        "error: cannot use the data folder echo.py/x",
        "       echo.py is not a folder",
    ]


def test_a_file_that_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    result = run(tmp_path, "broken.py")
    assert result.err == (
        "error: broken.py cannot be imported\n"
        "       ModuleNotFoundError: No module named 'nothing_of_that_name' (broken.py:1)\n"
        "       the whole traceback: --debug\n"
    )
    assert result.status == 1
    shown = run(tmp_path, "broken.py", "--debug").err
    assert "Traceback (most recent call last)" in shown
    (tmp_path / "broken.py").write_text("def x(:\n")
    assert "SyntaxError: invalid syntax (broken.py:1)" in run(tmp_path, "broken.py").err


def test_a_file_without_an_app(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    result = run(tmp_path, "empty.py")
    assert result.err == (
        "error: empty.py holds no app\n"
        "       it holds neither an App nor a coroutine function connect(socket, env, ctx)\n"
        "       it needs `app = App(...)` or `async def connect(socket, env, ctx)`\n"
    )


def test_a_loop_that_does_not_exist(tmp_path: Path) -> None:
    result = run(tmp_path, "echo.py", SOCKETWORKERS_LOOP="trio")
    assert result.err == "error: SOCKETWORKERS_LOOP=trio names no event loop\n       it must be asyncio or uvloop\n"


def test_an_unknown_verb(tmp_path: Path) -> None:
    result = run_command("socketworkers", "chekc")
    assert (
        result.err
        == "error: there is no command 'chekc'\n       did you mean check?\n       see socketworkers --help\n"
    )
    assert result.status == 2
