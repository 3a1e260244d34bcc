"""Every way in which the network may cut a stream: whole, byte by byte, and at random places."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TypeVar

__all__ = ["cut_everywhere", "cuts", "feed_all_ways"]

T = TypeVar("T")


def cuts(data: bytes, *, rounds: int = 4, seed: int = 0) -> Iterator[list[bytes]]:
    """`data` in pieces: whole, byte by byte, then `rounds` times at random places."""
    yield [data] if data else []
    yield [data[place : place + 1] for place in range(len(data))]
    chooser = random.Random(seed)
    for _ in range(rounds):
        pieces = []
        start = 0
        while start < len(data):
            end = start + chooser.randint(1, max(1, len(data) // 2))
            pieces.append(data[start:end])
            start = end
        yield pieces


def cut_everywhere(data: bytes) -> Iterator[list[bytes]]:
    """`data` in two pieces, cut at every place in turn."""
    for place in range(1, len(data)):
        yield [data[:place], data[place:]]


def feed_all_ways(data: bytes, run: Callable[[list[bytes]], T], *, rounds: int = 4, seed: int = 0) -> T:
    """Run a decoder over `data` cut in every way; all results must be the same one, which is returned.

    Args:
        data: what the peer sends.
        run: decodes the pieces with a fresh decoder and returns all that came out.
        rounds: how many random cuts.
        seed: of the random cuts.
    """
    results = ((pieces, run(pieces)) for pieces in cuts(data, rounds=rounds, seed=seed))
    first = next(results)[1]
    for pieces, result in results:
        assert result == first, f"cut into {[len(piece) for piece in pieces]} the result is another"
    return first
