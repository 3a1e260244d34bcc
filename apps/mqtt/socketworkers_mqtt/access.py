"""Who may publish and subscribe to what, in the format of Mosquitto's ``acl_file`` (mosquitto.conf(5)).

::

    topic read $SYS/#                     # clients without a name
    user alice
    topic readwrite home/#
    topic deny home/secret/#
    pattern write devices/%c/state        # everybody: %c client identifier, %u user name

With a file only what it allows is allowed. ``deny`` goes before everything else, wherever it stands. Bridges of our own
are not asked: their topics are their permissions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from socketworkers.sasl import ScramVerifier

from .codec import MalformedPacket, parse_filter
from .identity import BRIDGE
from .passwords import Users
from .topics import filter_matches

__all__ = ["AccessControl", "Acl", "filters_overlap", "parse_acl"]

_READ, _WRITE, _DENY = 1, 2, 4
_WORDS = {"read": _READ, "write": _WRITE, "readwrite": _READ | _WRITE, "deny": _DENY}
#: answers that are remembered
_REMEMBERED = 20_000
#: bytes of a topic beyond which an answer is not remembered
_MEMORABLE = 512


@dataclass(slots=True)
class Acl:
    """The rules of a file."""

    users: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    """By user name; "" = clients without one."""
    patterns: list[tuple[int, str]] = field(default_factory=list)
    """For everybody, with %c and %u."""

    def rules(self, client_id: str, username: str) -> list[tuple[int, bytes]]:
        """What concerns one client.

        A name with a wildcard or a level of its own must not widen a pattern (CVE-2017-7650): patterns with it do not
        count.
        """
        found = list(self.users.get(username, ()))
        for rights, pattern in self.patterns:
            if ("%c" in pattern and _unsafe(client_id)) or ("%u" in pattern and _unsafe(username)):
                continue
            found.append((rights, pattern.replace("%c", client_id).replace("%u", username).encode()))
        return found


def _unsafe(name: str) -> bool:
    return not name or any(each in name for each in "+#/")


def parse_acl(text: str) -> Acl:
    """Read the rules.

    Raises:
        ValueError: a line that cannot be understood, with its number.
    """
    acl = Acl()
    user = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word == "user" and rest:
            user = rest
            continue
        if word not in ("topic", "pattern") or not rest:
            raise ValueError(f"line {number}: user NAME, topic [RIGHTS] FILTER or pattern [RIGHTS] FILTER")
        first, space, filter = rest.partition(" ")
        rights = _WORDS.get(first) if space else None
        if rights is None:
            rights, filter = _READ | _WRITE, rest
        filter = filter.strip()
        try:
            parse_filter(filter)
        except MalformedPacket as error:
            raise ValueError(f"line {number}: {error}") from None
        if word == "topic":
            acl.users.setdefault(user, []).append((rights, filter.encode()))
        else:
            acl.patterns.append((rights, filter))
    return acl


def filters_overlap(one: bytes, other: bytes) -> bool:
    """Whether there can be a topic that both filters match."""
    a, b = one.split(b"/"), other.split(b"/")
    if (a[0][:1] == b"$") is not (b[0][:1] == b"$") and (a[0] in (b"+", b"#") or b[0] in (b"+", b"#")):
        return False  # wildcards at the first level do not match $ topics ([MQTT-4.7.2-1])
    for index in range(max(len(a), len(b))):
        left = a[index] if index < len(a) else None
        right = b[index] if index < len(b) else None
        if left == b"#" or right == b"#":
            return True
        if left is None or right is None:
            return False
        if left != right and left != b"+" and right != b"+":
            return False
    return True


def filter_covers(wide: bytes, narrow: bytes) -> bool:
    """Whether every topic that ``narrow`` matches is matched by ``wide``, too."""
    a, b = wide.split(b"/"), narrow.split(b"/")
    if b[0][:1] == b"$" and a[0] in (b"+", b"#"):
        return False
    for index, level in enumerate(a):
        if level == b"#":
            return True
        if index >= len(b) or b[index] == b"#":
            return False
        if level != b"+" and level != b[index]:
            return False
    return len(a) == len(b)


class AccessControl:
    """``Access`` of a broker: users, anonymous clients, rules.

    Args:
        users: who may log in.
        acl: rules; None = everybody may do everything.
        anonymous: whether clients without a name may connect from anywhere; None = from this machine only, and only
            while there are no users.
        everywhere: with None, from other machines as well (``--insecure``).
    """

    __slots__ = ("_answers", "_everywhere", "_rules", "acl", "anonymous", "users")

    def __init__(
        self, users: Users, acl: Acl | None = None, *, anonymous: bool | None = None, everywhere: bool = False
    ) -> None:
        self.users = users
        self.acl = acl
        self.anonymous = anonymous
        self._everywhere = everywhere
        self._rules: dict[tuple[str, str], list[tuple[int, bytes]]] = {}
        self._answers: dict[tuple[str, str, bytes, int], bool] = {}

    @classmethod
    def load(cls, users: Users, acl_file: str, anonymous: bool | None, *, everywhere: bool = False) -> AccessControl:
        """Read the rules of a file, "" for none.

        Raises:
            ValueError: a line that cannot be understood.
            OSError: the file cannot be read.
        """
        acl = parse_acl(Path(acl_file).read_text(encoding="utf-8")) if acl_file else None
        return cls(users, acl, anonymous=anonymous, everywhere=everywhere)

    @property
    def restricted(self) -> bool:
        """Whether ``may_write`` can ever say no."""
        return self.acl is not None

    @property
    def has_users(self) -> bool:
        """Whether there are passwords to check."""
        return len(self.users) > 0

    def may_be_anonymous(self, loopback: bool) -> bool:
        """Whether a client without a user name may connect."""
        if self.anonymous is not None:
            return self.anonymous
        return (loopback or self._everywhere) and not self.has_users

    def lookup(self, username: str) -> tuple[ScramVerifier, bool]:
        """For SCRAM."""
        return self.users.lookup(username)

    def may_write(self, client_id: str, username: str, topic: bytes) -> bool:
        """Whether a client may publish to a topic."""
        return self.acl is None or client_id.startswith(BRIDGE) or self._ask(client_id, username, topic, _WRITE)

    def may_read(self, client_id: str, username: str, topic: bytes) -> bool:
        """Whether a client may get messages of a topic."""
        return self.acl is None or client_id.startswith(BRIDGE) or self._ask(client_id, username, topic, _READ)

    def _ask(self, client_id: str, username: str, topic: bytes, right: int) -> bool:
        key = (client_id, username, topic, right)
        answer = self._answers.get(key)
        if answer is None:
            matching = [rights for rights, filter in self._of(client_id, username) if filter_matches(filter, topic)]
            answer = any(rights & right for rights in matching) and not any(rights & _DENY for rights in matching)
            if len(topic) <= _MEMORABLE:
                if len(self._answers) >= _REMEMBERED:
                    self._answers.clear()
                self._answers[key] = answer
        return answer

    def _of(self, client_id: str, username: str) -> list[tuple[int, bytes]]:
        rules = self._rules.get((client_id, username))
        if rules is None:
            assert self.acl is not None
            if len(self._rules) >= _REMEMBERED:
                self._rules.clear()
            rules = self._rules[client_id, username] = self.acl.rules(client_id, username)
        return rules

    def may_subscribe(self, client_id: str, username: str, filter: bytes) -> bool:
        """Whether anything that a filter matches may be read; what may not is left out message by message."""
        if self.acl is None or client_id.startswith(BRIDGE):
            return True
        rules = self._of(client_id, username)
        if any(rights & _DENY and filter_covers(other, filter) for rights, other in rules):
            return False
        return any(rights & _READ and filters_overlap(other, filter) for rights, other in rules)
