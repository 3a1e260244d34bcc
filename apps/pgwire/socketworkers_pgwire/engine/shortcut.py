"""A short statement from Bind to its end, and to the commit if it stands by itself, in one call: what most clients
send most of the time.

Only for plans that do little, when nobody else is to be waited for. Whatever is in the way, the answer is None, and the
long way (Open, Fetch, Transact) comes to the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..codec import FieldDescription
from ..errors import SqlError
from ..session import Open, Ran
from ..sql.execute.cursor import SelectPlan, run
from ..sql.plan import Cursor, Plan
from .compile import Compiled
from .portal import encode_result
from .repetition import MOST

if TYPE_CHECKING:
    from .connections import Handle
    from .session import SqlSession

__all__ = ["run_at_once"]

_Columns = tuple[FieldDescription, ...] | None


def run_at_once(session: SqlSession, request: Open, commits: bool) -> Ran | None:
    """Bind a statement and run it to its end; None: nothing was done, go the long way.

    Args:
        session: whose statement it is.
        request: what is to be run.
        commits: whether it is a transaction by itself, which ends with it.
    """
    transaction, surroundings = session.transaction, session.surroundings
    if session.portals or surroundings.own_connection is not None or (commits and not transaction.idle):
        return None
    compiled = request.handle
    assert isinstance(compiled, Compiled)
    if not compiled.fixed:
        surroundings.begin_bound(compiled.source)
    if commits:
        transaction.begin_query()  # values are read with its time
    else:
        transaction.touch()
    try:
        plan, columns = session.compiler.plan(session, compiled)
        if not plan.at_once or (plan.rights and not session.compiler.allowed(compiled)):
            return None
        formats = request.result_formats
        if len(formats) > 1 and len(formats) != len(plan.columns or ()):
            return None
        values = session.compiler.bind(session, compiled, plan, request) if request.parameters else compiled.values
    except Exception:  # the long way says what it is
        return None
    if not isinstance(plan, SelectPlan):
        return _change(session, plan, columns, values, formats, commits)
    if not commits:
        if transaction.reads_own(plan):
            return _read_own(session, plan, columns, values, formats)
        return _read_within(session, plan, columns, values, formats)
    glance = session.database.glance
    try:
        handle = glance.open or glance.begin()
    except Exception:
        return None
    answer = _read(session, handle, plan, columns, values, formats)
    if answer is not None:
        transaction.end_query()
    return answer


def _read_within(
    session: SqlSession, plan: SelectPlan, columns: _Columns, values: Sequence[Any], formats: tuple[int, ...]
) -> Ran | None:
    """Read within a transaction, which has begun."""
    transaction = session.transaction
    transaction.queried = True
    try:
        handle = transaction.reader()
    except SqlError:
        return None
    try:
        return _read(session, handle, plan, columns, values, formats)
    finally:
        transaction.give_back(handle)


def _read_own(
    session: SqlSession, plan: SelectPlan, columns: _Columns, values: Sequence[Any], formats: tuple[int, ...]
) -> Ran | None:
    """Read what only the log of the transaction has."""
    transaction, surroundings = session.transaction, session.surroundings
    keys, holders = session.own_keys(plan)
    if holders or not transaction.take_turn():
        return None
    transaction.queried = True
    try:
        rows = session.own_rows(plan, values, keys)
        if len(rows) > MOST:
            return None
        settings, encoding = surroundings.settings, surroundings.protocol.encoding
        data = encode_result(plan.columns, rows, formats, settings, encoding, packed=False)
    except Exception:  # nothing has changed: the long way says what it is
        return None
    ticket = session.database.seen()
    if ticket is not None:
        session.gate = ticket
    return Ran(columns, data, len(rows), f"{plan.tag} {len(rows)}")


def _read(
    session: SqlSession,
    handle: Handle,
    plan: SelectPlan,
    columns: _Columns,
    values: Sequence[Any],
    formats: tuple[int, ...],
) -> Ran | None:
    surroundings = session.surroundings
    cursor = None
    try:
        handle.give_to(surroundings)
        packed = plan.packed if not any(formats) else None
        cursor = run(handle.prepared, handle.apsw, surroundings, packed or plan.statement, values)
        rows = list(islice(cursor, MOST + 1))
        if len(rows) > MOST:
            return None
        settings, encoding = surroundings.settings, surroundings.protocol.encoding
        data = encode_result(plan.columns, rows, formats, settings, encoding, packed=packed is not None)
    except Exception:  # nothing has changed: the long way says what it is
        return None
    finally:
        if cursor is not None:
            cursor.close(True)
    ticket = session.database.seen()
    if ticket is not None:
        session.gate = ticket
    return Ran(columns, data, len(rows), f"{plan.tag} {len(rows)}")


def _change(
    session: SqlSession,
    plan: Plan,
    columns: _Columns,
    values: Sequence[Any],
    formats: tuple[int, ...],
    commits: bool,
) -> Ran | None:
    transaction, surroundings = session.transaction, session.surroundings
    transaction.touch()
    logs = not commits and transaction.logs(plan)
    if transaction.read_only or (session.database.marks and not logs) or not transaction.take_turn():
        return None
    transaction.queried = True
    data = b""
    try:
        cursor: Cursor | None
        if logs:
            cursor = session.record(plan, values, _no_matter)
            if cursor is None:
                return None  # others have marked its rows: the long way waits for them
        else:
            handle = transaction.writer()
            transaction.writes(plan)
            handle.give_to(surroundings)
            cursor = plan.open(surroundings, values)
        rows = cursor.fetch(1 << 30)
        if rows and plan.columns is not None:
            settings, encoding = surroundings.settings, surroundings.protocol.encoding
            data = encode_result(plan.columns, rows, formats, settings, encoding, packed=False)
    except BaseException as error:
        failure = session.failure(error)
        if commits:
            transaction.rollback()
        return Ran(columns, failure=failure.report)
    tag = f"{cursor.tag} {len(rows) if plan.counted else cursor.affected}"
    cursor.close()
    # what it tells may come from commits of others that are not durable yet, also where its own need not be
    ticket = session.database.seen()
    if ticket is not None:
        session.gate = ticket
    if commits:
        try:
            transaction.commit()
        except Exception as error:
            return Ran(columns, data, len(rows), tag, failure=session.failure(error).report)
    return Ran(columns, data, len(rows), tag)


def _no_matter(holders: set[object]) -> None:
    """Who holds what is found out once more."""
