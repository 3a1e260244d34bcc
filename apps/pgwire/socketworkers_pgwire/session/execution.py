"""Running portals: rows and their limit, COPY both ways, statements about transactions. A layer of
`Session`, sans-IO."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..codec import (
    COPY_DONE,
    Bind,
    CopyData,
    CopyDone,
    CopyFail,
    CopyInResponse,
    CopyOutResponse,
    FieldDescription,
    FrontendType,
    Malformed,
    encode_copy_response,
    encode_row_description,
)
from .core import SessionCore
from .encodings import SERVER_ENCODING
from .engine import Answer, Control, ControlKind, CopyEnd, CopyIn, CopyOut, CopyPut, Fetch, Portion, TransactKind
from .errors import error
from .names import Portal, PreparedStatement
from .table import State, refusal

__all__ = ["ENDS", "Execution"]

_AHEAD = 256
"""Messages that are looked at for the end of a block."""
ENDS = (ControlKind.COMMIT, ControlKind.ROLLBACK)
"""What ends a block."""


class Execution(SessionCore):
    """Makes the engine run what was opened."""

    __slots__ = ("_ended", "_step")

    # Rows

    def _describe_portal(self, portal: Portal) -> bytes:
        """RowDescription of a portal that returns rows; kept with the statement it was made of."""
        assert portal.columns is not None
        return self._describe_result(portal.source, portal.columns, portal.result_formats)

    def _describe_result(
        self, source: PreparedStatement | None, columns: tuple[FieldDescription, ...], formats: tuple[int, ...]
    ) -> bytes:
        if source is None or source.columns is not columns:
            described = self._described
            if described[0] is columns and described[1] == formats and described[2] == self.encoding:
                return described[3]
            written = encode_row_description(self._in_client_encoding(columns), formats)
            self._described = (columns, formats, self.encoding, written)
            return written
        kept = source.described
        if kept is not None and kept[1] == formats and kept[0] == self.encoding:
            return kept[2]
        written = encode_row_description(self._in_client_encoding(columns), formats)
        source.described = (self.encoding, formats, written)
        return written

    def _in_client_encoding(self, columns: tuple[FieldDescription, ...]) -> tuple[FieldDescription, ...]:
        if self.encoding == SERVER_ENCODING:
            return columns
        return tuple(
            [
                replace(each, name=each.name.decode(errors="replace").encode(self.encoding, "replace"))
                for each in columns
            ]
        )

    def _row_description(self, portal: Portal) -> bytes:
        assert portal.columns is not None
        return self._describe_result(None, portal.columns, portal.result_formats)

    def _run_portal(self, portal: Portal, limit: int, ended: Callable[[str | None], None]) -> None:
        """Run a portal until its end, or until `limit` rows were sent; then call `ended` with the tag, or None."""
        self._portal = portal
        self._limit = limit if portal.columns is not None else 0
        self._sent = 0
        self._ended = ended
        self._ask(Fetch(portal.handle, self._limit), self._fetched)

    def _fetched(self, answer: Answer) -> None:
        portal = self._portal
        assert portal is not None
        if type(answer) is not Portion:
            self._begin_copy(portal, answer)
            return
        if portal.undescribed:
            portal.undescribed = False
            self._output.append(self._row_description(portal))
        if answer.data:
            self._output.append(answer.data)
            self._unsent += len(answer.data)
            self._tally.sent(answer.count)
        self._sent += answer.count
        limit, tag = self._limit, answer.tag
        if tag is not None:
            portal.done = True
            portal.tag = tag
            portal.counted = answer.counted
            if answer.settled:
                self._touched = False
        if limit and self._sent >= limit:
            # whether there are more rows is known only when they are asked for
            self._portal = None
            self._ended(None)
        elif tag is None:
            self._ask(Fetch(portal.handle, limit - self._sent if limit else 0), self._fetched)
        else:
            if portal.copying:
                self._output.append(COPY_DONE)
            self._portal = None
            self._ended(f"{tag} {self._sent}" if answer.counted else tag)

    # COPY

    def _begin_copy(self, portal: Portal, answer: Answer) -> None:
        if isinstance(answer, CopyOut):
            self._output.append(encode_copy_response(CopyOutResponse(answer.format, answer.column_formats)))
            portal.copying = True
            self._ask(Fetch(portal.handle, 0), self._fetched)
            return
        assert isinstance(answer, CopyIn)
        self._output.append(encode_copy_response(CopyInResponse(answer.format, answer.column_formats)))
        self.state = State.COPY_IN
        self._progress += 1

    def _copy_data(self, message: CopyData) -> None:
        assert self._portal is not None
        self._ask(CopyPut(self._portal.handle, message.data), _carried_out)

    def _copy_done(self, message: CopyDone) -> None:
        assert self._portal is not None
        self._leave_copy()
        self._ask(CopyEnd(self._portal.handle), self._fetched)

    def _copy_fail(self, message: CopyFail) -> None:
        self._leave_copy()
        raise error("57014", f"COPY from stdin failed: {self._text(message.reason)}")

    def _copy_malformed(self, message: Malformed) -> None:
        if message.type in (FrontendType.FLUSH, FrontendType.SYNC):
            return
        if message.type == FrontendType.COPY_FAIL:
            self._leave_copy()
            raise error(message.sqlstate, message.message)
        self._refuse(message)

    def _leave_copy(self) -> None:
        self.state = State.PIPELINE if self._extended else State.READY

    def _refuse(self, message: object) -> None:
        """Answer a message that may not come now."""
        *before, last = refusal(self.state, message)
        for report in before:
            self._say(report)
        self._die(last, "protocol")

    # Transactions

    def _control(self, control: Control, ended: Callable[[str | None], None]) -> None:
        """Carry out a statement about transactions; then call `ended` with its tag."""
        step = self._block.control(control)
        self.whole = control.kind is ControlKind.BEGIN and self._ends_soon()
        if step.warning is not None:
            self._say(step.warning, notice=True)
        self._ended = ended
        self._step = step
        if step.transact is None:
            self._controlled(None)
        else:
            self._ask(step.transact, self._controlled)

    def _ends_soon(self) -> bool:
        """Whether the end of the block that begins has come with it."""
        statements = self._statements
        if statements is not None:
            ahead = [each.control for each in statements[self._place + 1 : self._place + _AHEAD]]
        else:
            known = self.names.statements
            ahead = []
            for message in self._messages[self._next : self._next + _AHEAD]:
                if type(message) is Bind:
                    prepared = known.get(self._text(message.statement))
                    if prepared is not None and prepared.statement is not None:
                        ahead.append(prepared.statement.control)
        return any([control is not None and control.kind in ENDS for control in ahead])

    def _controlled(self, answer: Answer | None) -> None:
        step = self._step
        level = self._block.done(step)
        names = self.names
        kind = step.transact.kind if step.transact is not None else None
        if kind is TransactKind.COMMIT:
            self._tally.committed()
            names.committed()
        elif kind is TransactKind.ROLLBACK:
            self._tally.rolled_back()
            names.rolled_back()
        elif kind is TransactKind.ROLLBACK_TO:
            names.rolled_back_to(level)
        elif kind is TransactKind.RELEASE:
            names.merged(level)
        if self._block.status == "I":
            self._touched = False
        self._ended(step.tag)

    def _check_run(self, portal: Portal) -> None:
        """Whether a portal can run once more.

        Raises:
            SqlError: 55000, it cannot.
        """
        if portal.done and (portal.columns is None or not portal.tag):
            raise error("55000", f'portal "{portal.name}" cannot be run')


def _carried_out(answer: Answer) -> None:
    """Nothing is said about a step that went well."""
