"""What an operator sees: logs, metrics, health. Subscribes to ``telemetry``; nothing on a hot path calls in here."""

from __future__ import annotations

from .escape import escape, shorten
from .logs import JsonFormatter, LogWriter, TextFormatter, setup

__all__ = ["JsonFormatter", "LogWriter", "TextFormatter", "escape", "setup", "shorten"]
