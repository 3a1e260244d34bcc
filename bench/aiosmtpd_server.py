"""aiosmtpd, each message durable in a Maildir before 250: ``python -m bench.aiosmtpd_server PORT FOLDER``."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP


class MaildirHandler:
    """Writes, syncs, renames, syncs the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = itertools.count()
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(exist_ok=True)
        self.new = os.open(folder / "new", os.O_RDONLY)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        name = f"{os.getpid()}.{next(self.count)}"
        with open(self.folder / "tmp" / name, "wb") as file:
            file.write(envelope.content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(self.folder / "tmp" / name, self.folder / "new" / name)
        os.fsync(self.new)
        return "250 OK"


async def main(port: int, folder: Path) -> None:
    handler = MaildirHandler(folder)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, loop=loop, data_size_limit=20_000_000, enable_SMTPUTF8=True),
        "127.0.0.1",
        port,
        backlog=1024,
    )
    await server.serve_forever()


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
