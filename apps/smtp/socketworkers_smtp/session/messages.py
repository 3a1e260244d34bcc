"""The message of a transaction: DATA (RFC 5321 §4.1.1.4) and BDAT (RFC 3030). A layer of `Session`, sans-IO."""

from __future__ import annotations

from .. import replies
from ..codec.command import parse_bdat
from ..codec.data import DataReader
from ..codec.errors import CommandError
from ..replies import Reply
from .body import Body
from .core import SessionCore
from .events import Event
from .table import State

__all__ = ["Messages"]


class Messages(SessionCore):
    """Takes messages in."""

    __slots__ = ()

    def _data(self, argument: str, events: list[Event]) -> None:
        if argument:
            raise CommandError(replies.NO_ARGUMENT)
        if self._parameters.body == "BINARYMIME":
            raise CommandError(replies.BINARY_NEEDS_BDAT)  # RFC 3030 §3
        self.state = State.DATA
        self._chunked = False
        self._body = Body(self.config)
        self._reader = DataReader()
        self._held_in_block = 0
        self._output.append(replies.GO_AHEAD.wire)

    def _run_data(self, events: list[Event]) -> None:
        reader, body = self._reader, self._body
        assert reader is not None
        assert body is not None
        segment, end = reader.feed(self._buffer, self._position)
        self._progressed(len(self._buffer) - self._position)
        body.bare = reader.bare
        if segment:
            body.take(segment, events, self._envelope)
        if body.dead and body.size > self.config.max_size + self.config.discard:
            self._say(replies.TOO_LARGE.closing(), events, "discard")  # a refused message is not read for ever
        elif end < 0:
            self._buffer = b""
            self._position = 0
        else:
            self._position = end
            self._finish_message(body, events)

    def _finish_message(self, body: Body, events: list[Event]) -> None:
        reply = body.refusal()
        self._reader = None
        if reply is not None:
            self._answer_message(reply, events)
            if self.state is not State.CLOSED:
                self._forget_transaction(events)
                self._progress += 1
            return
        self._paused = "message"
        events.append(body.end(self._envelope()))

    # BDAT, RFC 3030

    def _bdat(self, argument: str, problem: Reply | None, events: list[Event]) -> None:
        size, last = parse_bdat(argument)
        config = self.config
        if not config.chunking:
            problem = replies.NOT_IMPLEMENTED
        elif problem is None and self._chunk_failed:
            problem = replies.IN_CHUNKS_FAILED
        if problem is None:
            if self.state is State.RCPT:
                self.state = State.CHUNKS
                self._chunked = True
                self._body = Body(config)
            if self._body is not None and 0 < config.max_size < self._body.size + size:
                problem = replies.too_large(config.max_size)
                self._body.abandon("refused", events)
                self._chunk_failed = True
        if problem is not None and size > config.discard:
            self._say(problem.closing(), events, "discard")
            return
        self._chunk_refusal = problem
        self._chunk_size = self._chunk_left = size
        self._chunk_last = last
        self._in_chunk = True
        self._held_in_block = 0
        if not size:
            self._finish_chunk(events)

    def _run_chunk(self, events: list[Event]) -> None:
        start = self._position
        octets = min(self._chunk_left, len(self._buffer) - start)
        self._position = start + octets
        self._chunk_left -= octets
        self._progressed(octets)
        if self._chunk_refusal is None and self._body is not None:
            whole = octets == len(self._buffer)
            self._body.take(self._buffer if whole else self._buffer[start : start + octets], events, self._envelope)
        if not self._chunk_left:
            self._finish_chunk(events)

    def _finish_chunk(self, events: list[Event]) -> None:
        self._in_chunk = False
        self._progress += 1
        reply, body = self._chunk_refusal, self._body
        self._chunk_refusal = None
        if reply is None and body is not None:
            if self._chunk_last:
                self._finish_message(body, events)
                return
            reply = body.refusal()
            if reply is None:
                self._output.append(replies.chunk_ok(self._chunk_size).wire)
                return
            self._chunk_failed = True
        assert reply is not None
        if self._chunk_last and self._chunk_failed:
            if reply is not replies.IN_CHUNKS_FAILED:
                self._answer_message(reply, events)
            else:
                self._error(reply, events)
            if self.state is not State.CLOSED:
                self._forget_transaction(events)
        else:
            self._refuse_command("BDAT", reply, events)
