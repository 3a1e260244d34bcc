"""Transaction blocks: when a transaction begins and ends, explicit or implicit. Sans-IO.

"Multiple Statements in a Simple Query" and "Pipelining" of "Message Flow" in the PostgreSQL documentation, and BEGIN,
COMMIT, ROLLBACK, SAVEPOINT and their like in its reference part. Where these are silent, this is what PostgreSQL 15
does, which the tests show side by side.

==========  ===================  ==================================================================================
state       ReadyForQuery        meaning
==========  ===================  ==================================================================================
IDLE        ``I``                no transaction
STARTED     ``I``                one statement, or the first of a pipeline: committed at its end, or at Sync
IMPLICIT    ``T``                several statements in one query or pipeline: one transaction, SAVEPOINT is refused
BLOCK       ``T``                between BEGIN and COMMIT
FAILED      ``E``                a statement of the block failed: only COMMIT, ROLLBACK and ROLLBACK TO are taken
==========  ===================  ==================================================================================
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from ..codec import Report
from .engine import Control, ControlKind, Statement, Transact, TransactKind
from .errors import ABORTED, SqlError, error, notice_that

__all__ = ["Block", "BlockState", "Step"]


class BlockState(enum.Enum):
    """See the module."""

    __hash__ = object.__hash__  # each is there once; Enum's own is written in Python

    IDLE = "I"
    STARTED = "I "
    IMPLICIT = "T "
    BLOCK = "T"
    FAILED = "E"

    def __init__(self, value: str) -> None:
        self.status = value[0]
        """For ReadyForQuery."""


class Step(NamedTuple):
    """What a statement about transactions comes to."""

    transact: Transact | None
    """For the engine; None when there is nothing to do."""
    tag: str
    """For CommandComplete."""
    warning: Report | None
    state: BlockState
    """Where the block is afterwards."""


#: what may come in a block that failed
EXITS: Final = frozenset((ControlKind.COMMIT, ControlKind.ROLLBACK, ControlKind.ROLLBACK_TO, ControlKind.PREPARE))
_IMPLICIT: Final = (BlockState.STARTED, BlockState.IMPLICIT)


class Block:
    """The transaction of one session.

    Args:
        max_savepoints: that may be open at the same time.
    """

    __slots__ = ("_max_savepoints", "pipelining", "savepoints", "state")

    def __init__(self, max_savepoints: int) -> None:
        self._max_savepoints = max_savepoints
        self.state = BlockState.IDLE
        self.savepoints: list[str] = []
        """Names of those that are open; one name may be there more than once."""
        self.pipelining = False
        """Whether an Execute has run since the transaction began: what follows is in an implicit transaction block."""

    @property
    def status(self) -> str:
        """For ReadyForQuery."""
        return self.state.status

    @property
    def failed(self) -> bool:
        """Whether only statements that end or rewind the block are taken."""
        return self.state is BlockState.FAILED

    def start(self) -> None:
        """A message needs a transaction."""
        if self.state is BlockState.IDLE:
            self.state = BlockState.STARTED
        elif self.pipelining and self.state is BlockState.STARTED:
            self.state = BlockState.IMPLICIT

    def implicit(self) -> None:
        """The statement is one of several in a query."""
        if self.state is BlockState.STARTED:
            self.state = BlockState.IMPLICIT

    def end_implicit(self) -> None:
        """The last of several statements has run, or Sync came."""
        if self.state is BlockState.IMPLICIT:
            self.state = BlockState.STARTED

    def ended(self) -> None:
        """There is no transaction any more."""
        self.state = BlockState.IDLE
        self.pipelining = False
        if self.savepoints:
            self.savepoints = []

    def fail(self) -> TransactKind | None:
        """An error came: what the engine has to do about the transaction."""
        if self.state in _IMPLICIT:
            return TransactKind.ROLLBACK
        if self.state is BlockState.BLOCK:
            self.state = BlockState.FAILED
            return TransactKind.ABORT
        return None

    def check(self, statement: Statement | None) -> None:
        """Whether a statement may come now.

        Raises:
            SqlError: 25P02, the block has failed.
        """
        if self.state is BlockState.FAILED and statement is not None:
            control = statement.control
            if control is None or control.kind not in EXITS:
                raise SqlError.of(ABORTED)

    def check_alone(self, name: str) -> None:
        """Whether a statement may run that must not be part of a transaction.

        Raises:
            SqlError: 25001, it would be.
        """
        if self.pipelining and self.state is not BlockState.BLOCK:
            raise error("25001", f"{name} cannot be executed within a pipeline")
        if self.state is not BlockState.STARTED:
            raise error("25001", f"{name} cannot run inside a transaction block")

    def control(self, control: Control) -> Step:
        """What a statement about transactions comes to, now. `done` follows when it is carried out.

        Raises:
            SqlError: 25P01, there is no block; 3B001, no such savepoint; 53400, too many savepoints; 55000, prepared
                transactions are disabled.
        """
        kind = control.kind
        if kind is ControlKind.BEGIN:
            return self._begin(control)
        if kind is ControlKind.COMMIT:
            return self._commit(control)
        if kind is ControlKind.ROLLBACK:
            return self._rollback(control)
        if kind is ControlKind.PREPARE:
            return self._prepare(control)
        return self._savepoint(control)

    def _begin(self, control: Control) -> Step:
        warning = None
        transact: Transact | None = Transact(TransactKind.BEGIN, options=control.options)
        if self.state is BlockState.BLOCK:
            warning = notice_that("25001", "there is already a transaction in progress")
            if control.options is None:
                transact = None
        return Step(transact, control.tag, warning, BlockState.BLOCK)

    def _ending(self, kind: TransactKind, control: Control, tag: str, warning: Report | None = None) -> Step:
        # from here on an error means that the transaction as a whole is gone
        self.state = BlockState.STARTED
        chain = control.chain
        return Step(Transact(kind, chain=chain), tag, warning, BlockState.BLOCK if chain else BlockState.IDLE)

    def _outside(self, control: Control) -> Report | None:
        """The warning for COMMIT and ROLLBACK without a block; an error with AND CHAIN."""
        if self.state not in _IMPLICIT:
            return None
        if control.chain:
            raise error("25P01", f"{control.kind.value} AND CHAIN can only be used in transaction blocks")
        return notice_that("25P01", "there is no transaction in progress")

    def _commit(self, control: Control) -> Step:
        warning = self._outside(control)
        if self.failed:
            return self._ending(TransactKind.ROLLBACK, control, ControlKind.ROLLBACK.value)
        return self._ending(TransactKind.COMMIT, control, control.tag, warning)

    def _rollback(self, control: Control) -> Step:
        return self._ending(TransactKind.ROLLBACK, control, control.tag, self._outside(control))

    def _prepare(self, control: Control) -> Step:
        if self.failed:
            return self._ending(TransactKind.ROLLBACK, control, ControlKind.ROLLBACK.value)
        if self.state is BlockState.STARTED:
            return self._ending(TransactKind.COMMIT, control, ControlKind.ROLLBACK.value, self._outside(control))
        self.state = BlockState.STARTED
        raise error(
            "55000",
            "prepared transactions are disabled",
            hint="Set max_prepared_transactions to a nonzero value.",
        )

    def _savepoint(self, control: Control) -> Step:
        kind, name = control.kind, control.name
        if self.state in _IMPLICIT:
            raise error("25P01", f"{kind.value} can only be used in transaction blocks")
        if kind is ControlKind.SAVEPOINT:
            if len(self.savepoints) >= self._max_savepoints:
                raise error("53400", "too many savepoints")
            return Step(Transact(TransactKind.SAVEPOINT, name), control.tag, None, BlockState.BLOCK)
        if name not in self.savepoints:
            raise error("3B001", f'savepoint "{name}" does not exist')
        action = TransactKind.RELEASE if kind is ControlKind.RELEASE else TransactKind.ROLLBACK_TO
        return Step(Transact(action, name), control.tag, None, BlockState.BLOCK)

    def done(self, step: Step) -> int:
        """A step was carried out.

        Returns:
            How many savepoints are below the one it named; 0 when it named none.
        """
        transact = step.transact
        level = 0
        if transact is not None:
            if transact.kind is TransactKind.SAVEPOINT:
                self.savepoints.append(transact.name)
            elif transact.kind in (TransactKind.RELEASE, TransactKind.ROLLBACK_TO):
                level = len(self.savepoints) - 1 - self.savepoints[::-1].index(transact.name)
                del self.savepoints[level + (transact.kind is TransactKind.ROLLBACK_TO) :]
            elif transact.kind is not TransactKind.BEGIN:
                self.ended()
        self.state = step.state
        return level
