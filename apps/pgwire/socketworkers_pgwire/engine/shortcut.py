"""A statement by itself, from Bind to the commit in one call: what most clients send most of the time.

Only for plans that do little, outside of transaction blocks, when nobody else is to be waited for. Whatever is in the
way, the answer is None, and the long way (Open, Fetch, Transact) comes to the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ..codec import FieldDescription
from ..session import Open, Ran
from ..sql.execute.connection import prepared
from ..sql.execute.cursor import SelectPlan, run
from ..sql.plan import Plan
from .compile import Compiled
from .portal import encode_result

if TYPE_CHECKING:
    from .session import SqlSession

__all__ = ["run_at_once"]

#: rows that a result may have
MOST: Final = 64

_Columns = tuple[FieldDescription, ...] | None


def run_at_once(session: SqlSession, request: Open) -> Ran | None:
    """Bind a statement, run it, and end the transaction that it is; None: nothing was done, go the long way."""
    transaction, surroundings = session.transaction, session.surroundings
    if not transaction.idle or session.portals or surroundings.own_connection is not None:
        return None
    compiled = request.handle
    assert isinstance(compiled, Compiled)
    if not compiled.fixed:
        surroundings.begin_bound(compiled.source)
    try:
        plan, columns = session.compiler.plan(session, compiled)
        if not plan.at_once or (plan.rights and (compiled.token is None or compiled.allowed is not compiled.token)):
            return None
        formats = request.result_formats
        if len(formats) > 1 and len(formats) != len(plan.columns or ()):
            return None
        values = session.compiler.bind(session, compiled, plan, request) if request.parameters else compiled.values
    except Exception:  # the long way says what it is
        return None
    if isinstance(plan, SelectPlan):
        return _read(session, plan, columns, values, formats)
    return _change(session, plan, columns, values, formats)


def _read(
    session: SqlSession, plan: SelectPlan, columns: _Columns, values: Sequence[Any], formats: tuple[int, ...]
) -> Ran | None:
    surroundings, database = session.surroundings, session.database
    session.transaction.begin_query()
    handle = database.readers.borrow()
    if handle is None:
        return None
    cursor = None
    try:
        handle.give_to(surroundings)
        packed = plan.packed if not any(formats) else None
        state = prepared(handle.apsw)
        cursor = run(state, handle.apsw, surroundings, packed or plan.statement, values)
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
        database.readers.give_back(handle)
    ticket = database.seen()
    if ticket is not None:
        session.gate = ticket
    session.transaction.end_query()
    return Ran(columns, data, len(rows), f"{plan.tag} {len(rows)}")


def _change(
    session: SqlSession, plan: Plan, columns: _Columns, values: Sequence[Any], formats: tuple[int, ...]
) -> Ran | None:
    transaction, surroundings, database = session.transaction, session.surroundings, session.database
    transaction.touch()
    if transaction.read_only or database.marks or not transaction.take_turn():
        return None
    data = b""
    try:
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
        transaction.rollback()
        return Ran(columns, failure=failure.report)
    tag = f"{cursor.tag} {len(rows) if plan.counted else cursor.affected}"
    cursor.close()
    try:
        transaction.commit()
    except Exception as error:
        return Ran(columns, data, len(rows), tag, failure=session.failure(error).report)
    return Ran(columns, data, len(rows), tag)
