"""The real mail server as a child process, and tools of others: what the tests of this folder share."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import poplib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

__all__ = ["MailServer", "absent", "bin_path", "body_of", "need", "node_modules", "run", "serve_mail"]

#: seconds that a foreign client may take
TIMEOUT = 45.0


def absent(what: str) -> NoReturn:
    """Skip, or fail where all tools have to be there (CI)."""
    if os.environ.get("SOCKETWORKERS_REQUIRE_TOOLS") == "1":
        pytest.fail(f"{what}, and SOCKETWORKERS_REQUIRE_TOOLS=1 asks for all of them", pytrace=False)
    pytest.skip(what)


def need(tool: str, package: str) -> str:
    """Path of a program.

    Args:
        tool: its name.
        package: who installs it, for the reason of the skip.
    """
    # Debian's servers lie where a user's PATH does not look
    found = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return found or absent(f"{tool} is not installed ({package})")


def bin_path(name: str) -> str:
    """One of our own commands, beside the interpreter that runs the tests."""
    return str(Path(sys.executable).with_name(name))


def run(*arguments: str, input: bytes | None = None, status: int | None = 0, **options: Any) -> bytes:
    """Run a program to its end.

    Args:
        arguments: program and arguments.
        input: its standard input; nothing by default.
        status: the exit status that is expected; None = any.
        options: for ``subprocess.run``.

    Returns:
        Standard output and standard error, as they came.
    """
    source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
    timeout = options.pop("timeout", TIMEOUT)
    done: subprocess.CompletedProcess[bytes] = subprocess.run(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, **source, **options, check=False
    )
    if status is not None and done.returncode != status:
        text = done.stdout.decode("utf-8", "backslashreplace")
        pytest.fail(f"{' '.join(arguments)}\nended with {done.returncode}:\n{text}")
    return done.stdout


def node_modules(package: str, version: str) -> str:
    """The folder that a package of Node lies in, outside the checkout; it stays between runs.

    Args:
        package: its name at npm.
        version: the major one.
    """
    need("node", "Debian: nodejs")
    npm = need("npm", "Debian: npm")
    folder = Path(tempfile.gettempdir()) / f"socketworkers-{package.replace('/', '-')}-{version}-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    assert folder.stat().st_uid == os.getuid()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules" / package / "package.json").exists():
            options = ("--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts")
            try:
                run(npm, "install", *options, "--prefix", str(folder), f"{package}@{version}", status=None)
            except subprocess.TimeoutExpired:
                pass
    if not (folder / "node_modules" / package).is_dir():
        absent(f"{package} cannot be installed (npm: {package})")
    return str(folder / "node_modules")


def body_of(stored: bytes) -> bytes:
    """A stored message without the two fields that the server puts in front; asserts that they are there.

    RFC 5321 §4.4: ``Return-Path:`` first, then our ``Received:`` with its folded lines.
    """
    assert stored.startswith(b"Return-Path: <"), stored[:200]
    lines = stored.split(b"\r\n")
    assert lines[1].startswith(b"Received: from "), lines[1]
    place = 2
    while lines[place].startswith((b" ", b"\t")):
        place += 1
    return b"\r\n".join(lines[place:])


class MailServer:
    """A server that runs, as its ready file describes it."""

    def __init__(self, ready: dict[str, Any], data: Path, password: str = "any") -> None:
        self.data = data
        self.pid = int(ready["pid"])
        self.ca = str(data / "tls" / "ca.pem")
        self._ports = {row["name"]: int(row["port"]) for row in ready["listeners"]}
        self._password = password

    @property
    def smtp(self) -> int:
        """Port of SMTP with STARTTLS."""
        return self._ports["main"]

    @property
    def smtps(self) -> int:
        """Port of SMTP in TLS."""
        return self._ports["tls"]

    @property
    def lmtp(self) -> int:
        """Port of LMTP."""
        return self._ports["lmtp"]

    @property
    def pop3(self) -> int:
        """Port of POP3 with STLS."""
        return self._ports["pop3"]

    @property
    def pop3s(self) -> int:
        """Port of POP3 in TLS."""
        return self._ports["pop3s"]

    @property
    def tls(self) -> ssl.SSLContext:
        """A context that trusts the throwaway authority, and nothing else."""
        return ssl.create_default_context(cafile=self.ca)

    def command(self, *arguments: str, **options: Any) -> bytes:
        """``socketworkers mail``: its output."""
        return run(bin_path("socketworkers"), "mail", *arguments, "--data", str(self.data), **options)

    def listed(self, address: str) -> list[dict[str, Any]]:
        """``socketworkers mail list`` of one address."""
        return [json.loads(line) for line in self.command("list", "--json", address).splitlines()]

    def shown(self, address: str) -> bytes:
        """The one message of an address, by ``socketworkers mail show``."""
        (message,) = self.listed(address)
        return self.command("show", message["id"])

    def fetched(self, address: str) -> list[bytes]:
        """The messages of an address by POP3, their lines put together again."""
        found = []
        box = poplib.POP3(host="127.0.0.1", port=self.pop3, timeout=TIMEOUT)
        try:
            box.stls(context=self.tls)
            box.user(address)
            box.pass_(self._password)
            for number in range(1, box.stat()[0] + 1):
                lines = box.retr(number)[1]
                found.append(b"".join(line + b"\r\n" for line in lines))
        finally:
            box.quit()
        return found

    def only(self, address: str) -> bytes:
        """The one message of an address, without our header fields; by the command and by POP3, which must agree."""
        shown = self.shown(address)
        assert self.fetched(address) == [shown]
        return body_of(shown)


@contextlib.contextmanager
def serve_mail(
    folder: Path, *arguments: str, users: tuple[str, ...] = (), password: str = "any"
) -> Iterator[MailServer]:
    """``run-app smtp`` with all of its listeners, as a child, while the block lasts.

    Args:
        folder: an empty folder.
        arguments: more arguments.
        users: added before the start, all with ``password``.
        password: of the users.
    """
    data, ready = folder / "data", folder / "ready.json"
    for name in users:
        command = (bin_path("socketworkers"), "mail", "user", "add", name, "--data", str(data))
        run(*command, input=password.encode() + b"\n")
    ports = [
        word for name in ("--port", "--tls-port", "--pop3-port", "--pop3s-port", "--lmtp-port") for word in (name, "0")
    ]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [
                *(bin_path("run-app"), "smtp", *ports, "--tls", "auto", "--data", str(data)),
                *("--ready-file", str(ready), "--exit-with-parent", *arguments),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + TIMEOUT
        while not ready.exists():
            if child.poll() is not None or time.monotonic() > deadline:
                pytest.fail("the server did not start:\n" + (folder / "log").read_text())
            time.sleep(0.02)
        yield MailServer(json.loads(ready.read_text()), data, password)
        child.send_signal(signal.SIGTERM)
        status = child.wait(TIMEOUT)
        text = (folder / "log").read_text()
        assert status == 0, text
        assert "Traceback" not in text, text
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
