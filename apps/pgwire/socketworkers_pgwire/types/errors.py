"""Errors of SQL values, as PostgreSQL words and numbers them (PostgreSQL documentation, appendix A). Sans-IO."""

from __future__ import annotations

from ..errors import SqlError

__all__ = [
    "SqlError",
    "bad_binary",
    "cut_binary",
    "division_by_zero",
    "field_overflow",
    "invalid_input",
    "invalid_parameter",
    "out_of_range",
]


def invalid_input(name: str, text: str, *, detail: str | None = None) -> SqlError:
    """22P02 invalid_text_representation: `text` does not spell a value of the type `name`."""
    return SqlError("22P02", f'invalid input syntax for type {name}: "{text}"', detail=detail)


def out_of_range(name: str) -> SqlError:
    """22003 numeric_value_out_of_range, of a result."""
    return SqlError("22003", f"{name} out of range")


def division_by_zero() -> SqlError:
    """22012 division_by_zero."""
    return SqlError("22012", "division by zero")


def field_overflow(kind: str, text: str) -> SqlError:
    """22008 datetime_field_overflow of an input."""
    return SqlError("22008", f'{kind} out of range: "{text}"')


def invalid_parameter(message: str) -> SqlError:
    """22023 invalid_parameter_value."""
    return SqlError("22023", message)


def cut_binary() -> SqlError:
    """08P01 protocol_violation: a binary value ends too early."""
    return SqlError("08P01", "insufficient data left in message")


def bad_binary(message: str = "incorrect binary data format") -> SqlError:
    """22P03 invalid_binary_representation."""
    return SqlError("22P03", message)
