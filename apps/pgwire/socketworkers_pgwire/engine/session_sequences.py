"""What a session knows of sequences: currval, lastval, and its privileges (PostgreSQL 15 documentation §9.17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import SqlError
from .database import Database

if TYPE_CHECKING:
    from .surroundings import Surroundings

__all__ = ["SessionSequences"]


#: sequences whose parameters a session remembers
_MOST_KNOWN = 64


class SessionSequences:
    """`functions.Sequences` of one session."""

    __slots__ = ("_current", "_database", "_known", "_last", "_owner")

    def __init__(self, owner: Surroundings, database: Database) -> None:
        self._owner = owner
        self._database = database
        self._current: dict[int, int] = {}
        self._last = 0
        #: parameters by OID, with how often definitions had changed when they were looked up
        self._known: dict[int, tuple[int, tuple[int, int, int, int, int, str]]] = {}

    def _parameters(self, oid: int) -> tuple[int, int, int, int, int, str]:
        if self._owner.defining or self._owner.own_connection is not None:
            return self._looked_up(oid)
        definitions = self._database.definitions
        known = self._known.get(oid)
        if known is None or known[0] != definitions:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[oid] = (definitions, self._looked_up(oid))
        return known[1]

    def _looked_up(self, oid: int) -> tuple[int, int, int, int, int, str]:
        catalog = self._owner.catalog
        tables = catalog.tables_of(oid)
        row = self._owner.connection.execute(
            f"""SELECT seqstart, seqincrement, seqmax, seqmin, seqcycle, relname FROM {tables["pg_sequence"]}
            JOIN {tables["pg_class"]} c ON c.oid = seqrelid WHERE seqrelid = ?""",
            (oid,),
        ).fetchone()
        if row is None:
            relation = catalog.relation_by_oid(oid)
            if relation is None:
                raise SqlError("42P01", f"relation with OID {oid} does not exist")
            raise SqlError("42809", f'"{relation.name}" is not a sequence')
        found: tuple[int, int, int, int, int, str] = row
        return found

    def _check(self, oid: int, letters: str) -> None:
        """The user needs one of some privileges on a sequence.

        Raises:
            SqlError: 42501.
        """
        owner = self._owner
        if owner.superuser:
            return
        relation = owner.catalog.relation_by_oid(oid)
        if relation is not None and relation.kind == "S":
            owner.authorization.check_relation(relation, owner.user_oid, letters)

    def nextval(self, oid: int, *, checked: bool = True) -> int:
        """As `functions.Sequences`."""
        if checked:
            self._check(oid, "Uw")
        value = self._database.sequences.nextval(self._owner.connection, oid, self._parameters(oid))
        self._current[oid] = value
        self._last = oid
        return value

    def currval(self, oid: int) -> int:
        """As `functions.Sequences`."""
        self._check(oid, "Ur")
        if oid not in self._current:
            name = self._parameters(oid)[5]
            raise SqlError("55000", f'currval of sequence "{name}" is not yet defined in this session')
        return self._current[oid]

    def lastval(self) -> int:
        """As `functions.Sequences`."""
        if self._last not in self._current or self._owner.catalog.relation_by_oid(self._last) is None:
            raise SqlError("55000", "lastval is not yet defined in this session")
        self._check(self._last, "Ur")
        return self._current[self._last]

    def setval(self, oid: int, value: int, called: bool) -> int:
        """As `functions.Sequences`."""
        self._check(oid, "w")
        made = self._database.sequences.setval(self._owner.connection, oid, self._parameters(oid), value, called)
        if called:
            self._current[oid] = made
            self._last = oid
        return made

    def state(self, oid: int) -> tuple[int, int, bool]:
        """As `functions.Sequences`."""
        return self._database.sequences.state(self._owner.connection, oid, self._parameters(oid)[0])

    def discard(self) -> None:
        """DISCARD SEQUENCES."""
        self._current.clear()
        self._last = 0
