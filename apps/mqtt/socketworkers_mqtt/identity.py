"""Names of clients that are the broker's own."""

from __future__ import annotations

__all__ = ["BRIDGE"]

#: what client identifiers of our own bridges begin with; others cannot have such
BRIDGE = "$bridge/"
