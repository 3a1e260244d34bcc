"""The formats of COPY: text, CSV and binary (PostgreSQL 15 documentation, COPY). Sans-IO.

A reader takes bytes as they come and gives rows of fields; a writer gives the lines of rows. Fields are bytes, or None
for NULL; what they mean is up to their types.
"""

from __future__ import annotations

from .binary import BinaryReader, BinaryWriter
from .options import CopyOptions
from .reader import Columns, Reader, Row, Writer
from .separated import CsvReader, CsvWriter
from .text import TextReader, TextWriter

__all__ = [
    "BinaryReader",
    "BinaryWriter",
    "Columns",
    "CopyOptions",
    "CsvReader",
    "CsvWriter",
    "Reader",
    "Row",
    "TextReader",
    "TextWriter",
    "Writer",
    "make_reader",
    "make_writer",
]


def make_reader(options: CopyOptions, names: list[str]) -> Reader:
    """A reader of a format.

    Args:
        options: of the statement.
        names: of the columns that are read.
    """
    if options.format == "binary":
        return BinaryReader(len(names))
    return TextReader(options, names) if options.format == "text" else CsvReader(options, names)


def make_writer(options: CopyOptions, names: list[str]) -> Writer:
    """A writer of a format."""
    if options.format == "binary":
        return BinaryWriter(len(names))
    return TextWriter(options, names) if options.format == "text" else CsvWriter(options, names)
