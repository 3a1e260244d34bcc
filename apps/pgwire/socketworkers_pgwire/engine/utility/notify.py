"""LISTEN, UNLISTEN, NOTIFY."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...sql.nodes import Utility
from ...sql.plan import Plan
from ..action import action

if TYPE_CHECKING:
    from ..session import SqlSession

__all__ = ["listen", "notify", "unlisten"]


def listen(session: SqlSession, utility: Utility) -> Plan:
    """LISTEN."""
    channel = utility.tree["conditionname"]
    return action("LISTEN", lambda owner: owner.listen(channel))


def unlisten(session: SqlSession, utility: Utility) -> Plan:
    """UNLISTEN; * is all."""
    channel = utility.tree.get("conditionname", "")
    return action("UNLISTEN", lambda owner: owner.unlisten(channel))


def notify(session: SqlSession, utility: Utility) -> Plan:
    """NOTIFY."""
    channel, payload = utility.tree["conditionname"], utility.tree.get("payload", "")
    return action("NOTIFY", lambda owner: owner.notify(channel, payload))
