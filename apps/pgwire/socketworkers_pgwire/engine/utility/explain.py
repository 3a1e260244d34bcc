"""EXPLAIN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...sql.explain import explain as explained
from ...sql.nodes import Utility
from ...sql.plan import Plan

if TYPE_CHECKING:
    from ..session import SqlSession

__all__ = ["explain"]


def explain(session: SqlSession, utility: Utility) -> Plan:
    """EXPLAIN of a query."""
    plan = explained(utility, session.surroundings.catalog)
    plan.rights = session.rights(utility.query)
    return plan
