"""PostgreSQL's regular expressions (PostgreSQL 15 documentation, §9.7.3), in time that grows with the text.

A match is the one that PostgreSQL finds: the first that begins, then the longest or the shortest by the preference of
the whole expression, and its parts by their own preferences. An expression becomes a nondeterministic automaton, whose
deterministic one is made as the text is read; only back references need trials. Sans-IO: whoever calls may give a
function that is called now and then and may raise, to stop it.
"""

from __future__ import annotations

from .match import Regex, compile_regex
from .syntax import Options

__all__ = ["Options", "Regex", "compile_regex"]
