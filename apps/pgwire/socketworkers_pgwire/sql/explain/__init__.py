"""EXPLAIN: what a statement does, drawn as PostgreSQL draws its plans (documentation §14.1, page EXPLAIN)."""

from __future__ import annotations

from .api import explain

__all__ = ["explain"]
