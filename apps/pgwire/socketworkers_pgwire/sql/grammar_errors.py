"""SQLSTATEs and hints of the errors of PostgreSQL's scanner and grammar, which its library leaves out. Sans-IO.

From ereport calls of src/backend/parser/{scan.l,gram.y,parser.c}: what is not listed is 42601 syntax_error.
"""

from __future__ import annotations

__all__ = ["PLACELESS", "classify"]

_FEATURE = "0A000"
_WINDOWING = "42P20"
_RESERVED = "42939"

_BY_FUNCTION = {
    "report_invalid_encoding": "22021",
    "report_invalid_encoding_int": "22021",
    "report_untranslatable_char": "22P05",
    "check_stack_depth": "54001",
    "stack_is_too_deep": "54001",
    "MemoryContextAllocationFailure": "53200",
    "DefineCustomVariable": "XX000",
}

_BY_MESSAGE = {
    "UNENCRYPTED PASSWORD is no longer supported": _FEATURE,
    "CREATE SCHEMA IF NOT EXISTS cannot include schema elements": _FEATURE,
    "current database cannot be changed": _FEATURE,
    "MATCH PARTIAL not yet implemented": _FEATURE,
    "CREATE EXTENSION ... FROM is no longer supported": _FEATURE,
    "CREATE OR REPLACE CONSTRAINT TRIGGER is not supported": _FEATURE,
    "CREATE ASSERTION is not yet implemented": _FEATURE,
    "RECHECK is no longer required": _FEATURE,
    "aggregates cannot have output arguments": _FEATURE,
    "WITH CHECK OPTION not supported on recursive views": _FEATURE,
    "UNIQUE predicate is not yet implemented": _FEATURE,
    "conversion between UTF8 and server encoding is not supported": _FEATURE,
    "unsafe use of string constant with Unicode escapes": "0A000",
    "precision for type float must be at least 1 bit": "22023",
    "precision for type float must be less than 54 bits": "22023",
    "frame start cannot be UNBOUNDED FOLLOWING": _WINDOWING,
    "frame end cannot be UNBOUNDED PRECEDING": _WINDOWING,
    "frame starting from following row cannot end with current row": _WINDOWING,
    "frame starting from current row cannot have preceding rows": _WINDOWING,
    "frame starting from following row cannot have preceding rows": _WINDOWING,
    "unsafe use of \\' in a string literal": "22P06",
    "stack depth limit exceeded": "54001",
    "out of memory": "53200",
}

_BY_BEGINNING = (
    ("column number must be in range from", "22023"),
    ("a column list with SET ", _FEATURE),
    ("role name ", _RESERVED),
    ("CURRENT_USER cannot be used as a role name", _RESERVED),
    ("CURRENT_ROLE cannot be used as a role name", _RESERVED),
    ("SESSION_USER cannot be used as a role name", _RESERVED),
)

#: messages that PostgreSQL 15 gives without a position, where later versions have one
PLACELESS = frozenset(
    (
        "WITH TIES cannot be specified without ORDER BY clause",
        "SKIP LOCKED and WITH TIES options cannot be used together",
    )
)

_HINTS = {
    "UNENCRYPTED PASSWORD is no longer supported": "Remove UNENCRYPTED to store the password in encrypted form"
    " instead.",
    "RECHECK is no longer required": "Update your data type.",
    "unsafe use of \\' in a string literal": "Use '' to write quotes in strings. \\' is insecure in client-only"
    " encodings.",
}


def classify(message: str, function: str) -> tuple[str, str | None]:
    """What belongs to an error of the library.

    Args:
        message: its message.
        function: the C function that raised it.

    Returns:
        SQLSTATE and hint.
    """
    if message == "invalid Unicode escape":
        # scan.l reads E'' strings (22025), parser.c U&'' and U&"" ones (42601)
        if function == "str_udeescape":
            return "42601", "Unicode escapes must be \\XXXX or \\+XXXXXX."
        return "22025", "Unicode escapes must be \\uXXXX or \\UXXXXXXXX."
    sqlstate = _BY_FUNCTION.get(function) or _BY_MESSAGE.get(message)
    if sqlstate is None:
        sqlstate = next((state for beginning, state in _BY_BEGINNING if message.startswith(beginning)), "42601")
    return sqlstate, _HINTS.get(message)
