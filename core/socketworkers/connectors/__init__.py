"""Database connectors: unmodified drivers inside a worker, over our ``Socket``.

A ``Connector`` knows an address (``tcp://``, ``tls://``, ``unix:``, or ``ws://`` and ``wss://`` through a tunnel) and
gives each driver the arguments by which it comes there::

    async with Connector("wss://tunnel.example.org/v1?address=db:5432") as via:
        connection = await asyncpg.connect(user="app", database="app", **via.asyncpg())
        connection = await psycopg.AsyncConnection.connect("user=app dbname=app", **via.psycopg())

No file of a driver is changed and nothing of it replaced. Drivers of asyncio that can be told their loop get one whose
``create_connection`` is ours; the others, and those that open a descriptor in C, come through a private Unix socket.
"""

from __future__ import annotations

from .connector import Connector
from .door import Door
from .loop import ConnectingLoop
from .postgres import postgres_tls
from .transport import SocketTransport

__all__ = ["ConnectingLoop", "Connector", "Door", "SocketTransport", "postgres_tls"]
