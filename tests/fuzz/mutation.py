"""Mutation of a corpus: the inputs of the fuzz tests. Deterministic for a seed, and cheap.

A corpus is a text file with one input a line, escaped as Python escapes bytes. ``SOCKETWORKERS_FUZZ_INPUTS`` sets how
many inputs are tried, ``SOCKETWORKERS_FUZZ_SEED`` which ones.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["cut", "inputs_wanted", "load_corpus", "mutations", "seed_wanted", "write_corpus"]


def inputs_wanted(default: int) -> int:
    """How many inputs to try."""
    return int(os.environ.get("SOCKETWORKERS_FUZZ_INPUTS", "") or default)


def seed_wanted() -> int:
    """The seed of the run."""
    return int(os.environ.get("SOCKETWORKERS_FUZZ_SEED", "") or 20260101)


def load_corpus(path: Path) -> list[bytes]:
    """The inputs of a corpus file."""
    lines = path.read_text(encoding="ascii").splitlines()
    return [
        line.encode("ascii").decode("unicode_escape").encode("latin-1")
        for line in lines
        if line and not line.startswith("#")
    ]


def write_corpus(path: Path, inputs: Sequence[bytes], title: str) -> None:
    """Write a corpus file."""
    lines = [data.decode("latin-1").encode("unicode_escape").decode("ascii") for data in inputs]
    escaped = ["\\x23" + line[1:] if line.startswith("#") else line for line in lines]
    path.write_text(f"# {title}\n" + "".join(f"{line}\n" for line in escaped), encoding="ascii")


def mutations(corpus: Sequence[bytes], tokens: Sequence[bytes], count: int, seed: int, limit: int) -> Iterator[bytes]:
    """`count` inputs: first the corpus as it is, then changed in one to four places. At most `limit` bytes each."""
    chooser = random.Random(seed)
    below = chooser.random
    for number in range(count):
        if number < len(corpus):
            yield corpus[number]
            continue
        data = bytearray(corpus[int(below() * len(corpus))])
        for _ in range(1 + int(below() * 4)):
            kind = int(below() * 7)
            place = int(below() * (len(data) + 1))
            if kind == 0 and place < len(data):
                data[place] ^= 1 << int(below() * 8)
            elif kind == 1:
                del data[place : place + 1 + int(below() * 8)]
            elif kind == 2:
                data[place:place] = data[place : place + 1 + int(below() * 24)]
            elif kind in (3, 4):
                data[place:place] = tokens[int(below() * len(tokens))]
            elif kind == 5:
                other = corpus[int(below() * len(corpus))]
                start = int(below() * (len(other) + 1))
                data[place:] = other[start:]
            else:
                data.insert(place, int(below() * 256))
        yield bytes(data[:limit])


def cut(data: bytes, chooser: random.Random) -> list[bytes]:
    """`data` in up to four pieces, sometimes byte by byte."""
    if chooser.random() < 0.02:
        return [data[place : place + 1] for place in range(len(data))]
    places = sorted(int(chooser.random() * len(data)) for _ in range(1 + int(chooser.random() * 3)))
    edges = [0, *places, len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if end > start]
