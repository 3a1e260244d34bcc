"""The schema of a session's temporary objects: SQLite's ``temp`` database of the session's connection."""

from __future__ import annotations

import itertools

__all__ = ["TemporarySchema"]

#: from here on, OIDs belong to temporary objects: never written to a database's file, and new in each process
FIRST_TEMPORARY = 4_000_000_000
_oids = itertools.count(FIRST_TEMPORARY)


class TemporarySchema:
    """pg_temp_n of a session.

    Args:
        number: n.
    """

    __slots__ = ("name", "oid", "on_commit")

    def __init__(self, number: int) -> None:
        self.oid = next(_oids)
        self.name = f"pg_temp_{number}"
        self.on_commit: dict[int, str] = {}
        """Tables with something to be done at each commit: ``drop`` or ``delete``."""

    @staticmethod
    def holds(oid: int) -> bool:
        """Whether an object is a temporary one."""
        return oid >= FIRST_TEMPORARY

    @staticmethod
    def new_oid() -> int:
        """The OID of a new object."""
        return next(_oids)
