"""The bytes of MQTT 3.1, 3.1.1 and 5.0: a decoder for each side of a connection, encoders for its packets. Sans-IO.

Imports nothing of the runtime but its errors. `Decoder` never raises on what a peer sent; the encoders raise ValueError
or OverflowError for what no packet can hold.
"""

from __future__ import annotations

from .ack import Ack, Acks, encode_ack, encode_acks
from .connect import Connack, Connect, Will, encode_connack, encode_connect
from .decoder import MAX_CONNECT, Decoder, Packet
from .disconnect import (
    PINGREQ,
    PINGRESP,
    Auth,
    Disconnect,
    Pingreq,
    Pingresp,
    encode_auth,
    encode_disconnect,
)
from .errors import MalformedPacket
from .packet_types import PacketType, Role
from .properties import EMPTY, MAX_USER_PROPERTIES, Properties, encode_properties
from .publish import Publish, PublishRun, publish_parts, set_dup
from .publish_properties import EMPTY_PUBLISH, EMPTY_WILL, PublishProperties, WillProperties, encode_passed
from .reasons import Reason, connack_code_v3
from .subscribe import (
    MAX_FILTERS,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    encode_suback,
    encode_subscribe,
    encode_unsuback,
    encode_unsubscribe,
)
from .topic import MAX_LEVELS, Filter, parse_filter, valid_topic

__all__ = [
    "EMPTY",
    "EMPTY_PUBLISH",
    "EMPTY_WILL",
    "MAX_CONNECT",
    "MAX_FILTERS",
    "MAX_LEVELS",
    "MAX_USER_PROPERTIES",
    "PINGREQ",
    "PINGRESP",
    "Ack",
    "Acks",
    "Auth",
    "Connack",
    "Connect",
    "Decoder",
    "Disconnect",
    "Filter",
    "MalformedPacket",
    "Packet",
    "PacketType",
    "Pingreq",
    "Pingresp",
    "Properties",
    "Publish",
    "PublishProperties",
    "PublishRun",
    "Reason",
    "Role",
    "Suback",
    "Subscribe",
    "Subscription",
    "Unsuback",
    "Unsubscribe",
    "Will",
    "WillProperties",
    "connack_code_v3",
    "encode_ack",
    "encode_acks",
    "encode_auth",
    "encode_connack",
    "encode_connect",
    "encode_disconnect",
    "encode_passed",
    "encode_properties",
    "encode_suback",
    "encode_subscribe",
    "encode_unsuback",
    "encode_unsubscribe",
    "parse_filter",
    "publish_parts",
    "set_dup",
    "valid_topic",
]
