"""Who may log in how: rules as ``pg_hba.conf`` has them (PostgreSQL 15 documentation §21.1). Sans-IO.

Without rules: this machine is trusted, others have to use SCRAM.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from socketworkers.settings import is_loopback

from .codec import Report
from .session import Method, SessionView, fatal

__all__ = ["DEFAULT_RULES", "Rule", "Rules", "parse_rule"]

_METHODS: Final = {
    "trust": Method.TRUST,
    "scram-sha-256": Method.SCRAM,
    "md5": Method.SCRAM,  # as PostgreSQL does where the password is kept for SCRAM
    "password": Method.PASSWORD,
    "cert": Method.CERTIFICATE,
    "reject": None,
}
_TYPES: Final = ("local", "host", "hostssl", "hostnossl")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Rule:
    """One line."""

    type: str
    """``local``, ``host``, ``hostssl``, ``hostnossl``."""
    databases: tuple[str, ...]
    """Names; ``all``, ``sameuser``, ``samerole``."""
    users: tuple[str, ...]
    """Names; ``all``, ``+role``."""
    network: Network | None
    """None: any address."""
    method: Method | None
    """None: reject."""

    @property
    def loopback(self) -> bool:
        """Whether only this machine is meant."""
        return self.type == "local" or (self.network is not None and self.network.is_loopback)


def parse_rule(text: str) -> Rule:
    """Read one rule: ``host all all 10.0.0.0/8 scram-sha-256``.

    Raises:
        ValueError: it is none; the message says why.
    """
    words = shlex.split(text)
    if not words or words[0] not in _TYPES:
        raise ValueError(f"it begins with one of {', '.join(_TYPES)}")
    type, rest = words[0], words[1:]
    expected = 3 if type == "local" else 4
    if len(rest) == expected + 1 and type != "local" and "/" not in rest[2]:
        rest[2:4] = [f"{rest[2]}/{rest[3]}"]  # address and mask
    if len(rest) != expected:
        raise ValueError("it has TYPE DATABASE USER ADDRESS METHOD (no address with local)")
    method = rest[-1]
    if method not in _METHODS:
        raise ValueError(f"the method is one of {', '.join(_METHODS)}")
    network: Network | None = None
    if type != "local":
        address = rest[2]
        if address not in ("all", "samehost", "samenet"):
            network = ipaddress.ip_network(address, strict=False)
        elif address != "all":
            network = ipaddress.ip_network("127.0.0.0/8")
    return Rule(type, tuple(rest[0].split(",")), tuple(rest[1].split(",")), network, _METHODS[method])


DEFAULT_RULES: Final = tuple(
    parse_rule(text)
    for text in (
        "local all all trust",
        "host all all 127.0.0.0/8 trust",
        "host all all ::1/128 trust",
        "host all all all scram-sha-256",
    )
)


class Rules:
    """The policy of a server.

    Args:
        rules: the first that fits holds; `DEFAULT_RULES` without any.
        everywhere: trust all addresses (``--insecure``) when there are no rules.
        is_member: whether a role is a member of another, both by name.
        encrypted_cleartext: a password may come in clear text where the connection is encrypted: to clients that cannot
            wait for a question (pipelines over ``wss``).
    """

    __slots__ = ("_is_member", "_rules")

    def __init__(
        self,
        rules: Sequence[Rule] = (),
        *,
        everywhere: bool = False,
        is_member: Callable[[str, str], bool] = lambda member, role: member == role,
    ) -> None:
        self._rules = tuple(rules) or (
            (parse_rule("local all all trust"), parse_rule("host all all all trust")) if everywhere else DEFAULT_RULES
        )
        self._is_member = is_member

    def method(self, view: SessionView) -> Method | Report:
        """As `session.Policy`."""
        for rule in self._rules:
            if self._fits(rule, view):
                return rule.method or _refused(view, "rejects connection")
        return _refused(view, "no pg_hba.conf entry")

    def _fits(self, rule: Rule, view: SessionView) -> bool:
        peer = view.peer
        if not peer:
            if rule.type != "local":
                return False
        else:
            if (
                rule.type == "local"
                or (rule.type == "hostssl" and not view.secure)
                or (rule.type == "hostnossl" and view.secure)
            ):
                return False
            if rule.network is not None and not _within(peer, rule.network):
                return False
        if not any(
            each == "all"
            or each == view.database
            or (each == "sameuser" and view.database == view.user)
            or (each in ("samerole", "samegroup") and self._is_member(view.user, view.database))
            for each in rule.databases
        ):
            return False
        return any(
            each == "all" or each == view.user or (each[:1] == "+" and self._is_member(view.user, each[1:]))
            for each in rule.users
        )


def _within(peer: str, network: Network) -> bool:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address in network or (
        network.is_loopback and is_loopback(str(address)) and address.version == network.version
    )


def _refused(view: SessionView, how: str) -> Report:
    encryption = "SSL encryption" if view.secure else "no encryption"
    where = f'host "{view.peer}"' if view.peer else "[local]"
    what = "pg_hba.conf rejects connection" if how.startswith("rejects") else how
    return fatal("28000", f'{what} for {where}, user "{view.user}", database "{view.database}", {encryption}')
