"""``Connection``: aioquic's connection with what a server for strangers needs beside it.

- Flow control follows the readers (RFC 9000 §4): aioquic doubles its windows as bytes come, however few are read.
- The streams that a peer may open are bounded by an option (§4.6), and opening one is an event of its own, so that a
  server can speak first: a client announces a stream with MAX_STREAM_DATA (§3.2).
- Acknowledgements of packets that were never sent end the connection, and some numbers are left out to catch those who
  guess (§21.4; the class of CVE-2025-4820).
- What a client may send ahead of the rest of its handshake is bounded more tightly (§7.5).
- 0-RTT is off unless allowed: tickets do not offer it, and who tries it nevertheless is told that it was rejected.

This uses names that aioquic keeps to itself: the version is bounded to those that the tests have seen.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aioquic import tls
from aioquic._buffer import Buffer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import (
    CONNECTION_LIMIT_FRAME_CAPACITY,
    MAX_STREAM_DATA_FRAME_CAPACITY,
    Limit,
    QuicConnection,
    QuicConnectionError,
    QuicConnectionState,
    QuicReceiveContext,
    stream_is_client_initiated,
)
from aioquic.quic.events import ConnectionTerminated, QuicEvent
from aioquic.quic.packet import QuicErrorCode, QuicFrameType
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.recovery import QuicPacketSpace
from aioquic.quic.stream import QuicStream

from ..info import QuicOptions
from .identities import Identities, ServerTls

__all__ = ["Connection", "HeldStream", "StreamOpened"]

#: packets between two numbers that are left out, at least and at most (§21.4 asks for some that cannot be guessed)
SKIP_AFTER = (64, 1024)
#: bytes of a handshake that may come before those that precede them (§7.5: at least 4096). One small datagram can claim
#: to be far ahead, and room is made for the gap (the class of CVE-2025-54939); a server's certificates may be long
MAX_CRYPTO_OF_CLIENT, MAX_CRYPTO_OF_SERVER = 16 * 1024, 128 * 1024
#: left out numbers that are remembered
SKIPPED = 16


@dataclass
class StreamOpened(QuicEvent):
    """The peer has opened a stream; what it sends on it may come later."""

    stream_id: int


class HeldStream(QuicStream):
    """A stream of the peer. It counts against the limit until its handler has ended, not only until it is reset: else
    opening and resetting streams in turn makes handlers without bound (the class of CVE-2023-44487)."""

    held = True

    @property
    def is_finished(self) -> bool:
        """Whether another stream may be opened in its place."""
        return not self.held and super().is_finished


class Connection(QuicConnection):
    """See the module.

    Args:
        options: bounds and behaviour.
        configuration: aioquic's.
        others: as for ``QuicConnection``.
    """

    def __init__(self, options: QuicOptions, configuration: QuicConfiguration, **others: Any) -> None:
        super().__init__(configuration=configuration, **others)
        self._options = options
        for limit, value in (
            (self._local_max_streams_bidi, options.max_streams),
            (self._local_max_streams_uni, options.max_unidirectional_streams),
        ):
            limit.value = limit.sent = value
        #: bytes that came and lie unread, asked with whether the window is nearly used up; set by the session
        self.held: Callable[[bool], int] = lambda tight: 0
        #: a server's certificates by name; without them the configuration's
        self.identities: Identities | None = None
        #: packets that were lost
        self.lost = 0
        self._skipped: deque[int] = deque(maxlen=SKIPPED)
        self._skip_at = random.randint(*SKIP_AFTER)
        self._take_ack = self._loss.on_ack_received
        self._take_losses = self._loss._on_packets_lost
        self._loss.on_ack_received = self._ack_received  # type: ignore[method-assign]
        self._loss._on_packets_lost = self._packets_lost  # type: ignore[method-assign]

    # -- streams -----------------------------------------------------------------------------------------------

    def open_stream(self, *, unidirectional: bool = False) -> QuicStream:
        """Begin a stream; a bidirectional one is told to the peer even while there is nothing to send (§3.2)."""
        number = self.get_next_available_stream_id(is_unidirectional=unidirectional)
        stream = self._get_or_create_stream_for_send(number)
        if not unidirectional:
            stream.max_stream_data_local += 1
        return stream

    def stream(self, number: int) -> QuicStream | None:
        """A stream that is not over."""
        return self._streams.get(number)

    @property
    def unfinished(self) -> bool:
        """Whether a stream has something that the peer has not acknowledged, or not sent."""
        return any(not stream.is_finished for stream in self._streams.values())

    def _get_or_create_stream(self, frame_type: int, stream_id: int) -> QuicStream:
        known = stream_id in self._streams
        before = self._stream_limit(stream_id).used
        stream = super()._get_or_create_stream(frame_type, stream_id)
        if not known and stream_is_client_initiated(stream_id) != self._is_client:
            for number in range(before * 4 + stream_id % 4, stream_id + 4, 4):
                self._streams[number].__class__ = HeldStream
                self._events.append(StreamOpened(number))
        return stream

    # -- flow control ------------------------------------------------------------------------------------------

    def _write_connection_limits(self, builder: QuicPacketBuilder, space: QuicPacketSpace) -> None:
        data, window = self._local_max_data, self._options.connection_window
        # not for every few bytes: an eighth of the window, or again when the frame was lost
        if data.used + window - data.sent >= window // 8:
            tight = data.value - data.used < window // 2
            data.value = max(data.value, data.used + window - self.held(tight))
            if data.value - data.sent >= window // 8:
                self._write_limit(builder, data)
        for streams in (self._local_max_streams_bidi, self._local_max_streams_uni):
            if streams.value - streams.sent > streams.sent - streams.used:
                self._write_limit(builder, streams)

    def _write_limit(self, builder: QuicPacketBuilder, limit: Limit) -> None:
        frame = builder.start_frame(
            limit.frame_type,
            capacity=CONNECTION_LIMIT_FRAME_CAPACITY,
            handler=self._on_connection_limit_delivery,
            handler_args=(limit,),
        )
        frame.push_uint_var(limit.value)
        limit.sent = limit.value

    def _write_stream_limits(self, builder: QuicPacketBuilder, space: QuicPacketSpace, stream: QuicStream) -> None:
        if stream.max_stream_data_local_sent == stream.max_stream_data_local or stream.receiver.is_finished:
            return
        frame = builder.start_frame(
            QuicFrameType.MAX_STREAM_DATA,
            capacity=MAX_STREAM_DATA_FRAME_CAPACITY,
            handler=self._on_max_stream_data_delivery,
            handler_args=(stream,),
        )
        frame.push_uint_var(stream.stream_id or 0)
        frame.push_uint_var(stream.max_stream_data_local)
        stream.max_stream_data_local_sent = stream.max_stream_data_local

    # -- the handshake -----------------------------------------------------------------------------------------

    def _handle_crypto_frame(self, context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
        start = buf.tell()
        end = buf.pull_uint_var() + buf.pull_uint_var()
        buf.seek(start)
        most = MAX_CRYPTO_OF_SERVER if self._is_client else MAX_CRYPTO_OF_CLIENT
        if end - self._crypto_streams[context.epoch].receiver.starting_offset() > most:
            raise QuicConnectionError(
                error_code=QuicErrorCode.CRYPTO_BUFFER_EXCEEDED,
                frame_type=frame_type,
                reason_phrase="too much of a handshake out of order",
            )
        super()._handle_crypto_frame(context, frame_type, buf)

    def forget_handshake(self) -> None:
        """Give back what was for making a handshake's messages: 32 KiB for each connection. None are made any more."""
        for epoch in (tls.Epoch.INITIAL, tls.Epoch.HANDSHAKE):
            self._crypto_buffers[epoch] = Buffer(capacity=1)

    # -- acknowledgements --------------------------------------------------------------------------------------

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Any]]:
        """As the base has it, with a packet number left out now and then (§21.4)."""
        if self._packet_number >= self._skip_at and self._handshake_complete:
            self._skipped.append(self._packet_number)
            self._packet_number += 1
            self._skip_at = self._packet_number + random.randint(*SKIP_AFTER)
        return super().datagrams_to_send(now)

    def _ack_received(self, *, ack_rangeset: Any, **others: Any) -> None:
        if ack_rangeset.bounds().stop > self._packet_number or any(number in ack_rangeset for number in self._skipped):
            raise QuicConnectionError(
                error_code=QuicErrorCode.PROTOCOL_VIOLATION,
                frame_type=QuicFrameType.ACK,
                reason_phrase="a packet was acknowledged that was not sent",
            )
        self._take_ack(ack_rangeset=ack_rangeset, **others)

    def _packets_lost(self, *, packets: Any, **others: Any) -> None:
        packets = list(packets)
        self.lost += len(packets)
        self._take_losses(packets=packets, **others)

    @property
    def round_trip(self) -> tuple[float, float]:
        """Smoothed round-trip time and its variation, in seconds (RFC 9002 §5.3)."""
        return self._loss._rtt_smoothed, self._loss._rtt_variance

    # -- 0-RTT -------------------------------------------------------------------------------------------------

    def _initialize(self, peer_cid: bytes) -> None:
        ticket = self._configuration.session_ticket
        if ticket is not None and not self._options.early_data:
            self._configuration.session_ticket = replace(ticket, max_early_data_size=None)
        super()._initialize(peer_cid)
        if self.identities is not None:
            state: Any = self.tls
            state.__class__ = ServerTls
            state.identities = self.identities
        if not self._options.early_data:
            self.tls._max_early_data = None

    def _update_traffic_key(self, direction: Any, epoch: Any, cipher_suite: Any, secret: bytes) -> None:
        if direction == tls.Direction.DECRYPT and epoch == tls.Epoch.ZERO_RTT and not self._options.early_data:
            self.tls.early_data_accepted = False  # and EncryptedExtensions says so (RFC 8446 §4.2.10)
            return
        super()._update_traffic_key(direction, epoch, cipher_suite, secret)

    @property
    def closed_by_peer(self) -> ConnectionTerminated | None:
        """How the peer ended the connection, as soon as it has; aioquic tells when the draining period is over."""
        return self._close_event if self._state == QuicConnectionState.DRAINING else None

    @property
    def complete(self) -> bool:
        """Whether the handshake is over."""
        return self._handshake_complete

    @property
    def version(self) -> int:
        """The version of QUIC in use."""
        return self._version or 0
