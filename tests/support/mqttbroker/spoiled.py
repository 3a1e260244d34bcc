"""Brokers with a mistake in them: the controls of the durability tests. ``spoiled.py mqtt ...`` as ``run-app``.

``SPOILED=early`` acknowledges at the end of the turn and commits a little later: what a killed server has acknowledged
is gone. ``SPOILED=unsynced`` commits, and acknowledges before the sync: a kill loses nothing by it (the page cache
lives on), a power cut would, and a trace shows it. ``SPOILED=twice`` forgets in a crash which QoS 2 messages came.
"""

from __future__ import annotations

import os
from typing import Any

from socketworkers.cli import run_app
from socketworkers_mqtt.broker import Broker
from socketworkers_mqtt.object import BrokerObject
from socketworkers_mqtt.outgoing import Outgoing
from socketworkers_mqtt.session import Session

#: seconds between commits of the early one
LATE = 0.05

_settle = BrokerObject.settle
_write = Broker.write
_at_end = False
_last = 0.0


def _ungated(connection: Outgoing, data: bytes) -> None:
    connection.out.append(data)
    connection._closes += connection.gated_closes
    connection.gated_closes = 0


def _settle_later(owner: BrokerObject) -> None:
    global _at_end
    _at_end = True
    try:
        _settle(owner)
    finally:
        _at_end = False


def _write_later(broker: Broker) -> None:
    global _last
    if _at_end and broker.now < _last + LATE:
        return
    _last = broker.now
    _write(broker)


def _not_remembered(broker: Broker, session: Session, packet_id: int) -> None:
    return None


def _spoil(target: Any, name: str, value: Any) -> None:
    setattr(target, name, value)


mistake = os.environ["SPOILED"]
if mistake == "twice":
    _spoil(Broker, "remember_incoming", _not_remembered)
else:
    _spoil(Outgoing, "_gate", _ungated)
    if mistake == "early":
        _spoil(BrokerObject, "settle", _settle_later)
        _spoil(Broker, "write", _write_later)

if __name__ == "__main__":
    run_app()
