"""What a session asks of the database behind it, and the answers. Values, one interface, no I/O.

A request is the last event of its list; the session takes nothing more in until `Session.answer`. So an engine sees one
request of a session at a time, and may answer at once, from a thread, or later. `perform` calls an engine that answers
at once; a worker that wants a thread calls `perform` there.

The session knows the protocol, the names of statements and portals, and when a transaction begins and ends. The engine
knows SQL, types and data. Handles are the engine's own objects; a session only hands them back.

An engine may look at `Session.names` while it works on a request, and change it: SQL-level PREPARE, DEALLOCATE, DECLARE
and CLOSE share the names of the protocol, as in PostgreSQL.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, TypeAlias

from ..codec import FieldDescription, FunctionCall, Report
from .errors import SqlError

__all__ = [
    "Answer",
    "CallFunction",
    "Control",
    "ControlKind",
    "CopyEnd",
    "CopyIn",
    "CopyOut",
    "CopyPut",
    "Done",
    "Engine",
    "Failure",
    "Fetch",
    "FunctionResult",
    "Hole",
    "Open",
    "Opened",
    "ParseQuery",
    "Parsed",
    "Portion",
    "Prepare",
    "Prepared",
    "Ran",
    "Repeat",
    "Repeated",
    "Request",
    "Statement",
    "Transact",
    "TransactKind",
    "perform",
]


class ControlKind(enum.Enum):
    """Statements about transactions, which the session carries out ("Pipelining", "Multiple Statements in a Simple
    Query", and xact.c for what the documentation leaves out)."""

    BEGIN = "BEGIN"
    """BEGIN and START TRANSACTION."""
    COMMIT = "COMMIT"
    ROLLBACK = "ROLLBACK"
    SAVEPOINT = "SAVEPOINT"
    RELEASE = "RELEASE SAVEPOINT"
    ROLLBACK_TO = "ROLLBACK TO SAVEPOINT"
    PREPARE = "PREPARE TRANSACTION"


@dataclass(frozen=True, slots=True)
class Control:
    """A statement about transactions."""

    kind: ControlKind
    tag: str
    """For CommandComplete: ``BEGIN``, ``START TRANSACTION``, ``SAVEPOINT``..."""
    name: str = ""
    """Of a savepoint."""
    chain: bool = False
    """AND CHAIN."""
    options: object = None
    """Of BEGIN; passed on."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that was parsed and not looked up."""

    handle: object
    control: Control | None = None
    """When it is about transactions; it is never opened then."""
    alone: str = ""
    """Its name (``VACUUM``) when it cannot run inside a transaction block, and is committed at once."""


# Requests. `method` names the method of `Engine`.


@dataclass(slots=True)
class ParseQuery:
    """Parse a query string of the simple protocol, and look nothing up. Answer: `Parsed`."""

    method: ClassVar[str] = "parse"
    text: str


@dataclass(slots=True)
class Prepare:
    """Parse and analyse a statement. Answer: `Prepared`.

    More than one statement is an error (42601), a parameter whose type nothing tells is 42P18.
    """

    method: ClassVar[str] = "prepare"
    text: str
    parameter_types: tuple[int, ...]
    """Types of the first parameters; 0 leaves one open."""
    aborted: bool = False
    """The transaction block has failed: parse only. What is no `Control` will be refused."""


@dataclass(slots=True)
class Open:
    """Analyse if that was not done, bind, and begin nothing that changes data. Answer: `Opened`."""

    method: ClassVar[str] = "open"
    handle: object
    """Of a `Statement` (simple protocol: no parameters) or of a `Prepared`."""
    parameters: Sequence[bytes | None] = ()
    """As they came."""
    formats: tuple[int, ...] = ()
    """None for text, one for all parameters, or one for each; 0 text, 1 binary."""
    result_formats: tuple[int, ...] = ()
    """The same for the columns of the result."""


@dataclass(slots=True)
class Fetch:
    """Run a portal. Answer: `Portion`, `CopyIn` or `CopyOut`.

    The engine gives as many rows as it likes to give at a time. As long as no portion has a tag and the limit is not
    reached, the session asks again. A portion that has a tag is the last one: the engine has let go of the handle.
    """

    method: ClassVar[str] = "fetch"
    handle: object
    limit: int
    """Rows at most; 0 = no limit."""


@dataclass(slots=True)
class CopyPut:
    """More data of a COPY from the client; ends anywhere. Answer: `Done`."""

    method: ClassVar[str] = "copy_put"
    handle: object
    data: bytes


@dataclass(frozen=True, slots=True)
class CopyEnd:
    """The data of a COPY from the client is complete. Answer: `Portion` with a tag."""

    method: ClassVar[str] = "copy_end"
    handle: object


@dataclass(frozen=True, slots=True)
class CallFunction:
    """Call a function. Answer: `FunctionResult`."""

    method: ClassVar[str] = "call"
    call: FunctionCall


class TransactKind(enum.Enum):
    """What becomes of a transaction."""

    BEGIN = "begin"
    """A transaction block begins; what an implicit transaction did already is part of it."""
    COMMIT = "commit"
    """Commit, of a block or implicitly. Answer when it is durable. With a failure the engine has committed nothing."""
    ROLLBACK = "rollback"
    """Undo all."""
    ABORT = "abort"
    """A statement of a block failed: undo up to the last savepoint, or all. The block goes on, and ends with ROLLBACK
    or goes back with ROLLBACK_TO."""
    SAVEPOINT = "savepoint"
    RELEASE = "release"
    """Release this savepoint and all behind it."""
    ROLLBACK_TO = "rollback to"
    """Undo up to this savepoint, which stays."""


@dataclass(slots=True)
class Transact:
    """A step of a transaction. Answer: `Done`.

    A transaction begins by itself with the first request that needs one, and ends with COMMIT or ROLLBACK.
    """

    method: ClassVar[str] = "transact"
    kind: TransactKind
    name: str = ""
    """Of a savepoint. Names may repeat; the last of a name is meant."""
    chain: bool = False
    """Begin a block with the same options at once."""
    options: object = None
    """Those of `Control`, for BEGIN."""


Request: TypeAlias = ParseQuery | Prepare | Open | Fetch | CopyPut | CopyEnd | CallFunction | Transact


# Answers


@dataclass(slots=True, kw_only=True)
class Answer:
    """What every answer may carry beside itself."""

    notices: tuple[Report, ...] = ()
    """Sent at once, in this order, before what the answer makes the session say."""
    parameters: Mapping[str, str] | None = None
    """Settings that clients want to know and that changed; sent before the next ReadyForQuery. ``client_encoding``
    holds at once."""


@dataclass(slots=True)
class Failure(Answer):
    """The request failed; FATAL ends the connection."""

    report: Report


@dataclass(slots=True)
class Done(Answer):
    """The request was carried out."""


@dataclass(slots=True)
class Parsed(Answer):
    """Answer to `ParseQuery`."""

    statements: Sequence[Statement]
    """None for an empty query."""


@dataclass(slots=True)
class Prepared(Answer):
    """Answer to `Prepare`."""

    statement: Statement | None
    """None for an empty one. Its handle is for `Open`."""
    parameter_types: tuple[int, ...] = ()
    columns: tuple[FieldDescription, ...] | None = None
    """None when it returns no rows. Names in UTF-8, whatever the client's encoding is."""
    size: int = 0
    """Bytes that the engine keeps for it, beside the text."""


@dataclass(slots=True)
class Opened(Answer):
    """Answer to `Open`."""

    handle: object
    """For `Fetch`."""
    columns: tuple[FieldDescription, ...] | None = None
    """As in `Prepared`; the same object when nothing changed is sent without being encoded again."""
    late: bool = False
    """Whether a simple query is told the columns with the first rows only: of a statement that changes data and returns
    rows, an error comes before RowDescription."""


@dataclass(slots=True)
class Portion(Answer):
    """Part of a result: answer to `Fetch` and `CopyEnd`."""

    data: bytes = b""
    """DataRow messages in the formats and the encoding asked for (`encode_rows`, `encode_columns`); within a COPY to
    the client CopyData messages."""
    count: int = 0
    """How many rows these are."""
    tag: str | None = None
    """Tag of CommandComplete, when this is the end."""
    counted: bool = False
    """Whether the rows of this Execute are to be counted and written behind the tag: ``SELECT``, and ``INSERT 0`` with
    RETURNING."""
    settled: bool = False
    """Whether the engine has nothing open behind this, so that an implicit transaction needs no COMMIT: of a query that
    only read, and where nothing was done before it."""


@dataclass(slots=True)
class Ran(Answer):
    """What `Session.shortcut` answers: a statement was run to its end, and committed if that was asked for."""

    columns: tuple[FieldDescription, ...] | None
    """As in `Opened`."""
    data: bytes = b""
    """All DataRow messages."""
    count: int = 0
    """How many rows these are."""
    tag: str = ""
    """Of CommandComplete, with the count; "" when the statement failed."""
    failure: Report | None = None
    """Why it failed, or could not be committed. A transaction by itself is undone."""


Repeated: TypeAlias = tuple[bytes, int, str]
"""DataRow messages, how many, and the tag of CommandComplete with its count."""


class Repeat(Protocol):
    """Runs a statement once more that has run before. None: nothing was done, and it has to go its usual way."""

    def __call__(self, parameters: Sequence[bytes | None], text: bytes = b"") -> Repeated | Ran | None:
        """As a transaction by itself.

        Args:
            parameters: its parameters, in the formats that it had then; or its literals.
            text: in which the literals stand.
        """

    def within(self, parameters: Sequence[bytes | None]) -> Repeated | None:
        """In a transaction block that goes on; only of a prepared statement."""


class Hole(NamedTuple):
    """Where a literal stands in a text."""

    start: int
    end: int
    """Behind what it says."""
    quoted: bool
    """It stands between quotes; otherwise it is digits."""


@dataclass(slots=True)
class CopyIn(Answer):
    """Answer to `Fetch`: CopyInResponse, and the data goes to `CopyPut`."""

    format: int
    """0 text or CSV, 1 binary."""
    column_formats: tuple[int, ...]


@dataclass(slots=True)
class CopyOut(Answer):
    """Answer to `Fetch`: CopyOutResponse, and what `Fetch` gives from now on is CopyData."""

    format: int
    column_formats: tuple[int, ...]


@dataclass(slots=True)
class FunctionResult(Answer):
    """Answer to `CallFunction`."""

    value: bytes | None


class Engine(Protocol):
    """A database behind one session, where every answer is at hand. `SqlError` is as good as a `Failure`."""

    def parse(self, request: ParseQuery) -> Answer:
        """Answer `ParseQuery`."""

    def prepare(self, request: Prepare) -> Answer:
        """Answer `Prepare`."""

    def open(self, request: Open) -> Answer:
        """Answer `Open`."""

    def fetch(self, request: Fetch) -> Answer:
        """Answer `Fetch`."""

    def copy_put(self, request: CopyPut) -> Answer:
        """Answer `CopyPut`."""

    def copy_end(self, request: CopyEnd) -> Answer:
        """Answer `CopyEnd`."""

    def call(self, request: CallFunction) -> Answer:
        """Answer `CallFunction`."""

    def transact(self, request: Transact) -> Answer:
        """Answer `Transact`."""


def perform(engine: Engine, request: Request) -> Answer:
    """Let `engine` answer `request`; a `SqlError` becomes a `Failure`, all other exceptions pass."""
    try:
        answer: Answer = getattr(engine, request.method)(request)
    except SqlError as wrong:
        return Failure(wrong.report)
    return answer
