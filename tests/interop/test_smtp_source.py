"""Postfix's load generator ``smtp-source``: many messages over several sessions."""

from __future__ import annotations

import pytest
from tests.interop.live import MailServer, need, run


@pytest.mark.parametrize("per_session", [True, False], ids=["sessions-kept", "one-message-per-session"])
def test_two_hundred_messages(server: MailServer, address: str, per_session: bool) -> None:
    source = need("smtp-source", "Debian: postfix")
    kept = ("-d",) if per_session else ()
    where = f"inet:127.0.0.1:{server.smtp}"
    run(source, *kept, "-s", "10", "-m", "200", "-l", "4096", "-f", "a@example.org", "-t", address, where)
    listed = server.listed(address)
    assert len(listed) == 200
    assert len({message["id"] for message in listed}) == 200
    assert len({message["size"] for message in listed}) <= 8  # they differ by the digits of numbers and times only
    assert len(server.fetched(address)) == 200


def test_lmtp(server: MailServer, address: str) -> None:
    source = need("smtp-source", "Debian: postfix")
    where = f"inet:127.0.0.1:{server.lmtp}"
    run(source, "-L", "-d", "-s", "5", "-m", "50", "-f", "a@example.org", "-t", address, where)
    assert len(server.listed(address)) == 50
