"""Functions of sequences: PostgreSQL 15 documentation §9.17."""

from __future__ import annotations

from .context import Execution
from .registry import scalar

__all__: list[str] = []


@scalar("nextval(regclass)", context=True)
def nextval(execution: Execution, oid: int) -> int:
    """The next value."""
    return execution.session.sequences.nextval(oid)


@scalar("nextval(identity column)", context=True)
def identity(execution: Execution, oid: int) -> int:
    """The next value of an identity column, for which nobody needs a privilege on its sequence (NextValueExpr)."""
    return execution.session.sequences.nextval(oid, checked=False)


@scalar("currval(regclass)", context=True)
def currval(execution: Execution, oid: int) -> int:
    """What nextval() gave in this session."""
    return execution.session.sequences.currval(oid)


@scalar("lastval()", context=True)
def lastval(execution: Execution) -> int:
    """What nextval() gave in this session, of any sequence."""
    return execution.session.sequences.lastval()


@scalar("setval(regclass,bigint)", context=True)
def setval(execution: Execution, oid: int, value: int) -> int:
    """Set the value; the next one is behind it."""
    return execution.session.sequences.setval(oid, value, True)


@scalar("setval(regclass,bigint,boolean)", context=True)
def setval_called(execution: Execution, oid: int, value: int, called: int) -> int:
    """Set the value; unless `called`, it is the next one itself."""
    return execution.session.sequences.setval(oid, value, bool(called))


@scalar("pg_sequence_last_value(regclass)", context=True)
def last_value(execution: Execution, oid: int) -> int | None:
    """The value that was given last in any session."""
    value, _, called = execution.session.sequences.state(oid)
    return value if called else None
