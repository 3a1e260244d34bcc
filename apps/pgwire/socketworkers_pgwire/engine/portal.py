"""A plan with its parameters that runs, or is ready to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..codec import FieldDescription, encode_columns, encode_packed, encode_rows
from ..codec.rows import decode_data_row
from ..errors import SqlError
from ..session import SERVER_ENCODING
from ..sql.execute.chunks import ChunkCursor
from ..sql.execute.cursor import SelectPlan
from ..sql.plan import Cursor, Plan, ResultColumn
from ..types import Settings
from .recoding import outgoing

if TYPE_CHECKING:
    from .connections import Handle
    from .log import Touched
    from .surroundings import Surroundings

__all__ = ["Portal", "describe", "encode", "encode_result"]

#: rows that are kept of a cursor that was declared neither SCROLL nor NO SCROLL
_KEPT = 10_000
_ALL = (1 << 63) - 1


class Portal:
    """What the engine keeps of a portal; the protocol's `Portal` holds it as its handle.

    Args:
        plan: what runs.
        values: of its parameters, in storage forms.
        formats: of the result's columns, as Bind has them.
        columns: as RowDescription tells them.
    """

    __slots__ = (
        "_ended",
        "_first",
        "_place",
        "beside",
        "chunks",
        "columns",
        "copy",
        "cursor",
        "declared",
        "formats",
        "handle",
        "kept",
        "made",
        "packed",
        "plan",
        "scroll",
        "sent",
        "text",
        "touched",
        "values",
    )

    def __init__(
        self,
        plan: Plan,
        values: Sequence[Any],
        formats: tuple[int, ...],
        columns: tuple[FieldDescription, ...] | None,
    ) -> None:
        self.plan = plan
        self.values = values
        self.formats = formats
        self.columns = columns
        self.cursor: Cursor | None = None
        self.handle: Handle | None = None
        """The connection that it runs on."""
        self.beside = plan.blocking
        """Whether it goes on in a thread."""
        self.packed = False
        """Whether its rows come as SQLite has written them: see `SelectPlan.packed`."""
        self.chunks: ChunkCursor | None = None
        """In the place of `cursor`, when many of its rows come at a time."""
        self.sent = False
        """Whether rows of it have gone out: it cannot be run again then."""
        self.touched: Touched | None = None
        """Which rows it has changed, while others have marks."""
        self.copy: Any = None
        """The state of a COPY."""
        # of a cursor of DECLARE
        self.declared = False
        self.text = ""
        """Of the statement, and when that was; for pg_cursors."""
        self.made = 0
        self.scroll: bool | None = None
        """SCROLL, NO SCROLL, or nothing said."""
        self.kept: list[tuple[Any, ...]] = []
        """Rows that were fetched, from number `_first` on."""
        self._first = 1
        #: the row it stands on: 0 is before the first one
        self._place = 0
        self._ended = False

    def binary(self, number: int) -> bool:
        """Whether a column is sent in binary."""
        formats = self.formats
        if not formats:
            return False
        return formats[0 if len(formats) == 1 else number] == 1

    def open(self, surroundings: Surroundings, *, whole: bool = False) -> None:
        """Begin to run the plan; for its client alone, who gets the rows in text or binary form.

        Args:
            surroundings: of its statement.
            whole: whether it runs to its end without a pause.
        """
        plan = self.plan
        self.packed = isinstance(plan, SelectPlan) and plan.packed is not None and not any(self.formats)
        if (
            self.packed
            and whole
            and isinstance(plan, SelectPlan)
            and plan.chunks is not None
            and surroundings.protocol.encoding == SERVER_ENCODING
        ):
            self.chunks = ChunkCursor(plan.chunks, surroundings)
        elif self.packed:
            assert isinstance(plan, SelectPlan)
            self.cursor = plan.open_packed(surroundings, self.values)
        else:
            self.cursor = plan.open(surroundings, self.values)

    # DECLARE, FETCH, MOVE

    def materialize(self) -> None:
        """Fetch all rows that are left: the cursor's connection is not needed any more."""
        if not self._ended and self.cursor is not None:
            self.kept += self.cursor.rows()
            self._ended = True

    def move(self, direction: str, count: int) -> list[tuple[Any, ...]]:
        """Move as FETCH does, and give the rows that were passed over.

        Args:
            direction: ``FETCH_FORWARD``, ``FETCH_BACKWARD``, ``FETCH_ABSOLUTE``, ``FETCH_RELATIVE``.
            count: how many; the largest int8 is ALL.

        Raises:
            SqlError: 55000 it does not go backward.
        """
        if direction == "FETCH_BACKWARD":
            count, direction = -count, "FETCH_FORWARD"
        if direction == "FETCH_FORWARD":
            return self._forward(count) if count > 0 else self._backward(-count) if count else self._again()
        if direction == "FETCH_RELATIVE":
            target = self._place + count
        elif count >= 0:
            target = count
        else:
            self._read_to(_ALL)
            target = max(0, self._last + 1 + count)
        return self._to(target)

    @property
    def _last(self) -> int:
        return self._first + len(self.kept) - 1

    def _read_to(self, number: int) -> None:
        """Have the rows up to this number, as far as there are."""
        while not self._ended and self._last < number:
            assert self.cursor is not None
            wanted = min(number - self._last, 1024)
            rows = self.cursor.fetch(wanted)
            self.kept += rows
            self._ended = len(rows) < wanted

    def _forget(self) -> None:
        """Drop rows that nobody can go back to."""
        most = _KEPT if self.scroll is None else 1
        if not self.scroll and len(self.kept) > most and self._place > self._first:
            drop = min(self._place - self._first, len(self.kept) - most)
            del self.kept[:drop]
            self._first += drop

    def _row(self, number: int) -> tuple[Any, ...]:
        return self.kept[number - self._first]

    def _forward(self, count: int) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        end = min(self._place + count, _ALL)
        while self._place < end:
            step = min(self._place + 1024, end)
            self._read_to(step)
            reached = min(step, self._last)
            rows += self.kept[self._place + 1 - self._first : reached + 1 - self._first]
            self._place = reached
            self._forget()
            if reached < step:
                self._place = reached + 1  # behind the last one
                break
        return rows

    def _backward(self, count: int) -> list[tuple[Any, ...]]:
        self._check_back()
        rows = []
        for number in range(self._place - 1, max(0, self._place - 1 - count), -1):
            self._check_kept(number)
            rows.append(self._row(number))
        self._place = max(0, self._place - count)
        return rows

    def _again(self) -> list[tuple[Any, ...]]:
        """FETCH 0: the row it stands on."""
        if not 1 <= self._place <= self._last:
            return []
        self._check_kept(self._place)
        return [self._row(self._place)]

    def _to(self, target: int) -> list[tuple[Any, ...]]:
        if target <= self._place:
            self._check_back()
        if target < 1:
            self._place = 0
            return []
        self._read_to(target)
        if target > self._last:
            self._place = self._last + 1
            return []
        self._check_kept(target)
        self._place = target
        row = [self._row(target)]
        self._forget()
        return row

    def current(self, oid: int) -> int | None:
        """The number of the row of a table that the cursor stands on; None when it stands on none.

        Raises:
            LookupError: its rows are not rows of the table.
        """
        assert self.plan.columns is not None
        place = self.plan.positions.index(oid) if oid in self.plan.positions else -1
        if place < 0:
            raise LookupError(oid)
        rows = self._again()
        number: int | None = rows[0][len(self.plan.columns) + place] if rows else None
        return number

    def _check_back(self) -> None:
        if self.scroll is False:
            raise _forward_only()

    def _check_kept(self, number: int) -> None:
        if number < self._first:
            raise _forward_only()


