"""Mail, durable before ``250``, beside Postfix and aiosmtpd in the same run."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable
from typing import Any

from . import load, peers
from .harness import CLIENT_CORE, Row, Table, pin

SMALL, LARGE = 4096, 1 << 20
SECONDS = 1.0


def run(rounds: int) -> list[Table]:
    """All of it. Servers stay up; measures are taken in turn."""
    pin(CLIENT_CORE)
    version = peers.postfix_version()
    table = Table("Mail, messages per second, durable before 250")
    with contextlib.ExitStack() as stack:
        ports = {"ours": stack.enter_context(peers.ours()), "aiosmtpd": stack.enter_context(peers.aiosmtpd())}
        if version:
            ports["postfix"] = stack.enter_context(peers.postfix())

        def rate(server: str, sessions: int, size: int, **options: Any) -> float:
            main, _ = load.run(ports[server], sessions, size, SECONDS, **options)
            if main.failures:
                print(f"  {server}: {main.failures} sessions failed")
            return main.rate

        def measure(
            name: str, goals: dict[str, float], ours: Callable[[str], float], theirs: Callable[[str], float]
        ) -> None:
            values: dict[str, list[float]] = {"ours": []} | {peer: [] for peer in goals if peer in ports}
            for number in range(rounds):
                for server in values:
                    values[server].append((ours if server == "ours" else theirs)(server))
                print(f"  {name}, round {number + 1}: " + "  ".join(f"{k} {v[-1]:,.0f}" for k, v in values.items()))
            for peer, goal in goals.items():
                if peer in values:
                    label = f"Postfix {version}" if peer == "postfix" else "aiosmtpd"
                    table.rows.append(Row(name, values["ours"], values[peer], "/s", goal, label))

        def plain(name: str, goals: dict[str, float], sessions: int, size: int, **options: Any) -> None:
            def one(server: str) -> float:
                return rate(server, sessions, size, **options)

            measure(name, goals, one, one)

        plain("4 KB, 100 sessions", {"postfix": 4, "aiosmtpd": 4}, 100, SMALL)
        plain("4 KB, 10 sessions", {"postfix": 2}, 10, SMALL)
        plain("4 KB, 1 session", {"postfix": 1}, 1, SMALL)
        plain("4 KB, a session per message, 10 at a time", {"postfix": 2}, 10, SMALL, one=True)
        plain("1 MB, 10 sessions, DATA", {"postfix": 1.2}, 10, LARGE)
        measure(
            "1 MB, 10 sessions, BDAT (Postfix: the faster of its DATA and BDAT)",
            {"postfix": 2},
            lambda server: rate(server, 10, LARGE, bdat=True),
            lambda server: max(rate(server, 10, LARGE, bdat=True), rate(server, 10, LARGE)),
        )
        beside = Table("A 4 KB session beside ten that send 1 MB each, 99th percentile")
        tails: dict[str, list[float]] = {name: [] for name in ("ours", "postfix") if name in ports}
        for _ in range(rounds):
            for server in tails:
                _, other = load.run(ports[server], 10, LARGE, SECONDS * 2, beside=SMALL)
                tails[server].append(other.percentile(0.99) * 1000)
            print("  beside: " + "  ".join(f"{k} {v[-1]:.1f} ms" for k, v in tails.items()))
        beside.rows.append(Row("p99", tails["ours"], [50.0] * rounds, "ms", 1.0, "limit", higher_is_better=False))
        if "postfix" in tails:
            beside.notes.append(f"Postfix in the same run: {statistics.median(tails['postfix']):.1f} ms.")
    table.notes.append(
        "Ours: `run-app smtp --data DIR --keep 1000` on uvloop, mailboxes filled in the background. Postfix: its "
        "durable queue with virtual(8) to a Maildir, a process limit of 120. aiosmtpd: a Maildir, each file and the "
        "folder synced before 250."
    )
    return [table, beside]
