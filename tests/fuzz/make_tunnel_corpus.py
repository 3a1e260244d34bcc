"""Writes the corpus of the tunnel's fuzz test: ``python -m tests.fuzz.make_tunnel_corpus``.

An input is the resource of a request, and behind a newline the value of ``Cf-Access-Jump-Destination``, if it has one.
An input that once found something stays: add it to ``FOUND`` below.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from tests.fuzz.mutation import write_corpus

HERE = Path(__file__).parent / "corpus" / "tunnel"

FOUND: list[bytes] = []

HOSTS = [
    "db", "DB", "db.", "db.example.org", "a-b_c.d", "xn--bcher-kva", "localhost", "127.0.0.1", "10.0.0.1", "0.0.0.0",
    "255.255.255.255", "169.254.169.254", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.01",
    "127.0.0.1.", "1.2.3.4.5", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[64:ff9b::10.0.0.1]", "[2002:7f00:1::]",
    "[fe80::1%eth0]", "[::1", "::1", "[db]", "[127.0.0.1]", "-db", "db-", "d..b", ".", "", "user@db", "user:pw@db",
    "db/x", "db?x", "db#x", "d b", "d\r\nb", "d\0b", "dß", "a" * 64, ".".join(["a" * 60] * 5), "*", "*.db", "%64b",
]  # fmt: skip
PORTS = ["5432", "1", "65535", "0", "65536", "05432", "+1", "-1", " 1", "", "0x10", "1_0", "99999999999999999999"]


def corpus() -> list[bytes]:
    """Every host with every port, in both dialects, and requests that ask twice."""
    found = [f"/v1?address={host}:{port}" for host in HOSTS for port in PORTS[:6]]
    found += [f"/v1?address={quote(f'{host}:{port}', safe='')}" for host in HOSTS for port in PORTS[:3]]
    found += [f"/\n{scheme}{host}:5432{path}" for host in HOSTS for scheme in ("", "tcp://") for path in ("", "/x")]
    found += [f"/v1?address=db:{port}" for port in PORTS]
    found += [
        "/v1",
        "/?",
        "/v1?address",
        "/v1?address=db:1&address=db:1",
        "/v1?a=b&address=db:1&c",
        "/?address=db:1\ndb:1",
    ]
    found += ["/?address=db:1\nother:1", "/?%61ddress=db:1", "/?address=db%3a1", "/\ntcp://tcp://db:1", "/\n//db:1"]
    good = [
        "db",
        "db.example.org",
        "8.8.8.8",
        "10.0.0.1",
        "[::1]",
        "[2606:4700::1111]",
        "[64:ff9b::808:808]",
        "[2002:808:808::]",
    ]
    found += [f"/?address={host}:{port}" for host in good for port in range(1, 60000, 1000)]
    return [*FOUND, *(text.encode("latin-1") for text in found)]


if __name__ == "__main__":
    HERE.mkdir(parents=True, exist_ok=True)
    write_corpus(HERE / "requests.txt", corpus(), "made by make_tunnel_corpus.py")
