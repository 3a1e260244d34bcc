"""F1 for the tunnel: mutated requests are understood in one way or refused, and never lead where no rule does.

See ``test_smtp_codec``; the same variables count here.
"""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import pytest
from tests.fuzz.mutation import inputs_wanted, load_corpus, mutations, seed_wanted

from socketworkers.tunnel import Policy, Rule, parse_target, requested_target
from socketworkers.tunnel.policy import is_public, never

CORPUS = load_corpus(Path(__file__).parent / "corpus" / "tunnel" / "requests.txt")
TOKENS = [
    b"address=", b"&", b"?", b":", b"/", b"//", b"@", b"%", b"%00", b"%0d%0a", b"%3a", b"[", b"]", b"::", b"::ffff:",
    b".", b"0x", b"0", b"127.0.0.1", b"5432", b"db", b"*", b"\n", b"tcp://", b"\xff", b"\xc3\xa4", b"#", b" ", b"%25",
    b"64:ff9b::", b"2002:", b"_", b"-", b"+", b"1e1",
]  # fmt: skip
LIMIT = 600
POLICY = Policy([Rule.parse("db:5432"), Rule.parse("*.example.org:1-65535"), Rule.parse("*:5432")])


def check(data: bytes) -> bool:
    """Look at one request; whether it has a target."""
    resource, newline, jump = data.decode("latin-1").partition("\n")
    headers = (("cf-access-jump-destination", jump),) if newline else ()
    try:
        target = requested_target(resource, headers)
    except ValueError as error:
        reason = str(error)
    else:
        reason = ""
    if reason:
        assert reason.isascii()
        assert len(reason) < 100  # never the peer's words
        return False
    if target is None:
        return False
    assert parse_target(str(target)) == target
    assert 1 <= target.port <= 65535
    if target.address is None:
        # a name must not be something that a resolver takes for an address (inet_aton(3), RFC 4291 §2.2)
        assert target.host == target.host.lower()
        for read in (socket.inet_aton, lambda text: socket.inet_pton(socket.AF_INET6, text)):
            with pytest.raises(OSError):
                read(target.host)
    else:
        assert ipaddress.ip_address(target.host) == target.address
        rules = POLICY.rules_for(target)
        if POLICY.allows_address(rules, target.address):
            assert is_public(target.address)
            assert not never(target.address)
            assert not target.address.is_private or target.address in ipaddress.ip_network("64:ff9b::/96")
            assert not target.address.is_loopback
    return True


@pytest.mark.catalogue("F1")
@pytest.mark.attack("C11")
@pytest.mark.timeout(7200)
def test_mutated_requests() -> None:
    seed = seed_wanted()
    wanted = inputs_wanted(200_000)
    count = understood = 0
    for number, data in enumerate(mutations(CORPUS, TOKENS, wanted, seed, LIMIT)):
        try:
            understood += check(data)
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {data!r}") from error
        count += 1
    assert count == wanted
    assert understood > wanted / 40  # the inputs are not all nonsense


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 500
