"""POP3 without I/O: `codec` (bytes) and `session` (who may say what when). RFC 1939 and its extensions."""

from __future__ import annotations

from .codec import Stuffer
from .events import Commit, Entry, Fetch, OpenMaildrop, Pop3Config, Pop3Event
from .session import Pop3Session

__all__ = ["Commit", "Entry", "Fetch", "OpenMaildrop", "Pop3Config", "Pop3Event", "Pop3Session", "Stuffer"]
