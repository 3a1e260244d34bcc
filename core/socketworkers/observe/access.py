"""Turns the runtime's events into log lines: lifecycle is told as events, and this is the subscriber that prints it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from ..telemetry import Telemetry

__all__ = ["log_events"]

#: Seconds between two lines about one kind of trouble: descriptors run out thousands of times a second.
QUIET_SECONDS = 60.0

_LOG = logging.getLogger("socketworkers")

#: The level of each event's line; what is not named is for debugging.
_LEVELS = {
    "conn.close": logging.INFO,
    "tls.failed": logging.INFO,
    "tls.reloaded": logging.INFO,
    "accept.resumed": logging.INFO,
    "conn.refused": logging.WARNING,
    "accept.error": logging.WARNING,
    "storage.failed": logging.ERROR,
}


def log_events(telemetry: Telemetry, *, clock: Callable[[], float] = time.monotonic) -> Callable[[], None]:
    """Log the events of a server, as far as the present log level shows them: nobody makes fields for the others.

    Returns:
        A function that ends it.
    """
    told: dict[str, float] = {}
    missed: dict[str, int] = {}

    def quiet(kind: str) -> str | None:
        """None when a line of that kind was written lately, else a note of what was left out since."""
        now = clock()
        if now - told.get(kind, -QUIET_SECONDS) < QUIET_SECONDS:
            missed[kind] = missed.get(kind, 0) + 1
            return None
        told[kind] = now
        count = missed.pop(kind, 0)
        return f" ({count} more since the last line)" if count else ""

    def on_event(name: str, fields: Mapping[str, object]) -> None:
        extra = {"connection": fields["id"]} if "id" in fields else None
        get = fields.get
        match name:
            case "conn.open":
                _LOG.debug("open %s from %s", get("listener"), get("remote"), extra=extra)
            case "conn.close":
                _LOG.info(
                    "%s from %s closed after %.3f s, %s bytes in, %s out%s",
                    get("listener"),
                    get("remote"),
                    _number(get("seconds")),
                    get("bytes_in"),
                    get("bytes_out"),
                    f": {get('reason')}" if get("reason") else "",
                    extra=extra,
                )
            case "tls.done":
                _LOG.debug("%s %s", get("version"), get("cipher"), extra=extra)
            case "tls.failed":
                _LOG.info("TLS failed: %s", get("error"), extra=extra)
            case "tls.reloaded":
                _LOG.info("certificate reloaded: %s", get("certificate"))
            case "accept.resumed":
                _LOG.info("%s accepts again", get("listener"))
            case "conn.failed":
                # The server logs it itself, with the traceback.
                return
            case "conn.refused" | "accept.error":
                note = quiet(name)
                if note is not None:
                    what = "cannot accept" if name == "accept.error" else "connection refused"
                    _LOG.warning("%s: %s%s", what, get("error") or get("reason"), note)
            case "storage.failed":
                _LOG.error("storage failed for good: %s: %s", get("path"), get("error"))
            case _:
                _LOG.debug("%s %s", name, dict(fields), extra=extra)

    level = _LOG.getEffectiveLevel()
    if level <= logging.DEBUG:
        return telemetry.subscribe(on_event)
    return telemetry.subscribe(on_event, *(name for name, least in _LEVELS.items() if least >= level))


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
