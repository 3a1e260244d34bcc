"""The same statement once more with other parameters: what a client does most of the time that it has prepared one.

`shortcut` has run it, so that all is known but the values. What that knowledge depends on is one token, which is looked
at each time; when anything is in the way, the answer is None, nothing was done, and the statement goes its usual way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from socketworkers import faults

from ..codec import encode_row
from ..session import SERVER_ENCODING, Hole, Open, Ran, Repeat, Repeated
from ..sql.execute.cursor import SelectPlan, run
from ..sql.execute.failures import translate
from ..sql.execute.modify import ModifyPlan, Run
from ..sql.plan import Plan
from ..types import Settings
from .compile import Compiled
from .portal import encode_result

if TYPE_CHECKING:
    from .session import SqlSession

__all__ = ["MOST", "Change", "Lookup", "repetition_of", "repetition_of_text"]

#: rows that a result may have
MOST: Final = 64
_TAGS: Final = tuple(f"SELECT {count}" for count in range(MOST + 1))


P = TypeVar("P", bound=Plan)
_Read = Callable[[Sequence[bytes | None], Settings], list[Any]]


class Repetition(Generic[P]):
    """A statement that is a transaction by itself, for one session.

    Args:
        session: whose statement it is.
        compiled: the statement, when it was prepared or has no literals.
        token: nothing that it depends on has changed while the surroundings' is the same.
        plan: its plan.
        read: gives the values of its parameters.
        formats: of the result's columns, as Bind has them.
    """

    __slots__ = ("_compiled", "_encoders", "_formats", "_plan", "_read", "_session", "_token")

    def __init__(
        self,
        session: SqlSession,
        compiled: Compiled | None,
        token: object,
        plan: P,
        read: _Read,
        formats: tuple[int, ...],
    ) -> None:
        self._session = session
        self._compiled = compiled
        self._token = token
        self._plan = plan
        self._read = read
        self._formats = formats
        kinds = [column.type for column in plan.columns or ()]
        binary = [bool(formats) and formats[0 if len(formats) == 1 else place] == 1 for place in range(len(kinds))]
        self._encoders = tuple(zip([kind.encode_column for kind in kinds], binary, strict=True))

    def _ready(self) -> bool:
        """Whether nothing has changed since it was made, and nothing is in the way."""
        session, token, compiled = self._session, self._token, self._compiled
        return (
            session.surroundings.plan_token is token
            and (compiled is None or compiled.token is token)
            and not session.portals
            and session.transaction.resting
        )

    def _begin_within(self) -> bool:
        """A statement of the open block begins, if it is a plain one and nothing is in the way."""
        session, token, compiled = self._session, self._token, self._compiled
        surroundings, transaction = session.surroundings, session.transaction
        if (
            surroundings.plan_token is not token
            or compiled is None
            or compiled.token is not token
            or session.portals
            or not transaction.logging
        ):
            return False
        session.begin_within(compiled.source)
        return True

    def _begin(self, text: bytes) -> None:
        session = self._session
        session.begin_again(text.decode() if text else self._compiled.source)  # type: ignore[union-attr]

    def _encode(self, plan: Plan, rows: Sequence[Sequence[Any]], settings: Settings) -> bytes:
        if len(rows) != 1:
            return encode_result(plan.columns, rows, self._formats, settings, SERVER_ENCODING, packed=False)
        return encode_row(
            [
                encode((value,), settings, binary)[0]
                for value, (encode, binary) in zip(rows[0], self._encoders, strict=True)
            ]
        )


class Lookup(Repetition[SelectPlan]):
    """A query."""

    __slots__ = ()

    def __call__(self, parameters: Sequence[bytes | None], text: bytes = b"") -> Repeated | None:
        """As `session.Repeat`."""
        if not self._ready():
            return None
        session, plan = self._session, self._plan
        surroundings, database = session.surroundings, session.database
        settings, glance = surroundings.settings, database.glance
        self._begin(text)
        cursor = None
        try:
            handle = glance.open or glance.begin()
            values = self._read(parameters, settings)
            handle.give_to(surroundings)
            cursor = run(handle.prepared, handle.apsw, surroundings, plan.statement, values)
            rows = list(islice(cursor, MOST + 1))
            count = len(rows)
            if count > MOST:
                return None
            cursor = None
            data = self._encode(plan, rows, settings)
        except Exception:  # nothing has changed: the long way says what it is
            return None
        finally:
            if cursor is not None:
                cursor.close(True)
            surroundings.transaction_started = None
        if surroundings.notices:
            surroundings.take_notices()
            return None
        ticket = database.seen()
        if ticket is not None:
            session.gate = ticket
        return data, count, _TAGS[count]

    def within(self, parameters: Sequence[bytes | None]) -> Repeated | None:
        """As `session.Repeat`."""
        session, plan = self._session, self._plan
        surroundings, database = session.surroundings, session.database
        if not self._begin_within():
            return None
        settings = surroundings.settings
        try:
            values = self._read(parameters, settings)
            if session.transaction.reads_own(plan):
                keys, holders = session.own_keys(plan)
                if holders or not database.queue.take(session):
                    return None
                rows = session.own_rows(plan, values, keys)
            else:
                glance = database.glance
                handle = glance.open or glance.begin()
                handle.give_to(surroundings)
                cursor = run(handle.prepared, handle.apsw, surroundings, plan.statement, values)
                try:
                    rows = list(islice(cursor, MOST + 1))
                finally:
                    cursor.close(True)
            count = len(rows)
            if count > MOST:
                return None
            data = self._encode(plan, rows, settings)
        except Exception:  # nothing has changed: the long way says what it is
            return None
        if surroundings.notices:
            surroundings.take_notices()
            return None
        ticket = database.seen()
        if ticket is not None:
            session.gate = ticket
        return data, count, _TAGS[count]


class Change(Repetition[ModifyPlan]):
    """A write by key."""

    __slots__ = ()

    def __call__(self, parameters: Sequence[bytes | None], text: bytes = b"") -> Repeated | Ran | None:
        """As `session.Repeat`."""
        session, plan = self._session, self._plan
        surroundings, database = session.surroundings, session.database
        if (
            not plan.traits.plain
            or not self._ready()
            or database.queue.owner is not None
            or database.marks
            or surroundings.default_modes[1]  # it may only read
        ):
            return None
        settings = surroundings.settings
        self._begin(text)
        try:
            values = self._read(parameters, settings)
            taken = database.rehearsal.take()
            handle = taken or database.writers.borrow()
        except Exception:
            handle = None
        if handle is None:
            surroundings.transaction_started = None
            return None
        volatile = plan.volatile
        if volatile:
            surroundings.begin_transaction()
        connection = handle.apsw
        data, tag, count = b"", "", 0
        try:
            handle.give_to(surroundings)
            database.glance.end()
            if taken is None:
                connection.execute("begin immediate")
            made = Run(surroundings, values, handle.prepared)
            try:
                for step in plan.steps:
                    step.run(made)
            except Exception as error:
                raise translate(error) from error
            rows = made.returned
            if rows and plan.columns is not None:
                count = len(rows)
                data = self._encode(plan, rows, settings)
            tag = f"{plan.tag} {count if plan.counted else made.affected}"
            if database.sequences.dirty:
                database.sequences.write(connection, {})
            # without a sync of its own its answer still waits for what it shows of others
            shown = None if surroundings.synchronous_commit else database.seen()
            faults.point("pgwire.before_commit")
            connection.execute("commit")
            faults.point("pgwire.after_commit")
        except BaseException as error:
            failure = session.failure(error).report
            if connection.in_transaction:
                connection.execute("rollback")
            surroundings.forget_sequences()
            database.persist_sequences(handle, rolled_back=True)
            database.writers.give_back(handle)
            surroundings.rolled_back()
            return session.decorated(Ran(None, data, count, tag, failure=failure))
        ticket = database.committed()
        database.writers.give_back(handle)
        session.gate = ticket if surroundings.synchronous_commit else shown
        if volatile:
            surroundings.commit_cluster()
            surroundings.committed()
        else:
            surroundings.transaction_started = None
        if surroundings.notices or surroundings.reports:
            return session.decorated(Ran(None, data, count, tag))
        return data, count, tag

    def within(self, parameters: Sequence[bytes | None]) -> Repeated | None:
        """As `session.Repeat`."""
        session, plan = self._session, self._plan
        transaction, queue = session.transaction, session.database.queue
        if (
            plan.traits.foresight is None
            or transaction.read_only
            or not transaction.log.tables.isdisjoint(plan.written | plan.relations)
            or not self._begin_within()
            or not queue.take(session)
        ):
            return None
        surroundings = session.surroundings
        found = None
        try:
            found = session.foresee(plan, self._read(parameters, surroundings.settings))
        except Exception:  # the long way says what it is
            pass
        finally:
            queue.leave(session)
        if found is None:
            return None
        ticket = session.database.seen()
        if ticket is not None:
            session.gate = ticket
        return b"", 0, f"{plan.tag} {found.affected}"


def repetition_of(session: SqlSession, request: Open) -> Repeat | None:
    """What runs a prepared statement once more that has just run at once; None when that has to go the usual way.

    Args:
        session: whose statement it is.
        request: with which it was run.
    """
    compiled = request.handle
    assert isinstance(compiled, Compiled)
    plan, kinds = compiled.plan, compiled.kinds
    if plan is None:
        return None
    if kinds is None:
        if plan.parameters:
            return None
        kinds = ()
    elif not compiled.plain:
        return None
    formats = request.formats
    binary = [bool(formats) and formats[0 if len(formats) == 1 else number] == 1 for number in range(len(kinds))]
    decoders = tuple(zip([kind.decode for kind in kinds], binary, strict=True))

    def read(parameters: Sequence[bytes | None], settings: Settings) -> list[Any]:
        return [
            None if data is None else decode(data, binary, settings)
            for data, (decode, binary) in zip(parameters, decoders, strict=True)
        ]

    return _made(session, compiled, compiled.token, plan, read, request.result_formats)


def repetition_of_text(session: SqlSession, request: Open) -> tuple[tuple[Hole, ...], Repeat] | None:
    """The same of a statement of the simple protocol: where in its text other literals may stand, and what runs it.

    Args:
        session: whose statement it is.
        request: with which it was run; all of a query string.
    """
    compiled = request.handle
    assert isinstance(compiled, Compiled)
    shape, token = compiled.shape, session.surroundings.plan_token
    if shape is None:
        if compiled.plan is None or not compiled.kept:
            return None
        repeat = _made(session, compiled, compiled.token, compiled.plan, lambda parameters, settings: [], ())
        return None if repeat is None else ((), repeat)
    if compiled.member is None:
        return None
    plan, lifting = compiled.member.plan, compiled.member.lifting
    numbers = sorted({number for number, _, _ in lifting.lifted})
    place_of = {number: place for place, number in enumerate(numbers)}
    holes = tuple([shape.hole(compiled.raw.text, number) for number in numbers])
    lifted = tuple([(place_of[number], kind.input, negative) for number, kind, negative in lifting.lifted])

    def read(literals: Sequence[bytes | None], settings: Settings) -> list[Any]:
        values = []
        for place, input, negative in lifted:
            spelled = literals[place].decode()  # type: ignore[union-attr]
            values.append(input("-" + spelled if negative else spelled, settings))
        return values

    repeat = _made(session, None, token, plan, read, ())
    return None if repeat is None else (holes, repeat)


def _made(
    session: SqlSession, compiled: Compiled | None, token: object, plan: Plan, read: _Read, formats: tuple[int, ...]
) -> Repeat | None:
    if token is None or session.surroundings.protocol.encoding != SERVER_ENCODING:
        return None
    if isinstance(plan, SelectPlan):
        return Lookup(session, compiled, token, plan, read, formats)
    if isinstance(plan, ModifyPlan) and not plan.personal and (plan.traits.plain or plan.traits.foresight):
        return Change(session, compiled, token, plan, read, formats)
    return None
