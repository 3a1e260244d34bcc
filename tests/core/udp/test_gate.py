"""The output gate over sockets of messages: what tells of a commit waits for its sync, borders and order stay."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.flows import flows

from socketworkers.testing.conformance.datagrams import messages

pytestmark = pytest.mark.usefixtures("any_loop")


class Ticket:
    """A sync that a test ends."""

    def __init__(self) -> None:
        self.done = False
        self._callbacks: list[Callable[[BaseException | None], None]] = []

    def add_done_callback(self, callback: Callable[[BaseException | None], None]) -> None:
        self._callbacks.append(callback)

    def end(self, error: BaseException | None = None) -> None:
        self.done = True
        for callback in self._callbacks:
            callback(error)


class Gate:
    """Hands out what the test has put there."""

    def __init__(self) -> None:
        self.ticket: Ticket | None = None

    def hold(self) -> Ticket | None:
        return self.ticket


async def test_messages_wait_for_their_syncs_and_keep_their_borders() -> None:
    async with flows() as make:
        one, other = await make()
        gate, writer = Gate(), one.writable.get_writer()
        one.set_output_gate(gate)
        await writer.write(b"free")
        assert await messages(other, 1) == [b"free"]
        first, second = Ticket(), Ticket()
        gate.ticket = first
        writer.write(b"tells of the first")
        writer.write(b"")
        gate.ticket = second
        writer.write(b"tells of the second")
        gate.ticket = None
        writer.write(b"tells of nothing, but comes behind")
        assert one.stats.buffered_out > 0
        second.end()
        assert one.stats.buffered_out > 0, "the first sync has not ended"
        first.end()
        assert await messages(other, 4) == [
            b"tells of the first",
            b"",
            b"tells of the second",
            b"tells of nothing, but comes behind",
        ]
        assert one.stats.buffered_out == 0


async def test_a_sync_that_fails_ends_the_socket_and_nothing_is_told() -> None:
    async with flows() as make:
        one, other = await make()
        gate, ticket, writer = Gate(), Ticket(), one.writable.get_writer()
        one.set_output_gate(gate)
        gate.ticket = ticket
        writer.write(b"is not true")
        closing = one.close()
        ticket.end(OSError(5, "the disk"))
        with pytest.raises(OSError, match="the disk"):
            await closing
        assert other.stats.buffered_in == 0


async def test_a_close_behind_the_gate_sends_first() -> None:
    async with flows() as make:
        one, other = await make()
        gate, ticket, writer = Gate(), Ticket(), one.writable.get_writer()
        one.set_output_gate(gate)
        gate.ticket = ticket
        writer.write(b"last words")
        closing = one.close()
        ticket.end()
        assert await messages(other, 1) == [b"last words"]
        await closing
