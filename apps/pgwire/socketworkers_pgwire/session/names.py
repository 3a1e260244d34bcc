"""Prepared statements and portals of a session: their names, their lives, their bounds (P3). Sans-IO.

"Extended Query" of "Message Flow" in the PostgreSQL documentation. SQL's PREPARE and DECLARE use the same names, so an
engine adds to these and takes away while it works on a request.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..codec import FieldDescription
from .config import SessionConfig
from .engine import Statement
from .errors import error

__all__ = ["PORTAL_COST", "Names", "Portal", "PreparedStatement"]

PORTAL_COST = 128
"""Bytes that a portal costs beside its parameters, about."""


@dataclass(slots=True, eq=False)
class PreparedStatement:
    """A prepared statement."""

    name: str
    """"" for the unnamed one."""
    statement: Statement | None
    """None for an empty one."""
    parameter_types: tuple[int, ...] = ()
    columns: tuple[FieldDescription, ...] | None = None
    """None when it returns no rows."""
    size: int = 0
    """Bytes that are kept for it."""
    described: tuple[str, tuple[int, ...], bytes] | None = None
    """The RowDescription that was sent last, behind encoding and formats that it was made for."""


@dataclass(slots=True, eq=False)
class Portal:
    """A portal: a statement with its parameters, ready to run or running."""

    name: str
    """"" for the unnamed one."""
    handle: object
    """The engine's; None for a statement that the engine never gets."""
    statement: Statement | None
    """None for an empty one."""
    columns: tuple[FieldDescription, ...] | None = None
    """None when it returns no rows."""
    result_formats: tuple[int, ...] = ()
    source: PreparedStatement | None = None
    """What it was made of, when it was made by Bind."""
    size: int = 0
    """Bytes that are kept for its parameters."""
    level: int = 0
    """How many savepoints were open when it was made."""
    holdable: bool = False
    """WITH HOLD: it outlives a commit."""
    held: bool = False
    """It did."""
    done: bool = False
    """It ran to its end, or failed."""
    tag: str = ""
    """With which tag it ended."""
    counted: bool = False
    """Whether rows are counted behind that tag."""
    failed: bool = False
    """The transaction that it was made in has failed."""
    copying: bool = False
    """What it gives is CopyData."""
    undescribed: bool = False
    """RowDescription has to go before its rows."""


