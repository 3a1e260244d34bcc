"""What a tunnel may reach: rules about the request, and about the address behind the name."""

from __future__ import annotations

import ipaddress

import pytest

from socketworkers.tunnel import Policy, Rule, parse_target
from socketworkers.tunnel.policy import is_public, never, parse_network


def rules(*texts: str) -> list[Rule]:
    return [Rule.parse(text) for text in texts]


@pytest.mark.parametrize(
    ("rule", "allowed", "refused"),
    [
        ("db:5432", ["db:5432", "DB:5432", "db.:5432"], ["db:5433", "db.org:5432", "xdb:5432", "10.0.0.1:5432"]),
        ("DB.:5432", ["db:5432"], ["d:5432"]),
        (
            "*.example.org:5432",
            ["a.example.org:5432", "a.b.example.org:5432"],
            ["example.org:5432", "aexample.org:5432", "a.example.org.evil:5432", "a.example.com:5432"],
        ),
        ("db:5000-5009", ["db:5000", "db:5009"], ["db:4999", "db:5010"]),
        ("db:*", ["db:1", "db:65535"], ["other:1"]),
        ("10.0.0.0/8:5432", ["10.0.0.0:5432", "10.255.255.255:5432", "[::ffff:10.0.0.1]:5432"], ["11.0.0.0:5432"]),
        ("10.0.0.1:5432", ["10.0.0.1:5432"], ["10.0.0.2:5432", "db:5432"]),
        ("[::1]:5432", ["[::1]:5432", "[0::1]:5432"], ["[::2]:5432", "127.0.0.1:5432", "localhost:5432"]),
        ("fd00::/8:5432", ["[fd00::1]:5432"], ["[fe00::1]:5432"]),
        ("*:5432", ["db:5432", "8.8.8.8:5432", "10.0.0.1:5432"], ["db:22"]),
    ],
)
def test_rules(rule: str, allowed: list[str], refused: list[str]) -> None:
    made = Rule.parse(rule)
    for text in allowed:
        assert made.allows(parse_target(text)), text
    for text in refused:
        assert not made.allows(parse_target(text)), text


@pytest.mark.parametrize(
    "text",
    ["", "db", "db:", ":5432", "db:x", "db:0", "db:5-4", "db:1-", "10.0.0.1/8:1", "10.0.0.0/33:1", "*.10.0.0.1:1",
     "d b:1", "**.db:1", "a.*:1", "127.1:1", "[fd00::]/8:1", "db:1-70000", "user@db:1"],
)  # fmt: skip
def test_rules_that_are_none(text: str) -> None:
    with pytest.raises(ValueError):
        Rule.parse(text)


def test_nothing_is_allowed_by_default() -> None:
    policy = Policy(())
    assert policy.default is None
    assert policy.rules_for(parse_target("db:5432")) == ()


def test_the_default_target_is_the_only_one() -> None:
    assert str(Policy(rules("db:5432")).default) == "db:5432"
    assert str(Policy(rules("[::1]:5432")).default) == "[::1]:5432"
    for several in (("db:5432", "other:1"), ("db:5-6",), ("*.db:1",), ("10.0.0.0/31:1",), ("*:1",)):
        assert Policy(rules(*several)).default is None


# -- the address behind the name -----------------------------------------------------------------------------------

PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "192.169.0.1", "100.128.0.1", "223.255.255.255", "2606:4700::1111",
          "2a00::1", "64:ff9b::8.8.8.8", "2002:0808:0808::1"]  # fmt: skip
INSIDE = ["127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254",
          "100.64.0.1", "198.18.0.1", "192.0.2.1", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "fec0::1", "100::1",
          "2001:db8::1", "2001::1", "::7f00:1", "::ffff:0:7f00:1", "3fff::1", "4000::1"]  # fmt: skip
NEVER = ["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "ff02::1"]
#: inside addresses in the dress of IPv6: mapped (RFC 4291 §2.5.5.2), NAT64 (RFC 6052), 6to4 (RFC 3056)
DRESSED = ["::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::169.254.169.254",
           "2002:7f00:0001::", "2002:0a00:0001::1", "64:ff9b::0.0.0.0", "::ffff:0.0.0.0"]  # fmt: skip


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses(text: str) -> None:
    address = ipaddress.ip_address(text)
    assert is_public(address)
    assert Policy(()).allows_address(rules("db:5432"), address)


@pytest.mark.attack("C11")
@pytest.mark.parametrize("text", [*INSIDE, *NEVER, *DRESSED])
def test_a_name_may_not_lead_inside(text: str) -> None:
    address = ipaddress.ip_address(text)
    for rule in ("db:5432", "*.example.org:5432", "*:5432", "8.8.8.8:5432", "[2606:4700::1]:1"):
        assert not Policy(()).allows_address(rules(rule), address)


@pytest.mark.parametrize("text", INSIDE)
def test_an_inside_network_that_is_allowed_by_itself(text: str) -> None:
    address = ipaddress.ip_address(text)
    assert not never(address)
    assert Policy((), [parse_network(text)]).allows_address(rules("db:5432"), address)
    assert Policy(()).allows_address([Rule.parse(f"[{text}]:1" if ":" in text else f"{text}:1")], address)
    other = parse_network("192.168.77.0/24")
    assert address in other or not Policy((), [other]).allows_address(rules("db:5432"), address)


@pytest.mark.attack("C11")
@pytest.mark.parametrize("text", NEVER)
def test_what_no_rule_can_allow(text: str) -> None:
    address = ipaddress.ip_address(text)
    everything = [parse_network("0.0.0.0/0"), parse_network("::/0")]
    assert not Policy((), everything).allows_address(rules("*:5432", "0.0.0.0/0:5432"), address)


@pytest.mark.attack("C11")
def test_what_is_within_counts_by_itself() -> None:
    nat64 = ipaddress.ip_address("64:ff9b::10.0.0.1")
    assert not Policy((), [parse_network("64:ff9b::/96")]).allows_address(rules("db:1"), nat64)
    assert Policy((), [parse_network("10.0.0.0/8")]).allows_address(rules("db:1"), nat64)


def test_localhost_is_this_machine() -> None:
    policy = Policy(())
    assert policy.allows_address(rules("localhost:5432"), ipaddress.ip_address("127.0.0.1"))
    assert policy.allows_address(rules("localhost:5432"), ipaddress.ip_address("::1"))
    assert not policy.allows_address(rules("localhost:5432"), ipaddress.ip_address("10.0.0.1"))
    assert not policy.allows_address(rules("x.localhost:5432"), ipaddress.ip_address("127.0.0.1"))
