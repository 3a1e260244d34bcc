"""VACUUM, ANALYZE, CHECKPOINT, CLUSTER, LOCK, LOAD."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...catalog import Relation
from ...codec import Report
from ...errors import SqlError
from ...sql.nodes import Utility
from ...sql.plan import Plan
from ..action import action

if TYPE_CHECKING:
    from ..session import SqlSession
    from ..surroundings import Surroundings

#: rows of an index that statistics are made of
SAMPLE = 1000

__all__ = ["checkpoint", "cluster", "load", "lock", "vacuum"]


def vacuum(session: SqlSession, utility: Utility) -> Plan:
    """VACUUM and ANALYZE: SQLite reuses free pages by itself; statistics are brought up to date."""
    tree = utility.tree
    is_vacuum = bool(tree.get("is_vacuumcmd", False))
    tables: list[str] = []
    for each in tree.get("rels") or ():
        relation = session.relation(each["VacuumRelation"]["relation"])
        if relation.kind not in "rm":
            session.surroundings.notice(
                Report(
                    severity="WARNING",
                    sqlstate="42809",
                    message=f'skipping "{relation.name}" --- cannot {"vacuum" if is_vacuum else "analyze"} '
                    "non-tables or special system tables",
                )
            )
        else:
            tables.append(relation.storage)

    def act(owner: Surroundings) -> None:
        owner.connection.execute(f"pragma analysis_limit = {SAMPLE}").fetchall()
        for table in tables or ["main"]:
            owner.connection.execute(f"analyze {table}").fetchall()

    return action("VACUUM" if is_vacuum else "ANALYZE", act, writes=True, short=False)


def checkpoint(session: SqlSession, utility: Utility) -> Plan:
    """CHECKPOINT: the storage does them by itself."""
    if not session.surroundings.superuser:
        raise SqlError("42501", "must be superuser or have privileges of pg_checkpoint to do CHECKPOINT")
    return action("CHECKPOINT", lambda owner: None)


def cluster(session: SqlSession, utility: Utility) -> Plan:
    """CLUSTER: rows have no order of their own here; it is checked and nothing is left to do."""
    if "relation" in utility.tree:
        session.relation(utility.tree["relation"])
    return action("CLUSTER", lambda owner: None)


def lock(session: SqlSession, utility: Utility) -> Plan:
    """LOCK TABLE: the turn to write, which excludes all others who write."""
    if not session.transaction.block and not session.surroundings.protocol.implicit:
        raise SqlError("25P01", "LOCK TABLE can only be used in transaction blocks")
    for node in utility.tree.get("relations") or ():
        relation = session.relation(node["RangeVar"])
        if relation.kind not in "rvm":
            raise SqlError("42809", f'"{relation.name}" is not a table or view')
        _check_lock(session, relation, utility.tree.get("mode", 8))
    plan = action("LOCK TABLE", lambda owner: None, writes=utility.tree.get("mode", 8) > 1)
    plan.wait = "error" if utility.tree.get("nowait") else "block"
    return plan


def _check_lock(session: SqlSession, relation: Relation, mode: int) -> None:
    """LockTableAclCheck() for a mode of 1 (ACCESS SHARE) to 8 (ACCESS EXCLUSIVE)."""
    surroundings = session.surroundings
    letters = "r" if mode == 1 else "awdD" if mode == 3 else "wdD"
    surroundings.authorization.check_relation(relation, surroundings.user_oid, letters)


def load(session: SqlSession, utility: Utility) -> Plan:
    """LOAD."""
    raise SqlError("58P01", f'could not access file "{utility.tree["filename"]}": No such file or directory')
