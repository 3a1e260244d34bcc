"""``tee``: two branches of one stream, with a bound on how far one may lag (Streams Living Standard §4.9.3)."""

from __future__ import annotations

import asyncio

from ..errors import LimitExceeded
from ..promise import Promise
from .controller import ReadableStreamController
from .readable import ReadableStream

__all__ = ["tee"]


def tee(stream: ReadableStream, limit: int) -> tuple[ReadableStream, ReadableStream]:
    """Lock ``stream`` and copy what it gives to two streams.

    Args:
        limit: bytes that may wait in the slower branch; beyond it both branches fail with ``LimitExceeded`` and
            the stream is cancelled.

    Raises:
        StateError: the stream is locked.
    """
    reader = stream.get_reader()
    branches: list[ReadableStream] = []
    controllers: list[ReadableStreamController] = []
    cancelled: list[object] = [_OPEN, _OPEN]
    ended: Promise[None] = Promise()
    reading = False

    async def pump() -> None:
        nonlocal reading
        try:
            data = await reader.read()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            for controller in controllers:
                controller.error(error)
            ended.resolve(None)
            return
        finally:
            reading = False
        for index, controller in enumerate(controllers):
            if cancelled[index] is not _OPEN:
                continue
            if not data:
                controller.close()
                continue
            if branches[index]._size + len(data) > limit:
                problem = LimitExceeded(f"one branch of a tee lags behind by more than {limit} bytes")
                for each in controllers:
                    each.error(problem)
                await reader.cancel(problem)
                ended.resolve(None)
                return
            controller.enqueue(data)
        if not data:
            ended.resolve(None)

    async def pull(_: ReadableStreamController) -> None:
        nonlocal reading
        if not reading:
            reading = True
            await pump()

    def cancel_of(index: int):  # type: ignore[no-untyped-def]
        async def cancel(reason: object) -> None:
            cancelled[index] = reason
            if _OPEN not in cancelled:
                try:
                    await reader.cancel(cancelled[0] if cancelled[0] == cancelled[1] else cancelled)
                except Exception as error:
                    ended.reject(error)
                    raise
                ended.resolve(None)
            else:
                await ended

        return cancel

    branches += [
        ReadableStream(start=controllers.append, pull=pull, cancel=cancel_of(index), high_water_mark=1)
        for index in range(2)
    ]
    return branches[0], branches[1]


_OPEN = object()
