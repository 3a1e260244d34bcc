"""Many bad clients in a process of their own: ``attackers.py KIND COUNT PORT SECONDS``.

Prints at the end one JSON object: how many were ended by the server, and how
long the last of those had been connected. Kinds: ``loris`` (a byte now and then), ``reader`` (asks, reads nothing),
``silent`` (nothing at all).
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sys
import time


async def attack(kind: str, port: int, seconds: float, connected: asyncio.Semaphore) -> float:
    """One client; how long it was connected until the server ended it, -1 if it did not."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        if kind == "reader":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        async with connected:
            await loop.sock_connect(sock, ("127.0.0.1", port))
        began = time.monotonic()
        if kind == "silent":
            try:
                async with asyncio.timeout(seconds):
                    while await loop.sock_recv(sock, 4096):
                        pass
                return time.monotonic() - began
            except TimeoutError:
                return -1.0
            except OSError:
                return time.monotonic() - began
        data = b"E" if kind == "loris" else b"EHLO client.example\r\n" * 100
        while time.monotonic() < began + seconds:
            try:
                async with asyncio.timeout(0.5):
                    await loop.sock_sendall(sock, data)
                    data = b"E"
            except TimeoutError:
                pass
            except OSError:
                return time.monotonic() - began
            await asyncio.sleep(0.25)
        return -1.0


async def main(kind: str, count: int, port: int, seconds: float) -> None:
    connected = asyncio.Semaphore(100)
    tasks = [asyncio.create_task(attack(kind, port, seconds, connected)) for _ in range(count)]
    times = await asyncio.gather(*tasks)
    ended = [each for each in times if each >= 0]
    sys.stdout.write(json.dumps({"ended": len(ended), "longest": max(ended, default=0.0)}) + "\n")


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
