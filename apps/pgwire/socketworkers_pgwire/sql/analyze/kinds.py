"""Where an expression stands: PostgreSQL's ParseExprKind, and what may not stand there."""

from __future__ import annotations

from enum import Enum

__all__ = ["Kind"]


class Kind(Enum):
    """A place of an expression. Values: its name in error messages, and where aggregates, window functions,
    subqueries and set-returning functions are refused: "" allows them, "=" is "in" and the name, anything else the
    words behind "in"."""

    OTHER = ("OTHER", "", "", "", "")
    SELECT = ("SELECT", "", "", "", "")
    ORDER_BY = ("ORDER BY", "", "", "", "")
    DISTINCT_ON = ("DISTINCT ON", "", "", "", "")
    HAVING = ("HAVING", "", "=", "", "=")
    WHERE = ("WHERE", "=", "=", "", "=")
    JOIN_ON = ("JOIN/ON", "JOIN conditions", "JOIN conditions", "", "JOIN conditions")
    JOIN_USING = ("JOIN/USING", "JOIN conditions", "JOIN conditions", "", "JOIN conditions")
    FROM_SUBSELECT = ("sub-SELECT in FROM", "FROM clause of their own query level", "=", "", "=")
    FROM_FUNCTION = ("function in FROM", "functions in FROM", "functions in FROM", "", "")
    FILTER = ("FILTER", "=", "=", "", "=")
    WINDOW_PARTITION = ("window PARTITION BY", "", "window definitions", "", "window definitions")
    WINDOW_ORDER = ("window ORDER BY", "", "window definitions", "", "window definitions")
    WINDOW_RANGE = ("window RANGE", "window RANGE", "window definitions", "", "window definitions")
    WINDOW_ROWS = ("window ROWS", "window ROWS", "window definitions", "", "window definitions")
    WINDOW_GROUPS = ("window GROUPS", "window GROUPS", "window definitions", "", "window definitions")
    INSERT_TARGET = ("INSERT", "=", "=", "", "")
    UPDATE_SOURCE = ("UPDATE", "=", "=", "", "=")
    MERGE_WHEN = ("MERGE WHEN", "MERGE WHEN conditions", "MERGE WHEN conditions", "", "MERGE WHEN conditions")
    GROUP_BY = ("GROUP BY", "=", "=", "", "")
    LIMIT = ("LIMIT", "=", "=", "", "=")
    OFFSET = ("OFFSET", "=", "=", "", "=")
    RETURNING = ("RETURNING", "=", "=", "", "=")
    VALUES = ("VALUES", "=", "=", "", "=")
    VALUES_SINGLE = ("VALUES", "=", "=", "", "")
    CHECK = ("CHECK", "check constraints", "check constraints", "check constraint", "check constraints")
    DEFAULT = ("DEFAULT", "DEFAULT expressions", "DEFAULT expressions", "DEFAULT expression", "DEFAULT expressions")
    INDEX_EXPRESSION = (
        "index expression",
        "index expressions",
        "index expressions",
        "index expression",
        "index expressions",
    )
    INDEX_PREDICATE = ("index predicate", "index predicates", "index predicates", "index predicate", "index predicates")
    ALTER_COLUMN = (
        "USING",
        "transform expressions",
        "transform expressions",
        "transform expression",
        "transform expressions",
    )
    EXECUTE = ("EXECUTE", "EXECUTE parameters", "EXECUTE parameters", "EXECUTE parameter", "EXECUTE parameters")
    CALL = ("CALL", "CALL arguments", "CALL arguments", "CALL argument", "CALL arguments")
    COPY_WHERE = (
        "WHERE",
        "COPY FROM WHERE conditions",
        "COPY FROM WHERE conditions",
        "COPY FROM WHERE condition",
        "COPY FROM WHERE conditions",
    )
    GENERATED = (
        "GENERATED AS",
        "column generation expressions",
        "column generation expressions",
        "column generation expression",
        "column generation expressions",
    )
    CYCLE_MARK = ("CYCLE", "=", "=", "", "=")

    def __init__(self, word: str, aggregates: str, windows: str, subqueries: str, sets: str) -> None:
        self.word = word
        self.aggregates = word if aggregates == "=" else aggregates
        self.windows = word if windows == "=" else windows
        self.subqueries = word if subqueries == "=" else subqueries
        self.sets = word if sets == "=" else sets
