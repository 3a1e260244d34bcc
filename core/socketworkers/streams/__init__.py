"""WHATWG streams for bytes, in snake_case, with the deviations that byte sockets need (docs/reference/streams.md)."""

from __future__ import annotations

from .controller import ReadableStreamController
from .pipe import pipe
from .readable import ReadableStream
from .reader import ByteReader
from .transform import TransformStream, TransformStreamController
from .writable import WritableStream, WritableStreamController, Writer

__all__ = [
    "ByteReader",
    "ReadableStream",
    "ReadableStreamController",
    "TransformStream",
    "TransformStreamController",
    "WritableStream",
    "WritableStreamController",
    "Writer",
    "pipe",
]
