"""What a tunnel may reach. Sans-IO: names come resolved.

Two questions are asked. Of the *request*: does a rule name this host and port? Nothing is allowed that no rule names.
Of the *resolved address*: is it one of the public internet? Others (this machine, private networks, link-local with its
metadata services) need a rule or a network that names the address itself: who controls a name must not thereby choose
an inside address (DNS rebinding).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

from .target import IPAddress, Target, parse_address, parse_host, parse_port

__all__ = ["IPNetwork", "Policy", "Rule", "is_public", "never", "parse_network", "public_address"]

IPNetwork = IPv4Network | IPv6Network

#: IPv4 of no use on the public internet (the registry of RFC 6890), beside what ``never`` has
_INSIDE4 = tuple(
    IPv4Network(text)
    for text in (
        "10.0.0.0/8",  # RFC 1918
        "100.64.0.0/10",  # RFC 6598, carriers' address sharing
        "127.0.0.0/8",  # RFC 1122 §3.2.1.3
        "169.254.0.0/16",  # RFC 3927, and the metadata services of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # RFC 6890 §2.1
        "192.0.2.0/24",  # RFC 5737
        "192.88.99.0/24",  # RFC 7526
        "192.168.0.0/16",
        "198.18.0.0/15",  # RFC 2544
        "198.51.100.0/24",
        "203.0.113.0/24",
    )
)
#: "this network" (RFC 791 §3.2), multicast (RFC 5771), reserved and broadcast (RFC 1112 §4, RFC 919 §7): no peer of TCP
_NEVER4 = (IPv4Network("0.0.0.0/8"), IPv4Network("224.0.0.0/4"), IPv4Network("240.0.0.0/4"))
#: global unicast (RFC 4291 §2.4, RFC 3587), without the parts that have a purpose of their own
_GLOBAL6 = IPv6Network("2000::/3")
_INSIDE6 = (
    IPv6Network("2001::/23"),  # RFC 2928, Teredo among them
    IPv6Network("2001:db8::/32"),  # RFC 3849
    IPv6Network("3fff::/20"),  # RFC 9637
)
_NEVER6 = (IPv6Network("::/128"), IPv6Network("ff00::/8"))
#: addresses that a translator turns into the IPv4 address at their end (RFC 6052 §2.1), or behind 16 bits (RFC 3056 §2)
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")


def never(address: IPAddress) -> bool:
    """Whether no connection can be meant to lead there: unspecified, multicast, reserved."""
    networks: Iterable[IPNetwork] = _NEVER4 if isinstance(address, IPv4Address) else _NEVER6
    return any(address in network for network in networks)


def is_public(address: IPAddress) -> bool:
    """Whether the address is one of the public internet."""
    if isinstance(address, IPv4Address):
        return not never(address) and not any(address in network for network in _INSIDE4)
    if _embedded(address) is not None:
        return True  # the address within is looked at by itself
    return address in _GLOBAL6 and not any(address in network for network in _INSIDE6)


def _embedded(address: IPAddress) -> IPv4Address | None:
    """The IPv4 address that a packet to this IPv6 address ends at."""
    if isinstance(address, IPv4Address):
        return None
    number = int(address)
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(number & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return IPv4Address(number >> 80 & 0xFFFFFFFF)
    return None


def parse_network(text: str) -> IPNetwork:
    """An address or a network, with or without brackets.

    Raises:
        ValueError: it is neither, or has bits beyond its length.
    """
    try:
        return ip_network(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise ValueError("an address or a network such as 10.0.0.0/8") from None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of what is allowed."""

    text: str
    """As it was written."""
    name: str
    """A host name; ``*.name`` = all below it; ``*`` = every host; "" where ``network`` is set."""
    network: IPNetwork | None
    """An address, or a network of them."""
    ports: range

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Understand ``host:port``; host is a name, ``*.name``, ``*``, an address or a network, port may be ``lo-hi``
        or ``*``.

        Raises:
            ValueError: with what is expected.
        """
        host, colon, ports = text.strip().rpartition(":")
        if not colon or not host:
            raise ValueError("HOST:PORT")
        if ports == "*":
            span = range(1, 65536)
        else:
            low, dash, high = ports.partition("-")
            span = range(parse_port(low), parse_port(high if dash else low) + 1)
            if not span:
                raise ValueError("ports from a lower to a higher one")
        if "/" in host:
            return cls(text.strip(), "", parse_network(host), span)
        if host == "*":
            return cls(text.strip(), "*", None, span)
        name, address = parse_host(host.removeprefix("*."))
        if address is not None:
            if host.startswith("*."):
                raise ValueError("*. goes before a name")
            return cls(text.strip(), "", ip_network(address), span)
        return cls(text.strip(), f"*.{name}" if host.startswith("*.") else name, None, span)

    @property
    def exact(self) -> Target | None:
        """The one target that it allows, if it is one."""
        if len(self.ports) != 1 or self.name.startswith("*"):
            return None
        if self.network is None:
            return Target(self.name, self.ports[0])
        address = self.network.network_address
        return Target(str(address), self.ports[0], address) if self.network.num_addresses == 1 else None

    def allows(self, target: Target) -> bool:
        """Whether a client may ask for this."""
        if target.port not in self.ports:
            return False
        if self.network is not None:
            return target.address is not None and target.address in self.network
        if self.name == "*":
            return True
        if target.address is not None:
            return False
        return target.host.endswith(self.name[1:]) if self.name.startswith("*.") else target.host == self.name


class Policy:
    """Rules, and the inside networks that names may stand for.

    Args:
        rules: what clients may ask for.
        networks: addresses that are not public and may be reached nevertheless, by any rule.
    """

    __slots__ = ("networks", "rules")

    def __init__(self, rules: Iterable[Rule], networks: Iterable[IPNetwork] = ()) -> None:
        self.rules = tuple(rules)
        self.networks = tuple(networks)

    @property
    def default(self) -> Target | None:
        """What a client gets that names no target: the only one there is."""
        return self.rules[0].exact if len(self.rules) == 1 else None

    def rules_for(self, target: Target) -> tuple[Rule, ...]:
        """The rules by which a client may ask for ``target``; none: it may not."""
        return tuple(rule for rule in self.rules if rule.allows(target))

    def allows_address(self, rules: Iterable[Rule], address: IPAddress) -> bool:
        """Whether a target that these rules allow may lead to this address."""
        rules = tuple(rules)
        within = _embedded(address)
        return self._allows_one(rules, address) and (within is None or self._allows_one(rules, within))

    def _allows_one(self, rules: tuple[Rule, ...], address: IPAddress) -> bool:
        if never(address):
            return False
        if is_public(address) or any(address in network for network in self.networks):
            return True
        return any(
            # RFC 6761 §6.3: localhost is this machine, whatever a resolver says
            address in rule.network if rule.network is not None else rule.name == "localhost" and address.is_loopback
            for rule in rules
        )


def public_address(text: str) -> bool:
    """Whether a connection to this address leaves for the public internet: an ``allow_address`` for ``connect``."""
    return Policy(()).allows_address((), parse_address(text))
