"""What the commands of apps have in common: they talk to the server that works on a data folder, or open it themselves.

An app's methods (``@app.control``) are run by its server, or, when none runs, here under the folder's lock. A module of
commands makes one ``DataCommands`` and asks it; its users come as a group of commands and as methods. ``click`` is
imported only when commands are made: an app's methods are there in every server.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from .errors import ProtocolError, StartupError

if TYPE_CHECKING:
    import click

    from .settings import Settings
    from .worker import App, Env

__all__ = ["DataCommands", "Method", "UserStore", "offline_env", "printable", "user_methods"]

F = TypeVar("F", bound=Callable[..., Any])
Method: TypeAlias = Callable[..., Awaitable[object]]


class UserStore(Protocol):
    """Who keeps the users of an app."""

    def set_password(self, name: str, password: str) -> bool:
        """Add a user or change a password, on disk as well; whether the user is new. ValueError: it cannot be used."""

    def remove_user(self, name: str) -> None:
        """Take a user away. KeyError: there is none."""

    def user_names(self) -> list[str]:
        """All of them, sorted."""


@asynccontextmanager
async def offline_env(app: App, config: Settings, folder: Path) -> AsyncIterator[Env]:
    """An app's objects on a data folder that no server works on, for as long as the block lasts.

    Args:
        app: the app; its hooks are not called.
        config: settings for this.
        folder: the data folder.

    Returns:
        The environment, with the namespaces of the objects.

    Raises:
        StartupError: a server works on the folder, or it cannot be used.
    """
    from .objects import ObjectRuntime
    from .telemetry import Telemetry
    from .worker import Env

    env = Env(config=config, data_dir=folder, telemetry=Telemetry())
    runtime = ObjectRuntime(folder, app.objects, env)
    for name in app.objects:
        setattr(env, name, runtime.namespace(name))
    await runtime.start()
    try:
        yield env
    finally:
        await runtime.close()


class DataCommands:
    """The way from an app's commands to its data.

    Args:
        app: name of the app, which its methods begin with, too.
        keeps: what lies in its data folder, with the verb: ``mail lies``.
        methods: gives the app's methods; called only when no server runs.
        open: opens a folder that no server works on and gives what the methods get (see ``offline_env``).
        server: what its users call the server.
    """

    def __init__(
        self,
        app: str,
        *,
        keeps: str,
        methods: Callable[[], Mapping[str, Method]],
        open: Callable[[Path], AbstractAsyncContextManager[Env]],
        server: str = "server",
    ) -> None:
        self._app = app
        self._keeps = keeps
        self._methods = methods
        self._open = open
        self._default = f".socketworkers/{app}"
        self._server = server

    def option(self, command: F) -> F:
        """``--data DIR``, the first parameter of a command."""
        import click

        return click.option(
            "--data", default=self._default, metavar="DIR", show_default=True, help=f"the {self._server}'s data folder"
        )(command)

    def call(self, data: str, method: str, **arguments: Any) -> Any:
        """Run one method in the server, or here.

        Args:
            data: the data folder.
            method: its name.
            arguments: JSON values.

        Returns:
            The method's result.

        Raises:
            StartupError: there is no such folder, or the method failed.
        """
        from .server import ControlError, control_call

        folder = Path(data)
        if not folder.is_dir():
            raise StartupError(
                f"there is no data folder {folder}",
                f"{self._keeps} where `run-app {self._app}` was told with --data",
                f"the default is ./{self._default}, relative to where it was started",
            )
        try:
            return control_call(folder, method, **arguments)
        except ControlError as error:
            raise StartupError(str(error)) from None
        except OSError:
            pass  # no server runs there
        try:
            return asyncio.run(self._here(folder, method, arguments))
        except (LookupError, ValueError, ProtocolError) as error:
            raise StartupError(str(error).strip("'\"")) from None

    async def _here(self, folder: Path, method: str, arguments: dict[str, Any]) -> Any:
        async with self._open(folder) as env:
            return await self._methods()[method](env, **arguments)

    def users(self, prefix: str, *, stays: str) -> click.Group:
        """The group ``user`` with ``add``, ``rm`` and ``list``, over what ``user_methods`` gives.

        Args:
            prefix: what the names of the methods begin with.
            stays: what a user leaves behind, with the verb: ``the mail stays``.
        """
        import click

        @click.group()
        def user() -> None:
            """Keep the users who may log in."""

        @user.command("add")
        @self.option
        @click.argument("name")
        def add(data: str, name: str) -> None:
            """Add a user or change a password (asked for, or the first line of standard input)."""
            password = _password()
            Path(data).mkdir(parents=True, exist_ok=True, mode=0o700)
            new = self.call(data, f"{prefix}.user.add", name=name, password=password)
            click.echo(f"user {name} {'added' if new else 'has a new password'}")

        @user.command("rm", help=f"Take a user away; {stays}.")
        @self.option
        @click.argument("name")
        def rm(data: str, name: str) -> None:
            self.call(data, f"{prefix}.user.rm", name=name)
            click.echo(f"user {name} removed")

        @user.command("list")
        @self.option
        def list_(data: str) -> None:
            """List the users."""
            for name in self.call(data, f"{prefix}.user.list"):
                click.echo(name)

        return user


def _password() -> str:
    import click

    password: str = (
        click.prompt("Password", hide_input=True, confirmation_prompt=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\r\n")
    )
    if not password:
        raise StartupError("the password is empty", "", "give it on standard input, or type it on a terminal")
    return password


def user_methods(prefix: str, store: Callable[[Env], UserStore]) -> dict[str, Method]:
    """Methods that keep an app's users: ``PREFIX.user.add``, ``.rm`` and ``.list``.

    Args:
        prefix: what their names begin with.
        store: finds who keeps the users.
    """

    async def add(env: Env, name: str, password: str) -> bool:
        return store(env).set_password(name, password)

    async def rm(env: Env, name: str) -> bool:
        try:
            store(env).remove_user(name)
        except KeyError:
            raise LookupError(f"there is no user {name}") from None
        return True

    async def names(env: Env) -> list[str]:
        return store(env).user_names()

    return {f"{prefix}.user.add": add, f"{prefix}.user.rm": rm, f"{prefix}.user.list": names}


def printable(text: str) -> str:
    """What peers sent, for a terminal: characters that are not printable become question marks."""
    return "".join(character if character.isprintable() else "?" for character in text)
