"""Mail servers with a mistake in them: the controls of the durability tests. ``spoiled.py smtp ...`` as ``run-app``.

``SPOILED=early`` acknowledges before the commit; ``SPOILED=twice`` delivers under a new name each time it delivers.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from socketworkers.cli import run_app
from socketworkers_smtp.mailbox import Mailbox
from socketworkers_smtp.records import Delivery, MessageIds, Record
from socketworkers_smtp.store import ObjectStore

_add = ObjectStore.add
_deliver = Mailbox.deliver
_ids = MessageIds()
_late: set[asyncio.Task[None]] = set()


async def _add_later(store: ObjectStore, record: Record, deliveries: Sequence[Delivery]) -> None:
    async def later() -> None:
        await asyncio.sleep(0.03)
        await _add(store, record, deliveries)

    task = asyncio.get_running_loop().create_task(later())
    _late.add(task)
    task.add_done_callback(_late.discard)


async def _deliver_again(mailbox: Mailbox, batch: Any, now: float) -> list[str]:
    return await _deliver(
        mailbox, [(dataclasses.replace(record, id=_ids.next()), deliveries) for record, deliveries in batch], now
    )


if os.environ["SPOILED"] == "early":
    ObjectStore.add = _add_later  # type: ignore[method-assign, assignment]
else:
    Mailbox.deliver = _deliver_again  # type: ignore[method-assign, assignment]

if __name__ == "__main__":
    run_app()
