"""What the commands ask of a broker, running or not. Arguments and results are JSON values."""

from __future__ import annotations

import base64
import time
from typing import Any

from socketworkers import Env
from socketworkers.commands import Method, user_methods

from .codec import parse_filter
from .message import Message

__all__ = ["METHODS"]

#: rows of one answer
PAGE = 200


async def sessions(env: Env, prefix: str = "") -> list[dict[str, Any]]:
    """Sessions, connected or not, by client identifier."""
    owner = env.mqtt.object
    found = []
    for client_id, session in sorted(owner.broker.sessions.items()):
        if not client_id.startswith(prefix):
            continue
        connection = session.connection
        found.append(
            {
                "client_id": client_id,
                "username": session.username,
                "version": session.version,
                "connected": connection is not None,
                "peer": connection.peer if connection is not None else "",
                "keep_alive": connection.keep_alive if connection is not None else 0,
                "expiry": session.expiry,
                "away_since": session.lost_at or None,
                "subscriptions": sorted(session.subscriptions or ()),
                "underway": len(session.inflight or ()),
                "queued": session.queue_count,
                "queued_bytes": session.queue_bytes,
                "dropped": session.dropped,
            }
        )
    return found


async def kick(env: Env, client_id: str, forget: bool = False) -> bool:
    """Disconnect a client, and end its session if told; whether there was one."""
    owner = env.mqtt.object
    owner.now()
    found = owner.broker.kick(client_id, forget=forget)
    owner.settle()
    await owner.ctx.storage.synced()
    return bool(found)


async def retained_list(
    env: Env, filter: str = "#", after: str | None = None, most: int | None = None
) -> dict[str, Any]:
    """Retained messages that match a filter, a page at a time; ``after`` of the answer continues, None at the end.

    With ``most`` no more bytes of a payload are told.
    """
    parse_filter(filter)
    owner = env.mqtt.object
    owner.now()
    rows, last = owner.broker.retained.page(
        filter.encode(), base64.b64decode(after) if after is not None else None, PAGE
    )
    return {
        "messages": [
            {
                "topic": topic.decode(),
                "payload": base64.b64encode(payload[:most]).decode(),
                "size": len(payload),
                "qos": qos,
                "expires": expires_at - time.time() if expires_at is not None else None,
            }
            for topic, payload, qos, _, expires_at in rows
        ],
        "after": base64.b64encode(last).decode() if last is not None else None,
    }


async def retained_clear(env: Env, filter: str) -> int:
    """Remove retained messages that match a filter, durably; returns how many there were."""
    parse_filter(filter)
    owner = env.mqtt.object
    removed = 0
    after: bytes | None = None
    while True:
        owner.now()
        rows, after = owner.broker.retained.page(filter.encode(), after, PAGE)
        for row in rows:
            owner.broker.retain(Message(row[0], b"", 0, True))
        removed += len(rows)
        owner.settle()
        await owner.ctx.storage.synced()
        if after is None:
            return removed


async def status(env: Env) -> dict[str, Any]:
    """Counters, and the bridges: why one has no connection, "" for one that has."""
    broker = env.mqtt.object.broker
    stats = broker.stats
    return {
        "clients": broker.connected,
        "sessions": len(broker.sessions),
        "subscriptions": broker.router.tree.count,
        "retained": broker.retained.count,
        "queued_bytes": broker.queued_bytes,
        **{name: getattr(stats, name) for name in stats.__slots__},
        "bridges": {
            bridge.spec.name: "" if bridge.connected else bridge.problem or "connecting"
            for bridge in env.mqtt.bridges.bridges
        },
    }


METHODS: dict[str, Method] = {
    "mqtt.sessions": sessions,
    "mqtt.kick": kick,
    "mqtt.retained.list": retained_list,
    "mqtt.retained.clear": retained_clear,
    "mqtt.status": status,
    **user_methods("mqtt", lambda env: env.mqtt),
}