def _forward_only() -> SqlError:
    return SqlError(
        "55000", "cursor can only scan forward", hint="Declare it with SCROLL option to enable backward scan."
    )


def describe(plan: Plan) -> tuple[FieldDescription, ...] | None:
    """The columns of a plan, for RowDescription."""
    if plan.columns is None:
        return None
    return tuple(
        [
            FieldDescription(each.name.encode(), each.type_oid, each.type.typlen, each.typmod, each.table, each.number)
            for each in plan.columns
        ]
    )


def encode(portal: Portal, rows: Sequence[Sequence[Any]], settings: Settings, encoding: str) -> bytes:
    """DataRow messages of rows in storage forms.

    Raises:
        SqlError: 22P05, the client's encoding lacks a character.
    """
    return encode_result(portal.plan.columns, rows, portal.formats, settings, encoding, packed=portal.packed)


def encode_result(
    columns: Sequence[ResultColumn] | None,
    rows: Sequence[Sequence[Any]],
    formats: tuple[int, ...],
    settings: Settings,
    encoding: str,
    *,
    packed: bool,
) -> bytes:
    """DataRow messages of rows.

    Args:
        columns: of the result.
        rows: in storage forms; with `packed` as SQLite has written them.
        formats: as Bind has them.
        settings: the session's forms of values.
        encoding: the client's.
        packed: see `SelectPlan.packed`.

    Raises:
        SqlError: 22P05, the client's encoding lacks a character.
    """
    assert columns is not None
    if not rows:
        return b""
    if packed:
        return _encode_packed([row[0] for row in rows], columns, encoding)
    if not columns:  # SELECT without a list of columns
        return b"D\0\0\0\x06\0\0" * len(rows)
    if len(formats) == len(columns):
        binary = [each == 1 for each in formats]
    else:
        binary = [bool(formats) and formats[0] == 1] * len(columns)
    encoded = [
        column.type.encode_column(values, settings, form)
        for column, values, form in zip(columns, zip(*rows, strict=True), binary, strict=False)
    ]
    if encoding != SERVER_ENCODING:
        for number, column in enumerate(columns):
            recode = outgoing(column.type, binary[number], encoding)
            if recode is not None:
                encoded[number] = [None if field is None else recode(field) for field in encoded[number]]
    return encode_columns(encoded)


def _encode_packed(rows: Sequence[bytes], columns: Sequence[ResultColumn], encoding: str) -> bytes:
    """The same of rows that SQLite has written; their fields are taken apart for a client of another encoding."""
    if encoding == SERVER_ENCODING:
        return encode_packed(rows, len(columns))
    count = len(columns).to_bytes(2)
    recoders = [outgoing(column.type, False, encoding) for column in columns]
    return encode_rows(
        [
            [
                field if field is None or recode is None else recode(field)
                for field, recode in zip(decode_data_row(count + row, 0, len(row) + 2).values, recoders, strict=True)
            ]
            for row in rows
        ]
    )
