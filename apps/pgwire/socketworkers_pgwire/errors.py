"""What a statement or a session fails with: one exception, which becomes one ErrorResponse. Sans-IO.

SQLSTATEs: appendix A of the PostgreSQL documentation. Clients compare both SQLSTATE and words.
"""

from __future__ import annotations

from .codec.report import Report

__all__ = ["SqlError"]


class SqlError(Exception):
    """What was asked for fails; arguments are the fields of the ErrorResponse.

    Attributes may be filled in on the way up: a function knows what is wrong with a value, who called it knows where in
    the statement that was.

    Args:
        sqlstate: the five characters of appendix A.
        message: the primary message, in PostgreSQL's words.
        detail: the DETAIL line, or None.
        hint: the HINT line, or None.
        position: character of the statement, counted from 1, that the error points at, or None.
        severity: ``ERROR``, or ``FATAL`` to end the connection.
        schema: name of the schema of the object that the error is about; so are `table`, `column`, `data_type` and
            `constraint`.
        where: the context in which it happened, one entry a line.
        routine: PostgreSQL's function that raises it, where clients look for that.
    """

    def __init__(
        self,
        sqlstate: str,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
        severity: str = "ERROR",
        schema: str = "",
        table: str = "",
        column: str = "",
        data_type: str = "",
        constraint: str = "",
        where: str = "",
        routine: str = "",
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position
        self.severity = severity
        self.schema = schema
        self.table = table
        self.column = column
        self.data_type = data_type
        self.constraint = constraint
        self.where = where
        self.routine = routine

    @classmethod
    def of(cls, report: Report) -> SqlError:
        """The exception whose `report` this is."""
        return cls(
            report.sqlstate,
            report.message,
            detail=report.detail or None,
            hint=report.hint or None,
            position=report.position or None,
            severity=report.severity,
            schema=report.schema,
            table=report.table,
            column=report.column,
            data_type=report.data_type,
            constraint=report.constraint,
            where=report.where,
            routine=report.routine,
        )

    @property
    def report(self) -> Report:
        """What the client is told."""
        return Report(
            severity=self.severity,
            sqlstate=self.sqlstate,
            message=self.message,
            detail=self.detail or "",
            hint=self.hint or "",
            position=self.position or 0,
            schema=self.schema,
            table=self.table,
            column=self.column,
            data_type=self.data_type,
            constraint=self.constraint,
            where=self.where,
            routine=self.routine,
        )
