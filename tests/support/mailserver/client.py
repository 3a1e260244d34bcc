"""Small blocking clients for server processes: SMTP line by line, POP3 by the standard library."""

from __future__ import annotations

import poplib
import socket
from types import TracebackType

__all__ = ["Client", "read_pop3", "send_one"]


class Client:
    """An SMTP client that shows every reply.

    Args:
        port: of the server.
        timeout: seconds for each reply.
        hello: whether to say EHLO at once.
    """

    def __init__(self, port: int, timeout: float = 20.0, *, hello: bool = True) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._file = self._socket.makefile("rb")
        self.greeting = self.reply()
        if hello:
            self.command("EHLO client.example")

    def reply(self) -> str:
        """One whole reply; "" at the end of the connection."""
        lines = []
        while line := self._file.readline():
            lines.append(line.decode())
            if line[3:4] != b"-":
                break
        return "".join(lines).rstrip("\r\n")

    def raw(self, data: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(data)

    def command(self, line: str) -> str:
        """Send a line; returns the reply."""
        self.raw(line.encode() + b"\r\n")
        return self.reply()

    def mail(self, body: bytes, *recipients: str, sender: str = "a@example.org") -> str:
        """Send a message; returns the last reply, of whatever command was refused first."""
        for line in (f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients or ("b@example.org",)), "DATA"):
            answer = self.command(line)
            if answer[0] not in "23":
                self.command("RSET")
                return answer
        self.raw((b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
        return self.reply()

    def close(self) -> None:
        """Reset nothing, wait for nothing."""
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def send_one(port: int, body: bytes, *recipients: str, timeout: float = 20.0) -> str:
    """One message in a session of its own; returns the reply."""
    with Client(port, timeout) as client:
        return client.mail(body, *recipients)


def read_pop3(port: int, user: str, password: str = "any", *, delete: bool = False) -> list[bytes]:
    """All messages of a user, as they were stored."""
    pop = poplib.POP3("127.0.0.1", port, 30)
    try:
        pop.user(user)
        pop.pass_(password)
        contents = []
        for number in range(1, len(pop.list()[1]) + 1):
            contents.append(b"".join(line + b"\r\n" for line in pop.retr(number)[1]))
            if delete:
                pop.dele(number)
        return contents
    finally:
        pop.quit()
