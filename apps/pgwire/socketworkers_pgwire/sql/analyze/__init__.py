"""The analysis: names, types and meaning of a parsed statement. Sans-IO.

Chapter 10 of the PostgreSQL documentation tells the rules of types; src/backend/parser of PostgreSQL 15 everything
else, messages and their places among it.
"""

from __future__ import annotations

from .api import analyze
from .kinds import Kind
from .standalone import analyse_expression, cast_for_column, parse_expression, parse_expressions
from .state import Notes
from .typenames import format_type, resolve_type

__all__ = [
    "Kind",
    "Notes",
    "analyse_expression",
    "analyze",
    "cast_for_column",
    "format_type",
    "parse_expression",
    "parse_expressions",
    "resolve_type",
]
