"""Packets to their handlers by the state of the connection; CONNECT, passwords, enhanced authentication.

MQTT 5.0 §3.1, §3.2, §4.12, §4.13.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from socketworkers.sasl import Challenge, ScramServer, Success

from .codec import (
    Auth,
    Connect,
    MalformedPacket,
    Properties,
    Reason,
    encode_auth,
    encode_connack,
)
from .identity import BRIDGE
from .outgoing import Outgoing
from .state import CheckPassword, State
from .topics import is_bridge_state

__all__ = ["Handshake"]


class Handshake(Outgoing):
    """See the module."""

    __slots__ = ()

    # -- bytes in ----------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take what the peer sent; b"" = its end."""
        if self.closing:
            return
        if not data:
            self.lost("the client closed the connection" if self.state is State.CONNECTED else "closed early")
            return
        decoder = self.decoder
        before = self.packets
        packets = decoder.receive(data)
        self.packets += len(packets)
        if self.request is not None and self._backlog is not None:
            self._backlog += packets  # what a client sends behind CONNECT waits for the answer to its password
        else:
            self._run(packets)
        self.broker.stats.messages_received += self.packets - before
        if decoder.fault is not None and not self.closing and self._backlog is None:
            self._faulty(decoder.fault)
        elif self.state is State.AUTHENTICATING and decoder.buffered > self.broker.limits.max_connect:
            # nobody keeps much for a client that has not proved who it is (C4); one whose password is looked at
            # is not read from meanwhile
            self._refuse(Reason.PACKET_TOO_LARGE, "too much before the login")

    def _run(self, packets: list[Any]) -> None:
        for index, packet in enumerate(packets):
            handler = self._handlers.get(packet.__class__)
            if handler is None:
                self._out_of_place(packet)
            else:
                try:
                    handler(self, packet)
                except MalformedPacket as error:
                    self._faulty(error)
            if self.closing:
                return
            if self.request is not None:
                self._backlog = packets[index + 1 :]
                return

    def _out_of_place(self, packet: Any) -> None:
        name = type(packet).__name__.upper()
        self._faulty(MalformedPacket(f"{name} while the server {self.state.value}", reason=Reason.PROTOCOL_ERROR))

    def _faulty(self, error: MalformedPacket) -> None:
        """The peer broke the rules: the standard's reply, then the end (MQTT 5.0 §4.13)."""
        reason = error.reason
        text = str(error)
        if self.state in (State.CONNECTING, State.AUTHENTICATING):
            connect = self._connect
            version = self.decoder.version
            if connect is None and version is not None and reason is Reason.UNSUPPORTED_PROTOCOL_VERSION:
                # [MQTT-3.1.2-2]: the one refusal of a CONNECT that could not be read
                self.version = version
                self.send(encode_connack(version, False, reason))
            elif connect is not None and connect.version == 5:
                self._refuse(reason, text)
            self.lost(text)
        else:
            self.disconnect(reason, text)

    # -- CONNECT and AUTH --------------------------------------------------------------------------------------

    def _on_connect(self, packet: Connect) -> None:
        self._connect = packet
        self.version = self.decoder.version = packet.version
        self.client_id = packet.client_id
        broker = self.broker
        if broker.refusal is not None:
            self._refuse(*broker.refusal)
            return
        if not packet.client_id and (packet.version == 3 or (packet.version == 4 and not packet.clean_start)):
            # MQTT 3.1 §3.1, MQTT 3.1.1 [MQTT-3.1.3-8]
            self._refuse(Reason.CLIENT_IDENTIFIER_NOT_VALID, "an empty client identifier needs a clean session")
            return
        if len(packet.client_id) > broker.limits.max_client_id:
            self._refuse(Reason.CLIENT_IDENTIFIER_NOT_VALID, "the client identifier is too long")
            return
        if packet.client_id.startswith(BRIDGE) and not self.internal:
            self._refuse(Reason.CLIENT_IDENTIFIER_NOT_VALID, "the client identifier is reserved for bridges")
            return
        method = packet.properties.authentication_method
        if method is not None:
            self._begin_auth(method, packet.properties.authentication_data)
            return
        self._check(packet)

    def _check(self, packet: Connect) -> None:
        access = self.broker.access
        if self.identity:
            self.username = self.identity
            self._accept()
            return
        if packet.username is None:
            if access.may_be_anonymous(self.loopback):
                self._accept()
            else:
                self._refuse(Reason.NOT_AUTHORIZED, "a user name and password are needed")
            return
        if not access.has_users:
            if access.may_be_anonymous(self.loopback):
                self.username = packet.username
                self._accept()
            else:
                self._refuse(Reason.NOT_AUTHORIZED, "there are no users: socketworkers mqtt user add NAME")
            return
        self.go(State.AUTHENTICATING)
        self.request = CheckPassword(packet.username, packet.password or b"")

    def authenticated(self, username: str | None, *, later: bool = False) -> None:
        """The answer to ``CheckPassword``.

        Args:
            username: who it is; None if the password was wrong.
            later: too many wrong ones: this is no answer.
        """
        self.request = None
        if self.closing:
            return
        if username is None:
            reason = Reason.CONNECTION_RATE_EXCEEDED if later else Reason.BAD_USER_NAME_OR_PASSWORD
            self._refuse(reason, "the user name or password is wrong")
            return
        self.username = username
        self._accept()
        backlog, self._backlog = self._backlog, None
        if backlog and not self.closing:
            self._run(backlog)
        if self.decoder.fault is not None and not self.closing and self.request is None:
            self._faulty(self.decoder.fault)

    def _begin_auth(self, method: str, data: bytes | None) -> None:
        """Enhanced authentication (MQTT 5.0 §4.12)."""
        access = self.broker.access
        if method != "SCRAM-SHA-256" or not access.has_users:
            self._refuse(Reason.BAD_AUTHENTICATION_METHOD, f"authentication method {method!r} is not supported")
            return  # [MQTT-4.12.0-1]
        self._mechanism = ScramServer(access.lookup, self.broker.nonce())
        if self.state is State.CONNECTING:
            self.go(State.AUTHENTICATING)
        if data is None:
            # the client has not begun: an empty challenge (RFC 4422 §5)
            self.send(encode_auth(5, Reason.CONTINUE_AUTHENTICATION, _method(b"")))
        else:
            self._step(data)

    def _step(self, data: bytes) -> None:
        mechanism = self._mechanism
        assert mechanism is not None
        step = mechanism.step(data)
        if isinstance(step, Challenge):
            self.send(encode_auth(5, Reason.CONTINUE_AUTHENTICATION, _method(step.data)))
        elif isinstance(step, Success):
            self._mechanism = None
            if self.state is State.CONNECTED:
                if step.username != self.username:
                    self.disconnect(Reason.NOT_AUTHORIZED, "re-authentication is for the same user")
                    return
                self.send(encode_auth(5, Reason.SUCCESS, _method(step.data)))  # §4.12.1
            else:
                self.username = step.username
                self._accept(step.data)
        elif self.state is State.CONNECTED:
            self.disconnect(Reason.NOT_AUTHORIZED, "authentication failed")  # [MQTT-4.12.1-2]
        else:
            self._refuse(Reason.NOT_AUTHORIZED, "authentication failed")  # [MQTT-4.12.0-4]

    def _on_auth(self, packet: Auth) -> None:
        connect = self._connect
        method = connect.properties.authentication_method if connect is not None else None
        if method is None or packet.properties.authentication_method != method:
            # [MQTT-4.12.0-5], [MQTT-4.12.0-6]: the method may not change, nor come where CONNECT had none
            self._faulty(MalformedPacket("AUTH with another method than CONNECT", reason=Reason.PROTOCOL_ERROR))
        elif packet.reason is Reason.RE_AUTHENTICATE and self.state is State.CONNECTED:
            self._begin_auth(method, packet.properties.authentication_data)
        elif packet.reason is Reason.CONTINUE_AUTHENTICATION and self._mechanism is not None:
            self._step(packet.properties.authentication_data or b"")
        else:
            self._faulty(MalformedPacket("AUTH out of turn", reason=Reason.PROTOCOL_ERROR))

    def _refuse(self, reason: Reason, text: str = "") -> None:
        """CONNACK with an error, then the end ([MQTT-3.1.4-2] and its kin)."""
        properties = None
        if self.version == 5:
            reference = self.broker.limits.server_reference
            moved = reason in (Reason.USE_ANOTHER_SERVER, Reason.SERVER_MOVED)
            properties = Properties(
                reason_string=self.words(text), server_reference=reference if moved and reference else None
            )
        self.send(encode_connack(self.version, False, reason, properties))
        self.lost(text or reason.name)

    def _accept(self, auth_data: bytes | None = None) -> None:
        """Everything is in order: attach the session and send CONNACK (MQTT 5.0 §3.2)."""
        packet = self._connect
        assert packet is not None
        broker, limits = self.broker, self.broker.limits
        if packet.will is not None and not self._may_will(packet.will.topic.encode()):
            self._refuse(Reason.NOT_AUTHORIZED, "the will's topic is not allowed")
            return
        lasts = packet.properties.session_expiry_interval if self.version == 5 else not packet.clean_start
        if (packet.will is not None and broker.full) or (
            (lasts or packet.will is not None) and not broker.may_store(self.client_id, clean_start=packet.clean_start)
        ):
            self._refuse(Reason.QUOTA_EXCEEDED, "the server cannot store another session now")
            return
        answer: dict[str, Any] = {}
        if not self.client_id:
            self.client_id = answer["assigned_client_identifier"] = broker.new_client_id()  # [MQTT-3.2.3-7]
        self.keep_alive = packet.keep_alive
        if limits.max_keep_alive and not 0 < packet.keep_alive <= limits.max_keep_alive:
            if self.version == 5:
                self.keep_alive = answer["server_keep_alive"] = limits.max_keep_alive  # [MQTT-3.2.2-21]
            elif not packet.keep_alive:
                self.keep_alive = limits.max_keep_alive
        self.quota_most = limits.max_inflight
        if self.version == 5:
            expiry = self._negotiate(packet, answer)
        else:
            expiry = 0 if packet.clean_start else limits.max_session_expiry
        if auth_data is not None:
            answer["authentication_method"] = packet.properties.authentication_method  # [MQTT-4.12.0-5]
            answer["authentication_data"] = auth_data
        self.quota = self.quota_most
        self.will = packet.will
        session, present, gate = broker.attach(self, packet.clean_start, expiry)
        self.session = session
        self.go(State.CONNECTED)
        self._connect = without_secrets(packet) if self.version == 5 or packet.bridge else None
        properties = Properties(**answer) if self.version == 5 else None
        # MQTT 3.1 §3.2 has no Session Present
        self.opening = gate
        self.answer(encode_connack(self.version, present and self.version > 3, 0, properties), gate)
        if present:
            broker.resume(session, self)

    def _may_will(self, topic: bytes) -> bool:
        if topic.startswith(b"$SYS") and not is_bridge_state(topic):
            return False
        return self.broker.access.may_write(self.client_id, self.username, topic)

    def _negotiate(self, packet: Connect, answer: dict[str, Any]) -> int:
        """What a 5.0 client and the server tell each other; returns the Session Expiry Interval."""
        limits, wanted = self.broker.limits, packet.properties
        expiry = wanted.session_expiry_interval or 0
        if expiry > limits.max_session_expiry:
            expiry = answer["session_expiry_interval"] = limits.max_session_expiry  # §3.2.2.3.2
        self.quota_most = min(wanted.receive_maximum or 65535, limits.max_inflight)
        self._alias_out_most = min(wanted.topic_alias_maximum or 0, limits.max_topic_alias)
        self.max_packet = wanted.maximum_packet_size or 0
        self.special = bool(self._alias_out_most or self.max_packet)
        answer["receive_maximum"] = limits.receive_maximum
        answer["maximum_packet_size"] = limits.max_packet
        answer["topic_alias_maximum"] = limits.max_topic_alias
        if wanted.request_response_information == 1 and limits.response_topic:
            answer["response_information"] = limits.response_topic.replace("%c", self.client_id)
        return expiry


def _method(data: bytes) -> Properties:
    return Properties(authentication_method="SCRAM-SHA-256", authentication_data=data)


def without_secrets(packet: Connect) -> Connect:
    """What is kept of a CONNECT: what later packets refer to, not the password and the will."""
    return dataclasses.replace(packet, password=None, will=None)
