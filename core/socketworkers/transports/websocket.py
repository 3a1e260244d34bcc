"""WebSocket as a layer between a channel and a socket (RFC 6455): the payload of binary messages is the stream.

It is a ``Channel`` for the socket and an ``Upper`` for the channel, as the TLS layer is, and may stand on that one.
Each ``write`` is one binary message. There is no half-close: FIN is a Close frame with 1000, and once either end has
sent one the connection ends in both directions (§5.5.1, §7.1.1). Only with the subprotocol ``tcp-halfclose.v1`` is FIN
an empty message, and the Close frame comes when both directions have ended (docs/adr/0011).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ConnectionLost, ProtocolError
from ..info import WebSocketInfo
from ..promise import Promise
from .endpoint import Channel, Upper
from .websocket_frames import (
    GOING_AWAY,
    NO_STATUS,
    NORMAL,
    POLICY,
    Close,
    FrameReader,
    binary_frame,
    close_frame,
    masked_frame,
    ping_frame,
    pong_frame,
)
from .websocket_handshake import END_OF_HEAD, MAX_HEAD, Refused, http_reply, refuse_head, text_of
from .wheel import TimerWheel

__all__ = ["HALF_CLOSE", "PING_INTERVAL", "WebSocketLayer"]

#: the subprotocol in which an empty binary message ends one direction
HALF_CLOSE = "tcp-halfclose.v1"

#: seconds between our pings: proxies drop connections that are silent for a minute
PING_INTERVAL = 54.0
#: seconds that the end of a connection waits for the peer's half of it
LINGER = 1.0
#: frames without data (controls, empty ones) that a peer may send in a second
MAX_NOISE = 500

_HANDSHAKE, _OPEN, _PLAIN, _FAILED, _CLOSED = range(5)

Judge = Callable[[bytes], tuple[bytes, WebSocketInfo]]


class WebSocketLayer:
    """WebSocket over ``channel`` for ``upper``.

    Args:
        channel: what it stands on.
        upper: the socket.
        judge: takes the head of the peer's handshake; returns what to answer (nothing, on the client's end) and what
            is known of the WebSocket; raises ``ProtocolError`` to refuse it.
        client: whether this is the client's end.
        wheel: the loop's timers.
        text: whether text messages are taken as bytes, too.
        ping_interval: seconds between pings; None for none.
        held: on a server, whether ``open`` is called before the client gets its answer.
    """

    __slots__ = (
        "_answer",
        "_asked",
        "_channel",
        "_client",
        "_close_code",
        "_close_sent",
        "_deciding",
        "_due",
        "_end_sent",
        "_failure",
        "_finished",
        "_frame",
        "_half_close",
        "_head",
        "_heard",
        "_held",
        "_interval",
        "_judge",
        "_noise",
        "_noise_tick",
        "_peer_closed",
        "_pong",
        "_reader",
        "_reading",
        "_reason",
        "_sending",
        "_state",
        "_wheel",
        "handshake",
        "upper",
    )

    def __init__(
        self,
        channel: Channel,
        upper: Upper,
        judge: Judge,
        *,
        client: bool,
        wheel: TimerWheel,
        text: bool = False,
        ping_interval: float | None = PING_INTERVAL,
        held: bool = False,
    ) -> None:
        self._channel = channel
        self.upper = upper
        self._judge: Judge | None = judge
        self._client = client
        self._wheel = wheel
        self._interval = wheel.ticks(ping_interval)
        self._reader = FrameReader(client=client, text=text)
        self._frame = masked_frame if client else binary_frame
        self._state = _HANDSHAKE
        self._head = self._answer = b""
        self._held = held
        #: whether the request was found right and the app has not said yet what it makes of it
        self._deciding = False
        self._close_sent = self._peer_closed = False
        #: with half-close: whether we, and the peer, have ended one direction
        self._half_close = self._end_sent = self._finished = False
        #: the one that our Close has: the peer's, if that came first (§5.5.1)
        self._close_code = NORMAL
        self._reason = ""
        self._failure: ConnectionLost | None = None
        self._due = 0
        #: whether anything came since the last tick, and whether we waited for something (a Pong, a Close)
        self._heard = self._asked = False
        self._reading = self._sending = True
        #: payload of the Ping that is to be answered once there is room
        self._pong: bytes | None = None
        self._noise = self._noise_tick = 0
        self.handshake: Promise[WebSocketInfo] = Promise()

    def attach(self, upper: Upper) -> None:
        """From now on ``upper`` gets what comes."""
        self.upper = upper

    def start(self, data: bytes) -> None:
        """Begin the handshake: ``data`` is the client's request, or what came from it before this layer was here."""
        if self._client:
            self._channel.write(data)
        elif data:
            self._received(data)

    # -- from the channel --------------------------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        if self._state == _OPEN:
            self._heard = True
            reader = self._reader
            chunks = reader.receive(data)
            if chunks:
                self.upper._received(chunks[0] if len(chunks) == 1 else b"".join(chunks))
            if (reader.noise or reader.ended) and self._state == _OPEN:
                self._look()
        elif self._state == _HANDSHAKE:
            self._shake(data)
        elif self._state == _PLAIN:
            self.upper._received(data)

    def _shake(self, data: bytes) -> None:
        if self._deciding:  # §4.1: the client waits for the answer
            self._die(ConnectionLost("something follows the request for a WebSocket"))
        if self._judge is None:
            return  # refused already: nobody reads on
        self._head += data
        end = self._head.find(END_OF_HEAD, 0, MAX_HEAD)
        try:
            if end < 0:
                if (refusal := refuse_head(self._head, client=self._client)) is not None:
                    raise refusal
                return
            head, rest = self._head[: end + 4], self._head[end + 4 :]
            answer, info = self._judge(head)
            if rest and not self._client:  # §4.1: the client waits for the answer
                reply = http_reply(400, "something follows the request")
                raise ProtocolError("WebSocket refused: something follows the request", reply=reply)
        except ProtocolError as error:
            if isinstance(error, Refused):
                error.text = text_of(error, rest)
            self._head, self._judge = b"", None
            self.handshake.reject(error)
            return
        self._head, self._judge, self._answer = b"", None, answer
        self._half_close = self._reader.half_close = info.subprotocol == HALF_CLOSE
        self._deciding = self._held
        if not self._held:
            self.open()
        self.handshake.resolve(info)
        if rest:
            self._received(rest)

    def open(self) -> None:
        """Send the answer: frames from now on."""
        if self._state != _HANDSHAKE:
            return  # it was lost meanwhile
        self._deciding = False
        self._state = _OPEN
        if self._answer:
            self._channel.write(self._answer)
            self._answer = b""
        if self._interval:
            self._wheel.schedule(self, self._wheel.now() + self._interval)

    def be_plain(self) -> None:
        """The handshake was refused: from now on bytes go through as they are, so that the reply can be sent."""
        if self._state == _HANDSHAKE:
            self._deciding = False
            self._state = _PLAIN

    def _look(self) -> None:
        """Controls, empty frames, a fault or the end."""
        reader = self._reader
        tick = self._wheel.now()
        if tick >= self._noise_tick:
            self._noise_tick = tick + self._wheel.ticks(1.0)
            self._noise = 0
        self._noise += reader.noise
        reader.noise = 0
        if reader.ping is not None:
            self._pong, reader.ping = reader.ping, None
            self._answer_ping()
        if reader.finished and not self._finished:
            self._finished = True
            self.upper._eof_received()
        if self._state != _OPEN:
            return  # that was the end of both directions
        if reader.fault is not None:
            self._fail(reader.fault.code, reader.fault.message)
        elif reader.close is not None:
            self._peer_close(reader.close)
        elif self._noise > MAX_NOISE:
            self._fail(POLICY, "too many frames without data")

    def _answer_ping(self) -> None:
        """One Pong per read at most, none while the peer does not read: the latest Ping is the one that counts
        (§5.5.3)."""
        if self._pong is not None and self._sending and not self._close_sent:
            payload, self._pong = self._pong, None
            self._channel.write(pong_frame(payload, client=self._client))

    def _peer_close(self, close: Close) -> None:
        self._peer_closed = True
        self._close_code = close.code
        if close.code not in (NORMAL, GOING_AWAY, NO_STATUS):
            reason = f": {close.reason}" if close.reason else ""
            message = f"the peer closed the WebSocket with {close.code}{reason}"
            self._give_up(ConnectionLost(message, close_code=close.code))
            return
        if not self._finished:
            self._finished = True
            self.upper._eof_received()
        if self._state == _OPEN:
            self._send_close()
            self._end_transport()

    def _send_close(self, reason: str = "") -> None:
        if not self._close_sent:
            self._close_sent = True
            self._channel.write(close_frame(self._close_code, reason, client=self._client))

    def _end_transport(self) -> None:
        """Both Close frames are under way: the server ends the connection first, the client waits (§7.1.1)."""
        if self._client:
            self._wheel.schedule(self, self._wheel.now() + self._wheel.ticks(LINGER))
        else:
            self._channel.close()

    def _fail(self, code: int, message: str) -> None:
        """_Fail the WebSocket Connection_ (§7.1.7)."""
        failure = ConnectionLost(f"the peer broke the WebSocket protocol: {message}")
        failure.__cause__ = ProtocolError(message)
        self._close_code = code
        self._give_up(failure, message)

    def _give_up(self, failure: ConnectionLost, reason: str = "") -> None:
        """Say so, then wait a moment for the peer's end: a reset because of bytes on their way would destroy what was
        said. The socket hears of it when the connection is gone."""
        self._failure = failure
        self._send_close(reason)
        self._state = _FAILED
        try:
            self._channel.write_eof()
        except (OSError, RuntimeError):
            pass  # the connection is gone: its loss is reported on its own way
        if not self._reading:
            self._channel.resume_reading()
        self._wheel.schedule(self, self._wheel.now() + self._wheel.ticks(LINGER))

    def _die(self, error: ConnectionLost) -> None:
        self._wheel.cancel(self)
        self._state = _CLOSED
        self.upper._lost(error)
        self._release()

    def _release(self) -> None:
        """Give the connection back; a peer that takes nothing does not keep it."""
        if self._channel.get_write_buffer_size():
            self._channel.abort()
        else:
            self._channel.close()

    def _eof_received(self) -> None:
        if self._state == _PLAIN:
            self.upper._eof_received()
        elif self._deciding:
            self._die(ConnectionLost("the client left during the WebSocket handshake"))
        elif self._state == _HANDSHAKE:
            self.handshake.reject(ConnectionLost("the connection ended during the WebSocket handshake"))
        elif self._state == _FAILED or self._peer_closed:
            self._channel.close()
        elif self._state == _OPEN:
            if self._close_sent:  # the peer did not care to answer our Close
                if not self._finished:
                    self.upper._eof_received()
                self._channel.close()
            else:
                self._die(ConnectionLost("the connection ended without a Close frame"))  # §7.1.5: 1006

    def _severed(self, error: BaseException) -> None:
        self.upper._severed(self._failure or error)

    def _lost(self, error: BaseException | None) -> None:
        self._wheel.cancel(self)
        if self._state == _HANDSHAKE:
            lost = ConnectionLost("the connection was lost during the WebSocket handshake")
            lost.__cause__ = error
            self.handshake.reject(lost)
        self._state = _CLOSED
        self.upper._lost(self._failure or error)

    def _pause_writing(self) -> None:
        self._sending = False
        self.upper._pause_writing()

    def _resume_writing(self) -> None:
        self._sending = True
        self._answer_ping()
        self.upper._resume_writing()

    # -- time --------------------------------------------------------------------------------------------------

    def _on_tick(self, tick: int) -> int:
        if self._state == _FAILED or self._peer_closed:
            self._release()
            return 0
        if self._state != _OPEN:
            return 0
        if self._asked and not self._heard and self._reading:
            self._state = _CLOSED
            self.upper._lost(ConnectionLost(f"the peer answers no {'Close' if self._close_sent else 'ping'}"))
            self._channel.abort()
            return 0
        self._heard = False
        self._asked = self._sending or self._close_sent
        if self._sending and not self._close_sent:
            self._channel.write(ping_frame(client=self._client))
        return tick + self._interval

    # -- Channel -----------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self._state == _OPEN:
            if not self._close_sent:  # after our Close there is nothing (§5.5.1), as after a peer's death
                self._channel.write(self._frame(data))
        elif self._state == _PLAIN:
            self._channel.write(data)

    def set_close(self, code: int, reason: str) -> None:
        """What our Close frame says, if the peer's does not come first; with another code than 1000 it is sent at
        once, where half-close would only end one direction."""
        if not self._peer_closed:
            self._close_code, self._reason = code, reason
            self._half_close = self._half_close and code == NORMAL

    def write_eof(self) -> None:
        """Send a Close frame, with which both directions end; with half-close the end of ours."""
        if self._state == _OPEN and self._half_close:
            if not (self._end_sent or self._close_sent):
                self._end_sent = True
                self._channel.write(self._frame(b""))
        elif self._state == _OPEN:
            self._send_close(self._reason)
        elif self._state == _PLAIN:
            self._channel.write_eof()

    def close(self) -> None:
        if self._state == _OPEN:
            self._send_close(self._reason)
            if self._client and self._peer_closed:
                self._end_transport()
                return
        self._channel.close()

    def abort(self) -> None:
        self._wheel.cancel(self)
        self._state = _CLOSED
        self._channel.abort()

    def pause_reading(self) -> None:
        self._reading = False
        self._channel.pause_reading()

    def resume_reading(self) -> None:
        self._reading = True
        self._channel.resume_reading()

    def get_write_buffer_size(self) -> int:
        return self._channel.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._channel.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._channel.get_extra_info(name, default)
