"""Compound SELECTs of any length."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["chain"]

_MAX_ARMS = 400  # SQLite takes 500 SELECTs in one compound


def chain(arms: Sequence[str], word: str) -> str:
    """SELECTs joined by UNION or UNION ALL; many of them in groups."""
    if len(arms) <= _MAX_ARMS:
        return f" {word} ".join(arms)
    groups = [chain(arms[start : start + _MAX_ARMS], word) for start in range(0, len(arms), _MAX_ARMS)]
    return chain([f"SELECT * FROM ({group})" for group in groups], word)
