"""The kit of commands that work on an app's data: with its server, and without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from socketworkers import App, Context, DurableObject, Env, Socket
from socketworkers.commands import DataCommands, Method, offline_env, printable, user_methods
from socketworkers.errors import StartupError
from socketworkers.sasl import Credentials
from socketworkers.settings import Settings
from socketworkers.testing import ThreadedServer


class Notes(DurableObject):
    async def add(self, text: str) -> int:
        self.ctx.storage.put(text, True)
        return len(self.ctx.storage.list())


class Users:
    """The least that keeps users."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "users"
        self._credentials = Credentials.load(self._path)

    def set_password(self, name: str, password: str) -> bool:
        new = name not in self._credentials
        self._credentials.set_password(name, password, iterations=1)
        self._credentials.save(self._path)
        return new

    def remove_user(self, name: str) -> None:
        self._credentials.remove(name)
        self._credentials.save(self._path)

    def user_names(self) -> list[str]:
        return sorted(self._credentials)


async def note(env: Env, text: str) -> int:
    if not text:
        raise ValueError("a note has words")
    added: int = await env.NOTES.get("all").add(text)
    return added


METHODS: dict[str, Method] = {"notes.add": note, **user_methods("notes", lambda env: env.users)}


def made() -> App:
    app = App("notes", objects={"NOTES": Notes})

    @app.on_start
    async def start(env: Env) -> None:
        assert env.data_dir is not None
        env.users = Users(env.data_dir)

    @app.connect
    async def connect(socket: Socket, env: Env, ctx: Context) -> None:
        await socket.close()

    for name, method in METHODS.items():
        app.control(name)(method)
    return app


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Env]:
    async with offline_env(made(), Settings(data=str(folder)), folder) as env:
        env.users = Users(folder)
        yield env


COMMANDS = DataCommands("notes", keeps="notes lie", methods=lambda: METHODS, open=opened, server="notebook")


@pytest.fixture(params=["server", "files"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """A data folder that a server works on, or nobody."""
    folder = tmp_path / "data"
    if request.param == "files":
        folder.mkdir()
        yield str(folder)
        return
    with ThreadedServer(made(), data=str(folder)):
        yield str(folder)


def user(data: str, *words: str, given: str = "") -> Result:
    group = COMMANDS.users("notes", stays="the notes stay")
    return CliRunner().invoke(group, [words[0], "--data", data, *words[1:]], input=given)


def test_methods_run_in_the_server_or_here(data: str) -> None:
    assert COMMANDS.call(data, "notes.add", text="one") == 1
    assert COMMANDS.call(data, "notes.add", text="two") == 2
    with pytest.raises(StartupError, match="a note has words"):
        COMMANDS.call(data, "notes.add", text="")


def test_users(data: str) -> None:
    assert user(data, "add", "bob", given="secret\n").output == "user bob added\n"
    assert user(data, "add", "alice", given="secret\n").output == "user alice added\n"
    assert user(data, "add", "alice", given="other\n").output == "user alice has a new password\n"
    assert user(data, "list").output == "alice\nbob\n"
    assert user(data, "rm", "alice").output == "user alice removed\n"
    assert user(data, "list").output == "bob\n"
    gone = user(data, "rm", "alice").exception
    assert isinstance(gone, StartupError)
    assert "there is no user alice" in str(gone)
    assert isinstance(user(data, "add", "carol", given="\n").exception, StartupError)


def test_the_first_user_makes_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    assert user(str(folder), "add", "bob", given="secret\n").output == "user bob added\n"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StartupError) as caught:
        COMMANDS.call(str(tmp_path / "none"), "notes.add", text="x")
    assert "there is no data folder" in str(caught.value)
    assert caught.value.why == "notes lie where `run-app notes` was told with --data"


def test_the_option_and_the_words_of_help() -> None:
    @click.command()
    @COMMANDS.option
    def show(data: str) -> None:
        click.echo(data)

    assert CliRunner().invoke(show).output == ".socketworkers/notes\n"
    assert "the notebook's data folder" in CliRunner().invoke(show, ["--help"]).output
    group = COMMANDS.users("notes", stays="the notes stay")
    assert "Take a user away; the notes stay." in CliRunner().invoke(group, ["rm", "--help"]).output


async def test_a_folder_that_a_server_works_on_is_not_opened(tmp_path: Path) -> None:
    async with opened(tmp_path) as env:
        assert await note(env, "x") == 1
        with pytest.raises(StartupError):
            await asyncio.wait_for(_enter(tmp_path), 10)


async def _enter(folder: Path) -> None:
    async with opened(folder):
        raise AssertionError("two at once")


def test_what_peers_sent_is_safe_on_a_terminal() -> None:
    assert printable("plain ünï \x1b[2J\r\n\u202e") == "plain ünï ?[2J???"
