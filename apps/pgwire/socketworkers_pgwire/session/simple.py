"""The simple query protocol, and function calls.

"Simple Query", "Multiple Statements in a Simple Query" and "Function Call" of "Message Flow".

A layer of `Session`, sans-IO.
"""

from __future__ import annotations

from ..codec import (
    EMPTY_QUERY_RESPONSE,
    FunctionCall,
    Query,
    encode_function_call_response,
)
from .block import BlockState
from .engine import Answer, CallFunction, FunctionResult, Open, Opened, Parsed, ParseQuery, Ran
from .errors import ABORTED, SqlError
from .execution import Execution
from .names import Portal
from .repetition import NotedText
from .table import State

__all__ = ["Simple"]


class Simple(Execution):
    """Runs the statements of a query one after the other."""

    __slots__ = ()

    def _query(self, message: Query) -> None:
        self._extended = False
        self.state = State.READY
        self._block.start()
        self.names.drop_statement("")
        self._ask(ParseQuery(self._text(message.text)), self._parsed)

    def _parsed(self, answer: Answer) -> None:
        assert isinstance(answer, Parsed)
        if answer.statements:
            self._statements = list(answer.statements)
            self._place = 0
        else:
            self._finish(self._empty)

    def _empty(self) -> None:
        self._output.append(EMPTY_QUERY_RESPONSE)
        self._ready()

    def _next_statement(self) -> None:
        """Begin the next statement of the query; the loop calls it, so that many of them need no depth."""
        statements = self._statements
        assert statements is not None
        statement = statements[self._place]
        block = self._block
        block.check(statement)
        block.start()
        if len(statements) > 1:
            block.implicit()
        self._progress += 1
        if statement.control is not None:
            self._control(statement.control, self._statement_done)
            return
        if statement.alone:
            block.check_alone(statement.alone)
        self.names.drop_portal("")
        if self.shortcut is not None and not statement.alone:
            commits = len(statements) == 1 and block.state is BlockState.STARTED
            request = Open(statement.handle)
            answer = self._take_shortcut(request, commits)
            if answer is not None:
                described = self._ran_one(answer, commits)
                if commits and answer.failure is None:
                    self._noted = NotedText(request, described)
                return
        self._ask(Open(statement.handle), self._opened)

    def _ran_one(self, answer: Ran, commits: bool) -> bytes:
        """A statement has run in one step; its RowDescription is returned."""
        description = b""
        if answer.columns is not None and answer.tag:
            description = self._describe_result(None, answer.columns, ())
            self._output.append(description)
        if commits:
            self._ran(answer)
            return description
        self._take_rows(answer)
        if answer.failure is None:
            self._portal_done(answer.tag)
        else:
            self._fail(answer.failure)
        return description

    def _opened(self, answer: Answer) -> None:
        assert isinstance(answer, Opened)
        assert self._statements is not None
        portal = Portal("", answer.handle, self._statements[self._place], answer.columns)
        if portal.columns is not None:
            if answer.late:
                portal.undescribed = True
            else:
                self._output.append(self._row_description(portal))
        self._run_portal(portal, 0, self._portal_done)

    def _portal_done(self, tag: str | None) -> None:
        assert self._statements is not None
        assert tag is not None
        if self._place + 1 == len(self._statements):
            self._tag = tag
            if len(self._statements) > 1:
                self._block.end_implicit()
            self._finish(self._last_done)  # CommandComplete says that it is committed
        else:
            self._statement_done(tag)

    def _last_done(self) -> None:
        self._statement_done(self._tag)

    def _statement_done(self, tag: str | None) -> None:
        assert self._statements is not None
        assert tag is not None
        self._complete(tag)
        self._place += 1
        if self._place == len(self._statements):
            self._ready()

    # Function calls

    def _function_call(self, message: FunctionCall) -> None:
        self._extended = False
        self.state = State.READY
        if self._block.failed:
            raise SqlError.of(ABORTED)
        self._block.start()
        self._ask(CallFunction(message), self._called)

    def _called(self, answer: Answer) -> None:
        assert isinstance(answer, FunctionResult)
        self._output.append(encode_function_call_response(answer.value))
        self._finish(self._ready)
