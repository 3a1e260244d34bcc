"""From analysed expressions and queries back to text, as ruleutils.c of PostgreSQL 15 writes it. Sans-IO."""

from __future__ import annotations

from .api import deparse_expression, deparse_query

__all__ = ["deparse_expression", "deparse_query"]
