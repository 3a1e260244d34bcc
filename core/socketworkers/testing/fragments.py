"""Cutting data into pieces, to show that a parser does not depend on how its input arrives."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["fragment"]


def fragment(data: bytes, every: int = 1) -> Iterator[bytes]:
    """The pieces of ``data``, ``every`` bytes each, the last one shorter where it does not fit.

    Raises:
        ValueError: ``every`` is less than 1.
    """
    if every < 1:
        raise ValueError("every must be at least 1")
    return (data[start : start + every] for start in range(0, len(data), every))
