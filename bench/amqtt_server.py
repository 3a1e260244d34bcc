"""amqtt's broker: ``python -m bench.amqtt_server PORT``."""

from __future__ import annotations

import asyncio
import logging
import sys

from amqtt.broker import Broker


async def main(port: int) -> None:
    """Until it is killed."""
    logging.disable(logging.CRITICAL)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 50000}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
