"""A real PostgreSQL for comparisons, and a client that executes one statement many times in a row."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Answer", "Client", "find_binaries", "running_server"]

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """What one execution gave: the fields of its row, or an error."""

    fields: tuple[bytes | None, ...] = ()
    sqlstate: str = ""
    message: str = ""
    detail: str = ""


def find_binaries() -> Path | None:
    """Where the server's programs of PostgreSQL 15 are."""
    folder = Path("/usr/lib/postgresql/15/bin")
    if (folder / "initdb").exists():
        return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def running_server(folder: Path, binaries: Path, *, first_oid: int = 0, locale: str = "C") -> Iterator[int]:
    """Run a server with a new cluster; its port.

    Args:
        folder: for its files.
        binaries: where its programs are.
        first_oid: object identifier of the first object that is made, instead of 16384.
        locale: of the cluster.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    owner = None
    if os.getuid() == 0:  # the server refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": ()} if owner else {}
    data = folder / "data"
    environment = {"PATH": os.environ["PATH"], "LC_ALL": locale, "TZ": "UTC"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, "env": environment}
    make = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", f"--locale={locale}", "-N"]
    subprocess.run(make, check=True, **quiet, **user)  # type: ignore[call-overload]
    if first_oid:
        subprocess.run(
            [binaries / "pg_resetwal", "-o", str(first_oid), "-D", data],
            check=True,
            **quiet,
            **user,  # type: ignore[call-overload]
        )
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c timezone=UTC"
    control = [binaries / "pg_ctl", "-D", data, "-w"]
    subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], check=True, **quiet, **user)  # type: ignore[call-overload]
    try:
        yield port
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, **quiet, **user)  # type: ignore[call-overload]


class Client:
    """A connection that waits for its answers."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._stream = self._socket.makefile("rb")
        startup = struct.pack("!I", 196608) + b"user\0postgres\0database\0postgres\0client_encoding\0UTF8\0\0"
        self._socket.sendall(struct.pack("!I", len(startup) + 4) + startup)
        self._until_ready()

    def close(self) -> None:
        """End the connection."""
        self._socket.sendall(b"X\0\0\0\4")
        self._stream.close()
        self._socket.close()

    def run(self, sql: str) -> list[Answer]:
        """A simple query."""
        self._socket.sendall(_message(b"Q", sql.encode() + b"\0"))
        return self._until_ready()

    def execute(
        self,
        sql: str,
        oids: Sequence[int],
        rows: Sequence[Sequence[bytes | None]],
        *,
        binary: bool = False,
        results: Sequence[int] = (0,),
    ) -> list[Answer]:
        """Execute `sql` once for each row of parameters.

        Args:
            sql: with $1 ... in it.
            oids: types of the parameters.
            rows: the parameters.
            binary: whether they are in binary form.
            results: format of each column.

        Returns:
            The first row, or the error, of each execution.
        """
        parse = b"\0" + sql.encode() + b"\0" + struct.pack(f"!H{len(oids)}I", len(oids), *oids)
        self._socket.sendall(_message(b"P", parse) + _message(b"S", b""))
        problems = self._until_ready()
        if problems:
            raise ValueError(f"{sql}: {problems[0].message}")
        answers: list[Answer] = []
        head = b"\0\0" + struct.pack("!HHH", 1, int(binary), len(oids))
        tail = struct.pack(f"!H{len(results)}H", len(results), *results)
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            out = []
            for row in batch:
                fields = b"".join([b"\xff\xff\xff\xff" if f is None else struct.pack("!i", len(f)) + f for f in row])
                out += [_message(b"B", head + fields + tail), _message(b"E", b"\0\0\0\0\0"), _message(b"S", b"")]
            self._socket.sendall(b"".join(out))
            for _ in batch:
                (answer,) = self._until_ready()
                answers.append(answer)
        return answers

    def _until_ready(self) -> list[Answer]:
        answers: list[Answer] = []
        while True:
            kind, length = struct.unpack("!cI", self._stream.read(5))
            body = self._stream.read(length - 4)
            if kind == b"Z":
                return answers
            if kind == b"D":
                answers.append(Answer(_fields(body)))
            elif kind == b"E":
                said = {field[:1]: field[1:].decode() for field in body.split(b"\0") if field}
                answers.append(Answer((), said[b"C"], said[b"M"], said.get(b"D", "")))


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _fields(body: bytes) -> tuple[bytes | None, ...]:
    count = struct.unpack_from("!H", body)[0]
    position = 2
    fields: list[bytes | None] = []
    for _ in range(count):
        length = struct.unpack_from("!i", body, position)[0]
        position += 4
        if length < 0:
            fields.append(None)
        else:
            fields.append(body[position : position + length])
            position += length
    return tuple(fields)
