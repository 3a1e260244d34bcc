"""The share of answers that are those of PostgreSQL 15, for each source of the corpus."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from tests.pgwire.differential.__main__ import compare_sources
from tests.pgwire.differential.report import Outcome, table
from tests.pgwire.differential.runner import Server
from tests.pgwire.differential.servers import Unavailable, ours, postgresql
from tests.pgwire.differential.source import find


@dataclass(frozen=True, slots=True)
class Shares:
    """The outcomes as a part of the results."""

    outcomes: list[Outcome]

    def text(self) -> str:
        """As Markdown."""
        return f"### Answers of the database that are those of PostgreSQL 15\n\n{table(self.outcomes)}\n"


def run(rounds: int) -> list[Shares]:
    """All sources once: answers need no rounds."""
    with contextlib.ExitStack() as stack:
        try:
            addresses = [stack.enter_context(each()) for each in (postgresql, ours)]
        except Unavailable as reason:
            raise SystemExit(str(reason)) from None
        theirs, other = (Server(address) for address in addresses)
        return [Shares(compare_sources(find([]), theirs, other))]
