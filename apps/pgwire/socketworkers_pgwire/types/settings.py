"""What a session has set that changes how values are read and written. Sans-IO: the time is given, never asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from .zones import UTC, Zone

__all__ = ["DEFAULT", "DateOrder", "DateStyle", "IntervalStyle", "Names", "Settings"]

DateStyle = Literal["ISO", "SQL", "Postgres", "German"]
DateOrder = Literal["MDY", "DMY", "YMD"]
IntervalStyle = Literal["postgres", "postgres_verbose", "sql_standard", "iso_8601"]


class Names(Protocol):
    """What the reg* types ask of the catalogue; the search path is the session's."""

    def find(self, kind: str, text: str) -> int:
        """The OID of what `text` names to the type `kind` ("regclass", ...).

        Raises:
            SqlError: there is none, or more than one, or `text` is no name.
        """

    def spell(self, kind: str, oid: int) -> str | None:
        """How `oid` is written, quoted and qualified where it must be; None when there is no such object."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the session, with the names and the values that PostgreSQL gives them."""

    datestyle: DateStyle = "ISO"
    """How dates are written."""
    dateorder: DateOrder = "MDY"
    """How dates of three numbers are read, and written by the styles SQL and Postgres."""
    intervalstyle: IntervalStyle = "postgres"
    """How intervals are written."""
    timezone: Zone = UTC
    """Of timestamptz and of all that means today."""
    extra_float_digits: int = 1
    """Above 0: the shortest text that reads back as the same number; else so many digits fewer than 15 or 6."""
    bytea_output: Literal["hex", "escape"] = "hex"
    now: int = 0
    """Start of the transaction, in microseconds since 2000-01-01 00:00 UTC: what `now`, `today`, ... are read as."""
    names: Names | None = None
    """The catalogue, for the reg* types."""


DEFAULT = Settings()
