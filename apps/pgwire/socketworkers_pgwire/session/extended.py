"""The extended query protocol: "Extended Query" and "Pipelining". A layer of `Session`, sans-IO.

The order in which a message is checked is PostgreSQL's: which of two errors is told depends on it.
"""

from __future__ import annotations

from ..codec import (
    BIND_COMPLETE,
    CLOSE_COMPLETE,
    DESCRIBE_UNNAMED,
    EMPTY_QUERY_RESPONSE,
    EXECUTE_UNNAMED,
    NO_DATA,
    PARSE_COMPLETE,
    PORTAL_SUSPENDED,
    SYNCHRONIZE,
    Bind,
    Close,
    Describe,
    Execute,
    Flush,
    FrontendType,
    Malformed,
    Parse,
    Sync,
    encode_parameter_description,
    encode_row_description,
)
from .block import EXITS, BlockState
from .engine import Answer, Open, Opened, Prepare, Prepared, Ran
from .errors import ABORTED, SqlError, error
from .names import PORTAL_COST, Portal, PreparedStatement
from .repetition import Noted
from .simple import Simple
from .table import State

__all__ = ["Extended"]

_SIMPLE = (FrontendType.QUERY, FrontendType.FUNCTION_CALL, FrontendType.SYNC)
_COPY = (FrontendType.COPY_DATA, FrontendType.COPY_DONE, FrontendType.COPY_FAIL)
_BINARY_OR_TEXT = frozenset((0, 1))


