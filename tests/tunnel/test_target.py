"""What clients ask for, in both dialects: one form for each host, everything else refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketworkers.tunnel import parse_target, requested_target

ACCEPTED = {
    "db:5432": "db:5432",
    "DB.Example.ORG:5432": "db.example.org:5432",
    "db.example.org.:5432": "db.example.org:5432",
    "my_service-1:80": "my_service-1:80",
    "xn--bcher-kva.example:1": "xn--bcher-kva.example:1",
    "1a.example:65535": "1a.example:65535",
    "0x7f.example:1": "0x7f.example:1",
    "10.0.0.1:5432": "10.0.0.1:5432",
    "255.255.255.255:1": "255.255.255.255:1",
    "[::1]:5432": "[::1]:5432",
    "[0:0:0:0:0:0:0:1]:5432": "[::1]:5432",
    "[2001:DB8::0001]:1": "[2001:db8::1]:1",
    "[::ffff:10.0.0.1]:5432": "10.0.0.1:5432",
    "[::ffff:a00:1]:5432": "10.0.0.1:5432",
    "[64:ff9b::10.0.0.1]:5432": "[64:ff9b::a00:1]:5432",
}
REFUSED = [
    "", ":", "db", "db:", ":5432", "db:0", "db:65536", "db:+1", "db:-1", "db: 1", "db:1 ", "db:05432", "db:5432x",
    "db:0x10", "db:٥", "db:1_0", "db:99999999999999999999", "db::5432", "::1:5432", "[::1]", "[::1:5432", "::1]:5432",
    "[::1%eth0]:1", "[fe80::1%25eth0]:1", "[10.0.0.1]:1", "[]:1", "[db]:1", "[::1]x:1",
    # spellings that resolvers take for an IPv4 address (inet_aton(3))
    "2130706433:1", "017700000001:1", "0x7f000001:1", "0177.0.0.1:1", "0x7f.0.0.1:1", "127.1:1", "127.0.1:1",
    "127.0.0.01:1", "127.0.0.1.:1", "1.2.3.4.5:1", "256.0.0.1:1", "db.example.0x1:1", "db.1:1", "0:1", "0x:1",
    # names that are none
    "-db:1", "db-:1", ".db:1", "db..org:1", ".:1", "..:1", "db/x:1", "db?:1", "db#:1", "user@db:1", "user:pw@db:1",
    "db@:1", "d b:1", "db\t:1", "db\r\nx:1", "db\0:1", "dß:1", "ⅾb:1", "db%2e:1", "*:1", "*.db:1", "10.0.0.0/8:1",
    "a" * 64 + ":1", ".".join(["a" * 60] * 5) + ":1", "a" * 600 + ":1", "http://db:1", "db,other:1", "db:1,other:1",
]  # fmt: skip


@pytest.mark.parametrize("text", ACCEPTED)
def test_each_host_has_one_form(text: str) -> None:
    target = parse_target(text)
    assert str(target) == ACCEPTED[text]
    assert parse_target(str(target)) == target


@pytest.mark.attack("C11")
@pytest.mark.parametrize("text", REFUSED)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_target(text)
    words = str(caught.value)
    assert words.isascii()
    assert len(text) < 4 or text not in words


@given(st.text(max_size=40) | st.from_regex(r"\[?[0-9a-fx.:]{1,20}\]?:[0-9]{1,5}", fullmatch=True))
def test_whatever_comes_is_understood_or_refused(text: str) -> None:
    try:
        target = parse_target(text)
    except ValueError:
        return
    assert parse_target(str(target)) == target
    assert 1 <= target.port <= 65535
    assert target.host == target.host.lower()


# -- Neon's dialect ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "resource",
    [
        "/v1?address=db:5432",
        "/v1?address=db%3A5432",
        "/v1?%61ddress=DB:5432",
        "/v2?x=1&address=db.:5432&y",
        "/?address=%64%62:5432",
    ],
)
def test_the_address_in_the_query(resource: str) -> None:
    found = requested_target(resource, ())
    assert found is not None
    assert str(found) == "db:5432"


@pytest.mark.parametrize(
    "resource", ["/v1", "/", "/v1?", "/v1?addr=db:5432", "/address=db:5432", "/v1?Address=db:5432"]
)
def test_no_address_at_all(resource: str) -> None:
    assert requested_target(resource, ()) is None


@pytest.mark.attack("C11")
@pytest.mark.parametrize(
    "resource",
    [
        "/v1?address=",
        "/v1?address",
        "/v1?address=db:5432&address=other:5432",
        "/v1?address=db:5432&address=db:5432",
        "/v1?address=db:5432&%61ddress=other:1",
        "/v1?address=db+x:5432",
        "/v1?address=db%00:5432",
        "/v1?address=db%0d%0aX:5432",
        "/v1?address=db%253A5432",
        "/v1?address=%c3%a4:1",
        "/v1?address=%ff:1",
        "/v1?address=tcp://db:5432",
        "/v1?address=user@db:5432",
    ],
)
def test_addresses_in_the_query_that_are_refused(resource: str) -> None:
    with pytest.raises(ValueError):
        requested_target(resource, ())


# -- Cloudflare's dialect ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["db:5432", "tcp://db:5432", "ssh://DB:5432/metrics", "db:5432/metrics", "tcp://db.:5432/", "a+b-c.d://db:5432"],
)
def test_a_jump_destination_is_reduced_to_host_and_port(value: str) -> None:
    found = requested_target("/", (("cf-access-jump-destination", value),))
    assert found is not None
    assert str(found) == "db:5432"


@pytest.mark.attack("C11")
@pytest.mark.parametrize(
    "value",
    [
        "localhost", "ssh://localhost", "", "tcp://", "tcp:///x", "tcp://tcp://db:5432", "//db:5432", "/db:5432",
        "tcp://user@db:5432", "tcp://db:5432?x", "tcp://db:5432#x", "tcp://a:1\\@db:5432", "http://[::1", "1://db:1",
    ],
)  # fmt: skip
def test_jump_destinations_that_are_refused(value: str) -> None:
    with pytest.raises(ValueError):
        requested_target("/", (("cf-access-jump-destination", value),))


@pytest.mark.attack("C11")
def test_two_targets_are_one_too_many() -> None:
    jump = ("cf-access-jump-destination", "db:5432")
    assert str(requested_target("/v1?address=DB:5432", (jump,))) == "db:5432"
    with pytest.raises(ValueError, match="two different"):
        requested_target("/v1?address=other:5432", (jump,))
    with pytest.raises(ValueError, match="more than once"):
        requested_target("/", (jump, jump))
