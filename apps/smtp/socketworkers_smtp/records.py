"""What is stored of a message. Plain data, shared by queue, mailboxes and commands."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Delivery", "MessageIds", "Record", "Summary"]

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Delivery(NamedTuple):
    """One recipient of a message."""

    mailbox: str
    """Id of the mailbox object."""
    address: str
    """Normal form of the address."""
    recipient: str
    """The address as it was given."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message on its way to its mailboxes."""

    id: str
    received: float
    """Seconds since the epoch."""
    sender: str
    """"" for the null sender."""
    helo: str
    peer: str
    user: str
    details: str
    """Parameters of the envelope as JSON."""
    head: bytes
    """Trace fields that were added in front (RFC 5321 §4.4)."""
    body: bytes | None
    """The content as it came; None when it lies in a file."""
    file: str | None
    """Name of the body file."""
    size: int
    """Bytes of head and body."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A message in a mailbox, without its content."""

    id: str
    mailbox: str
    address: str
    recipient: str
    sender: str
    received: float
    size: int
    helo: str = ""
    peer: str = ""
    user: str = ""
    details: str = "{}"

    @property
    def uid(self) -> str:
        """Unique and lasting name of this copy (POP3 UIDL)."""
        return self.id


class MessageIds:
    """Names for messages: the time in microseconds, never the same twice in one data folder.

    A clock that is set back does not repeat names within a process; ``floor`` (the newest name on disk) keeps it so
    over restarts.
    """

    __slots__ = ("_last",)

    def __init__(self, floor: str = "") -> None:
        self._last = decode(floor) if floor else 0

    def next(self) -> str:
        """A new name: 11 characters, later ones sort behind earlier ones."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return encode(self._last)


def encode(number: int) -> str:
    """Crockford's base 32, 11 digits."""
    digits = []
    for _ in itertools.repeat(None, 11):
        number, digit = divmod(number, 32)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def decode(text: str) -> int:
    """The number of a name."""
    number = 0
    for character in text:
        number = number * 32 + _DIGITS.index(character)
    return number
