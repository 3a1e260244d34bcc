"""What statements that define objects need around them. The engine implements it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..catalog.session import SessionCatalog
from ..functions import Execution

if TYPE_CHECKING:
    from ..authorization import Authorization
    from ..cluster import ClusterView
    from ..sql.nodes import Query

__all__ = ["Surroundings"]


class Surroundings(Execution, Protocol):
    """One statement while it runs, on the connection that writes (on the session's own one for temporary objects).

    A statement is undone by the engine when it fails (a savepoint around it), and nothing is committed here.
    """

    catalog: SessionCatalog
    authorization: Authorization
    cluster: ClusterView
    """Roles, databases: what the transaction sees and changes of them."""
    text: str
    """The statement's text."""
    arguments: Sequence[Any]
    """Values of the statement's parameters, in storage forms."""

    def execute(self, query: Query, values: Sequence[Any] = ()) -> int:
        """Run an analysed statement to its end; gives the number of rows that it changed."""

    def rows(self, query: Query, values: Sequence[Any] = ()) -> Sequence[tuple[Any, ...]]:
        """Run an analysed query; gives all its rows, in storage forms."""

    def make_temporary(self) -> None:
        """The session gets its temporary schema (`catalog.temporary`) and a connection of its own, which is then
        `connection`, unless it has them. The tables in it are made by `ddl.temporary.create_schema`."""

    def sequence_changed(self, oid: int) -> None:
        """A sequence was made, altered or dropped: its row of ``socketworkers.sequences`` counts, and if the
        transaction is undone, what was before."""

    def create_database(self, name: str, oid: int, template: str) -> None:
        """Make the file of a new database; at commit it is there.

        Raises:
            SqlError: 55006, the template is being used.
        """

    def drop_database(self, name: str, oid: int, force: bool) -> None:
        """Remove the file of a database.

        Raises:
            SqlError: 55006, sessions are using it.
        """