class Extended(Simple):
    """Prepared statements and portals."""

    __slots__ = ("_bound_from", "_bound_to")

    # Parse

    def _parse(self, message: Parse) -> None:
        self._begin_extended()
        block = self._block
        block.start()
        name = self._text(message.name)
        if not name:
            self.names.drop_statement(name)
        self._parse_name = (name, len(name) + len(message.text))
        self._ask(Prepare(self._text(message.text), message.parameter_types, block.failed), self._prepared)

    def _prepared(self, answer: Answer) -> None:
        assert isinstance(answer, Prepared)
        name, size = self._parse_name
        prepared = PreparedStatement(
            name, answer.statement, answer.parameter_types, answer.columns, size + answer.size + PORTAL_COST
        )
        try:
            self._block.check(answer.statement)
        except SqlError:
            assert answer.statement is not None
            self.names.released.append(answer.statement.handle)
            raise
        self.names.add_statement(prepared)
        self._output.append(PARSE_COMPLETE)

    # Bind

    def _bind(self, message: Bind) -> None:
        self._begin_extended()
        portal_name, statement_name, formats, parameters, result_formats = message
        prepared = self.names.statement(self._text(statement_name))
        block = self._block
        block.start()
        statement = prepared.statement
        count = len(parameters)
        if len(formats) > 1 and len(formats) != count:
            raise error("08P01", f"bind message has {len(formats)} parameter formats but {count} parameters")
        if count != len(prepared.parameter_types):
            raise error(
                "08P01",
                f'bind message supplies {count} parameters, but prepared statement "{prepared.name}" '
                f"requires {len(prepared.parameter_types)}",
            )
        control = None if statement is None else statement.control
        if block.failed and (control is None or control.kind not in EXITS or count):
            raise SqlError.of(ABORTED)
        name = self._text(portal_name)
        self.names.check_portal(name)
        for code in formats:
            if code not in (0, 1):
                raise error("22023", f"unsupported format code: {code}")
        if self.shortcut is not None and statement is not None and self._bind_at_once(message, prepared):
            return
        if statement is None or control is not None:
            self._add_portal(Portal(name, None, statement, None, result_formats, prepared))
            return
        self._bound_from = prepared
        self._bound_to = (name, result_formats, sum([len(value) for value in parameters if value is not None]))
        self._ask(Open(statement.handle, parameters, formats, result_formats), self._bound)

    def _bind_at_once(self, message: Bind, prepared: PreparedStatement) -> bool:
        """When Execute follows: answer it, a Describe before it, and a Sync behind it, at once.

        What is written is what the long way writes.
        """
        messages, place = self._messages, self._next
        described = len(messages) > place and messages[place] is DESCRIBE_UNNAMED
        behind = place + described + 1
        if message.portal or len(messages) < behind or messages[behind - 1] is not EXECUTE_UNNAMED:
            return False
        statement, formats = prepared.statement, message.result_formats
        if statement is None or statement.control is not None or statement.alone:
            return False
        if formats and not _BINARY_OR_TEXT.issuperset(formats):
            return False
        block = self._block
        commits = (
            block.state is BlockState.STARTED
            and not block.pipelining
            and len(messages) > behind
            and messages[behind] is SYNCHRONIZE
        )
        request = Open(statement.handle, message.parameters, message.formats, formats)
        answer = self._take_shortcut(request, commits)
        if answer is None:
            return False
        output, columns = self._output, answer.columns
        output.append(BIND_COMPLETE)
        description = b""
        if described:
            description = NO_DATA if columns is None else self._describe_result(prepared, columns, formats)
            output.append(description)
        if type(self._noted) is list and answer.failure is None:
            self._noted.append(Noted(message, prepared, request, description, columns))
        if commits:
            # an error of the statement skips everything up to Sync
            self._next = behind + 1 if answer.tag else behind
            self._ran(answer)
            return True
        self._next = behind
        if self._ran_within(prepared, answer, formats):
            self._executed(answer.tag)
        return True

    def _ran_within(self, prepared: PreparedStatement, answer: Ran, formats: tuple[int, ...]) -> bool:
        """A statement has run within a transaction that goes on; whether it ended well."""
        self._take_rows(answer)
        level = len(self._block.savepoints)
        portal = Portal("", None, prepared.statement, answer.columns, formats, prepared, PORTAL_COST, level)
        portal.done = True
        self.names.add_portal(portal)
        if answer.failure is not None:
            self._fail(answer.failure)
            return False
        portal.tag = answer.tag.rpartition(" ")[0]
        portal.counted = True
        return True

    def _bound(self, answer: Answer) -> None:
        assert isinstance(answer, Opened)
        prepared = self._bound_from
        name, formats, size = self._bound_to
        columns = answer.columns
        if columns is not None and formats:
            wrong = None
            if len(formats) > 1 and len(formats) != len(columns):
                wrong = error(
                    "08P01", f"bind message has {len(formats)} result formats but query has {len(columns)} columns"
                )
            elif not set(formats) <= {0, 1}:
                code = next(code for code in formats if code not in (0, 1))
                wrong = error("22023", f"unsupported format code: {code}")
            if wrong is not None:
                self.names.released.append(answer.handle)
                raise wrong
        self._add_portal(
            Portal(name, answer.handle, prepared.statement, columns, formats, prepared, size + PORTAL_COST)
        )

    def _add_portal(self, portal: Portal) -> None:
        portal.level = len(self._block.savepoints)
        self.names.add_portal(portal)
        self._output.append(BIND_COMPLETE)

    # Describe

    def _describe(self, message: Describe) -> None:
        self._begin_extended()
        self._block.start()
        name = self._text(message.name)
        if message.kind == b"P":
            portal = self.names.portal(name)
            if portal.columns is None:
                self._output.append(NO_DATA)
                return
            if self._block.failed:
                raise SqlError.of(ABORTED)
            self._output.append(self._describe_portal(portal))
            return
        prepared = self.names.statement(name)
        columns = prepared.columns
        if columns is not None and self._block.failed:
            raise SqlError.of(ABORTED)
        self._output.append(encode_parameter_description(prepared.parameter_types))
        self._output.append(
            NO_DATA if columns is None else encode_row_description(self._in_client_encoding(columns), ())
        )

    # Execute

    def _execute(self, message: Execute) -> None:
        self._begin_extended()
        portal = self.names.portal(self._text(message.portal))
        statement = portal.statement
        if statement is None:
            self._output.append(EMPTY_QUERY_RESPONSE)
            return
        block = self._block
        block.start()
        block.check(statement)
        if portal.failed and block.failed:
            raise SqlError.of(ABORTED)
        self._check_run(portal)
        if statement.control is not None:
            if type(self._noted) is list and portal.source is not None:
                self._note_control(self._noted, portal.source)
            portal.done = True
            self._control(statement.control, self._executed_control)
        elif portal.done:
            self._executed(f"{portal.tag} 0" if portal.counted else portal.tag)
        else:
            if statement.alone:
                block.check_alone(statement.alone)
            self._run_portal(
                portal, max(message.max_rows, 0), self._executed_alone if statement.alone else self._executed
            )

    def _note_control(self, noted: list[Noted], prepared: PreparedStatement) -> None:
        """A statement about transactions is about to be carried out, which has come as drivers send it."""
        before = self._messages[max(self._next - 3, 0) : self._next - 1]
        described = bool(before) and before[-1] is DESCRIBE_UNNAMED
        bind = before[-2] if described and len(before) == 2 else before[-1] if before else None
        if type(bind) is Bind:
            noted.append(Noted(bind, prepared, None, NO_DATA if described else b"", None))

    def _executed(self, tag: str | None) -> None:
        self._block.pipelining = True
        if tag is None:
            self._output.append(PORTAL_SUSPENDED)
        else:
            self._complete(tag)

    def _executed_control(self, tag: str | None) -> None:
        assert tag is not None
        self._complete(tag)

    def _executed_alone(self, tag: str | None) -> None:
        assert tag is not None
        self._tag = tag
        self._finish(self._alone_done)

    def _alone_done(self) -> None:
        self._complete(self._tag)

    # Close, Flush, Sync

    def _close_target(self, message: Close) -> None:
        self._begin_extended()
        name = self._text(message.name)
        if message.kind == b"P":
            self.names.drop_portal(name)
        else:
            self.names.drop_statement(name)
        self._output.append(CLOSE_COMPLETE)

    def _flush(self, message: Flush) -> None:
        # all that there is goes out with the answer to every read anyway
        self._begin_extended()

    def _sync(self, message: Sync) -> None:
        self._extended = False
        self.state = State.READY
        self._finish(self._ready)

    def _malformed(self, message: Malformed) -> None:
        kind = message.type
        if kind in _COPY or (self.state is State.SKIPPING and kind != FrontendType.SYNC):
            return
        if kind in _SIMPLE:
            self._extended = False
            self.state = State.READY
        else:
            self._begin_extended()
        raise error(message.sqlstate, message.message)

    def _begin_extended(self) -> None:
        self._extended = True
        self.state = State.PIPELINE