class Names:
    """The named and unnamed statements and portals of one session.

    Args:
        config: has the bounds.
    """

    __slots__ = ("_config", "_portal_bytes", "_statement_bytes", "portals", "released", "statements")

    def __init__(self, config: SessionConfig) -> None:
        self._config = config
        self._statement_bytes = 0
        self._portal_bytes = 0
        self.statements: dict[str, PreparedStatement] = {}
        """By name; "" is the unnamed one. Change it with the methods."""
        self.portals: dict[str, Portal] = {}
        """By name; "" is the unnamed one. Change it with the methods."""
        self.released: list[object] = []
        """Handles that are not used any more; the session tells the engine."""

    # Prepared statements

    def statement(self, name: str) -> PreparedStatement:
        """The prepared statement of this name.

        Raises:
            SqlError: 26000, there is none.
        """
        found = self.statements.get(name)
        if found is None:
            if name:
                raise error("26000", f'prepared statement "{name}" does not exist')
            raise error("26000", "unnamed prepared statement does not exist")
        return found

    def add_statement(self, prepared: PreparedStatement) -> None:
        """Keep a prepared statement; the unnamed one takes the place of its predecessor.

        Raises:
            SqlError: 42P05, the name is taken; 53400, too many, or too large together (P3). It was not kept then, and
                its handle is released.
        """
        name = prepared.name
        if not name:
            self.drop_statement(name)
        elif name in self.statements:
            self._release_statement(prepared)
            raise error("42P05", f'prepared statement "{name}" already exists')
        config = self._config
        if len(self.statements) >= config.max_statements:
            self._release_statement(prepared)
            raise error("53400", "too many prepared statements", hint="Close those that are not needed any more.")
        if self._statement_bytes + prepared.size > config.max_statement_bytes:
            self._release_statement(prepared)
            raise error("53400", "prepared statements are too large", hint="Close those that are not needed any more.")
        self._statement_bytes += prepared.size
        self.statements[name] = prepared

    def drop_statement(self, name: str) -> bool:
        """Forget a prepared statement; whether there was one. Portals made of it live on."""
        prepared = self.statements.pop(name, None)
        if prepared is None:
            return False
        self._statement_bytes -= prepared.size
        self._release_statement(prepared)
        return True

    def drop_statements(self) -> None:
        """DEALLOCATE ALL."""
        for name in list(self.statements):
            self.drop_statement(name)

    def _release_statement(self, prepared: PreparedStatement) -> None:
        if prepared.statement is not None:
            self.released.append(prepared.statement.handle)

    # Portals

    def portal(self, name: str) -> Portal:
        """The portal of this name.

        Raises:
            SqlError: 34000, there is none.
        """
        found = self.portals.get(name)
        if found is None:
            raise error("34000", f'portal "{name}" does not exist')
        return found

    def check_portal(self, name: str) -> None:
        """Whether a portal of this name could be made now.

        Raises:
            SqlError: 42P03, the name is taken.
        """
        if name and name in self.portals:
            raise error("42P03", f'cursor "{name}" already exists')

    def add_portal(self, portal: Portal) -> None:
        """Keep a portal; the unnamed one takes the place of its predecessor.

        Raises:
            SqlError: 42P03, the name is taken; 53400, too many, or too large together (P3). It was not kept then, and
                its handle is released.
        """
        name = portal.name
        if not name:
            self.drop_portal(name)
        elif name in self.portals:
            self._release_portal(portal)
            self.check_portal(name)
        config = self._config
        if len(self.portals) >= config.max_portals:
            self._release_portal(portal)
            raise error("53400", "too many portals", hint="Close those that are not needed any more.")
        if self._portal_bytes + portal.size > config.max_portal_bytes:
            self._release_portal(portal)
            raise error(
                "53400", "parameters of portals are too large", hint="Close those that are not needed any more."
            )
        self._portal_bytes += portal.size
        self.portals[name] = portal

    def put_done(self, portal: Portal) -> None:
        """As `add_portal`, of an unnamed portal that has run to its end."""
        before = self.portals.get("")
        if before is not None:
            self._portal_bytes -= before.size
            self._release_portal(before)
        self._portal_bytes += portal.size
        self.portals[""] = portal

    def drop_portal(self, name: str) -> bool:
        """Forget a portal; whether there was one."""
        portal = self.portals.pop(name, None)
        if portal is None:
            return False
        self._portal_bytes -= portal.size
        self._release_portal(portal)
        return True

    def _release_portal(self, portal: Portal) -> None:
        if portal.handle is not None and not (portal.done and portal.tag):  # with its tag the engine let go of it
            self.released.append(portal.handle)

    # Transactions

    def committed(self) -> None:
        """The transaction ended well: only portals WITH HOLD live on."""
        if self.portals:
            for portal in list(self.portals.values()):
                if portal.holdable:
                    portal.held = True
                else:
                    self.drop_portal(portal.name)

    def rolled_back(self) -> None:
        """The transaction was undone: only portals that it found live on."""
        if self.portals:
            for portal in list(self.portals.values()):
                if not portal.held:
                    self.drop_portal(portal.name)

    def failed(self, level: int) -> None:
        """What was made while `level` savepoints were open cannot run any more."""
        for portal in self.portals.values():
            if portal.level >= level and not portal.held:
                portal.done = portal.failed = True
                portal.tag = ""

    def rolled_back_to(self, level: int) -> None:
        """What was made while more than `level` savepoints were open is undone."""
        for portal in list(self.portals.values()):
            if portal.level > level and not portal.held:
                self.drop_portal(portal.name)

    def merged(self, level: int) -> None:
        """What was made while more than `level` savepoints were open belongs to that level now."""
        for portal in self.portals.values():
            portal.level = min(portal.level, level)
