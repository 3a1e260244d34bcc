"""Logging: standard ``logging``, two formatters, and a thread that writes, so that a slow disk never stops the loop.

``setup`` is called once per process by ``process``. Text is for terminals (colours only there, NO_COLOR respected),
JSON lines for everything else. A line carries the id of its connection where there is one. Text from peers is escaped
and cut here, in one place (:mod:`.escape`).
"""

from __future__ import annotations

import copy
import logging
import os
import queue
import sys
import threading
import time
import traceback
from typing import Any, TextIO

from .escape import MAX_ARGUMENT, MAX_MESSAGE, escape, shorten

__all__ = ["JsonFormatter", "LogWriter", "TextFormatter", "setup"]

#: Lines that may wait for the disk; more are dropped and counted.
QUEUE_LINES = 10_000
#: Longest traceback of one line, in characters.
MAX_TRACEBACK = 32_768

_COLORS = {"DEBUG": "\x1b[2m", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[1;31m"}
_RESET = "\x1b[0m"
#: What ``logging`` itself puts on a record: all else was given as ``extra``.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "connection", "error_text"}


class _QueueHandler(logging.Handler):
    """Renders the message where the call is made (its arguments may change later) and leaves the rest to the thread."""

    def __init__(self, lines: queue.Queue[logging.LogRecord | None]) -> None:
        super().__init__()
        self._lines = lines
        self.dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        record = copy.copy(record)  # other handlers shall see what the caller gave
        try:
            if record.args and isinstance(record.args, tuple):
                record.args = tuple(_cut(argument) for argument in record.args)
            record.msg, record.args = record.getMessage(), None
        except Exception as error:
            # A wrong format string must not end a connection; say where it stands instead.
            record.msg = f"unprintable log call at {record.pathname}:{record.lineno}: {type(error).__name__}"
            record.args = None
        if record.exc_info:
            # Frames hold sockets and buffers alive: render now.
            record.__dict__["error_text"] = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            record.exc_info = None
        try:
            self._lines.put_nowait(record)
        except queue.Full:
            self.dropped += 1


def _cut(argument: object) -> object:
    if isinstance(argument, str):
        return shorten(argument, MAX_ARGUMENT)
    if isinstance(argument, (bytes, bytearray)) and len(argument) > MAX_ARGUMENT:
        return bytes(argument[:MAX_ARGUMENT])
    return argument


class TextFormatter(logging.Formatter):
    """One line for a person: time, level, connection, message; a traceback follows, indented.

    Args:
        color: whether to mark levels with colours.
        dates: whether to write the whole date (not on a terminal).
    """

    def __init__(self, *, color: bool = False, dates: bool = True) -> None:
        super().__init__()
        self._color = color
        self._dates = dates

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.localtime(record.created)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S" if self._dates else "%H:%M:%S", seconds)
        stamp += f".{int(record.msecs):03d}"
        if self._dates:
            stamp += time.strftime("%z", seconds)
        level = f"{record.levelname.lower():<7}"
        if self._color and record.levelname in _COLORS:
            level = f"{_COLORS[record.levelname]}{level}{_RESET}"
        connection = record.__dict__.get("connection")
        message = escape(shorten(record.getMessage(), MAX_MESSAGE))
        line = f"{stamp} {level} {f'[{escape(str(connection))}] ' if connection else ''}{message}"
        for key, value in _extra(record):
            line += f" {key}={escape(shorten(str(value), MAX_ARGUMENT))}"
        trace = _trace(record)
        if trace:
            # Indented, so that nothing within it can look like a line of its own.
            line += "".join(f"\n    | {escape(part)}" for part in trace.split("\n"))
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object per line: ``time level logger message``, ``connection`` and what else was given."""

    def format(self, record: logging.LogRecord) -> str:
        import json

        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        content: dict[str, Any] = {
            "time": stamp,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": shorten(record.getMessage(), MAX_MESSAGE),
        }
        connection = record.__dict__.get("connection")
        if connection:
            content["connection"] = str(connection)
        for key, value in _extra(record):
            if not isinstance(value, (bool, int, float, type(None))):
                value = shorten(str(value), MAX_ARGUMENT)
            content[key] = value
        trace = _trace(record)
        if trace:
            content["traceback"] = trace
        # ASCII only: every control character leaves as an escape.
        return json.dumps(content, ensure_ascii=True)


def _extra(record: logging.LogRecord) -> list[tuple[str, Any]]:
    return [(escape(key), value) for key, value in vars(record).items() if key not in _STANDARD]


def _trace(record: logging.LogRecord) -> str:
    text = record.__dict__.get("error_text", "")
    if not text and record.exc_info:
        text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
    return shorten(text, MAX_TRACEBACK)


class LogWriter:
    """The thread that writes lines, and the handler that feeds it."""

    def __init__(self, stream: TextIO, formatter: logging.Formatter) -> None:
        self._stream = stream
        self._formatter = formatter
        self._lines: queue.Queue[logging.LogRecord | None] = queue.Queue(QUEUE_LINES)
        self.handler = _QueueHandler(self._lines)
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines that were lost because the stream was too slow."""
        return self.handler.dropped

    def _write(self) -> None:
        told = 0
        while (record := self._lines.get()) is not None:
            try:
                line = self._formatter.format(record)
                if self.handler.dropped > told:
                    line += f"\n({self.handler.dropped - told} log lines were dropped: the log is too slow)"
                    told = self.handler.dropped
                self._stream.write(line + "\n")
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):
                # The terminal or the pipe is gone; the server is not.
                continue

    def close(self, seconds: float = 2.0) -> None:
        """Write what waits, for at most ``seconds``, and end the thread."""
        logging.getLogger().removeHandler(self.handler)
        try:
            self._lines.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)


def setup(level: str = "info", kind: str = "auto", stream: TextIO | None = None) -> LogWriter:
    """Send all of the process's logging to one stream.

    Args:
        level: ``debug info warning error``.
        kind: ``text``, ``json``, or ``auto``: text on a terminal, else JSON.
        stream: where to (stderr by default).

    Returns:
        The writer; close it at the end.
    """
    stream = sys.stderr if stream is None else stream
    terminal = stream.isatty()
    formatter: logging.Formatter
    if kind == "json" or (kind == "auto" and not terminal):
        formatter = JsonFormatter()
    else:
        formatter = TextFormatter(color=terminal and not os.environ.get("NO_COLOR"), dates=not terminal)
    writer = LogWriter(stream, formatter)
    root = logging.getLogger()
    root.addHandler(writer.handler)
    root.setLevel(level.upper())
    # asyncio's own lines below a warning are about its selector.
    logging.getLogger("asyncio").setLevel(max(root.level, logging.INFO))
    return writer
