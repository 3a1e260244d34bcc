"""The templates of to_char(), to_date(), to_timestamp() and to_number(): PostgreSQL 15 documentation §9.8. Sans-IO."""

from __future__ import annotations

from .moment import date_of_text, interval_text, moment_text, timestamp_of_text
from .number import number_of_text, number_text

__all__ = ["date_of_text", "interval_text", "moment_text", "number_of_text", "number_text", "timestamp_of_text"]
