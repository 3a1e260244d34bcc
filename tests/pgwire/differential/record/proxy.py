"""A proxy that writes down what clients send, in the form of the corpus.

Object identifiers are each server's own. The cluster behind the proxy gives its first one from `FIRST_OID` on, so that
a number of that range in a statement or a parameter is one; the proxy asks what it stands for, before it passes the
statement on.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import struct
import threading
from pathlib import Path
from typing import Any

from socketworkers_pgwire.codec import (
    Bind,
    Close,
    CopyData,
    CopyDone,
    CopyFail,
    Decoder,
    Describe,
    Execute,
    Flush,
    Message,
    ParameterDescription,
    Parse,
    Query,
    ReadyForQuery,
    StartupMessage,
    Sync,
    Terminate,
    encode_query,
)

__all__ = ["FIRST_OID", "Proxy"]

FIRST_OID = 7_340_000
_OIDS = re.compile(r"(?<![\w.])73[4-9]\d{4}(?![\w.])")
_NAMES = (
    "SELECT 'class', n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
    " WHERE c.oid = {0}"
    " UNION ALL SELECT 'type', n.nspname || '.' || t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace"
    " WHERE t.oid = {0}"
    " UNION ALL SELECT 'function', n.nspname || '.' || p.proname FROM pg_proc p"
    " JOIN pg_namespace n ON n.oid = pronamespace WHERE p.oid = {0}"
    " UNION ALL SELECT 'constraint', n.nspname || '.' || c.conname FROM pg_constraint c"
    " JOIN pg_namespace n ON n.oid = connamespace WHERE c.oid = {0}"
    " UNION ALL SELECT 'namespace', nspname FROM pg_namespace WHERE oid = {0}"
    " UNION ALL SELECT 'role', rolname FROM pg_roles WHERE oid = {0}"
    " UNION ALL SELECT 'database', CASE datname WHEN current_database() THEN 'this' ELSE datname END"
    " FROM pg_database WHERE oid = {0}"
)
_OID, _OID_ARRAY = 26, 1028
_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102


class Proxy:
    """Listens, passes on, and keeps what was sent.

    Args:
        port: of the server behind it.
    """

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.items: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._open: set[int] = set()
        self._threads: list[threading.Thread] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No more clients; those that are there come to their end."""
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def write(self, path: Path, flags: dict[str, list[str]] | None = None) -> int:
        """Write the corpus; how many requests it has."""
        lines = [json.dumps(item | (flags or {}), ensure_ascii=False) for item in self.items]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return sum("query" in item or "send" in item for item in self.items)

    def add(self, number: int, item: dict[str, Any]) -> dict[str, Any]:
        """One request of a connection; what is kept of it."""
        kept = ({"session": f"s{number}"} if number else {}) | item
        with self._lock:
            self.items.append(kept)
        return kept

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                number = next(n for n in range(1000) if n not in self._open)
                self._open.add(number)
            thread = threading.Thread(target=self._serve, args=(client, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, number: int) -> None:
        try:
            with client, socket.create_connection(("127.0.0.1", self._upstream)) as server:
                startup = _startup(client)
                if startup:
                    server.sendall(startup)
                    if startup[4:8] != _CANCEL.to_bytes(4):
                        passage = _Passage(self, number, client, server, startup)
                        other = {} if passage.database in ("client", "") else {"database": passage.database}
                        self.add(number, {"connect": True} | other)
                        passage.run()
                        self.add(number, {"close": True})
        except OSError:
            pass  # one of them went away
        finally:
            with self._lock:
                self._open.discard(number)


def _startup(client: socket.socket) -> bytes:
    """The startup packet; encryption is refused."""
    while True:
        head = client.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            return b""
        packet = head + client.recv(int.from_bytes(head) - 4, socket.MSG_WAITALL)
        if struct.unpack_from("!I", packet, 4)[0] not in (_SSL, _GSS):
            return packet
        client.sendall(b"N")


def _data(data: bytes) -> str | dict[str, str]:
    """The data of a COPY, as a text if it is one."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"hex": data.hex()}


class _Passage:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, number: int, client: socket.socket, server: socket.socket, startup: bytes) -> None:
        self._proxy = proxy
        self._number = number
        self._client = client
        self._server = server
        self._requests = Decoder(role="backend", max_message=1 << 28)
        (first,) = self._requests.receive(startup)
        assert isinstance(first, StartupMessage)
        self.database = first.parameters.get(b"database", b"").decode()
        self._requests.open()
        self._requests.resume()
        self._answers = Decoder(role="frontend", max_message=1 << 28)
        self._unit: list[list[Any]] = []
        self._copy: list[bytes] = []
        self._item: dict[str, Any] = {}
        self._waiting = 1
        self._status = b""
        self._types: dict[bytes, tuple[int, ...]] = {}
        self._described: list[bytes] = []
        self._names: dict[str, str] = {}

    def run(self) -> None:
        """Until one side closes."""
        selector = selectors.DefaultSelector()
        selector.register(self._client, selectors.EVENT_READ)
        selector.register(self._server, selectors.EVENT_READ)
        with selector:
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                    if not data:
                        return
                    if key.fileobj is self._client:
                        for message in self._requests.receive(data):
                            self._take(message)
                        self._server.sendall(data)
                    else:
                        for message in self._answers.receive(data):
                            self._answered(message)
                        self._client.sendall(data)

    def _answered(self, message: Message) -> None:
        if isinstance(message, ReadyForQuery):
            self._waiting -= 1
            self._status = message.status
            if self._copy:
                self._item["copy"] = _data(b"".join(self._copy))
                self._copy = []
        elif isinstance(message, ParameterDescription) and self._described:
            self._types[self._described.pop(0)] = message.types

    def _take(self, message: Message) -> None:
        """One message of the client."""
        match message:
            case Query():
                self._waiting += 1
                self._item = self._proxy.add(self._number, {"query": self._text(message.text)})
            case Parse():
                types = list(message.parameter_types)
                self._types[message.name] = message.parameter_types
                self._unit.append(["P", message.name.decode(), self._text(message.text), types])
            case Bind():
                self._unit.append(self._bind(message))
            case Describe():
                if message.kind == b"S":
                    self._described.append(message.name)
                self._unit.append(["D", message.kind.decode(), message.name.decode()])
            case Execute():
                limit = [message.max_rows] if message.max_rows else []
                self._unit.append(["E", message.portal.decode(), *limit])
            case Close():
                self._unit.append(["C", message.kind.decode(), message.name.decode()])
            case Flush():
                pass  # the corpus has units that end with Sync
            case Sync():
                self._waiting += 1
                self._item = self._proxy.add(self._number, {"send": self._unit})
                self._unit = []
            case CopyData():
                self._copy.append(message.data)
            case CopyDone() | CopyFail() | Terminate():
                pass
            case _:
                raise OSError(f"{type(message).__name__} has no place in a corpus")

    def _bind(self, bind: Bind) -> list[Any]:
        types = self._types.get(bind.statement, ())
        formats = list(bind.formats) * len(bind.parameters) if len(bind.formats) == 1 else list(bind.formats)
        formats += [0] * (len(bind.parameters) - len(formats))
        types = types + (0,) * (len(bind.parameters) - len(types))
        values = [self._parameter(*each) for each in zip(bind.parameters, formats, types, strict=False)]
        found: list[Any] = ["B", bind.portal.decode(), bind.statement.decode(), values]
        if bind.result_formats or (bind.formats and any(bind.formats)):
            found.append([int(code) for code in bind.formats])
        if bind.result_formats:
            found.append([int(code) for code in bind.result_formats])
        return found

    def _parameter(self, value: bytes | None, code: int, oid: int) -> Any:
        if value is None:
            return None
        if not code:
            return self._text(value)
        if oid == _OID and len(value) == 4:
            return {"oid": self._text(str(int.from_bytes(value)).encode())}
        if oid == _OID_ARRAY and len(value) >= 12:
            count = int.from_bytes(value[12:16]) if int.from_bytes(value[:4]) else 0
            items = [int.from_bytes(value[24 + 8 * n : 28 + 8 * n]) for n in range(count)]
            return {"oids": [self._text(str(item).encode()) for item in items]}
        return {"hex": value.hex()}

    def _text(self, data: bytes) -> str:
        """A text with placeholders for object identifiers."""
        return _OIDS.sub(lambda found: self._name(found[0]), data.decode("utf-8", "surrogateescape"))

    def _name(self, oid: str) -> str:
        """The placeholder of an identifier, if it is one."""
        if oid not in self._names:
            if self._waiting or self._status == b"E" or self._unit:
                return oid  # there is no way to ask now
            rows = self._lookup(oid)
            if len(rows) != 1:
                return oid
            self._names[oid] = "{{" + " ".join(value.decode() for value in rows[0] if value) + "}}"
        return self._names[oid]

    def _lookup(self, oid: str) -> list[list[bytes | None]]:
        self._server.sendall(encode_query(_NAMES.format(oid).encode()))
        decoder = Decoder(role="frontend")
        rows: list[list[bytes | None]] = []
        while True:
            for message in decoder.receive(self._server.recv(1 << 16)):
                if isinstance(message, ReadyForQuery):
                    return rows
                if (values := getattr(message, "values", None)) is not None:
                    rows.append(values)
