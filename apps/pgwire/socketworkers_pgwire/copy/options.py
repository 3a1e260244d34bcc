"""The options of COPY and their rules (PostgreSQL 15 documentation, COPY; ProcessCopyOptions in copy.c)."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import SqlError

__all__ = ["CopyOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOptions:
    """The options of one statement."""

    format: str = "text"
    """``text``, ``csv`` or ``binary``."""
    delimiter: str = "\t"
    null: str = "\\N"
    header: bool = False
    header_match: bool = False
    """HEADER MATCH: the names of the header are those of the columns."""
    quote: str = '"'
    escape: str = '"'
    force_quote: frozenset[int] | None = frozenset()
    """Numbers of columns from 0; None is all."""
    force_not_null: frozenset[int] = frozenset()
    force_null: frozenset[int] = frozenset()
    encoding: str = "utf-8"
    """Python's name."""

    @classmethod
    def checked(
        cls,
        *,
        format: str = "text",
        delimiter: str | None = None,
        null: str | None = None,
        header: bool = False,
        header_match: bool = False,
        quote: str | None = None,
        escape: str | None = None,
        force_quote: frozenset[int] | None = frozenset(),
        force_not_null: frozenset[int] = frozenset(),
        force_null: frozenset[int] = frozenset(),
        encoding: str = "utf-8",
        reads: bool,
    ) -> CopyOptions:
        """Options as a statement gives them; None is the default of the format.

        Args:
            reads: COPY FROM.

        Raises:
            SqlError: they contradict each other.
        """
        csv = format == "csv"
        if format == "binary":
            for name, value in (("DELIMITER", delimiter), ("NULL", null)):
                if value is not None:
                    raise SqlError("42601", f"cannot specify {name} in BINARY mode")
            if header:
                raise SqlError("42601", "cannot specify HEADER in BINARY mode")
        delimiter = delimiter if delimiter is not None else "," if csv else "\t"
        null = null if null is not None else "" if csv else "\\N"
        if len(delimiter.encode()) != 1:
            raise SqlError("0A000", "COPY delimiter must be a single one-byte character")
        if delimiter in "\r\n":
            raise SqlError("22023", "COPY delimiter cannot be newline or carriage return")
        if "\r" in null or "\n" in null:
            raise SqlError("22023", "COPY null representation cannot use newline or carriage return")
        if not csv and delimiter in "\\.abcdefghijklmnopqrstuvwxyz0123456789":
            raise SqlError("22023", f'COPY delimiter cannot be "{delimiter}"')
        for name, given in (("quote", quote), ("escape", escape)):
            if given is not None and not csv:
                raise SqlError("0A000", f"COPY {name} available only in CSV mode")
            if given is not None and len(given.encode()) != 1:
                raise SqlError("0A000", f"COPY {name} must be a single one-byte character")
        quote = quote or '"'
        if csv and delimiter == quote:
            raise SqlError("22023", "COPY delimiter and quote must be different")
        for name, columns, only in (
            ("force quote", force_quote, not reads),
            ("force not null", force_not_null, reads),
            ("force null", force_null, reads),
        ):
            if columns is None or columns:
                if not csv:
                    raise SqlError("0A000", f"COPY {name} available only in CSV mode")
                if not only:
                    raise SqlError("0A000", f"COPY {name} only available using COPY {'TO' if reads else 'FROM'}")
        if delimiter in null:
            raise SqlError("0A000", "COPY delimiter must not appear in the NULL specification")
        if csv and quote in null:
            raise SqlError("0A000", "CSV quote character must not appear in the NULL specification")
        return cls(
            format=format,
            delimiter=delimiter,
            null=null,
            header=header,
            header_match=header_match,
            quote=quote,
            escape=escape or quote,
            force_quote=force_quote,
            force_not_null=force_not_null,
            force_null=force_null,
            encoding=encoding,
        )
