"""Durable storage on SQLite: synchronous calls in microseconds, commits synced in groups beside the loop.

Objects get a :class:`Storage` as ``ctx.storage``. Apps that drive SQLite themselves use
``storage.open_connection()``, ``storage.commit_ticket()`` and ``await storage.synced(ticket)``; large bodies go to
:class:`BodyFiles`. Why the syncs are sound is told in ``database`` and shown by the crash simulator of the tests.
"""

from __future__ import annotations

from apsw import ConstraintError, SQLError

from .database import Database
from .engine import check_library
from .executor import Executor, ThreadExecutor
from .files import BodyFiles, BodyWriter
from .options import Options
from .reserve import Reserve
from .schema import Migration
from .sql import Parameters, Row, Sql
from .storage import Key, Storage
from .tickets import SyncTicket

__all__ = [
    "BodyFiles",
    "BodyWriter",
    "ConstraintError",
    "Database",
    "Executor",
    "Key",
    "Migration",
    "Options",
    "Parameters",
    "Reserve",
    "Row",
    "SQLError",
    "Sql",
    "Storage",
    "SyncTicket",
    "ThreadExecutor",
    "check_library",
]
