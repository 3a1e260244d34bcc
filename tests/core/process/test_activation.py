"""Socket activation (sd_listen_fds(3)): sockets that the service manager has bound."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.core.cli.support import ECHO, environment
from tests.core.process.support import echoes, start

from socketworkers import App, ListenerSpec
from socketworkers.errors import StartupError
from socketworkers.process.activation import activated_sockets, listen_as_activated
from socketworkers.server.inherited import InheritedSocket, assign
from socketworkers.settings import Settings, Source


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        yield bound


def refusal(caught: pytest.ExceptionInfo[StartupError]) -> list[str]:
    return caught.value.lines()


# -- as a process --------------------------------------------------------------------------------------------------


def test_a_server_takes_the_sockets_that_it_is_given(tmp_path: Path, tcp: socket.socket) -> None:
    """Who connects before the server runs is served once it does; the addresses stay bound when it ends."""
    path = tmp_path / "s"
    early = socket.create_connection(tcp.getsockname(), 10)
    with early, socket.socket(socket.AF_UNIX) as unix, socket.create_server(("127.0.0.1", 0)) as metrics:
        unix.bind(str(path))
        unix.listen()
        given = {"main": tcp, "unix": unix, "metrics": metrics}
        with start(tmp_path, "--metrics", "127.0.0.1:0", activation=given) as server:
            assert echoes(early)
            assert server.content["port"] == tcp.getsockname()[1]
            assert server.content["metrics"] == f"http://127.0.0.1:{metrics.getsockname()[1]}/metrics"
            assert server.get("/readyz") == (200, "ready\n")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                assert echoes(client)
            early.close()
            server.process.terminate()
            assert server.end()[0] == 0
        assert path.exists()
        with socket.create_connection(tcp.getsockname(), 10), start(tmp_path, activation={"main": tcp}) as server:
            assert echoes(server.connect())


def test_sockets_that_others_can_reach_are_judged_like_host(tmp_path: Path) -> None:
    with (
        socket.create_server(("0.0.0.0", 0)) as bound,
        pytest.raises(AssertionError, match=r"0\.0\.0\.0 can be reached from other machines"),
        start(tmp_path, activation={"main": bound}),
    ):
        raise RuntimeError("it has started")
    with socket.create_server(("0.0.0.0", 0)) as bound, start(tmp_path, "--insecure", activation={"main": bound}) as it:
        assert echoes(it.connect())


def test_variables_for_another_process_are_not_ours(tmp_path: Path) -> None:
    with start(tmp_path, LISTEN_PID="1", LISTEN_FDS="1", LISTEN_FDNAMES="main") as server:
        assert echoes(server.connect())


def test_what_it_starts_does_not_see_the_variables(tmp_path: Path, tcp: socket.socket) -> None:
    code = "import os\n" + ECHO.replace(
        "writer =", 'assert not [name for name in os.environ if name.startswith("LISTEN_")]\n    writer ='
    )
    with start(tmp_path, code=code, activation={"main": tcp}) as server:
        assert echoes(server.connect())
    assert environment().get("LISTEN_FDS") is None


# -- in parts ------------------------------------------------------------------------------------------------------


@pytest.fixture
def _third(monkeypatch: pytest.MonkeyPatch, tcp: socket.socket) -> Iterator[None]:
    """The environment of a process that got one descriptor: the one of ``tcp``, duplicated."""
    number = os.dup(tcp.fileno())
    monkeypatch.setattr("socketworkers.process.activation._FIRST", number)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_FDNAMES", "smtp.socket")
    yield
    try:
        os.close(number)
    except OSError:
        pass  # the test took it


@pytest.mark.usefixtures("_third")
def test_sockets_are_taken_once_and_are_not_handed_on(tcp: socket.socket) -> None:
    (found,) = activated_sockets()
    with found.socket:
        assert found.name == "smtp.socket"
        assert found.socket.getsockname() == tcp.getsockname()
        assert not found.socket.get_inheritable()
        assert not found.socket.getblocking()
        assert activated_sockets() == []


@pytest.mark.usefixtures("_third")
def test_a_socket_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        monkeypatch.setattr("socketworkers.process.activation._FIRST", os.dup(other.fileno()))
        with pytest.raises(StartupError) as caught:
            activated_sockets()
    assert refusal(caught)[0].endswith("of the service manager (smtp.socket) cannot be used")
    assert refusal(caught)[1:] == [
        "it is no socket that listens for streams",
        "in the .socket unit: ListenStream=, and Accept=no",
    ]
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setattr("socketworkers.process.activation._FIRST", 999_999)
    with pytest.raises(StartupError, match="cannot be used"):
        activated_sockets()


def test_which_listener_a_socket_is_for(tcp: socket.socket) -> None:
    app = App("mail", port=0)
    main = app.listeners[0]
    tls = ListenerSpec("tls", "smtps", "tls_port", tls="implicit")
    port = tcp.getsockname()[1]
    unnamed = InheritedSocket("unknown", tcp)
    assert assign([replace(unnamed, name="tls")], [main, tls], Settings()) == {"tls": [tcp]}
    assert assign([unnamed], [main, tls], Settings(port=port)) == {"main": [tcp]}
    assert assign([unnamed], [main, tls], Settings(tls_port=port)) == {"tls": [tcp]}
    assert assign([unnamed, unnamed], [main], Settings()) == {"main": [tcp, tcp]}
    with pytest.raises(StartupError) as caught:
        assign([unnamed], [main, tls], Settings())
    assert refusal(caught) == [
        f"the service manager's socket on port {port} is for no listener",
        "it is named 'unknown'; the listeners are main, tls",
        "in the .socket unit: FileDescriptorName=main, or the port of the listener's own setting",
    ]


def test_where_it_listens_decides_who_may(tcp: socket.socket) -> None:
    with socket.create_server(("0.0.0.0", 0)) as wide:
        near, far = InheritedSocket("main", tcp), InheritedSocket("main", wide)
        settings = Settings()
        listen_as_activated(settings, [near])
        assert (settings.host, settings.max_connections_per_address) == ("127.0.0.1", 0)
        listen_as_activated(settings, [near, far])
        assert (settings.host, settings.max_connections_per_address) == ("0.0.0.0", 100)
        settings = Settings(host="127.0.0.1")
        settings.__dict__["_sources"] = {"host": Source("command line", "--host")}
        with pytest.raises(StartupError) as caught:
            listen_as_activated(settings, [far])
    assert refusal(caught) == [
        "--host is 127.0.0.1, and the service manager listens on 0.0.0.0",
        "whether strangers can connect must be said once",
        "leave --host out, or bind ListenStream= to the same address",
    ]
