"""Bridges: topics of this broker at another one, and the other way round (mosquitto.conf(5), Configuring Bridges)."""

from __future__ import annotations

from .bridges import Bridges
from .settings import BridgeSpec, BridgeTopic, parse_bridge, parse_topic

__all__ = ["BridgeSpec", "BridgeTopic", "Bridges", "parse_bridge", "parse_topic"]
