"""Runs an app: listeners, limits, TLS, PROXY protocol, drain."""

from __future__ import annotations

from .control import ControlError, control_call
from .listener import BoundListener
from .server import Server

__all__ = ["BoundListener", "ControlError", "Server", "control_call"]
